/* SPDX-License-Identifier: MIT */
#include "hdf5_util.h"
#include <stdio.h>
#include <string.h>

void basin_hdf5_quiet(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

/* H5E_WALK_UPWARD begins at the function that found the fault */
static herr_t first_reason(unsigned n, const H5E_error2_t *entry, void *text) {
  if (n == 0 && entry->desc) snprintf(text, 256, "%s", entry->desc);
  return 0;
}

basin_status basin_hdf5_fail(basin_error *error, basin_status status, const char *path,
                             const char *what) {
  char reason[256] = "";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, reason);

  /* a system call's failure comes as a long line with the system's words inside */
  char *message = strstr(reason, "error message = '"),
       *end = message ? strchr(message + 17, '\'') : NULL;
  if (end) {
    *end = 0;
    memmove(reason, message + 17, strlen(message + 17) + 1);
  }
  return basin_fail(error, status, "%s: %s%s%s", path, what, *reason ? ": " : "", reason);
}
