/* SPDX-License-Identifier: MIT
 *
 * command_run.c: basin run.
 */
#include "run/cut.h"
#include "base/text.h"
#include "cli/preview.h"
#include "cli/replay.h"
#include "cli/request.h"
#include "run/run.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- progress ---- */

typedef struct screen {
  int terminal, quiet;
  double last; /* seconds of the run when a line was last shown */
  basin_progress latest;
} screen;

/* 1234567 as 1.23e6: three digits are enough for a rate */
static void show_rate(char *text, size_t size, double rate) {
  if (rate < 1e4) snprintf(text, size, "%.0f", rate);
  else snprintf(text, size, "%.2e", rate);
}

static void on_progress(void *context, const basin_progress *p) {
  screen *s = context;
  char rate[32], left[32];
  s->latest = *p;
  /* in a log: ever more seldom, so that a run of days leaves some hundred lines */
  const double pause = s->terminal ? 0.1 : fmax(5, p->seconds / 20);
  if (s->quiet || p->seconds - s->last < pause) return;
  s->last = p->seconds;
  show_rate(rate, sizeof rate, p->seconds > 0 ? (double)p->trial_steps / p->seconds : 0);
  basin_show_time(left, sizeof left, p->seconds_left);
  fprintf(stderr, "%s%3.0f%%  %lld of %lld trials  %s trial-steps/s  %s left%s",
          s->terminal ? "\r" : "", 100 * (double)p->trials / (double)p->trials_total,
          (long long)p->trials, (long long)p->trials_total, rate, left,
          s->terminal ? "\033[K" : "\n");
}

static void end_line(const screen *s) {
  if (s->terminal && !s->quiet) fprintf(stderr, "\r\033[K");
}

/* ---- what it says ---- */

static void print_need(const basin_experiment *e, const basin_need *x, FILE *to) {
  char memory[32], disk[32], of_device[64] = "", device[32];
  basin_show_bytes(memory, sizeof memory, x->memory_bytes);
  basin_show_bytes(disk, sizeof disk, x->disk_bytes);
  basin_show_bytes(device, sizeof device, x->device_bytes);
  if (x->device_bytes > 0) snprintf(of_device, sizeof of_device, ", %s of each device's", device);
  fprintf(
      to,
      "%s\n%lld cell%s, %lld trials in %lld part%s; at most %s of memory%s and %s of disk; %s\n",
      basin_experiment_title(e), (long long)x->cells, x->cells == 1 ? "" : "s",
      (long long)x->trials, (long long)x->parts, x->parts == 1 ? "" : "s", memory, of_device, disk,
      x->backend);
  if (e->halfwidth > 0)
    fprintf(to,
            "until: every cell gets more trials, up to %lld, while its interval is wider than %g\n",
            (long long)e->max_trials, e->halfwidth);
  if (e->refine.asked)
    fprintf(to,
            "refine: points of %s are added, with up to %lld trials each, until it is known to "
            "%g%s where success crosses %g\n",
            e->axis[e->refine.axis], (long long)e->refine.max_trials,
            e->refine.relative ? 100 * e->refine.to : e->refine.to, e->refine.relative ? "%" : "",
            e->refine.where);
}

static basin_status show_need(const basin_experiment *e, const basin_request *r,
                              basin_error *error) {
  basin_need x;
  const basin_status status = basin_need_run(e, &r->options, &x, error);
  if (!status) print_need(e, &x, stderr);
  return status;
}

/* nothing is started but a sample, and nothing is written */
static basin_status dry_run(const basin_experiment *e, const basin_request *r, int64_t shards,
                            basin_error *error) {
  basin_need x;
  basin_status status = basin_experiment_ends(e, error);
  if (!status) status = basin_need_run(e, &r->options, &x, error);
  if (status) return status;
  print_need(e, &x, stdout);
  basin_catch_signals();
  return basin_preview_show(e, &r->options, &x, shards, error);
}

/* ---- the two ways to run ---- */

/* of a cell that `refine` has added: which these are follows from a whole run */
static basin_status no_such_cell(const basin_experiment *e, int64_t cell, basin_error *error) {
  const char *name = e->axis[e->refine.axis];
  return basin_fail(error, BASIN_BAD_INPUT,
                    "--cell %lld: the grid has %lld cells; a point that `refine` has added is run "
                    "again by typing it into the grid: --set refine=none --set grid.%s=VALUE, with "
                    "the cell's number in that grid",
                    (long long)cell, (long long)e->cells, name);
}

