/* SPDX-License-Identifier: MIT */
#include "store/output_file.h"
#include "engine/cpu.h"
#include "read/headers.h"
#include "read/passages.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 96, MEANING_BYTES = 256, COORDINATES_BYTES = 4096 };

static int bad(const basin_output *o) { return basin_netcdf_bad(o->file); }

/* ---- variables by the table ---- */

/* a pattern of the table with what is meant in the place of %s */
static const char *fill_in(char *out, size_t size, const char *pattern, const char *of) {
  const char *at = strstr(pattern, "%s");
  if (!at) snprintf(out, size, "%s", pattern);
  else snprintf(out, size, "%.*s%s%s", (int)(at - pattern), pattern, of, at + 2);
  return out;
}

/* a dimension's own variable: value[], or first, first + 1, ... */
static void make_dimension(basin_output *o, int id, const char *of, int64_t size,
                           const int64_t *value, int64_t first) {
  const basin_variable_row *row = &basin_variable_rows[id];
  char name[NAME_BYTES];
  int d = 0;
  while (!(row->dimensions >> d & 1)) d++;
  o->size[d] = (hsize_t)size;
  o->scale[d] = basin_netcdf_dimension(o->file, fill_in(name, sizeof name, row->name, of), size,
                                       value, first, row->long_name, "1");
}

/* a variable; over cells and something more it names its coordinates and shows its fill value to readers */
static basin_variable *make_of(basin_output *o, int id, const char *of, const char *meaning,
                               const char *units) {
  const basin_variable_row *row = &basin_variable_rows[id];
  basin_variable *scales[BASIN_DIMENSIONS];
  hsize_t size[BASIN_DIMENSIONS];
  char name[NAME_BYTES], long_name[MEANING_BYTES], coordinates[COORDINATES_BYTES + 8];
  int rank = 0;
  for (int d = 0; d < BASIN_DIMENSIONS; d++)
    if (row->dimensions >> d & 1) scales[rank] = o->scale[d], size[rank++] = o->size[d];
  basin_variable *v = basin_netcdf_variable(
      o->file, fill_in(name, sizeof name, row->name, of), row->type(), row->fill, rank, scales,
      size, fill_in(long_name, sizeof long_name, row->long_name, meaning), units);
  if (rank < 2) return v;
  snprintf(coordinates, sizeof coordinates, "%s%s", o->coordinates, rank > 2 ? " eta_t" : "");
  basin_netcdf_text(o->file, v, "coordinates", coordinates);
  basin_netcdf_number(o->file, v, "_FillValue", row->type(), row->fill);
  return v;
}

/* one that there is once */
static basin_variable *make(basin_output *o, int id) {
  return o->variable[id] = make_of(o, id, "", "", "1");
}

static void make_texts(basin_output *o, int id, const char *const *text) {
  const basin_variable_row *row = &basin_variable_rows[id];
  basin_netcdf_texts(o->file, row->name, o->scale[0], o->extent.cells, text, row->long_name);
}

static int64_t count_of(const basin_output *o, int id) {
  return basin_variable_count(o->experiment, &o->extent, &o->vectors,
                              basin_variable_rows[id].there);
}

/* ---- what is known before the trials ---- */

/* whether any cell's steps are matrix products: not with mini-batches */
/* the C of models that are not part of the build */
static basin_status write_headers(basin_output *o, basin_error *error) {
  char *text = basin_headers_text(o->experiment->headers);
  if (!text) return basin_fail_memory(error);
  if (*text) basin_netcdf_text(o->file, NULL, "experiment_headers", text);
  free(text);
  return BASIN_OK;
}

