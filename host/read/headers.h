/* SPDX-License-Identifier: MIT
 *
 * headers.h: the models that an experiment names by a file of C, `model: ./mine.h`: their texts, and the entries that
 * own/own.h makes of these. The model's name is the file's, without `.h`. What a header includes of its own folder is
 * put into its text, so that one text is all of it.
 *
 *   basin_headers *headers = basin_headers_open("data/", NULL);
 *   status = basin_headers_take(headers, node, &model, &error);
 *
 * Texts are kept with the experiment, so that it can be read where the file is not, or has become another one: in a
 * campaign's charter, and in the output. As one text, for each header `header BYTES PATH`, its bytes, a line's end.
 */
#ifndef BASIN_HEADERS_H
#define BASIN_HEADERS_H

#include "model/registry.h"
#include "read/yaml.h"

typedef struct basin_headers basin_headers;

/* Texts that were kept. C of a file of results is not run because somebody looks at it: without `trusted` a text is
   taken only where the user has the same one, in that file or compiled already. */
typedef struct basin_kept {
  const char *text; /* [length] */
  size_t length;
  int trusted;
} basin_kept;

/* Paths begin at the folder, which ends with a slash, or NULL; kept: NULL, or texts to be taken in the stead of files,
   which must stay. NULL without memory. */
basin_headers *basin_headers_open(const char *folder, const basin_kept *kept);
void basin_headers_close(basin_headers *headers);

/* whether a scalar names such a file */
int basin_headers_are_meant(const basin_node *node);

/* The model of the file that a node names. */
basin_status basin_headers_take(basin_headers *headers, const basin_node *node,
                                const basin_model **model, basin_error *error);

/* Whether one of the models that were taken has a parameter or a step size of that name. */
int basin_headers_have(const basin_headers *headers, const char *name);

/* All texts that were taken, to be kept: "" where there are none. NULL without memory; to be freed. */
char *basin_headers_text(const basin_headers *headers);

#endif
