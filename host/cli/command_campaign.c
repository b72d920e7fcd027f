/* SPDX-License-Identifier: MIT
 *
 * command_campaign.c: basin status, basin merge.
 */
#include "seam/setting.h"
#include "base/text.h"
#include "run/cut.h"
#include "cli/report.h"
#include "cli/request.h"
#include "store/results.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- status ---- */

enum { WORD_BYTES = 4 * BASIN_PATH_BYTES }; /* a path with quotes around it and in it */

enum { SILENT_SECONDS = 60 };

static int is_alive(const basin_heartbeat *beat) {
  return beat->age < SILENT_SECONDS && !beat->gone;
}

/* "1 part", "2 parts" */
static const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

/* How far a campaign is. */
typedef struct progress {
  basin_heartbeat *beat;
  int64_t beats, running;        /* shards heard of, and lately */
  int64_t parts, done, assigned; /* assigned: not done, of a running shard */
  int64_t trials, trials_done;
  int64_t damaged;
  double rate;         /* trial-steps/s of the running shards */
  double seconds_left; /* NaN where nothing is known */
  int64_t shards, idles;
  char *idle; /* [shards] whether the shard has parts to run and does not run */
} progress;

/* the number of shards that DIR/submit.sh has; 0 where there is no such file */
static int64_t shards_of_script(const basin_campaign *c) {
  char path[BASIN_PATH_BYTES + 16], line[256];
  long long shards = 0;
  snprintf(path, sizeof path, "%s/submit.sh", c->folder);
  FILE *file = basin_open_stream(path);
  while (file && !shards && fgets(line, sizeof line, file))
    if (sscanf(line, "shards=%lld", &shards) != 1) shards = 0;
  if (file) fclose(file);
  return shards > 0 && shards <= BASIN_SHARDS_MAX ? shards : 0;
}

/* the number of shards that most of those that run are one of, or else what the batch script has, or 1 */
static int64_t shards_of(const basin_campaign *c, const progress *p) {
  int64_t best = 0, most = 0;
  for (int64_t i = 0; i < p->beats; i++) {
    int64_t alike = 0;
    for (int64_t j = 0; j < p->beats; j++)
      alike += is_alive(&p->beat[j]) && p->beat[j].shards == p->beat[i].shards;
    if (alike > most) most = alike, best = p->beat[i].shards;
  }
  if (!best) best = shards_of_script(c);
  return best ? best : 1;
}

/* the shards that have parts to run and do not run: they wait, or have ended */
static basin_status find_idle(const basin_plan *plan, int64_t shards, progress *p,
                              basin_error *error) {
  p->idle = calloc((size_t)shards, 1);
  if (!p->idle) return basin_fail_memory(error);
  p->shards = shards;
  for (int64_t i = 0; i < plan->count; i++)
    if (!plan->done[i]) p->idle[plan->shard[i]] = 1;
  for (int64_t i = 0; i < p->beats; i++)
    if (is_alive(&p->beat[i]) && p->beat[i].shards == shards && p->beat[i].shard <= shards)
      p->idle[p->beat[i].shard - 1] = 0;
  for (int64_t i = 0; i < shards; i++) p->idles += p->idle[i];
  return BASIN_OK;
}

static void measure(const basin_store *store, const basin_plan *plan, const basin_table *table,
                    progress *p) {
  double steps_done = 0, trials_done = 0, steps_left = 0;
  for (int64_t i = 0; i < store->parts.count; i++) {
    steps_done += (double)store->parts.range[i].steps;
    trials_done += (double)store->parts.range[i].count;
  }
  p->parts = plan->count;
  for (int64_t i = 0; i < plan->count; i++) {
    const basin_range *range = &plan->range[i];
    p->trials += range->count;
    p->done += plan->done[i];
    if (plan->done[i]) {
      p->trials_done += range->count;
      continue;
    }
    p->assigned += !p->idle[plan->shard[i]];
    p->damaged += basin_parts_damaged(&store->parts, range);
    /* what its trials cost: as those of its cell so far, or as those of all */
    const double mean = table->cell[range->cell].steps_mean;
    steps_left += (double)range->count * (mean >= 0 ? mean : steps_done / trials_done);
  }
  for (int64_t i = 0; i < p->beats; i++)
    if (is_alive(&p->beat[i])) p->running++, p->rate += p->beat[i].steps_per_second;
  p->seconds_left = p->rate > 0 ? steps_left / p->rate : NAN;
}

/* the idle shards as sbatch --array takes them: 2,5-7 */
static void show_idle(FILE *to, const progress *p) {
  const char *comma = "";
  for (int64_t i = 0, end; i < p->shards; i = end + 1) {
    for (end = i; end < p->shards && p->idle[end]; end++) continue;
    if (end == i) continue;
    fprintf(to, "%s%lld", comma, (long long)i + 1);
    if (end > i + 1) fprintf(to, "-%lld", (long long)end);
    comma = ",";
  }
}

