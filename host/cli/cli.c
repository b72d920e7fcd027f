/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 96, COLUMN = 28 };

static const char synopsis[] =
    "Runs very many independent gradient-descent trials from random starts, and answers with what "
    "probability they reach the global optimum, and how fast.";

static const char exit_codes[] = "0  done\n"
                                 "1  the system failed: disk, memory, permission\n"
                                 "2  usage, or a file that is not what it should be\n"
                                 "3  done, but more trials unresolved or diverged than the "
                                 "experiment allows; verify: a closed form is wrong\n"
                                 "75 interrupted; the same command goes on\n";

/* ---- parsing ---- */

static const basin_option *find_long(const basin_command *command, const char *word,
                                     size_t length) {
  for (int i = 0; i < command->options; i++)
    if (strlen(command->option[i].name) == length && !memcmp(command->option[i].name, word, length))
      return &command->option[i];
  return NULL;
}

static basin_status unknown_option(const basin_command *command, const char *word,
                                   basin_error *error) {
  const char *name[32];
  for (int i = 0; i < command->options; i++) name[i] = command->option[i].name;
  const char *near = basin_nearest(word + strspn(word, "-"), name, command->options);
  return basin_fail(error, BASIN_BAD_INPUT, "%s: unknown option %s%s%s%s, see basin %s --help",
                    command->name, word, near ? ", did you mean --" : "", near ? near : "",
                    near ? "?" : "", command->name);
}

basin_status basin_arguments_parse(const basin_command *command, int count, char **word,
                                   basin_arguments *arguments, basin_error *error) {
  memset(arguments, 0, sizeof *arguments);
  int only_positional = 0;
  for (int i = 0; i < count; i++) {
    const basin_option *option = NULL;
    const char *value = "", *equals = strchr(word[i], '=');
    if (!only_positional && !strcmp(word[i], "--")) {
      if (command->takes_rest) {
        arguments->rest = word + i + 1;
        arguments->rests = count - i - 1;
        break;
      }
      only_positional = 1;
      continue;
    }
    if (only_positional || word[i][0] != '-' || !word[i][1]) {
      if (arguments->positionals == command->most)
        return basin_fail(error, BASIN_BAD_INPUT,
                          "%s: `%s` is one argument too many, expected: basin %s %s", command->name,
                          word[i], command->name, command->arguments);
      arguments->positional[arguments->positionals++] = word[i];
      continue;
    }
    if (word[i][1] == '-') {
      option = find_long(command, word[i] + 2,
                         equals ? (size_t)(equals - word[i] - 2) : strlen(word[i] + 2));
    } else {
      for (int j = 0; j < command->options && word[i][2] == 0; j++)
        if (command->option[j].letter == word[i][1]) option = &command->option[j];
      equals = NULL;
    }
    if (!option) return unknown_option(command, word[i], error);
    if (!option->argument && equals)
      return basin_fail(error, BASIN_BAD_INPUT, "%s: --%s takes no value", command->name,
                        option->name);
    if (option->argument && !equals && i + 1 == count)
      return basin_fail(error, BASIN_BAD_INPUT, "%s: --%s needs a value: %s", command->name,
                        option->name, option->argument);
    if (option->argument) value = equals ? equals + 1 : word[++i];
    if (arguments->givens == BASIN_VALUES_MAX)
      return basin_fail(error, BASIN_BAD_INPUT, "%s: more than %d options", command->name,
                        BASIN_VALUES_MAX);
    arguments->given[arguments->givens].name = option->name;
    arguments->given[arguments->givens++].value = value;
  }
  if (arguments->positionals < command->least && !basin_argument(arguments, "help") &&
      !basin_argument(arguments, "version"))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: an argument is missing, expected: basin %s %s",
                      command->name, command->name, command->arguments);
  return BASIN_OK;
}

const char *basin_argument(const basin_arguments *arguments, const char *option) {
  const char *value = NULL;
  for (int i = 0; i < arguments->givens; i++)
    if (!strcmp(arguments->given[i].name, option)) value = arguments->given[i].value;
  return value;
}

basin_status basin_argument_integer(const basin_arguments *arguments, const char *option,
                                    int64_t minimum, int64_t maximum, int64_t *value,
                                    basin_error *error) {
  const char *text = basin_argument(arguments, option);
  char *end;
  if (!text) return BASIN_OK;
  errno = 0;
  const long long number = strtoll(text, &end, 10);
  if (!*text || *end || errno || number < minimum || number > maximum)
    return basin_fail(error, BASIN_BAD_INPUT, "--%s %s: expected a whole number from %lld to %lld",
                      option, text, (long long)minimum, (long long)maximum);
  *value = number;
  return BASIN_OK;
}

basin_status basin_argument_positive(const basin_arguments *arguments, const char *option,
                                     double *value, basin_error *error) {
  const char *text = basin_argument(arguments, option);
  char *end;
  if (!text) return BASIN_OK;
  const double number = strtod(text, &end);
  if (!*text || *end || !(number > 0 && isfinite(number)))
    return basin_fail(error, BASIN_BAD_INPUT, "--%s %s: expected a positive number", option, text);
  *value = number;
  return BASIN_OK;
}

