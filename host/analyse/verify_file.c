/* SPDX-License-Identifier: MIT */
#include "analyse/verify_file.h"
#include "read/images.h"
#include "read/own_model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the graph of a variant's formulas ---- */

/* the file as the experiment was read from it */
static basin_status read_again(const basin_experiment *e, basin_yaml **yaml, basin_error *error) {
  char *sets = strdup(e->overrides), *next = NULL;
  if (!sets) return basin_fail_memory(error);
  basin_status status = basin_yaml_parse(e->name, e->text, (int64_t)strlen(e->text), yaml, error);
  for (char *line = strtok_r(sets, "\n", &next); line && !status;
       line = strtok_r(NULL, "\n", &next))
    status = basin_yaml_set(*yaml, line, error);
  free(sets);
  return status;
}

/* NULL where its model is none of formulas; variant: -1 where there are none */
static basin_status find_graph(const basin_experiment *e, int variant, formula_model **graph,
                               basin_error *error) {
  basin_yaml *yaml = NULL;
  *graph = NULL;
  basin_status status = read_again(e, &yaml, error);
  if (!status) {
    const basin_node *root = basin_yaml_root(yaml),
                     *of = variant < 0 ? NULL
                                       : basin_node_get(basin_node_get(root, "variants"),
                                                        e->variant[variant]);
    const basin_node *own = basin_node_get(of, "model"),
                     *model = own ? own : basin_node_get(root, "model");
    if (basin_own_model_is_meant(model))
      status = basin_own_model_graph(model, NULL, e->album, graph, error);
  }
  basin_yaml_free(yaml);
  return status;
}

/* ---- all of them ---- */

/* the cells of a variant, in order: number `which` of them, or -1 */
static int64_t cell_of(const basin_experiment *e, int variant, int64_t which) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].variant == variant && !which--) return c;
  return -1;
}

static basin_status look_at(const basin_experiment *e, int variant, const formula_model *graph,
                            uint64_t seed, basin_check *check, basin_error *error) {
  int64_t cells = 0;
  basin_status status = BASIN_OK;
  for (int64_t c = 0; c < e->cells; c++) cells += e->cell[c].variant == variant;
  const int64_t some = cells < BASIN_VERIFY_CELLS ? cells : BASIN_VERIFY_CELLS;
  for (int64_t i = 0; i < some && !status; i++)
    status = basin_check_kind(e, cell_of(e, variant, i * cells / some), graph, seed,
                              BASIN_VERIFY_STARTS, check, error);
  return status;
}

static basin_status look_at_variant(const basin_experiment *e, int variant, uint64_t seed,
                                    basin_verified_file *file, basin_error *error) {
  const int64_t first = cell_of(e, variant, 0);
  formula_model *graph = NULL;
  if (first < 0) return BASIN_OK;
  const basin_model *model = e->cell[first].model;
  const int again = variant > 0 &&
                    e->cell[first].model == e->cell[cell_of(e, variant - 1, 0)].model;
  basin_status status = find_graph(e, variant, &graph, error);
  for (int i = 0; i < model->kinds && !status; i++) {
    if (again && strcmp(model->kind[i].name, e->cell[first].setting.gradient.dynamics) != 0)
      continue;
    const size_t more = (size_t)file->checks + 1;
    basin_check *check = realloc(file->check, more * sizeof *check);
    if (check) file->check = check;
    int *of = realloc(file->variant, more * sizeof *of);
    if (of) file->variant = of;
    if (!check || !of) status = basin_fail_memory(error);
    if (status) break;
    check[file->checks] = basin_check_none(model->kind[i].name);
    of[file->checks] = variant;
    status = look_at(e, variant, graph, seed, &check[file->checks++], error);
  }
  basin_formula_free(graph);
  return status;
}

basin_status basin_verify_file(const basin_experiment *e, uint64_t seed, basin_verified_file *file,
                               basin_error *error) {
  basin_status status = BASIN_OK;
  *file = (basin_verified_file){0};
  for (int v = e->variants ? 0 : -1; v < e->variants && !status; v++)
    status = look_at_variant(e, v, seed, file, error);
  return status;
}

void basin_verified_file_free(basin_verified_file *file) {
  free(file->check);
  free(file->variant);
  memset(file, 0, sizeof *file);
}