static void write_attributes(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const int64_t axes = e->axes;
  basin_netcdf *f = o->file;
  basin_netcdf_text(f, NULL, "title", e->title);
  basin_netcdf_text(f, NULL, "Conventions", "CF-1.8");
  basin_netcdf_text(f, NULL, "source", "basin " BASIN_VERSION);
  basin_netcdf_text(f, NULL, "basin_version", BASIN_VERSION);
  basin_netcdf_text(f, NULL, "experiment", e->name);
  basin_netcdf_text(f, NULL, "experiment_yaml", e->text);
  basin_netcdf_text(f, NULL, "experiment_set", e->overrides);
  basin_netcdf_number(f, NULL, "seed", H5T_NATIVE_UINT64, &e->seed);
  basin_netcdf_number(f, NULL, "identity", H5T_NATIVE_UINT64, &e->identity);
  basin_netcdf_number(f, NULL, "trials", H5T_NATIVE_INT64, &e->trials);
  basin_netcdf_number(f, NULL, "grid_parameters", H5T_NATIVE_INT64, &axes);
  basin_netcdf_number(f, NULL, "until_halfwidth", H5T_NATIVE_DOUBLE, &e->halfwidth);
  basin_netcdf_number(f, NULL, "until_max_trials", H5T_NATIVE_INT64, &e->max_trials);
  basin_netcdf_number(f, NULL, "allow_unresolved", H5T_NATIVE_DOUBLE, &e->allow_unresolved);
  basin_netcdf_number(f, NULL, "allow_diverged", H5T_NATIVE_DOUBLE, &e->allow_diverged);
  basin_netcdf_text(
      f, NULL, "comment",
      "A cell is a point of the grid, under one variant; a trial is one random initialisation. "
      "NaN, of whole numbers -1, is missing: trials that a cell does not have, and records behind "
      "a trial's end. Attributes of the file: trials, of a cell before `until` adds any; "
      "grid_parameters, so many variables behind `model` are the grid's; until_halfwidth, 0 where "
      "none is asked for; allow_unresolved and allow_diverged, shares of a cell. /provenance: "
      "where and when; /checksum: XXH3-64 of the values, by cell.");
}

/* the variants once more, as numbers into a list of names of fixed length: what our own reader reads */
static void write_variant_numbers(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const hsize_t size = o->size[0];
  int8_t *number = calloc(size, sizeof *number);
  size_t bytes = 1;
  for (int v = 0; v < e->variants; v++) bytes += strlen(e->variant[v]) + 1;
  char *names = calloc(1, bytes);
  if (!number || !names) basin_netcdf_fail(o->file);
  for (hsize_t i = 0; i < size && !bad(o); i++)
    number[i] = (int8_t)e->cell[o->extent.first_cell + (int64_t)i].variant;
  for (int v = 0; v < e->variants && !bad(o); v++) strcat(strcat(names, e->variant[v]), "\n");
  basin_variable *v = make(o, BASIN_VARIABLE_variant_number);
  basin_netcdf_text(o->file, v, "names", names);
  basin_netcdf_write_whole(o->file, v, number);
  free(names);
  free(number);
}

/* a parameter's row in the table of the first model that has it; NULL: the file's own name for something */
static const basin_symbol *parameter_symbol(const basin_experiment *e, const char *name) {
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_model *model = e->cell[c].model;
    if (c && model == e->cell[c - 1].model) continue;
    const int i = basin_symbol_find(model->parameter, model->parameters, name);
    if (i >= 0) return &model->parameter[i];
  }
  return NULL;
}

/* doubles, whatever the values are: so files can be put together */
static void write_parameter(basin_output *o, const char *name, const double *value) {
  const basin_symbol *known = parameter_symbol(o->experiment, name);
  char long_name[MEANING_BYTES];
  snprintf(long_name, sizeof long_name, "%s%s%s", name, known ? ", " : "",
           known ? known->meaning : "");
  basin_variable *v = basin_netcdf_variable(o->file, name, H5T_NATIVE_DOUBLE, NULL, 1, &o->scale[0],
                                            &o->size[0], long_name, known ? known->unit : "1");
  basin_netcdf_write_whole(o->file, v, value);
}

static void write_parameters(basin_output *o, double *value) {
  const basin_experiment *e = o->experiment;
  const char *column[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, column);
  for (int p = 0; p < columns && !bad(o); p++) {
    for (int64_t i = 0; i < o->extent.cells; i++)
      value[i] = basin_experiment_column(e, o->extent.first_cell + i, p, column[p]);
    write_parameter(o, column[p], value);
  }
}

static void make_success(basin_output *o) {
  basin_variable *v = make(o, BASIN_VARIABLE_success);
  basin_netcdf_text(o->file, v, "ancillary_variables", "success_low success_high trials");
  basin_netcdf_text(o->file, v, "comment",
                    "of all trials run, the unresolved and the diverged ones too; missing where "
                    "there are none");
  make(o, BASIN_VARIABLE_success_low);
  make(o, BASIN_VARIABLE_success_high);
}

