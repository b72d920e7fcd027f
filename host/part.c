/* SPDX-License-Identifier: MIT */
#include "part.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT_VERSION = 1, PATH_BYTES = 4096 };

/* 128 bytes, no padding */
typedef struct header {
  char magic[8]; /* "basinprt" */
  int64_t version;
  uint64_t identity; /* of the experiment */
  int64_t cell, first, count, recorded, times;
  int64_t finals, observables, states; /* states: 0 where the state is not kept */
  int64_t bytes;                       /* behind the header */
  uint64_t reserved[2];
  uint64_t payload_hash, header_hash; /* header_hash: of all that stands before it */
} header;

_Static_assert(sizeof(header) == 128, "the header has padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "part files are little-endian");

static uint64_t hash_header(const header *h) {
  return basin_hash(0, h, offsetof(header, header_hash));
}

/* ---- in memory ---- */

void basin_part_job(const basin_experiment *e, int64_t cell, int64_t first, int64_t count,
                    int *final, int *observable, basin_job *job) {
  const basin_model *model = e->cell[cell].model;
  for (int i = 0; i < e->finals; i++)
    final[i] = basin_symbol_find(model->observable, model->observables, e->final[i]);
  for (int i = 0; i < e->observables; i++)
    observable[i] = basin_symbol_find(model->observable, model->observables, e->observable[i]);
  *job = (basin_job){.model = model,
                     .setting = &e->cell[cell].setting,
                     .first = first,
                     .count = count,
                     .recorded = e->recorded,
                     .times = e->recorded ? e->times : 0,
                     .time = e->time,
                     .finals = e->finals,
                     .final = final,
                     .observables = e->observables,
                     .observable = observable,
                     .keep_states = e->keep_vectors};
}

static int64_t recorded_in(const basin_job *job) {
  const int64_t n = job->recorded - job->first;
  return n < 0 ? 0 : n > job->count ? job->count : n;
}

/* the arrays of a part, one after another: addresses of their pointers and their bytes */
enum { ARRAYS = 5 };
static void arrays(basin_part *part, const header *h, void **array[ARRAYS], size_t bytes[ARRAYS]) {
  const size_t count = (size_t)h->count, kept = (size_t)h->recorded * (size_t)h->times;
  array[0] = (void **)&part->outcome, bytes[0] = count * sizeof *part->outcome;
  array[1] = (void **)&part->steps, bytes[1] = count * sizeof *part->steps;
  array[2] = (void **)&part->final, bytes[2] = (size_t)h->finals * count * sizeof *part->final;
  array[3] = (void **)&part->record,
  bytes[3] = (size_t)h->observables * kept * sizeof *part->record;
  array[4] = (void **)&part->state, bytes[4] = (size_t)h->states * kept * sizeof *part->state;
}

static header describe(const basin_job *job) {
  return (header){.magic = "basinprt",
                  .version = FORMAT_VERSION,
                  .first = job->first,
                  .count = job->count,
                  .recorded = recorded_in(job),
                  .times = job->times,
                  .finals = job->finals,
                  .observables = job->observables,
                  .states = job->keep_states ? job->model->states : 0};
}

double basin_part_bytes(const basin_job *job) {
  const header h = describe(job);
  basin_part part;
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  double sum = 0;
  arrays(&part, &h, array, bytes);
  for (int i = 0; i < ARRAYS; i++) sum += (double)bytes[i];
  return sum;
}

static basin_status allocate(const header *h, basin_part *part, basin_error *error) {
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  memset(part, 0, sizeof *part);
  part->first = h->first;
  part->count = h->count;
  part->recorded = h->recorded;
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
  memset(part, 0, sizeof *part);
}

/* ---- on disk ---- */

static void part_path(char path[PATH_BYTES], const char *folder, int64_t cell, int64_t first,
                      int64_t count) {
  snprintf(path, PATH_BYTES, "%s/c%06lld-t%013lld-n%lld.part", folder, (long long)cell,
           (long long)first, (long long)count);
}

static int write_all(int file, const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    const ssize_t written = write(file, at, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    at += written;
    count -= (size_t)written;
  }
  return 0;
}

static int read_all(int file, void *bytes, size_t count) {
  char *at = bytes;
  while (count > 0) {
    const ssize_t got = read(file, at, count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    at += got;
    count -= (size_t)got;
  }
  return 0;
}

basin_status basin_part_write(const char *folder, uint64_t identity, int64_t cell,
                              const basin_job *job, const basin_part *part, basin_error *error) {
  header h = describe(job);
  basin_part copy = *part;
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  char path[PATH_BYTES], temporary[PATH_BYTES + 32];
  h.identity = identity;
  h.cell = cell;
  arrays(&copy, &h, array, bytes);
  for (int i = 0; i < ARRAYS; i++) {
    h.bytes += (int64_t)bytes[i];
    h.payload_hash = basin_hash(h.payload_hash, *array[i], bytes[i]);
  }
  h.header_hash = hash_header(&h);

  /* a temporary file of our own, fsync, rename, fsync of the folder: only then is the part acknowledged */
  part_path(path, folder, cell, h.first, h.count);
  snprintf(temporary, sizeof temporary, "%s.tmp%ld", path, (long)getpid());
  const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int bad = file < 0 || write_all(file, &h, sizeof h);
  for (int i = 0; i < ARRAYS && !bad; i++) bad = write_all(file, *array[i], bytes[i]);
  bad = bad || fsync(file);
  if (file >= 0) bad = close(file) || bad;
  bad = bad || rename(temporary, path);
  if (bad) {
    const int reason = errno;
    unlink(temporary);
    errno = reason;
    return basin_fail_system(error, "cannot write this part", path);
  }
  const int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bad = directory < 0 || fsync(directory);
  if (directory >= 0) close(directory);
  return bad ? basin_fail_system(error, "cannot sync the folder", folder) : BASIN_OK;
}

/* the header of an open part file; 0 where it is damaged */
static int read_header(int file, header *h) {
  struct stat status;
  if (read_all(file, h, sizeof *h) || fstat(file, &status)) return 0;
  return !memcmp(h->magic, "basinprt", 8) && h->header_hash == hash_header(h) &&
         h->version == FORMAT_VERSION && h->bytes >= 0 &&
         status.st_size == h->bytes + (off_t)sizeof *h;
}

/* whether the header describes the job's arrays; else its sizes are not to be trusted */
static int same_shape(const header *h, const basin_job *job, int64_t cell) {
  const header want = describe(job);
  return h->cell == cell && h->first == want.first && h->count == want.count &&
         h->recorded == want.recorded && h->times == want.times && h->finals == want.finals &&
         h->observables == want.observables && h->states == want.states &&
         (double)h->bytes == basin_part_bytes(job);
}

/* read and check one file; *damaged is set where its bytes are not what was written */
static basin_status load(const char *path, const basin_experiment *e, header *h, basin_part *part,
                         int *damaged, basin_error *error) {
  basin_status status = BASIN_OK;
  int *index = calloc((size_t)(e->finals + e->observables) + 1, sizeof *index);
  void **array[ARRAYS];
  size_t bytes[ARRAYS];
  uint64_t hash = 0;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  basin_job job;
  memset(part, 0, sizeof *part);
  *damaged = 0;
  if (!index) status = basin_fail_memory(error);
  if (!status && file < 0) status = basin_fail_system(error, "cannot be read", path);
  if (status) goto cleanup;
  *damaged = !read_header(file, h);
  if (*damaged) goto cleanup;
  if (h->identity != e->identity) {
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: a part of another experiment, expected this one's; finish that one, "
                        "or remove its folder",
                        path);
    goto cleanup;
  }
  *damaged = h->cell < 0 || h->cell >= e->cells || h->first < 0 || h->count < 1 ||
             h->first > BASIN_TRIALS_MAX - h->count;
  if (*damaged) goto cleanup;
  basin_part_job(e, h->cell, h->first, h->count, index, index + e->finals, &job);
  *damaged = !same_shape(h, &job, h->cell);
  if (*damaged) goto cleanup;
  status = allocate(h, part, error);
  if (status) goto cleanup;
  arrays(part, h, array, bytes);
  for (int i = 0; i < ARRAYS && !*damaged; i++) {
    *damaged = bytes[i] && read_all(file, *array[i], bytes[i]);
    hash = basin_hash(hash, *array[i], bytes[i]);
  }
  *damaged = *damaged || hash != h->payload_hash;

cleanup:
  if (file >= 0) close(file);
  if (status || *damaged) basin_part_free(part);
  free(index);
  return status;
}

static void count_outcomes(const basin_part *part, basin_range *range) {
  memset(range->outcomes, 0, sizeof range->outcomes);
  for (int64_t i = 0; i < part->count; i++)
    if (part->outcome[i] >= 0 && part->outcome[i] < BASIN_OUTCOMES_MAX)
      range->outcomes[part->outcome[i]]++;
}

static int by_trial(const void *a, const void *b) {
  const basin_range *x = a, *y = b;
  if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return x->count > y->count ? -1 : x->count < y->count;
}

void basin_range_sort(basin_range *range, int64_t ranges) {
  if (ranges > 0) qsort(range, (size_t)ranges, sizeof *range, by_trial);
}

static int is_part(const char *name) {
  const size_t length = strlen(name);
  return length > 5 && !strcmp(name + length - 5, ".part");
}

basin_status basin_part_list(const char *folder, const basin_experiment *e, basin_range **out,
                             int64_t *ranges, int64_t *damaged, basin_error *error) {
  basin_status status = BASIN_OK;
  basin_range *range = NULL;
  int64_t count = 0, room = 0;
  DIR *directory = opendir(folder);
  *damaged = 0;
  if (!directory && errno != ENOENT) status = basin_fail_system(error, "cannot be read", folder);
  for (struct dirent *entry; directory && !status && (entry = readdir(directory));) {
    char path[PATH_BYTES];
    header h;
    basin_part part;
    int bad;
    if (!is_part(entry->d_name)) continue;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) continue;
    if (count == room) {
      room = 2 * room + 64;
      basin_range *more = realloc(range, (size_t)room * sizeof *range);
      if (!more) {
        status = basin_fail_memory(error);
        break;
      }
      range = more;
    }
    status = load(path, e, &h, &part, &bad, error);
    if (bad) ++*damaged;
    if (status || bad) continue;
    range[count] = (basin_range){.cell = h.cell, .first = h.first, .count = h.count};
    count_outcomes(&part, &range[count++]);
    basin_part_free(&part);
  }
  if (directory) closedir(directory);
  if (status) free(range);
  if (status) return status;
  basin_range_sort(range, count);
  *out = range;
  *ranges = count;
  return BASIN_OK;
}

basin_status basin_part_read(const char *folder, const basin_experiment *e,
                             const basin_range *range, basin_part *part, basin_error *error) {
  char path[PATH_BYTES];
  header h;
  int damaged;
  part_path(path, folder, range->cell, range->first, range->count);
  const basin_status status = load(path, e, &h, part, &damaged, error);
  if (!status && damaged)
    return basin_fail(error, BASIN_FAILED,
                      "%s: damaged since it was written; run the same command again to redo it",
                      path);
  return status;
}

void basin_part_remove_all(const char *folder) {
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char path[PATH_BYTES];
    if (!strstr(entry->d_name, ".part")) continue;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
      unlink(path);
  }
  if (directory) closedir(directory);
  rmdir(folder);
}
