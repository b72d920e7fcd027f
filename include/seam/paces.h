/* SPDX-License-Identifier: MIT
 *
 * paces.h: the paces of steps whose step sizes move (setting.h). A model makes them of step sizes (KIND_paces); here
 * they are made once and looked up, so that moving step sizes are nothing to a model. Drivers include it on the host,
 * behind expand.h.
 *
 * paces_fill() makes those of some steps. On the CPU a driver has a table of them, made as its trials come to them, at
 * most PACES_CHUNKS chunks of PACES_ROWS steps, of which a later one takes the place of an earlier:
 *
 *   paces_open(&table, setting, &cell);
 *   const double *row = paces_at(&table, step, &rows);           NULL: there is no step size at this step, or no memory
 *   for (int k = 0; k < table.count; k++)
 *     for (int64_t i = 0; i < rows; i++) ... pace table.column[k] of step + i is row[k * PACES_ROWS + i] ...
 *   paces_close(&table);
 *
 * Columns are the paces that differ from step to step; what the others are is in table.base. paces_at() may find one
 * more, and begin the table again: rows that were taken before have fewer columns then.
 */
#ifndef BASIN_SEAM_PACES_H
#define BASIN_SEAM_PACES_H

#include "seam/expand.h"
#include <stdlib.h>

enum { PACES_ROWS = 512, PACES_CHUNKS = BASIN_PACES_KEPT / PACES_ROWS };

/* the paces of step sizes, 0 where a model does not use them */
static inline void paces_make(const model_cell *cell, const double *eta, double *pace) {
  memset(pace, 0, BASIN_PACES_MAX * sizeof *pace);
  KIND_paces(cell, eta, pace);
}

/* What those of a schedule that moves are compared with: the paces of the first stage that does, with 0 for the step
   sizes that move. */
static inline void paces_base(const basin_setting *setting, const model_cell *cell, double *base) {
  const basin_stage *stage = setting->stage;
  double eta[2 * BASIN_STEP_SIZES_MAX];
  while (!basin_stage_moves(stage)) stage++;
  memcpy(eta, stage->eta, sizeof eta);
  for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++)
    if (stage->moving[i]) eta[i] = 0;
  paces_make(cell, eta, base);
}

/* those of all stages, pace[stages][BASIN_PACES_MAX]; of one that moves, what they are compared with */
static inline void paces_of_stages(const basin_setting *setting, const model_cell *cell,
                                   double *pace) {
  for (int s = 0; s < setting->stages; s++, pace += BASIN_PACES_MAX) {
    if (basin_stage_moves(&setting->stage[s])) paces_base(setting, cell, pace);
    else paces_make(cell, setting->stage[s].eta, pace);
  }
}

/* The paces of the steps first .. first + n - 1, n <= PACES_ROWS, all of one stage. Returns of how many, from the first
   on, there are any. */
static inline int64_t paces_within(const basin_stage *stage, const model_cell *cell, int64_t first,
                                   int64_t n, double (*pace)[BASIN_PACES_MAX]) {
  double value[BASIN_STEP_SIZES_MAX][PACES_ROWS], eta[2 * BASIN_STEP_SIZES_MAX];
  int64_t good = n;
  memcpy(eta, stage->eta, sizeof eta);
  for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++)
    if (stage->moving[i])
      good = stage->moving[i]->at(stage->moving[i], first, good, value[i], NULL);
  for (int64_t r = 0; r < good; r++) {
    for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++)
      if (stage->moving[i]) eta[i] = stage->scale * value[i][r];
    paces_make(cell, eta, pace[r]);
  }
  return good;
}

/* the same, whatever stages they are of */
static inline int64_t paces_fill(const basin_setting *setting, const model_cell *cell,
                                 int64_t first, int64_t n, double (*pace)[BASIN_PACES_MAX]) {
  int64_t done = 0;
  while (done < n) {
    int64_t begun, some = n - done;
    const basin_stage *stage = basin_stage_at(setting, first + done, &begun);
    const int64_t taken = first + done - begun;
    if (stage->steps - taken < some) some = stage->steps - taken;
    const int64_t good = paces_within(stage, cell, first + done, some, pace + done);
    done += good;
    if (good < some) break;
  }
  return done;
}