static void write_cells(basin_output *o, const int64_t *count) {
  const basin_experiment *e = o->experiment;
  const basin_cell *cell = e->cell + o->extent.first_cell;
  const int64_t n = o->extent.cells, variants = count_of(o, BASIN_VARIABLE_variant);
  double *value = calloc((size_t)n + 1, sizeof *value);
  const char **text = calloc((size_t)n + 1, sizeof *text);
  uint64_t *draw = calloc((size_t)n + 1, sizeof *draw);
  int8_t *early = calloc((size_t)n + 1, sizeof *early);
  if (!value || !text || !draw || !early) basin_netcdf_fail(o->file);
  for (int64_t i = 0; i < n && !bad(o); i++)
    text[i] = cell[i].variant < 0 ? "" : e->variant[cell[i].variant];
  if (!bad(o) && variants) make_texts(o, BASIN_VARIABLE_variant, text);
  if (!bad(o) && variants) write_variant_numbers(o);

  for (int64_t i = 0; i < n && !bad(o); i++)
    text[i] = cell[i].model->name, draw[i] = cell[i].identity;
  if (!bad(o)) make_texts(o, BASIN_VARIABLE_model, text);
  if (!bad(o)) write_parameters(o, value);
  if (!bad(o)) basin_netcdf_write_whole(o->file, make(o, BASIN_VARIABLE_trials), count);
  if (!bad(o)) basin_netcdf_write_whole(o->file, make(o, BASIN_VARIABLE_draw), draw);
  for (int64_t i = 0; i < n && !bad(o); i++)
    early[i] = basin_cell_steps_to(&cell[i]) == BASIN_STEPS_PROVED;
  if (!bad(o)) basin_netcdf_write_whole(o->file, make(o, BASIN_VARIABLE_early_rule), early);
  free(early);
  make_success(o);
  free(draw);
  free(text);
  free(value);
}

/* CF: readers take these variables for coordinates of the others */
static void name_coordinates(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const char *column[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, column);
  char *text = o->coordinates;
  snprintf(text, COORDINATES_BYTES, "%smodel", e->variants ? "variant " : "");
  for (int p = 0; p < columns; p++)
    snprintf(text + strlen(text), COORDINATES_BYTES - strlen(text), " %s", column[p]);
}

static void make_outcome(basin_output *o) {
  const basin_experiment *e = o->experiment;
  unsigned can = (BASIN_CAN(BASIN_DIVERGED) << 1) - 1; /* files of all models tell these */
  int8_t value[BASIN_OUTCOMES_MAX], success[BASIN_OUTCOMES_MAX];
  char meanings[BASIN_OUTCOMES_MAX * (BASIN_OUTCOME_BYTES + 1)] = "";
  hsize_t values = 0, successes = 0;
  for (int64_t c = 0; c < e->cells; c++) can |= e->cell[c].model->outcomes;
  for (int i = 0; i < e->outcomes.count; i++) {
    if (i < BASIN_OUTCOMES && !(can & BASIN_CAN(i))) continue;
    value[values++] = (int8_t)i;
    if (basin_outcomes_succeeds(&e->outcomes, i)) success[successes++] = (int8_t)i;
    snprintf(meanings + strlen(meanings), sizeof meanings - strlen(meanings), "%s%s", i ? " " : "",
             basin_outcomes_name(&e->outcomes, i));
  }
  basin_variable *v = make(o, BASIN_VARIABLE_outcome);
  basin_netcdf_numbers(o->file, v, "flag_values", H5T_NATIVE_INT8, values, value);
  basin_netcdf_text(o->file, v, "flag_meanings", meanings);
  if (e->outcomes.count > BASIN_OUTCOMES)
    basin_netcdf_numbers(o->file, v, "success_values", H5T_NATIVE_INT8, successes, success);
}

