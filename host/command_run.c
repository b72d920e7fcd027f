/* SPDX-License-Identifier: MIT
 *
 * command_run.c: basin run.
 */
#include "cli.h"
#include "results.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static volatile int stop; /* set by the signal handler */

static void on_signal(int number) {
  (void)number;
  stop = 1;
}

/* ---- progress ---- */

typedef struct screen {
  int terminal, quiet;
  double last; /* seconds of the run when a line was last shown */
  double rate_seconds;
  basin_progress latest;
} screen;

/* 1234567 as 1.23e6: three digits are enough for a rate */
static void show_rate(char *text, size_t size, double rate) {
  if (rate < 1e4) snprintf(text, size, "%.0f", rate);
  else snprintf(text, size, "%.2e", rate);
}

static void show_time(char *text, size_t size, double seconds) {
  if (!(seconds >= 0)) snprintf(text, size, "?");
  else if (seconds < 60) snprintf(text, size, "%.0f s", ceil(seconds));
  else if (seconds < 3600) snprintf(text, size, "%.0f min", ceil(seconds / 60));
  else snprintf(text, size, "%.1f h", seconds / 3600);
}

static void on_progress(void *context, const basin_progress *p) {
  screen *s = context;
  char rate[32], left[32];
  s->latest = *p;
  if (s->quiet || p->seconds - s->last < (s->terminal ? 0.1 : 5)) return;
  s->last = p->seconds;
  show_rate(rate, sizeof rate, p->seconds > 0 ? (double)p->trial_steps / p->seconds : 0);
  show_time(left, sizeof left, p->seconds_left);
  fprintf(stderr, "%s%3.0f%%  %lld of %lld trials  %s trial-steps/s  %s left%s",
          s->terminal ? "\r" : "", 100 * (double)p->trials / (double)p->trials_total,
          (long long)p->trials, (long long)p->trials_total, rate, left,
          s->terminal ? "\033[K" : "\n");
}

static void end_line(const screen *s) {
  if (s->terminal && !s->quiet) fprintf(stderr, "\r\033[K");
}

/* ---- options ---- */

typedef struct request {
  const char *set[BASIN_VALUES_MAX];
  int sets;
  char trials[64], seed[64];
  char output[PATH_BYTES];
  basin_run_options options;
} request;

static void default_output(const char *path, char output[PATH_BYTES]) {
  const char *slash = strrchr(path, '/');
  snprintf(output, PATH_BYTES - 8, "%s", slash ? slash + 1 : path);
  char *dot = strrchr(output, '.');
  if (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) *dot = 0;
  strcat(output, ".h5");
}

static basin_status read_request(const basin_arguments *a, request *r, basin_error *error) {
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
  r->options.isa = basin_argument(a, "isa");
  r->options.no_provenance = basin_argument(a, "no-provenance") != NULL;
  r->options.stop = &stop;
  return status;
}

/* ---- what it says ---- */

static basin_status show_estimate(const basin_experiment *e, const request *r, FILE *to,
                                  basin_error *error) {
  basin_estimate x;
  char memory[32], disk[32], backend[128];
  basin_status status = basin_estimate_run(e, &r->options, &x, error);
  if (!status) status = basin_describe_backend(&r->options, backend, sizeof backend, error);
  if (status) return status;
  basin_show_bytes(memory, sizeof memory, x.memory_bytes);
  basin_show_bytes(disk, sizeof disk, x.disk_bytes);
  fprintf(to,
          "%s\n%lld cell%s, %lld trials in %lld parts; at most %s of memory and %s of disk; %s\n",
          basin_experiment_title(e), (long long)x.cells, x.cells == 1 ? "" : "s",
          (long long)x.trials, (long long)x.parts, memory, disk, backend);
  return BASIN_OK;
}

