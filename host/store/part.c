/* SPDX-License-Identifier: MIT */
#include "store/part.h"
#include "base/files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  FORMAT = 3,
  ARRAYS = 9 /* of a part, one after another on disk */
};

static const char FINISHED[8] = "basinprt", SAVED[8] = "basinsav";
static const char PART[] = ".part", SAVE[] = ".part.saved";

/* The first bytes of a part file of any version: whether to read on. */
typedef struct preamble {
  char magic[8];
  int64_t format;
  char version[24]; /* of the program: another one may give other bits */
  uint64_t hash;    /* of what stands before it */
} preamble;

/* 256 bytes, no padding */
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
  uint64_t reserved[1];
  uint64_t payload_hash, header_hash; /* header_hash: of all that stands before it */
} header;

_Static_assert(sizeof(header) == 256, "the header has padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "part files are little-endian");

/* ---- in memory ---- */

basin_job basin_part_job(const basin_experiment *e, int64_t cell, int64_t first, int64_t count) {
  return (basin_job){.model = e->cell[cell].model,
                     .setting = &e->cell[cell].setting,
                     .cell = cell,
                     .first = first,
                     .count = count,
                     .recorded = e->recorded,
                     .times = e->recorded ? e->times : 0,
                     .time = e->time,
                     .finals = e->finals,
                     .final = e->cell[cell].index,
                     .observables = e->observables,
                     .observable = e->cell[cell].index + e->finals,
                     .keep_states = basin_keeps_states(e),
                     .inputs = e->inputs,
                     .estimates = e->estimates};
}

/* the arrays of a part in the order of the file: addresses of their pointers and their bytes */
static void arrays(basin_part *part, const header *h, void **array[ARRAYS], size_t bytes[ARRAYS]) {
  const size_t count = (size_t)h->count, kept = (size_t)h->recorded * (size_t)h->times,
               flights = (size_t)h->flights;
  array[0] = (void **)&part->outcome, bytes[0] = count * sizeof *part->outcome;
  array[1] = (void **)&part->steps, bytes[1] = count * sizeof *part->steps;
  array[2] = (void **)&part->final, bytes[2] = (size_t)h->finals * count * sizeof *part->final;
  array[3] = (void **)&part->record,
  bytes[3] = (size_t)h->observables * kept * sizeof *part->record;
  array[4] = (void **)&part->state, bytes[4] = (size_t)h->kept_states * kept * sizeof *part->state;
  array[5] = (void **)&part->flight, bytes[5] = flights * sizeof *part->flight;
  array[6] = (void **)&part->flight_state,
  bytes[6] = flights * (size_t)h->states * sizeof *part->flight_state;
  array[7] = (void **)&part->halvings, bytes[7] = h->halves ? count * sizeof *part->halvings : 0;
  array[8] = (void **)&part->estimate,
  bytes[8] = 2 * (size_t)h->estimates * kept * sizeof *part->estimate;
}

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
                  .estimates = job->estimates};
}

static double header_bytes(const header *h) {
  basin_part part;
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  double sum = 0;
  arrays(&part, h, array, bytes);
  for (int i = 0; i < ARRAYS; i++) sum += (double)bytes[i];
  return sum;
}

double basin_part_bytes(const basin_job *job) {
  const header h = describe(job);
  return header_bytes(&h);
}

static basin_status allocate(const header *h, basin_part *part, basin_error *error) {
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  memset(part, 0, sizeof *part);
  part->first = h->first;
  part->count = h->count;
  part->recorded = h->recorded;
  part->flights = h->flights;
  arrays(part, h, array, bytes);
  for (int i = 0; i < ARRAYS; i++) {
    if (!bytes[i]) continue;
    *array[i] = malloc(bytes[i]);
    if (!*array[i]) {
      basin_part_free(part);
      return basin_fail_memory(error);
    }
    memset(*array[i], 0xff,
           bytes[i]); /* outcome and steps -1, doubles NaN: what nobody wrote shows */
  }
  if (part->halvings) memset(part->halvings, 0, (size_t)part->count);
  return BASIN_OK;
}

basin_status basin_part_allocate(const basin_job *job, basin_part *part, basin_error *error) {
  const header h = describe(job);
  return allocate(&h, part, error);
}

void basin_part_free(basin_part *part) {
  free(part->outcome);
  free(part->steps);
  free(part->final);
  free(part->record);
  free(part->state);
  free(part->flight);
  free(part->flight_state);
  free(part->halvings);
  free(part->estimate);
  memset(part, 0, sizeof *part);
}