/* under the early rule an optimum is not reached, and steps are no time to it: their name says so */
static void make_steps(basin_output *o) {
  const basin_cell *cell = o->experiment->cell + o->extent.first_cell;
  int64_t early = 0;
  for (int64_t i = 0; i < o->extent.cells; i++)
    early += basin_cell_steps_to(&cell[i]) == BASIN_STEPS_PROVED;
  o->variable[BASIN_VARIABLE_steps] = make_of(o, BASIN_VARIABLE_steps, "",
                                              early == 0 ? "reached"
                                              : early < o->extent.cells
                                                  ? "reached, or, where early_rule is 1, proved"
                                                  : "proved, by the early rule: reached later",
                                              "1");
}

/* an observable's row in the tables of the first cell that has it */
static const basin_symbol *observable_symbol(const basin_experiment *e, const char *name) {
  for (int64_t c = 0; c < e->cells; c++) {
    const int i = basin_observable_find(&e->cell[c], name);
    if (i >= 0) return basin_observable(&e->cell[c], i);
  }
  return NULL;
}

/* the same of what is estimated, which a cell of another law has as no observable */
static const basin_symbol *estimate_symbol(const basin_experiment *e, const char *name) {
  int i = -1;
  int64_t c = 0;
  for (; c < e->cells && i < 0; c++)
    i = basin_symbol_find(e->cell[c].model->observable, e->cell[c].model->observables, name);
  return i < 0 ? NULL : &e->cell[c - 1].model->observable[i];
}

/* what is measured on fresh inputs, and its standard error */
static void make_estimates(basin_output *o) {
  const basin_experiment *e = o->experiment;
  for (int i = 0; i < 2 * count_of(o, BASIN_VARIABLE_estimate) && !bad(o); i++) {
    const basin_symbol *symbol = estimate_symbol(e, e->estimate[i / 2]);
    o->estimate[i] =
        i % 2 ? make_of(o, BASIN_VARIABLE_error, symbol->name, symbol->name, symbol->unit)
              : make_of(o, BASIN_VARIABLE_estimate, symbol->name, symbol->meaning, symbol->unit);
    basin_netcdf_number(o->file, o->estimate[i], "inputs", H5T_NATIVE_INT64, &e->inputs);
  }
}

/* n^-p */
static double power_term(double p, int64_t n) { return p > 0 ? r_exp(-p * r_log((double)n)) : 1; }

/* The sum of n^-p over from < n <= to. Beyond HEAD terms by Euler and Maclaurin's formula, whose next term is below
   1e-15 of the sum for p <= 2; with dmath.h, so that files have the same bytes. */
static double power_sum(double p, int64_t from, int64_t to) {
  enum { HEAD = 64 };
  double sum = 0;
  int64_t n = from + 1;
  for (; n <= to && (n <= HEAD || to - from <= HEAD); n++) sum += power_term(p, n);
  if (n > to) return sum;
  const double a = (double)n, b = (double)to, fa = r_exp(-p * r_log(a)), fb = r_exp(-p * r_log(b));
  const double q = 1 - p, length = r_log(b / a), x = q * length;
  const double integral = a * fa *
                          (fabs(x) < 1e-3 ? length * (1 + x / 2 * (1 + x / 3 * (1 + x / 4)))
                                          : (r_exp(x) - 1) / q);
  const double slopes = p * (fa / a - fb / b) / 12;
  const double thirds = p * (p + 1) * (p + 2) * (fa / (a * a * a) - fb / (b * b * b)) / 720;
  return sum + (integral + (fa + fb) / 2 + slopes - thirds);
}

/* eta t after so many steps: the sum of the step sizes taken, of a model with several the first one's */
static double flow_time(const basin_setting *setting, int64_t step) {
  double sum = 0;
  int64_t before = 0;
  for (int i = 0; i < setting->stages && step > 0; i++) {
    const basin_stage *stage = &setting->stage[i];
    const int64_t taken = step < stage->steps ? step : stage->steps;
    const double power = stage->eta[BASIN_DECAY];
    sum += stage->eta[0] * (power > 0 ? power_sum(power, before, before + taken) : (double)taken);
    step -= taken;
    before += taken;
  }
  return sum;
}

