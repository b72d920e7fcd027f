/* SPDX-License-Identifier: MIT */
#include "base/hdf5_util.h"
#include <math.h>
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

/* ---- reading ---- */

enum { PACKED_MOST = 1 << 16 /* bytes that a packed one can stand for: deflate reaches 1032 */ };

/* the bytes that the dimensions claim */
static double claimed_bytes(hid_t dataset) {
  hsize_t size[H5S_MAX_RANK];
  const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  const int rank = H5Sget_simple_extent_dims(space, size, NULL);
  double bytes = rank < 0 ? INFINITY : (double)H5Tget_size(type);
  for (int d = 0; d < rank; d++) bytes *= (double)size[d];
  H5Tclose(type);
  H5Sclose(space);
  return bytes;
}

/* whether the file itself can hold what the dataset claims: as it is, or packed or never written */
static int is_plausible(hid_t dataset) {
  const hid_t create = H5Dget_create_plist(dataset), file = H5Iget_file_id(dataset);
  const H5D_layout_t layout = H5Pget_layout(create);
  const double claimed = claimed_bytes(dataset), stored = (double)H5Dget_storage_size(dataset);
  hsize_t size = 0;
  int ok = file >= 0 && H5Fget_filesize(file, &size) >= 0 && stored <= (double)size &&
           H5Pget_external_count(create) == 0;
  if (layout == H5D_CONTIGUOUS && stored > 0) ok = ok && claimed <= stored;
  else ok = ok && layout != H5D_VIRTUAL && claimed <= PACKED_MOST * (double)size;
  if (file >= 0) H5Fclose(file);
  H5Pclose(create);
  return ok;
}

hid_t basin_hdf5_open(hid_t place, const char *name) {
  H5L_info_t link;
  if (H5Lexists(place, name, H5P_DEFAULT) <= 0 ||
      H5Lget_info(place, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
    return H5I_INVALID_HID;
  const hid_t id = H5Dopen2(place, name, H5P_DEFAULT);
  if (id < 0 || is_plausible(id)) return id;
  H5Dclose(id);
  return H5I_INVALID_HID;
}

int basin_hdf5_read(hid_t id, hid_t type, int rank, const hsize_t *start, const hsize_t *count,
                    void *value) {
  const hid_t memory = H5Screate_simple(rank, count, NULL), disk = H5Dget_space(id);
  const int ok = H5Sselect_hyperslab(disk, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                 H5Dread(id, type, memory, disk, H5P_DEFAULT, value) >= 0;
  H5Sclose(disk);
  H5Sclose(memory);
  return ok;
}
