/* SPDX-License-Identifier: MIT
 *
 * vector.c: how a vector is written in an experiment file.
 *
 *   0                                        every entry is that number
 *   [1, -1, 1/2]                             its entries, as many as it is long
 *   {head: [cos(7*pi/10), sin(7*pi/10)]}     its first entries; the rest is 0
 *   {blocks: [[1, plus], [-1, minus]]}       runs of equal entries [value, how many], together its length
 *   {file: F}                                they lie in a file: vector_file.h
 *   {sum: s, norm: n}                        the vector of that sum and Euclidean norm in span{1, e_1 - e_2}
 *   {ball: r}, {sphere: r}, {normal: sigma}  drawn afresh for every trial (under init, and where the model takes
 *   {uniform: [low, high]}                   drawn teachers); uniform: every entry for itself
 *   sign, {sign: c}                          -1 or 1, -c or c: every entry for itself
 *   {ball: r, around: x}, {sphere: r, around: x}, {normal: sigma, mean: x}
 *                                            the same around x: a number for every entry, a vector given in one of the
 *                                            ways above, or `teacher`, the given teacher of that name
 *
 * A mapping may have `scale: x`: the whole vector times x. A matrix is written
 *
 *   [row, row, ...]                          its rows, each a vector as above, not drawn
 *   {orthonormal: x}                         x times the first unit vectors
 *   or as a vector, which stands for every row (drawn rows are independent)
 */
#include "read/vector.h"
#include "base/text.h"
#include "read/vector_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the ways to give entries, of a matrix with the last one; and to draw them */
#define OF_A_FILE "file", "variable", "cell", "trial"
static const char *const given_forms[] = {"head",  "blocks",  "sum",        "norm",
                                          "scale", OF_A_FILE, "orthonormal"};
static const char *const forms[] = {"head",    "blocks", "sum",     "norm",       "scale",
                                    "around",  "mean",   "ball",    "sphere",     "normal",
                                    "uniform", "sign",   OF_A_FILE, "orthonormal"};
static const struct law {
  const char *word, *around; /* around: the key of what is added, or NULL */
} laws[] = {[BASIN_BALL] = {"ball", "around"},
            [BASIN_SPHERE] = {"sphere", "around"},
            [BASIN_NORMAL] = {"normal", "mean"},
            [BASIN_UNIFORM] = {"uniform", NULL},
            [BASIN_SIGN] = {"sign", NULL}};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static basin_status read_list(basin_scope *scope, const basin_node *list, const char *what,
                              int64_t length, int exact, double *value, basin_error *error) {
  if (list->kind != BASIN_SEQUENCE)
    return basin_fail_at(error, list->place, "%s: expected a list of entries", what);
  if (list->count > length || (exact && list->count != length))
    return basin_fail_at(error, list->place, "%s: %d entries, expected %s%lld", what, list->count,
                         exact ? "" : "at most ", (long long)length);
  for (int i = 0; i < list->count; i++) {
    const basin_status status = basin_scope_value(scope, list->child[i], what, &value[i], error);
    if (status) return status;
  }
  return BASIN_OK;
}

static basin_status read_blocks(basin_scope *scope, const basin_node *list, const char *what,
                                int64_t length, double *value, basin_error *error) {
  int64_t used = 0;
  if (list->kind != BASIN_SEQUENCE)
    return basin_fail_at(error, list->place, "%s: expected a list of [value, how many]", what);
  for (int i = 0; i < list->count; i++) {
    const basin_node *block = list->child[i];
    double x;
    int64_t many;
    if (block->kind != BASIN_SEQUENCE || block->count != 2)
      return basin_fail_at(error, block->place, "%s: expected [value, how many]", what);
    basin_status status = basin_scope_value(scope, block->child[0], what, &x, error);
    if (!status)
      status = basin_scope_integer(scope, block->child[1], what, 0, length, &many, error);
    if (status) return status;
    if (many > length - used)
      return basin_fail_at(error, block->place,
                           "%s: the blocks are longer than the vector, which has %lld entries",
                           what, (long long)length);
    while (many-- > 0) value[used++] = x;
  }
  if (used != length)
    return basin_fail_at(error, list->place, "%s: the blocks have %lld entries, expected %lld",
                         what, (long long)used, (long long)length);
  return BASIN_OK;
}

