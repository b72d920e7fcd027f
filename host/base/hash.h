/* SPDX-License-Identifier: MIT
 *
 * hash.h: a 64-bit hash of bytes (XXH3). Files and identities hold it: it never changes.
 */
#ifndef BASIN_HASH_H
#define BASIN_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of so many bytes, or of a text with its NUL. seed: 0, or the hash of what comes before, to go on from. */
uint64_t basin_hash(uint64_t seed, const void *bytes, size_t length);
uint64_t basin_hash_text(uint64_t seed, const char *text);

#endif
