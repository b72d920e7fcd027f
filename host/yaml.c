/* SPDX-License-Identifier: MIT */
#include "yaml.h"
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

/* everything allocated for a tree, in one list */
typedef struct block {
  struct block *next;
  max_align_t bytes[];
} block;

struct basin_yaml {
  block *blocks;
  basin_node *root;
  const char *name;
};

static void *keep(basin_yaml *yaml, size_t size) {
  block *b = calloc(1, sizeof *b + size);
  if (!b) return NULL;
  b->next = yaml->blocks;
  yaml->blocks = b;
  return b->bytes;
}

static char *keep_text(basin_yaml *yaml, const char *text, size_t length) {
  char *copy = keep(yaml, length + 1);
  if (copy) memcpy(copy, text, length);
  return copy;
}

void basin_yaml_free(basin_yaml *yaml) {
  if (!yaml) return;
  for (block *b = yaml->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(yaml);
}

basin_node *basin_yaml_root(const basin_yaml *yaml) { return yaml->root; }

const char *basin_kind_name(enum basin_kind kind) {
  static const char *const name[] = {"a number or text", "a list", "a mapping"};
  return name[kind];
}

/* ---- from libfyaml's nodes to ours ---- */

static basin_status convert(basin_yaml *yaml, struct fy_node *from, basin_place place, int depth,
                            basin_node **to, basin_error *error);

static basin_place place_of(const basin_yaml *yaml, struct fy_token *token, basin_place otherwise) {
  const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
  if (!mark || otherwise.line == 0) return otherwise;
  return (basin_place){yaml->name, mark->line + 1, mark->column + 1};
}

/* the first token of a node: containers have none of their own, so that of their first scalar */
static struct fy_token *first_token(struct fy_node *node, int depth) {
  void *iterator = NULL;
  if (!node || depth > DEPTH_MAX) return NULL;
  if (fy_node_is_mapping(node)) {
    struct fy_node_pair *pair = fy_node_mapping_iterate(node, &iterator);
    return pair ? first_token(fy_node_pair_key(pair), depth + 1) : NULL;
  }
  if (fy_node_is_sequence(node))
    return first_token(fy_node_sequence_iterate(node, &iterator), depth + 1);
  return fy_node_get_scalar_token(node);
}

static basin_status convert_mapping(basin_yaml *yaml, struct fy_node *from, int depth,
                                    basin_node *node, basin_error *error) {
  const int count = fy_node_mapping_item_count(from);
  void *iterator = NULL;
  node->kind = BASIN_MAPPING;
  node->child = keep(yaml, (size_t)count * sizeof *node->child + 1);
  node->key = keep(yaml, (size_t)count * sizeof *node->key + 1);
  node->key_place = keep(yaml, (size_t)count * sizeof *node->key_place + 1);
  if (!node->child || !node->key || !node->key_place) return basin_fail_memory(error);
  for (struct fy_node_pair *pair;
       (pair = fy_node_mapping_iterate(from, &iterator)) && node->count < count;) {
    struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
    const int i = node->count;
    size_t length = 0;
    const char *text = key && fy_node_is_scalar(key) ? fy_node_get_scalar(key, &length) : NULL;
    if (!text) return basin_fail_at(error, node->place, "a key must be plain text");
    node->key_place[i] = place_of(yaml, fy_node_get_scalar_token(key), node->place);
    node->key[i] = keep_text(yaml, text, length);
    if (!node->key[i]) return basin_fail_memory(error);
    if (strlen(node->key[i]) != length || !length)
      return basin_fail_at(error, node->key_place[i], "a key must be plain text");
    for (int j = 0; j < i; j++)
      if (!strcmp(node->key[j], node->key[i]))
        return basin_fail_at(error, node->key_place[i], "key `%s` is given twice", node->key[i]);
    const basin_status status = convert(yaml, value, node->key_place[i], depth + 1, &node->child[i],
                                        error);
    if (status) return status;
    node->count++;
  }
  return BASIN_OK;
}

static basin_status convert(basin_yaml *yaml, struct fy_node *from, basin_place place, int depth,
                            basin_node **to, basin_error *error) {
  basin_node *node = *to = keep(yaml, sizeof *node);
  if (!node) return basin_fail_memory(error);
  if (depth > DEPTH_MAX)
    return basin_fail_at(error, place, "nested deeper than %d levels", DEPTH_MAX);
  node->place = place_of(yaml, from ? first_token(from, 0) : NULL, place);
  if (from && fy_node_is_alias(from))
    return basin_fail_at(error, node->place, "aliases (*name) are not supported; repeat the value");
  if (from && fy_node_is_mapping(from)) return convert_mapping(yaml, from, depth, node, error);
  if (from && fy_node_is_sequence(from)) {
    const int count = fy_node_sequence_item_count(from);
    void *iterator = NULL;
    node->kind = BASIN_SEQUENCE;
    node->child = keep(yaml, (size_t)count * sizeof *node->child + 1);
    if (!node->child) return basin_fail_memory(error);
    for (struct fy_node *item;
         (item = fy_node_sequence_iterate(from, &iterator)) && node->count < count;) {
      const basin_status status = convert(yaml, item, node->place, depth + 1,
                                          &node->child[node->count], error);
      if (status) return status;
      node->count++;
    }
    return BASIN_OK;
  }
  size_t length = 0;
  const char *text = from ? fy_node_get_scalar(from, &length) : NULL;
  const enum fy_node_style style = from ? fy_node_get_style(from) : FYNS_PLAIN;
  node->kind = BASIN_SCALAR;
  node->quoted = style == FYNS_SINGLE_QUOTED || style == FYNS_DOUBLE_QUOTED;
  node->text = keep_text(yaml, text ? text : "", length);
  if (!node->text) return basin_fail_memory(error);
  if (strlen(node->text) != length)
    return basin_fail_at(error, node->place, "text with a zero byte in it");
  return BASIN_OK;
}

/* parse into a tree of ours; place.line 0 means "no lines to tell of" (--set) */
static basin_status parse(basin_yaml *yaml, basin_place origin, const char *text, size_t length,
                          basin_node **root, basin_error *error) {
  struct fy_diag_cfg diag_config;
  struct fy_document *document = NULL;
  fy_diag_cfg_default(&diag_config);
  struct fy_diag *diag = fy_diag_create(&diag_config);
  if (!diag) return basin_fail_memory(error);
  fy_diag_set_collect_errors(diag, true);
  const struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
  basin_status status = BASIN_OK;

  document = fy_document_build_from_string(&config, text, length);
  if (!document) {
    void *iterator = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &iterator);
    basin_place place = origin;
    if (first && origin.line && first->line > 0)
      place.line = first->line, place.column = first->column;
    status = basin_fail_at(error, place, "not YAML: %s",
                           first && first->msg ? first->msg : "cannot be read");
  } else {
    status = convert(yaml, fy_document_root(document), origin, 0, root, error);
  }
  fy_document_destroy(document);
  fy_diag_destroy(diag);
  return status;
}

