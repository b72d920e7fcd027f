/* SPDX-License-Identifier: MIT
 *
 * test_own.c: models that are compiled while the program runs, by the calls: one pointer for one text, threads that
 * want the same engine at once, what is refused; and the texts that an experiment keeps. tests/e2e/own.sh has the rest.
 */
#include "folder.h"
#include "own/own.h"
#include "read/experiment.h"
#include "read/headers.h"
#include <pthread.h>

static const basin_place here = {"here.yaml", 3, 8};
static char *well; /* tests/support/doublewell.h */

static char *read_text(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = calloc(1, 1 << 16);
  assert_true(file && text && fread(text, 1, (1 << 16) - 1, file) > 0);
  fclose(file);
  return text;
}

static int begin(void **unused) {
  if (make_folder(unused)) return -1;
  setenv("BASIN_CACHE", folder, 1);
  well = read_text("tests/support/doublewell.h");
  return 0;
}

static int end(void **unused) {
  free(well);
  return remove_folder(unused);
}

/* the text with `from` replaced once; to be freed */
static char *edited(const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  char *other = calloc(1, strlen(text) + strlen(to) + 1);
  assert_true(at && other);
  sprintf(other, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  return other;
}

static void loading(void **unused) {
  const basin_model *model, *again, *other, *renamed;
  basin_error error;
  char *edit = edited(well, "r_set(c->tilt) - x", "r_set(c->tilt) + x");
  (void)unused;
  assert_false(basin_own_has("well", well));
  assert_ok(basin_own_load("well", well, here, &model, &error), error);
  assert_true(basin_own_has("well", well));
  assert_ok(basin_own_load("well", well, here, &again, &error), error);
  assert_ok(basin_own_load("well", edit, here, &other, &error), error);
  assert_ok(basin_own_load("hollow", well, here, &renamed, &error), error);
  assert_ptr_equal(model, again);
  assert_true(model != other && model != renamed && model->content != other->content);
  assert_string_equal(model->name, "well");
  assert_string_equal(renamed->name, "hollow");
  assert_true(model->content && model->content == renamed->content && !model->at_gradient);
  assert_int_equal(model->kinds, 1);
  assert_null(model->kind[0].run[BASIN_ISA_GENERIC]);
  assert_string_equal(basin_own_header(model), well);
  assert_null(basin_own_header(basin_model_find("resnet")));
  free(edit);
}

static void wrong_ones(void **unused) {
  const basin_model *model;
  basin_error error;
  char *edit = edited(well, "r_set(c->tilt) - x", "r_set(c->tild) - x");
  (void)unused;
  assert_int_equal(basin_own_load("slip", edit, here, &model, &error), BASIN_BAD_INPUT);
  assert_null(model);
  assert_non_null(strstr(error.text, "here.yaml:3:8: model slip: slip.h:"));
  assert_non_null(strstr(error.text, "tild"));
  free(edit);
  edit = edited(well, "#define MODEL_DYNAMICS(X) X(population)",
                "#define MODEL_DYNAMICS(X) X(dataset)\n"
                "#define MODEL_dataset(F) MODEL_population(F)");
  assert_int_equal(basin_own_load("sets", edit, here, &model, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "fixed data sets"));
  free(edit);
  assert_ok(basin_own_load("well", well, here, &model, &error), error);
  assert_int_equal(basin_own_ready(model, "flow", BASIN_ISA_GENERIC, &error), BASIN_BAD_INPUT);
  assert_int_equal(basin_own_ready(model, "input", BASIN_ISA_GENERIC, &error), BASIN_BAD_INPUT);
  assert_ok(basin_own_ready(basin_model_find("resnet"), "flow", BASIN_ISA_GENERIC, &error), error);
}

static void sizes(void **unused) {
  const basin_model *model;
  basin_error error;
  char *edit = edited(well, "#define MODEL_INITIAL(X) X(x, one, one, \"start x_0\")",
                      "#define MODEL_SIZES(X) X(twice, 2 * P(tilt)) X(more, P(tilt) + 3)\n"
                      "#define MODEL_AT_GRADIENT\n"
                      "#define MODEL_INITIAL(X) X(x, twice, more, \"a matrix\")");
  const double parameter[] = {5};
  (void)unused;
  assert_ok(basin_own_load("sized", edit, here, &model, &error), error);
  const basin_symbol *x = &model->initial[0];
  assert_true(model->size(x->rows, parameter) == 10 && model->size(x->length, parameter) == 8);
  assert_true(model->size(0, parameter) == 5 && model->size(-1, parameter) == 1);
  assert_true(model->sizes == 2 && model->at_gradient);
  assert_string_equal(model->size_text[x->length - model->parameters], "P(tilt) + 3");
  free(edit);
}

static void *make_ready(void *argument) {
  basin_error error;
  return basin_own_ready(argument, "population", BASIN_ISA_GENERIC, &error) ? argument : NULL;
}

static void at_once(void **unused) {
  enum { THREADS = 4 };
  pthread_t thread[THREADS];
  const basin_model *model;
  basin_error error;
  (void)unused;
  assert_ok(basin_own_load("well", well, here, &model, &error), error);
  const int wish = 1;
  assert_int_equal(basin_own_prepare(&(basin_own_want){model, "population"}, 1, BASIN_ISA_GENERIC,
                                     &wish, &error),
                   BASIN_INTERRUPTED);
  assert_null(model->kind[0].run[BASIN_ISA_GENERIC]);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&thread[i], NULL, make_ready, (void *)(uintptr_t)model), 0);
  for (int i = 0; i < THREADS; i++) {
    void *failed = NULL;
    pthread_join(thread[i], &failed);
    assert_null(failed);
  }
  assert_non_null(model->kind[0].run[BASIN_ISA_GENERIC]);
}

