/* SPDX-License-Identifier: MIT */
#include "campaign/campaign.h"
#include "run/cut.h"
#include "store/results.h"
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

enum {
  RECORD_BYTES_MAX = 64 << 20,
  SETS_MAX = 128,
  HEARTBEAT_SECONDS = 5,
  HEARTBEAT_NAME = 2 * BASIN_HOST_BYTES
};

/* ---- the record DIR/campaign ---- */

static const char RECORD[] = "basin campaign 1\n";

static basin_status set_folder(basin_campaign *c, const char *folder, basin_error *error) {
  memset(c, 0, sizeof *c);
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') length--;
  if (length + 64 >= sizeof c->folder)
    return basin_fail(error, BASIN_BAD_INPUT, "the campaign's path is too long");
  memcpy(c->folder, folder, length);
  strcpy(stpcpy(c->parts, c->folder), "/parts");
  strcpy(stpcpy(c->running, c->folder), "/running");
  return BASIN_OK;
}

static void record_path(const basin_campaign *c, char path[BASIN_PATH_BYTES]) {
  strcpy(stpcpy(path, c->folder), "/campaign");
}

/* the file's bytes with a NUL behind them; NULL in *text where there is no such file */
static basin_status read_text(const char *path, char **text, basin_error *error) {
  struct stat status;
  *text = NULL;
  const int file = basin_open_regular(path);
  if (file == BASIN_IRREGULAR)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no plain file, expected a campaign's record",
                      path);
  if (file < 0)
    return errno == ENOENT ? BASIN_OK : basin_fail_system(error, "cannot be read", path);
  int bad = fstat(file, &status) != 0;
  if (!bad && status.st_size > RECORD_BYTES_MAX) {
    close(file);
    return basin_fail(error, BASIN_BAD_INPUT, "%s: not the record of a campaign: too long", path);
  }
  const size_t size = bad ? 0 : (size_t)status.st_size;
  *text = calloc(1, size + 1);
  errno = *text ? 0 : ENOMEM;
  bad = bad || !*text || basin_read_all(file, *text, size);
  const int reason = errno ? errno : EIO; /* shorter than it said */
  close(file);
  if (!bad) return BASIN_OK;
  free(*text);
  *text = NULL;
  errno = reason;
  return basin_fail_system(error, "cannot be read", path);
}

/* the line that begins with `key `, cut off from *text; NULL where the next line is another */
static char *take_line(char **text, const char *key) {
  const size_t length = strlen(key);
  char *line = *text, *end = strchr(line, '\n');
  if (!end || strncmp(line, key, length) != 0) return NULL;
  *end = 0;
  *text = end + 1;
  return line + length;
}

/* cuts the text up */
static basin_status parse_record(const char *path, char *text, basin_campaign *c,
                                 basin_error *error) {
  const char *set[SETS_MAX];
  char file[BASIN_PATH_BYTES], *name = NULL, *size = NULL, *end = NULL;
  int sets = 0;
  if (!strncmp(text, RECORD, strlen(RECORD))) {
    text += strlen(RECORD);
    name = take_line(&text, "name ");
    if (name) size = take_line(&text, "part-trials ");
  }
  if (size)
    while (sets < SETS_MAX && (set[sets] = take_line(&text, "set ")) != NULL) sets++;
  c->part_trials = size ? strtoll(size, &end, 10) : 0;
  const char *rest = size ? take_line(&text, "experiment") : NULL;
  if (c->part_trials < 1 || *end || !rest || *rest)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: not the record of a campaign, or damaged", path);
  if (snprintf(file, sizeof file, "%s.yaml", name) >= (int)sizeof file)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: the experiment's name is too long", path);
  return basin_experiment_parse(file, text, (int64_t)strlen(text), set, sets, &c->experiment,
                                error);
}

static basin_status read_record_at(const char *path, basin_campaign *c, int *found,
                                   basin_error *error) {
  char *text;
  basin_status status = read_text(path, &text, error);
  *found = text != NULL;
  if (text) status = parse_record(path, text, c, error);
  free(text);
  return status;
}

static basin_status read_record(basin_campaign *c, int *found, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  record_path(c, path);
  return read_record_at(path, c, found, error);
}

