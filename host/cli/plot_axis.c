/* SPDX-License-Identifier: MIT */
#include "cli/plot_axis.h"
#include "base/text.h"
#include "seam/setting.h"
#include <stdlib.h>
#include <string.h>

enum { TICS_MAX = 20, TIC_FONT = 8, WHOLE_TICS = 8 };

/* ---- spans ---- */

void basin_span_widen(basin_span *span, double x, int logarithmic) {
  if (!isfinite(x) || (logarithmic && x <= 0)) return;
  if (!(x >= span->least)) span->least = x;
  if (!(x <= span->most)) span->most = x;
}

/* Tics of a logarithmic axis that spans so few powers of ten that they alone would be too few: at 1, 2 and 5 times
   them, or at equal steps within one. */
static void set_small_tics(basin_figure *f, char axis, double least, double most) {
  static const double digit[] = {1, 2, 5};
  const double step = pow(10, floor(log10(most - least))), share = (most - least) / step,
               apart = step * (share < 2   ? 0.4
                               : share < 4 ? 0.5
                               : share < 8 ? 1
                                           : 2);
  const char *separator = "";
  const int within = most < 10 * least, first = (int)floor(log10(least));
  fprintf(f->pipe, "set %ctics (", axis);
  for (int i = 0; i < 12; i++) {
    const double at = within ? apart * (ceil(least / apart) + i)
                             : digit[i % 3] * pow(10, first + i / 3);
    if (at < least || at > most) continue;
    fprintf(f->pipe, "%s%.10g", separator, at);
    separator = ", ";
  }
  fputs(")\n", f->pipe);
}

void basin_span_set(basin_figure *f, char axis, int logarithmic, int whole,
                    const basin_span *span) {
  double least = span->least, most = span->most;
  const double size = fmax(fabs(least), fabs(most));
  const int wide = most - least > 1e-9 * size;
  const double margin = axis == 'x' ? 0.02 : 0.04;
  if (least > most) least = most = 1; /* there is nothing to show */
  if (logarithmic) {
    const int powers = most > 1e4 || least < 1e-3;
    const double factor = wide ? pow(most / least, margin) : 2;
    fprintf(f->pipe, "set logscale %c\nset format %c '%s'\n", axis, axis,
            powers ? "10^{%T}" : "%g");
    if (wide && most < 300 * least) {
      fprintf(f->pipe, "set format %c '%%g'\n", axis);
      set_small_tics(f, axis, least, most);
    }
    if (most > 1e6 * least) /* tics that skip powers would have crowds of small ones behind them */
      fprintf(f->pipe, "unset m%ctics\n", axis);
    least /= factor, most *= factor;
  } else {
    const double more = wide ? margin * (most - least) : size > 0 ? size / 2 : 1;
    if (whole && most - least <= WHOLE_TICS) fprintf(f->pipe, "set %ctics 1\n", axis);
    least -= more, most += more;
  }
  fprintf(f->pipe, "set %crange [%.10g:%.10g]\n", axis, least, most);
}

void basin_plot_axis_label(basin_figure *f, char axis, const char *text, const char *units) {
  char label[BASIN_LABEL_BYTES];
  snprintf(label, sizeof label, *units && strcmp(units, "1") != 0 ? "%s [%s]" : "%s", text, units);
  fprintf(f->pipe, "set %clabel ", axis);
  basin_plot_quote(f->pipe, label);
  fputc('\n', f->pipe);
}

/* ---- parameters as axes ---- */

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int axes_of(const basin_figure *f) { return basin_results_axes(f->results); }

