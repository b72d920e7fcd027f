/* SPDX-License-Identifier: MIT */
#include "store/checksum.h"
#include "base/hdf5_util.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FILL_BYTES = 4096, BLOCK_BYTES = 1 << 20, RANKS = 4, CHECKED_MAX = 512 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checksums are of little-endian values");

/* ---- while a variable is written ---- */

int basin_checksum_open(basin_checksum *c, int64_t units, int64_t length, int64_t width,
                        const void *fill) {
  *c = (basin_checksum){.units = units, .length = length, .width = width};
  if (fill) memcpy(c->fill, fill, (size_t)width);
  c->state = XXH3_createState();
  c->sum = calloc((size_t)units + 1, sizeof *c->sum);
  if (!c->state || !c->sum) return -1;
  XXH3_64bits_reset(c->state);
  return 0;
}

/* fill values up to byte `at` of the present unit */
static void fill_to(basin_checksum *c, int64_t at) {
  unsigned char block[FILL_BYTES];
  if (c->reached >= at) return;
  for (int i = 0; i < FILL_BYTES; i++) block[i] = c->fill[i % c->width];
  while (c->reached < at) {
    const int64_t count = at - c->reached < FILL_BYTES ? at - c->reached : FILL_BYTES;
    XXH3_64bits_update(c->state, block, (size_t)count);
    c->reached += count;
  }
}

/* units before `unit` are complete */
static void complete(basin_checksum *c, int64_t unit) {
  for (; c->unit < unit; c->unit++) {
    fill_to(c, c->length);
    c->sum[c->unit] = XXH3_64bits_digest(c->state);
    c->reached = 0;
    XXH3_64bits_reset(c->state);
  }
}

int basin_checksum_feed(basin_checksum *c, int64_t unit, int64_t at, const void *bytes,
                        int64_t count) {
  if (unit < c->unit || unit >= c->units) return -1;
  complete(c, unit);
  if (at < c->reached) return -1;
  fill_to(c, at);
  XXH3_64bits_update(c->state, bytes, (size_t)count);
  c->reached += count;
  return 0;
}

void basin_checksum_next(basin_checksum *c) { complete(c, c->unit + 1); }
void basin_checksum_finish(basin_checksum *c) { complete(c, c->units); }

void basin_checksum_close(basin_checksum *c) {
  XXH3_freeState(c->state);
  free(c->sum);
  c->state = NULL;
  c->sum = NULL;
}

/* ---- when it is read ---- */

typedef struct checked {
  char *name;
  hid_t variable; /* 0: it has no checksum; negative: it is damaged */
  hid_t type;
  int rank;
  hsize_t size[RANKS];
  int64_t units; /* of its checksums */
  uint64_t *sum; /* [units] */
  char *intact;  /* [units] whether they have been compared */
} checked;

struct basin_checks {
  hid_t file, group; /* group: 0 where the file has none */
  int64_t cells;
  int count;
  checked variable[CHECKED_MAX];
  char damage[192];
};

basin_checks *basin_checks_open(hid_t file, int64_t cells) {
  basin_checks *checks = calloc(1, sizeof *checks);
  if (!checks) return NULL;
  checks->file = file;
  checks->cells = cells;
  const htri_t there = H5Lexists(file, BASIN_CHECKSUMS, H5P_DEFAULT);
  if (there > 0) checks->group = H5Gopen2(file, BASIN_CHECKSUMS, H5P_DEFAULT);
  if (there >= 0 && checks->group >= 0) return checks;
  free(checks);
  return NULL;
}

static void close_checked(checked *v) {
  if (v->variable > 0) H5Dclose(v->variable);
  if (v->type > 0) H5Tclose(v->type);
  free(v->name);
  free(v->sum);
  free(v->intact);
}

void basin_checks_close(basin_checks *checks) {
  if (!checks) return;
  for (int i = 0; i < checks->count; i++) close_checked(&checks->variable[i]);
  if (checks->group > 0) H5Gclose(checks->group);
  free(checks);
}

const char *basin_checks_damage(const basin_checks *checks) { return checks ? checks->damage : ""; }

/* the checksums of the cells, a variable; or of the whole, an attribute */
static int read_sums(const basin_checks *checks, checked *v) {
  const int cells = v->rank > 1;
  const hid_t id = cells ? basin_hdf5_open(checks->group, v->name)
                         : H5Aopen(checks->group, v->name, H5P_DEFAULT);
  if (id < 0) return 0;
  const hid_t space = cells ? H5Dget_space(id) : H5Aget_space(id),
              type = cells ? H5Dget_type(id) : H5Aget_type(id);
  v->units = cells ? checks->cells : 1;
  int ok = H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_ndims(space) == cells &&
           H5Sget_simple_extent_npoints(space) == v->units &&
           (!cells || v->size[0] == (hsize_t)v->units);
  v->sum = ok ? calloc((size_t)v->units, sizeof *v->sum) : NULL;
  v->intact = ok ? calloc((size_t)v->units, 1) : NULL;
  ok = v->sum && v->intact &&
       (cells ? H5Dread(id, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, v->sum)
              : H5Aread(id, H5T_NATIVE_UINT64, v->sum)) >= 0;
  H5Tclose(type);
  H5Sclose(space);
  if (cells) H5Dclose(id);
  else H5Aclose(id);
  return ok;
}