/* what to do about the shards that do not run */
static void show_next(FILE *to, const basin_campaign *c, const progress *p) {
  char word[WORD_BYTES];
  int64_t first = 0;
  if (!p->idles) return;
  while (!p->idle[first]) first++;
  basin_show_word(word, sizeof word, c->folder);
  if (p->running) {
    fprintf(to, "not running: shard%s ", plural(p->idles));
    show_idle(to, p);
    fprintf(to, " of %lld; those that do not wait in the queue either, give again with ",
            (long long)p->shards);
  } else {
    fprintf(to, "nothing runs that is known of; if nothing waits in the queue either, go on with ");
  }
  if (shards_of_script(c) == p->shards) {
    fputs("`sbatch --array=", to);
    show_idle(to, p);
    fprintf(to, " %s/submit.sh`\n", word);
  } else if (p->shards > 1) {
    fprintf(to, "`basin run %s --shard %lld/%lld`%s\n", word, (long long)first + 1,
            (long long)p->shards, p->idles > 1 ? ", and so for the others" : "");
  } else {
    fprintf(to, "`basin run %s`\n", word);
  }
}

static void show_progress(const basin_campaign *c, const progress *p, int complete) {
  printf("%s: %lld of %lld parts, %lld of %lld trials", c->folder, (long long)p->done,
         (long long)p->parts, (long long)p->trials_done, (long long)p->trials);
  if (p->damaged)
    printf("; %lld damaged part%s, which will be run again", (long long)p->damaged,
           plural(p->damaged));
  putchar('\n');
  for (int64_t i = 0; i < p->beats; i++) {
    const basin_heartbeat *b = &p->beat[i];
    if (complete && !is_alive(b)) continue;
    printf("  shard %lld of %lld  %s, process %lld: ", b->shard, b->shards, b->host, b->pid);
    if (is_alive(b))
      printf("%lld of %lld trials, %.2e trial-steps/s\n", b->trials, b->trials_total,
             b->steps_per_second);
    else if (b->gone) printf("ended without a word\n");
    else printf("silent for %.0f min, ended without a word\n", b->age / 60);
  }
  if (complete) {
    puts("all parts are there, by their headers; merge checks every byte");
    basin_show_merge(stdout, c);
    return;
  }
  printf("missing: %lld part%s, of which %lld belong to %lld running shard%s",
         (long long)(p->parts - p->done), plural(p->parts - p->done), (long long)p->assigned,
         (long long)p->running, plural(p->running));
  if (p->seconds_left >= 0) {
    char left[32];
    basin_show_time(left, sizeof left, p->seconds_left);
    printf("; %s left at %.2e trial-steps/s", left, p->rate);
  }
  putchar('\n');
  show_next(stdout, c, p);
}

static void json_progress(const progress *p, int complete) {
  printf("{\n  \"complete\": %s,\n  \"parts\": {\"all\": %lld, \"done\": %lld, \"running\": %lld, "
         "\"damaged\": %lld},\n",
         complete ? "true" : "false", (long long)p->parts, (long long)p->done,
         (long long)p->assigned, (long long)p->damaged);
  printf("  \"trials\": {\"all\": %lld, \"done\": %lld},\n  \"trial_steps_per_second\": ",
         (long long)p->trials, (long long)p->trials_done);
  basin_json_number(p->rate);
  printf(",\n  \"seconds_left\": ");
  basin_json_number(complete ? 0 : p->seconds_left);
  printf(",\n  \"shards\": [");
  for (int64_t i = 0; i < p->beats; i++) {
    const basin_heartbeat *b = &p->beat[i];
    printf("%s\n    {\"shard\": %lld, \"of\": %lld, \"host\": ", i ? "," : "", b->shard, b->shards);
    basin_json_text(b->host);
    printf(", \"process\": %lld, \"trials\": %lld, \"trials_all\": %lld, "
           "\"seconds_since_heard\": ",
           b->pid, b->trials, b->trials_total);
    basin_json_number(b->age);
    printf("}");
  }
  printf("\n  ],\n  \"shards_idle\": [");
  const char *comma = "";
  for (int64_t i = 0; i < p->shards; i++) {
    if (!p->idle[i]) continue;
    printf("%s%lld", comma, (long long)i + 1);
    comma = ", ";
  }
  printf("],\n");
}

