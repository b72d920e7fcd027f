/* SPDX-License-Identifier: MIT */
#include "read/difference.h"
#include "read/yaml.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 96, SETTING_BYTES = 1 << 16 };

/* what decides about no trial, or is compared behind all the others */
static const char *const apart[] = {"title",  "trials", "until",   "allow",
                                    "record", "grid",   "variants"};
static const char *const last[] = {"grid", "variants"};

static int is_among(const char *key, const char *const *list, int count) {
  for (int i = 0; i < count; i++)
    if (!strcmp(key, list[i])) return 1;
  return 0;
}
#define IS_AMONG(key, list) is_among(key, list, (int)(sizeof(list) / sizeof *(list)))

/* a value in a few words; NULL: none */
static void show_value(char *text, size_t size, const basin_node *node) {
  if (!node) snprintf(text, size, "not given");
  else if (node->kind == BASIN_SCALAR) snprintf(text, size, "%.40s", node->text);
  else snprintf(text, size, "%s", basin_kind_name(node->kind));
}

static int tell(const char *path, const basin_node *now, const basin_node *before, char *text) {
  char is[64], was[64];
  show_value(is, sizeof is, now);
  show_value(was, sizeof was, before);
  if (!strcmp(is, was)) snprintf(text, BASIN_DIFFERENCE_BYTES, "%s is another than in it", path);
  else snprintf(text, BASIN_DIFFERENCE_BYTES, "%s is %s, in it %s", path, is, was);
  return 1;
}

/* 1e3 is 1000 */
static int same_scalar(const char *x, const char *y) {
  char *x_end, *y_end;
  if (!strcmp(x, y)) return 1;
  const double a = strtod(x, &x_end), b = strtod(y, &y_end);
  return *x && *y && !*x_end && !*y_end && a >= b && a <= b;
}

/* a list that is shorter than it was, by what it lacks */
static int tell_list(const char *path, const basin_node *now, const basin_node *before,
                     char *text) {
  for (int i = 0; i < before->count; i++) {
    const basin_node *was = before->child[i];
    int there = was->kind != BASIN_SCALAR;
    for (int j = 0; j < now->count && !there; j++)
      there = now->child[j]->kind == BASIN_SCALAR && same_scalar(now->child[j]->text, was->text);
    if (there) continue;
    snprintf(text, BASIN_DIFFERENCE_BYTES, "%s lacks %.40s, which is in it", path, was->text);
    return 1;
  }
  return tell(path, now, before, text);
}

static int compare(const char *path, const basin_node *now, const basin_node *before, char *text);

static int compare_child(const char *path, const char *key, const basin_node *now,
                         const basin_node *before, char *text) {
  char below[PATH_BYTES];
  snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", key);
  return compare(below, now, before, text);
}

/* 1 where they differ, with the text */
static int compare(const char *path, const basin_node *now, const basin_node *before, char *text) {
  char index[16];
  if (!now || !before || now->kind != before->kind) return tell(path, now, before, text);
  if (now->kind == BASIN_SCALAR)
    return same_scalar(now->text, before->text) ? 0 : tell(path, now, before, text);
  if (now->kind == BASIN_SEQUENCE) {
    if (now->count != before->count) return tell_list(path, now, before, text);
    for (int i = 0; i < now->count; i++) {
      snprintf(index, sizeof index, "%d", i);
      if (compare_child(path, index, now->child[i], before->child[i], text)) return 1;
    }
    return 0;
  }
  for (int i = 0; i < now->count; i++)
    if (!(!*path && IS_AMONG(now->key[i], apart)) &&
        compare_child(path, now->key[i], now->child[i], basin_node_get(before, now->key[i]), text))
      return 1;
  for (int i = 0; i < before->count; i++)
    if (!(!*path && IS_AMONG(before->key[i], apart)) && !basin_node_get(now, before->key[i]) &&
        compare_child(path, before->key[i], NULL, before->child[i], text))
      return 1;
  return 0;
}

/* the experiment's file with its settings, as it was read */
static basin_yaml *parse(const basin_experiment *e) {
  basin_yaml *yaml;
  basin_error ignored;
  char *setting = malloc(SETTING_BYTES);
  if (!setting || basin_yaml_parse(e->name, e->text, (int64_t)strlen(e->text), &yaml, &ignored)) {
    free(setting);
    return NULL;
  }
  for (const char *line = e->overrides; *line;) {
    const char *end = strchrnul(line, '\n');
    snprintf(setting, SETTING_BYTES, "%.*s", (int)(end - line), line);
    if (basin_yaml_set(yaml, setting, &ignored)) break;
    line = *end ? end + 1 : end;
  }
  free(setting);
  return yaml;
}

/* the same names, and what they stand for has changed */
static void compare_headers(const basin_experiment *now, const basin_experiment *before,
                            char *text) {
  for (int64_t c = 0; c < now->cells && c < before->cells && !*text; c++)
    if (now->cell[c].model->content != before->cell[c].model->content)
      snprintf(text, BASIN_DIFFERENCE_BYTES, "the header of model %s has changed",
               now->cell[c].model->name);
}

void basin_experiment_difference(const basin_experiment *now, const basin_experiment *before,
                                 char text[BASIN_DIFFERENCE_BYTES]) {
  basin_yaml *x = parse(now), *y = parse(before);
  *text = 0;
  if (x && y && !compare("", basin_yaml_root(x), basin_yaml_root(y), text))
    for (size_t i = 0; i < sizeof last / sizeof *last && !*text; i++) {
      const basin_node *is = basin_node_get(basin_yaml_root(x), last[i]),
                       *was = basin_node_get(basin_yaml_root(y), last[i]);
      if (is || was) compare(last[i], is, was, text);
    }
  basin_yaml_free(x);
  basin_yaml_free(y);
  if (!*text) compare_headers(now, before, text);
}
