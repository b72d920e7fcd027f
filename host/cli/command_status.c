/* SPDX-License-Identifier: MIT
 *
 * command_status.c: basin status.
 */
#include "campaign/unfinished.h"
#include "cli/cells.h"
#include "cli/standing.h"
#include "base/text.h"
#include "store/extract.h"
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

static void show_table(const basin_cells *cells, int json) {
  if (json) {
    basin_table_json(&cells->table);
    printf("\n}\n");
    return;
  }
  putchar('\n');
  basin_table_title(&cells->table);
  basin_table_rates(&cells->table);
}

static basin_status campaign_status(const basin_arguments *a, const basin_campaign *c,
                                    basin_error *error) {
  const int json = basin_argument(a, "json") != NULL;
  basin_store store = {0};
  basin_rounds rounds = {0};
  basin_cells cells = {0};
  basin_standing p = {0};
  basin_status status = basin_store_open(&store, c->experiment, c->parts, c->part_trials, error);
  if (!status) status = basin_campaign_heartbeats(c, &p.beat, &p.beats, error);
  if (!status) status = basin_store_list(&store, 0, error);
  const int64_t shards = basin_standing_shards(c, &p);
  if (!status) status = basin_campaign_rounds(c, &store, shards, &rounds, error);
  if (!status) status = basin_standing_find_idle(&rounds, shards, &p, error);
  if (!status) status = basin_cells_open(store.experiment, &cells, error);
  if (!status) status = basin_cells_count(&cells, &store, error);
  if (!status) {
    measure(&store, &rounds, &cells.table, &p);
    if (json) json_progress(&p, rounds.complete);
    else show_progress(c, &p, rounds.complete);
    show_table(&cells, json);
  }
  basin_cells_close(&cells);
  free(p.beat);
  free(p.idle);
  basin_rounds_free(&rounds);
  basin_store_close(&store);
  return status;
}

/* ---- a run into one file ---- */

static basin_status run_status(const char *path, const basin_unfinished *u, int json,
                               basin_error *error) {
  const int runs = basin_unfinished_runs(u);
  basin_cells cells = {0};
  basin_status status = basin_cells_open(u->store.experiment, &cells, error);
  if (!status) status = basin_cells_count(&cells, &u->store, error);
  if (!status && json) {
    printf("{\n  \"complete\": false,\n  \"running\": %s,\n  \"trials\": {\"all\": %lld, "
           "\"done\": %lld},\n",
           runs ? "true" : "false", (long long)u->trials_total, (long long)u->trials);
  } else if (!status) {
    printf("%s: %lld of %lld trials are there, in %lld finished part%s; ", path,
           (long long)u->trials, (long long)u->trials_total, (long long)u->store.parts.count,
           basin_plural(u->store.parts.count));
    puts(runs ? "a run is at work on it" : "nothing runs on it: the command that began it goes on");
  }
  if (!status) show_table(&cells, json);
  basin_cells_close(&cells);
  return status;
}

static basin_status file_status(const char *path, int json, basin_error *error) {
  char word[BASIN_WORD_BYTES];
  basin_results *results;
  const basin_status status = basin_results_open(path, &results, error);
  if (status) return status;
  const long long missing = basin_results_missing(results);
  basin_results_close(results);
  basin_show_word(word, sizeof word, path);
  if (json) printf("{\n  \"complete\": %s\n}\n", missing ? "false" : "true");
  else if (missing) printf("%s: made of some parts, %lld trials are missing\n", path, missing);
  else printf("%s: all trials are there\nnext: basin summary %s\n", path, word);
  return BASIN_OK;
}

basin_status basin_command_status(const basin_arguments *a, basin_error *error) {
  const char *path = a->positional[0];
  const int json = basin_argument(a, "json") != NULL;
  basin_campaign c;
  basin_unfinished u;
  int found;
  if (basin_is_folder(path) && !basin_unfinished_is_run(path)) {
    basin_status status = basin_campaign_open(path, &c, error);
    if (!status) status = campaign_status(a, &c, error);
    basin_campaign_close(&c);
    return status;
  }
  basin_status status = basin_unfinished_open(path, 0, &u, &found, error);
  if (status || !found) return status ? status : file_status(path, json, error);
  /* a run that was killed as it removed its parts has left some that the file has */
  if (!basin_unfinished_runs(&u) && basin_is_there(path) && basin_extract_has(path, &u.store.parts))
    status = file_status(path, json, error);
  else status = run_status(path, &u, json, error);
  basin_unfinished_close(&u);
  return status;
}