/* the record's text to a file of our own, fsynced */
static int write_record(const char *path, const basin_experiment *e, int64_t part_trials) {
  FILE *file = fopen(path, "wbx");
  if (!file) return -1;
  fprintf(file, "%sname %s\npart-trials %lld\n", RECORD, e->name, (long long)part_trials);
  for (const char *line = e->overrides; *line;) {
    const char *end = strchrnul(line, '\n');
    fprintf(file, "set %.*s\n", (int)(end - line), line);
    line = *end ? end + 1 : end;
  }
  fputs("experiment\n", file);
  fputs(e->text, file);
  int bad = ferror(file) || fflush(file) || fsync(fileno(file));
  return fclose(file) || bad ? -1 : 0;
}

/* whether the record reads back as what it was made of: a new line in a name or a setting breaks it */
static basin_status check_record(const char *path, const basin_experiment *e, basin_error *error) {
  basin_campaign again = {0};
  basin_error ignored;
  int found;
  const basin_status status = read_record_at(path, &again, &found, &ignored);
  const int same = !status && again.experiment->identity == e->identity &&
                   !strcmp(again.experiment->name, e->name) &&
                   !strcmp(again.experiment->overrides, e->overrides);
  basin_campaign_close(&again);
  if (same) return BASIN_OK;
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "%s: its name, or a setting, has a new line in it, which a campaign cannot keep", e->name);
}

/* put the record in place: replace one that is there, or not */
static basin_status place_record(const basin_campaign *c, const basin_experiment *e,
                                 int64_t part_trials, int replace, basin_error *error) {
  char path[BASIN_PATH_BYTES], temporary[BASIN_PATH_BYTES];
  record_path(c, path);
  if (!basin_temporary_name(path, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the campaign's path is too long");
  int bad = write_record(temporary, e, part_trials);
  int reason = errno;
  if (!bad) {
    const basin_status status = check_record(temporary, e, error);
    if (status) unlink(temporary);
    if (status) return status;
    /* a link fails where another process was faster; some file systems have no links */
    const int linked = !replace && !link(temporary, path);
    const int there = !replace && !linked && errno == EEXIST;
    if (!linked && !there) bad = rename(temporary, path);
    reason = errno;
  }
  unlink(temporary);
  errno = reason;
  return bad ? basin_fail_system(error, "cannot be written", path)
             : basin_sync_folder(c->folder, error);
}

basin_status basin_campaign_open(const char *folder, basin_campaign *c, basin_error *error) {
  int found = 0;
  basin_status status = set_folder(c, folder, error);
  if (!status) status = read_record(c, &found, error);
  if (!status && !found)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: no campaign there, expected a folder made by `basin run -o DIR/` or "
                        "`basin submit`",
                        folder);
  return status;
}

void basin_campaign_close(basin_campaign *c) {
  basin_experiment_free(c->experiment);
  c->experiment = NULL;
}

/* whether the experiment, as the campaign has it already, asks for the same trials, settings and texts */
static int is_same(const basin_experiment *x, const basin_experiment *y) {
  return x->trials == y->trials && x->halfwidth == y->halfwidth && x->max_trials == y->max_trials &&
         !strcmp(x->name, y->name) && !strcmp(x->text, y->text) &&
         !strcmp(x->overrides, y->overrides);
}

/* whether `e` asks for at least the trials that `now`, the campaign's own, asks for */
static int asks_as_much(const basin_experiment *e, const basin_experiment *now) {
  if (e->trials < now->trials) return 0;
  if (!(now->halfwidth > 0)) return 1;
  return e->halfwidth > 0 && e->halfwidth <= now->halfwidth && e->max_trials >= now->max_trials;
}

/* a folder for a new campaign: a new one, or an empty one */
static basin_status check_empty(const char *folder, basin_error *error) {
  DIR *directory = opendir(folder);
  int others = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));)
    others |= strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
              strncmp(entry->d_name, "campaign", 8) != 0 && strcmp(entry->d_name, "parts") != 0 &&
              strcmp(entry->d_name, "running") != 0;
  if (directory) closedir(directory);
  if (!others) return BASIN_OK;
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "%s: a folder with other things in it, and no campaign; give a new name with -o "
      "(for a file: one that is not a folder's)",
      folder);
}

