/* SPDX-License-Identifier: MIT
 *
 * command_merge.c: basin merge.
 */
#include "base/text.h"
#include "cli/standing.h"
#include "read/discover.h"
#include "store/results.h"
#include <stdio.h>
#include <stdlib.h>

/* What a merge that lacks parts is told with. */
typedef struct lack {
  const basin_campaign *campaign;
  basin_standing heard; /* of shards that run */
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
static basin_status show_missing(const basin_rounds *rounds, const basin_parts *parts,
                                 int64_t shards, int64_t *missing, basin_error *error) {
  gap *of = calloc((size_t)shards, sizeof *of);
  int64_t lines = 0, parts_more = 0, shards_more = 0;
  if (!of) return basin_fail_memory(error);
  *missing = 0;
  for (int64_t i = 0; i < rounds->count; i++) {
    if (rounds->done[i]) continue;
    ++*missing;
    if (basin_parts_damaged(parts, &rounds->range[i])) continue;
    gap *g = &of[rounds->shard[i]];
    if (!g->parts++) g->first = &rounds->range[i];
    g->last = &rounds->range[i];
  }
  for (int64_t s = 0; s < shards; s++) {
    if (!of[s].parts) continue;
    if (lines++ < LINES_MOST) show_gap(&of[s], s + 1, shards);
    else parts_more += of[s].parts, shards_more++;
  }
  if (shards_more)
    fprintf(stderr, "missing: %lld more, of %lld more shard%s\n", (long long)parts_more,
            (long long)shards_more, basin_plural(shards_more));
  free(of);
  return BASIN_OK;
}

/* names what is not there, and the command that makes it; a partial merge goes on without it */
static basin_status report_lack(void *context, const basin_rounds *rounds, const basin_parts *parts,
                                basin_error *error) {
  lack *l = context;
  basin_standing *p = &l->heard;
  int64_t missing = 0;
  char word[BASIN_WORD_BYTES];
  show_damaged(parts);
  basin_show_word(word, sizeof word, l->campaign->folder);
  if (!rounds->count) fprintf(stderr, "next: basin run %s\n", word);
  if (!rounds->count) return BASIN_OK;
  basin_status status = show_missing(rounds, parts, l->shards, &missing, error);
  if (status || l->partial) return status;
  status = basin_standing_find_idle(rounds, l->shards, p, error);
  if (status) return status;
  for (int64_t i = 0; i < p->beats; i++) p->running += basin_is_alive(&p->beat[i]);
  basin_standing_next(stderr, l->campaign, p);
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: %lld of %lld parts are missing; %s, or merge what is there with --partial",
                    l->campaign->folder, (long long)missing, (long long)rounds->count,
                    p->idles ? "run their shards again" : "their shards run: wait for them");
}

void basin_show_merge(FILE *to, const basin_campaign *c) {
  char folder[BASIN_WORD_BYTES], word[BASIN_WORD_BYTES], output[BASIN_PATH_BYTES + 32];
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
  char word[BASIN_WORD_BYTES];
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
    l.shards = basin_standing_shards(&c, &l.heard);
    const basin_incomplete incomplete = {l.shards, report_lack, &l};
    status = basin_campaign_merge(&c, output, l.partial, basin_argument(a, "no-provenance") != NULL,
                                  &basin_stop_wish, &there, &incomplete, error);
  }
  if (status == BASIN_BAD_INPUT && basin_is_there(output)) {
    basin_error ignored;
    if (basin_results_check(output, c.experiment, &there, &ignored) == BASIN_BAD_INPUT)
      basin_show_merge(stderr, &c); /* with a name that is free */
  }
  if ((!status || status == BASIN_OUTSIDE) && !there && basin_discover_of(c.experiment))
    basin_warn_beyond(output, basin_show_warning);
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
