/* SPDX-License-Identifier: MIT */
#include "campaign/campaign_files.h"
#include "base/files.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEARTBEAT_SECONDS = 5, HEARTBEAT_NAME = 2 * BASIN_HOST_BYTES };

void basin_teller_tell(void *context, const basin_progress *p) {
  basin_teller *t = context;
  if (t->options->progress) t->options->progress(t->options->context, p);
  if (p->seconds - t->last < HEARTBEAT_SECONDS && t->last > 0) return;
  t->last = p->seconds > 0 ? p->seconds : 1e-9;
  FILE *file = fopen(t->temporary, "w");
  if (!file) return; /* it is for the eye alone: no reason to stop */
  fprintf(file, "%lld %lld %.6g\n", (long long)p->trials, (long long)p->trials_total,
          p->seconds > 0 ? (double)p->trial_steps / p->seconds : 0);
  if (fclose(file) || rename(t->temporary, t->path)) unlink(t->temporary);
}

/* the file in which a shard tells of itself, without its folder */
static void heartbeat_name(const basin_heartbeat *beat, char name[HEARTBEAT_NAME]) {
  snprintf(name, HEARTBEAT_NAME, "shard-%lld-of-%lld.%s.%lld", beat->shard, beat->shards,
           beat->host, beat->pid);
}

/* who tells, from the name of the file; 0 where it is no such name */
static int parse_heartbeat(const char *name, basin_heartbeat *beat) {
  char again[HEARTBEAT_NAME];
  int host = 0;
  *beat = (basin_heartbeat){0};
  if (sscanf(name, "shard-%lld-of-%lld.%n", &beat->shard, &beat->shards, &host) != 2 || !host)
    return 0;
  const char *end = strrchr(name, '.');
  if (end < name + host || end - name - host >= (ptrdiff_t)sizeof beat->host) return 0;
  memcpy(beat->host, name + host, (size_t)(end - name - host));
  if (sscanf(end, ".%lld", &beat->pid) != 1) return 0;
  if (beat->shards < 1 || beat->shards > BASIN_SHARDS_MAX || beat->shard < 1 ||
      beat->shard > beat->shards || beat->pid < 1 || beat->pid > INT_MAX)
    return 0;
  heartbeat_name(beat, again);
  return !strcmp(name, again);
}

static int is_heartbeat(const char *name, const void *context) {
  basin_heartbeat beat;
  (void)context;
  return parse_heartbeat(name, &beat);
}

static int by_shard(const void *a, const void *b) {
  const basin_heartbeat *x = a, *y = b;
  if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
  return x->age < y->age ? -1 : x->age > y->age;
}

/* now, by the clock of the file system: the nodes' own may differ */
static double clock_of(const char *folder) {
  char path[BASIN_PATH_BYTES + 32];
  struct stat status;
  snprintf(path, sizeof path, "%s/.now-XXXXXX", folder);
  const int file = mkstemp(path);
  const int known = file >= 0 && write(file, "\n", 1) == 1 && !fstat(file, &status);
  if (file >= 0) {
    close(file);
    unlink(path);
  }
  if (known) return (double)status.st_mtim.tv_sec + 1e-9 * (double)status.st_mtim.tv_nsec;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

basin_status basin_campaign_heartbeats(const basin_campaign *c, basin_heartbeat **list,
                                       int64_t *count, basin_error *error) {
  const double now = clock_of(c->running);
  int64_t room = 0;
  DIR *directory = opendir(c->running);
  *list = NULL;
  *count = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char path[2 * BASIN_PATH_BYTES];
    struct stat status;
    basin_heartbeat beat;
    if (!parse_heartbeat(entry->d_name, &beat)) continue;
    snprintf(path, sizeof path, "%s/%s", c->running, entry->d_name);
    FILE *file = basin_open_stream(path);
    if (!file) continue; /* gone by now */
    if (fscanf(file, "%lld %lld %lf", &beat.trials, &beat.trials_total, &beat.steps_per_second) !=
        3)
      beat.trials = beat.trials_total = 0;
    char here[BASIN_HOST_BYTES] = "";
    gethostname(here, sizeof here - 1);
    beat.gone = !strcmp(here, beat.host) && kill((pid_t)beat.pid, 0) && errno == ESRCH;
    if (!fstat(fileno(file), &status))
      beat.age = now - (double)status.st_mtim.tv_sec - 1e-9 * (double)status.st_mtim.tv_nsec;
    fclose(file);
    if (*count == room) {
      room = 2 * room + 16;
      basin_heartbeat *more = realloc(*list, (size_t)room * sizeof *more);
      if (!more) {
        closedir(directory);
        free(*list);
        return basin_fail_memory(error);
      }
      *list = more;
    }
    (*list)[(*count)++] = beat;
  }
  if (directory) closedir(directory);
  if (*count) qsort(*list, (size_t)*count, sizeof **list, by_shard);
  return BASIN_OK;
}

/* Takes away what earlier processes of this shard have told: those that still run tell it again. */
static void forget_earlier(const basin_campaign *c, int64_t shard, int64_t shards) {
  DIR *directory = opendir(c->running);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    basin_heartbeat beat;
    char path[2 * BASIN_PATH_BYTES];
    if (!parse_heartbeat(entry->d_name, &beat) || beat.shard != shard || beat.shards != shards)
      continue;
    snprintf(path, sizeof path, "%s/%s", c->running, entry->d_name);
    unlink(path);
  }
  if (directory) closedir(directory);
}

basin_status basin_teller_open(const basin_campaign *c, int64_t shard, int64_t shards,
                               const basin_run_options *options, basin_teller *t,
                               basin_error *error) {
  basin_heartbeat self = {.shard = shard, .shards = shards, .pid = getpid()};
  char name[HEARTBEAT_NAME];
  *t = (basin_teller){.options = options};
  gethostname(self.host, sizeof self.host - 1);
  heartbeat_name(&self, name);
  if (snprintf(t->path, sizeof t->path, "%s/%s", c->running, name) >= (int)sizeof t->path ||
      !basin_temporary_name(t->path, t->temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the campaign's path is too long");
  const basin_status status = basin_make_folder(c->running, error);
  if (status) return status;
  forget_earlier(c, shard, shards);
  basin_sweep(c->running, is_heartbeat, NULL, BASIN_STALE_SECONDS);
  return BASIN_OK;
}

void basin_teller_close(const basin_teller *t) { unlink(t->path); }
