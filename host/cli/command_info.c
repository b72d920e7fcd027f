/* SPDX-License-Identifier: MIT
 *
 * command_info.c: basin models, basin model, basin info.
 */
#include "engine/cpu.h"
#include "base/text.h"
#include "engine/cuda.h"
#include "cli/cli.h"
#include "models/network/network_cell.h"
#include "own/own.h"
#include "read/dynamics.h"
#include "read/experiment.h"
#include "seam/layers.h"
#include <hdf5.h>
#include <libfyaml.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static void show_symbols(const char *heading, const basin_symbol *symbol, int count, int units) {
  printf("  %s\n", heading);
  for (int i = 0; i < count; i++)
    printf("    %-14s %s%s%s%s\n", symbol[i].name, symbol[i].meaning, units ? " [" : "",
           units ? symbol[i].unit : "", units ? "]" : "");
}

/* what the rows or the length of a vector is */
static const char *name_size(const basin_model *m, int size) {
  if (size < 0) return "1";
  return size < m->parameters ? m->parameter[size].name : m->size_text[size - m->parameters];
}

static void show_vectors(const char *heading, const basin_model *m, const basin_symbol *vector,
                         int count) {
  printf("  %s\n", heading);
  for (int i = 0; i < count; i++) {
    const char *length = name_size(m, vector[i].length);
    printf("    %-14s %s, ", vector[i].name, vector[i].meaning);
    if (vector[i].rows < 0) printf("of length %s\n", length);
    else printf("%s rows of length %s\n", name_size(m, vector[i].rows), length);
  }
}

/* ---- networks ---- */

/* what an experiment says of networks, whose tables are made of it */
static void show_network_keys(void) {
  printf(
      "  keys of an experiment (data/experiments/networks.md)\n"
      "    layers         a list of 1 to %d, the input being layer 0; each of them dense: units, "
      "or\n"
      "                   conv: {channels: m, patch: q}, with activation (identity, relu, {leaky: "
      "s}, softplus,\n"
      "                   erf, tanh), scale, skip, init and train; the first of them with "
      "coordinates (weights or\n"
      "                   inputs), which is chosen where it is left out\n"
      "    data           n inputs with labels, drawn, {n: 10, d: 5, inputs: sphere, labels: "
      "{normal: 1}}, or of a\n"
      "                   file, {file: F, labels: 1}; with batch: b every step takes b of them\n"
      "    loss           sum, which is 1/2 sum_i |u_i - y_i|^2, or mean, 1/(2n) of that sum\n"
      "    products       exact, the same bits everywhere, or blas, on a CPU those of the "
      "machine's "
      "BLAS\n"
      "    parameters     names of one's own, for expressions in layers and data\n"
      "  init             that of a layer: init: {normal: 1}, as vectors of other models, sign or "
      "zero, or of a\n"
      "                   file: {file: F}; weights of layer h are W_h, [out][in][patch]\n",
      BASIN_LAYERS_MAX);
}

/* the layers of a cell, with the sizes that they have there */
static void show_layers(const basin_setting *setting) {
  const basin_network *network = setting->network;
  const int64_t inputs = setting->gradient.set_size;
  int span;
  network_choose(setting, &span);
  static const char *const activation[BASIN_ACTIVATIONS] = {
#define WORD(NAME, word) [BASIN_##NAME] = #word,
      BASIN_ACTIVATION_TABLE(WORD)
#undef WORD
  };
  printf("  layers of its first cell, with %lld inputs of %lld x %lld numbers\n", (long long)inputs,
         (long long)network->channels, (long long)network->pixels);
  for (int h = 0; h < network->layers; h++) {
    const basin_network_layer *l = &network->layer[h];
    printf("    W_%-12d %lld x %lld", h + 1, (long long)l->out, (long long)l->in);
    if (l->pixels > 1) printf(" x %lld, on %lld pixels", (long long)l->patch, (long long)l->pixels);
    printf("; %s", activation[l->activation]);
    if (l->activation == BASIN_LEAKY) printf(" of slope %s", basin_exact(l->slope).text);
    printf(", scale %s%s%s%s\n", basin_exact(l->scale).text, l->skip ? ", skip" : "",
           l->trained ? "" : ", not trained",
           !h && span ? ", in the coordinates of the inputs" : "");
  }
}

/* ---- any model ---- */

static void show_options(const basin_symbol *option, int options, const char *of) {
  for (int o = 0; o < options; o++)
    if (!strcmp(option[o].of, of))
      printf(" {%s: %s, from %s to %s: %s}", option[o].name, basin_exact(option[o].initial).text,
             basin_exact(option[o].minimum).text, basin_exact(option[o].maximum).text,
             option[o].meaning);
}