/* the rates of the parts that are there; *name and *value: what the table's cells point to, to be freed */
static basin_status fill_table(const basin_store *store, basin_table *t, const char ***name,
                               double **value, basin_error *error) {
  const basin_experiment *e = store->experiment;
  *name = calloc(BASIN_COLUMNS_MAX, sizeof **name);
  if (!*name) return basin_fail_memory(error);
  const int columns = basin_experiment_columns(e, *name);
  *value = calloc((size_t)(e->cells * columns) + 1, sizeof **value);
  *t = (basin_table){.experiment = e->name,
                     .title = e->title,
                     .version = BASIN_VERSION,
                     .seed = e->seed,
                     .cells = e->cells,
                     .cell = calloc((size_t)e->cells, sizeof *t->cell)};
  if (!*value || !t->cell) return basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells; c++) {
    basin_summary *s = &t->cell[c];
    basin_range sum;
    const basin_status status = basin_store_count(store, c, store->target[c], &sum, error);
    if (status) return status;
    for (int p = 0; p < columns; p++)
      (*value)[c * columns + p] = basin_experiment_column(e, c, p, (*name)[p]);
    *s = (basin_summary){.index = c,
                         .variant = e->cell[c].variant < 0 ? "" : e->variant[e->cell[c].variant],
                         .parameters = columns,
                         .parameter_name = *name,
                         .parameter = *value + c * columns,
                         .trials = sum.count,
                         .success = basin_wilson(sum.outcomes[BASIN_GLOBAL], sum.count),
                         .steps_median = NAN,
                         .steps_mean = sum.count ? (double)sum.steps / (double)sum.count : NAN,
                         .steps_max = -1};
    memcpy(s->outcomes, sum.outcomes, sizeof s->outcomes);
    t->missing += store->target[c] - sum.count;
  }
  basin_table_columns(t);
  return BASIN_OK;
}

basin_status basin_command_status(const basin_arguments *a, basin_error *error) {
  basin_campaign c;
  basin_store store = {0};
  basin_plan plan = {0};
  basin_table table = {0};
  const char **name = NULL;
  double *value = NULL;
  progress p = {0};
  basin_status status = basin_campaign_open(a->positional[0], &c, error);
  if (status) return status;
  status = basin_store_open(&store, c.experiment, c.parts, c.part_trials, error);
  if (!status) status = basin_campaign_heartbeats(&c, &p.beat, &p.beats, error);
  if (!status) status = basin_parts_list(c.parts, c.experiment, 0, &store.parts, error);
  const int64_t shards = shards_of(&c, &p);
  if (!status) status = basin_campaign_plan(&c, &store, shards, &plan, error);
  if (!status) status = find_idle(&plan, shards, &p, error);
  if (!status) status = fill_table(&store, &table, &name, &value, error);
  if (!status) {
    measure(&store, &plan, &table, &p);
    if (basin_argument(a, "json")) {
      json_progress(&p, plan.complete);
      basin_table_json(&table);
      printf("\n}\n");
    } else {
      show_progress(&c, &p, plan.complete);
      putchar('\n');
      basin_table_title(&table);
      basin_table_rates(&table);
    }
  }
  free(table.cell);
  free(name);
  free(value);
  free(p.beat);
  free(p.idle);
  basin_plan_free(&plan);
  basin_store_close(&store);
  basin_campaign_close(&c);
  return status;
}

/* ---- merge ---- */

/* What a merge that lacks parts is told with. */
typedef struct lack {
  const basin_campaign *campaign;
  progress heard; /* of shards that run */
  int64_t shards;
  int partial;
} lack;

/* The missing parts of a shard: the first and the last of them, and how many. */
typedef struct gap {
  const basin_range *first, *last;
  int64_t parts;
} gap;

enum { LINES_MOST = 10 };

static void show_damaged(const basin_parts *parts) {
  char name[BASIN_PART_NAME];
  for (int64_t i = 0; i < parts->damageds && i < LINES_MOST; i++) {
    basin_part_name(&parts->damaged[i], name);
    fprintf(stderr, "damaged: %s\n", name);
  }
  if (parts->damageds > LINES_MOST)
    fprintf(stderr, "damaged: %lld more\n", (long long)parts->damageds - LINES_MOST);
}

static void show_gap(const gap *g, int64_t shard, int64_t shards) {
  char first[BASIN_PART_NAME], last[BASIN_PART_NAME];
  basin_part_name(g->first, first);
  basin_part_name(g->last, last);
  fprintf(stderr, "missing: %s", first);
  if (g->parts > 1) fprintf(stderr, " to %s, %lld parts", last, (long long)g->parts);
  if (shards > 1) fprintf(stderr, ", of shard %lld of %lld", (long long)shard, (long long)shards);
  fputc('\n', stderr);
}