basin_status basin_yaml_parse(const char *name, const char *text, int64_t length, basin_yaml **out,
                              basin_error *error) {
  basin_yaml *yaml = calloc(1, sizeof *yaml);
  basin_status status;
  *out = NULL;
  if (!yaml) return basin_fail_memory(error);
  yaml->name = keep_text(yaml, name, strlen(name));
  status = yaml->name ? parse(yaml, (basin_place){yaml->name, 1, 1}, text, (size_t)length,
                              &yaml->root, error)
                      : basin_fail_memory(error);
  if (status) {
    basin_yaml_free(yaml);
    return status;
  }
  *out = yaml;
  return BASIN_OK;
}

/* ---- access and change ---- */

basin_node *basin_node_get(const basin_node *mapping, const char *key) {
  for (int i = 0; mapping && mapping->kind == BASIN_MAPPING && i < mapping->count; i++)
    if (!strcmp(mapping->key[i], key)) return mapping->child[i];
  return NULL;
}

/* the slot of a key, added at the end where it is new; NULL without memory */
static basin_node **slot(basin_yaml *yaml, basin_node *mapping, const char *key, size_t length,
                         basin_place place) {
  for (int i = 0; i < mapping->count; i++)
    if (strlen(mapping->key[i]) == length && !memcmp(mapping->key[i], key, length))
      return &mapping->child[i];
  const size_t n = (size_t)mapping->count;
  basin_node **child = keep(yaml, (n + 1) * sizeof *child);
  char **keys = keep(yaml, (n + 1) * sizeof *keys);
  basin_place *places = keep(yaml, (n + 1) * sizeof *places);
  if (!child || !keys || !places || !(keys[n] = keep_text(yaml, key, length))) return NULL;
  for (size_t i = 0; i < n; i++)
    child[i] = mapping->child[i], keys[i] = mapping->key[i], places[i] = mapping->key_place[i];
  places[n] = place;
  mapping->child = child;
  mapping->key = keys;
  mapping->key_place = places;
  mapping->count++;
  return &mapping->child[n];
}

basin_status basin_yaml_set(basin_yaml *yaml, const char *assignment, basin_error *error) {
  const char *equals = strchr(assignment, '='), *part = assignment;
  char *label = keep(yaml, strlen(assignment) + 8);
  if (!label) return basin_fail_memory(error);
  strcpy(label, "--set ");
  strcat(label, assignment);
  const basin_place place = {label, 0, 0};
  if (!equals || equals == assignment) return basin_fail_at(error, place, "expected key=value");

  /* walk down, making mappings where the path is new */
  basin_node *at = yaml->root;
  for (;;) {
    const char *dot = memchr(part, '.', (size_t)(equals - part));
    const char *end = dot ? dot : equals;
    if (end == part) return basin_fail_at(error, place, "an empty name in the key");
    if (!at || at->kind != BASIN_MAPPING)
      return basin_fail_at(error, place, "`%.*s` is not below a mapping", (int)(end - part), part);
    basin_node **child = slot(yaml, at, part, (size_t)(end - part), place);
    if (!child) return basin_fail_memory(error);
    if (!dot) return parse(yaml, place, equals + 1, strlen(equals + 1), child, error);
    if (!*child) {
      *child = keep(yaml, sizeof **child);
      if (!*child) return basin_fail_memory(error);
      (*child)->kind = BASIN_MAPPING;
      (*child)->place = place;
    }
    at = *child;
    part = dot + 1;
  }
}