void basin_part_count(const basin_part *part, basin_range *range) {
  memset(range->outcomes, 0, sizeof range->outcomes);
  range->steps = 0;
  for (int64_t i = 0; i < part->count; i++) {
    if (part->outcome[i] < 0 || part->outcome[i] >= BASIN_OUTCOMES) continue;
    range->outcomes[part->outcome[i]]++;
    range->steps += part->steps[i];
  }
}

static int by_trial(const void *a, const void *b) {
  const basin_range *x = a, *y = b;
  if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return x->count > y->count ? -1 : x->count < y->count;
}

int basin_range_before(const basin_range *x, const basin_range *y) { return by_trial(x, y) < 0; }

void basin_range_sort(basin_range *range, int64_t ranges) {
  if (ranges > 0) qsort(range, (size_t)ranges, sizeof *range, by_trial);
}

/* ---- names ---- */

void basin_part_name(const basin_range *range, char name[BASIN_PART_NAME]) {
  snprintf(name, BASIN_PART_NAME, "c%06lld-t%013lld-n%lld%s", (long long)range->cell,
           (long long)range->first, (long long)range->count, PART);
}

/* the range in a part's name, finished or saved; 0 where it is no such name */
static int parse_name(const char *name, const char *suffix, basin_range *range) {
  long long cell, first, count;
  char again[BASIN_PART_NAME + sizeof SAVE];
  *range = (basin_range){0};
  if (sscanf(name, "c%lld-t%lld-n%lld", &cell, &first, &count) != 3) return 0;
  if (cell < 0 || first < 0 || count < 1) return 0;
  *range = (basin_range){.cell = cell, .first = first, .count = count};
  basin_part_name(range, again);
  strcpy(again + strlen(again) - strlen(PART), suffix);
  return !strcmp(name, again);
}

static int is_saved(const char *name) {
  basin_range range;
  return parse_name(name, SAVE, &range);
}

int basin_is_part_name(const char *name, const void *context) {
  basin_range range;
  (void)context;
  return parse_name(name, PART, &range) || is_saved(name);
}

static void part_path(char path[BASIN_PATH_BYTES], const char *folder, int64_t cell, int64_t first,
                      int64_t count, const char *suffix) {
  char name[BASIN_PART_NAME];
  basin_part_name(&(basin_range){.cell = cell, .first = first, .count = count}, name);
  name[strlen(name) - strlen(PART)] = 0;
  snprintf(path, BASIN_PATH_BYTES, "%s/%s%s", folder, name, suffix);
}

