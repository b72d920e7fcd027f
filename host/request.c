/* SPDX-License-Identifier: MIT */
#include "request.h"
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
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
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

static void show_warning(const char *text) { fprintf(stderr, "basin: warning: %s\n", text); }

basin_status basin_request_read(const basin_arguments *a, basin_request *r, basin_error *error) {
  int64_t threads = 0;
  memset(r, 0, sizeof *r);
  for (int i = 0; i < a->givens; i++)
    if (!strcmp(a->given[i].name, "set")) r->set[r->sets++] = a->given[i].value;
  if (basin_argument(a, "trials")) {
    snprintf(r->trials, sizeof r->trials, "trials=%s", basin_argument(a, "trials"));
    r->set[r->sets++] = r->trials;
  }
  if (basin_argument(a, "seed")) {
    snprintf(r->seed, sizeof r->seed, "seed=%s", basin_argument(a, "seed"));
    r->set[r->sets++] = r->seed;
  }
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
  r->options.warn = show_warning;
  r->options.stop = &basin_stop_wish;
  return status;
}

basin_status basin_request_experiment(const basin_arguments *a, const basin_request *r,
                                      basin_experiment **experiment, basin_error *error) {
  return basin_experiment_read(a->positional[0], r->set, r->sets, experiment, error);
}