/* s/k 1 + b (e_1 - e_2)/sqrt(2), with b^2 = n^2 - s^2/k */
static basin_status read_sum_norm(basin_scope *scope, const basin_node *node, const char *what,
                                  int64_t length, double *value, basin_error *error) {
  const basin_node *sum_node = basin_node_get(node, "sum"),
                   *norm_node = basin_node_get(node, "norm");
  double sum, norm;
  basin_status status = basin_scope_value(scope, sum_node, what, &sum, error);
  if (!status) status = basin_scope_value(scope, norm_node, what, &norm, error);
  if (status) return status;
  const double rest2 = norm * norm - sum * sum / (double)length;
  if (norm < 0 || rest2 < -1e-12 * norm * norm || (length == 1 && rest2 > 1e-12 * norm * norm))
    return basin_fail_at(
        error, sum_node->place,
        "%s: no vector of %lld entries has sum %g and norm %g, expected |sum| <= sqrt(length) norm",
        what, (long long)length, sum, norm);
  for (int64_t j = 0; j < length; j++) value[j] = sum / (double)length;
  if (length > 1 && rest2 > 1e-15 * norm * norm) {
    value[0] += sqrt(rest2 / 2);
    value[1] -= sqrt(rest2 / 2);
  }
  return BASIN_OK;
}

/* whether the mapping's keys are this one (and the second, where there is one), and at most `scale` besides */
static int has_form(const basin_node *node, const char *key, const char *second) {
  const int wanted = 1 + (second != NULL) + (basin_node_get(node, "scale") != NULL);
  return basin_node_get(node, key) && (!second || basin_node_get(node, second)) &&
         node->count == wanted;
}

static basin_status read_given(basin_scope *scope, const basin_node *node, const char *what,
                               int64_t length, double *value, basin_error *error) {
  if (node->kind == BASIN_SEQUENCE) return read_list(scope, node, what, length, 1, value, error);
  if (node->kind == BASIN_SCALAR) {
    const basin_status status = basin_scope_value(scope, node, what, value, error);
    for (int64_t j = 1; j < length; j++) value[j] = value[0];
    return status;
  }
  if (has_form(node, "head", NULL))
    return read_list(scope, basin_node_get(node, "head"), what, length, 0, value, error);
  if (has_form(node, "blocks", NULL))
    return read_blocks(scope, basin_node_get(node, "blocks"), what, length, value, error);
  if (has_form(node, "sum", "norm")) return read_sum_norm(scope, node, what, length, value, error);
  return basin_fail_at(
      error, node->place,
      "%s: expected one of head, blocks, sum with norm, file, ball, sphere, normal, uniform, sign",
      what);
}

/* a matrix: row by row, or one vector for all rows */
static basin_status read_matrix(basin_scope *scope, const basin_node *node, const char *what,
                                int64_t rows, int64_t length, double *value, basin_error *error) {
  basin_status status = BASIN_OK;
  double x;
  if (node->kind == BASIN_SEQUENCE) {
    if (node->count != rows)
      return basin_fail_at(error, node->place, "%s: %d rows, expected a list of %lld", what,
                           node->count, (long long)rows);
    for (int64_t i = 0; i < rows && !status; i++)
      status = read_given(scope, node->child[i], what, length, value + i * length, error);
    return status;
  }
  if (!has_form(node, "orthonormal", NULL)) {
    status = read_given(scope, node, what, length, value, error);
    for (int64_t i = 1; i < rows; i++)
      memcpy(value + i * length, value, (size_t)length * sizeof *value);
    return status;
  }
  if (rows > length)
    return basin_fail_at(error, node->place, "%s: %lld rows of %lld entries cannot be orthonormal",
                         what, (long long)rows, (long long)length);
  status = basin_scope_value(scope, basin_node_get(node, "orthonormal"), what, &x, error);
  for (int64_t i = 0; i < rows; i++) value[i * length + i] = x;
  return status;
}

/* Entries of a file times the factor: the album's own, where it is 1, and else allocated into *given */
static basin_status read_file(basin_scope *scope, const basin_node *node, const char *what,
                              double factor, basin_vector *vector, double **given,
                              basin_error *error) {
  const int64_t size = basin_vector_size(vector);
  const double *value;
  for (int i = 0; i < node->count; i++) {
    static const char *const key[] = {OF_A_FILE, "scale"};
    int known = 0;
    for (int j = 0; j < LENGTH(key); j++) known |= !strcmp(node->key[i], key[j]);
    if (!known)
      return basin_fail_at(error, node->key_place[i], "%s: `%s` does not go with a file", what,
                           node->key[i]);
  }
  const basin_status status = basin_vector_file(scope, node, what, vector->rows, vector->length,
                                                &value, error);
  vector->value = value;
  if (status || factor == 1) return status;
  double *scaled = *given = malloc((size_t)size * sizeof *scaled);
  if (!scaled) return basin_fail_memory(error);
  for (int64_t j = 0; j < size; j++) scaled[j] = factor * value[j];
  vector->value = scaled;
  return BASIN_OK;
}

