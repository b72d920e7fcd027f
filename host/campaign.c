/* SPDX-License-Identifier: MIT */
#include "campaign.h"
#include "plan.h"
#include "results.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_BYTES_MAX = 64 << 20, HOST_BYTES = 65, HEARTBEAT_SECONDS = 5 };

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
  *text = NULL;
  FILE *file = fopen(path, "rb");
  if (!file) return errno == ENOENT ? BASIN_OK : basin_fail_system(error, "cannot be read", path);
  struct stat status;
  size_t size = 0;
  if (!fstat(fileno(file), &status) && status.st_size < RECORD_BYTES_MAX)
    size = (size_t)status.st_size;
  *text = calloc(1, size + 1);
  const int bad = !*text || fread(*text, 1, size, file) != size;
  fclose(file);
  if (!bad) return BASIN_OK;
  free(*text);
  *text = NULL;
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
static basin_status parse_record(basin_campaign *c, char *text, basin_error *error) {
  const char *set[BASIN_AXES_MAX * 4];
  char path[BASIN_PATH_BYTES], file[BASIN_PATH_BYTES];
  int sets = 0;
  record_path(c, path);
  char *name = NULL, *size = NULL;
  if (!strncmp(text, RECORD, strlen(RECORD))) {
    text += strlen(RECORD);
    name = take_line(&text, "name ");
    if (name) size = take_line(&text, "part-trials ");
  }
  if (size)
    while (sets < (int)(sizeof set / sizeof *set) && (set[sets] = take_line(&text, "set ")) != NULL)
      sets++;
  c->part_trials = size ? atoll(size) : 0;
  if (c->part_trials < 1 || !take_line(&text, "experiment"))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: not the record of a campaign, or damaged", path);
  if (snprintf(file, sizeof file, "%s.yaml", name) >= (int)sizeof file)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: the experiment's name is too long", path);
  return basin_experiment_parse(file, text, (int64_t)strlen(text), set, sets, &c->experiment,
                                error);
}

static basin_status read_record(basin_campaign *c, int *found, basin_error *error) {
  char path[BASIN_PATH_BYTES], *text;
  record_path(c, path);
  basin_status status = read_text(path, &text, error);
  *found = text != NULL;
  if (text) status = parse_record(c, text, error);
  free(text);
  return status;
}