static void show_dynamics(const basin_model *m) {
  static const char *const key[] = {"gradient", "method"};
  for (int k = 0; k < 2; k++) {
    printf("  %s:%s", key[k], k ? " gradient_descent" : "");
    for (int i = 0, shown = k; i < m->kinds; i++) {
      const basin_keyed *chosen = basin_keyed_find(m->kind[i].name);
      if (strcmp(chosen ? chosen->key : "method", key[k]) != 0) continue;
      printf("%s %s", shown++ ? "," : "", chosen ? chosen->words : m->kind[i].name);
      show_options(m->option, m->options, m->kind[i].name);
    }
    printf("\n");
  }
  if (*m->methods) {
    int options;
    const basin_symbol *option = basin_method_options(&options);
    printf("  with gradient");
    for (int i = 0; m->methods[i]; i++) {
      const basin_keyed *keyed = basin_keyed_find(m->methods[i]);
      printf("%s %s", i ? "," : "", keyed ? keyed->words : m->methods[i]);
    }
    printf(" also method:");
    for (int i = 1; i < BASIN_METHODS; i++) {
      printf("%s %s", i > 1 ? "," : "", basin_method_name(i));
      show_options(option, options, basin_method_name(i));
    }
    printf("\n");
  }
  if (*m->methods || *m->noisy)
    printf("  noise: {gradient: sigma}, added to the gradient, with all of these but langevin%s\n",
           basin_dynamics_find(m, "flow") && *m->noisy ? " and gradient_flow" : "");
}

/* setting: of a cell with this model, or NULL */
static void show_model(const basin_model *m, const basin_setting *setting) {
  const int of_layer = m->layer_observables;
  printf("%s: %s\n  source: %s\n", m->name, m->title, m->source);
  const basin_network *network = setting ? setting->network : NULL;
  if (network) show_layers(setting);
  else if (of_layer) show_network_keys();
  if (!of_layer || m->parameters) printf("  parameters\n");
  for (int i = 0; i < m->parameters; i++) {
    const basin_symbol *p = &m->parameter[i];
    printf("    %-14s %s [%s], default %s, %s from %s to %s\n", p->name, p->meaning, p->unit,
           basin_exact(p->initial).text, p->integer ? "whole number" : "number",
           basin_exact(p->minimum).text, basin_exact(p->maximum).text);
  }
  if (!of_layer)
    show_vectors(m->drawn_teachers ? "teacher (given or drawn)" : "teacher (given)", m, m->teacher,
                 m->teachers);
  if (!of_layer) show_vectors("init (given or drawn)", m, m->initial, m->initials);
  show_symbols("step sizes (in every stage of the schedule)", m->step_size, m->step_sizes, 0);
  show_dynamics(m);
  show_symbols("observables", m->observable, m->observables - of_layer * m->initials, 1);
  if (of_layer)
    show_symbols("observables of layer h, named with its number, as in norm_1", m->layer_observable,
                 of_layer, 1);
  if (basin_dynamics_find(m, "dataset"))
    show_symbols("observables of fixed data sets", basin_risk_observables(), BASIN_RISK_OBSERVABLES,
                 1);
  for (int i = 0; i < m->passages; i++)
    printf("  first passages of %s at %s, ..., %s, kept of every trial unless record.passages says "
           "otherwise\n",
           m->observable[m->passage[i].observable].name, basin_exact(m->passage[i].first).text,
           m->parameter[m->passage[i].last].name);
  printf("  outcomes      ");
  const basin_outcomes built_in = basin_outcomes_built_in();
  for (int o = 0; o < built_in.count; o++)
    if (m->outcomes & BASIN_CAN(o)) printf(" %s", built_in.name[o]);
  printf(", and those that an experiment names (key `outcomes`)");
  printf("\n  stop.at is for %s\n", m->at);
  if (*m->at_spurious) printf("  stop.at_spurious is for %s\n", m->at_spurious);
  for (int i = 0; i < m->stops; i++)
    printf("  stop.%s is for %s\n", m->stop[i].name, m->stop[i].meaning);
}

basin_status basin_command_models(const basin_arguments *arguments, basin_error *error) {
  int count;
  const basin_model *const *all = basin_models(&count);
  if (arguments->positionals) {
    const basin_model *one = basin_model_find(arguments->positional[0]);
    char text[BASIN_UNKNOWN];
    if (!one)
      return basin_fail(error, BASIN_BAD_INPUT, "models: %s",
                        basin_model_unknown(arguments->positional[0], text));
    show_model(one, NULL);
    return BASIN_OK;
  }
  for (int i = 0; i < count; i++) {
    if (i) putchar('\n');
    show_model(all[i], NULL);
  }
  return BASIN_OK;
}