/* the different values of a parameter, ascending, without NaN */
static basin_status find_values(const basin_figure *f, basin_axis *a, basin_error *error) {
  a->values = 0;
  a->value = malloc((size_t)f->cells * sizeof *a->value);
  if (!a->value) return basin_fail_memory(error);
  for (int64_t i = 0; i < f->cells; i++) {
    const double x = f->cell[i].parameter[a->parameter];
    if (!isnan(x)) a->value[a->values++] = x;
  }
  qsort(a->value, (size_t)a->values, sizeof *a->value, by_value);
  int64_t different = 0;
  for (int64_t i = 0; i < a->values; i++)
    if (!i || a->value[i] != a->value[different - 1]) a->value[different++] = a->value[i];
  a->values = different;
  return BASIN_OK;
}

static void choose_scale(basin_axis *a) {
  const int64_t finite = a->values - (a->values && a->value[a->values - 1] == INFINITY);
  a->whole = 1;
  for (int64_t i = 0; i < finite; i++) a->whole &= a->value[i] == floor(a->value[i]);
  if (!finite) { /* infinity alone */
    a->infinity = 1;
    return;
  }
  const double least = a->value[0], most = a->value[finite - 1],
               next = finite > 1 ? a->value[finite - 2] : most - 1;
  a->logarithmic = least > 0 && most / least >= 64;
  a->infinity = a->logarithmic ? most * most / next : most + (most - next);
}

/* ---- what tells what ---- */

/* cells sorted by their places on the axes and by the parameters shown so far, and then compared with their neighbours:
   whether these tell parameter p */
typedef struct ordering {
  const basin_figure *figure;
  const basin_axis *axis[2];
  const char *shows;
  int parameters; /* of which it is known whether they are shown */
} ordering;

static int by_number(double x, double y) {
  if (x == y || (isnan(x) && isnan(y))) return 0;
  return isnan(x) || x < y ? -1 : 1;
}

static int by_names(const void *a, const void *b, void *context) {
  const ordering *o = context;
  const basin_summary *x = &o->figure->cell[*(const int64_t *)a],
                      *y = &o->figure->cell[*(const int64_t *)b];
  int order = 0;
  for (int i = 0; i < 2 && !order; i++) {
    const int p = o->axis[i] ? o->axis[i]->parameter : -1;
    if (p >= 0) order = by_number(x->parameter[p], y->parameter[p]);
  }
  for (int p = 0; p < o->parameters && !order; p++)
    if (o->shows[p]) order = by_number(x->parameter[p], y->parameter[p]);
  return order;
}

/* shows[parameters]: set where a parameter is no axis, is not the same everywhere, and neither the axes nor those shown
   before it tell it */
static basin_status find_shown(const basin_figure *f, const basin_axis *x, const basin_axis *y,
                               char *shows, basin_error *error) {
  ordering o = {f, {x, y}, shows, 0};
  int64_t *order = malloc((size_t)f->cells * sizeof *order);
  if (!order) return basin_fail_memory(error);
  for (int64_t i = 0; i < f->cells; i++) order[i] = i;
  for (int p = 0; p < axes_of(f); p++) {
    o.parameters = p;
    qsort_r(order, (size_t)f->cells, sizeof *order, by_names, &o);
    shows[p] = 0;
    for (int64_t i = 1; i < f->cells && !shows[p]; i++)
      shows[p] = by_number(f->cell[order[i]].parameter[p], f->cell[order[i - 1]].parameter[p]) &&
                 !by_names(&order[i], &order[i - 1], &o);
  }
  free(order);
  return BASIN_OK;
}