/* The same at every recorded step where step sizes move: terms are added one by one, SUMMED of them; NaN beyond */
static void sum_moving(const basin_setting *setting, const int64_t *time, hsize_t times,
                       double *row) {
  enum { SUMMED = 1 << 26, TOGETHER = 512 };
  double sum = 0, eta[TOGETHER];
  int64_t step = 0;
  for (hsize_t t = 0; t < times; row[t++] = sum) {
    while (step < time[t] && !isnan(sum)) {
      int64_t begun, n = time[t] - step < TOGETHER ? time[t] - step : TOGETHER;
      const basin_stage *stage = basin_stage_at(setting, step, &begun);
      const basin_moving *moving = stage->moving[0];
      if (stage->steps - (step - begun) < n) n = stage->steps - (step - begun);
      if (time[t] > SUMMED || (moving && moving->at(moving, step, n, eta, NULL) < n)) sum = NAN;
      for (int64_t i = 0; i < n && !isnan(sum); i++)
        sum += moving ? eta[i] : stage->eta[0] * power_term(stage->eta[BASIN_DECAY], step + i + 1);
      step += n;
    }
  }
}

static void write_flow_time(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const hsize_t cells = o->size[0], times = (hsize_t)o->extent.times;
  basin_variable *v = make(o, BASIN_VARIABLE_eta_t);
  double *row = calloc(times + 1, sizeof *row);
  if (!row) basin_netcdf_fail(o->file);
  for (hsize_t c = 0; c < cells && !bad(o); c++) {
    const basin_setting *setting = &e->cell[o->extent.first_cell + (int64_t)c].setting;
    const hsize_t start[2] = {c, 0}, block[2] = {1, times};
    const int moves = basin_schedule_moves(setting);
    if (moves) sum_moving(setting, e->time, times, row);
    for (hsize_t t = 0; t < times && !moves; t++) row[t] = flow_time(setting, e->time[t]);
    basin_netcdf_write(o->file, v, start, block, row);
  }
  free(row);
}

/* what a passage waits for, in the words "loss <= 1e-06", and as attributes; the level is told where it is the same in
   all cells that have the passage */
static void make_passage(basin_output *o, int p) {
  const basin_experiment *e = o->experiment;
  const struct basin_named_ladder *ladder = &e->ladder[basin_passage_ladder(e, p)];
  const basin_cell *cell = e->cell + o->extent.first_cell;
  const basin_symbol *symbol = observable_symbol(e, ladder->observable);
  char number[24], words[MEANING_BYTES - 32];
  double level = NAN;
  int same = 1;
  for (int64_t c = 0; c < o->extent.cells; c++) {
    const basin_passage *passage = &cell[c].passage[p];
    if (passage->observable < 0) continue;
    same = same && !(level < passage->level || level > passage->level);
    level = passage->level;
  }
  snprintf(number, sizeof number, "%d", p + 1);
  if (same) {
    snprintf(words, sizeof words, "%s %s %.10g", ladder->observable,
             ladder->above ? ">=" : "<=", level);
  } else {
    snprintf(words, sizeof words, "%s %s its passage_level", ladder->observable,
             ladder->above ? ">=" : "<=");
  }
  o->passage[p] = make_of(o, BASIN_VARIABLE_passage, number, words, "1");
  basin_netcdf_text(o->file, o->passage[p], "observable", symbol->name);
  basin_netcdf_text(o->file, o->passage[p], "direction", ladder->above ? "above" : "below");
  if (same) basin_netcdf_number(o->file, o->passage[p], "level", H5T_NATIVE_DOUBLE, &level);
}

static void make_passages(basin_output *o) {
  const basin_experiment *e = o->experiment;
  double *level = calloc((size_t)e->passages, sizeof *level);
  if (!level) basin_netcdf_fail(o->file);
  if (!bad(o)) make_dimension(o, BASIN_VARIABLE_passages, "", e->passages, NULL, 1);
  basin_variable *v = bad(o) ? NULL : make(o, BASIN_VARIABLE_passage_level);
  for (int64_t c = 0; c < o->extent.cells && !bad(o); c++) {
    const hsize_t start[2] = {(hsize_t)c, 0}, size[2] = {1, (hsize_t)e->passages};
    for (int p = 0; p < e->passages; p++)
      level[p] = e->cell[o->extent.first_cell + c].passage[p].level;
    basin_netcdf_write(o->file, v, start, size, level);
  }
  for (int p = 0; p < e->passages && !bad(o); p++) make_passage(o, p);
  free(level);
}