/* ---- help ---- */

/* print text in lines that begin at a column; the first one begins where the cursor is */
static void wrap(const char *text, int indent) {
  int column = indent;
  while (*text) {
    const int length = (int)strcspn(text, " \n");
    if (column > indent && column + 1 + length > WIDTH) {
      printf("\n%*s", indent, "");
      column = indent;
    } else if (column > indent) {
      putchar(' ');
      column++;
    }
    printf("%.*s", length, text);
    column += length;
    text += length;
    if (*text == '\n') {
      printf("\n%*s", indent, "");
      column = indent;
      text++;
    }
    text += strspn(text, " ");
  }
  putchar('\n');
}

static void option_name(const basin_option *option, char *text, size_t size) {
  snprintf(text, size, "%s%c%s--%s%s%s", option->letter ? "-" : "",
           option->letter ? option->letter : ' ', option->letter ? ", " : "   ", option->name,
           option->argument ? " " : "", option->argument ? option->argument : "");
}

void basin_help_program(void) {
  printf("basin %s\n\n", BASIN_VERSION);
  wrap(synopsis, 0);
  printf("\nUsage: basin COMMAND ...\n\n");
  for (int i = 0; i < basin_commands_count; i++) {
    printf("  %-9s ", basin_commands[i].name);
    wrap(basin_commands[i].meaning, 12);
  }
  printf("\nbasin COMMAND --help shows a command's options; basin --version the version.\n\nExit "
         "codes\n%s",
         exit_codes);
}

void basin_help_command(const basin_command *command) {
  printf("Usage: basin %s %s%s[options]%s\n\n", command->name, command->arguments,
         *command->arguments ? " " : "", command->takes_rest ? " [-- words of sbatch]" : "");
  wrap(command->meaning, 0);
  if (*command->description) putchar('\n');
  if (*command->description) wrap(command->description, 0);
  putchar('\n');
  for (int i = 0; i < command->options; i++) {
    char name[80];
    option_name(&command->option[i], name, sizeof name);
    printf("  %-*s", COLUMN - 2, name);
    if (strlen(name) > COLUMN - 3) printf("\n%*s", COLUMN, "");
    wrap(command->option[i].meaning, COLUMN);
  }
}

/* roff: a leading dot or quote and every backslash and minus must be escaped */
static void roff(const char *text) {
  if (*text == '.' || *text == '\'') fputs("\\&", stdout);
  for (; *text; text++) {
    if (*text == '\\') fputs("\\e", stdout);
    else if (*text == '-') fputs("\\-", stdout);
    else putchar(*text);
  }
}

void basin_help_man(void) {
  printf(".TH BASIN 1 \"\" \"basin %s\" \"User Commands\"\n.SH NAME\nbasin \\- probabilities and "
         "rates of convergence of "
         "gradient descent from random starts\n.SH SYNOPSIS\n",
         BASIN_VERSION);
  for (int i = 0; i < basin_commands_count; i++) {
    printf(".B basin %s\n", basin_commands[i].name);
    roff(basin_commands[i].arguments);
    printf(" [options]\n.br\n");
  }
  printf(".SH DESCRIPTION\n");
  roff(synopsis);
  printf("\nAn experiment is a YAML file; data/experiments/README.md, below share/doc/basin, "
         "explains it "
         "on one page.\n.SH COMMANDS\n");
  for (int i = 0; i < basin_commands_count; i++) {
    const basin_command *command = &basin_commands[i];
    printf(".SS basin %s ", command->name);
    roff(command->arguments);
    putchar('\n');
    roff(command->meaning);
    printf(".\n");
    if (*command->description) roff(command->description);
    putchar('\n');
    for (int j = 0; j < command->options; j++) {
      const basin_option *option = &command->option[j];
      printf(".TP\n.B ");
      if (option->letter) printf("\\-%c, ", option->letter);
      printf("\\-\\-");
      roff(option->name);
      if (option->argument) printf(" \\fI");
      if (option->argument) roff(option->argument);
      if (option->argument) printf("\\fR");
      putchar('\n');
      roff(option->meaning);
      putchar('\n');
    }
  }
  printf(".SH EXIT STATUS\n.nf\n%s.fi\n", exit_codes);
}

basin_status basin_command_help(const basin_arguments *arguments, basin_error *error) {
  if (basin_argument(arguments, "man")) {
    basin_help_man();
    return BASIN_OK;
  }
  if (basin_argument(arguments, "words")) {
    basin_help_words(arguments->positionals ? arguments->positional[0] : NULL);
    return BASIN_OK;
  }
  for (int i = 0; i < basin_commands_count && arguments->positionals; i++)
    if (!strcmp(basin_commands[i].name, arguments->positional[0])) {
      basin_help_command(&basin_commands[i]);
      return BASIN_OK;
    }
  if (arguments->positionals)
    return basin_fail(error, BASIN_BAD_INPUT, "help: no command `%s`, see basin --help",
                      arguments->positional[0]);
  basin_help_program();
  return BASIN_OK;
}
