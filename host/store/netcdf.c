/* SPDX-License-Identifier: MIT */
#include "store/netcdf.h"
#include "store/checksum.h"
#include "store/hdf5_driver.h"
#include "base/hdf5_util.h"
#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  DIMENSION_BLOCK = 1024,
  FILL_BYTES = 1 << 16,
  COMPACT_MAX = 4096 /* links and attributes kept in the object's header, which has a checksum */
};

/* Where the values of a variable go. Whole writes of HDF5 would have it write fill values over all of a variable first:
   so the library gives it its place in the file alone, and values are written there, and fill values between them. */
enum { PLACE_NONE, PLACE_OURS, PLACE_OF_HDF5 /* of what is drafted */ };

struct basin_variable {
  char *name;
  hid_t id, type;
  int place;
  int64_t first; /* PLACE_OURS: where it is in the file */
  int rank;
  hsize_t size[BASIN_RANK_MAX];
  basin_checksum checksum;
  const basin_variable *scale; /* of the cells, where it has more than one dimension */
  basin_variable *next;        /* in the order of their making */
};

struct basin_netcdf {
  char *path;
  hid_t file;
  int values; /* file descriptor for the values of variables */
  int bad;    /* set by the first HDF5 call that failed, so that a run of calls is checked once */
  basin_driver driver; /* failure: errno of the first write that failed, ours too */
  basin_variable *first, *last;
};

static void check(basin_netcdf *f, int failed) {
  if (failed) f->bad = 1;
}

int basin_netcdf_bad(const basin_netcdf *f) {
  return f->bad || __atomic_load_n(&f->driver.failure, __ATOMIC_RELAXED);
}
void basin_netcdf_fail(basin_netcdf *f) { f->bad = 1; }

basin_status basin_netcdf_status(const basin_netcdf *f, basin_error *error) {
  if (f->driver.failure) {
    errno = f->driver.failure;
    return basin_fail_system(error, "cannot be written", f->path);
  }
  return f->bad ? basin_hdf5_fail(error, BASIN_FAILED, f->path, "cannot be written") : BASIN_OK;
}

/* ---- attributes ---- */

static void attribute(basin_netcdf *f, hid_t object, const char *name, hid_t type, hid_t space,
                      const void *value) {
  const hid_t id = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  check(f, id < 0 || H5Awrite(id, type, value) < 0);
  if (id >= 0) H5Aclose(id);
}

static void attribute_text(basin_netcdf *f, hid_t object, const char *name, const char *text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  check(f, H5Tset_size(type, strlen(text) + 1) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0);
  attribute(f, object, name, type, space, text);
  H5Sclose(space);
  H5Tclose(type);
}

void basin_netcdf_text(basin_netcdf *f, const basin_variable *v, const char *name,
                       const char *text) {
  if (!basin_netcdf_bad(f)) attribute_text(f, v ? v->id : f->file, name, text);
}

static void attribute_number(basin_netcdf *f, hid_t object, const char *name, hid_t type,
                             const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  attribute(f, object, name, type, space, value);
  H5Sclose(space);
}

void basin_netcdf_number(basin_netcdf *f, const basin_variable *v, const char *name, hid_t type,
                         const void *value) {
  if (!basin_netcdf_bad(f)) attribute_number(f, v ? v->id : f->file, name, type, value);
}

void basin_netcdf_numbers(basin_netcdf *f, const basin_variable *v, const char *name, hid_t type,
                          hsize_t count, const void *value) {
  if (basin_netcdf_bad(f)) return;
  const hid_t space = H5Screate_simple(1, &count, NULL);
  attribute(f, v ? v->id : f->file, name, type, space, value);
  H5Sclose(space);
}

/* a group of the root, made where it is not there */
static hid_t open_group(basin_netcdf *f, const char *name) {
  if (H5Lexists(f->file, name, H5P_DEFAULT) > 0) return H5Gopen2(f->file, name, H5P_DEFAULT);
  const hid_t create = H5Pcreate(H5P_GROUP_CREATE);
  check(f, H5Pset_obj_track_times(create, 0) < 0);
  check(f, H5Pset_link_creation_order(create, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) < 0);
  check(f, H5Pset_link_phase_change(create, COMPACT_MAX, 0) < 0);
  check(f, H5Pset_attr_phase_change(create, COMPACT_MAX, 0) < 0);
  const hid_t group = H5Gcreate2(f->file, name, H5P_DEFAULT, create, H5P_DEFAULT);
  H5Pclose(create);
  return group;
}

void basin_netcdf_group_text(basin_netcdf *f, const char *group, const char *name,
                             const char *text) {
  if (basin_netcdf_bad(f)) return;
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = open_group(f, group);
  check(f, id < 0);
  if (id < 0) return;
  attribute_text(f, id, name, text);
  H5Gclose(id);
}