static void make_trajectories(basin_output *o) {
  const basin_experiment *e = o->experiment;
  write_flow_time(o);
  for (int i = 0; i < count_of(o, BASIN_VARIABLE_record) && !bad(o); i++) {
    const basin_symbol *symbol = observable_symbol(e, e->observable[i]);
    o->record[i] = make_of(o, BASIN_VARIABLE_record, e->observable[i], symbol->meaning,
                           symbol->unit);
  }
  make_estimates(o);
  for (int v = 0; v < count_of(o, BASIN_VARIABLE_vector) && !bad(o); v++) {
    const char *name = o->vectors.name[v];
    make_dimension(o, BASIN_VARIABLE_entry, name, o->vectors.length[v], NULL, 0);
    o->entry[v] = o->scale[BASIN_DIMENSIONS - 1];
    o->vector[v] = make_of(o, BASIN_VARIABLE_vector, name, name, "1");
  }
}

/* how the cells are those of a grid: the variants, then what the file gives, the last varying fastest */
static void tell_grid(basin_output *o) {
  const basin_experiment *e = o->experiment;
  int32_t shape[BASIN_AXES_MAX + 1]; /* R has none of 64 bits */
  char names[COORDINATES_BYTES] = "";
  int rank = 0;
  if (e->variants) {
    shape[rank++] = e->variants;
    strcat(names, "variant");
  }
  for (int d = 0; d < e->dimensions; d++) {
    shape[rank++] = (int32_t)e->dimension[d].length;
    for (int a = 0; a < e->dimension[d].count; a++) {
      const char *before = a ? " " : *names ? ", " : "";
      snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", before,
               e->axis[e->dimension[d].first + a]);
    }
  }
  if (!rank) return;
  basin_netcdf_text(o->file, o->scale[0], "grid_dimensions", names);
  basin_netcdf_numbers(o->file, o->scale[0], "grid_shape", H5T_NATIVE_INT32, (hsize_t)rank, shape);
  basin_netcdf_text(
      o->file, o->scale[0], "comment",
      e->refine.asked
          ? "the first cells, refine_grid_cells of them, are numbered over grid_shape in "
            "row-major order: the last of grid_dimensions varies fastest, and "
            "parameters that run together are one; then come those that refine added"
          : "cells are numbered over grid_shape in row-major order: the last of "
            "grid_dimensions varies fastest, and parameters that run together are one");
}

static void make_variables(basin_output *o, const int64_t *count) {
  const basin_experiment *e = o->experiment;
  const basin_extent *x = &o->extent;
  write_attributes(o);
  make_dimension(o, BASIN_VARIABLE_cell, "", x->cells, NULL, x->first_cell);
  tell_grid(o);
  make_dimension(o, BASIN_VARIABLE_trial, "", x->trials, NULL, x->first_trial);
  if (count_of(o, BASIN_VARIABLE_recorded)) {
    make_dimension(o, BASIN_VARIABLE_recorded, "", x->recorded, NULL, x->first_trial);
    make_dimension(o, BASIN_VARIABLE_time, "", x->times, e->time, 0);
  }
  write_cells(o, count);
  name_coordinates(o);
  make_outcome(o);
  make_steps(o);
  if (o->attractors) make(o, BASIN_VARIABLE_attractor);
  if (count_of(o, BASIN_VARIABLE_halvings)) make(o, BASIN_VARIABLE_halvings);
  for (int i = 0; i < e->finals && !bad(o); i++) {
    const basin_symbol *symbol = observable_symbol(e, e->final[i]);
    o->final[i] = make_of(o, BASIN_VARIABLE_final, e->final[i], symbol->meaning, symbol->unit);
  }
  if (!bad(o) && e->passages) make_passages(o);
  if (!bad(o) && count_of(o, BASIN_VARIABLE_time)) make_trajectories(o);
  if (!bad(o) && e->limit) basin_output_limits(o);
}

/* ---- what is known last ---- */

void basin_output_dimension(basin_output *o, int id, int64_t size) {
  if (!bad(o)) make_dimension(o, id, "", size, NULL, 0);
}

void basin_output_variable(basin_output *o, int id) {
  if (!bad(o)) make(o, id);
}

basin_variable *basin_output_of(basin_output *o, int id, const char *observable) {
  const basin_symbol *symbol = observable_symbol(o->experiment, observable);
  return make_of(o, id, observable, symbol ? symbol->meaning : observable,
                 symbol ? symbol->unit : "1");
}

