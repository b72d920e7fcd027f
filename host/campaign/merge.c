/* SPDX-License-Identifier: MIT */
#include "base/files.h"
#include "campaign/campaign.h"
#include "store/results.h"
#include <time.h>

basin_status basin_campaign_merge(const basin_campaign *c, const char *output, int partial,
                                  int no_provenance, const volatile int *stop, int *there,
                                  const basin_incomplete *incomplete, basin_error *error) {
  basin_store store;
  basin_rounds rounds = {0};
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
  status = basin_store_list(&store, partial, error);
  if (!status) status = basin_campaign_rounds(c, &store, incomplete->shards, &rounds, error);
  if (!status && !rounds.complete) {
    for (int64_t i = 0; i < rounds.count; i++) missing += !rounds.done[i];
    status = incomplete->report(incomplete->context, &rounds, &store.parts, error);
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
    if (!basin_parts_list(c->parts, store.experiment, 1, &checked, &ignored)) {
      if (checked.damageds)
        incomplete->report(incomplete->context, &(basin_rounds){0}, &checked, &ignored);
      basin_parts_free(&checked);
    }
  }
  basin_rounds_free(&rounds);
  basin_store_close(&store);
  return status;
}