static basin_status run_trial(const basin_arguments *a, const basin_experiment *e, basin_request *r,
                              basin_error *error) {
  const int kept = basin_argument(a, "output") != NULL;
  int64_t cell = 0, trial = 0;
  basin_part part;
  if (!basin_argument(a, "cell") || !basin_argument(a, "trial"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--cell and --trial go together: which trial of which cell?");
  basin_status status = basin_argument_integer(
      a, "cell", 0, (e->refine.asked ? BASIN_CELLS_MAX : basin_experiment_cells(e)) - 1, &cell,
      error);
  if (!status && cell >= basin_experiment_cells(e)) status = no_such_cell(e, cell, error);
  if (!status)
    status = basin_argument_integer(a, "trial", 0, ((int64_t)1 << 48) - 1, &trial, error);
  if (status) return status;

  if (kept && basin_is_there(r->output))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: exists; give another name with -o, or remove it",
                      r->output);
  if (r->options.extend)
    return basin_fail(error, BASIN_BAD_INPUT, "--extend: goes with a whole run, not with --trial");
  if (!kept) r->options.output = NULL;
  basin_catch_signals();
  status = basin_trial_again(e, cell, trial, &r->options, &part, error);
  if (status) return status;
  if (basin_argument(a, "json")) basin_replay_json(e, cell, &part);
  else if (basin_argument(a, "csv")) basin_replay_csv(e, &part);
  else if (!basin_argument(a, "quiet")) basin_replay_text(e, cell, &part, r->options.output);
  basin_part_free(&part);
  return BASIN_OK;
}

static basin_status run_all(const basin_arguments *a, const basin_experiment *e, basin_request *r,
                            basin_error *error) {
  screen s = {.terminal = isatty(2), .quiet = basin_argument(a, "quiet") != NULL};
  char rate[32];
  basin_catch_signals();
  r->options.progress = on_progress;
  r->options.context = &s;
  const int existed = !access(r->output, F_OK);
  basin_status status = existed ? BASIN_OK : basin_experiment_ends(e, error);
  if (!status && !s.quiet) status = show_need(e, r, error);
  if (!status) status = basin_run(e, &r->options, error);
  end_line(&s);
  if (s.quiet || (status && status != BASIN_OUTSIDE)) return status;
  if (existed && !s.latest.trials_total) {
    fprintf(stderr, "%s is complete already; nothing to do\n", r->output);
    basin_show_wide(r->output);
    return status;
  }
  show_rate(rate, sizeof rate,
            s.latest.seconds > 0 ? (double)s.latest.trial_steps / s.latest.seconds : 0);
  fprintf(stderr, "wrote %s: %lld trials", r->output, (long long)s.latest.trials);
  if (s.latest.trials_kept)
    fprintf(stderr, ", %lld of them from before", (long long)s.latest.trials_kept);
  fprintf(stderr, ", %.3g trial-steps in %.1f s, %s/s\nnext: basin summary %s\n",
          (double)s.latest.trial_steps, s.latest.seconds, rate, r->output);
  basin_show_wide(r->output);
  return status;
}

/* ---- a shard of a campaign ---- */

/* --shard I/N, or the place of this job in its array; 1/1 where it is not given */
static basin_status read_shard(const basin_arguments *a, int64_t *shard, int64_t *shards,
                               basin_error *error) {
  const char *text = basin_argument(a, "shard");
  long long i = 1, n = 1;
  char tail;
  if (text && !strcmp(text, "slurm")) {
    static const char *const name[] = {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN",
                                       "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT"};
    long long value[4];
    for (int v = 0; v < 4; v++) {
      const char *given = getenv(name[v]);
      char *end = NULL;
      errno = 0;
      value[v] = given ? strtoll(given, &end, 10) : 0;
      if (!given || !*given || *end || errno || value[v] < 0 || value[v] > INT32_MAX)
        return basin_fail(error, BASIN_BAD_INPUT,
                          "--shard slurm: this is no job of a Slurm array, expected a number in %s",
                          name[v]);
    }
    i = value[0] - value[1] + 1;
    n = value[3];
    if (value[2] - value[1] + 1 != n)
      return basin_fail(error, BASIN_BAD_INPUT,
                        "--shard slurm: the array is not of consecutive numbers, so its jobs do "
                        "not know which shard they are; use --shard $SLURM_ARRAY_TASK_ID/N");
  } else if (text && sscanf(text, "%9lld/%9lld%c", &i, &n, &tail) != 2) {
    return basin_fail(error, BASIN_BAD_INPUT, "--shard %s: expected I/N, or slurm", text);
  }
  if (n < 1 || n > BASIN_SHARDS_MAX || i < 1 || i > n)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--shard %s: expected I/N with I from 1 to N, N to %d", text,
                      BASIN_SHARDS_MAX);
  *shard = i;
  *shards = n;
  return BASIN_OK;
}

