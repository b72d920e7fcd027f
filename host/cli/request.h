/* SPDX-License-Identifier: MIT
 *
 * request.h: the options that `basin run` and `basin submit` share, and the words that both say.
 */
#ifndef BASIN_REQUEST_H
#define BASIN_REQUEST_H

#include "campaign/campaign.h"
#include "cli/cli.h"
#include <stdio.h>

enum { BASIN_WORD_BYTES = 4 * BASIN_PATH_BYTES }; /* a path with quotes around it and in it */

typedef struct basin_request {
  const char *set[BASIN_VALUES_MAX]; /* what replaces keys of the experiment */
  int sets;
  char trials[64], seed[64];
  char output[BASIN_PATH_BYTES];
  basin_run_options options;
} basin_request;

/* Reads the options that the command has of these; options.stop is basin_stop_wish. */
basin_status basin_request_read(const basin_arguments *arguments, basin_request *request,
                                basin_error *error);

/* Reads the experiment that the command names, a file, with the request's settings. */
basin_status basin_request_experiment(const basin_arguments *arguments,
                                      const basin_request *request, basin_experiment **experiment,
                                      basin_error *error);

/* `basin: warning: TEXT` on stderr. */
void basin_show_warning(const char *text);

/* Says on stderr where `until` has not got what it asks for, of a complete file. */
void basin_show_wide(const char *path);

/* `next: basin merge DIR -o NAME.h5`, with a name that merge takes: where another file has it, NAME-2.h5, and so on. */
void basin_show_merge(FILE *to, const basin_campaign *campaign);

/* Whether the path names a folder, or ends as a folder's name does. */
int basin_is_folder(const char *path);

/* Set by SIGINT, SIGTERM, SIGUSR1 and SIGHUP once they are caught: batch systems send the second or the third
   before they kill, a closing terminal the last. */
extern volatile int basin_stop_wish;
void basin_catch_signals(void);

#endif
