/* SPDX-License-Identifier: MIT
 *
 * command_submit.c: basin submit.
 */
#include "cli/request.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* #SBATCH lines know double quotes alone */
static basin_status check_batch_text(const char *text, const char *what, basin_error *error) {
  if (strpbrk(text, "\"\\\n\r"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: a quote, a backslash or a new line cannot stand in a batch script",
                      what);
  return BASIN_OK;
}

/* -p or --nice; what follows, and a negative number, is its value */
static int is_batch_option(const char *word) {
  return word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
}

static void batch_option(FILE *to, const char *option, int begins) {
  if (begins) fputs("\n#SBATCH", to);
  const char *equals = strchr(option, '=');
  if (!strpbrk(option, " \t;&|<>()$`'*?#")) fprintf(to, " %s", option);
  else if (option[0] == '-' && equals)
    fprintf(to, " %.*s\"%s\"", (int)(equals + 1 - option), option, equals + 1);
  else fprintf(to, " \"%s\"", option);
}

static const char script_tail[] =
    "\n"
    "job= caught=1 again=0\n"
    "pass() { caught=1; [ -z \"$job\" ] || kill -\"$1\" \"$job\" 2>/dev/null; }\n"
    "trap 'again=1; pass USR1' USR1 # the time limit is near: stop, and queue this job again\n"
    "trap 'pass TERM' TERM          # preempted or cancelled: Slurm knows what is next\n"
    "\n"
    "\"$basin\" run \"$campaign\" --shard \"$SLURM_ARRAY_TASK_ID/$shards\" \\\n"
    "  --threads \"${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}\" &\n"
    "job=$!\n"
    "while [ $caught = 1 ]; do # a signal ends `wait`, not basin\n"
    "  caught=0\n"
    "  wait \"$job\"\n"
    "  code=$?\n"
    "done\n"
    "\n"
    "if [ $again = 1 ] && [ $code != 0 ]; then\n"
    "  echo \"queued again, to go on from there\"\n"
    "  scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\n"
    "fi\n"
    "exit $code\n";

static int write_script(const char *path, const basin_campaign *c, const char *program,
                        const char *folder, int64_t shards, const basin_arguments *a) {
  char program_word[BASIN_WORD_BYTES], folder_word[BASIN_WORD_BYTES];
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  basin_show_word(program_word, sizeof program_word, program);
  basin_show_word(folder_word, sizeof folder_word, folder);
  fprintf(file,
          "#!/bin/bash\n"
          "#SBATCH --array=1-%lld\n"
          "#SBATCH --requeue\n"
          "#SBATCH --signal=B:USR1@60\n"
          "#SBATCH --open-mode=append",
          (long long)shards);
  char job[BASIN_PATH_BYTES + 32];
  snprintf(job, sizeof job, "--job-name=basin-%s", c->experiment->name);
  batch_option(file, job, 1);
  char output[2 * BASIN_PATH_BYTES + 32], *end = stpcpy(output, "--output=");
  for (const char *at = folder; *at; at++) {
    if (*at == '%') *end++ = '%'; /* Slurm's own escape */
    *end++ = *at;
  }
  strcpy(end, "/logs/%A_%a.log");
  batch_option(file, output, 1);
  for (int i = 0; i < a->rests; i++) batch_option(file, a->rest[i], is_batch_option(a->rest[i]));
  fprintf(file,
          "\n#\n"
          "# Written by basin %s. Every job runs one shard. Any of them may be given again at any\n"
          "# time, and goes on where it stopped: sbatch --array=3,7 %s/submit.sh\n"
          "# How far they are: basin status %s\n"
          "\n"
          "basin=%s\ncampaign=%s\nshards=%lld\n%s",
          BASIN_VERSION, folder_word, folder_word, program_word, folder_word, (long long)shards,
          script_tail);
  const int bad = ferror(file) != 0;
  return fclose(file) || bad || chmod(path, 0755) ? -1 : 0;
}

static basin_status show_file(const char *path, basin_error *error) {
  FILE *file = fopen(path, "r");
  if (!file) return basin_fail_system(error, "cannot be read", path);
  for (int c; (c = getc(file)) != EOF;) putchar(c);
  fclose(file);
  fflush(stdout);
  return BASIN_OK;
}

static basin_status call_sbatch(const char *script, basin_error *error) {
  const pid_t child = fork();
  int code = 0;
  if (child < 0) return basin_fail_system(error, "cannot be started", "sbatch");
  if (!child) {
    execlp("sbatch", "sbatch", script, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
  }
  while (waitpid(child, &code, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(code) && WEXITSTATUS(code) == 127)
    return basin_fail(
        error, BASIN_FAILED,
        "sbatch is not here: submit %s on a machine of the cluster, or run the shards "
        "yourself",
        script);
  if (code)
    return basin_fail(error, BASIN_FAILED,
                      "sbatch did not take %s; give the command again with "
                      "other options behind --",
                      script);
  return BASIN_OK;
}

static basin_status submit(const basin_arguments *a, const basin_request *r,
                           const basin_campaign *c, int64_t shards, basin_error *error) {
  char folder[BASIN_PATH_BYTES], program[BASIN_PATH_BYTES], script[BASIN_PATH_BYTES + 16],
      logs[BASIN_PATH_BYTES + 16];
  (void)r;
  if (!realpath(c->folder, folder)) return basin_fail_system(error, "cannot be found", c->folder);
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return basin_fail_system(error, "cannot be read", "/proc/self/exe");
  program[length] = 0;
  basin_status status = check_batch_text(folder, c->folder, error);
  if (!status) status = check_batch_text(c->experiment->name, c->experiment->name, error);
  if (!status && a->rests && !is_batch_option(a->rest[0]))
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: expected an option of sbatch behind --",
                        a->rest[0]);
  for (int i = 0; i < a->rests && !status; i++)
    status = check_batch_text(a->rest[i], a->rest[i], error);
  if (status) return status;
  snprintf(script, sizeof script, "%s/submit.sh", folder);
  snprintf(logs, sizeof logs, "%s/logs", folder);
  if (mkdir(logs, 0777) && errno != EEXIST) return basin_fail_system(error, "cannot be made", logs);
  if (write_script(script, c, program, folder, shards, a))
    return basin_fail_system(error, "cannot be written", script);
  status = show_file(script, error);
  if (status) return status;
  char word[BASIN_WORD_BYTES];
  if (basin_argument(a, "dry-run")) {
    basin_show_word(word, sizeof word, script);
    printf("\nnot submitted; submit it with: sbatch %s\n", word);
    return BASIN_OK;
  }
  putchar('\n');
  fflush(stdout);
  if (basin_stop_wish)
    return basin_fail(error, BASIN_INTERRUPTED, "interrupted; %s is not submitted", script);
  status = call_sbatch(script, error);
  basin_show_word(word, sizeof word, c->folder);
  if (!status) printf("next: basin status %s\n", word);
  return status;
}

basin_status basin_command_submit(const basin_arguments *a, basin_error *error) {
  basin_experiment *e = NULL;
  basin_campaign c = {0};
  int64_t shards = 0;
  if (!basin_argument(a, "output") || !basin_argument(a, "shards"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "submit: -o DIR/ and --shards N are needed: the campaign's folder, and how "
                      "many jobs");
  basin_request *r = malloc(sizeof *r);
  if (!r) return basin_fail_memory(error);
  basin_status status = basin_request_read(a, r, error);
  if (!status) status = basin_argument_integer(a, "shards", 1, BASIN_SHARDS_MAX, &shards, error);
  if (!status) status = basin_request_experiment(a, r, &e, error);
  basin_catch_signals(); /* before the folder is begun */
  if (!status) status = basin_campaign_make(e, r->output, shards, 0, &c, error);
  if (!status) status = submit(a, r, &c, shards, error);
  basin_campaign_close(&c);
  basin_experiment_free(e);
  free(r);
  return status;
}