/* a line for every shard that has missing parts; those that are damaged have been named. How many are not done. */
static basin_status show_missing(const basin_plan *plan, const basin_parts *parts, int64_t shards,
                                 int64_t *missing, basin_error *error) {
  gap *of = calloc((size_t)shards, sizeof *of);
  int64_t lines = 0, parts_more = 0, shards_more = 0;
  if (!of) return basin_fail_memory(error);
  *missing = 0;
  for (int64_t i = 0; i < plan->count; i++) {
    if (plan->done[i]) continue;
    ++*missing;
    if (basin_parts_damaged(parts, &plan->range[i])) continue;
    gap *g = &of[plan->shard[i]];
    if (!g->parts++) g->first = &plan->range[i];
    g->last = &plan->range[i];
  }
  for (int64_t s = 0; s < shards; s++) {
    if (!of[s].parts) continue;
    if (lines++ < LINES_MOST) show_gap(&of[s], s + 1, shards);
    else parts_more += of[s].parts, shards_more++;
  }
  if (shards_more)
    fprintf(stderr, "missing: %lld more, of %lld more shard%s\n", (long long)parts_more,
            (long long)shards_more, plural(shards_more));
  free(of);
  return BASIN_OK;
}

/* names what is not there, and the command that makes it; a partial merge goes on without it */
static basin_status report_lack(void *context, const basin_plan *plan, const basin_parts *parts,
                                basin_error *error) {
  lack *l = context;
  progress *p = &l->heard;
  int64_t missing = 0;
  char word[WORD_BYTES];
  show_damaged(parts);
  basin_show_word(word, sizeof word, l->campaign->folder);
  if (!plan->count) fprintf(stderr, "next: basin run %s\n", word);
  if (!plan->count) return BASIN_OK;
  basin_status status = show_missing(plan, parts, l->shards, &missing, error);
  if (status || l->partial) return status;
  status = find_idle(plan, l->shards, p, error);
  if (status) return status;
  for (int64_t i = 0; i < p->beats; i++) p->running += is_alive(&p->beat[i]);
  show_next(stderr, l->campaign, p);
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: %lld of %lld parts are missing; %s, or merge what is there with --partial",
                    l->campaign->folder, (long long)missing, (long long)plan->count,
                    p->idles ? "run their shards again" : "their shards run: wait for them");
}

void basin_show_merge(FILE *to, const basin_campaign *c) {
  char folder[WORD_BYTES], word[WORD_BYTES], output[BASIN_PATH_BYTES + 32];
  snprintf(output, sizeof output, "%s.h5", c->experiment->name);
  for (int i = 2, complete; i < 1000; i++) {
    basin_error ignored;
    const basin_status status = basin_results_check(output, c->experiment, &complete, &ignored);
    if (!status || status == BASIN_OUTSIDE) break;
    snprintf(output, sizeof output, "%s-%d.h5", c->experiment->name, i);
  }
  basin_show_word(folder, sizeof folder, c->folder);
  basin_show_word(word, sizeof word, output);
  fprintf(to, "next: basin merge %s -o %s\n", folder, word);
}

static void show_merged(const char *output) {
  char word[WORD_BYTES];
  basin_show_word(word, sizeof word, output);
  fprintf(stderr, "%s is merged\nnext: basin summary %s\n", output, word);
}

basin_status basin_command_merge(const basin_arguments *a, basin_error *error) {
  basin_campaign c;
  char output[BASIN_PATH_BYTES + 8];
  lack l = {.campaign = &c, .partial = basin_argument(a, "partial") != NULL};
  int there = 0;
  basin_status status = basin_campaign_open(a->positional[0], &c, error);
  if (status) return status;
  snprintf(output, sizeof output, "%s.h5", c.experiment->name);
  if (basin_argument(a, "output") &&
      snprintf(output, sizeof output, "%s", basin_argument(a, "output")) >= BASIN_PATH_BYTES)
    status = basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  if (!status && basin_is_folder(output))
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: a folder, expected the name of a file",
                        output);
  basin_catch_signals();
  if (!status) status = basin_campaign_heartbeats(&c, &l.heard.beat, &l.heard.beats, error);
  if (!status) {
    l.shards = shards_of(&c, &l.heard);
    const basin_incomplete incomplete = {l.shards, report_lack, &l};
    status = basin_campaign_merge(&c, output, l.partial, basin_argument(a, "no-provenance") != NULL,
                                  &basin_stop_wish, &there, &incomplete, error);
  }
  if ((!status || status == BASIN_OUTSIDE) && !basin_argument(a, "quiet")) {
    if (there) fprintf(stderr, "%s is merged already; nothing to do\n", output);
    else show_merged(output);
    basin_show_wide(output);
  }
  free(l.heard.beat);
  free(l.heard.idle);
  basin_campaign_close(&c);
  return status;
}
