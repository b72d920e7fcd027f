/* SPDX-License-Identifier: MIT */
#include "cli/preview.h"
#include "base/text.h"
#include "cli/cells.h"
#include "run/sample.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { ROWS_SHOWN = 40, CELLS_NAMED = 6 };
static const double SAMPLE_SECONDS = 5;

/* ---- the cells ---- */

/* the share of success is not known before the open trials end: they are in the interval on both sides */
static void show_cell(const basin_table *t, const basin_summary *cell, const basin_sampled *c,
                      unsigned rare) {
  const int64_t successes = basin_outcomes_successes(t->outcomes, c->outcomes);
  basin_table_name_cell(t, cell);
  printf("  %6lld   %.4f  [%.4f, %.4f]", (long long)c->trials,
         (double)successes / (double)c->trials, basin_wilson(successes, c->trials).low,
         basin_wilson(successes + c->open, c->trials).high);
  if (t->spurious) printf("  %8lld", (long long)c->outcomes[BASIN_SPURIOUS]);
  basin_table_rare_row(t, rare, c->outcomes);
  printf("  %10lld  %8lld  %9lld  %s%.6g\n", (long long)c->outcomes[BASIN_UNRESOLVED],
         (long long)c->outcomes[BASIN_DIVERGED], (long long)c->open, c->open ? "over " : "",
         c->mean);
}

/* all cells, or some that are evenly spread */
static void show_cells(const basin_table *t, const basin_sample *s) {
  int64_t seen = 0;
  unsigned rare = 0;
  for (int64_t i = 0; i < t->cells; i++) rare |= basin_table_rare(s->cell[i].outcomes);
  basin_table_name_heading(t);
  const int plain = t->outcomes->success == BASIN_CAN(BASIN_GLOBAL);
  printf("  trials  %s  95%% interval  %s", plain ? " global" : "success",
         t->spurious ? "     spurious" : "  ");
  basin_table_rare_heading(t, rare);
  printf("  unresolved  diverged  not ended  steps: mean\n");
  const int64_t shown = s->cells < ROWS_SHOWN ? s->cells : ROWS_SHOWN;
  for (int64_t i = 0; i < t->cells; i++) {
    if (!s->cell[i].trials) continue;
    if (seen * shown % s->cells < shown) show_cell(t, &t->cell[i], &s->cell[i], rare);
    seen++;
  }
  if (shown < t->cells)
    printf("(%lld of %lld cells are shown, %lld were sampled)\n", (long long)shown,
           (long long)t->cells, (long long)s->cells);
}

/* ---- warnings ---- */

static int has_open(const basin_experiment *e, const basin_sampled *c) {
  (void)e;
  return c->open == c->trials;
}
static int has_unresolved(const basin_experiment *e, const basin_sampled *c) {
  (void)e;
  return c->open < c->trials && c->open + c->outcomes[BASIN_UNRESOLVED] == c->trials;
}
/* some are resolved, and more are not than the experiment allows, surely */
static int has_excess(const basin_experiment *e, const basin_sampled *c) {
  return !has_open(e, c) && !has_unresolved(e, c) &&
         basin_wilson(c->outcomes[BASIN_UNRESOLVED], c->trials).low > e->allow_unresolved;
}
static int has_diverged(const basin_experiment *e, const basin_sampled *c) {
  (void)e;
  return c->outcomes[BASIN_DIVERGED] > 0;
}

/* "warning: 2 cells (3, 7): ..." for the cells of which it holds */
static void warn(const basin_experiment *e, const basin_sample *s,
                 int (*holds)(const basin_experiment *, const basin_sampled *), const char *what) {
  const int64_t cells = e->cells;
  int64_t count = 0;
  for (int64_t i = 0; i < cells; i++) count += s->cell[i].trials && holds(e, &s->cell[i]);
  if (!count) return;
  printf("warning: %lld cell%s (", (long long)count, count == 1 ? "" : "s");
  for (int64_t i = 0, named = 0; i < cells && named <= CELLS_NAMED; i++) {
    if (!s->cell[i].trials || !holds(e, &s->cell[i])) continue;
    if (named == CELLS_NAMED) printf(", ...");
    else printf("%s%lld", named ? ", " : "", (long long)i);
    named++;
  }
  printf("): %s\n", what);
}

/* ---- the whole run ---- */

/* from and to; one number where they are shown alike */
static void show_range(const char *from, const char *to, const char *unit) {
  int alike = 1;
  for (int i = 0; alike && (from[i] || to[i]); i++) alike = from[i] == to[i];
  if (alike) printf("%s%s", from, unit);
  else printf("%s to %s%s", from, to, unit);
}