/* ---- what an experiment keeps ---- */

static const char yaml[] = "model: ./well.h\n"
                           "init: {x: {normal: 1}}\n"
                           "schedule: [{eta: 0.05}]\n";

static basin_status parse(const basin_kept *kept, basin_experiment **e, basin_error *error) {
  return basin_experiment_parse_kept("/nowhere/e.yaml", yaml, (int64_t)strlen(yaml), NULL, 0, kept,
                                     e, error);
}

static void kept_texts(void **unused) {
  basin_experiment *e, *again;
  basin_error error;
  char *first = calloc(1, strlen(well) + 64);
  (void)unused;
  sprintf(first, "header 2 ./other.h\nxy\nheader %zu ./well.h\n%s\n", strlen(well), well);
  basin_kept kept = {first, strlen(first), 1};
  assert_int_equal(parse(NULL, &e, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "/nowhere/./well.h: cannot be read"));
  assert_ok(parse(&kept, &e, &error), error);
  char *text = basin_headers_text(e->headers);
  assert_string_equal(text, strstr(first, "header 2 ./other.h\nxy\n") + 22);
  kept = (basin_kept){text, strlen(text), 0}; /* not trusted, but this user has compiled it */
  assert_ok(parse(&kept, &again, &error), error);
  assert_true(e->identity == again->identity);
  basin_experiment_free(again);

  /* cut off anywhere, it is refused, and where nobody has compiled it, too */
  kept.trusted = 1;
  for (kept.length = 0; kept.length < strlen(text) - 1; kept.length += kept.length < 40 ? 1 : 997)
    assert_int_equal(parse(&kept, &again, &error), BASIN_BAD_INPUT);
  text[strlen(text) - 2] = ' '; /* another text */
  kept = (basin_kept){text, strlen(text), 0};
  assert_int_equal(parse(&kept, &again, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "is not run unasked"));
  for (const char *bad = "header -1 ./well.h\n", *at = bad; *at; at++) {
    kept = (basin_kept){bad, (size_t)(at - bad), 1};
    assert_int_equal(parse(&kept, &again, &error), BASIN_BAD_INPUT);
  }
  basin_experiment_free(e);
  free(text);
  free(first);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loading), cmocka_unit_test(wrong_ones), cmocka_unit_test(sizes),
      cmocka_unit_test(at_once), cmocka_unit_test(kept_texts),
  };
  return cmocka_run_group_tests_name("own", tests, begin, end);
}
