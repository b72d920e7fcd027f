/* SPDX-License-Identifier: MIT
 *
 * factor_start.h: starts of factor.h in its coordinates, and the way back to full matrices.
 *
 * Normal entries, N(0, sd^2). Rows 0 .. r-1 of U are U_s, with the numbers that draw.h gives these rows. The d_1 - r
 * rows below are Q T, with Q uniform among the matrices of orthonormal columns and independent of T, which is upper
 * triangular (Bartlett 1933): T_ii is sd chi of d_1 - r - i degrees of freedom, T_ij, j > i, is N(0, sd^2) and has the
 * number of entry j of row r + i; min(r, d_1 - r) rows. So a start costs 2 r^2 numbers a matrix, whatever d_1 is.
 *
 * A matrix that is given is cut up the same way when the cell is prepared, by Gram and Schmidt's process taken twice. A
 * T that has no more rows than the matrix is that matrix.
 *
 * Full matrices, U = [U_s; Q T] at any step, have the Q of the given matrix, or one that is drawn for the trial: they
 * are those of a path of the right law, in the singular bases of M = diag(sigma).
 */
#ifndef BASIN_MODELS_FACTOR_START_H
#define BASIN_MODELS_FACTOR_START_H

#include "models/factor/factor.h"

/* T_ii of matrix `of` (0: U, 1: V) */
BASIN_HD real factor_start_diagonal(const factor_cell *c, bits trial, int of, int64_t i) {
  const draw_source *source = &c->source[of];
  return r_set(source->scale) * r_sqrt(basin_chi_square(source->key, BASIN_STREAM_START_CHI + of,
                                                        c->dimension[of] - c->r - i, trial,
                                                        b_set(0), (uint64_t)i * BASIN_CHI_BLOCKS));
}

/* row i of it [r] */
BASIN_HD void factor_start_row(const factor_cell *c, const double *data, bits trial, int of,
                               int64_t i, real *row) {
  const draw_source *source = &c->source[of];
  const int64_t r = c->r, diagonal = i - r; /* of T */
  if (c->given[of] >= 0) {
    for (int64_t j = 0; j < r; j++) row[j] = r_set(data[c->given[of] + i * r + j]);
    return;
  }
  const real scale = r_set(source->scale);
  BASIN_ROLLED
  for (int64_t block = 0; block < (r + 1) / 2; block++) {
    real x, y;
    draw_pair(source, data, trial, i, block, &x, &y);
    row[2 * block] = scale * x;
    if (2 * block + 1 < r) row[2 * block + 1] = scale * y;
  }
  for (int64_t j = 0; j < diagonal; j++) row[j] = r_set(0.0);
  if (diagonal >= 0) row[diagonal] = factor_start_diagonal(c, trial, of, diagonal);
}

BASIN_HD void factor_draw(const factor_cell *c, basin_turn t, real *x) {
  team_sync(t.team);
  BASIN_TEAM_FOR(t.team, i, c->n_u + c->n_v) {
    const int of_v = i >= c->n_u;
    if (team_stopped(t.team)) break;
    factor_start_row(c, t.data, t.trial, of_v, of_v ? i - c->n_u : i, x + c->at_u + i * c->r);
  }
  if (t.team.rank == 0) x[0] = r_set(c->eta_most);
  team_sync(t.team);
}

/* ---------------------------------------------------------------- host: Gram and Schmidt */

/* q [rows][r], of which the first `columns` columns become orthonormal: q = Q T with T [columns][columns], NULL where
   nobody asks for it. A column that is a sum of those before it becomes 0, with 0 on T's diagonal. */
static inline void factor_orthonormal(int64_t rows, int64_t r, int64_t columns, double *q,
                                      double *t) {
  for (int64_t k = 0; k < columns; k++) {
    double before = 0, after = 0;
    for (int64_t i = 0; i < rows; i++) before += q[i * r + k] * q[i * r + k];
    for (int pass = 0; pass < 2; pass++)
      for (int64_t j = 0; j < k; j++) {
        double along = 0;
        for (int64_t i = 0; i < rows; i++) along += q[i * r + j] * q[i * r + k];
        for (int64_t i = 0; i < rows; i++) q[i * r + k] -= along * q[i * r + j];
        if (t) t[j * columns + k] += along;
      }
    for (int64_t i = 0; i < rows; i++) after += q[i * r + k] * q[i * r + k];
    const double length = after > 1e-28 * before ? sqrt(after) : 0;
    for (int64_t i = 0; i < rows; i++) q[i * r + k] = length > 0 ? q[i * r + k] / length : 0;
    if (t) t[k * columns + k] = length;
  }
}

