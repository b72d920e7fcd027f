/* SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include <string.h>
#include <xxhash.h>

uint64_t basin_hash(uint64_t seed, const void *bytes, size_t length) {
  return XXH3_64bits_withSeed(bytes, length, seed);
}

uint64_t basin_hash_text(uint64_t seed, const char *text) {
  return basin_hash(seed, text, strlen(text) + 1);
}
