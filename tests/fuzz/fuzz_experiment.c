/* SPDX-License-Identifier: MIT
 *
 * fuzz_experiment.c: any bytes into the experiment reader. It returns resolved cells or one line of reason.
 */
#include "read/experiment.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* the part behind a zero byte, if there is one, is a --set assignment */
  const uint8_t *zero = memchr(data, 0, size);
  char *set = zero ? strndup((const char *)zero + 1, size - (size_t)(zero + 1 - data)) : NULL;
  const char *sets[] = {set};
  basin_experiment *e = NULL;
  basin_error error = {""};
  const basin_status status = basin_experiment_parse("f.yaml", (const char *)data,
                                                     (int64_t)(zero ? (size_t)(zero - data) : size),
                                                     sets, set != NULL, &e, &error);
  if (status ? e != NULL || !*error.text || strchr(error.text, '\n') : !e) abort();
  for (int64_t c = 0; e && c < e->cells; c++)
    if (!e->cell[c].model || e->cell[c].setting.stages < 1 || e->cell[c].setting.stop.max_steps < 1)
      abort();
  basin_experiment_free(e);
  free(set);
  return 0;
}
