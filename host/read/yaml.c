/* SPDX-License-Identifier: MIT */
#include "read/yaml.h"
#include <libfyaml.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, FEW = 8 /* keys that are looked through one by one */ };

/* everything allocated for a tree, in one list */
typedef struct block {
  struct block *next;
  max_align_t bytes[];
} block;

struct basin_yaml {
  block *blocks;
  basin_node *root;
  const char *name;
  int nodes;
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
int basin_yaml_nodes(const basin_yaml *yaml) { return yaml->nodes; }

static basin_node *make_node(basin_yaml *yaml) {
  basin_node *node = keep(yaml, sizeof *node);
  if (node) node->number = yaml->nodes++;
  return node;
}

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

/* ---- keys in order, for mappings of thousands ---- */

typedef struct ranked {
  const char *key;
  int index;
} ranked;

static int by_key(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  const int order = strcmp(x->key, y->key);
  return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* 0 without memory */
static int sort_keys(basin_yaml *yaml, basin_node *mapping) {
  const size_t n = (size_t)mapping->count;
  ranked *rank = malloc((n + 1) * sizeof *rank);
  mapping->sorted = keep(yaml, (n + 1) * sizeof *mapping->sorted);
  const int ok = rank && mapping->sorted;
  for (size_t i = 0; i < n && ok; i++) rank[i] = (ranked){mapping->key[i], (int)i};
  if (ok) qsort(rank, n, sizeof *rank, by_key);
  for (size_t i = 0; i < n && ok; i++) mapping->sorted[i] = rank[i].index;
  free(rank);
  return ok;
}

/* the first key that has been there before, or -1 */
static int find_twice(const basin_node *mapping) {
  int first = -1;
  for (int i = 1; i < mapping->count; i++) {
    const int a = mapping->sorted[i - 1], b = mapping->sorted[i];
    if (!strcmp(mapping->key[a], mapping->key[b]) && (first < 0 || b < first)) first = b;
  }
  return first;
}

/* index of a key of so many bytes, or -1 */
static int find_key(const basin_node *mapping, const char *key, size_t length) {
  int low = 0, high = mapping->count;
  while (low < high) {
    const int middle = low + (high - low) / 2, i = mapping->sorted[middle];
    int order = strncmp(key, mapping->key[i], length);
    if (!order && mapping->key[i][length]) order = -1;
    if (!order) return i;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return -1;
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
    const basin_status status = convert(yaml, value, node->key_place[i], depth + 1, &node->child[i],
                                        error);
    if (status) return status;
    node->count++;
  }
  if (!sort_keys(yaml, node)) return basin_fail_memory(error);
  const int twice = find_twice(node);
  return twice < 0 ? BASIN_OK
                   : basin_fail_at(error, node->key_place[twice], "key `%s` is given twice",
                                   node->key[twice]);
}

static basin_status convert(basin_yaml *yaml, struct fy_node *from, basin_place place, int depth,
                            basin_node **to, basin_error *error) {
  basin_node *node = *to = make_node(yaml);
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

/* bytes of the UTF-8 character at `at`, of which `left` are there; 0 where it is none */
static size_t character(const unsigned char *at, size_t left) {
  const size_t n = at[0] < 0x80   ? 1
                   : at[0] < 0xc2 ? 0
                   : at[0] < 0xe0 ? 2
                   : at[0] < 0xf0 ? 3
                   : at[0] < 0xf5 ? 4
                                  : 0;
  if (n == 0 || n > left) return 0;
  for (size_t i = 1; i < n; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  if (n == 3 && (at[0] == 0xe0 ? at[1] < 0xa0 : at[0] == 0xed && at[1] > 0x9f)) return 0;
  if (n == 4 && (at[0] == 0xf0 ? at[1] < 0x90 : at[0] == 0xf4 && at[1] > 0x8f)) return 0;
  return n;
}

/* libfyaml 0.7 loops for ever on a directive that is not UTF-8; so text is checked here, and directives, which no
   experiment needs, are refused */
static basin_status check_text(basin_place place, const char *text, size_t length,
                               basin_error *error) {
  const int has_lines = place.line > 0;
  for (size_t i = 0, n; i < length; i += n) {
    const unsigned char *at = (const unsigned char *)text + i;
    n = character(at, length - i);
    if (!n) return basin_fail_at(error, place, "not UTF-8 text, expected YAML");
    if ((*at < 32 && *at != '\t' && *at != '\n' && *at != '\r') || *at == 127)
      return basin_fail_at(error, place, "a control character (%d), expected YAML", *at);
    if (*at == '%' && (i == 0 || text[i - 1] == '\n' || text[i - 1] == '\r'))
      return basin_fail_at(error, place,
                           "a directive (%%) at the beginning of a line, expected a key");
    place.column += has_lines;
    if (*at == '\n' && has_lines) place.line++, place.column = 1;
  }
  return BASIN_OK;
}

/* whether a line begins with a marker of documents, `---` or `...` */
static int is_marker(const char *line, size_t length, char c) {
  return length >= 3 && line[0] == c && line[1] == c && line[2] == c &&
         (length == 3 || line[3] == ' ' || line[3] == '\t');
}

/* libfyaml reads the first document and leaves the others, so that half an experiment would be lost without a word:
   a line of `---` has nothing but comments before it, and one of `...` nothing but comments behind it */
static basin_status check_documents(basin_place place, const char *text, size_t length,
                                    basin_error *error) {
  const int has_lines = place.line > 0;
  int begun = 0, ended = 0;
  for (size_t i = 0, n; i < length; i += n + 1) {
    for (n = 0; i + n < length && text[i + n] != '\n' && text[i + n] != '\r';) n++;
    const char *line = text + i;
    size_t blank = 0;
    while (blank < n && (line[blank] == ' ' || line[blank] == '\t')) blank++;
    const int empty = blank == n || line[blank] == '#', start = is_marker(line, n, '-');
    if (begun && start)
      return basin_fail_at(error, place, "another document (---), expected one alone");
    if (is_marker(line, n, '.')) ended = 1;
    else if (ended && !empty)
      return basin_fail_at(error, place,
                           "text behind the end of the document (...), expected nothing more");
    begun |= !empty;
    const int pair = i + n + 1 < length && text[i + n] == '\r' && text[i + n + 1] == '\n';
    place.line += has_lines && !pair;
  }
  return BASIN_OK;
}

/* libfyaml collects its errors for us; what it would print besides goes nowhere */
static void discard(struct fy_diag *diag, void *user, const char *text, size_t length) {
  (void)diag, (void)user, (void)text, (void)length;
}

/* what libfyaml complains of first */
static basin_status tell(struct fy_diag *diag, basin_place place, basin_error *error) {
  void *iterator = NULL;
  const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &iterator);
  if (first && place.line && first->line > 0)
    place.line = first->line, place.column = first->column;
  return basin_fail_at(error, place, "not YAML: %s",
                       first && first->msg ? first->msg : "cannot be read");
}

/* the one document of a stream. The next is asked for, so that text behind a list or mapping in brackets is seen */
static basin_status parse_stream(basin_yaml *yaml, struct fy_parser *parser, struct fy_diag *diag,
                                 basin_place origin, basin_node **root, basin_error *error) {
  struct fy_document *document = fy_parse_load_document(parser), *next = NULL;
  basin_status status;
  if (document && !fy_parser_get_stream_error(parser)) next = fy_parse_load_document(parser);
  if (fy_parser_get_stream_error(parser)) {
    status = tell(diag, origin, error);
  } else if (next) {
    status = basin_fail_at(error, origin, "another document, expected one alone");
  } else {
    status = convert(yaml, document ? fy_document_root(document) : NULL, origin, 0, root, error);
  }
  fy_parse_document_destroy(parser, next);
  fy_parse_document_destroy(parser, document);
  return status;
}

/* parse into a tree of ours; place.line 0 means "no lines to tell of" (--set) */
static basin_status parse(basin_yaml *yaml, basin_place origin, const char *text, size_t length,
                          basin_node **root, basin_error *error) {
  struct fy_diag_cfg diag_config;
  basin_status status = check_text(origin, text, length, error);
  if (!status) status = check_documents(origin, text, length, error);
  if (status) return status;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = NULL;
  diag_config.output_fn = discard;
  struct fy_diag *diag = fy_diag_create(&diag_config);
  if (!diag) return basin_fail_memory(error);
  fy_diag_set_collect_errors(diag, true);
  const struct fy_parse_cfg config = {
      .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
               FYPCF_ALLOW_DUPLICATE_KEYS, /* find_twice() is faster */
      .diag = diag};
  struct fy_parser *parser = fy_parser_create(&config);
  if (!parser || fy_parser_set_string(parser, text, length)) status = basin_fail_memory(error);
  else status = parse_stream(yaml, parser, diag, origin, root, error);
  fy_parser_destroy(parser);
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
  if (!mapping || mapping->kind != BASIN_MAPPING) return NULL;
  if (mapping->count <= FEW) {
    for (int i = 0; i < mapping->count; i++)
      if (*key == *mapping->key[i] && !strcmp(key, mapping->key[i])) return mapping->child[i];
    return NULL;
  }
  const int i = find_key(mapping, key, strlen(key));
  return i < 0 ? NULL : mapping->child[i];
}

/* the slot of a key, added at the end where it is new; NULL without memory */
static basin_node **slot(basin_yaml *yaml, basin_node *mapping, const char *key, size_t length,
                         basin_place place) {
  const int there = find_key(mapping, key, length);
  if (there >= 0) return &mapping->child[there];
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
  return sort_keys(yaml, mapping) ? &mapping->child[n] : NULL;
}

/* the slot of an entry of a list, by its number from 0 */
static basin_status list_slot(basin_node *list, const char *part, size_t length, basin_place place,
                              basin_node ***child, basin_error *error) {
  long long index = 0;
  size_t digits = 0;
  for (; digits < length && part[digits] >= '0' && part[digits] <= '9' && index <= INT_MAX;
       digits++)
    index = 10 * index + part[digits] - '0';
  if (!list->count)
    return basin_fail_at(error, place, "`%.*s` is below an empty list", (int)length, part);
  if (digits < length || index >= list->count)
    return basin_fail_at(error, place,
                         "`%.*s` is below a list, expected the number of an entry, from 0 to %d",
                         (int)length, part, list->count - 1);
  *child = &list->child[index];
  return BASIN_OK;
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
    const size_t length = (size_t)(end - part);
    basin_node **child = NULL;
    basin_status status = BASIN_OK;
    if (!at || at->kind == BASIN_SCALAR)
      return basin_fail_at(error, place, "`%.*s` is not below a mapping or a list", (int)length,
                           part);
    if (at->kind == BASIN_SEQUENCE) status = list_slot(at, part, length, place, &child, error);
    else if (!(child = slot(yaml, at, part, length, place))) status = basin_fail_memory(error);
    if (status) return status;
    if (!dot) return parse(yaml, place, equals + 1, strlen(equals + 1), child, error);
    if (!*child) {
      *child = make_node(yaml);
      if (!*child) return basin_fail_memory(error);
      (*child)->kind = BASIN_MAPPING;
      (*child)->place = place;
    }
    at = *child;
    part = dot + 1;
  }
}