basin_status basin_axis_open(const basin_figure *f, const char *name, const basin_axis *other,
                             const char *option, basin_axis *a, basin_error *error) {
  const char *const *names;
  char shows[BASIN_AXES_MAX];
  basin_axis candidate;
  basin_results_parameters(f->results, &names);
  *a = (basin_axis){0};
  basin_status status = find_shown(f, other, NULL, shows, error);
  for (int p = 0; p < axes_of(f) && p < BASIN_AXES_MAX && !status; p++) {
    candidate = (basin_axis){.name = names[p], .parameter = p};
    if (name ? strcmp(name, names[p]) != 0 : (other && !shows[p])) continue;
    status = find_values(f, &candidate, error);
    if (!status && (name || candidate.values > a->values)) {
      free(a->value);
      *a = candidate;
    } else {
      free(candidate.value);
    }
  }
  if (status) return status;
  if (!a->values && name) {
    const char *near = basin_nearest(name, names, axes_of(f));
    char list[BASIN_LABEL_BYTES] = "";
    for (int p = 0; p < axes_of(f); p++) {
      const size_t used = strlen(list);
      snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", names[p]);
    }
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--%s %s: no grid parameter of that name%s%s%s; there are: %s", option, name,
                      near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "",
                      *list ? list : "none");
  }
  if (!a->values)
    return basin_fail(error, BASIN_BAD_INPUT, "the experiment has no %s to draw a rate against%s",
                      other ? "second grid parameter" : "grid",
                      other ? "" : "; try --observable, --histogram or --map");
  choose_scale(a);
  return BASIN_OK;
}

double basin_axis_place(const basin_axis *a, double value) {
  return value == INFINITY ? a->infinity : value;
}

double basin_axis_of(const basin_axis *a, const basin_summary *cell) {
  return basin_axis_place(a, cell->parameter[a->parameter]);
}

/* ---- tics ---- */

/* Tics at the values themselves, as many as there is room for, the last one among them: where the numbers are whole and
   few, gnuplot's own would lie between them, on a logarithmic axis they would be powers of ten alone, and at infinity's
   place they would be wrong. */
void basin_axis_set(basin_figure *f, char axis, const basin_axis *a, double least, double most,
                    double pixels) {
  const int infinite = a->values && a->value[a->values - 1] == INFINITY;
  if (a->logarithmic) fprintf(f->pipe, "set logscale %c\n", axis);
  basin_plot_axis_label(f, axis, a->name, "");
  if (!infinite && !((a->whole || a->logarithmic) && a->values <= TICS_MAX)) {
    if (a->whole && !a->logarithmic && most - least <= WHOLE_TICS)
      fprintf(f->pipe, "set %ctics 1\n", axis);
    return;
  }
  double free_to = INFINITY;
  const char *separator = "";
  fprintf(f->pipe, "set %ctics (", axis);
  for (int64_t i = a->values - 1; i >= 0; i--) {
    char label[40];
    const double at = basin_axis_place(a, a->value[i]);
    snprintf(label, sizeof label, "%.6g", a->value[i]);
    const double room = axis == 'x' ? (double)strlen(label) * TIC_FONT + 6 : 16,
                 share = a->logarithmic ? log(at / least) / log(most / least)
                                        : (at - least) / (most - least),
                 place = most > least ? share * pixels : 0;
    if (place + room / 2 > free_to) continue;
    free_to = place - room / 2;
    fprintf(f->pipe, "%s'%s' %.10g", separator, a->value[i] == INFINITY ? "∞" : label, at);
    separator = ", ";
  }
  fputs(")\n", f->pipe);
}

/* ---- series ---- */

static int has_variants(const basin_figure *f) {
  for (int64_t i = 1; i < f->cells; i++)
    if (strcmp(f->cell[i].variant, f->cell[0].variant) != 0) return 1;
  return 0;
}

static void name_cell(const basin_figure *f, const basin_summary *s, int variants,
                      const char *shows, basin_label label) {
  snprintf(label, BASIN_LABEL_BYTES, "%s", variants ? s->variant : "");
  for (int p = 0; p < axes_of(f); p++) {
    const size_t used = strlen(label);
    if (!shows[p]) continue;
    snprintf(label + used, BASIN_LABEL_BYTES - used, "%s%s = %.6g", used ? ", " : "",
             s->parameter_name[p], s->parameter[p]);
  }
}