void basin_netcdf_group_number(basin_netcdf *f, const char *group, const char *name, hid_t type,
                               const void *value) {
  if (basin_netcdf_bad(f)) return;
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = open_group(f, group);
  check(f, id < 0);
  if (id < 0) return;
  attribute_number(f, id, name, type, value);
  H5Gclose(id);
}

/* ---- variables ---- */

static hid_t create_dataset(basin_netcdf *f, hid_t place, const char *name, hid_t type,
                            const void *fill, int rank, const hsize_t *size) {
  const hid_t space = H5Screate_simple(rank, size, NULL);
  const hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  check(f, H5Pset_obj_track_times(create, 0) < 0);
  check(f, H5Pset_attr_creation_order(create, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) < 0);
  check(f, H5Pset_attr_phase_change(create, COMPACT_MAX, 0) < 0);
  if (fill) check(f, H5Pset_fill_value(create, type, fill) < 0);
  const hid_t id = H5Dcreate2(place, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
  check(f, id < 0);
  H5Pclose(create);
  H5Sclose(space);
  return id;
}

static void free_variable(basin_variable *v) {
  if (v->id > 0) H5Dclose(v->id);
  if (v->type > 0) H5Tclose(v->type);
  basin_checksum_close(&v->checksum);
  free(v->name);
  free(v);
}

/* bytes of all entries; of one cell where there is more than one dimension. Text: not known. */
static int64_t unit_bytes(const basin_variable *v, hid_t type) {
  int64_t bytes = (int64_t)H5Tget_size(type);
  for (int d = v->rank > 1; d < v->rank; d++) bytes *= (int64_t)v->size[d];
  return H5Tget_class(type) == H5T_STRING ? 0 : bytes;
}

basin_variable *basin_netcdf_variable(basin_netcdf *f, const char *name, hid_t type,
                                      const void *fill, int rank, basin_variable *const *scales,
                                      const hsize_t *size, const char *long_name,
                                      const char *units) {
  basin_variable *v = basin_netcdf_bad(f) ? NULL : calloc(1, sizeof *v);
  check(f, !v);
  if (!v) return NULL;
  v->name = strdup(name);
  v->rank = rank;
  v->scale = rank > 1 && scales ? scales[0] : NULL;
  memcpy(v->size, size, (size_t)rank * sizeof *size);
  v->type = H5Tcopy(type);
  check(f, !v->name || v->type < 0 ||
               basin_checksum_open(&v->checksum, rank > 1 ? (int64_t)size[0] : 1,
                                   unit_bytes(v, type), (int64_t)H5Tget_size(type), fill));
  if (!f->bad) v->id = create_dataset(f, f->file, name, type, fill, rank, size);
  if (f->bad) {
    free_variable(v);
    return NULL;
  }
  if (f->last) f->last->next = v;
  else f->first = v;
  f->last = v;
  if (long_name) attribute_text(f, v->id, "long_name", long_name);
  if (units) attribute_text(f, v->id, "units", units);
  for (int i = 0; scales && i < rank; i++)
    check(f, H5DSattach_scale(v->id, scales[i]->id, (unsigned)i) < 0);
  return v;
}

basin_variable *basin_netcdf_dimension(basin_netcdf *f, const char *name, int64_t size,
                                       const int64_t *value, int64_t first, const char *long_name,
                                       const char *units) {
  const hsize_t n = (hsize_t)size;
  basin_variable *v = basin_netcdf_variable(f, name, H5T_NATIVE_INT64, NULL, 1, NULL, &n, long_name,
                                            units);
  check(f, !v || H5DSset_scale(v->id, name) < 0);
  int64_t block[DIMENSION_BLOCK];
  for (hsize_t at = 0; at < n && !basin_netcdf_bad(f); at += DIMENSION_BLOCK) {
    const hsize_t count = n - at < DIMENSION_BLOCK ? n - at : DIMENSION_BLOCK;
    for (hsize_t i = 0; i < count; i++)
      block[i] = value ? value[at + i] : first + (int64_t)(at + i);
    basin_netcdf_write(f, v, &at, &count, block);
  }
  return v;
}

/* ---- values ---- */

/* by HDF5 */
static void write_block(basin_netcdf *f, const basin_variable *v, const hsize_t *start,
                        const hsize_t *size, const void *value) {
  const hid_t memory = H5Screate_simple(v->rank, size, NULL), disk = H5Dget_space(v->id);
  check(f, H5Sselect_hyperslab(disk, H5S_SELECT_SET, start, NULL, size, NULL) < 0);
  check(f, H5Dwrite(v->id, v->type, memory, disk, H5P_DEFAULT, value) < 0);
  H5Sclose(disk);
  H5Sclose(memory);
}

/* has HDF5 give the variable its place, by an entry that, as the fill values, the driver leaves out */
static void find_place(basin_netcdf *f, basin_variable *v) {
  const hsize_t start[BASIN_RANK_MAX] = {0}, size[BASIN_RANK_MAX] = {1, 1, 1, 1};
  f->driver.mute = 1;
  write_block(f, v, start, size, v->checksum.fill);
  f->driver.mute = 0;
  const haddr_t first = H5Dget_offset(v->id);
  check(f, first == HADDR_UNDEF);
  v->first = (int64_t)first;
  v->place = PLACE_OURS;
}

static void put(basin_netcdf *f, const basin_variable *v, int64_t unit, int64_t at,
                const void *bytes, int64_t count) {
  basin_driver_put(f->values, &f->driver.failure, v->first + unit * v->checksum.length + at,
                   (size_t)count, bytes);
}

/* fill values up to byte `at` of the unit that comes next */
static void fill_to(basin_netcdf *f, basin_variable *v, int64_t at) {
  unsigned char block[FILL_BYTES];
  basin_checksum *c = &v->checksum;
  for (int i = 0; i < FILL_BYTES && c->reached < at; i++) block[i] = c->fill[i % c->width];
  while (c->reached < at && !basin_netcdf_bad(f)) {
    const int64_t left = at - c->reached, count = left < FILL_BYTES ? left : FILL_BYTES;
    put(f, v, c->unit, c->reached, block, count);
    check(f, basin_checksum_feed(c, c->unit, c->reached, block, count));
  }
}

/* and in all units before this one, what has not come */
static void fill_units(basin_netcdf *f, basin_variable *v, int64_t unit) {
  while (v->checksum.unit < unit && !basin_netcdf_bad(f)) {
    fill_to(f, v, v->checksum.length);
    basin_checksum_next(&v->checksum);
  }
}

void basin_netcdf_announce(basin_netcdf *f, basin_variable *v, int64_t unit, int64_t at,
                           int64_t count, const void *value) {
  if (basin_netcdf_bad(f) || !count) return;
  const int64_t width = v->checksum.width;
  if (v->place == PLACE_NONE) find_place(f, v);
  if (v->place == PLACE_OURS) {
    fill_units(f, v, unit);
    if (unit == v->checksum.unit) fill_to(f, v, at * width);
  }
  check(f, basin_checksum_feed(&v->checksum, unit, at * width, value, count * width));
}

void basin_netcdf_put(basin_netcdf *f, const basin_variable *v, int64_t unit, int64_t at,
                      int64_t count, const void *value) {
  if (v && v->place == PLACE_OURS)
    put(f, v, unit, at * v->checksum.width, value, count * v->checksum.width);
}

void basin_netcdf_draft(basin_netcdf *f, basin_variable *v, const hsize_t *start,
                        const hsize_t *size, const void *value) {
  if (basin_netcdf_bad(f)) return;
  v->place = PLACE_OF_HDF5;
  write_block(f, v, start, size, value);
}

void basin_netcdf_draft_read(basin_netcdf *f, basin_variable *v, const hsize_t *start,
                             const hsize_t *size, void *value) {
  if (!basin_netcdf_bad(f)) check(f, !basin_hdf5_read(v->id, v->type, v->rank, start, size, value));
}

void basin_netcdf_write(basin_netcdf *f, basin_variable *v, const hsize_t *start,
                        const hsize_t *size, const void *value) {
  if (basin_netcdf_bad(f)) return;
  const int64_t unit = v->rank > 1 ? (int64_t)start[0] : 0;
  int64_t at = 0, count = 1;
  for (int d = v->rank > 1; d < v->rank; d++) {
    at = at * (int64_t)v->size[d] + (int64_t)start[d];
    count *= (int64_t)size[d];
  }
  basin_netcdf_announce(f, v, unit, at, count, value);
  if (basin_netcdf_bad(f)) return;
  if (v->place == PLACE_OF_HDF5) write_block(f, v, start, size, value);
  else basin_netcdf_put(f, v, unit, at, count, value);
}

void basin_netcdf_write_whole(basin_netcdf *f, basin_variable *v, const void *value) {
  const hsize_t start = 0;
  if (!basin_netcdf_bad(f)) basin_netcdf_write(f, v, &start, v->size, value);
}

void basin_netcdf_texts(basin_netcdf *f, const char *name, basin_variable *scale, int64_t size,
                        const char *const *value, const char *long_name) {
  const hsize_t n = (hsize_t)size;
  const hid_t type = H5Tcopy(H5T_C_S1);
  check(f, H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0);
  basin_variable *v = basin_netcdf_variable(f, name, type, NULL, 1, &scale, &n, long_name, NULL);
  if (!basin_netcdf_bad(f))
    check(f, H5Dwrite(v->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0);
  int64_t at = 0;
  for (int64_t i = 0; i < size && v; i++) {
    const int64_t length = (int64_t)strlen(value[i]) + 1;
    check(f, basin_checksum_feed(&v->checksum, 0, at, value[i], length));
    at += length;
  }
  H5Tclose(type);
}

/* ---- the file ---- */

static hid_t create_file(basin_netcdf *f) {
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  const hid_t create = H5Pcreate(H5P_FILE_CREATE);
  check(f, H5Pset_link_creation_order(create, order) < 0 ||
               H5Pset_attr_creation_order(create, order) < 0 ||
               H5Pset_obj_track_times(create, 0) < 0);
  check(f, H5Pset_link_phase_change(create, COMPACT_MAX, 0) < 0 ||
               H5Pset_attr_phase_change(create, COMPACT_MAX, 0) < 0);

  /* the format of HDF5 1.8, which every reader of today knows, has checksums on its metadata */
  const hid_t access = basin_driver_access(&f->driver);
  check(f, access < 0 || H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0);
  const hid_t file = H5Fcreate(f->path, H5F_ACC_TRUNC, create, access);
  check(f, file < 0);
  if (access >= 0) H5Pclose(access);
  H5Pclose(create);
  return file;
}

/* the library has written everything when this returns */
static void close_file(basin_netcdf *f) {
  if (f->values >= 0 && close(f->values) && !f->driver.failure) f->driver.failure = errno;
  f->values = -1;
  for (basin_variable *v = f->first; v; v = v->next) {
    H5Dclose(v->id);
    v->id = 0;
  }
  if (f->file > 0) check(f, H5Fclose(f->file) < 0);
  f->file = 0;
}

static void free_file(basin_netcdf *f) {
  close_file(f);
  while (f->first) {
    basin_variable *v = f->first;
    f->first = v->next;
    free_variable(v);
  }
  free(f->path);
  free(f);
}

basin_status basin_netcdf_create(const char *path, basin_netcdf **out, basin_error *error) {
  basin_netcdf *f = calloc(1, sizeof *f);
  *out = NULL;
  if (!f || !(f->path = strdup(path))) {
    free(f);
    return basin_fail_memory(error);
  }
  f->values = -1;
  const int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (made < 0) {
    free_file(f);
    return basin_fail_system(error, "cannot be made", path);
  }
  close(made);
  basin_hdf5_quiet();
  H5Eclear2(H5E_DEFAULT);
  f->file = create_file(f);
  if (!basin_netcdf_bad(f)) f->values = open(path, O_WRONLY | O_CLOEXEC);
  if (!basin_netcdf_bad(f) && f->values < 0) f->driver.failure = errno;
  if (basin_netcdf_bad(f)) {
    const basin_status status = basin_netcdf_status(f, error);
    free_file(f);
    unlink(path);
    return status;
  }
  *out = f;
  return BASIN_OK;
}

/* of a variable over cells and more a variable over the same cells, of another an attribute */
static void write_checksum(basin_netcdf *f, hid_t group, basin_variable *v) {
  if (v->place == PLACE_OURS) fill_units(f, v, v->checksum.units);
  basin_checksum_finish(&v->checksum);
  if (v->rank == 1) {
    attribute_number(f, group, v->name, H5T_NATIVE_UINT64, v->checksum.sum);
    return;
  }
  const hid_t id = create_dataset(f, group, v->name, H5T_NATIVE_UINT64, NULL, 1, v->size);
  if (f->bad) return;
  attribute_text(f, id, "long_name", "XXH3-64 of the cell's values of the variable of this name");
  attribute_text(f, id, "units", "1");
  if (v->scale) check(f, H5DSattach_scale(id, v->scale->id, 0) < 0);
  check(f, H5Dwrite(id, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, v->checksum.sum) < 0);
  H5Dclose(id);
}

static void write_checksums(basin_netcdf *f) {
  const hid_t group = open_group(f, BASIN_CHECKSUMS);
  check(f, group < 0);
  for (basin_variable *v = f->first; v && !basin_netcdf_bad(f); v = v->next)
    write_checksum(f, group, v);
  if (group >= 0) H5Gclose(group);
}

basin_status basin_netcdf_close(basin_netcdf *f, basin_error *error) {
  H5Eclear2(H5E_DEFAULT);
  if (!basin_netcdf_bad(f)) write_checksums(f);
  close_file(f);
  basin_status status = basin_netcdf_status(f, error);
  if (!status) {
    const int file = open(f->path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fsync(file)) status = basin_fail_system(error, "cannot be synced", f->path);
    if (file >= 0) close(file);
  }
  free_file(f);
  return status;
}
