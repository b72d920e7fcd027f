/* SPDX-License-Identifier: MIT
 *
 * hash.h: a 64-bit hash of bytes (XXH3). Files and identities hold it: it never changes.
 */
#ifndef BASIN_HASH_H
#define BASIN_HASH_H

#include <stddef.h>
#include <stdint.h>

/* of bytes, continuing from another one; of a text with its NUL */
uint64_t basin_hash(uint64_t seed, const void *bytes, size_t length);
uint64_t basin_hash_text(uint64_t seed, const char *text);

#endif
