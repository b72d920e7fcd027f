/* SPDX-License-Identifier: MIT
 *
 * command_campaign.c: basin submit, basin status, basin merge.
 */
#include "model.h"
#include "plan.h"
#include "report.h"
#include "request.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- submit ---- */

/* text for the script, in single quotes */
static void shell_quote(FILE *to, const char *text) {
  putc('\'', to);
  for (; *text; text++) {
    if (*text == '\'') fputs("'\\''", to);
    else putc(*text, to);
  }
  putc('\'', to);
}

/* #SBATCH lines know double quotes alone */
static basin_status check_batch_text(const char *text, const char *what, basin_error *error) {
  if (strpbrk(text, "\"\\\n\r"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: a quote, a backslash or a new line cannot stand in a batch script",
                      what);
  return BASIN_OK;
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
    "again=0\n"
    "trap 'again=1; kill -USR1 \"$job\"' USR1   # the time limit is near\n"
    "trap 'kill -TERM \"$job\"' TERM            # preempted or cancelled: Slurm knows what is "
    "next\n"
    "\"$basin\" run \"$campaign\" --shard \"$SLURM_ARRAY_TASK_ID/$shards\" \\\n"
    "  --threads \"${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}\" &\n"
    "job=$!\n"
    "wait \"$job\"\n"
    "code=$?\n"
    "while kill -0 \"$job\" 2>/dev/null; do # a signal ends `wait`, not the job\n"
    "  wait \"$job\"\n"
    "  code=$?\n"
    "done\n"
    "if [ $again = 1 ] && [ $code != 0 ]; then\n"
    "  scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\n"
    "fi\n"
    "exit $code\n";

static int write_script(const char *path, const basin_campaign *c, const char *program,
                        const char *folder, int64_t shards, const basin_arguments *a) {
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  fprintf(file,
          "#!/bin/bash\n"
          "#SBATCH --job-name=basin-%s\n"
          "#SBATCH --array=1-%lld\n"
          "#SBATCH --requeue\n"
          "#SBATCH --signal=B:USR1@60\n"
          "#SBATCH --open-mode=append",
          c->experiment->name, (long long)shards);
  char output[BASIN_PATH_BYTES + 32];
  snprintf(output, sizeof output, "--output=%s/logs/%%A_%%a.log", folder);
  batch_option(file, output, 1);
  for (int i = 0; i < a->rests; i++) batch_option(file, a->rest[i], a->rest[i][0] == '-');
  fprintf(
      file,
      "\n#\n"
      "# Written by basin %s. Every job runs one shard and may run again at any time, whole or\n"
      "# some of them: sbatch --array=3,7 this-file. Look with: basin status DIR/\n"
      "basin=",
      BASIN_VERSION);
  shell_quote(file, program);
  fputs("\ncampaign=", file);
  shell_quote(file, folder);
  fprintf(file, "\nshards=%lld\n%s", (long long)shards, script_tail);
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
  if (basin_argument(a, "dry-run")) {
    printf("\nnot submitted; submit it with: sbatch %s\n", script);
    return BASIN_OK;
  }
  putchar('\n');
  fflush(stdout);
  status = call_sbatch(script, error);
  if (!status) printf("next: basin status %s\n", c->folder);
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
  if (!status) status = basin_campaign_make(e, r->output, shards, 0, &c, error);
  if (!status) status = submit(a, r, &c, shards, error);
  basin_campaign_close(&c);
  basin_experiment_free(e);
  free(r);
  return status;
}

/* ---- status ---- */

enum { SILENT_SECONDS = 60 };

/* How far a campaign is. */
typedef struct progress {
  basin_heartbeat *beat;
  int64_t beats, running;        /* shards heard of, and lately */
  int64_t parts, done, assigned; /* assigned: not done, of a running shard */
  int64_t trials, trials_done;
  int64_t damaged;
  double rate;         /* trial-steps/s of the running shards */
  double seconds_left; /* NaN where nothing is known */
} progress;

static int is_running(const progress *p, int64_t shard, int64_t shards) {
  for (int64_t i = 0; i < p->beats; i++)
    if (p->beat[i].age < SILENT_SECONDS && p->beat[i].shard == shard && p->beat[i].shards == shards)
      return 1;
  return 0;
}

/* the number of shards that most of those heard of are one of; 1 where none is */
static int64_t shards_of(const progress *p) {
  int64_t best = 1, most = 0;
  for (int64_t i = 0; i < p->beats; i++) {
    int64_t alike = 0;
    for (int64_t j = 0; j < p->beats; j++) alike += p->beat[j].shards == p->beat[i].shards;
    if (alike > most) most = alike, best = p->beat[i].shards;
  }
  return best;
}

static void measure(const basin_store *store, const basin_plan *plan, const basin_table *table,
                    int64_t shards, progress *p) {
  double steps_done = 0, trials_done = 0, steps_left = 0;
  for (int64_t i = 0; i < store->parts.count; i++) {
    steps_done += (double)store->parts.range[i].steps;
    trials_done += (double)store->parts.range[i].count;
  }
  p->parts = plan->count;
  for (int64_t i = 0; i < plan->count; i++) {
    const basin_range *range = &plan->range[i];
    p->trials += range->count;
    p->done += plan->done[i];
    if (plan->done[i]) {
      p->trials_done += range->count;
      continue;
    }
    p->assigned += plan->shard[i] >= 0 && is_running(p, plan->shard[i] + 1, shards);
    /* what its trials cost: as those of its cell so far, or as those of all */
    const double mean = table->cell[range->cell].steps_mean;
    steps_left += (double)range->count * (mean >= 0 ? mean : steps_done / trials_done);
  }
  for (int64_t i = 0; i < p->beats; i++)
    if (p->beat[i].age < SILENT_SECONDS) p->running++, p->rate += p->beat[i].steps_per_second;
  p->seconds_left = p->rate > 0 ? steps_left / p->rate : NAN;
}

static void show_progress(const basin_campaign *c, const progress *p, int complete) {
  printf("%s: %lld of %lld parts, %lld of %lld trials", c->folder, (long long)p->done,
         (long long)p->parts, (long long)p->trials_done, (long long)p->trials);
  if (p->damaged) printf("; %lld damaged parts, which will be run again", (long long)p->damaged);
  putchar('\n');
  for (int64_t i = 0; i < p->beats; i++) {
    const basin_heartbeat *b = &p->beat[i];
    printf("  shard %lld of %lld  %s, process %lld: ", b->shard, b->shards, b->host, b->pid);
    if (b->age < SILENT_SECONDS)
      printf("%lld of %lld trials, %.2e trial-steps/s\n", b->trials, b->trials_total,
             b->steps_per_second);
    else printf("silent for %.0f min, ended without a word\n", b->age / 60);
  }
  if (complete) {
    printf("all parts are there\nnext: basin merge %s -o %s.h5\n", c->folder, c->experiment->name);
    return;
  }
  printf("%lld parts are missing, %lld of them belong to %lld running shard%s",
         (long long)(p->parts - p->done), (long long)p->assigned, (long long)p->running,
         p->running == 1 ? "" : "s");
  if (p->seconds_left >= 0) {
    char left[32];
    basin_show_time(left, sizeof left, p->seconds_left);
    printf("; %s left at %.2e trial-steps/s", left, p->rate);
  }
  putchar('\n');
  if (!p->running)
    printf("nothing runs that is known of; go on with `sbatch %s/submit.sh`, or `basin run %s "
           "--shard I/N`\n",
           c->folder, c->folder);
}

static void json_progress(const progress *p, int complete) {
  printf("{\n  \"complete\": %s,\n  \"parts\": {\"all\": %lld, \"done\": %lld, \"running\": %lld, "
         "\"damaged\": %lld},\n",
         complete ? "true" : "false", (long long)p->parts, (long long)p->done,
         (long long)p->assigned, (long long)p->damaged);
  printf("  \"trials\": {\"all\": %lld, \"done\": %lld},\n  \"trial_steps_per_second\": ",
         (long long)p->trials, (long long)p->trials_done);
  basin_json_number(p->rate);
  printf(",\n  \"seconds_left\": ");
  basin_json_number(complete ? 0 : p->seconds_left);
  printf(",\n  \"shards\": [");
  for (int64_t i = 0; i < p->beats; i++) {
    const basin_heartbeat *b = &p->beat[i];
    printf("%s\n    {\"shard\": %lld, \"of\": %lld, \"host\": ", i ? "," : "", b->shard, b->shards);
    basin_json_text(b->host);
    printf(", \"process\": %lld, \"trials\": %lld, \"trials_all\": %lld, "
           "\"seconds_since_heard\": ",
           b->pid, b->trials, b->trials_total);
    basin_json_number(b->age);
    printf("}");
  }
  printf("\n  ],\n");
}

/* the rates of the parts that are there; *name and *value: what the table's cells point to, to be freed */
static basin_status fill_table(const basin_store *store, basin_table *t, const char ***name,
                               double **value, basin_error *error) {
  const basin_experiment *e = store->experiment;
  *name = calloc(BASIN_COLUMNS_MAX, sizeof **name);
  if (!*name) return basin_fail_memory(error);
  const int columns = basin_experiment_columns(e, *name);
  *value = calloc((size_t)(e->cells * columns) + 1, sizeof **value);
  *t = (basin_table){.experiment = e->name,
                     .title = e->title,
                     .version = BASIN_VERSION,
                     .seed = e->seed,
                     .cells = e->cells,
                     .cell = calloc((size_t)e->cells, sizeof *t->cell)};
  if (!*value || !t->cell) return basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells; c++) {
    basin_summary *s = &t->cell[c];
    basin_range sum;
    const basin_status status = basin_store_count(store, c, store->target[c], &sum, error);
    if (status) return status;
    for (int p = 0; p < columns; p++)
      (*value)[c * columns + p] = basin_experiment_column(e, c, p, (*name)[p]);
    *s = (basin_summary){.index = c,
                         .variant = e->cell[c].variant < 0 ? "" : e->variant[e->cell[c].variant],
                         .parameters = columns,
                         .parameter_name = *name,
                         .parameter = *value + c * columns,
                         .trials = sum.count,
                         .success = basin_wilson(sum.outcomes[BASIN_GLOBAL], sum.count),
                         .steps_median = NAN,
                         .steps_mean = sum.count ? (double)sum.steps / (double)sum.count : NAN,
                         .steps_max = -1};
    memcpy(s->outcomes, sum.outcomes, sizeof s->outcomes);
    t->missing += store->target[c] - sum.count;
  }
  basin_table_columns(t);
  return BASIN_OK;
}

basin_status basin_command_status(const basin_arguments *a, basin_error *error) {
  basin_campaign c;
  basin_store store = {0};
  basin_plan plan = {0};
  basin_table table = {0};
  const char **name = NULL;
  double *value = NULL;
  progress p = {0};
  basin_status status = basin_campaign_open(a->positional[0], &c, error);
  if (status) return status;
  status = basin_store_open(&store, c.experiment, c.parts, c.part_trials, error);
  if (!status) status = basin_campaign_heartbeats(&c, &p.beat, &p.beats, error);
  if (!status) status = basin_parts_list(c.parts, c.experiment, 0, &store.parts, error);
  const int64_t shards = shards_of(&p);
  if (!status) status = basin_campaign_plan(&c, &store, shards, &plan, error);
  if (!status) status = fill_table(&store, &table, &name, &value, error);
  if (!status) {
    p.damaged = store.parts.damageds;
    measure(&store, &plan, &table, shards, &p);
    if (basin_argument(a, "json")) {
      json_progress(&p, plan.complete);
      basin_table_json(&table);
      printf("\n}\n");
    } else {
      show_progress(&c, &p, plan.complete);
      putchar('\n');
      basin_table_title(&table);
      basin_table_rates(&table);
    }
  }
  free(table.cell);
  free(name);
  free(value);
  free(p.beat);
  basin_plan_free(&plan);
  basin_store_close(&store);
  basin_campaign_close(&c);
  return status;
}

/* ---- merge ---- */

static void report_part(const char *name, int damaged) {
  fprintf(stderr, "%s: %s\n", damaged ? "damaged" : "missing", name);
}

basin_status basin_command_merge(const basin_arguments *a, basin_error *error) {
  basin_campaign c;
  char output[BASIN_PATH_BYTES + 8];
  basin_status status = basin_campaign_open(a->positional[0], &c, error);
  if (status) return status;
  snprintf(output, sizeof output, "%s.h5", c.experiment->name);
  if (basin_argument(a, "output") &&
      snprintf(output, sizeof output, "%s", basin_argument(a, "output")) >= BASIN_PATH_BYTES)
    status = basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  basin_catch_signals();
  if (!status)
    status = basin_campaign_merge(&c, output, basin_argument(a, "partial") != NULL,
                                  basin_argument(a, "no-provenance") != NULL, &basin_stop_wish,
                                  report_part, error);
  if ((!status || status == BASIN_OUTSIDE) && !basin_argument(a, "quiet"))
    fprintf(stderr, "%s is merged\nnext: basin summary %s\n", output, output);
  basin_campaign_close(&c);
  return status;
}