/* ---- writing ---- */

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
static basin_status write_file(const char *path, const header *h, void **array[ARRAYS],
                               const size_t bytes[ARRAYS], basin_error *error) {
  char temporary[BASIN_PATH_BYTES], aside[BASIN_PATH_BYTES];
  if (!basin_temporary_name(path, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: the path is too long", path);
  const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  int bad = file < 0 || basin_write_all(file, h, sizeof *h);
  for (int i = 0; i < ARRAYS && !bad; i++) bad = basin_write_all(file, *array[i], bytes[i]);
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
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  h.preamble = preamble_of(magic);
  h.identity = identity;
  h.cell = cell;
  h.flights = part->flights;
  basin_part_count(part, &range);
  h.steps = range.steps;
  memcpy(h.outcomes, range.outcomes, sizeof h.outcomes);
  arrays(&copy, &h, array, bytes);
  for (int i = 0; i < ARRAYS; i++) {
    h.bytes += (int64_t)bytes[i];
    h.payload_hash = basin_hash(h.payload_hash, *array[i], bytes[i]);
  }
  h.header_hash = hash_header(&h);
  return write_file(path, &h, array, bytes, error);
}

basin_status basin_part_write(const char *folder, uint64_t identity, int64_t cell,
                              const basin_job *job, const basin_part *part, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  part_path(path, folder, cell, job->first, job->count, PART);
  const basin_status status = write_part(path, FINISHED, identity, cell, job, part, error);
  if (status) return status;
  part_path(path, folder, cell, job->first, job->count, SAVE);
  unlink(path);
  return BASIN_OK;
}

basin_status basin_part_save(const char *folder, uint64_t identity, int64_t cell,
                             const basin_job *job, const basin_part *part, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  part_path(path, folder, cell, job->first, job->count, SAVE);
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
         h->estimates == want.estimates && h->flights >= 0 && h->flights <= h->count &&
         (double)h->bytes == header_bytes(h);
}

/* read a file's header, and its arrays where `part` is given */
static basin_status load(const char *path, const char magic[8], const basin_experiment *e,
                         const basin_range *range, header *h, basin_part *part, int *damaged,
                         basin_error *error) {
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
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
  status = allocate(h, part, error);
  if (status) goto cleanup;
  arrays(part, h, array, bytes);
  for (int i = 0; i < ARRAYS && !*damaged; i++) {
    if (bytes[i] && basin_read_all(file, *array[i], bytes[i])) *damaged = DAMAGED;
    hash = basin_hash(hash, *array[i], bytes[i]);
  }
  if (hash != h->payload_hash) *damaged = DAMAGED;
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
  part_path(path, folder, range->cell, range->first, range->count, PART);
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
  part_path(path, folder, cell, job->first, job->count, SAVE);
  if (access(path, F_OK)) return BASIN_OK;
  const basin_status status = load(path, SAVED, e, &range, &h, &saved, &damaged, error);
  if (status || damaged) return status;
  basin_part_free(part);
  *part = saved;
  return BASIN_OK;
}

/* ---- a folder of them ---- */

static basin_status append(basin_range **list, int64_t *count, const basin_range *range,
                           basin_error *error) {
  if ((*count & (*count + 1)) == 0) { /* full at 2^n - 1 */
    basin_range *more = realloc(*list, (size_t)(2 * *count + 1) * sizeof *more);
    if (!more) return basin_fail_memory(error);
    *list = more;
  }
  (*list)[(*count)++] = *range;
  return BASIN_OK;
}

/* a part half done that is another experiment's is in the way just as a finished one */
static basin_status check_saved(const char *folder, const char *name, const basin_experiment *e,
                                basin_error *error) {
  char path[BASIN_PATH_BYTES];
  header h;
  int damaged;
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return BASIN_OK;
  const int file = basin_open_regular(path);
  if (file < 0) return BASIN_OK; /* finished by now, or nothing to be taken up */
  const basin_status status = read_header(file, path, SAVED, e->identity, &h, &damaged, error);
  close(file);
  return status;
}

basin_status basin_parts_list(const char *folder, const basin_experiment *e, int whole,
                              basin_parts *parts, basin_error *error) {
  basin_status status = BASIN_OK;
  DIR *directory = opendir(folder);
  memset(parts, 0, sizeof *parts);
  if (!directory && errno != ENOENT) status = basin_fail_system(error, "cannot be read", folder);
  for (struct dirent *entry; directory && !status && (entry = readdir(directory));) {
    char path[BASIN_PATH_BYTES];
    header h;
    basin_part part = {0};
    basin_range range;
    int damaged;
    if (is_saved(entry->d_name)) status = check_saved(folder, entry->d_name, e, error);
    if (!parse_name(entry->d_name, PART, &range)) continue;
    part_path(path, folder, range.cell, range.first, range.count, PART);
    status = load(path, FINISHED, e, &range, &h, whole ? &part : NULL, &damaged, error);
    if (status) break;
    range.steps = h.steps;
    memcpy(range.outcomes, h.outcomes, sizeof range.outcomes);
    status = damaged ? append(&parts->damaged, &parts->damageds, &range, error)
                     : append(&parts->range, &parts->count, &range, error);
    basin_part_free(&part);
  }
  if (directory) closedir(directory);
  if (status) basin_parts_free(parts);
  basin_range_sort(parts->range, parts->count);
  basin_range_sort(parts->damaged, parts->damageds);
  return status;
}

int basin_parts_damaged(const basin_parts *parts, const basin_range *range) {
  return parts->damageds && bsearch(range, parts->damaged, (size_t)parts->damageds,
                                    sizeof *parts->damaged, by_trial) != NULL;
}

void basin_parts_free(basin_parts *parts) {
  free(parts->range);
  free(parts->damaged);
  memset(parts, 0, sizeof *parts);
}

int basin_parts_remove(const char *folder) {
  if (basin_is_link(folder)) return -1;
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    struct stat status;
    if (basin_is_part_name(entry->d_name, NULL) &&
        !fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
        S_ISREG(status.st_mode))
      unlinkat(dirfd(directory), entry->d_name, 0);
  }
  if (directory) closedir(directory);
  basin_sweep(folder, basin_is_part_name, NULL, 0);
  return rmdir(folder) && errno != ENOENT ? -1 : 0;
}