/* the paces of those rows that are not what they are in `base`, a bit each */
static inline unsigned paces_moving(double (*pace)[BASIN_PACES_MAX], int64_t rows,
                                    const double *base) {
  unsigned moving = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int i = 0; i < BASIN_PACES_MAX; i++)
      moving |= (unsigned)(memcmp(&pace[r][i], &base[i], sizeof base[i]) != 0) << i;
  return moving;
}

/* ---- a table of them, on the CPU ---- */

typedef struct paces_chunk {
  int64_t first, rows; /* fewer than PACES_ROWS where the next step has none */
  double pace[];       /* [count][PACES_ROWS] */
} paces_chunk;

typedef struct basin_paces {
  const basin_setting *setting;
  const model_cell *cell;
  unsigned columns; /* a bit each */
  int count, column[BASIN_PACES_MAX];
  double base[BASIN_PACES_MAX];
  paces_chunk **chunk; /* [PACES_CHUNKS]; NULL where no step size moves */
} basin_paces;

/* 0: out of memory */
static inline int paces_open(basin_paces *p, const basin_setting *setting, const model_cell *cell) {
  memset(p, 0, sizeof *p);
  p->setting = setting;
  p->cell = cell;
  if (!basin_schedule_moves(setting)) return 1;
  paces_base(setting, cell, p->base);
  p->chunk = (paces_chunk **)calloc(PACES_CHUNKS, sizeof *p->chunk);
  return p->chunk != NULL;
}

static inline void paces_clear(basin_paces *p) {
  for (int i = 0; p->chunk && i < PACES_CHUNKS; i++) {
    free(p->chunk[i]);
    p->chunk[i] = NULL;
  }
}

static inline void paces_close(basin_paces *p) {
  paces_clear(p);
  free(p->chunk);
}

/* the chunk of a step, made now; NULL: out of memory */
static inline paces_chunk *paces_make_chunk(basin_paces *p, int64_t step) {
  double pace[PACES_ROWS][BASIN_PACES_MAX];
  const int64_t number = step / PACES_ROWS, first = number * PACES_ROWS;
  paces_chunk **chunk = &p->chunk[number % PACES_CHUNKS];
  const int64_t rows = paces_fill(p->setting, p->cell, first, PACES_ROWS, pace);
  const unsigned moving = paces_moving(pace, rows, p->base);
  if (moving & ~p->columns) {
    paces_clear(p);
    p->columns |= moving;
    p->count = 0;
    for (int i = 0; i < BASIN_PACES_MAX; i++)
      if (p->columns >> i & 1) p->column[p->count++] = i;
  }
  if (!*chunk)
    *chunk = (paces_chunk *)malloc(sizeof **chunk + (size_t)p->count * PACES_ROWS * sizeof(double));
  if (!*chunk) return NULL;
  (*chunk)->first = first;
  (*chunk)->rows = rows;
  for (int k = 0; k < p->count; k++)
    for (int64_t r = 0; r < rows; r++) (*chunk)->pace[k * PACES_ROWS + r] = pace[r][p->column[k]];
  return *chunk;
}

/* The row of a step, and how many there are from it on. NULL where there is no step size for it, with *rows 0, or no
   memory, with -1. */
static inline const double *paces_at(basin_paces *p, int64_t step, int64_t *rows) {
  const int64_t number = step / PACES_ROWS;
  const paces_chunk *chunk = p->chunk[number % PACES_CHUNKS];
  if (!chunk || chunk->first != number * PACES_ROWS) chunk = paces_make_chunk(p, step);
  *rows = chunk ? chunk->first + chunk->rows - step : -1;
  if (chunk && *rows < 0) *rows = 0;
  return *rows > 0 ? chunk->pace + (step - chunk->first) : NULL;
}

#endif