basin_status basin_series_find(const basin_figure *f, const basin_axis *x, const basin_axis *y,
                               int most, basin_series *s, basin_error *error) {
  const int variants = has_variants(f);
  char shows[BASIN_AXES_MAX];
  s->count = 0;
  s->of = calloc((size_t)f->cells, sizeof *s->of);
  if (!s->of) return basin_fail_memory(error);
  const basin_status status = find_shown(f, x, y, shows, error);
  for (int64_t i = 0; i < f->cells && !status; i++) {
    basin_label name;
    int *of = &s->of[i];
    name_cell(f, &f->cell[i], variants, shows, name);
    for (*of = 0; *of < s->count && strcmp(s->one[*of].label, name) != 0;) ++*of;
    if (*of < s->count) continue;
    if (s->count == most) return basin_fail(error, BASIN_OUTSIDE, "%s", "");
    s->one[s->count].variant = f->cell[i].variant;
    strcpy(s->one[s->count++].label, name);
  }
  return status;
}

void basin_series_free(basin_series *s) { free(s->of); }

basin_status basin_plot_names(const basin_figure *f, basin_label **name, basin_error *error) {
  const int variants = has_variants(f);
  char shows[BASIN_AXES_MAX];
  *name = calloc((size_t)f->cells, sizeof **name);
  if (!*name) return basin_fail_memory(error);
  const basin_status status = find_shown(f, NULL, NULL, shows, error);
  for (int64_t i = 0; i < f->cells && !status; i++)
    name_cell(f, &f->cell[i], variants, shows, (*name)[i]);
  return status;
}

void basin_plot_note(basin_figure *f) {
  const int64_t all = basin_results_cells(f->results);
  int64_t same = 0;
  for (int64_t c = 0; c < all; c++)
    same += !strcmp(basin_results_variant(f->results, c), f->cell[0].variant);
  snprintf(f->note, sizeof f->note, "%s", same == all || has_variants(f) ? "" : f->cell[0].variant);
  for (int p = 0; p < axes_of(f); p++) {
    const double here = f->cell[0].parameter[p];
    int constant = 1, everywhere = 1;
    for (int64_t i = 1; i < f->cells; i++) constant &= f->cell[i].parameter[p] == here;
    for (int64_t c = 0; c < all && everywhere; c++)
      everywhere = basin_results_parameter(f->results, c, p) == here;
    const size_t used = strlen(f->note);
    if (constant && !everywhere)
      snprintf(f->note + used, sizeof f->note - used, "%s%s = %.6g", used ? ", " : "",
               f->cell[0].parameter_name[p], here);
  }
}

/* ---- outcomes ---- */

int basin_plot_outcome(const basin_outcomes *outcomes, int number) {
  return (number + BASIN_GLOBAL) % outcomes->count;
}

/* those that the experiment names have colours of their own: the muted ones of Tol (2021) */
basin_style basin_plot_outcome_style(int outcome) {
  static const char *const colour[BASIN_OUTCOMES_NAMED_MAX] = {"#882255", "#44AA99", "#332288",
                                                               "#DDCC77", "#999933", "#CC6677",
                                                               "#117733", "#AA4499", "#666666"};
  if (outcome < BASIN_OUTCOMES)
    return basin_style_of((outcome + BASIN_OUTCOMES - BASIN_GLOBAL) % BASIN_OUTCOMES,
                          BASIN_OUTCOMES);
  basin_style style = basin_style_of(outcome, BASIN_OUTCOMES_MAX);
  style.colour = colour[outcome - BASIN_OUTCOMES];
  return style;
}

void basin_plot_label_trials(const basin_outcomes *outcomes, const char *cell, int outcome,
                             int64_t trials, basin_label label) {
  const char *name = outcome < 0 ? "" : basin_outcomes_name(outcomes, outcome);
  snprintf(label, BASIN_LABEL_BYTES, "%.*s%s%s%s(%lld)", BASIN_LABEL_BYTES - 32 - (int)strlen(name),
           cell, *cell && outcome >= 0 ? ": " : "", name, *cell || outcome >= 0 ? " " : "",
           (long long)trials);
}
