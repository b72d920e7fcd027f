/* SPDX-License-Identifier: MIT
 *
 * images.c: the keys of a data set that is cut from images, and the file that they lie in.
 *
 *   inputs: {file: images.h5, variable: images, size: 5, stride: 1, images: n, batch: B}
 *   inputs: {file: patches.h5, variable: patches, images: n, batch: B}          n x k x p: patches already
 *   inputs: {strokes: n, set: s, size: 5, stride: 1, batch: B}
 *
 * The file is HDF5 or netCDF-4, and its path one from the experiment file. Its numbers, whole or not, become doubles.
 */
#include "read/images.h"
#include "base/hash.h"
#include "base/hdf5_util.h"
#include "model/patches.h"
#include "numeric/philox.h"
#include "read/network_data.h"
#include "read/vector_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANK = 3, PATH_BYTES = 4096 };
static const double BYTES_MAX = 2147483648.0; /* of one variable */

/* What was read of one variable, its first `images` images; or drawings. */
typedef struct basin_page {
  basin_images of;
  char *path, *variable; /* NULL: drawings */
  int64_t asked, images; /* asked: 0 for all of them */
  double *value;
  struct basin_page *next;
} basin_page;

static void page_free(basin_page *page) {
  free(page->path);
  free(page->variable);
  free(page->value);
  free(page);
}

void basin_album_free(basin_album *album) {
  for (basin_page *page = album->page, *next; page; page = next) {
    next = page->next;
    page_free(page);
  }
  basin_data_files_free(album->data);
  basin_vector_pages_free(album->vectors);
  free(album->folder);
  memset(album, 0, sizeof *album);
}

double basin_album_bytes(const basin_album *album) {
  double bytes = basin_data_files_bytes(album->data) + basin_vector_pages_bytes(album->vectors);
  for (const basin_page *page = album->page; page; page = page->next)
    if (page->value)
      bytes += 8.0 * (double)page->images * (double)page->of.height * (double)page->of.width;
  return bytes;
}

static int same_text(const char *x, const char *y) { return x && y ? !strcmp(x, y) : x == y; }

/* the page of these, which is new where there is none yet */
static basin_page *find_page(basin_album *album, const char *path, const char *variable,
                             int64_t asked, int64_t set, int *fresh) {
  basin_page *page = album->page;
  while (page && !(same_text(page->path, path) && same_text(page->variable, variable) &&
                   page->asked == asked && page->of.set == set))
    page = page->next;
  *fresh = !page;
  if (page || !(page = calloc(1, sizeof *page))) return page;
  page->path = path ? strdup(path) : NULL;
  page->variable = variable ? strdup(variable) : NULL;
  page->asked = asked;
  page->of.set = set;
  if (path && !(page->path && page->variable)) {
    page_free(page);
    return NULL;
  }
  page->next = album->page;
  album->page = page;
  return page;
}

/* ---- the file ---- */

static basin_status wrong(basin_place place, const basin_page *page, const char *what,
                          basin_error *error) {
  return basin_fail_at(error, place, "inputs.file: %.300s: %.100s", page->path, what);
}

