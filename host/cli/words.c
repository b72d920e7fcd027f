/* SPDX-License-Identifier: MIT
 *
 * words.c: `basin help --words`, what the completion of a shell knows of the program (basin.bash).
 */
#include "cli/cli.h"
#include "cli/opening.h"
#include "model/registry.h"
#include "store/results.h"
#include <stdio.h>
#include <string.h>

/* `EXPERIMENT.yaml | DIR/` as EXPERIMENT.yaml|DIR/, `[MODEL...]` as MODEL...; options among them are told elsewhere */
static void show_arguments(const basin_command *command) {
  printf("arguments\t%s\t", command->name);
  for (const char *at = command->arguments; *at && strncmp(at, " -", 2) != 0; at++) {
    if (*at == '[' || *at == ']' || (*at == ' ' && (at[1] == '|' || at[-1] == '|'))) continue;
    putchar(*at);
  }
  putchar('\n');
}

static void show_options(const basin_command *command) {
  for (int i = 0; i < command->options; i++) {
    const basin_option *option = &command->option[i];
    printf("option\t%s\t--%s", command->name, option->name);
    if (option->letter) printf(" -%c", option->letter);
    printf("\t%s\n", option->argument ? option->argument : "");
  }
}

/* those of basin's own, or of a file */
static void show_outcomes(const basin_results *results) {
  const basin_outcomes own = basin_outcomes_built_in(),
                       *outcomes = results ? basin_results_outcomes_of(results) : &own;
  for (int i = 0; i < outcomes->count; i++) printf("%s ", outcomes->name[i]);
}

/* those of a file that no model of the build has, as these of layers */
static void show_more_observables(const basin_results *results) {
  int models;
  const basin_model *const *model = basin_models(&models);
  for (int i = 0; results && i < basin_results_observables(results); i++) {
    const char *name = basin_results_observable(results, i);
    int known = basin_symbol_find(basin_risk_observables(), BASIN_RISK_OBSERVABLES, name) >= 0;
    for (int m = 0; m < models; m++)
      known |= basin_symbol_find(model[m]->observable, model[m]->observables, name) >= 0;
    if (!known) printf("%s ", name);
  }
}

static void show_names(const char *path) {
  basin_results *results = NULL;
  basin_error unread;
  int models, keys;
  const basin_model *const *model = basin_models(&models);
  const char *const *key = basin_experiment_keys(&keys);
  if (path && basin_opening_results(path, &results, &unread)) results = NULL;
  printf("names\tCOMMAND\t");
  for (int i = 0; i < basin_commands_count; i++) printf("%s ", basin_commands[i].name);
  printf("\nnames\tMODEL\t");
  for (int i = 0; i < models; i++) printf("%s ", model[i]->name);
  printf("\nnames\tOBSERVABLE\t");
  for (int i = 0; i < models; i++)
    for (int j = 0; j < model[i]->observables; j++) printf("%s ", model[i]->observable[j].name);
  for (int i = 0; i < BASIN_RISK_OBSERVABLES; i++) printf("%s ", basin_risk_observables()[i].name);
  show_more_observables(results);
  printf("\nnames\tOUTCOME\t");
  show_outcomes(results);
  printf("\nnames\tKEY\t");
  for (int i = 0; i < keys; i++) printf("%s ", key[i]);
  putchar('\n');
  basin_results_close(results);
}

void basin_help_words(const char *results) {
  show_names(results);
  for (int i = 0; i < basin_commands_count; i++) {
    show_arguments(&basin_commands[i]);
    show_options(&basin_commands[i]);
  }
}
