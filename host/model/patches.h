/* SPDX-License-Identifier: MIT
 *
 * patches.h: data sets of patches that are cut from images: what stands in a setting as `images` (seam/setting.h).
 */
#ifndef BASIN_PATCHES_H
#define BASIN_PATCHES_H

#include "basin.h"
#include "seam/setting.h"

/* How many patches of an image, and numbers of a patch. Patches of size x size pixels lie `stride` apart, in rows from
   the upper left corner; pixels at the right and lower edge that fill no patch are left out. Where the images are
   patches already, an image's rows. */
int64_t basin_images_patches(const basin_gradient *gradient);
int64_t basin_images_width(const basin_gradient *gradient);

/* Image number i, cut into patches, to z [patches][width]. BASIN_FAILED: out of memory. */
basin_status basin_images_cut(const basin_gradient *gradient, int64_t i, double *z);

/* A drawing of strokes, [BASIN_STROKES_SIDE][BASIN_STROKES_SIDE]: image i of the set of that number. */
void basin_strokes_draw(int64_t set, int64_t i, double *image);

#endif
