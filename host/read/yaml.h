/* SPDX-License-Identifier: MIT
 *
 * yaml.h: a YAML document as a plain tree, each node with its place. libfyaml does the reading.
 */
#ifndef BASIN_YAML_H
#define BASIN_YAML_H

#include "base/error.h"

enum basin_kind { BASIN_SCALAR, BASIN_SEQUENCE, BASIN_MAPPING };

typedef struct basin_node basin_node;
struct basin_node {
  enum basin_kind kind;
  int number; /* from 0 on, below basin_yaml_nodes() */
  basin_place place;
  char *text; /* of a scalar: its value, NUL-terminated */
  int quoted; /* of a scalar: whether it was quoted, so that text column = place.column + 1 */
  int count;  /* children of a sequence or mapping */
  basin_node **child; /* [count] */
  char **key;         /* of a mapping: [count] */
  basin_place *key_place;
  int *sorted; /* of a mapping: [count] its children in the order of their keys */
};

typedef struct basin_yaml basin_yaml;

/* Parses text of `length` bytes; `name` stands for the file in places. BASIN_BAD_INPUT with the place of the fault. The
   tree lives until basin_yaml_free(); on failure there is none. */
basin_status basin_yaml_parse(const char *name, const char *text, int64_t length, basin_yaml **yaml,
                              basin_error *error);
void basin_yaml_free(basin_yaml *yaml);
basin_node *basin_yaml_root(const basin_yaml *yaml);
int basin_yaml_nodes(const basin_yaml *yaml);

/* Replaces or adds the node at a dotted path below the root, from "path=value"; the value is YAML. An entry of a list
   goes by its number, from 0, and must be there ("schedule.0.eta=0.1"). BASIN_BAD_INPUT where the assignment is none,
   or the path leads nowhere. */
basin_status basin_yaml_set(basin_yaml *yaml, const char *assignment, basin_error *error);

/* The value of a key, or NULL. */
basin_node *basin_node_get(const basin_node *mapping, const char *key);

/* A word for messages: "a number or text", "a list", "a mapping". */
const char *basin_kind_name(enum basin_kind kind);

#endif