/* shape and type of a variable that has checksums */
static int read_shape(const basin_checks *checks, checked *v) {
  v->variable = basin_hdf5_open(checks->file, v->name);
  if (v->variable < 0) return 0;
  const hid_t space = H5Dget_space(v->variable), stored = H5Dget_type(v->variable);
  v->rank = H5Sget_simple_extent_ndims(space);
  const H5T_class_t class = H5Tget_class(stored);
  int ok = v->rank >= 1 && v->rank <= RANKS && (class == H5T_INTEGER || class == H5T_FLOAT) &&
           H5Tget_size(stored) <= sizeof(double);
  if (ok) H5Sget_simple_extent_dims(space, v->size, NULL);
  for (int d = 0; d < v->rank && ok; d++) ok = v->size[d] > 0;
  v->type = H5Tget_native_type(stored, H5T_DIR_ASCEND); /* little-endian, whatever the file has */
  H5Tclose(stored);
  H5Sclose(space);
  return ok && v->type >= 0;
}

/* the variable of this name; NULL without memory. A header that is damaged is found by the first look alone. */
static checked *find(basin_checks *checks, const char *name) {
  for (int i = 0; i < checks->count; i++)
    if (!strcmp(checks->variable[i].name, name)) return &checks->variable[i];
  if (checks->count == CHECKED_MAX) return NULL;
  checked *v = &checks->variable[checks->count];
  *v = (checked){.name = strdup(name)};
  if (!v->name) return NULL;
  checks->count++;
  const htri_t cells = H5Lexists(checks->group, name, H5P_DEFAULT),
               whole = H5Aexists(checks->group, name);
  if (cells < 0 || whole < 0 ||
      ((cells || whole) && !(read_shape(checks, v) && read_sums(checks, v)))) {
    if (v->variable > 0) H5Dclose(v->variable);
    v->variable = -1;
  }
  return v;
}

/* XXH3 of a unit, in blocks of whole rows; 0 where it cannot be read */
static int sum_unit(const checked *v, int64_t unit, void *block, XXH3_state_t *state) {
  const int first = v->rank > 1; /* dimension of those within a unit */
  hsize_t start[RANKS] = {0}, count[RANKS] = {1, 1, 1, 1}, inner = H5Tget_size(v->type);
  int split = v->rank - 1;
  if (first) start[0] = (hsize_t)unit;
  for (; split > first && inner * v->size[split] <= BLOCK_BYTES; split--) {
    count[split] = v->size[split];
    inner *= v->size[split];
  }
  for (;;) {
    const hsize_t most = BLOCK_BYTES / inner, left = v->size[split] - start[split];
    int d = split;
    count[d] = left < most ? left : most;
    if (!basin_hdf5_read(v->variable, v->type, v->rank, start, count, block)) return 0;
    XXH3_64bits_update(state, block, inner * count[d]);
    start[d] += count[d];
    while (start[d] == v->size[d]) {
      if (d == first) return 1;
      start[d--] = 0;
      start[d]++;
    }
  }
}

static int compare(const checked *v, int64_t unit) {
  void *block = malloc(BLOCK_BYTES);
  XXH3_state_t *state = XXH3_createState();
  int ok = block && state;
  if (ok) XXH3_64bits_reset(state);
  ok = ok && sum_unit(v, unit, block, state) && XXH3_64bits_digest(state) == v->sum[unit];
  XXH3_freeState(state);
  free(block);
  return ok;
}

int basin_checks_intact(basin_checks *checks, const char *name, int64_t cell) {
  if (!checks->group) return 1;
  checked *v = find(checks, name);
  if (v && !v->variable) return 1;
  const int readable = v && v->variable > 0;
  const int64_t unit = readable && v->rank > 1 ? cell : 0;
  if (readable && unit >= 0 && unit < v->units && (v->intact[unit] || compare(v, unit))) {
    v->intact[unit] = 1;
    return 1;
  }
  char of[48] = "";
  if (readable && v->rank > 1) snprintf(of, sizeof of, " of cell %lld", (long long)cell);
  snprintf(checks->damage, sizeof checks->damage, "%.80s%s is damaged: its checksum %s", name, of,
           readable ? "differs" : "cannot be read");
  return 0;
}

/* all variables, one after another, up to the first that is damaged */
typedef struct walk {
  basin_checks *checks;
  int64_t variables;
} walk;

static herr_t see_cells(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  walk *w = context;
  (void)group;
  (void)info;
  for (int64_t c = 0; c < w->checks->cells; c++)
    if (!basin_checks_intact(w->checks, name, c)) return 1;
  w->variables++;
  return 0;
}

/* Text is left out: HDF5 1.10 does not come back from some damaged heaps, where text lies. */
static int is_text(hid_t file, const char *name) {
  const hid_t id = basin_hdf5_open(file, name), type = id < 0 ? id : H5Dget_type(id);
  const int text = type >= 0 && H5Tget_class(type) == H5T_STRING;
  if (type >= 0) H5Tclose(type);
  if (id >= 0) H5Dclose(id);
  return text;
}

static herr_t see_whole(hid_t group, const char *name, const H5A_info_t *info, void *context) {
  walk *w = context;
  (void)group;
  (void)info;
  if (is_text(w->checks->file, name)) return 0;
  if (!basin_checks_intact(w->checks, name, 0)) return 1;
  w->variables++;
  return 0;
}

int basin_checks_all_intact(basin_checks *checks, int64_t *variables) {
  hsize_t link = 0, attribute = 0;
  walk w = {.checks = checks};
  const int ok = checks->group &&
                 !H5Literate(checks->group, H5_INDEX_NAME, H5_ITER_INC, &link, see_cells, &w) &&
                 !H5Aiterate2(checks->group, H5_INDEX_NAME, H5_ITER_INC, &attribute, see_whole, &w);
  *variables = w.variables;
  return ok;
}