static void show_seconds(const basin_forecast *f, int64_t shards) {
  char from[32], to[32];
  basin_show_time(from, sizeof from, f->seconds[0] / (double)shards);
  basin_show_time(to, sizeof to, f->seconds[1] / (double)shards);
  if (!f->open) {
    show_range(from, to, "");
    return;
  }
  printf("at least %s", from);
  if (f->seconds[1] > f->seconds[0])
    printf(", and up to %s if those that have not ended take max_steps", to);
}

static void show_forecast(const basin_experiment *e, const basin_sample *s, const basin_forecast *f,
                          int64_t shards) {
  char from[32], to[32];
  if (!(f->seconds[0] >= 0)) {
    printf("no trial has taken a step in %.0f s: a step of this experiment takes longer; how long "
           "the run takes cannot be said\n",
           s->seconds);
    return;
  }
  if (e->halfwidth > 0)
    printf("until: %.0f to %.0f trials in all, by these rates\n", f->trials[0], f->trials[1]);
  printf(e->refine.asked
             ? "the grid as it is, without the points that refine adds, which may be many times "
               "that: "
             : "the whole run: ");
  snprintf(from, sizeof from, "%.2g", f->steps[0]);
  snprintf(to, sizeof to, "%.2g", f->steps[1]);
  show_range(from, to, " trial-steps");
  printf("; here and now %.2g a second: ", s->rate);
  show_seconds(f, 1);
  if (shards > 1) {
    printf("; a shard of %lld on such a machine: ", (long long)shards);
    show_seconds(f, shards);
  }
  putchar('\n');
  if (e->inputs)
    printf("estimates on %lld fresh inputs at the recorded steps come on top\n",
           (long long)e->inputs);
}

static void show(const basin_experiment *e, const basin_table *t, const basin_sample *s,
                 const basin_need *need, int64_t shards) {
  const basin_forecast f = basin_forecast_make(e, s, need->parts);
  int64_t trials = 0, most = 0;
  for (int64_t i = 0; i < e->cells; i++) {
    const int64_t steps = e->cell[i].setting.stop.max_steps;
    trials += s->cell[i].trials;
    most = steps > most ? steps : most;
  }
  if (s->cells) {
    printf("\na sample: %lld trials of %lld cell%s, to %lld steps at most, in %.1f s\n",
           (long long)trials, (long long)s->cells, s->cells == 1 ? "" : "s",
           (long long)(s->bound < most ? s->bound : most), s->seconds);
    show_cells(t, s);
  }
  putchar('\n');
  show_forecast(e, s, &f, shards);
  if (!s->cells) return;
  printf(
      "long trials that are rare, fewer than %.2g%% of a cell, need not be in a sample of %lld\n",
      100 * basin_wilson(0, trials / s->cells).high, (long long)(trials / s->cells));
  warn(e, s, has_open, "no trial of the sample has ended");
  warn(e, s, has_unresolved,
       "no trial of the sample is resolved: raise stop.max_steps, or ask for less with stop.at");
  warn(e, s, has_excess,
       t->spurious
           ? "more trials are unresolved than the experiment allows, so the run will end with exit "
             "code 3: a larger stop.max_steps, stop.at_spurious for those that settle at the "
             "spurious optimum, or allow: {unresolved: ...}"
           : "more trials are unresolved than the experiment allows, so the run will end with exit "
             "code 3: a larger stop.max_steps, or allow: {unresolved: ...}");
  warn(e, s, has_diverged, "trials diverge: smaller step sizes, or on_divergence: halve");
}

basin_status basin_preview_show(const basin_experiment *e, const basin_run_options *options,
                                const basin_need *need, int64_t shards, basin_error *error) {
  const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  basin_cells cells = {0};
  basin_sample sample = {0};
  if (need->memory_bytes > memory) {
    printf("not sampled: that is more memory than this machine has\n");
    return BASIN_OK;
  }
  fflush(stdout);
  basin_status status = basin_cells_open(e, &cells, error);
  if (!status) status = basin_sample_run(e, options, SAMPLE_SECONDS, &sample, error);
  if (!status) show(e, &cells.table, &sample, need, shards);
  if (status == BASIN_FAILED) { /* what the run needs is told all the same */
    printf("not sampled: %s\n", error->text);
    status = BASIN_OK;
  }
  basin_sample_free(&sample);
  basin_cells_close(&cells);
  return status;
}