/* the record's text to a file of our own, fsynced */
static int write_record(const char *path, const basin_experiment *e, int64_t part_trials) {
  FILE *file = fopen(path, "wb");
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

/* put the record in place: replace one that is there, or not */
static basin_status place_record(const basin_campaign *c, const basin_experiment *e,
                                 int64_t part_trials, int replace, basin_error *error) {
  char path[BASIN_PATH_BYTES], temporary[BASIN_PATH_BYTES + HOST_BYTES + 64], host[HOST_BYTES] = "";
  record_path(c, path);
  gethostname(host, sizeof host - 1);
  snprintf(temporary, sizeof temporary, "%s.tmp-%s-%ld", path, host, (long)getpid());
  int bad = write_record(temporary, e, part_trials);
  /* a link fails where another process was faster; some file systems have no links */
  if (!bad && !replace && !link(temporary, path)) unlink(temporary);
  else if (!bad && !replace && errno == EEXIST) unlink(temporary);
  else if (!bad) bad = rename(temporary, path);
  if (bad) {
    const int reason = errno;
    unlink(temporary);
    errno = reason;
    return basin_fail_system(error, "cannot be written", path);
  }
  const int folder = open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bad = folder < 0 || fsync(folder);
  if (folder >= 0) close(folder);
  return bad ? basin_fail_system(error, "cannot sync the folder", c->folder) : BASIN_OK;
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

static int same_targets(const basin_experiment *x, const basin_experiment *y) {
  return x->trials == y->trials && x->halfwidth == y->halfwidth && x->max_trials == y->max_trials;
}

/* whether `e` asks for more trials than `now`, the campaign's own */
static int asks_more(const basin_experiment *e, const basin_experiment *now) {
  if (e->trials != now->trials) return e->trials > now->trials;
  if (!(e->halfwidth > 0)) return 0;
  return !(now->halfwidth > 0) || e->halfwidth < now->halfwidth || e->max_trials > now->max_trials;
}

basin_status basin_campaign_make(const basin_experiment *e, const char *folder, int64_t shards,
                                 int64_t part_trials, basin_campaign *c, basin_error *error) {
  int found = 0;
  if (!part_trials) part_trials = basin_plan_campaign_part(e, shards);
  basin_status status = set_folder(c, folder, error);
  if (!status && mkdir(c->folder, 0777) && errno != EEXIST)
    status = basin_fail_system(error, "cannot be made", c->folder);
  if (!status) status = read_record(c, &found, error);
  if (!status && !found) {
    status = place_record(c, e, part_trials, 0, error);
    if (!status) status = read_record(c, &found, error);
  }
  if (!status && c->experiment->identity != e->identity)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: holds a campaign of another experiment (%s), expected this one's; "
                        "give another folder with -o",
                        c->folder, c->experiment->name);
  if (!status && !same_targets(e, c->experiment) && asks_more(e, c->experiment)) {
    part_trials = c->part_trials;
    basin_campaign_close(c);
    status = place_record(c, e, part_trials, 1, error);
    if (!status) status = read_record(c, &found, error);
  }
  if (!status && mkdir(c->parts, 0777) && errno != EEXIST)
    status = basin_fail_system(error, "cannot be made", c->parts);
  if (!status && mkdir(c->running, 0777) && errno != EEXIST)
    status = basin_fail_system(error, "cannot be made", c->running);
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

/* whether every trial of the range lies in a part of the list */
static int is_covered(const basin_parts *parts, const basin_range *range) {
  int64_t reached = range->first;
  int64_t low = 0, high = parts->count;
  while (low < high) { /* the cell's first part */
    const int64_t middle = low + (high - low) / 2;
    if (parts->range[middle].cell < range->cell) low = middle + 1;
    else high = middle;
  }
  for (; low < parts->count && parts->range[low].cell == range->cell &&
         parts->range[low].first <= reached && reached < range->first + range->count;
       low++) {
    const int64_t end = parts->range[low].first + parts->range[low].count;
    if (end > reached) reached = end;
  }
  return reached >= range->first + range->count;
}

/* the parts of one more round, with their shards, join the plan in order; those before belong to none now */
static basin_status join_round(const basin_store *store, const basin_range *fresh,
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
    joined.shard[i] = first ? -1 : owner[new];
    joined.range[i] = first ? plan->range[old++] : fresh[new ++];
    joined.done[i] = (char)is_covered(&store->parts, &joined.range[i]);
  }
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
    if (!status) status = join_round(store, fresh, owner, round, plan, error);
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
  char path[BASIN_PATH_BYTES + HOST_BYTES + 96];
  double last; /* seconds of the run when last told */
} teller;

static void tell(void *context, const basin_progress *p) {
  teller *t = context;
  if (t->options->progress) t->options->progress(t->options->context, p);
  if (p->seconds - t->last < HEARTBEAT_SECONDS && t->last > 0) return;
  t->last = p->seconds > 0 ? p->seconds : 1e-9;
  FILE *file = fopen(t->path, "w");
  if (!file) return; /* it is for the eye alone */
  fprintf(file, "%lld %lld %.6g\n", (long long)p->trials, (long long)p->trials_total,
          p->seconds > 0 ? (double)p->trial_steps / p->seconds : 0);
  fclose(file);
}

static int parse_heartbeat(const char *name, basin_heartbeat *beat) {
  char tail[8];
  return sscanf(name, "shard-%lld-of-%lld.%64[^ ]", &beat->shard, &beat->shards, beat->host) == 3 &&
         strrchr(beat->host, '.') &&
         sscanf(strrchr(beat->host, '.'), ".%lld%7s", &beat->pid, tail) == 1;
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
    basin_heartbeat beat = {0};
    if (!parse_heartbeat(entry->d_name, &beat)) continue;
    *strrchr(beat.host, '.') = 0;
    snprintf(path, sizeof path, "%s/%s", c->running, entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue; /* gone by now */
    if (fscanf(file, "%lld %lld %lf", &beat.trials, &beat.trials_total, &beat.steps_per_second) !=
        3)
      beat.trials = beat.trials_total = 0;
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

/* one round of a shard: *work is 0 where it has nothing to do in it */
static basin_status run_round(const basin_campaign *c, basin_runner *r, int64_t shard,
                              int64_t shards, int *work, int *complete, basin_error *error) {
  basin_plan plan;
  basin_range *own = NULL;
  int64_t count = 0;
  int damaged = 0;
  *work = 0;
  basin_parts_free(&r->store.parts);
  basin_status status = basin_parts_list(c->parts, c->experiment, 0, &r->store.parts, error);
  if (!status) status = basin_campaign_plan(c, &r->store, shards, &plan, error);
  if (status) return status;
  status = check_own(&r->store, &plan, shard, &damaged, error);
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
  char host[HOST_BYTES] = "";
  int work = 1;
  *complete = 0;
  told.output = c->folder;
  told.progress = tell;
  told.context = &t;
  gethostname(host, sizeof host - 1);
  snprintf(t.path, sizeof t.path, "%s/shard-%lld-of-%lld.%s.%ld", c->running, (long long)shard,
           (long long)shards, host, (long)getpid());
  basin_status status = basin_runner_open(&r, c->experiment, &told, c->parts, c->part_trials,
                                          error);
  if (status) return status;
  while (!status && work) {
    r.progress.trials_kept = r.progress.trials_total = 0;
    r.watch.trials = 0;
    status = run_round(c, &r, shard - 1, shards, &work, complete, error);
  }
  if (status == BASIN_INTERRUPTED) status = basin_runner_interrupted(&r, error);
  unlink(t.path);
  basin_runner_close(&r);
  return status;
}

/* ---- merging ---- */

static int64_t report_all(const basin_plan *plan, const basin_parts *parts,
                          void (*report)(const char *name, int damaged)) {
  char name[BASIN_PART_NAME];
  int64_t missing = 0;
  for (int64_t i = 0; i < parts->damageds; i++) {
    basin_part_name(&parts->damaged[i], name);
    report(name, 1);
  }
  for (int64_t i = 0; i < plan->count; i++) {
    if (plan->done[i]) continue;
    missing++;
    int damaged = 0;
    for (int64_t j = 0; j < parts->damageds && !damaged; j++)
      damaged = parts->damaged[j].cell == plan->range[i].cell &&
                parts->damaged[j].first == plan->range[i].first &&
                parts->damaged[j].count == plan->range[i].count;
    if (damaged) continue;
    basin_part_name(&plan->range[i], name);
    report(name, 0);
  }
  return missing;
}

/* what stands at the output's path: *complete where it is this campaign's, whole */
static basin_status check_output(const basin_campaign *c, const char *output, int *complete,
                                 basin_error *error) {
  basin_results *results;
  *complete = 0;
  if (access(output, F_OK)) return BASIN_OK;
  const basin_status status = basin_results_open(output, &results, error);
  if (status) return status;
  const int same = basin_results_matches(results, c->experiment),
            missing = basin_results_missing(results) > 0;
  basin_results_close(results);
  *complete = same && !missing;
  if (same) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: holds another experiment, or other trials; give another name with -o, or "
                    "remove it",
                    output);
}

basin_status basin_campaign_merge(const basin_campaign *c, const char *output, int partial,
                                  int no_provenance, const volatile int *stop,
                                  void (*report)(const char *name, int damaged),
                                  basin_error *error) {
  basin_store store;
  basin_plan plan = {0};
  basin_provenance provenance = {.began = time(NULL), .backend = "merged from parts"};
  struct timespec begun, ended;
  int complete = 0;
  int64_t missing = 0;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  basin_status status = check_output(c, output, &complete, error);
  if (status || complete) return status;
  status = basin_store_open(&store, c->experiment, c->parts, c->part_trials, error);
  if (status) return status;

  /* every byte is checked while it is copied; a partial merge must know first what to leave out */
  status = basin_parts_list(c->parts, c->experiment, partial, &store.parts, error);
  if (!status) status = basin_campaign_plan(c, &store, 1, &plan, error);
  if (!status && !plan.complete) {
    missing = report_all(&plan, &store.parts, report);
    if (!partial)
      status = basin_fail(error, BASIN_BAD_INPUT,
                          "%s: %lld of %lld parts are missing; run their shards again, or merge "
                          "what is there with --partial",
                          c->folder, (long long)missing, (long long)plan.count);
    else if (!store.parts.count)
      status = basin_fail(error, BASIN_BAD_INPUT, "%s: no part is there yet", c->folder);
  }
  if (!status) {
    for (int64_t i = 0; i < store.parts.count; i++)
      provenance.trial_steps += store.parts.range[i].steps;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    provenance.seconds = (double)(ended.tv_sec - begun.tv_sec) +
                         1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
    status = basin_store_assemble(&store, output, no_provenance ? NULL : &provenance, missing > 0,
                                  stop, error);
    if (!status) status = basin_store_judge(&store, output, error);
  }
  if (status == BASIN_FAILED && !partial) {
    basin_parts checked;
    basin_error ignored;
    if (!basin_parts_list(c->parts, c->experiment, 1, &checked, &ignored)) {
      if (checked.damageds) report_all(&(basin_plan){0}, &checked, report);
      basin_parts_free(&checked);
    }
  }
  basin_plan_free(&plan);
  basin_store_close(&store);
  return status;
}