/* an open dataset's numbers into the page: its first ones, as many as are asked for */
static basin_status read_values(hid_t id, basin_place place, basin_page *page, basin_error *error) {
  hsize_t size[RANK] = {0}, start[RANK] = {0};
  const hid_t space = H5Dget_space(id), type = H5Dget_type(id);
  const H5T_class_t class = H5Tget_class(type);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank == RANK) H5Sget_simple_extent_dims(space, size, NULL);
  H5Tclose(type);
  H5Sclose(space);
  if (class != H5T_INTEGER && class != H5T_FLOAT)
    return wrong(place, page, "the variable has no numbers", error);
  if (rank != RANK || !size[0] || !size[1] || !size[2])
    return wrong(place, page,
                 "the variable is no array of images x height x width (or images x patches x "
                 "numbers)",
                 error);
  if (page->asked > 0 && size[0] < (hsize_t)page->asked)
    return basin_fail_at(error, place, "inputs.file: %.300s: %lld images, and %lld are asked for",
                         page->path, (long long)size[0], (long long)page->asked);
  if (page->asked > 0) size[0] = (hsize_t)page->asked;
  const double bytes = 8 * (double)size[0] * (double)size[1] * (double)size[2];
  if (bytes > BYTES_MAX) return wrong(place, page, "more than 2 GiB: ask for fewer images", error);
  const size_t count = (size_t)(size[0] * size[1] * size[2]);
  page->images = (int64_t)size[0];
  page->of.height = (int64_t)size[1];
  page->of.width = (int64_t)size[2];
  page->value = malloc(count * sizeof *page->value);
  if (!page->value) return basin_fail_memory(error);
  if (!basin_hdf5_read(id, H5T_NATIVE_DOUBLE, RANK, start, size, page->value))
    return wrong(place, page, "the variable cannot be read", error);
  for (size_t i = 0; i < count; i++) {
    page->value[i] += 0.0; /* -0 is 0 */
    if (!(fabs(page->value[i]) <= 1e100))
      return wrong(place, page, "a number of it is infinite, or none", error);
  }
  page->of.value = page->value;
  page->of.checksum = basin_hash(
      basin_hash(0, (int64_t[3]){page->images, page->of.height, page->of.width},
                 3 * sizeof(int64_t)),
      page->value, count * sizeof *page->value);
  return BASIN_OK;
}