#if BASIN_ONE_LANE
/* the directions Q [d - r][columns] of a trial's rows below the first r, in the first columns of q [d - r][r] */
static inline void factor_directions(const factor_cell *c, basin_turn t, int of, double *q) {
  const int64_t r = c->r, rows = c->dimension[of] - r, columns = rows < r ? rows : r;
  const draw_source *source = &c->source[of];
  const int given = c->given[of] >= 0;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t block = 0; block < (r + 1) / 2; block++) {
      double z[2];
      if (given) draw_pair(source, t.data, t.trial, r + i, block, &z[0], &z[1]);
      else
        basin_normals_at(source->key, BASIN_STREAM_START_FRAME + of, t.trial, b_set((uint64_t)i),
                         (uint64_t)block, &z[0], &z[1]);
      for (int64_t j = 2 * block; j < r && j < 2 * block + 2; j++)
        q[i * r + j] = given && rows <= r ? i == j : z[j % 2];
    }
  if (!given || rows > r) factor_orthonormal(rows, r, columns, q, NULL);
}

/* U [d_1][r], then V [d_2][r]; t.work: what the states of a trial have in common, the directions of both, where their
   rows are in `out` */
static inline void factor_vectors(const factor_cell *c, basin_turn t, const real *x, int any,
                                  double *out) {
  double *common = t.work;
  (void)any;
  for (int of = 0; of < 2; of++) {
    const int64_t r = c->r, rows = c->dimension[of] - r, columns = rows < r ? rows : r;
    const double *reduced = x + (of ? c->at_v : c->at_u), *below = reduced + r * r;
    double *q = common + r * r;
    if (!t.warm) factor_directions(c, t, of, q);
    for (int64_t e = 0; e < r * r; e++) out[e] = reduced[e];
    for (int64_t i = 0; i < rows; i++) {
      double *row = out + r * r + i * r;
      for (int64_t j = 0; j < r; j++) {
        row[j] = 0;
        for (int64_t k = 0; k < columns; k++) row[j] += q[i * r + k] * below[k * r + j];
      }
    }
    common += c->dimension[of] * r;
    out += c->dimension[of] * r;
  }
}
#endif

/* ---------------------------------------------------------------- host: constants of a cell */

/* a given matrix in reduced coordinates, into the room; its offset */
static inline int64_t factor_reduce(const basin_vector *vector, int64_t r, int64_t rows,
                                    basin_room *room) {
  const int64_t below = vector->rows - r, whole = (below <= r ? rows : r) * r;
  const int64_t offset = room_put(room, NULL, rows * r), taken = room_put(room, NULL, below * r);
  if (!room->data) return offset;
  double *to = room->data + offset, *q = room->data + taken;
  for (int64_t e = 0; e < whole; e++) to[e] = vector->value[e];
  for (int64_t e = whole; e < vector->rows * r; e++) q[e - r * r] = vector->value[e];
  if (below > r) factor_orthonormal(below, r, r, q, to + r * r);
  return offset;
}

/* what is wrong with U or V, or NULL */
static inline const char *factor_check(const basin_vector *vector, int64_t r) {
  if (vector->rows < r) return "fewer rows than the rank r of M: a larger d_1 or d_2";
  if (vector->source == BASIN_GIVEN) {
    for (int64_t e = 0; e < basin_vector_size(vector); e++)
      if (!(fabs(vector->value[e]) < 1e50)) return "an entry of 1e50, or more";
    return NULL;
  }
  if (vector->source != BASIN_NORMAL)
    return "entries that are drawn must be normal, for theirs is the law that is the same in all "
           "directions: {normal: sd}, or give the matrix";
  if (vector->value || vector->offset != 0)
    return "normal entries around a mean are not the same in all directions: draw them around 0, "
           "or give the matrix";
  return fabs(vector->scale) < 1e50 ? NULL : "a standard deviation of 1e50, or more";
}

static inline void factor_sizes(factor_cell *c) {
  const int64_t r = c->r, rows = c->n_u + c->n_v;
  int64_t at = 1;
  c->at_u = at;
  c->at_v = at += c->n_u * r;
  c->at_law = at += c->n_v * r;
  c->at_begun = at += c->watched ? r * r : 0;
  c->at_kept = at += c->watched ? r * r : 0;
  c->states = at + (c->watched ? FACTOR_KEPT : 0);

  c->to_strand = 0;
  c->to_g = at = 32;
  c->to_a = at += rows * r;
  c->to_c = at += r * r;
  c->to_on_u = at += r * r;
  c->to_on_v = at += r * r;
  c->to_term = at += r * r;
  c->to_turned = at += rows;
  c->to_product = at += 2 * r * r;
  c->to_factor = at += 2 * r * r;
  c->to_value = at += r * r;
  c->work = at + 3 * r;
}