/* what the campaign in the folder is asked for now: nothing new, more of the same, or something else */
static basin_status update(basin_campaign *c, const basin_experiment *e, int64_t part_trials,
                           basin_error *error) {
  const basin_experiment *now = c->experiment;
  const int64_t its_trials = c->part_trials;
  int found;
  if (now->identity != e->identity)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: holds a campaign of another experiment (%s), expected this one's; "
                      "give another folder with -o",
                      c->folder, now->name);
  if (part_trials && part_trials != its_trials)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "--part-trials %lld: this campaign has parts of %lld trials, which cannot change",
        (long long)part_trials, (long long)its_trials);
  if (is_same(e, now)) return BASIN_OK;
  if (!asks_as_much(e, now))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: the campaign asks for more trials, or a narrower `until`, than this "
                      "command: go on with `basin run %s`, or give another folder with -o",
                      c->folder, c->folder);
  basin_campaign_close(c);
  const basin_status status = place_record(c, e, its_trials, 1, error);
  return status ? status : read_record(c, &found, error);
}

basin_status basin_campaign_make(const basin_experiment *e, const char *folder, int64_t shards,
                                 int64_t part_trials, basin_campaign *c, basin_error *error) {
  int found = 0;
  basin_status status = set_folder(c, folder, error);
  if (!status) status = read_record(c, &found, error);
  if (!status && !found) {
    status = check_empty(c->folder, error);
    if (!status) status = basin_make_folder(c->folder, error);
    if (!status)
      status = place_record(c, e, part_trials ? part_trials : basin_plan_campaign_part(e, shards),
                            0, error);
    if (!status) status = read_record(c, &found, error);
  }
  if (!status) status = update(c, e, part_trials, error);
  if (status) basin_campaign_close(c);
  return status;
}

/* ---- the plan ---- */

void basin_plan_free(basin_plan *plan) {
  free(plan->range);
  free(plan->done);
  free(plan->shard);
  memset(plan, 0, sizeof *plan);
}

/* whether every trial of each part of the plan lies in the parts that are there: both are in order */
static void mark_done(const basin_parts *parts, basin_plan *plan) {
  int64_t at = 0, cell = -1, from = 0,
          to = 0; /* a run of trials without a gap; parts before `at` are in it */
  for (int64_t i = 0; i < plan->count; i++) {
    const basin_range *range = &plan->range[i];
    while (at < parts->count &&
           (cell < range->cell || (cell == range->cell && to < range->first + range->count))) {
      const basin_range *part = &parts->range[at];
      if (part->cell > range->cell) break;
      if (part->cell == cell && part->first <= to) {
        if (part->first + part->count > to) to = part->first + part->count;
      } else {
        if (part->cell == range->cell && cell == part->cell && part->first > range->first) break;
        cell = part->cell;
        from = part->first;
        to = part->first + part->count;
      }
      at++;
    }
    plan->done[i] = cell == range->cell && from <= range->first &&
                    range->first + range->count <= to;
  }
}

/* the parts of one more round, with their shards, join the plan in order */
static basin_status join_round(const basin_parts *parts, const basin_range *fresh,
                               const int64_t *owner, int64_t round, basin_plan *plan,
                               basin_error *error) {
  const int64_t total = plan->count + round;
  basin_plan joined = {.count = total,
                       .range = malloc((size_t)total * sizeof *joined.range),
                       .done = malloc((size_t)total),
                       .shard = malloc((size_t)total * sizeof *joined.shard)};
  if (!joined.range || !joined.done || !joined.shard) {
    basin_plan_free(&joined);
    return basin_fail_memory(error);
  }
  for (int64_t i = 0, old = 0, new = 0; i < total; i++) {
    const int first = new == round ||
                      (old < plan->count && basin_range_before(&plan->range[old], &fresh[new]));
    joined.shard[i] = first ? plan->shard[old] : owner[new];
    joined.range[i] = first ? plan->range[old++] : fresh[new ++];
  }
  mark_done(parts, &joined);
  basin_plan_free(plan);
  *plan = joined;
  return BASIN_OK;
}

static basin_status add_round(const basin_campaign *c, const basin_store *store, int64_t shards,
                              basin_plan *plan, basin_error *error) {
  basin_range *fresh = NULL;
  int64_t *owner = NULL, round = 0;
  basin_status status = basin_plan_missing(c->experiment, store->target, c->part_trials,
                                           plan->range, plan->count, &fresh, &round, error);
  if (!status && round) {
    basin_range_sort(fresh, round);
    owner = malloc((size_t)round * sizeof *owner);
    status = owner ? basin_plan_shards(c->experiment, fresh, round, shards, owner, error)
                   : basin_fail_memory(error);
    if (!status) status = join_round(&store->parts, fresh, owner, round, plan, error);
  }
  free(owner);
  free(fresh);
  return status;
}

