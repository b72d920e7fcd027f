/* SPDX-License-Identifier: MIT */
#include "cli/request.h"
#include "store/results.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

volatile int basin_stop_wish;

static void on_signal(int number) {
  (void)number;
  basin_stop_wish = 1;
}

void basin_catch_signals(void) {
  static const int caught[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};
  struct sigaction action = {.sa_handler = on_signal}, before;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
    if (!sigaction(caught[i], NULL, &before) && before.sa_handler != SIG_IGN) /* as nohup has it */
      sigaction(caught[i], &action, NULL);
}

int basin_is_folder(const char *path) {
  struct stat status;
  const size_t length = strlen(path);
  return (length > 0 && path[length - 1] == '/') ||
         (!stat(path, &status) && S_ISDIR(status.st_mode));
}

static void default_output(const char *path, char output[BASIN_PATH_BYTES]) {
  const char *slash = strrchr(path, '/');
  snprintf(output, BASIN_PATH_BYTES - 8, "%s", slash ? slash + 1 : path);
  char *dot = strrchr(output, '.');
  if (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) *dot = 0;
  strcat(output, ".h5");
}

void basin_show_warning(const char *text) { fprintf(stderr, "basin: warning: %s\n", text); }

/* --NAME VALUE as --set NAME=VALUE; 0 where it is too long for a number */
static int set_key(const basin_arguments *a, const char *name, char text[64], basin_request *r) {
  const char *value = basin_argument(a, name);
  if (!value) return 1;
  r->set[r->sets++] = text;
  return snprintf(text, 64, "%s=%s", name, value) < 64;
}

basin_status basin_request_read(const basin_arguments *a, basin_request *r, basin_error *error) {
  int64_t threads = 0;
  memset(r, 0, sizeof *r);
  for (int i = 0; i < a->givens; i++)
    if (!strcmp(a->given[i].name, "set")) r->set[r->sets++] = a->given[i].value;
  if (!set_key(a, "trials", r->trials, r) || !set_key(a, "seed", r->seed, r))
    return basin_fail(error, BASIN_BAD_INPUT, "--trials, --seed: expected a number");
  if (basin_argument(a, "output")) {
    if (snprintf(r->output, sizeof r->output, "%s", basin_argument(a, "output")) >=
        (int)sizeof r->output - 8)
      return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  } else {
    default_output(a->positional[0], r->output);
  }
  basin_status status = basin_argument_integer(a, "threads", 1, 4096, &threads, error);
  if (!status)
    status = basin_argument_integer(a, "part-trials", 1, 1 << 24, &r->options.part_trials, error);
  r->options.threads = (int)threads;
  r->options.output = r->output;
  r->options.backend = basin_argument(a, "backend");
  r->options.devices = basin_argument(a, "devices");
  r->options.isa = basin_argument(a, "isa");
  r->options.no_provenance = basin_argument(a, "no-provenance") != NULL;
  r->options.extend = basin_argument(a, "extend") != NULL;
  r->options.warn = basin_show_warning;
  r->options.stop = &basin_stop_wish;
  return status;
}

basin_status basin_request_experiment(const basin_arguments *a, const basin_request *r,
                                      basin_experiment **experiment, basin_error *error) {
  return basin_experiment_read(a->positional[0], r->set, r->sets, experiment, error);
}

void basin_show_wide(const char *path) {
  basin_results *results;
  basin_error ignored;
  double halfwidth;
  int64_t most;
  if (basin_results_open(path, &results, &ignored)) return;
  const int64_t wide = basin_results_wide(results, &halfwidth, &most);
  if (wide)
    fprintf(stderr,
            "until: %lld cell%s of %lld have reached max_trials, %lld, with an interval wider than "
            "%g on either side\n",
            (long long)wide, wide == 1 ? "" : "s", (long long)basin_results_cells(results),
            (long long)most, halfwidth);
  basin_results_close(results);
}
