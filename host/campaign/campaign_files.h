/* SPDX-License-Identifier: MIT
 *
 * campaign_files.h: what a running shard tells of itself in DIR/running, for the sources of host/campaign alone.
 */
#ifndef BASIN_CAMPAIGN_FILES_H
#define BASIN_CAMPAIGN_FILES_H

#include "campaign/campaign.h"

/* ---- what a shard tells of itself ---- */

typedef struct basin_teller {
  const basin_run_options *options; /* of the caller, who is told as well */
  char path[BASIN_PATH_BYTES], temporary[BASIN_PATH_BYTES];
  double last; /* seconds of the run when last told */
} basin_teller;

/* A teller of this process, which runs the shard; what earlier ones of the shard have told is taken away. */
basin_status basin_teller_open(const basin_campaign *campaign, int64_t shard, int64_t shards,
                               const basin_run_options *options, basin_teller *teller,
                               basin_error *error);

/* The `progress` of basin_run_options; its context is a teller. */
void basin_teller_tell(void *teller, const basin_progress *progress);
void basin_teller_close(const basin_teller *teller);

#endif
