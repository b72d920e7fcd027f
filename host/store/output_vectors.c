/* SPDX-License-Identifier: MIT
 *
 * output_vectors.c: full vectors of recorded trials, made of their states by several threads.
 *
 * What there is to write of a part is rows, a recorded step of a trial each, in the order of the file. They are cut
 * into blocks. A thread takes the next block, makes its vectors, waits until all blocks before it are announced to the
 * checksums, announces its own, and writes it while others do theirs.
 */
#include "store/output_file.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
  BLOCK_VALUES = 1 << 17, /* of full vectors at a time: 1 MiB */
  /* in which threads have their blocks, beside the first one's: 8 MiB; and as much again as the part, for each: a run
     has planned with a part for each of its workers */
  ROOM_VALUES = 1 << 20,
  THREADS_MAX = 64
};

/* What all threads share. */
typedef struct crew {
  basin_output *o;
  int64_t cell;
  const basin_part *part;
  int64_t first, rows;           /* the first trial's index in the part; all rows */
  int64_t block;                 /* rows of a block */
  int number[BASIN_VECTORS_MAX]; /* of each initial vector, that of its variable */
  int64_t next;                  /* the block that is taken next */
  int64_t turn;                  /* the block that is announced next */
  pthread_mutex_t lock;
  pthread_cond_t turned;
} crew;

/* A thread's own. */
typedef struct hand {
  crew *crew;
  basin_maker *maker;
  double *full; /* [size.vectors] of one state */
  double *row
      [BASIN_VECTORS_MAX]; /* [block][length of the variable], in the order of the initial vectors */
  pthread_t thread;
} hand;

static const basin_cell *cell_of(const crew *c) { return &c->o->experiment->cell[c->cell]; }

static void free_hand(hand *h) {
  cell_of(h->crew)->model->maker_free(h->maker);
  free(h->full);
}

/* with: NULL, or a hand whose constants are used */
static int open_hand(crew *c, const hand *with, hand *h) {
  const basin_cell *cell = cell_of(c);
  const int64_t all = cell->setting.size.vectors;
  int64_t values = all;
  for (int i = 0; i < cell->model->initials; i++)
    values += c->block * c->o->vectors.length[c->number[i]];
  *h = (hand){.crew = c, .maker = cell->model->maker(&cell->setting, with ? with->maker : NULL)};
  h->full = malloc((size_t)values * sizeof *h->full);
  if (!h->maker || !h->full) {
    free_hand(h);
    return 0;
  }
  double *at = h->full + all;
  for (int i = 0; i < cell->model->initials; i++) {
    h->row[i] = at;
    at += c->block * c->o->vectors.length[c->number[i]];
  }
  return 1;
}

/* a row of every variable: a vector that is shorter than it, or that is not there, ends in the fill value */
static void set_row(const hand *h, int64_t row, const double *full) {
  const basin_cell *cell = cell_of(h->crew);
  for (int i = 0; i < cell->model->initials; i++) {
    const int64_t length = full ? basin_vector_size(&cell->setting.initial[i]) : 0,
                  width = h->crew->o->vectors.length[h->crew->number[i]];
    double *to = h->row[i] + row * width;
    if (length) memcpy(to, full, (size_t)length * sizeof *to);
    for (int64_t k = length; k < width; k++) to[k] = NAN;
    if (full) full += length;
  }
}

/* the vectors of rows first .. first + n - 1; whether any of them has a state: behind a trial's end there is none */
static int make_rows(const hand *h, int64_t first, int64_t n) {
  const crew *c = h->crew;
  const basin_cell *cell = cell_of(c);
  const int64_t times = c->o->extent.times, states = cell->setting.size.states;
  int any = 0;
  for (int64_t i = 0; i < n; i++) {
    const int64_t r = c->first + (first + i) / times;
    const double *state = c->part->state + (c->first * times + first + i) * states;
    const int there = !isnan(*state);
    if (there) cell->model->make(h->maker, c->part->first + r, 1, state, 0, h->full);
    set_row(h, i, there ? h->full : NULL);
    any |= there;
  }
  return any;
}

