/* SPDX-License-Identifier: MIT */
#include "cli/select.h"
#include "base/text.h"
#include "read/expression.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 256, NAMES_SHOWN = 128, LIST_BYTES = 400 };

/* One option as it narrows the selection: what it says, and for each cell whether it is meant. */
typedef struct sieve {
  const basin_results *results;
  basin_selection *selection;
  const char *option, *text; /* as given */
  char *meant;               /* [selection->cells] */
} sieve;

/* ---- a list of what there is ---- */

typedef struct listing {
  char text[LIST_BYTES];
  size_t used;
  int full;
} listing;

/* another item, unless it is there already; the list ends in ... where it gets long */
__attribute__((format(printf, 2, 3))) static void list(listing *l, const char *format, ...) {
  char item[WORD_BYTES], seen[WORD_BYTES + 4], all[LIST_BYTES + 4];
  va_list values;
  va_start(values, format);
  vsnprintf(item, sizeof item, format, values);
  va_end(values);
  snprintf(seen, sizeof seen, ", %s,", item);
  snprintf(all, sizeof all, ", %s,", l->text);
  if (l->full || (l->used && strstr(all, seen))) return;
  l->full = l->used + strlen(item) + 8 > sizeof l->text;
  l->used += (size_t)snprintf(l->text + l->used, sizeof l->text - l->used, "%s%s",
                              l->used ? ", " : "", l->full ? "..." : item);
}

/* ---- narrowing ---- */

/* Keeps the cells that are meant; `kind` and `there`: what the cells have, for the message where none is left. */
static basin_status narrow(sieve *s, const char *kind, const listing *there, basin_error *error) {
  basin_selection *all = s->selection;
  int64_t kept = 0;
  for (int64_t i = 0; i < all->cells; i++)
    if (s->meant[i]) all->cell[kept++] = all->cell[i];
  if (!kept)
    return basin_fail(
        error, BASIN_BAD_INPUT, "--%s %s: no cell is left; %s%s: %s", s->option, s->text,
        all->cells < basin_results_cells(s->results) ? "of the others, " : "", kind, there->text);
  all->cells = kept;
  return BASIN_OK;
}

/* cuts the next item off a list: at a comma that is in no parentheses; 0 at the end, -1 where it is too long */
static int next_item(const char **at, char item[WORD_BYTES]) {
  int depth = 0, length = 0;
  if (!**at) return 0;
  for (; **at && (depth > 0 || **at != ','); ++*at) {
    depth += (**at == '(') - (**at == ')');
    if (length == WORD_BYTES - 1) return -1;
    item[length++] = **at;
  }
  item[length] = 0;
  if (**at) ++*at;
  return 1;
}

/* ---- --cell ---- */

static int read_number(const char **at, int64_t *value) {
  char *end;
  if (**at < '0' || **at > '9') return 0;
  *value = strtoll(*at, &end, 10); /* a number too large is one that no cell has */
  *at = end;
  return 1;
}

/* "3" or "5-7" */
static int read_range(const char *item, int64_t *first, int64_t *last) {
  if (!read_number(&item, first)) return 0;
  *last = *first;
  if (*item == '-' && item++ && !read_number(&item, last)) return 0;
  return !*item && *first <= *last;
}

static basin_status mean_cells(sieve *s, basin_error *error) {
  const int64_t cells = basin_results_cells(s->results);
  char item[WORD_BYTES];
  int64_t first, last;
  const char *at = s->text;
  do {
    if (next_item(&at, item) < 1 || !read_range(item, &first, &last))
      return basin_fail(error, BASIN_BAD_INPUT,
                        "--cell %s: expected numbers of cells, as in 3 or 3,5-7", s->text);
    if (last >= cells)
      return basin_fail(error, BASIN_BAD_INPUT, "--cell %s: no such cell, expected 0 to %lld",
                        s->text, (long long)cells - 1);
    for (int64_t i = 0; i < s->selection->cells; i++)
      s->meant[i] |= s->selection->cell[i] >= first && s->selection->cell[i] <= last;
  } while (*at);
  return BASIN_OK;
}

/* ---- --variant ---- */

static basin_status mean_variant(sieve *s, basin_error *error) {
  const char *name[NAMES_SHOWN];
  int names = 0, known = 0;
  listing there = {0};
  for (int64_t c = 0; c < basin_results_cells(s->results); c++) {
    const char *variant = basin_results_variant(s->results, c);
    int seen = 0;
    for (int i = 0; i < names && !seen; i++) seen = name[i] == variant;
    if (!seen && names < NAMES_SHOWN) name[names++] = variant;
    known |= !strcmp(variant, s->text);
  }
  for (int64_t i = 0; i < s->selection->cells; i++)
    s->meant[i] |= !strcmp(basin_results_variant(s->results, s->selection->cell[i]), s->text);
  if (known) return BASIN_OK;
  if (names == 1 && !*name[0])
    return basin_fail(error, BASIN_BAD_INPUT, "--variant %s: the experiment has no variants",
                      s->text);
  for (int i = 0; i < names; i++) list(&there, "%s", name[i]);
  const char *near = basin_nearest(s->text, name, names);
  return basin_fail(error, BASIN_BAD_INPUT, "--variant %s: unknown%s%s%s; there are: %s", s->text,
                    near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "", there.text);
}

