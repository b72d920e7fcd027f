/* SPDX-License-Identifier: MIT */
#include "store/attractors.h"
#include "store/search.h"
#include "base/files.h"
#include "engine/blas.h"
#include "engine/cpu.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the experiment, and its targets ---- */

static basin_status set_targets(basin_store *s, int64_t from, basin_error *error) {
  int64_t *target = realloc(s->target, (size_t)s->experiment->cells * sizeof *target);
  if (!target) return basin_fail_memory(error);
  for (int64_t c = from; c < s->experiment->cells; c++) target[c] = s->base->trials;
  s->target = target;
  return BASIN_OK;
}

basin_status basin_store_open(basin_store *s, const basin_experiment *e, const char *folder,
                              int64_t part_trials, basin_error *error) {
  *s = (basin_store){.base = e, .folder = folder, .part_trials = part_trials};
  return basin_store_restart(s, error);
}

basin_status basin_store_restart(basin_store *s, basin_error *error) {
  basin_search_close(s->search);
  s->search = NULL;
  s->experiment = s->base;
  basin_experiment_free(s->grown);
  s->grown = NULL;
  basin_status status = set_targets(s, 0, error);
  if (!status && s->base->refine.asked) status = basin_search_open(s->base, &s->search, error);
  return status;
}

void basin_store_close(basin_store *s) {
  basin_search_close(s->search);
  basin_experiment_free(s->grown);
  basin_parts_free(&s->parts);
  free(s->target);
  *s = (basin_store){0};
}

basin_status basin_store_list(basin_store *s, int whole, basin_error *error) {
  basin_parts_free(&s->parts);
  s->listed = s->experiment->cells;
  s->whole = whole;
  return basin_parts_list(s->folder, s->experiment, whole, &s->parts, error);
}

basin_status basin_store_grow(basin_store *s, const basin_added *added, int64_t count,
                              basin_error *error) {
  basin_experiment *grown;
  const int64_t before = s->experiment->cells;
  basin_status status = basin_experiment_grow(s->base, added, count, &grown, error);
  if (status) return status;
  basin_experiment_free(s->grown);
  s->experiment = s->grown = grown;
  status = set_targets(s, before, error);
  if (!status && s->listed < grown->cells)
    status = basin_parts_add(s->folder, grown, s->listed, s->whole, &s->parts, error);
  if (s->listed < grown->cells) s->listed = grown->cells;
  return status;
}

/* ---- counting ---- */

static void add(basin_range *sum, const basin_range *range) {
  sum->count += range->count;
  sum->steps += range->steps;
  for (int o = 0; o < BASIN_OUTCOMES_MAX; o++) sum->outcomes[o] += range->outcomes[o];
}

/* index of the cell's first part; parts.count where there is none */
static int64_t first_of_cell(const basin_parts *parts, int64_t cell) {
  int64_t low = 0, high = parts->count;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (parts->range[middle].cell < cell) low = middle + 1;
    else high = middle;
  }
  return low;
}

basin_status basin_store_count(const basin_store *s, int64_t cell, int64_t limit, basin_range *sum,
                               basin_error *error) {
  int64_t reached = 0;
  *sum = (basin_range){.cell = cell};
  for (int64_t i = first_of_cell(&s->parts, cell);
       i < s->parts.count && s->parts.range[i].cell == cell; i++) {
    const basin_range *range = &s->parts.range[i];
    const int64_t end = range->first + range->count,
                  from = reached > range->first ? reached : range->first,
                  to = end < limit ? end : limit;
    if (from >= to) continue;
    reached = to;
    if (from == range->first && to == end) {
      add(sum, range);
      continue;
    }
    basin_part part, piece;
    basin_range counted;
    const basin_status status = basin_part_read(s->folder, s->experiment, range, &part, NULL,
                                                error);
    if (status) return status;
    piece = part;
    piece.outcome += from - range->first;
    piece.steps += from - range->first;
    piece.count = counted.count = to - from;
    basin_part_count(&piece, &counted);
    add(sum, &counted);
    basin_part_free(&part);
  }
  return BASIN_OK;
}

/* ---- the output ---- */

basin_extent basin_store_extent(const basin_experiment *e, const int64_t *target) {
  basin_extent extent = {.cells = e->cells, .recorded = e->recorded, .times = e->times};
  for (int64_t c = 0; c < e->cells; c++)
    if (target[c] > extent.trials) extent.trials = target[c];
  if (extent.recorded > extent.trials) extent.recorded = extent.trials;
  return extent;
}

static basin_status write_provenance(basin_output *output, const basin_provenance *p,
                                     basin_error *error) {
  char text[512], host[256] = "";
  const time_t seconds = p->began;
  struct tm utc;
  gethostname(host, sizeof host - 1);
  gmtime_r(&seconds, &utc);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  basin_status status = basin_output_provenance(output, "host", host, error);
  if (!status) status = basin_output_provenance(output, "date", text, error);
  if (!status) status = basin_output_provenance(output, "backend", p->backend, error);
  if (!status && *basin_blas_name())
    status = basin_output_provenance(output, "blas", basin_blas_name(), error);
  if (!status && p->seconds >= 0)
    status = basin_output_provenance_number(output, "seconds", H5T_NATIVE_DOUBLE, &p->seconds,
                                            error);
  if (!status)
    status = basin_output_provenance_number(output, "trial_steps", H5T_NATIVE_INT64,
                                            &p->trial_steps, error);
  return status;
}

