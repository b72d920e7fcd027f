/* SPDX-License-Identifier: MIT
 *
 * rates_passages.h: basin rates --passages, and --final.
 */
#ifndef BASIN_RATES_PASSAGES_H
#define BASIN_RATES_PASSAGES_H

#include "cli/cli.h"

basin_status basin_rates_passages(const basin_arguments *arguments, basin_error *error);
basin_status basin_rates_final(const basin_arguments *arguments, basin_error *error);

#endif