/* the trial's outcome, its last values, and its trajectory at some twenty steps */
static basin_status show_trial(const char *path, int64_t trial, basin_error *error) {
  basin_results *results;
  basin_summary summary;
  int outcome = 0;
  int64_t steps = 0;
  char units[32];
  basin_status status = basin_results_open(path, &results, error);
  if (status) return status;
  const int64_t times = basin_results_times(results);
  const int n = basin_results_observables(results);
  double *value = calloc((size_t)(times * n) + 1, sizeof *value);
  status = value ? basin_results_summary(results, 0, &summary, error) : basin_fail_memory(error);
  if (!status) status = basin_results_trial(results, 0, 0, &outcome, &steps, error);
  for (int i = 0; i < n && !status; i++)
    status = basin_results_trajectory(results, 0, basin_results_observable(results, i),
                                      value + i * times, units, error);
  if (!status) {
    printf("%s", *summary.variant ? summary.variant : "cell");
    for (int i = 0; i < summary.parameters; i++)
      printf("  %s = %.10g", summary.parameter_name[i], summary.parameter[i]);
    printf("\ntrial %lld: %s after %lld steps\n\n%10s", (long long)trial,
           basin_outcome_name(outcome), (long long)steps, "step");
    for (int i = 0; i < n; i++) printf("  %22s", basin_results_observable(results, i));
    putchar('\n');
    int64_t rows = 0, shown = 0;
    while (rows < times && !isnan(value[rows])) rows++;
    for (int64_t t = 0; t < rows; t++) {
      if (t != rows - 1 && t * 20 / (rows > 20 ? rows : 20) < shown) continue;
      shown++;
      printf("%10lld", (long long)basin_results_time(results)[t]);
      for (int i = 0; i < n; i++) printf("  %22.15e", value[i * times + t]);
      putchar('\n');
    }
  }
  free(value);
  basin_results_close(results);
  return status;
}

/* ---- the two ways to run ---- */

static basin_status run_trial(const basin_arguments *a, const basin_experiment *e, request *r,
                              basin_error *error) {
  int64_t cell = 0, trial = 0;
  char scratch[64] = "";
  if (!basin_argument(a, "cell") || !basin_argument(a, "trial"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--cell and --trial go together: which trial of which cell?");
  basin_status status = basin_argument_integer(a, "cell", 0, basin_experiment_cells(e) - 1, &cell,
                                               error);
  if (!status)
    status = basin_argument_integer(a, "trial", 0, ((int64_t)1 << 48) - 1, &trial, error);
  if (status) return status;

  /* without -o nothing is kept: the trial is shown from a scratch file */
  if (!basin_argument(a, "output")) {
    snprintf(scratch, sizeof scratch, "/tmp/basin-trial-XXXXXX");
    if (!mkdtemp(scratch)) return basin_fail_system(error, "cannot be made", scratch);
    snprintf(r->output, sizeof r->output, "%s/trial.h5", scratch);
  } else if (!access(r->output, F_OK)) {
    return basin_fail(error, BASIN_BAD_INPUT, "%s: exists; give another name with -o, or remove it",
                      r->output);
  }
  status = basin_run_trial(e, cell, trial, &r->options, error);
  if (!status && !basin_argument(a, "quiet")) status = show_trial(r->output, trial, error);
  if (*scratch) {
    unlink(r->output);
    rmdir(scratch);
  }
  return status;
}

static basin_status run_all(const basin_arguments *a, const basin_experiment *e, request *r,
                            basin_error *error) {
  screen s = {.terminal = isatty(2), .quiet = basin_argument(a, "quiet") != NULL};
  char rate[32];
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  r->options.progress = on_progress;
  r->options.context = &s;
  const int existed = !access(r->output, F_OK);
  basin_status status = s.quiet ? BASIN_OK : show_estimate(e, r, stderr, error);
  if (!status) status = basin_run(e, &r->options, error);
  end_line(&s);
  if (s.quiet || (status && status != BASIN_OUTSIDE)) return status;
  if (existed && !s.latest.trials_total) {
    fprintf(stderr, "%s is complete already; nothing to do\n", r->output);
    return status;
  }
  show_rate(rate, sizeof rate,
            s.latest.seconds > 0 ? (double)s.latest.trial_steps / s.latest.seconds : 0);
  fprintf(stderr,
          "wrote %s: %lld trials, %.3g trial-steps in %.1f s, %s/s\nnext: basin summary %s\n",
          r->output, (long long)s.latest.trials, (double)s.latest.trial_steps, s.latest.seconds,
          rate, r->output);
  return status;
}

basin_status basin_command_run(const basin_arguments *a, basin_error *error) {
  basin_experiment *e = NULL;
  request *r = malloc(sizeof *r);
  if (!r) return basin_fail_memory(error);
  basin_status status = read_request(a, r, error);
  if (!status) status = basin_experiment_read(a->positional[0], r->set, r->sets, &e, error);
  if (!status && basin_argument(a, "dry-run")) status = show_estimate(e, r, stdout, error);
  else if (!status && (basin_argument(a, "cell") || basin_argument(a, "trial")))
    status = run_trial(a, e, r, error);
  else if (!status) status = run_all(a, e, r, error);
  basin_experiment_free(e);
  free(r);
  return status;
}
