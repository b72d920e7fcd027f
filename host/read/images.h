/* SPDX-License-Identifier: MIT
 *
 * images.h: data sets that are cut from images: of a file, or drawings of strokes; and the album, which keeps what was
 * read of files for all cells of an experiment.
 */
#ifndef BASIN_READ_IMAGES_H
#define BASIN_READ_IMAGES_H

#include "read/scope.h"

/* The images and data files of an experiment, each of them once whatever the cells that have them. All zero is an album
   too. */
typedef struct basin_album {
  char *folder; /* that of the experiment file, with its slash; NULL: the present one */
  struct basin_page *page;
  struct basin_data_file *data;      /* of networks (network_data.h) */
  struct basin_vector_page *vectors; /* entries that lie in files (vector_file.h) */
  int tables; /* whether tables of numbers have been read from there, too (own_model.h) */
} basin_album;

void basin_album_free(basin_album *album);

/* bytes of what is in memory of them */
double basin_album_bytes(const basin_album *album);

/* Whether the value of `inputs` says so: {file: ...} or {strokes: ...}. Reads it into the gradient of a setting, which
   has no data set yet. BASIN_BAD_INPUT, with the place and the reason, where a key or the file is wrong. */
int basin_images_are_meant(const basin_node *inputs);
basin_status basin_images_read(basin_scope *scope, const basin_node *inputs,
                               basin_gradient *gradient, basin_error *error);

/* Whether they fit the model of a setting that was checked: its inputs have as many rows, as long as the patches. */
basin_status basin_images_check(const basin_setting *setting, basin_place place,
                                basin_error *error);

#endif
