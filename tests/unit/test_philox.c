/* SPDX-License-Identifier: MIT
 *
 * test_philox.c: known answers, the counter's layout, and the law of what is drawn.
 */
#include "test.h"
#include "numeric/single.h"
#include <Random123/philox.h>

enum { DRAWS = 1 << 20 };

/* Random123's kat_vectors for philox4x32 10 */
static void known_answers(void **unused) {
  static const uint32_t known[][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
       0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const philox4x32_ctr_t counter = {{known[i][0], known[i][1], known[i][2], known[i][3]}};
    const philox4x32_key_t key = {{known[i][4], known[i][5]}};
    const philox4x32_ctr_t r = philox4x32_R(10, counter, key);
    assert_memory_equal(r.v, &known[i][6], sizeof r.v);
  }
}

/* basin_words() is that generator, addressed as the header says */
static void counter_layout(void **unused) {
  uint64_t state = 42;
  (void)unused;
  for (int i = 0; i < 100000; i++) {
    const uint64_t key = test_random(&state), trial = test_random(&state) >> 16,
                   step = test_random(&state) >> 24;
    const uint64_t block = test_random(&state) >> 40, stream = test_random(&state) >> 48;
    const philox4x32_ctr_t counter = {{(uint32_t)(step << 24 | block),
                                       (uint32_t)((step << 24 | block) >> 32), (uint32_t)trial,
                                       (uint32_t)((trial | stream << 48) >> 32)}};
    const philox4x32_key_t keys = {{(uint32_t)key, (uint32_t)(key >> 32)}};
    const philox4x32_ctr_t r = philox4x32_R(10, counter, keys);
    bits low = 0, high = 0;
    basin_words(key, (int)stream, trial, step, block, &low, &high);
    assert_true(low == ((uint64_t)r.v[1] << 32 | r.v[0]) &&
                high == ((uint64_t)r.v[3] << 32 | r.v[2]));
  }
}

static void uniform_range(void **unused) {
  (void)unused;
  assert_true(r_uniform(0) == 0 && r_uniform(UINT64_MAX) == 1 - 0x1p-52);
  assert_true(r_uniform_positive(0) == 1 && r_uniform_positive(UINT64_MAX) == 0x1p-52);
}

/* two of the four singles of a block: the halves of a pair where `halves`, else what one length and direction make */
static void draw_singles(int halves, uint64_t trial, uint64_t step, uint64_t block, double *z) {
  float four[4];
  basin_singles_of(1, 7, 2, trial, step, block, four);
  z[0] = four[0];
  z[1] = four[halves ? 1 : 2];
}
static void draw_halves(uint64_t trial, uint64_t step, uint64_t block, double *z) {
  draw_singles(1, trial, step, block, z);
}
static void draw_partners(uint64_t trial, uint64_t step, uint64_t block, double *z) {
  draw_singles(0, trial, step, block, z);
}
static void draw_doubles(uint64_t trial, uint64_t step, uint64_t block, double *z) {
  basin_normals(7, 2, trial, step, block, &z[0], &z[1]);
}

/* normals over trials, steps and blocks: moments within 5 standard errors, and a chi-square over 64 cells of
   equal probability; the seeds are fixed, so this either always passes or never */
static void follows_normal_law(void draw(uint64_t trial, uint64_t step, uint64_t block,
                                         double *z)) {
  double sum[5] = {0}, product = 0;
  int64_t cell[64] = {0};
  for (int i = 0; i < DRAWS; i++) {
    double z[2];
    draw((uint64_t)i % 1024, (uint64_t)i / 1024 % 32, (uint64_t)i / 32768, z);
    product += z[0] * z[1];
    for (int j = 0; j < 2; j++) {
      double power = 1;
      for (int m = 1; m < 5; m++) sum[m] += power *= z[j];
      const int at = (int)(64 * 0.5 * erfc(-z[j] / sqrt(2)));
      cell[at < 0 ? 0 : at > 63 ? 63 : at]++;
    }
  }
  const double n = 2.0 * DRAWS, root = sqrt(n);
  assert_within(sum[1] / n, -5 / root, 5 / root);
  assert_within(sum[2] / n - 1, -5 * sqrt(2) / root, 5 * sqrt(2) / root);
  assert_within(sum[3] / n, -5 * sqrt(15) / root, 5 * sqrt(15) / root);
  assert_within(sum[4] / n - 3, -5 * sqrt(96) / root, 5 * sqrt(96) / root);
  assert_within(product / DRAWS, -5 / sqrt(DRAWS), 5 / sqrt(DRAWS));
  double chi2 = 0;
  for (int i = 0; i < 64; i++) chi2 += pow((double)cell[i] - n / 64, 2) / (n / 64);
  assert_within(chi2, 27.7, 119.6); /* 63 degrees of freedom: 1e-5 and 1 - 1e-5 quantiles */
}

static void normal_law(void **unused) {
  (void)unused;
  follows_normal_law(draw_doubles);
  follows_normal_law(draw_halves);
  follows_normal_law(draw_partners);
}

/* no two of trial, stream, step, block give the same words; a step of one changes about half of the bits */
static void addresses_differ(void **unused) {
  bits low, high, low0, high0;
  (void)unused;
  basin_words(1, 1, 1, 1, 1, &low0, &high0);
  for (int i = 0; i < 5; i++) {
    basin_words(1 + (i == 0), 1 + (i == 1), 1 + (i == 2), 1 + (i == 3), 1 + (i == 4), &low, &high);
    const int changed = __builtin_popcountll(low ^ low0) + __builtin_popcountll(high ^ high0);
    assert_within(changed, 36, 92); /* 128 bits: 5 standard deviations */
  }
}

/* keys of neighbouring seeds and identities are unrelated */
static void keys_differ(void **unused) {
  double bits_changed = 0;
  (void)unused;
  for (uint64_t i = 0; i < 1000; i++) {
    bits_changed += __builtin_popcountll(basin_key(i, 5) ^ basin_key(i + 1, 5));
    bits_changed += __builtin_popcountll(basin_key(5, i) ^ basin_key(5, i + 1));
  }
  assert_within(bits_changed / 2000, 31.5, 32.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),    cmocka_unit_test(counter_layout),
      cmocka_unit_test(uniform_range),    cmocka_unit_test(normal_law),
      cmocka_unit_test(addresses_differ), cmocka_unit_test(keys_differ),
  };
  return cmocka_run_group_tests_name("philox", tests, NULL, NULL);
}
