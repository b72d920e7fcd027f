/* SPDX-License-Identifier: MIT */
#include "store/part_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 6 };

static const char FINISHED[8] = "basinprt", SAVED[8] = "basinsav";

/* The first bytes of a part file of any version: whether to read on. */
typedef struct preamble {
  char magic[8];
  int64_t format;
  char version[24]; /* of the program: another one may give other bits */
  uint64_t hash;    /* of what stands before it */
} preamble;

/* 328 bytes, no padding */
typedef struct header {
  preamble preamble;
  uint64_t identity; /* of the experiment */
  int64_t cell, first, count, recorded, times;
  int64_t finals, observables;
  int64_t states, kept_states; /* of a trial; along trajectories, 0 where they are not kept */
  int64_t flights;
  int64_t steps; /* of all ended trials together */
  int64_t outcomes[BASIN_OUTCOMES_MAX];
  int64_t bytes;  /* behind the header */
  int64_t halves; /* whether there are halvings */
  int64_t estimates;
  int64_t passages;
  int64_t points;                     /* numbers of a trial's point of rest */
  uint64_t payload_hash, header_hash; /* header_hash: of all that stands before it */
} header;

_Static_assert(sizeof(header) == 328, "the header has padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "part files are little-endian");

/* ---- names ---- */

void basin_part_name(const basin_range *range, char name[BASIN_PART_NAME]) {
  snprintf(name, BASIN_PART_NAME, "c%06lld-t%013lld-n%lld%s", (long long)range->cell,
           (long long)range->first, (long long)range->count, BASIN_PART_SUFFIX);
}

int basin_part_parse_name(const char *name, const char *suffix, basin_range *range) {
  long long cell, first, count;
  char again[BASIN_PART_NAME + sizeof BASIN_SAVE_SUFFIX];
  *range = (basin_range){0};
  if (sscanf(name, "c%lld-t%lld-n%lld", &cell, &first, &count) != 3) return 0;
  if (cell < 0 || first < 0 || count < 1) return 0;
  *range = (basin_range){.cell = cell, .first = first, .count = count};
  basin_part_name(range, again);
  strcpy(again + strlen(again) - strlen(BASIN_PART_SUFFIX), suffix);
  return !strcmp(name, again);
}

static void part_path(char path[BASIN_PATH_BYTES], const char *folder, int64_t cell, int64_t first,
                      int64_t count, const char *suffix) {
  char name[BASIN_PART_NAME];
  basin_part_name(&(basin_range){.cell = cell, .first = first, .count = count}, name);
  name[strlen(name) - strlen(BASIN_PART_SUFFIX)] = 0;
  snprintf(path, BASIN_PATH_BYTES, "%s/%s%s", folder, name, suffix);
}

/* ---- writing ---- */

static header describe(const basin_job *job) {
  return (header){.first = job->first,
                  .count = job->count,
                  .recorded = basin_job_recorded(job),
                  .times = job->times,
                  .finals = job->finals,
                  .observables = job->observables,
                  .states = job->setting->size.states,
                  .halves = job->setting->halve,
                  .kept_states = job->keep_states ? job->setting->size.states : 0,
                  .estimates = job->estimates,
                  .passages = job->passages,
                  .points = job->points};
}

static preamble preamble_of(const char magic[8]) {
  preamble p = {.format = FORMAT, .version = BASIN_VERSION};
  memcpy(p.magic, magic, sizeof p.magic);
  p.hash = basin_hash(0, &p, offsetof(preamble, hash));
  return p;
}

static uint64_t hash_header(const header *h) {
  return basin_hash(0, h, offsetof(header, header_hash));
}

/* a temporary file of our own, fsync, rename, fsync of the folder: only then is it acknowledged. A folder or a link
   of that name, which is not ours, gets out of the way. */
static basin_status write_file(const char *path, const header *h,
                               const basin_piece piece[BASIN_PART_PIECES_ALL], basin_error *error) {
  char temporary[BASIN_PATH_BYTES], aside[BASIN_PATH_BYTES];
  if (!basin_temporary_name(path, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: the path is too long", path);
  const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  int bad = file < 0 || basin_write_all(file, h, sizeof *h);
  for (int i = 0; i < BASIN_PART_PIECES && !bad; i++)
    bad = basin_write_all(file, *piece[i].array, piece[i].bytes);
  bad = bad || fsync(file);
  if (file >= 0) bad = close(file) || bad;
  bad = bad || basin_set_aside(path, aside) || rename(temporary, path);
  if (bad) {
    const int reason = errno;
    unlink(temporary);
    errno = reason;
    return basin_fail_system(error, "cannot write this part", path);
  }
  return basin_sync_folder_of(path, error);
}

static basin_status write_part(const char *path, const char magic[8], uint64_t identity,
                               int64_t cell, const basin_job *job, const basin_part *part,
                               basin_error *error) {
  header h = describe(job);
  basin_part copy = *part;
  basin_range range;
  basin_piece piece[BASIN_PART_PIECES_ALL];
  h.preamble = preamble_of(magic);
  h.identity = identity;
  h.cell = cell;
  h.flights = part->flights;
  basin_part_count(part, &range);
  h.steps = range.steps;
  memcpy(h.outcomes, range.outcomes, sizeof h.outcomes);
  basin_part_pieces(&copy, job, part->flights, piece);
  for (int i = 0; i < BASIN_PART_PIECES; i++) {
    h.bytes += (int64_t)piece[i].bytes;
    h.payload_hash = basin_hash(h.payload_hash, *piece[i].array, piece[i].bytes);
  }
  h.header_hash = hash_header(&h);
  return write_file(path, &h, piece, error);
}

basin_status basin_part_write(const char *folder, uint64_t identity, int64_t cell,
                              const basin_job *job, const basin_part *part, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  part_path(path, folder, cell, job->first, job->count, BASIN_PART_SUFFIX);
  const basin_status status = write_part(path, FINISHED, identity, cell, job, part, error);
  if (status) return status;
  part_path(path, folder, cell, job->first, job->count, BASIN_SAVE_SUFFIX);
  unlink(path);
  return BASIN_OK;
}

basin_status basin_part_save(const char *folder, uint64_t identity, int64_t cell,
                             const basin_job *job, const basin_part *part, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  part_path(path, folder, cell, job->first, job->count, BASIN_SAVE_SUFFIX);
  return write_part(path, SAVED, identity, cell, job, part, error);
}

/* ---- reading ---- */

/* whether the bytes of a part, or some of them, are not what was written */
enum { SOUND, DAMAGED };

static basin_status other_version(const char *path, const preamble *p, basin_error *error) {
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: written by basin %.*s, this is basin " BASIN_VERSION
                    "; finish with that version, or start anew in another place",
                    path, (int)sizeof p->version - 1, p->version);
}

/* the header of an open part file */
static basin_status read_header(int file, const char *path, const char magic[8], uint64_t identity,
                                header *h, int *damaged, basin_error *error) {
  const preamble expected = preamble_of(magic);
  struct stat status;
  const int cut = basin_read_all(file, h, sizeof *h);
  *damaged = DAMAGED;
  if (!memcmp(h->preamble.magic, magic, 8) && memcmp(&h->preamble, &expected, sizeof expected) &&
      h->preamble.hash == basin_hash(0, &h->preamble, offsetof(preamble, hash)))
    return other_version(path, &h->preamble, error);
  if (cut || memcmp(&h->preamble, &expected, sizeof expected) || h->header_hash != hash_header(h))
    return BASIN_OK;
  if (h->identity != identity)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: a part of another experiment, expected this one's; finish that one "
                      "first, or move this file away",
                      path);
  if (fstat(file, &status) || h->bytes < 0 || status.st_size != h->bytes + (off_t)sizeof *h)
    return BASIN_OK;
  *damaged = SOUND;
  return BASIN_OK;
}

/* whether the header describes this very range of the experiment; else its sizes are not to be trusted */
static int is_of_range(const header *h, const basin_experiment *e, const basin_range *range) {
  if (range->cell < 0 || range->cell >= e->cells || range->first < 0 || range->count < 1 ||
      range->first > BASIN_TRIALS_MAX - range->count)
    return 0;
  const basin_job job = basin_part_job(e, range->cell, range->first, range->count);
  const header want = describe(&job);
  return h->cell == range->cell && h->first == want.first && h->count == want.count &&
         h->recorded == want.recorded && h->times == want.times && h->finals == want.finals &&
         h->observables == want.observables && h->states == want.states &&
         h->kept_states == want.kept_states && h->halves == want.halves &&
         h->estimates == want.estimates && h->passages == want.passages &&
         h->points == want.points && h->flights >= 0 && h->flights <= h->count &&
         (double)h->bytes == basin_part_file_bytes(&job, h->flights);
}

/* Passages come in the trial's life, those of a ladder one after another; of a trial that goes back to where it was
   kept some may be of later steps. */
static int passages_are_possible(const basin_job *job, const basin_part *part) {
  for (int p = 0; p < job->passages; p++) {
    const int64_t *passage = part->passage + p * part->count;
    for (int64_t i = 0; i < part->count; i++) {
      const int64_t last = part->outcome[i] >= 0 ? part->steps[i] : job->setting->stop.max_steps;
      if (passage[i] < -1 || passage[i] > last) return 0;
    }
  }
  return 1;
}

/* Whether a run can have left the part so: a checksum that is right does not say that. Each trial under way is named
   once and has not ended; `finished`: there are none. */
static int is_possible(const basin_experiment *e, const basin_job *job, basin_part *part,
                       const header *h, int finished) {
  enum { FRESH = -1, NAMED = -2 };
  basin_range range;
  int ok = 1;
  for (int64_t i = 0; i < part->count && ok; i++) {
    const int ended = part->outcome[i] >= 0;
    ok = part->outcome[i] >= (finished ? 0 : FRESH) && part->outcome[i] < e->outcomes.count &&
         (!ended || (part->steps[i] >= 0 && part->steps[i] <= job->setting->stop.max_steps)) &&
         (!part->halvings || part->halvings[i] >= 0);
  }
  if (ok) {
    basin_part_count(part, &range);
    ok = range.steps == h->steps && !memcmp(range.outcomes, h->outcomes, sizeof h->outcomes) &&
         (!finished || !part->flights);
  }
  ok = ok && passages_are_possible(job, part);
  int64_t named = 0;
  for (; named < part->flights && ok; named += ok) {
    const basin_flight *flight = &part->flight[named];
    ok = flight->trial >= 0 && flight->trial < part->count && flight->step > 0 &&
         flight->step <= job->setting->stop.max_steps && part->outcome[flight->trial] == FRESH;
    if (ok) part->outcome[flight->trial] = NAMED;
  }
  for (int64_t i = 0; i < named; i++) part->outcome[part->flight[i].trial] = FRESH;
  return ok;
}

/* read a file's header, and its arrays where `part` is given */
static basin_status load(const char *path, const char magic[8], const basin_experiment *e,
                         const basin_range *range, header *h, basin_part *part, int *damaged,
                         basin_error *error) {
  basin_piece piece[BASIN_PART_PIECES_ALL];
  uint64_t hash = 0;
  const int file = basin_open_regular(path);
  basin_status status = BASIN_OK;
  *damaged = SOUND;
  if (file == -1) status = basin_fail_system(error, "cannot be read", path);
  memset(h, 0, sizeof *h);
  if (file == BASIN_IRREGULAR) *damaged = DAMAGED;
  else if (!status) status = read_header(file, path, magic, e->identity, h, damaged, error);
  if (!status && *damaged == SOUND && !is_of_range(h, e, range)) *damaged = DAMAGED;
  if (!part || status || *damaged) goto cleanup;
  const basin_job job = basin_part_job(e, range->cell, range->first, range->count);
  status = basin_part_allocate_with(&job, h->flights, 1, part, error);
  if (status) goto cleanup;
  basin_part_pieces(part, &job, h->flights, piece);
  for (int i = 0; i < BASIN_PART_PIECES && !*damaged; i++) {
    if (basin_read_hashed(file, *piece[i].array, piece[i].bytes, &hash)) *damaged = DAMAGED;
  }
  if (hash != h->payload_hash || (!*damaged && !is_possible(e, &job, part, h, magic == FINISHED)))
    *damaged = DAMAGED;
  if (*damaged) basin_part_free(part);

cleanup:
  if (file >= 0) close(file);
  return status;
}

basin_status basin_part_read(const char *folder, const basin_experiment *e,
                             const basin_range *range, basin_part *part, int *damaged,
                             basin_error *error) {
  char path[BASIN_PATH_BYTES];
  header h;
  int bad;
  part_path(path, folder, range->cell, range->first, range->count, BASIN_PART_SUFFIX);
  const basin_status status = load(path, FINISHED, e, range, &h, part, &bad, error);
  if (damaged) *damaged = bad;
  if (!status && bad && !damaged)
    return basin_fail(error, BASIN_FAILED,
                      "%s: damaged since it was written; `basin run`, given again, redoes it",
                      path);
  return status;
}

basin_status basin_part_resume(const char *folder, const basin_experiment *e, int64_t cell,
                               const basin_job *job, basin_part *part, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  header h;
  basin_part saved;
  int damaged;
  const basin_range range = {.cell = cell, .first = job->first, .count = job->count};
  part_path(path, folder, cell, job->first, job->count, BASIN_SAVE_SUFFIX);
  if (access(path, F_OK)) return BASIN_OK;
  const basin_status status = load(path, SAVED, e, &range, &h, &saved, &damaged, error);
  if (status || damaged) return status;
  basin_part_free(part);
  *part = saved;
  return BASIN_OK;
}

basin_status basin_part_look(const char *folder, const basin_experiment *e, int whole,
                             basin_range *range, int *damaged, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  header h;
  basin_part part = {0};
  part_path(path, folder, range->cell, range->first, range->count, BASIN_PART_SUFFIX);
  const basin_status status = load(path, FINISHED, e, range, &h, whole ? &part : NULL, damaged,
                                   error);
  range->steps = h.steps;
  memcpy(range->outcomes, h.outcomes, sizeof range->outcomes);
  basin_part_free(&part);
  return status;
}

basin_status basin_part_check_saved(const char *path, const basin_experiment *e,
                                    basin_error *error) {
  header h;
  int damaged;
  const int file = basin_open_regular(path);
  if (file < 0) return BASIN_OK; /* finished by now, or nothing to be taken up */
  const basin_status status = read_header(file, path, SAVED, e->identity, &h, &damaged, error);
  close(file);
  return status;
}
