/* SPDX-License-Identifier: MIT
 *
 * main.c: the program `basin`.
 */
#include "cli.h"
#include <stdio.h>
#include <string.h>

static int fail(const basin_error *error, basin_status status) {
  if (error->text[0]) fprintf(stderr, "basin: %s\n", error->text);
  return (int)status;
}

int main(int count, char **word) {
  basin_error error = {""};
  basin_arguments arguments;
  if (count < 2) {
    basin_help_program();
    return BASIN_BAD_INPUT;
  }
  if (!strcmp(word[1], "--version") || !strcmp(word[1], "-V")) {
    printf("basin %s\n", BASIN_VERSION);
    return BASIN_OK;
  }
  if (!strcmp(word[1], "--help") || !strcmp(word[1], "-h")) {
    basin_help_program();
    return BASIN_OK;
  }
  const char *name[16];
  for (int i = 0; i < basin_commands_count; i++) {
    const basin_command *command = &basin_commands[i];
    name[i] = command->name;
    if (strcmp(command->name, word[1]) != 0) continue;
    basin_status status = basin_arguments_parse(command, count - 2, word + 2, &arguments, &error);
    if (status) return fail(&error, status);
    if (basin_argument(&arguments, "help")) {
      basin_help_command(command);
      return BASIN_OK;
    }
    if (basin_argument(&arguments, "version")) {
      printf("basin %s\n", BASIN_VERSION);
      return BASIN_OK;
    }
    status = command->run(&arguments, &error);
    if (fflush(stdout) && !status)
      status = basin_fail(&error, BASIN_FAILED, "standard output cannot be written");
    return status ? fail(&error, status) : BASIN_OK;
  }
  const char *near = basin_nearest(word[1], name, basin_commands_count);
  basin_fail(&error, BASIN_BAD_INPUT, "unknown command `%s`%s%s%s, see basin --help", word[1],
             near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "");
  return fail(&error, BASIN_BAD_INPUT);
}
