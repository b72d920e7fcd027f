/* SPDX-License-Identifier: MIT
 *
 * variables.c: what the variables of the output are, how many of them, and their bytes.
 */
#include "store/output_file.h"
#include "read/discover.h"
#include <math.h>
#include <string.h>

/* ---- the table ---- */

static hid_t native_int8(void) { return H5T_NATIVE_INT8; }
static hid_t native_int32(void) { return H5T_NATIVE_INT32; }
static hid_t native_int64(void) { return H5T_NATIVE_INT64; }
static hid_t native_uint64(void) { return H5T_NATIVE_UINT64; }
static hid_t native_real(void) { return H5T_NATIVE_DOUBLE; }
static hid_t native_text(void) { return H5T_C_S1; }

enum {
  BYTES_int8 = 1,
  BYTES_int32 = 4,
  BYTES_int64 = 8,
  BYTES_uint64 = 8,
  BYTES_real = 8,
  BYTES_text = 16
};

/* of whole numbers of every size, little-endian */
static const int64_t minus_one = -1;
static const double not_a_number = NAN;
#define FILL_none NULL
#define FILL_minus_one &minus_one
#define FILL_nan &not_a_number

const basin_variable_row basin_variable_rows[BASIN_VARIABLES] = {
#define ROW(id, name_, type_, dimensions_, fill_, there_, long_name_) \
  {.name = name_,                                                     \
   .long_name = long_name_,                                           \
   .type = native_##type_,                                            \
   .bytes = BYTES_##type_,                                            \
   .dimensions = dimensions_,                                         \
   .fill = FILL_##fill_,                                              \
   .there = BASIN_THERE_##there_},
    BASIN_OUTPUT_VARIABLES(ROW)
#undef ROW
};

/* ---- how many ---- */

basin_vectors basin_vectors_find(const basin_experiment *e, const basin_extent *x) {
  basin_vectors all = {0};
  for (int64_t c = x->first_cell; c < x->first_cell + x->cells && e->keep_vectors; c++) {
    const basin_cell *cell = &e->cell[c];
    for (int i = 0; i < cell->model->initials; i++) {
      int v = 0;
      while (v < all.count && strcmp(all.name[v], cell->model->initial[i].name) != 0) v++;
      if (v == BASIN_VECTORS_MAX) continue;
      if (v == all.count) all.name[all.count++] = cell->model->initial[i].name;
      const int64_t length = basin_vector_size(&cell->setting.initial[i]);
      if (length > all.length[v]) all.length[v] = length;
    }
  }
  return all;
}

/* whether any cell does so on divergence */
static int halves(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].setting.halve) return 1;
  return 0;
}

int64_t basin_variable_count(const basin_experiment *e, const basin_extent *x,
                             const basin_vectors *vectors, basin_there there) {
  const int trajectories = x->recorded > 0 && x->times > 0;
  switch (there) {
  case BASIN_THERE_always:
    return 1;
  case BASIN_THERE_variants:
    return e->variants > 0;
  case BASIN_THERE_trajectories:
    return trajectories;
  case BASIN_THERE_halvings:
    return halves(e);
  case BASIN_THERE_crossings:
    return e->refine.asked;
  case BASIN_THERE_finals:
    return e->finals;
  case BASIN_THERE_any_passages:
    return e->passages > 0;
  case BASIN_THERE_passages:
    return e->passages;
  case BASIN_THERE_observables:
    return trajectories ? e->observables : 0;
  case BASIN_THERE_estimates:
    return trajectories ? e->estimates : 0;
  case BASIN_THERE_vectors:
    return trajectories ? vectors->count : 0;
  case BASIN_THERE_attractors:
    return basin_discover_of(e) != NULL;
  case BASIN_THERE_points:
    return basin_discover_of(e) ? basin_discover_of(e)->count : 0;
  case BASIN_THERE_limits:
    return e->limit;
  case BASIN_THERE_limit_curves:
    return e->limit && trajectories;
  }
  return 0;
}

/* ---- bytes ---- */

enum { ATTRACTORS_GUESS = 16 /* nobody knows before */ };

double basin_output_bytes(const basin_experiment *e, const basin_extent *x) {
  const double size[BASIN_DIMENSIONS - 1] = {(double)x->cells,
                                             (double)x->trials,
                                             (double)x->recorded,
                                             (double)x->times,
                                             (double)x->cells /* crossings at most */,
                                             (double)e->passages,
                                             ATTRACTORS_GUESS};
  const basin_vectors vectors = basin_vectors_find(e, x);
  const char *column[BASIN_COLUMNS_MAX];
  double entries = 0, points = 0, sum = 65536 + 8 * size[0] * basin_experiment_columns(e, column);
  for (int v = 0; v < vectors.count; v++) entries += (double)vectors.length[v];
  for (int64_t c = 0; c < e->cells; c++)
    if ((double)basin_point_length(&e->cell[c]) > points)
      points = (double)basin_point_length(&e->cell[c]);
  for (int i = 0; i < BASIN_VARIABLES; i++) {
    const basin_variable_row *row = &basin_variable_rows[i];
    const double count = (double)basin_variable_count(e, x, &vectors, row->there);
    double values = row->dimensions & BASIN_BY_ENTRY ? count > 0 ? entries : 0 : count;
    if (i == BASIN_VARIABLE_attractor_at) values = points;
    for (int d = 0; d < BASIN_DIMENSIONS - 1; d++)
      if (row->dimensions >> d & 1) values *= size[d];
    sum += values * row->bytes;
    if (row->dimensions & (row->dimensions - 1)) sum += 8 * size[0] * count; /* checksums */
  }
  return sum;
}
