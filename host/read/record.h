/* SPDX-License-Identifier: MIT
 *
 * record.h: key `record`: what an experiment keeps, see record.c.
 */
#ifndef BASIN_RECORD_H
#define BASIN_RECORD_H

#include "read/experiment.h"
#include "read/yaml.h"

/* The mapping or NULL, once the cells are known. */
basin_status basin_record_read(basin_experiment *experiment, const basin_node *record,
                               basin_error *error);

/* "no observable `NAME`", with what may be meant, as BASIN_BAD_INPUT; what: the key */
basin_status basin_observable_unknown(const basin_experiment *experiment, const char *what,
                                      const char *name, basin_place place, basin_error *error);

#endif
