/* SPDX-License-Identifier: MIT
 *
 * main.c: the program `basin`.
 */
#include "cli/cli.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A standard stream that is closed gets a file that refuses what it is for; so no file opened later takes its number,
   and with it what the program prints. */
static void hold_streams(void) {
  for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
    if (fcntl(file, F_GETFD) < 0) open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* the exit code, with a reason to standard error; what was printed must have arrived */
static int finish(basin_error *error, basin_status status) {
  errno = 0;
  const int lost = ferror(stdout);
  if ((fclose(stdout) || lost) && !status)
    status = basin_fail(error, BASIN_FAILED, "standard output cannot be written%s%s",
                        errno ? ": " : "", errno ? strerror(errno) : "");
  if (status && error->text[0]) fprintf(stderr, "basin: %s\n", error->text);
  return (int)status;
}

int main(int count, char **word) {
  basin_error error = {""};
  basin_arguments arguments;
  hold_streams();
  signal(SIGXFSZ, SIG_IGN); /* past `ulimit -f` a write fails, with a reason */
  if (count < 2) {
    basin_help_program();
    return finish(&error, BASIN_BAD_INPUT);
  }
  if (!strcmp(word[1], "--version") || !strcmp(word[1], "-V")) {
    printf("basin %s\n", BASIN_VERSION);
    return finish(&error, BASIN_OK);
  }
  if (!strcmp(word[1], "--help") || !strcmp(word[1], "-h")) {
    basin_help_program();
    return finish(&error, BASIN_OK);
  }
  const char *name[BASIN_COMMANDS_MAX];
  for (int i = 0; i < basin_commands_count; i++) {
    const basin_command *command = &basin_commands[i];
    name[i] = command->name;
    if (strcmp(command->name, word[1]) != 0) continue;
    const basin_status status = basin_arguments_parse(command, count - 2, word + 2, &arguments,
                                                      &error);
    if (status) return finish(&error, status);
    if (basin_argument(&arguments, "help")) {
      basin_help_command(command);
      return finish(&error, BASIN_OK);
    }
    if (basin_argument(&arguments, "version")) {
      printf("basin %s\n", BASIN_VERSION);
      return finish(&error, BASIN_OK);
    }
    return finish(&error, command->run(&arguments, &error));
  }
  const char *near = basin_nearest(word[1], name, basin_commands_count);
  basin_fail(&error, BASIN_BAD_INPUT, "unknown command `%s`%s%s%s, see basin --help", word[1],
             near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "");
  return finish(&error, BASIN_BAD_INPUT);
}
