/* SPDX-License-Identifier: MIT
 *
 * test_text.c: doubles as text: the same double comes back, in no more digits than it needs, whatever the locale.
 */
#include "test.h"
#include "base/text.h"
#include <float.h>
#include <locale.h>
#include <unistd.h>

static double of_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* x comes back, and of %g with a digit less it does not */
static void assert_exact(double x) {
  const basin_number number = basin_exact(x);
  char shorter[320];
  int digits = 0;
  if (memcmp(&(double){strtod(number.text, NULL)}, &x, sizeof x) != 0)
    fail_msg("%a became %s", x, number.text);
  for (const char *at = number.text; *at && *at != 'e'; at++) digits += *at >= '0' && *at <= '9';
  for (const char *at = number.text; *at == '-' || *at == '0' || *at == '.'; at++)
    digits -= *at == '0';
  if (digits < 2 || strchr(number.text, '.') == NULL) return;
  snprintf(shorter, sizeof shorter, "%.*g", digits - 1, x);
  if (strtod(shorter, NULL) == x) fail_msg("%a became %s, %s is enough", x, number.text, shorter);
}

static void known(void **unused) {
  static const struct {
    double x;
    const char *text;
  } row[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {5000, "5000"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1 / 3.0, "0.3333333333333333"},
      {0.675, "0.675"},
      {100000, "100000"},
      {1e22, "1e+22"},
      {-2.5e-7, "-2.5e-07"},
      {0x1p53, "9007199254740992"},
      {DBL_MAX, "1.7976931348623157e+308"},
      {DBL_MIN, "2.2250738585072014e-308"},
      {0x1p-1074, "5e-324"},
      {3e-310, "3e-310"},
      {INFINITY, "inf"},
      {-INFINITY, "-inf"},
      {NAN, "nan"},
      {-NAN, "nan"},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    assert_string_equal(basin_exact(row[i].x).text, row[i].text);
}

static void come_back(void **unused) {
  uint64_t state = 5;
  (void)unused;
  for (int i = 0; i < 100000; i++) {
    const uint64_t bits = test_random(&state);
    if (isfinite(of_bits(bits))) assert_exact(of_bits(bits));
    assert_exact(of_bits(bits & 0x800fffffffffffff)); /* subnormal */
    assert_exact(test_uniform(&state));
    assert_exact((double)(bits % 100000000) / 1e4); /* what people type */
  }
  for (int e = -1074; e < 1024; e++)
    for (int side = -1; side <= 1; side++) {
      const double x = ldexp(1, e);
      assert_exact(side ? nextafter(x, side < 0 ? -INFINITY : INFINITY) : x);
    }
}

/* with a decimal comma in the locale of the program that uses the library */
static void any_locale(void **unused) {
  char folder[] = "/tmp/basin-test-text-XXXXXX", command[160];
  (void)unused;
  assert_non_null(mkdtemp(folder));
  snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/comma.UTF-8 >/dev/null 2>&1",
           folder);
  const int made = system(command);
  setenv("LOCPATH", folder, 1);
  const int set = made == 0 && setlocale(LC_ALL, "comma.UTF-8") != NULL;
  snprintf(command, sizeof command, "%.1f", 0.5);
  const basin_number number = basin_exact(-1234.5e-10);
  setlocale(LC_ALL, "C");
  assert_int_equal(test_remove_folder(folder), 0);
  if (!set) skip(); /* a system without the sources of locales */
  assert_string_equal(command, "0,5");
  assert_string_equal(number.text, "-1.2345e-07");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known),
      cmocka_unit_test(come_back),
      cmocka_unit_test(any_locale),
  };
  return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
