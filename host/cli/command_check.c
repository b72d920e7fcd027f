/* SPDX-License-Identifier: MIT
 *
 * command_check.c: basin check.
 */
#include "cli/cli.h"
#include <stdio.h>

basin_status basin_command_check(const basin_arguments *a, basin_error *error) {
  basin_results *results;
  int64_t variables;
  basin_status status = basin_results_open(a->positional[0], &results, error);
  if (status) return status;
  status = basin_results_verify(results, &variables, error);
  if (!status)
    printf("%s: all %lld variables of numbers are as they were written\n", a->positional[0],
           (long long)variables);
  basin_results_close(results);
  return status;
}