basin_status basin_campaign_plan(const basin_campaign *c, basin_store *store, int64_t shards,
                                 basin_plan *plan, basin_error *error) {
  basin_status status = BASIN_OK;
  memset(plan, 0, sizeof *plan);
  for (int64_t i = 0; i < c->experiment->cells; i++) store->target[i] = c->experiment->trials;
  while (!status) {
    int64_t missing = 0;
    int raised = 0;
    status = add_round(c, store, shards, plan, error);
    for (int64_t i = 0; i < plan->count; i++) missing += !plan->done[i];
    if (status || missing) break;
    status = basin_store_raise(store, &raised, error);
    plan->complete = !raised;
    if (!raised) break;
  }
  if (status) basin_plan_free(plan);
  return status;
}

/* ---- what a shard tells of itself ---- */

typedef struct teller {
  const basin_run_options *options; /* of the caller */
  char path[BASIN_PATH_BYTES], temporary[BASIN_PATH_BYTES];
  double last; /* seconds of the run when last told */
} teller;

static void tell(void *context, const basin_progress *p) {
  teller *t = context;
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

/* ---- a shard ---- */

/* read the parts that lie in a range of this shard to their end; damaged ones leave the list */
static basin_status check_own(basin_store *store, const basin_plan *plan, int64_t shard,
                              int *damaged, basin_error *error) {
  basin_parts *parts = &store->parts;
  int64_t kept = 0;
  *damaged = 0;
  for (int64_t i = 0, at = 0; i < parts->count; i++) {
    const basin_range range = parts->range[i];
    int own = 0;
    while (at < plan->count && (plan->range[at].cell < range.cell ||
                                (plan->range[at].cell == range.cell &&
                                 plan->range[at].first + plan->range[at].count <= range.first)))
      at++;
    for (int64_t j = at; j < plan->count && plan->range[j].cell == range.cell &&
                         plan->range[j].first < range.first + range.count;
         j++)
      own |= plan->shard[j] == shard;
    int bad = 0;
    if (own) {
      basin_part part;
      const basin_status status = basin_part_read(store->folder, store->experiment, &range, &part,
                                                  &bad, error);
      if (status) return status;
      if (!bad) basin_part_free(&part);
    }
    *damaged |= bad;
    if (!bad) parts->range[kept++] = range;
  }
  parts->count = kept;
  return BASIN_OK;
}

/* the shard's own parts that are not done; in turns over the cells, as the plan for one machine has them */
static basin_status own_missing(const basin_plan *plan, int64_t shard, basin_range **own,
                                int64_t *count, basin_progress *progress, basin_error *error) {
  *count = 0;
  *own = calloc((size_t)plan->count + 1, sizeof **own);
  if (!*own) return basin_fail_memory(error);
  for (int64_t i = 0; i < plan->count; i++) {
    if (plan->shard[i] != shard) continue;
    progress->trials_total += plan->range[i].count;
    if (plan->done[i]) progress->trials_kept += plan->range[i].count;
    else (*own)[(*count)++] = plan->range[i];
  }
  basin_plan_in_turns(*own, *count);
  return BASIN_OK;
}

/* one round of a shard: *work is 0 where it has nothing to do in it; check: read what it has done before */
static basin_status run_round(const basin_campaign *c, basin_runner *r, int64_t shard,
                              int64_t shards, int check, int *work, int *complete,
                              basin_error *error) {
  basin_plan plan;
  basin_range *own = NULL;
  int64_t count = 0;
  int damaged = 0;
  *work = 0;
  basin_parts_free(&r->store.parts);
  basin_status status = basin_parts_list(c->parts, c->experiment, 0, &r->store.parts, error);
  if (!status) status = basin_campaign_plan(c, &r->store, shards, &plan, error);
  if (status) return status;
  if (check) status = check_own(&r->store, &plan, shard, &damaged, error);
  if (!status && damaged) {
    basin_plan_free(&plan);
    status = basin_campaign_plan(c, &r->store, shards, &plan, error);
    if (status) return status;
  }
  *complete = plan.complete;
  if (!status) status = own_missing(&plan, shard, &own, &count, &r->progress, error);
  if (!status && count) {
    *work = 1;
    status = basin_runner_check_room(r, 0, error);
    if (!status) status = basin_runner_work(r, own, count, error);
  }
  free(own);
  basin_plan_free(&plan);
  return status;
}

basin_status basin_campaign_run(const basin_campaign *c, int64_t shard, int64_t shards,
                                const basin_run_options *options, int *complete,
                                basin_error *error) {
  teller t = {.options = options};
  basin_run_options told = *options;
  basin_runner r;
  basin_heartbeat self = {.shard = shard, .shards = shards, .pid = getpid()};
  char name[HEARTBEAT_NAME];
  int work = 1;
  *complete = 0;
  told.output = c->folder;
  told.progress = tell;
  told.context = &t;
  gethostname(self.host, sizeof self.host - 1);
  heartbeat_name(&self, name);
  if (snprintf(t.path, sizeof t.path, "%s/%s", c->running, name) >= (int)sizeof t.path ||
      !basin_temporary_name(t.path, t.temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the campaign's path is too long");
  basin_status status = basin_make_folder(c->parts, error);
  if (!status) status = basin_make_folder(c->running, error);
  if (status) return status;
  forget_earlier(c, shard, shards);
  basin_sweep(c->folder, basin_is_same_name, "campaign", BASIN_STALE_SECONDS);
  basin_sweep(c->parts, basin_is_part_name, NULL, BASIN_STALE_SECONDS);
  basin_sweep(c->running, is_heartbeat, NULL, BASIN_STALE_SECONDS);
  status = basin_runner_open(&r, c->experiment, &told, c->parts, c->part_trials, error);
  if (status) return status;
  for (int round = 0; !status && work; round++) {
    r.progress.trials_kept = r.progress.trials_total = 0;
    r.watch.trials = 0;
    status = run_round(c, &r, shard - 1, shards, round == 0, &work, complete, error);
  }
  if (status == BASIN_INTERRUPTED) status = basin_runner_interrupted(&r, error);
  unlink(t.path);
  basin_runner_close(&r);
  return status;
}

/* ---- merging ---- */

basin_status basin_campaign_merge(const basin_campaign *c, const char *output, int partial,
                                  int no_provenance, const volatile int *stop, int *there,
                                  const basin_incomplete *incomplete, basin_error *error) {
  basin_store store;
  basin_plan plan = {0};
  basin_provenance provenance = {
      .began = time(NULL), .backend = "merged from parts", .seconds = -1};
  int64_t missing = 0;
  *there = 0;
  basin_status status = basin_check_output_name(output, error);
  if (!status) status = basin_results_check(output, c->experiment, there, error);
  if (status || *there) return status;
  status = basin_store_open(&store, c->experiment, c->parts, c->part_trials, error);
  if (status) return status;

  /* every byte is checked while it is copied; a partial merge must know first what to leave out */
  status = basin_parts_list(c->parts, c->experiment, partial, &store.parts, error);
  if (!status) status = basin_campaign_plan(c, &store, incomplete->shards, &plan, error);
  if (!status && !plan.complete) {
    for (int64_t i = 0; i < plan.count; i++) missing += !plan.done[i];
    status = incomplete->report(incomplete->context, &plan, &store.parts, error);
    if (!status && !store.parts.count)
      status = basin_fail(error, BASIN_BAD_INPUT, "%s: no part is there yet", c->folder);
  }
  if (!status) {
    for (int64_t i = 0; i < store.parts.count; i++)
      provenance.trial_steps += store.parts.range[i].steps;
    status = basin_store_assemble(&store, output, no_provenance ? NULL : &provenance, missing > 0,
                                  stop, error);
    if (!status) status = basin_store_judge(&store, output, error);
  }
  if (status == BASIN_FAILED && !partial) {
    basin_parts checked;
    basin_error ignored;
    if (!basin_parts_list(c->parts, c->experiment, 1, &checked, &ignored)) {
      if (checked.damageds)
        incomplete->report(incomplete->context, &(basin_plan){0}, &checked, &ignored);
      basin_parts_free(&checked);
    }
  }
  basin_plan_free(&plan);
  basin_store_close(&store);
  return status;
}