/* ---- of one experiment ---- */

static basin_status show_header(const basin_model *model, int another, basin_error *error) {
  const char *header = basin_own_header(model);
  if (another)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "model: the variants have more than one model: give --variant");
  if (!header)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "model: %s is of this build: its header is include/models/%s.h of the sources", model->name,
        model->name);
  fputs(header, stdout);
  return BASIN_OK;
}

/* whether the cell is of the variant, and the first of its model there */
static int is_first(const basin_experiment *e, int64_t cell, const char *variant) {
  for (int64_t c = cell; c >= 0; c--) {
    const int of_it = !variant ||
                      (e->cell[c].variant >= 0 && !strcmp(e->variant[e->cell[c].variant], variant));
    if (c == cell && !of_it) return 0;
    if (c < cell && of_it && e->cell[c].model == e->cell[cell].model) return 0;
  }
  return 1;
}

basin_status basin_command_model(const basin_arguments *a, basin_error *error) {
  const char *set[BASIN_VALUES_MAX], *variant = basin_argument(a, "variant");
  const int header = basin_argument(a, "header") != NULL;
  basin_experiment *e;
  int sets = 0, shown = 0;
  for (int i = 0; i < a->givens; i++)
    if (!strcmp(a->given[i].name, "set")) set[sets++] = a->given[i].value;
  basin_status status = basin_experiment_read(a->positional[0], set, sets, &e, error);
  if (status) return status;
  for (int64_t c = 0, last = -1; c < e->cells && !status; c++) {
    if ((last >= 0 && e->cell[c].model == e->cell[last].model) || !is_first(e, c, variant))
      continue;
    if (!header && shown) putchar('\n');
    if (header) status = show_header(e->cell[c].model, shown, error);
    else show_model(e->cell[c].model, &e->cell[c].setting);
    last = c;
    shown++;
  }
  if (!status && !shown)
    status = basin_fail(error, BASIN_BAD_INPUT, "model: --variant %s: there is no such variant",
                        variant);
  basin_experiment_free(e);
  return status;
}

static void show_own(void) {
  char compiler[1024], cache[1024];
  basin_own_describe(compiler, sizeof compiler, cache, sizeof cache);
  printf("models of one's own compiled by %s, kept in %s\n", compiler, cache);
}

static void show_cuda(void) {
  basin_cuda_devices there;
  basin_error error;
  if (basin_cuda_find(&there, &error)) {
    printf("backend cuda        none: %s\n", error.text);
    return;
  }
  printf("backend cuda        %d device%s; driver for CUDA %d.%d, runtime %d.%d\n", there.count,
         there.count == 1 ? "" : "s", there.driver / 1000, there.driver % 1000 / 10,
         there.runtime / 1000, there.runtime % 1000 / 10);
  for (int i = 0; i < there.count; i++) {
    basin_cuda_device about;
    char memory[32];
    if (basin_cuda_describe(i, &about, &error)) {
      printf("  device %-10d %s\n", i, error.text);
      continue;
    }
    basin_show_bytes(memory, sizeof memory, (double)about.memory);
    printf("  device %-10d %s, compute capability %d.%d, %d multiprocessors, %s of memory\n", i,
           about.name, about.major, about.minor, about.multiprocessors, memory);
  }
}

basin_status basin_command_info(const basin_arguments *arguments, basin_error *error) {
  unsigned major, minor, release;
  (void)arguments;
  (void)error;
  H5get_libversion(&major, &minor, &release);
  printf("basin %s\n", BASIN_VERSION);
  printf("compiler            %s\n", __VERSION__);
  printf("backend cpu         %d processors\n", basin_cpu_processors());
  printf("instruction sets   ");
  for (int isa = 0; isa < BASIN_ISAS; isa++)
    if (basin_cpu_isa(basin_cpu_isa_name(isa)) >= 0)
      printf(" %s%s", basin_cpu_isa_name(isa), isa == basin_cpu_isa(NULL) ? " (in use)" : "");
  printf("\n");
  show_cuda();
  show_own();
  printf("HDF5                %u.%u.%u\n", major, minor, release);
  printf("libfyaml            %s\n", fy_library_version());
  printf("xxHash              %d.%d.%d\n", XXH_VERSION_MAJOR, XXH_VERSION_MINOR,
         XXH_VERSION_RELEASE);
  return BASIN_OK;
}