/* vector i of a block, to the checksums or into the file */
static void hand_over(const hand *h, int i, int64_t first, int64_t n, int announce) {
  const crew *c = h->crew;
  basin_output *o = c->o;
  const int v = c->number[i];
  const int64_t width = o->vectors.length[v], cell = c->cell - o->extent.first_cell,
                trial = c->part->first + c->first - o->extent.first_trial,
                at = (trial * o->extent.times + first) * width;
  if (announce) basin_netcdf_announce(o->file, o->vector[v], cell, at, n * width, h->row[i]);
  else basin_netcdf_put(o->file, o->vector[v], cell, at, n * width, h->row[i]);
}

static int64_t next_block(crew *c) {
  pthread_mutex_lock(&c->lock);
  const int64_t block = c->next++;
  pthread_mutex_unlock(&c->lock);
  return block;
}

static void *work(void *context) {
  const hand *h = context;
  crew *c = h->crew;
  const int vectors = cell_of(c)->model->initials;
  for (int64_t block; (block = next_block(c)) * c->block < c->rows;) {
    const int64_t first = block * c->block,
                  n = c->rows - first < c->block ? c->rows - first : c->block;
    const int any = make_rows(h, first, n);
    pthread_mutex_lock(&c->lock);
    while (c->turn != block) pthread_cond_wait(&c->turned, &c->lock);
    for (int i = 0; any && i < vectors; i++) hand_over(h, i, first, n, 1);
    c->turn++;
    pthread_cond_broadcast(&c->turned);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; any && i < vectors; i++) hand_over(h, i, first, n, 0);
  }
  return NULL;
}

/* how many threads have work and room, beside the one that reads the next part */
static int threads_of(const crew *c) {
  const basin_cell *cell = cell_of(c);
  const basin_job job = basin_part_job(c->o->experiment, c->cell, c->part->first, c->part->count);
  const int64_t blocks = (c->rows + c->block - 1) / c->block;
  int threads = c->o->threads < THREADS_MAX ? c->o->threads : THREADS_MAX;
  double own = 2 * (double)cell->setting.size.vectors + (double)cell->setting.size.work +
               (double)cell->setting.size.making;
  for (int i = 0; i < cell->model->initials; i++)
    own += (double)(c->block * c->o->vectors.length[c->number[i]]);
  if (blocks < threads) threads = (int)blocks;
  while (threads > 1 &&
         8 * own * (threads - 1) > 8.0 * ROOM_VALUES + basin_part_bytes(&job) * (threads - 2))
    threads--;
  return threads;
}

static void find_variables(crew *c) {
  const basin_model *model = cell_of(c)->model;
  for (int i = 0; i < model->initials; i++)
    while (strcmp(c->o->vectors.name[c->number[i]], model->initial[i].name) != 0) c->number[i]++;
}

basin_status basin_output_vectors(basin_output *o, int64_t cell, const basin_part *part,
                                  int64_t from, int64_t to, basin_error *error) {
  crew c = {.o = o,
            .cell = cell,
            .part = part,
            .first = from,
            .rows = (to - from) * o->extent.times,
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .turned = PTHREAD_COND_INITIALIZER};
  hand h[THREADS_MAX];
  int64_t values = 1;
  int hands = 0;
  find_variables(&c);
  for (int i = 0; i < cell_of(&c)->model->initials; i++) values += o->vectors.length[c.number[i]];
  c.block = BLOCK_VALUES / values;
  c.block = c.block < 1 ? 1 : c.block > c.rows ? c.rows : c.block;
  const int threads = threads_of(&c);
  if (!open_hand(&c, NULL, &h[0])) return basin_fail_memory(error);
  for (hands = 1; hands < threads; hands++) {
    if (!open_hand(&c, &h[0], &h[hands])) break;
    if (pthread_create(&h[hands].thread, NULL, work, &h[hands])) {
      free_hand(&h[hands]);
      break;
    }
  }
  work(&h[0]);
  for (int i = hands - 1; i >= 0; i--) {
    if (i > 0) pthread_join(h[i].thread, NULL);
    free_hand(&h[i]);
  }
  return BASIN_OK;
}
