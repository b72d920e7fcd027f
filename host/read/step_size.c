/* SPDX-License-Identifier: MIT */
#include "read/step_size.h"
#include "base/text.h"
#include "read/expression.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* a step larger than the squared length at which a trial counts as diverged; as the time of a gradient flow it has more
   substeps than could ever be taken */
static const double STEP_SIZE_MAX = 1e100;

enum {
  TRIED = 16,            /* steps of a stage that are tried beforehand */
  TOGETHER = 128,        /* asked for at a time */
  BOUNDED_MOST = 1 << 16 /* steps of one all of which are, so that the largest step size is known */
};

/* ---- expressions of t ---- */

typedef struct moving {
  basin_moving seam;
  char *text, *file; /* text: the seam's */
  basin_place place;
  char what[64];
} moving;

static int is_step_size(double x) { return x >= 0 && x <= STEP_SIZE_MAX; }

static basin_status look_up_t(void *context, const char *name, double *value, int *found,
                              basin_error *error) {
  (void)name, (void)error;
  *value = *(const double *)context;
  *found = 1;
  return BASIN_OK;
}

static void explain(const moving *m, int64_t t, basin_error *why) {
  const basin_place nowhere = {m->text, 0, 0};
  basin_error reason;
  double now = (double)t, value;
  if (basin_evaluate(m->text, nowhere, look_up_t, &now, &value, &reason))
    basin_fail_at(why, m->place, "%s at t = %lld: %.600s", m->what, (long long)t, reason.text);
  else
    basin_fail_at(why, m->place, "%s at t = %lld is %s, expected a step size from 0 to %g", m->what,
                  (long long)t, basin_exact(value).text, STEP_SIZE_MAX);
}

static int64_t values_of(const basin_moving *self, int64_t first, int64_t n, double *value,
                         basin_error *why) {
  const int64_t defined = basin_evaluate_counted(self->text, "t", first, n, value);
  int64_t good = 0;
  while (good < defined && is_step_size(value[good])) good++;
  if (good < n && why) explain((const moving *)(const void *)self, first + good, why);
  return good;
}

static void free_moving(moving *m) {
  if (!m) return;
  free(m->text);
  free(m->file);
  free(m);
}

static basin_status make_moving(basin_scope *scope, const basin_node *node, const char *what,
                                const basin_moving **out, basin_error *error) {
  moving *m = calloc(1, sizeof *m);
  if (!m) return basin_fail_memory(error);
  *out = &m->seam;
  const basin_status status = basin_scope_text_of_t(scope, node, &m->text, error);
  if (status) return status;
  m->file = strdup(node->place.file);
  if (!m->file) return basin_fail_memory(error);
  m->place = node->place;
  m->place.file = m->file;
  snprintf(m->what, sizeof m->what, "%s", what);
  m->seam = (basin_moving){.at = values_of, .text = m->text};
  return BASIN_OK;
}

void basin_step_sizes_free(const basin_stage *stage) {
  for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++)
    free_moving((moving *)(void *)(uintptr_t)stage->moving[i]);
}

/* ---- A/(t + 1)^p ---- */

/* behind the characters of `pattern` in a text that may have blanks between them; NULL where it goes on otherwise */
static const char *behind(const char *at, const char *pattern) {
  for (; *pattern; pattern++, at++) {
    while (*at == ' ' && *pattern != ' ') at++;
    if (*at != *pattern) return NULL;
  }
  return at;
}

/* Whether a piece of a node's text, from `from` to `to`, has a value without t. */
static basin_status evaluate_piece(basin_scope *scope, const char *from, const char *to,
                                   double *value, int *has, basin_error *error) {
  const basin_place nowhere = {"", 0, 0};
  basin_error unused;
  char *copy = strndup(from, (size_t)(to - from));
  if (!copy) return basin_fail_memory(error);
  *has = !basin_evaluate(copy, nowhere, basin_scope_look_up, scope, value, &unused);
  free(copy);
  return BASIN_OK;
}

/* Whether the node has the values of A/(t + 1)^p: it is cut at the last (t + 1), and what stands around that may bind
   otherwise, as in 1 + 1/(t + 1). */
