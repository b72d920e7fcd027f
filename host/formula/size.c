/* SPDX-License-Identifier: MIT */
#include "formula/size.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t COEFFICIENT_MAX = 1000000000000000;

formula_polynomial basin_formula_whole(int64_t value) {
  formula_polynomial x = {.terms = value != 0};
  x.term[0].coefficient = value;
  return x;
}

formula_polynomial basin_formula_of_parameter(int parameter) {
  return (formula_polynomial){.terms = 1, .term = {{1, 1, {parameter}}}};
}

/* the order of the parameters in two terms; 0: they are the same */
static int compare_factors(const formula_term *x, const formula_term *y) {
  if (x->degree != y->degree) return y->degree - x->degree;
  for (int i = 0; i < x->degree; i++)
    if (x->factor[i] != y->factor[i]) return x->factor[i] - y->factor[i];
  return 0;
}

static int compare_terms(const void *x, const void *y) {
  const formula_term *a = x, *b = y;
  if ((a->coefficient < 0) != (b->coefficient < 0)) return a->coefficient < 0 ? 1 : -1;
  return compare_factors(a, b);
}

/* adds a term to those that are there, in no order; 0: too many or too large */
static int include(formula_polynomial *x, const formula_term *term) {
  for (int i = 0; i < x->terms; i++) {
    formula_term *t = &x->term[i];
    if (compare_factors(t, term) != 0) continue;
    t->coefficient += term->coefficient;
    if (t->coefficient == 0) *t = x->term[--x->terms];
    return t->coefficient <= COEFFICIENT_MAX && t->coefficient >= -COEFFICIENT_MAX;
  }
  if (x->terms == FORMULA_TERMS_MAX) return 0;
  x->term[x->terms++] = *term;
  return 1;
}

static void order(formula_polynomial *x) {
  qsort(x->term, (size_t)x->terms, sizeof *x->term, compare_terms);
}

int basin_formula_polynomial_add(const formula_polynomial *x, const formula_polynomial *y, int sign,
                                 formula_polynomial *sum) {
  formula_polynomial s = *x;
  for (int i = 0; i < y->terms; i++) {
    formula_term term = y->term[i];
    term.coefficient *= sign;
    if (!include(&s, &term)) return 0;
  }
  order(&s);
  *sum = s;
  return 1;
}

static int compare_parameters(const void *x, const void *y) {
  return *(const int *)x - *(const int *)y;
}

static int multiply(const formula_term *x, const formula_term *y, formula_term *product) {
  if (x->degree + y->degree > FORMULA_DEGREE_MAX ||
      __builtin_mul_overflow(x->coefficient, y->coefficient, &product->coefficient) ||
      product->coefficient > COEFFICIENT_MAX || product->coefficient < -COEFFICIENT_MAX)
    return 0;
  product->degree = x->degree + y->degree;
  for (int i = 0; i < product->degree; i++)
    product->factor[i] = i < x->degree ? x->factor[i] : y->factor[i - x->degree];
  qsort(product->factor, (size_t)product->degree, sizeof *product->factor, compare_parameters);
  return 1;
}

int basin_formula_polynomial_multiply(const formula_polynomial *x, const formula_polynomial *y,
                                      formula_polynomial *product) {
  formula_polynomial p = {.terms = 0};
  for (int i = 0; i < x->terms; i++)
    for (int j = 0; j < y->terms; j++) {
      formula_term term = {.degree = 0};
      if (!multiply(&x->term[i], &y->term[j], &term) || !include(&p, &term)) return 0;
    }
  order(&p);
  *product = p;
  return 1;
}

int basin_formula_is_whole(const formula_polynomial *x, int64_t *value) {
  if (x->terms > 1 || (x->terms == 1 && x->term[0].degree > 0)) return 0;
  *value = x->terms ? x->term[0].coefficient : 0;
  return 1;
}

int basin_formula_at_least(const formula_polynomial *x, int64_t least) {
  int rises = 1, falls = 1;
  int64_t at_ones =
      0; /* where all parameters are 1, the least of what rises and the largest of what falls */
  for (int i = 0; i < x->terms; i++) {
    at_ones += x->term[i].coefficient;
    if (x->term[i].degree > 0 && x->term[i].coefficient < 0) rises = 0;
    if (x->term[i].degree > 0 && x->term[i].coefficient > 0) falls = 0;
  }
  return rises && at_ones >= least ? 1 : falls && at_ones < least ? -1 : 0;
}

static void write_term(FILE *stream, const formula_term *term, int first,
                       const formula_array *parameter, int in_c) {
  const int64_t size = term->coefficient < 0 ? -term->coefficient : term->coefficient;
  const char *times = in_c ? " * " : "*";
  int begun = 0;
  if (term->coefficient < 0) fputs(first ? "-" : " - ", stream);
  else if (!first) fputs(" + ", stream);
  if (size != 1 || !term->degree) begun = fprintf(stream, "%" PRId64, size);
  for (int i = 0; i < term->degree; i++, begun = 1)
    fprintf(stream, in_c ? "%sP(%s)" : "%s%s", begun ? times : "", parameter[term->factor[i]].name);
}

char *basin_formula_polynomial_text(const formula_polynomial *x, const formula_array *parameter,
                                    int in_c) {
  char *text = NULL;
  size_t size;
  FILE *stream = open_memstream(&text, &size);
  if (!stream) return NULL;
  if (!x->terms) fputc('0', stream);
  for (int i = 0; i < x->terms; i++) write_term(stream, &x->term[i], !i, parameter, in_c);
  if (fclose(stream)) {
    free(text);
    return NULL;
  }
  return text;
}
