/* SPDX-License-Identifier: MIT
 *
 * lanes.cu: the kernels of one model and kind of dynamics, and the table by which the driver launches them. Compiled
 * once per pair, with BASIN_MODEL, BASIN_MODEL_HEADER and BASIN_KIND as host/engine/lanes.c.
 */
#include BASIN_MODEL_HEADER
#include "seam/expand.h"

#if KIND_states > 0
#include "lanes/registers.h"
#else
#include "lanes/teams.h"
#endif

#define TABLE BASIN_JOIN3(lane_model, BASIN_MODEL, BASIN_KIND)
extern const lane_model TABLE;
const lane_model TABLE = {BASIN_TEXT(BASIN_MODEL),
                          BASIN_TEXT(BASIN_KIND),
                          MODEL_OBSERVED,
                          BLOCKS_FIRST,
                          BLOCKS_LEAST,
                          sizeof(constants),
                          sizes,
                          prepare,
                          make_paces,
                          shape,
                          start,
                          run,
                          finish_all,
                          record_all};