static basin_status has_values(basin_scope *scope, const basin_node *node, double a, double p,
                               int *has, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int t = 1; t <= 3 && *has && !status; t += 2) {
    double whole = 0;
    int moves;
    status = basin_scope_value_at(scope, node, "", t, &whole, &moves, error);
    *has &= fabs(whole - a * exp(-p * log(t + 1.0))) <= 1e-9 * fabs(a);
  }
  return status;
}

static basin_status find_decay(basin_scope *scope, const basin_node *node, double *a, double *p,
                               int *has, basin_error *error) {
  const char *slash = NULL, *end = NULL;
  *has = 0;
  for (const char *at = node->text; *at; at++) {
    const char *after = behind(at, "/(t+1)");
    if (after) slash = at, end = after;
  }
  if (!slash) return BASIN_OK;
  const char *exponent = behind(end, "^");
  while (!exponent && *end == ' ') end++;
  *p = 1;
  if (!exponent && *end) return BASIN_OK;
  basin_status status = evaluate_piece(scope, node->text, slash, a, has, error);
  if (!status && *has && exponent)
    status = evaluate_piece(scope, exponent, exponent + strlen(exponent), p, has, error);
  *has = *has && *p >= 0 && *p <= BASIN_DECAY_MAX && is_step_size(*a);
  return status ? status : has_values(scope, node, *a, *p, has, error);
}

/* ---- of a stage ---- */

basin_status basin_step_size_read(basin_scope *scope, const basin_node *node, const char *what,
                                  int64_t begun, int i, basin_stage *stage, basin_error *error) {
  double value = 0, power = 0;
  int moves, has = 0;
  basin_status status = basin_scope_value_at(scope, node, what, (double)begun, &value, &moves,
                                             error);
  if (status) return status;
  if (!is_step_size(value)) {
    char at[48] = "";
    if (moves) snprintf(at, sizeof at, " at t = %lld", (long long)begun);
    return basin_fail_at(error, node->place, "%s%s is %g, expected a step size from 0 to %g", what,
                         at, value, STEP_SIZE_MAX);
  }
  stage->eta[i] = value;
  if (moves && scope->model->decays)
    status = find_decay(scope, node, &stage->eta[i], &power, &has, error);
  if (!status && has) stage->eta[BASIN_DECAY + i] = power;
  if (status || has || !moves) return status;
  return make_moving(scope, node, what, &stage->moving[i], error);
}

/* all steps from `from` to before `to`, or some and the last one; the largest step size of all, else infinity */
static basin_status try_all(const basin_moving *m, int64_t from, int64_t to, double *most,
                            basin_error *error) {
  double value[TOGETHER];
  *most = 0;
  for (int64_t t = from, n; t < to; t += n) {
    n = to - t < TOGETHER ? to - t : TOGETHER;
    if (m->at(m, t, n, value, error) < n) return BASIN_BAD_INPUT;
    for (int64_t i = 0; i < n; i++) *most = fmax(*most, value[i]);
  }
  return BASIN_OK;
}
static basin_status try_some(const basin_moving *m, int64_t from, int64_t to, double *most,
                             basin_error *error) {
  double value;
  *most = INFINITY;
  for (int64_t t = from; t < to; t += (to - from) / TRIED + 1)
    if (m->at(m, t, 1, &value, error) < 1) return BASIN_BAD_INPUT;
  return to <= from || m->at(m, to - 1, 1, &value, error) == 1 ? BASIN_OK : BASIN_BAD_INPUT;
}

basin_status basin_step_sizes_check(basin_stage *stage, int64_t begun, int64_t max_steps,
                                    basin_error *error) {
  const int64_t left = max_steps - begun, steps = stage->steps < left ? stage->steps : left;
  const int all = stage->steps <= BOUNDED_MOST && stage->steps == steps;
  basin_status status = BASIN_OK;
  for (int i = 0; i < BASIN_STEP_SIZES_MAX && !status; i++) {
    const basin_moving *m = stage->moving[i];
    if (!m) continue;
    status = all ? try_all(m, begun, begun + steps, &stage->eta[i], error)
                 : try_some(m, begun, begun + steps, &stage->eta[i], error);
    stage->eta[BASIN_DECAY + i] = 0;
  }
  return status;
}