static basin_status read_file(basin_place place, basin_page *page, basin_error *error) {
  basin_hdf5_quiet();
  const hid_t file = H5Fopen(page->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return wrong(place, page, "no HDF5 file that can be read", error);
  const hid_t id = basin_hdf5_open(file, page->variable);
  basin_status status = id < 0 ? basin_fail_at(error, place,
                                               "inputs.variable: %.300s has no variable `%.100s`",
                                               page->path, page->variable)
                               : read_values(id, place, page, error);
  if (id >= 0) H5Dclose(id);
  H5Fclose(file);
  return status;
}

/* ---- the keys ---- */

int basin_images_are_meant(const basin_node *inputs) {
  return basin_node_get(inputs, "file") || basin_node_get(inputs, "strokes");
}

static basin_status read_text(const basin_node *inputs, const char *key, const char **text,
                              basin_error *error) {
  const basin_node *node = basin_node_get(inputs, key);
  if (!node) return basin_fail_at(error, inputs->place, "inputs.%s is missing", key);
  *text = node->kind == BASIN_SCALAR ? node->text : "";
  return **text ? BASIN_OK : basin_fail_at(error, node->place, "inputs.%s: expected a name", key);
}

/* a whole number from `least` on; `otherwise` where it is not given */
static basin_status read_whole(basin_scope *scope, const basin_node *inputs, const char *key,
                               int64_t least, int64_t otherwise, int64_t *value,
                               basin_error *error) {
  const basin_node *node = basin_node_get(inputs, key);
  char what[32];
  snprintf(what, sizeof what, "inputs.%s", key);
  *value = otherwise;
  return node ? basin_scope_integer(scope, node, what, least, BASIN_DATA_SET_MAX - 1, value, error)
              : BASIN_OK;
}

/* the images of a file, from the album where it has them */
static basin_status take_file(basin_scope *scope, const basin_node *inputs, const basin_page **out,
                              basin_error *error) {
  const basin_node *file = basin_node_get(inputs, "file");
  const char *name = NULL, *variable = NULL, *folder = scope->album->folder;
  char path[PATH_BYTES];
  int64_t asked = 0;
  int fresh = 0;
  basin_status status = read_text(inputs, "file", &name, error);
  if (!status) status = read_text(inputs, "variable", &variable, error);
  if (!status) status = read_whole(scope, inputs, "images", 1, 0, &asked, error);
  if (status) return status;
  const int used = snprintf(path, sizeof path, "%s%s", *name == '/' || !folder ? "" : folder, name);
  if (used >= (int)sizeof path)
    return basin_fail_at(error, file->place, "inputs.file: the path is too long");
  basin_page *page = find_page(scope->album, path, variable, asked, 0, &fresh);
  if (!page) return basin_fail_memory(error);
  *out = page;
  return fresh ? read_file(file->place, page, error) : BASIN_OK;
}

static basin_status take_strokes(basin_scope *scope, const basin_node *inputs,
                                 const basin_page **out, basin_error *error) {
  int64_t images, set;
  int fresh = 0;
  basin_status status = read_whole(scope, inputs, "strokes", 1, 0, &images, error);
  if (!status) status = read_whole(scope, inputs, "set", 0, 0, &set, error);
  if (status) return status;
  basin_page *page = find_page(scope->album, NULL, NULL, images, set, &fresh);
  if (!page) return basin_fail_memory(error);
  *out = page;
  page->images = images;
  page->of.height = page->of.width = BASIN_STROKES_SIDE;
  page->of.checksum = basin_hash(basin_hash_text(0, "strokes"), (int64_t[2]){images, set},
                                 2 * sizeof(int64_t));
  return BASIN_OK;
}

/* size and stride of the patches, which must fit into an image */
static basin_status read_patches(basin_scope *scope, const basin_node *inputs,
                                 const basin_images *images, basin_gradient *g,
                                 basin_error *error) {
  const basin_node *size = basin_node_get(inputs, "size"),
                   *stride = basin_node_get(inputs, "stride");
  const int64_t least = images->height < images->width ? images->height : images->width;
  if (!size && !images->value)
    return basin_fail_at(error, inputs->place, "inputs.size is missing: pixels of a patch, a side");
  if (!size && stride)
    return basin_fail_at(error, stride->place,
                         "inputs.stride goes with inputs.size: without it the variable's rows are "
                         "patches already");
  basin_status status = read_whole(scope, inputs, "size", 1, 0, &g->patch_size, error);
  if (!status) status = read_whole(scope, inputs, "stride", 1, 1, &g->patch_stride, error);
  if (status || g->patch_size <= least) return status;
  return basin_fail_at(
      error, size->place, "inputs.size is %lld, and the images have %lld x %lld pixels",
      (long long)g->patch_size, (long long)images->height, (long long)images->width);
}

basin_status basin_images_read(basin_scope *scope, const basin_node *inputs,
                               basin_gradient *gradient, basin_error *error) {
  static const char *const of_file[] = {"file", "variable", "images", "size", "stride", "batch"},
                           *const of_strokes[] = {"strokes", "set", "size", "stride", "batch"};
  const int file = basin_node_get(inputs, "file") != NULL;
  const basin_node *batch = basin_node_get(inputs, "batch");
  const basin_page *page = NULL;
  basin_status status = basin_scope_keys(scope, inputs, file ? of_file : of_strokes, file ? 6 : 5,
                                         "gradient.sampled.inputs", error);
  if (!status)
    status = file ? take_file(scope, inputs, &page, error)
                  : take_strokes(scope, inputs, &page, error);
  if (!status) status = read_patches(scope, inputs, &page->of, gradient, error);
  if (status) return status;
  gradient->images = &page->of;
  gradient->law.kind = BASIN_LAW_IMAGES;
  gradient->set_size = page->images;
  if (batch && !basin_scope_infinite(scope, batch))
    status = basin_scope_integer(scope, batch, "gradient.sampled.inputs.batch", 1, page->images,
                                 &gradient->batch, error);
  gradient->inputs = gradient->batch ? gradient->batch : gradient->set_size;
  gradient->dynamics = "dataset";
  return status;
}

basin_status basin_images_check(const basin_setting *setting, basin_place place,
                                basin_error *error) {
  const basin_gradient *g = &setting->gradient;
  if (!g->images) return BASIN_OK;
  const int64_t patches = basin_images_patches(g), width = basin_images_width(g);
  if (patches == setting->size.rows && width == setting->size.width) return BASIN_OK;
  return basin_fail_at(error, place,
                       "gradient: an image has %lld patches of %lld numbers, and an input of the "
                       "model %lld of %lld: its parameters must be those of the images",
                       (long long)patches, (long long)width, (long long)setting->size.rows,
                       (long long)setting->size.width);
}
