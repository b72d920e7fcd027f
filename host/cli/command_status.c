/* SPDX-License-Identifier: MIT
 *
 * command_status.c: basin status.
 */
#include "cli/report.h"
#include "cli/standing.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void measure(const basin_store *store, const basin_rounds *rounds, const basin_table *table,
                    basin_standing *p) {
  double steps_done = 0, trials_done = 0, steps_left = 0;
  for (int64_t i = 0; i < store->parts.count; i++) {
    steps_done += (double)store->parts.range[i].steps;
    trials_done += (double)store->parts.range[i].count;
  }
  p->parts = rounds->count;
  for (int64_t i = 0; i < rounds->count; i++) {
    const basin_range *range = &rounds->range[i];
    p->trials += range->count;
    p->done += rounds->done[i];
    if (rounds->done[i]) {
      p->trials_done += range->count;
      continue;
    }
    p->assigned += !p->idle[rounds->shard[i]];
    p->damaged += basin_parts_damaged(&store->parts, range);
    /* what its trials cost: as those of its cell so far, or as those of all */
    const double mean = table->cell[range->cell].steps_mean;
    steps_left += (double)range->count * (mean >= 0 ? mean : steps_done / trials_done);
  }
  for (int64_t i = 0; i < p->beats; i++)
    if (basin_is_alive(&p->beat[i])) p->running++, p->rate += p->beat[i].steps_per_second;
  p->seconds_left = p->rate > 0 ? steps_left / p->rate : NAN;
}

static void show_progress(const basin_campaign *c, const basin_standing *p, int complete) {
  printf("%s: %lld of %lld parts, %lld of %lld trials", c->folder, (long long)p->done,
         (long long)p->parts, (long long)p->trials_done, (long long)p->trials);
  if (p->damaged)
    printf("; %lld damaged part%s, which will be run again", (long long)p->damaged,
           basin_plural(p->damaged));
  putchar('\n');
  for (int64_t i = 0; i < p->beats; i++) {
    const basin_heartbeat *b = &p->beat[i];
    if (complete && !basin_is_alive(b)) continue;
    printf("  shard %lld of %lld  %s, process %lld: ", b->shard, b->shards, b->host, b->pid);
    if (basin_is_alive(b))
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
         (long long)(p->parts - p->done), basin_plural(p->parts - p->done), (long long)p->assigned,
         (long long)p->running, basin_plural(p->running));
  if (p->seconds_left >= 0) {
    char left[32];
    basin_show_time(left, sizeof left, p->seconds_left);
    printf("; %s left at %.2e trial-steps/s", left, p->rate);
  }
  putchar('\n');
  basin_standing_next(stdout, c, p);
}

static void json_progress(const basin_standing *p, int complete) {
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
  basin_rounds rounds = {0};
  basin_table table = {0};
  const char **name = NULL;
  double *value = NULL;
  basin_standing p = {0};
  basin_status status = basin_campaign_open(a->positional[0], &c, error);
  if (status) return status;
  status = basin_store_open(&store, c.experiment, c.parts, c.part_trials, error);
  if (!status) status = basin_campaign_heartbeats(&c, &p.beat, &p.beats, error);
  if (!status) status = basin_store_list(&store, 0, error);
  const int64_t shards = basin_standing_shards(&c, &p);
  if (!status) status = basin_campaign_rounds(&c, &store, shards, &rounds, error);
  if (!status) status = basin_standing_find_idle(&rounds, shards, &p, error);
  if (!status) status = fill_table(&store, &table, &name, &value, error);
  if (!status) {
    measure(&store, &rounds, &table, &p);
    if (basin_argument(a, "json")) {
      json_progress(&p, rounds.complete);
      basin_table_json(&table);
      printf("\n}\n");
    } else {
      show_progress(&c, &p, rounds.complete);
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
  basin_rounds_free(&rounds);
  basin_store_close(&store);
  basin_campaign_close(&c);
  return status;
}
