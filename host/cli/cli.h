/* SPDX-License-Identifier: MIT
 *
 * cli.h: the command line. One table of commands and options is behind the parser, --help, the man page
 * and the completion of the shell.
 */
#ifndef BASIN_CLI_H
#define BASIN_CLI_H

#include "base/error.h"

enum { BASIN_POSITIONALS_MAX = 4, BASIN_VALUES_MAX = 64 };

typedef struct basin_option {
  const char *name;     /* without the dashes */
  char letter;          /* short form, or 0 */
  const char *argument; /* what it takes, for the help; NULL for a flag */
  const char *meaning;
} basin_option;

/* What was given on the command line. */
typedef struct basin_arguments {
  const char *positional[BASIN_POSITIONALS_MAX];
  int positionals;
  char **rest; /* the words behind `--`, where the command takes any */
  int rests;
  struct {
    const char *name, *value; /* value "" for a flag */
  } given[BASIN_VALUES_MAX];
  int givens;
} basin_arguments;

typedef struct basin_command {
  const char *name, *arguments, *meaning;
  const char *description; /* paragraphs for --help and the man page */
  int least, most;         /* positional arguments */
  int takes_rest;          /* whether words behind `--` are for somebody else */
  const basin_option *option;
  int options;
  basin_status (*run)(const basin_arguments *arguments, basin_error *error);
} basin_command;

extern const basin_command basin_commands[];
extern const int basin_commands_count;
enum { BASIN_COMMANDS_MAX = 32 };

/* Fills `arguments` from the words behind the command's name. */
basin_status basin_arguments_parse(const basin_command *command, int count, char **word,
                                   basin_arguments *arguments, basin_error *error);

/* The last value given for an option, or NULL; "" for a flag that was given. */
const char *basin_argument(const basin_arguments *arguments, const char *option);

/* The same as a whole number within the bounds; `value` stays as it is where the option was not given. */
basin_status basin_argument_integer(const basin_arguments *arguments, const char *option,
                                    int64_t minimum, int64_t maximum, int64_t *value,
                                    basin_error *error);

/* The same as a positive number. */
basin_status basin_argument_positive(const basin_arguments *arguments, const char *option,
                                     double *value, basin_error *error);

void basin_help_program(void);
void basin_help_command(const basin_command *command);
void basin_help_man(void);

/* The table for the completion of a shell (basin.bash), tabs between the columns:
     arguments  COMMAND  what each takes, one word for each
     option     COMMAND  --NAME, and its letter   what it takes; nothing for a flag
     names      WORD     the names that can stand for such a word: MODEL, OUTCOME, ...
   results: a file whose outcomes are among these too, or NULL */
void basin_help_words(const char *results);

/* the commands, each in the file of its name: BASIN_OK, or the exit code and a reason ("" for none) */
basin_status basin_command_init(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_run(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_submit(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_status(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_merge(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_summary(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_rates(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_compare(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_export(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_check(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_plot(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_verify(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_models(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_model(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_info(const basin_arguments *arguments, basin_error *error);
basin_status basin_command_help(const basin_arguments *arguments, basin_error *error);

#endif
