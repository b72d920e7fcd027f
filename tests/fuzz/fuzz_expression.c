/* SPDX-License-Identifier: MIT
 *
 * fuzz_expression.c: any text into the expression reader. It returns a finite number, or of a condition whether it
 * holds, or one line of reason; and where it is a program too, that says the same.
 */
#include "read/expression.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static basin_status lookup(void *context, const char *name, double *value, int *found,
                           basin_error *error) {
  (void)context, (void)error;
  *found = !strcmp(name, "k");
  *value = 16;
  return BASIN_OK;
}

static int is_k(void *context, const char *name) {
  (void)context;
  return strcmp(name, "k") ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  basin_error error = {""};
  double value = NAN;
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = 0;
  const basin_status status = basin_evaluate(text, (basin_place){"f", 1, 1}, lookup, NULL, &value,
                                             &error);
  if (status == BASIN_OK ? !isfinite(value) : !*error.text || strchr(error.text, '\n')) abort();
  int holds = -1;
  error.text[0] = 0;
  const basin_status read = basin_condition_holds(text, (basin_place){"f", 1, 1}, lookup, NULL,
                                                  &holds, &error);
  if (read ? holds || !*error.text || strchr(error.text, '\n') : holds != 0 && holds != 1) abort();
  basin_condition program;
  if (!basin_condition_compile(text, (basin_place){"f", 1, 1}, lookup, is_k, NULL, &program,
                               &error)) {
    const double k = 16;
    if (read || (condition_holds(&program, &k, 1) != 0) != holds) abort();
  }
  free(text);
  return 0;
}