/* a vector or matrix of given entries, allocated into *given where they are the cell's own */
static basin_status read_entries(basin_scope *scope, const basin_node *node, const char *what,
                                 int matrix, double factor, basin_vector *vector, double **given,
                                 basin_error *error) {
  const int64_t size = basin_vector_size(vector);
  if (basin_node_get(node, "file"))
    return read_file(scope, node, what, factor, vector, given, error);
  double *value = *given = calloc((size_t)size, sizeof *value);
  if (!value) return basin_fail_memory(error);
  vector->value = value;
  const basin_status status = matrix ? read_matrix(scope, node, what, vector->rows, vector->length,
                                                   value, error)
                                     : read_given(scope, node, what, vector->length, value, error);
  for (int64_t j = 0; j < size; j++) value[j] *= factor;
  return status;
}

/* ---- what is drawn ---- */

/* the teacher's entries times the factor, to be drawn around */
static basin_status copy_teacher(const basin_node *node, const char *what, double factor,
                                 const basin_vector *teacher, basin_vector *vector, double **given,
                                 basin_error *error) {
  const int64_t size = basin_vector_size(vector);
  if (!teacher)
    return basin_fail_at(error, node->place,
                         "%s: no teacher has that name: give the vector itself, as under `teacher`",
                         what);
  if (teacher->source != BASIN_GIVEN)
    return basin_fail_at(error, node->place,
                         "%s: the teacher is drawn: expected a vector that is given", what);
  if (teacher->rows != vector->rows || teacher->length != vector->length)
    return basin_fail_at(error, node->place,
                         "%s: the teacher has %lld x %lld entries, expected %lld x %lld: give the "
                         "vector itself, as under `teacher`",
                         what, (long long)teacher->rows, (long long)teacher->length,
                         (long long)vector->rows, (long long)vector->length);
  double *value = *given = calloc((size_t)size, sizeof *value);
  if (!value) return basin_fail_memory(error);
  vector->value = value;
  for (int64_t j = 0; j < size; j++) value[j] = factor * teacher->value[j];
  return BASIN_OK;
}

/* what is added to a draw: a number, given entries, or the teacher's */
static basin_status read_around(basin_scope *scope, const basin_node *node, const char *what,
                                int matrix, double factor, const basin_vector *teacher,
                                basin_vector *vector, double **given, basin_error *error) {
  const basin_node *scale = basin_node_get(node, "scale");
  basin_status status = BASIN_OK;
  double own = 1;
  if (node->kind == BASIN_SCALAR && !strcmp(node->text, "teacher"))
    return copy_teacher(node, what, factor, teacher, vector, given, error);
  if (node->kind == BASIN_SCALAR) {
    status = basin_scope_value(scope, node, what, &vector->offset, error);
    vector->offset *= factor;
    return status;
  }
  if (node->kind == BASIN_MAPPING)
    status = basin_scope_keys(scope, node, given_forms, LENGTH(given_forms) - !matrix, what, error);
  if (!status && scale) status = basin_scope_value(scope, scale, what, &own, error);
  return status ? status
                : read_entries(scope, node, what, matrix, factor * own, vector, given, error);
}

/* uniform: [low, high] */
static basin_status read_interval(basin_scope *scope, const basin_node *node, const char *what,
                                  basin_vector *vector, basin_error *error) {
  double end[2];
  if (node->kind != BASIN_SEQUENCE || node->count != 2)
    return basin_fail_at(error, node->place, "%s: expected uniform: [low, high]", what);
  for (int i = 0; i < 2; i++) {
    const basin_status status = basin_scope_value(scope, node->child[i], what, &end[i], error);
    if (status) return status;
  }
  vector->offset = end[0];
  vector->scale = end[1] - end[0];
  if (vector->scale >= 0 && isfinite(vector->scale)) return BASIN_OK;
  return basin_fail_at(error, node->place,
                       "%s: uniform from %g to %g, expected the lower end first", what, end[0],
                       end[1]);
}

