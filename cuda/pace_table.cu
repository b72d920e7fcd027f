/* SPDX-License-Identifier: MIT
 *
 * pace_table.cu: the host's side of a table of paces.
 */
#include "worker.h"
#include <stdlib.h>
#include <string.h>

enum { TABLE_BYTES = 1 << 30 };

void pace_table_open(pace_table *t, const basin_setting *setting, const void *constants,
                     const double *stage_pace, pace_maker *make, worker_buffer *buffer) {
  int64_t begun = 0;
  *t = pace_table{};
  t->setting = setting;
  t->constants = constants;
  t->make = make;
  t->buffer = buffer;
  t->bad = t->known.from = t->known.to = INT64_MAX;
  for (int s = 0; s < setting->stages; s++) {
    const basin_stage *stage = &setting->stage[s];
    const int last = s == setting->stages - 1;
    if (basin_stage_moves(stage)) {
      if (t->known.from == INT64_MAX) {
        t->known.from = t->known.to = begun;
        memcpy(t->base, stage_pace + (int64_t)s * BASIN_PACES_MAX, sizeof t->base);
      }
      t->known.end = last ? INT64_MAX : begun + stage->steps;
    }
    if (!last) begun += stage->steps;
  }
}

size_t pace_table_bytes(const basin_setting *setting) {
  const int64_t most = setting->stop.max_steps < 1000000 ? setting->stop.max_steps : 1000000;
  return basin_schedule_moves(setting) ? (size_t)most * 2 * sizeof(double) : 0;
}

void pace_table_close(pace_table *t) {
  free(t->host);
  t->host = NULL;
}

namespace {

/* room for so many rows; 0: there is no memory */
int make_room(pace_table *t, int64_t rows) {
  if (rows <= t->room) return 1;
  const int64_t room = rows + rows / 2;
  double *more = (double *)realloc(t->host, (size_t)(room * t->known.width + 1) * sizeof *more);
  if (!more) return 0;
  t->host = more;
  t->room = room;
  return 1;
}

/* whether paces move that had no column: then the table begins again */
int widen(pace_table *t, double (*pace)[BASIN_PACES_MAX], int64_t rows) {
  unsigned moving = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int i = 0; i < BASIN_PACES_MAX; i++)
      moving |= (unsigned)(memcmp(&pace[r][i], &t->base[i], sizeof t->base[i]) != 0) << i;
  if (!(moving & ~t->known.columns)) return 0;
  t->known.columns |= moving;
  t->known.width = __builtin_popcount(t->known.columns);
  t->known.to = t->known.from;
  t->room = t->sent = 0;
  t->bad = INT64_MAX;
  return 1;
}

pace_table_status lengthen(pace_table *t, int64_t step) {
  double pace[PACE_BLOCK][BASIN_PACES_MAX];
  while (t->known.to < step && t->bad == INT64_MAX) {
    const int64_t most = PACE_BLOCK, n = step - t->known.to < most ? step - t->known.to : most,
                  good = t->make(t->setting, t->constants, t->known.to, n, pace),
                  have = t->known.to - t->known.from;
    if (widen(t, pace, good)) continue;
    if ((have + good) * (t->known.width + 1) > TABLE_BYTES / (int64_t)sizeof(double))
      return PACE_TABLE_FULL;
    if (!make_room(t, have + good)) return PACE_TABLE_NO_MEMORY;
    double *to = t->host + have * t->known.width;
    for (int64_t r = 0; r < good; r++)
      for (int i = 0; i < BASIN_PACES_MAX; i++)
        if (t->known.columns >> i & 1) *to++ = pace[r][i];
    t->known.to += good;
    if (good < n) t->bad = t->known.to;
  }
  return PACE_TABLE_OK;
}

} // namespace

pace_table_status pace_table_reach(pace_table *t, int64_t step, lane_paces *paces,
                                   cudaStream_t stream, cudaError_t *bad) {
  *bad = cudaSuccess;
  if (t->known.from == INT64_MAX) return PACE_TABLE_OK;
  if (step > t->known.end) step = t->known.end;
  if (step > t->setting->stop.max_steps) step = t->setting->stop.max_steps;
  const pace_table_status status = lengthen(t, step);
  if (status) return status;
  const int64_t rows = t->known.to - t->known.from;
  const size_t row = (size_t)t->known.width * sizeof(double);
  if ((size_t)rows * row > t->buffer->bytes) {
    t->sent = 0;
    *bad = buffer_grow(t->buffer, (size_t)(rows + rows / 2) * row);
  }
  if (!*bad && rows > t->sent && row)
    *bad = cudaMemcpyAsync((char *)t->buffer->at + (size_t)t->sent * row,
                           (const char *)t->host + (size_t)t->sent * row,
                           (size_t)(rows - t->sent) * row, cudaMemcpyHostToDevice, stream);
  if (*bad) return PACE_TABLE_LOST;
  t->sent = rows;
  *paces = t->known;
  paces->row = (const double *)t->buffer->at;
  return PACE_TABLE_OK;
}
