/* SPDX-License-Identifier: MIT
 *
 * judge.c: what has been run beside what the experiment asks for: more trials, or fewer that end nowhere.
 */
#include "run/run.h"
#include "read/discover.h"
#include "store/results.h"
#include "store/search.h"
#include "store/until.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an outcome, of which an experiment allows a share, has in the cells that have more of it. */
typedef struct excess {
  enum basin_outcome outcome;
  double allowed;
  int64_t cells;                        /* how many these are */
  int64_t worst;                        /* the one with the largest share, */
  double share;                         /* that share, */
  int64_t outcomes[BASIN_OUTCOMES_MAX]; /* and its trials by their outcome */
} excess;

enum { EXCESSES = 2, NAME_BYTES = 160, ADVICE_BYTES = 240 };

static void excess_begin(excess x[EXCESSES], const basin_experiment *e) {
  x[0] = (excess){.outcome = BASIN_UNRESOLVED, .allowed = e->allow_unresolved};
  x[1] = (excess){.outcome = BASIN_DIVERGED, .allowed = e->allow_diverged};
}

static void excess_add(excess x[EXCESSES], int64_t cell, int64_t trials, const int64_t *outcomes) {
  for (int i = 0; i < EXCESSES; i++) {
    const double count = (double)outcomes[x[i].outcome], share = count / (double)trials;
    if (count <= x[i].allowed * (double)trials) continue;
    if (x[i].cells++ && share <= x[i].share) continue;
    x[i].worst = cell;
    x[i].share = share;
    memcpy(x[i].outcomes, outcomes, sizeof x[i].outcomes);
  }
}

/* "cell 4 (CNN, k = 25)": by its variant, and where it is in the grid; the number alone of one that `refine` added to a
   file */
static void name_cell(char name[NAME_BYTES], const basin_experiment *e, int64_t cell) {
  if (cell >= e->cells) {
    snprintf(name, NAME_BYTES, "cell %lld", (long long)cell);
    return;
  }
  const basin_cell *c = &e->cell[cell];
  const char *comma = c->variant < 0 ? " (" : ", ";
  int used = snprintf(name, NAME_BYTES, "cell %lld", (long long)cell);
  if (c->variant >= 0)
    used += snprintf(name + used, (size_t)(NAME_BYTES - used), " (%.60s", e->variant[c->variant]);
  for (int a = 0; a < e->axes && used < NAME_BYTES / 2; a++, comma = ", ")
    used += snprintf(name + used, (size_t)(NAME_BYTES - used), "%s%.40s = %.6g", comma, e->axis[a],
                     c->coordinate[a]);
  if (c->variant >= 0 || e->axes) snprintf(name + used, (size_t)(NAME_BYTES - used), ")");
}

/* what could resolve the trials of such a cell, by what ends them and how others ended */
static const char *advice_unresolved(const basin_cell *c, const int64_t *outcomes) {
  const basin_stop *stop = &c->setting.stop;
  const int spurious = c->model->outcomes & BASIN_CAN(BASIN_SPURIOUS) &&
                       !(stop->tolerance_spurious > 0);
  switch (basin_cell_rule(c)) {
  case BASIN_NO_RULE:
    return "no rule ends its trials: give stop.at";
  case BASIN_EARLY_RULE:
    return outcomes[BASIN_GLOBAL] || outcomes[BASIN_SPURIOUS]
               ? "give a larger stop.max_steps"
               : "no trial of it has a proof: give a larger stop.max_steps, smaller step sizes, or "
                 "stop.at";
  case BASIN_TOLERANCE_RULE:
    break;
  }
  if (!basin_stop_given(stop)) return "give a larger stop.max_steps, or a larger stop.at_gradient";
  return spurious
             ? "where trials come to the spurious optimum too slowly, or not as close as stop.at, "
               "give stop.at_spurious; else a larger stop.max_steps"
             : "give a larger stop.max_steps, or a larger tolerance";
}

static const char *advice_diverged(const basin_cell *c) {
  return c->setting.halve ? "halving the step sizes was not enough: give smaller ones"
                          : "give smaller step sizes, or on_divergence: halve";
}

/* a share for `allow` that is enough: two digits, above this one */
static double allowance(double share) {
  const double unit = pow(10, floor(log10(share)) - 1);
  return fmin(1, (floor(share / unit) + 1) * unit);
}

