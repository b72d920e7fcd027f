/* SPDX-License-Identifier: MIT
 *
 * output_file.h: an output file that is being written, for the files that do: output.c makes its variables, variables.c
 * says what they are, output_write.c fills them with trials, output_vectors.c with full vectors.
 */
#ifndef BASIN_OUTPUT_FILE_H
#define BASIN_OUTPUT_FILE_H

#include "read/variables.h"
#include "store/attractors.h"
#include "store/netcdf.h"
#include "store/output.h"

enum { BASIN_VECTORS_MAX = 16 };

/* Rows of BASIN_OUTPUT_VARIABLES. */
enum {
#define BASIN_NUMBER(id, name, type, dimensions, fill, there, long_name) BASIN_VARIABLE_##id,
  BASIN_OUTPUT_VARIABLES(BASIN_NUMBER)
#undef BASIN_NUMBER
      BASIN_VARIABLES
};

/* When a variable is there, and how often: the column `there`. */
typedef enum basin_there {
  BASIN_THERE_always,
  BASIN_THERE_variants,
  BASIN_THERE_trajectories,
  BASIN_THERE_halvings,
  BASIN_THERE_crossings,
  BASIN_THERE_finals,
  BASIN_THERE_any_passages,
  BASIN_THERE_passages,
  BASIN_THERE_observables,
  BASIN_THERE_estimates,
  BASIN_THERE_vectors,
  BASIN_THERE_attractors,
  BASIN_THERE_points,
  BASIN_THERE_limits,
  BASIN_THERE_limit_curves
} basin_there;

typedef struct basin_variable_row {
  const char *name, *long_name; /* %s: of what it is */
  hid_t (*type)(void);
  int bytes; /* of a value */
  int dimensions;
  const void *fill; /* NULL: none */
  basin_there there;
} basin_variable_row;

extern const basin_variable_row basin_variable_rows[BASIN_VARIABLES];

/* The full vectors of all models of a block by name, each as long as the longest. */
typedef struct basin_vectors {
  int count;
  const char *name[BASIN_VECTORS_MAX];
  int64_t length[BASIN_VECTORS_MAX];
} basin_vectors;

/* None where the experiment keeps none. */
basin_vectors basin_vectors_find(const basin_experiment *experiment, const basin_extent *extent);

/* How many variables of a row there are. */
int64_t basin_variable_count(const basin_experiment *experiment, const basin_extent *extent,
                             const basin_vectors *vectors, basin_there there);

struct basin_output {
  const basin_experiment *experiment;
  basin_extent extent;
  int threads; /* that make full vectors */
  basin_netcdf *file;
  int64_t cell_now, reached;  /* where the next trials go: what lies before is written */
  int64_t *successes, *ended; /* [cells] of the trials that are written: the global ones, and all */
  char *coordinates;          /* names of the variables that tell what a cell is */

  /* the dimensions, the entries being those of the vector that is made */
  basin_variable *scale[BASIN_DIMENSIONS];
  hsize_t size[BASIN_DIMENSIONS];

  basin_variable *variable[BASIN_VARIABLES]; /* those of which there is one, or NULL */
  basin_variable **final, **record;          /* [finals], [observables] */
  basin_variable **passage;                  /* [passages] */
  basin_variable **estimate;                 /* [2 estimates], the errors too */
  basin_vectors vectors;
  basin_variable *vector[BASIN_VECTORS_MAX];
  basin_variable *entry[BASIN_VECTORS_MAX]; /* [vectors.count] the dimension of their entries */
  basin_attractors *attractors;             /* or NULL */
};

/* Full vectors of the part's recorded trials from index `from` to before `to`. */
basin_status basin_output_vectors(basin_output *output, int64_t cell, const basin_part *part,
                                  int64_t from, int64_t to, basin_error *error);

/* For those who write what is known last: a dimension with the numbers 0, 1, ..., and a variable of the table, of which
   there is one: output->variable[id]. */
void basin_output_dimension(basin_output *output, int id, int64_t size);
void basin_output_variable(basin_output *output, int id);

/* What theory says of networks of infinite width, of an experiment that asks for it: found here, and written. */
void basin_output_limits(basin_output *output);

/* A variable of an observable; of a vector, with a dimension of so many entries: NAME_entry where it is there. */
basin_variable *basin_output_of(basin_output *output, int id, const char *observable);
basin_variable *basin_output_vector(basin_output *output, int id, const char *vector,
                                    int64_t entries);

#endif