basin_status basin_make_output(const char *path, const basin_making *m, basin_error *error) {
  char temporary[BASIN_PATH_BYTES];
  basin_output *output;
  basin_error ignored;
  if (!basin_temporary_name(path, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  basin_status status = basin_output_create(temporary, m->experiment, m->extent, m->count,
                                            m->missing, m->threads, &output, error);
  if (status) return status;
  status = m->fill(m->context, output, error);
  if (!status && m->provenance) status = write_provenance(output, m->provenance, error);
  const basin_status closed = basin_output_close(output, status ? &ignored : error);
  if (!status) status = closed;
  if (!status) status = basin_publish(temporary, path, error);
  if (status) unlink(temporary);
  return status;
}

typedef struct assembly {
  const basin_store *store;
  const volatile int *stop;
} assembly;

/* what `refine` has found */
static basin_status write_crossings(const basin_store *s, basin_output *output,
                                    basin_error *error) {
  basin_crossing *crossing;
  int64_t count;
  if (!s->search) return BASIN_OK;
  basin_status status = basin_search_crossings(s->search, &crossing, &count, error);
  if (!status) status = basin_output_crossings(output, crossing, count, error);
  free(crossing);
  return status;
}

/* The next part that goes into an output, read by a thread of its own while the one before it is written. */
typedef struct reader {
  const basin_store *store;
  int64_t next;             /* where to look on in the store's list */
  int64_t reached;          /* what the parts before it cover of its cell */
  const basin_range *range; /* NULL: there is no more */
  pthread_t thread;
  int running;
  basin_part part; /* as below it is told */
  basin_status status;
  basin_error error;
} reader;

static void *read_part(void *context) {
  reader *r = context;
  r->status = basin_part_read(r->store->folder, r->store->experiment, r->range, &r->part, NULL,
                              &r->error);
  return NULL;
}

/* the next one, but for those that are wholly covered, or beyond the targets */
static void begin_reading(reader *r) {
  const basin_store *s = r->store;
  r->range = NULL;
  for (; r->next < s->parts.count && !r->range; r->next++) {
    const basin_range *range = &s->parts.range[r->next];
    if (r->next && s->parts.range[r->next - 1].cell != range->cell) r->reached = 0;
    if (range->first + range->count <= r->reached || range->first >= s->target[range->cell])
      continue;
    r->reached = range->first + range->count;
    r->range = range;
  }
  const int threads = s->threads ? s->threads : basin_cpu_processors();
  r->running = r->range && threads > 1 && !pthread_create(&r->thread, NULL, read_part, r);
}

/* the part is the caller's */
static basin_status end_reading(reader *r, basin_part *part, basin_error *error) {
  if (r->running) pthread_join(r->thread, NULL);
  else read_part(r);
  r->running = 0;
  *part = r->part;
  if (r->status) *error = r->error;
  return r->status;
}

static void give_up_reading(reader *r) {
  basin_part part;
  basin_error ignored;
  if (r->running && !end_reading(r, &part, &ignored)) basin_part_free(&part);
}

static basin_status write_parts(const void *context, basin_output *output, basin_error *error) {
  const assembly *a = context;
  const basin_store *s = a->store;
  basin_status status = BASIN_OK;
  reader r = {.store = s};
  for (begin_reading(&r); r.range && !status;) {
    const basin_range *range = r.range;
    basin_part part;
    if (a->stop && *a->stop) {
      status = basin_fail(error, BASIN_INTERRUPTED, "interrupted");
      break;
    }
    status = end_reading(&r, &part, error);
    if (status) break;
    begin_reading(&r);
    status = basin_output_write(output, range->cell, &part, s->target[range->cell], error);
    basin_part_free(&part);
  }
  give_up_reading(&r);
  if (!status) status = basin_attractors_end(output, error);
  return status ? status : write_crossings(s, output, error);
}

static basin_status count_cells(const basin_store *s, int64_t *count, int64_t *missing,
                                basin_error *error) {
  *missing = 0;
  for (int64_t c = 0; c < s->experiment->cells; c++) {
    basin_range sum;
    const basin_status status = basin_store_count(s, c, s->target[c], &sum, error);
    if (status) return status;
    count[c] = sum.count;
    *missing += s->target[c] - sum.count;
  }
  return BASIN_OK;
}

basin_status basin_store_assemble(const basin_store *s, const char *path,
                                  const basin_provenance *provenance, int partial,
                                  const volatile int *stop, basin_error *error) {
  const basin_extent extent = basin_store_extent(s->experiment, s->target);
  const assembly assembly = {s, stop};
  int64_t missing = 0;
  int64_t *count = calloc((size_t)s->experiment->cells, sizeof *count);
  basin_status status = count ? BASIN_OK : basin_fail_memory(error);
  if (!status && partial) status = count_cells(s, count, &missing, error);
  if (!status)
    status = basin_make_output(path,
                               &(basin_making){.experiment = s->experiment,
                                               .extent = &extent,
                                               .count = missing ? count : s->target,
                                               .missing = missing,
                                               .threads = s->threads,
                                               .provenance = provenance,
                                               .fill = write_parts,
                                               .context = &assembly},
                               error);
  free(count);
  return status;
}