static basin_status excess_status(const excess x[EXCESSES], const basin_experiment *e,
                                  int64_t cells, const char *path, basin_error *error) {
  char text[EXCESSES][NAME_BYTES + 2 * ADVICE_BYTES] = {"", ""};
  for (int i = 0; i < EXCESSES; i++) {
    char name[NAME_BYTES];
    if (!x[i].cells) continue;
    const basin_cell *worst = &e->cell[x[i].worst < e->cells ? x[i].worst : 0];
    const char *word = basin_outcomes_name(&e->outcomes, (int)x[i].outcome);
    name_cell(name, e, x[i].worst);
    snprintf(text[i], sizeof text[i],
             "%lld of %lld cell%s %s more %s trials than the experiment allows, the worst is %s "
             "with %.3g%% of its trials; %s, or allow: {%s: %.2g}",
             (long long)x[i].cells, (long long)cells, cells == 1 ? "" : "s",
             x[i].cells == 1 ? "has" : "have", word, name, 100 * x[i].share,
             x[i].outcome == BASIN_DIVERGED ? advice_diverged(worst)
                                            : advice_unresolved(worst, x[i].outcomes),
             word, allowance(x[i].share));
  }
  if (!*text[0] && !*text[1]) return BASIN_OK;
  return basin_fail(error, BASIN_OUTSIDE, "%s: %s%s%s", path, text[0],
                    *text[0] && *text[1] ? "; " : "", text[1]);
}

static basin_status raise_until(basin_store *s, int *raised, basin_error *error) {
  if (!(s->experiment->halfwidth > 0)) return BASIN_OK;
  for (int64_t c = 0; c < s->experiment->cells; c++) {
    basin_range sum;
    const basin_status status = basin_store_count(s, c, s->target[c], &sum, error);
    if (status) return status;
    const int64_t enough = basin_until_enough(
        s->experiment, s->target[c],
        basin_outcomes_successes(&s->experiment->outcomes, sum.outcomes));
    if (enough > s->target[c]) *raised = 1;
    s->target[c] = enough;
  }
  return BASIN_OK;
}

basin_status basin_store_raise(basin_store *s, int *raised, basin_error *error) {
  *raised = 0;
  const basin_status status = raise_until(s, raised, error);
  return status || !s->search ? status : basin_search_round(s->search, s, raised, error);
}

basin_status basin_store_raise_all(basin_store *s, basin_error *error) {
  int raised = 1;
  while (raised) {
    for (int64_t c = 0; c < s->experiment->cells; c++) {
      basin_range sum;
      const basin_status status = basin_store_count(s, c, s->target[c], &sum, error);
      if (status || sum.count < s->target[c]) return status;
    }
    const basin_status status = basin_store_raise(s, &raised, error);
    if (status) return status;
  }
  return BASIN_OK;
}

basin_status basin_store_judge(const basin_store *s, const char *path, basin_error *error) {
  basin_status status = BASIN_OK;
  excess x[EXCESSES];
  excess_begin(x, s->experiment);
  for (int64_t c = 0; c < s->experiment->cells && !status; c++) {
    basin_range sum;
    status = basin_store_count(s, c, s->target[c], &sum, error);
    if (!status) excess_add(x, c, sum.count, sum.outcomes);
  }
  return status ? status : excess_status(x, s->experiment, s->experiment->cells, path, error);
}

basin_status basin_results_check(const char *path, const basin_experiment *e, int *complete,
                                 basin_error *error) {
  basin_results *r;
  *complete = 0;
  if (!basin_is_there(path)) return BASIN_OK;
  basin_status status = basin_results_open(path, &r, error);
  if (status) return status;
  if (!basin_results_matches(r, e))
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: holds another experiment, or other trials; give another name with -o, "
                        "or remove it",
                        path);
  const int64_t missing = basin_results_missing(r);
  excess x[EXCESSES];
  excess_begin(x, e);
  for (int64_t c = 0; c < basin_results_cells(r) && !missing && !status; c++) {
    basin_summary s;
    status = basin_results_outcomes(r, c, &s, error);
    if (!status && s.trials < e->trials)
      status = basin_fail(error, BASIN_BAD_INPUT,
                          "%s: holds other trials: %lld of cell %lld, expected %lld; give another "
                          "name with -o, or remove it",
                          path, (long long)s.trials, (long long)c, (long long)e->trials);
    if (!status) excess_add(x, c, s.trials, s.outcomes);
  }
  if (!status) status = excess_status(x, e, basin_results_cells(r), path, error);
  *complete = !missing && (!status || status == BASIN_OUTSIDE);
  basin_results_close(r);
  return status;
}

void basin_warn_beyond(const char *path, void (*warn)(const char *text)) {
  basin_results *r;
  basin_error ignored;
  int64_t all = 0, others;
  char text[BASIN_PATH_BYTES + 256];
  if (basin_results_open(path, &r, &ignored)) return;
  basin_attractor *attractor = calloc((size_t)basin_results_attractors(r) + 1, sizeof *attractor);
  for (int64_t c = 0; attractor && c < basin_results_cells(r); c++)
    if (!basin_results_attractors_of(r, c, attractor, &others, &ignored)) all += others;
  free(attractor);
  basin_results_close(r);
  if (!all) return;
  snprintf(text, sizeof text,
           "%s: %lld trials rest at points beyond the %d attractors that are told apart: "
           "outcomes.discover.within is too small, or trials end before they are at rest",
           path, (long long)all, BASIN_ATTRACTORS_MAX);
  warn(text);
}