basin_variable *basin_output_vector(basin_output *o, int id, const char *vector, int64_t entries) {
  const int last = BASIN_DIMENSIONS - 1;
  int v = 0;
  while (v < o->vectors.count && strcmp(o->vectors.name[v], vector) != 0) v++;
  if (v < o->vectors.count && o->entry[v])
    o->scale[last] = o->entry[v], o->size[last] = (hsize_t)o->vectors.length[v];
  else make_dimension(o, BASIN_VARIABLE_entry, vector, entries, NULL, 0);
  return make_of(o, id, vector, vector, "1");
}

static void free_output(basin_output *o) {
  basin_attractors_close(o);
  free(o->successes);
  free(o->ended);
  free(o->coordinates);
  free(o->final);
  free(o->passage);
  free(o->record);
  free(o->estimate);
  free(o);
}

basin_status basin_output_create(const char *path, const basin_experiment *e,
                                 const basin_extent *extent, const int64_t *count, int64_t missing,
                                 int threads, basin_output **out, basin_error *error) {
  basin_output *o = calloc(1, sizeof *o);
  basin_status status = BASIN_OK;
  basin_error ignored;
  *out = NULL;
  if (!o) return basin_fail_memory(error);
  o->experiment = e;
  o->extent = *extent;
  o->threads = threads > 0 ? threads : basin_cpu_processors();
  o->vectors = basin_vectors_find(e, extent);
  o->successes = calloc((size_t)extent->cells + 1, sizeof *o->successes);
  o->ended = calloc((size_t)extent->cells + 1, sizeof *o->ended);
  o->coordinates = calloc(1, COORDINATES_BYTES);
  o->final = calloc((size_t)e->finals + 1, sizeof *o->final);
  o->passage = calloc((size_t)e->passages + 1, sizeof *o->passage);
  o->record = calloc((size_t)e->observables + 1, sizeof *o->record);
  o->estimate = calloc(2 * (size_t)e->estimates + 1, sizeof *o->estimate);
  if (!o->successes || !o->ended || !o->coordinates || !o->final || !o->passage || !o->record ||
      !o->estimate)
    status = basin_fail_memory(error);
  else status = basin_attractors_open(o, error);
  if (!status) status = basin_netcdf_create(path, &o->file, error);
  if (status) {
    free_output(o);
    return status;
  }
  make_variables(o, count);
  if (missing) basin_netcdf_number(o->file, NULL, "trials_missing", H5T_NATIVE_INT64, &missing);
  status = write_headers(o, error);
  if (!status) status = basin_netcdf_status(o->file, error);
  if (!status) {
    *out = o;
    return BASIN_OK;
  }
  basin_output_close(o, &ignored);
  unlink(path);
  return status;
}

/* ---- the end ---- */

basin_status basin_output_provenance(basin_output *o, const char *name, const char *text,
                                     basin_error *error) {
  basin_netcdf_group_text(o->file, "provenance", name, text);
  return basin_netcdf_status(o->file, error);
}

basin_status basin_output_provenance_number(basin_output *o, const char *name, hid_t type,
                                            const void *value, basin_error *error) {
  basin_netcdf_group_number(o->file, "provenance", name, type, value);
  return basin_netcdf_status(o->file, error);
}

/* the rates of the trials that were written */
static void write_success(basin_output *o) {
  const size_t cells = (size_t)o->extent.cells;
  double *value = calloc(3 * cells, sizeof *value);
  if (!value) basin_netcdf_fail(o->file);
  for (size_t c = 0; c < cells && value; c++) {
    const basin_proportion p = basin_wilson(o->successes[c], o->ended[c]);
    value[c] = p.value, value[cells + c] = p.low, value[2 * cells + c] = p.high;
  }
  for (int i = 0; i < 3 && value; i++)
    basin_netcdf_write_whole(o->file, o->variable[BASIN_VARIABLE_success + i],
                             value + (size_t)i * cells);
  free(value);
}

basin_status basin_output_close(basin_output *o, basin_error *error) {
  write_success(o);
  const basin_status status = basin_netcdf_close(o->file, error);
  free_output(o);
  return status;
}