/* the largest step sizes, and whether they add up to infinity */
static inline void factor_schedule(const basin_setting *setting, factor_cell *c) {
  int64_t begun = 0;
  for (int s = 0; s < setting->stages; s++) {
    const basin_stage *stage = &setting->stage[s];
    const double power = stage->eta[BASIN_DECAY];
    const double eta = stage->eta[0] * exp(-power * log((double)begun + 1));
    if (eta > c->eta_most) c->eta_most = eta;
    const int moves = stage->moving[0] != NULL; /* at most eta; the one to come is not known */
    if ((s > 0 || moves) && eta > c->eta_later) c->eta_later = eta;
    c->falls |= power > 0;
    c->endless = eta > 0 && power <= 1 && !moves; /* of the last one */
    if (s < setting->stages - 1) begun += stage->steps;
  }
}

/* what is wrong with the method, or NULL */
static inline const char *factor_method_check(const factor_cell *c) {
  const basin_method *m = &c->method;
  const int whole = c->dimension[0] <= 2 * c->r && c->dimension[1] <= 2 * c->r;
  const int given = c->given[0] >= 0 && c->given[1] >= 0;
  if (method_is_plain(m)) return NULL;
  if (c->watched) return "the law of D is that of gradient descent: leave parameters.watch out";
  if (!whole && (m->number == BASIN_ADAM || m->number == BASIN_LANGEVIN || m->noise > 0))
    return "adam, langevin and noise are for entries of U and V, and the state has them all only "
           "where d1 and d2 are at most 2 r: give momentum or nesterov, or write the loss as a "
           "formula (data/experiments/own-model.md)";
  if (!given && m->number == BASIN_ADAM)
    return "adam moves every entry by itself, and drawn factors are known but for a turn: give U "
           "and V, or momentum or nesterov, or write the loss as a formula "
           "(data/experiments/own-model.md)";
  return NULL;
}

/* NULL, or what is wrong */
static inline const char *factor_prepare(const basin_setting *setting, basin_room *room,
                                         factor_cell *c, const char **where) {
  static const char *const matrix[2] = {"init.U", "init.V"};
  const basin_vector *sigma = &setting->teacher[0];
  const int64_t r = sigma->length;
  memset(c, 0, sizeof *c);
  c->r = r;
  *where = "teacher.sigma";
  for (int64_t i = 0; i < r; i++)
    if (!(sigma->value[i] > 0) || !(sigma->value[i] < 1e50) ||
        (i > 0 && sigma->value[i] > sigma->value[i - 1]))
      return "the singular values of M, r of them, must be above 0 (and below 1e50) and descend";
  c->first = sigma->value[0];
  c->last = sigma->value[r - 1];
  c->sigma = room_put(room, sigma->value, r);
  for (int of = 0; of < 2; of++) {
    const basin_vector *vector = &setting->initial[of];
    const char *why = factor_check(vector, r);
    *where = matrix[of];
    if (why) return why;
    const int64_t rows = vector->rows < 2 * r ? vector->rows : 2 * r;
    *(of ? &c->n_v : &c->n_u) = rows;
    c->dimension[of] = vector->rows;
    c->source[of] = draw_put(room, vector, setting->key, BASIN_STREAM_DIRECTION + of,
                             BASIN_STREAM_RADIUS + of);
    c->given[of] = vector->source == BASIN_GIVEN ? factor_reduce(vector, r, rows, room) : -1;
  }
  c->reg = setting->parameter[3];
  c->tolerance = setting->stop.tolerance;
  c->gradient2 = setting->stop.tolerance_gradient;
  c->curve = c->reg > 1 ? c->reg : 1;
  c->bend = sqrt(c->reg > 2 ? c->reg : 1 + 0.5 * c->reg);
  c->pull = sqrt(c->reg > 0 && 2 * c->reg < 0.75 ? 2 * c->reg : 0.75);
  c->watched = setting->parameter[4] > 0;
  factor_schedule(setting, c);
  factor_sizes(c);
  c->method = method_of(setting, (c->n_u + c->n_v) * r, 1);
  *where = "method";
  const char *wrong = factor_method_check(c);
  if (wrong) return wrong;
  *where = "stop.at";
  const double rounding = 4 * (double)(r * r) * 0x1p-53 * c->first;
  return c->tolerance > 0 && c->tolerance < rounding * rounding
             ? "smaller than the rounding errors of the loss, 2e-31 r^4 sigma_1^2"
             : NULL;
}

#endif