static basin_status run_shard(const basin_arguments *a, const basin_campaign *c, int64_t shard,
                              int64_t shards, basin_request *r, basin_error *error) {
  screen s = {.terminal = isatty(2), .quiet = basin_argument(a, "quiet") != NULL};
  char host[65] = "", word[4 * BASIN_PATH_BYTES];
  int complete = 0;
  basin_status status = BASIN_OK;
  r->options.progress = on_progress;
  r->options.context = &s;
  r->options.part_trials = c->part_trials;
  if (!s.quiet) {
    basin_need x;
    status = basin_need_run(c->experiment, &r->options, &x, error);
    if (status) return status;
    gethostname(host, sizeof host - 1);
    fprintf(stderr, "shard %lld of %lld on %s: %s\n", (long long)shard, (long long)shards, host,
            x.backend);
    print_need(c->experiment, &x, stderr);
  }
  status = basin_campaign_run(c, shard, shards, &r->options, &complete, error);
  end_line(&s);
  if (s.quiet || status) return status;
  fprintf(stderr, "shard %lld of %lld is done: %lld trials, %.4g trial-steps in %.1f s",
          (long long)shard, (long long)shards, (long long)s.latest.trials,
          (double)s.latest.trial_steps, s.latest.seconds);
  basin_show_word(word, sizeof word, c->folder);
  if (complete) fputs("; all parts are there\n", stderr), basin_show_merge(stderr, c);
  else
    fprintf(stderr, "; other shards are not%s\nnext: basin status %s\n",
            c->experiment->refine.asked
                ? ", and `refine` may ask for more when they are: then give this command again"
            : c->experiment->halfwidth > 0
                ? ", and `until` may ask for more when they are: then give this command again"
                : "",
            word);
  return status;
}

static basin_status run_campaign(const basin_arguments *a, basin_request *r, basin_error *error) {
  const char *source = a->positional[0];
  basin_experiment *e = NULL;
  basin_campaign c = {0};
  int64_t shard = 1, shards = 1;
  basin_status status = read_shard(a, &shard, &shards, error);
  if (status) return status;
  if (basin_argument(a, "cell") || basin_argument(a, "trial"))
    return basin_fail(error, BASIN_BAD_INPUT, "--cell and --trial go with a file, not a campaign");
  if (r->options.extend)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "--extend goes with a file; a campaign takes more trials as they are asked for");
  if (basin_is_folder(source)) {
    if (r->sets || basin_argument(a, "output") || basin_argument(a, "part-trials"))
      return basin_fail(error, BASIN_BAD_INPUT,
                        "%s: a campaign has its experiment and its settings; --set, --trials, "
                        "--seed, --part-trials and -o go with an experiment file",
                        source);
    basin_catch_signals();
    status = basin_campaign_open(source, &c, error);
  } else {
    status = basin_request_experiment(a, r, &e, error);
    basin_catch_signals(); /* before the folder is begun */
    if (!status && !basin_argument(a, "dry-run"))
      status = basin_campaign_make(e, r->output, shards, r->options.part_trials, &c, error);
  }
  if (!status && basin_argument(a, "dry-run")) {
    const basin_experiment *planned = e ? e : c.experiment;
    if (c.experiment) r->options.part_trials = c.part_trials;
    else if (!r->options.part_trials) r->options.part_trials = basin_cut_campaign_part(e, shards);
    status = dry_run(planned, r, shards, error);
  } else if (!status) status = run_shard(a, &c, shard, shards, r, error);
  basin_campaign_close(&c);
  basin_experiment_free(e);
  return status;
}

basin_status basin_command_run(const basin_arguments *a, basin_error *error) {
  basin_experiment *e = NULL;
  basin_request *r = malloc(sizeof *r);
  if (!r) return basin_fail_memory(error);
  basin_status status = basin_request_read(a, r, error);
  const int json = basin_argument(a, "json") != NULL, csv = basin_argument(a, "csv") != NULL;
  if (!status && json && csv)
    status = basin_fail(error, BASIN_BAD_INPUT, "run: --json or --csv, not both");
  if (!status && (json || csv) && !(basin_argument(a, "cell") && basin_argument(a, "trial")))
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "--json and --csv show a single trial: they go with --cell and --trial");
  if (!status && (basin_is_folder(a->positional[0]) || basin_is_folder(r->output))) {
    status = run_campaign(a, r, error);
    free(r);
    return status;
  }
  if (!status && basin_argument(a, "shard"))
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "--shard: shards work on a folder, expected -o DIR/ with a slash");
  if (!status) status = basin_request_experiment(a, r, &e, error);
  if (!status && basin_argument(a, "dry-run")) status = dry_run(e, r, 1, error);
  else if (!status && (basin_argument(a, "cell") || basin_argument(a, "trial")))
    status = run_trial(a, e, r, error);
  else if (!status) status = run_all(a, e, r, error);
  basin_experiment_free(e);
  free(r);
  return status;
}