/* ---- --where ---- */

static basin_status no_symbols(void *context, const char *name, double *value, int *found,
                               basin_error *error) {
  (void)context, (void)name, (void)value, (void)error;
  *found = 0;
  return BASIN_OK;
}

static basin_status find_parameter(const sieve *s, const char *name, int *parameter,
                                   basin_error *error) {
  const char *const *names;
  const int count = basin_results_parameters(s->results, &names);
  listing there = {0};
  for (*parameter = 0; *parameter < count; ++*parameter)
    if (!strcmp(names[*parameter], name)) return BASIN_OK;
  for (int p = 0; p < count; p++) list(&there, "%s", names[p]);
  const char *near = basin_nearest(name, names, count);
  return basin_fail(error, BASIN_BAD_INPUT, "--where %s: no parameter `%s`%s%s%s; there are: %s",
                    s->text, name, near ? ", did you mean `" : "", near ? near : "",
                    near ? "`?" : "", there.text);
}

/* the same number; or what the table prints of it */
static int is_same(double x, double value) {
  return x == value || (isfinite(x) && fabs(x - value) <= 1e-9 * fabs(x));
}
static int is_print_of(double x, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.6g", x);
  return is_same(strtod(text, NULL), value);
}

static int mean_value(sieve *s, int parameter, double value, int (*is)(double, double)) {
  int found = 0;
  for (int64_t i = 0; i < s->selection->cells; i++)
    if (is(basin_results_parameter(s->results, s->selection->cell[i], parameter), value))
      s->meant[i] = 1, found = 1;
  return found;
}

static basin_status mean_where(sieve *s, basin_error *error) {
  char name[WORD_BYTES], item[WORD_BYTES], kind[WORD_BYTES + 8];
  const char *equals = strchr(s->text, '='), *at;
  int parameter, more = -1;
  listing there = {0};
  if (!equals || equals == s->text || !equals[1] || equals - s->text >= WORD_BYTES)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--where %s: expected NAME=VALUE, as in ratio=4 or k=16,25", s->text);
  snprintf(name, sizeof name, "%.*s", (int)(equals - s->text), s->text);
  basin_status status = find_parameter(s, name, &parameter, error);
  for (at = equals + 1; !status && (more = next_item(&at, item)) > 0;) {
    double value = INFINITY;
    if (strcmp(item, "inf") != 0)
      status = basin_evaluate(item, (basin_place){"--where", 1, (int)(at - s->text)}, no_symbols,
                              NULL, &value, error);
    if (status)
      return basin_fail(error, BASIN_BAD_INPUT, "--where %s: `%s` is no number", s->text, item);
    if (!mean_value(s, parameter, value, is_same)) mean_value(s, parameter, value, is_print_of);
  }
  if (!status && more)
    status = basin_fail(error, BASIN_BAD_INPUT, "--where %.40s...: a value is too long", s->text);
  if (status) return status;
  for (int64_t i = 0; i < s->selection->cells; i++)
    list(&there, "%.10g", basin_results_parameter(s->results, s->selection->cell[i], parameter));
  snprintf(kind, sizeof kind, "%s is", name);
  return narrow(s, kind, &there, error);
}

/* ---- all of them ---- */

/* every option of one kind; those that do not narrow by themselves do it together */
static basin_status apply(sieve *s, const basin_arguments *a, const char *option,
                          basin_status (*mean)(sieve *, basin_error *), int together,
                          basin_error *error) {
  basin_status status = BASIN_OK;
  listing there = {0};
  int given = 0;
  s->option = option;
  for (int i = 0; i < a->givens && !status; i++) {
    if (strcmp(a->given[i].name, option) != 0) continue;
    if (!together || !given++) memset(s->meant, 0, (size_t)s->selection->cells);
    s->text = a->given[i].value;
    status = mean(s, error);
  }
  if (status || !given) return status;
  for (int64_t i = 0; i < s->selection->cells; i++)
    list(&there, "%lld", (long long)s->selection->cell[i]);
  return narrow(s, "the cells are", &there, error);
}

basin_status basin_select(const basin_arguments *arguments, const basin_results *results,
                          basin_selection *selection, basin_error *error) {
  const int64_t cells = basin_results_cells(results);
  sieve s = {.results = results, .selection = selection, .meant = malloc((size_t)cells)};
  *selection = (basin_selection){malloc((size_t)cells * sizeof *selection->cell), cells};
  basin_status status = s.meant && selection->cell ? BASIN_OK : basin_fail_memory(error);
  for (int64_t i = 0; i < cells && !status; i++) selection->cell[i] = i;
  if (!status) status = apply(&s, arguments, "variant", mean_variant, 1, error);
  if (!status) status = apply(&s, arguments, "where", mean_where, 0, error);
  if (!status) status = apply(&s, arguments, "cell", mean_cells, 1, error);
  free(s.meant);
  return status;
}

void basin_selection_free(basin_selection *selection) { free(selection->cell); }