static basin_status read_radius(basin_scope *scope, const basin_node *node, const char *what,
                                basin_vector *vector, basin_error *error) {
  const basin_status status = basin_scope_value(scope, node, what, &vector->scale, error);
  if (status || vector->scale >= 0) return status;
  return basin_fail_at(error, node->place, "%s: %g is negative, expected at least 0", what,
                       vector->scale);
}

/* a drawn vector, whose law is under the key `word`; factor: the scale of the whole */
static basin_status read_drawn(basin_scope *scope, const basin_node *node, const char *what,
                               int matrix, enum basin_source source, double factor,
                               const basin_vector *teacher, basin_vector *vector, double **given,
                               basin_error *error) {
  const struct law *law = &laws[source];
  vector->source = source;
  if (node->kind == BASIN_SCALAR) return BASIN_OK; /* the word alone */
  const basin_node *number = basin_node_get(node, law->word),
                   *around = law->around ? basin_node_get(node, law->around) : NULL;
  if (!has_form(node, law->word, around ? law->around : NULL))
    return basin_fail_at(error, node->place,
                         "%s: expected one of ball, sphere (both may have `around`), normal (may "
                         "have `mean`), uniform, sign, and no other key but `scale`",
                         what);
  basin_status status = source == BASIN_UNIFORM ? read_interval(scope, number, what, vector, error)
                                                : read_radius(scope, number, what, vector, error);
  vector->scale *= factor;
  vector->offset *= factor;
  if (!status && around)
    status = read_around(scope, around, what, matrix, factor, teacher, vector, given, error);
  return status;
}

/* the law of a mapping that draws, or of the word `sign`; or BASIN_GIVEN */
static enum basin_source law_of(const basin_node *node) {
  if (node->kind == BASIN_SCALAR && !strcmp(node->text, "sign")) return BASIN_SIGN;
  int source = LENGTH(laws) - 1;
  while (source > BASIN_GIVEN && !basin_node_get(node, laws[source].word)) source--;
  return (enum basin_source)source;
}

basin_status basin_vector_check_word(basin_scope *scope, const basin_node *node, const char *what,
                                     const char *const *word, int words, basin_error *error) {
  double unused;
  int found = 0;
  const char *text = node->kind == BASIN_SCALAR ? node->text : "",
             *near = basin_is_name(text) ? basin_nearest(text, word, words) : NULL;
  if (!near || !strcmp(near, text)) return BASIN_OK;
  if (basin_scope_look_up(scope, text, &unused, &found, error) || found) return BASIN_OK;
  return basin_fail_at(error, node->place, "%s: unknown name `%s`, did you mean `%s`?", what, text,
                       near);
}

basin_status basin_vector_read(basin_scope *scope, const basin_node *node, const char *what,
                               int matrix, int random, const basin_vector *teacher,
                               basin_vector *vector, double **given, basin_error *error) {
  const basin_node *scale = basin_node_get(node, "scale");
  const enum basin_source source = law_of(node);
  double factor = 1;
  basin_status status = BASIN_OK;
  vector->source = BASIN_GIVEN;
  vector->scale = 1;
  if (node->kind == BASIN_MAPPING)
    status = basin_scope_keys(scope, node, forms, LENGTH(forms) - !matrix, what, error);
  else if (random)
    status = basin_vector_check_word(scope, node, what, &laws[BASIN_SIGN].word, 1, error);
  if (!status && scale) status = basin_scope_value(scope, scale, what, &factor, error);
  if (status) return status;
  if (source == BASIN_GIVEN)
    return read_entries(scope, node, what, matrix, factor, vector, given, error);
  if (!random)
    return basin_fail_at(error, node->place,
                         "%s: a teacher is not drawn here, expected given entries", what);
  return read_drawn(scope, node, what, matrix, source, factor, teacher, vector, given, error);
}

basin_status basin_vector_read_point(basin_scope *scope, const basin_node *node, const char *what,
                                     int matrix, const basin_vector *teacher, basin_vector *vector,
                                     double **given, basin_error *error) {
  if (node->kind == BASIN_SCALAR && strcmp(node->text, "teacher") != 0)
    return read_entries(scope, node, what, matrix, 1, vector, given, error);
  return read_around(scope, node, what, matrix, 1, teacher, vector, given, error);
}
