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

enum { WORD_BYTES = 4 * BASIN_PATH_BYTES }; /* a path with quotes around it and in it */

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
  char program_word[WORD_BYTES], folder_word[WORD_BYTES];
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
  char word[WORD_BYTES];
  if (basin_argument(a, "dry-run")) {
    basin_show_word(word, sizeof word, script);
    printf("\nnot submitted; submit it with: sbatch %s\n", word);
    return BASIN_OK;
  }
  putchar('\n');
  fflush(stdout);
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
  if (!status) status = basin_campaign_make(e, r->output, shards, 0, &c, error);
  if (!status) status = submit(a, r, &c, shards, error);
  basin_campaign_close(&c);
  basin_experiment_free(e);
  free(r);
  return status;
}

/* ---- status ---- */

enum { SILENT_SECONDS = 60 };

static int is_alive(const basin_heartbeat *beat) {
  return beat->age < SILENT_SECONDS && !beat->gone;
}

/* "1 part", "2 parts" */
static const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

/* How far a campaign is. */
typedef struct progress {
  basin_heartbeat *beat;
  int64_t beats, running;        /* shards heard of, and lately */
  int64_t parts, done, assigned; /* assigned: not done, of a running shard */
  int64_t trials, trials_done;
  int64_t damaged;
  double rate;         /* trial-steps/s of the running shards */
  double seconds_left; /* NaN where nothing is known */
  int64_t shards, idles;
  char *idle; /* [shards] whether the shard has parts to run and does not run */
} progress;

static int is_running(const progress *p, int64_t shard, int64_t shards) {
  for (int64_t i = 0; i < p->beats; i++)
    if (is_alive(&p->beat[i]) && p->beat[i].shard == shard && p->beat[i].shards == shards) return 1;
  return 0;
}

/* the number of shards that DIR/submit.sh has; 0 where there is no such file */
static int64_t shards_of_script(const basin_campaign *c) {
  char path[BASIN_PATH_BYTES + 16], line[256];
  long long shards = 0;
  snprintf(path, sizeof path, "%s/submit.sh", c->folder);
  FILE *file = fopen(path, "r");
  while (file && !shards && fgets(line, sizeof line, file))
    if (sscanf(line, "shards=%lld", &shards) != 1) shards = 0;
  if (file) fclose(file);
  return shards > 0 && shards <= BASIN_SHARDS_MAX ? shards : 0;
}

/* the number of shards that most of those that run are one of, or else what the batch script has, or 1 */
static int64_t shards_of(const basin_campaign *c, const progress *p) {
  int64_t best = 0, most = 0;
  for (int64_t i = 0; i < p->beats; i++) {
    int64_t alike = 0;
    for (int64_t j = 0; j < p->beats; j++)
      alike += is_alive(&p->beat[j]) && p->beat[j].shards == p->beat[i].shards;
    if (alike > most) most = alike, best = p->beat[i].shards;
  }
  if (!best) best = shards_of_script(c);
  return best ? best : 1;
}

/* the shards that have parts to run and do not run: they wait, or have ended */
static basin_status find_idle(const basin_plan *plan, int64_t shards, progress *p,
                              basin_error *error) {
  p->idle = calloc((size_t)shards, 1);
  if (!p->idle) return basin_fail_memory(error);
  p->shards = shards;
  for (int64_t i = 0; i < plan->count; i++)
    if (!plan->done[i]) p->idle[plan->shard[i]] = 1;
  for (int64_t i = 0; i < p->beats; i++)
    if (is_alive(&p->beat[i]) && p->beat[i].shards == shards && p->beat[i].shard <= shards)
      p->idle[p->beat[i].shard - 1] = 0;
  for (int64_t i = 0; i < shards; i++) p->idles += p->idle[i];
  return BASIN_OK;
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
    p->assigned += is_running(p, plan->shard[i] + 1, shards);
    for (int64_t j = 0; j < store->parts.damageds; j++) {
      const basin_range *damaged = &store->parts.damaged[j];
      p->damaged += damaged->cell == range->cell && damaged->first == range->first &&
                    damaged->count == range->count;
    }
    /* what its trials cost: as those of its cell so far, or as those of all */
    const double mean = table->cell[range->cell].steps_mean;
    steps_left += (double)range->count * (mean >= 0 ? mean : steps_done / trials_done);
  }
  for (int64_t i = 0; i < p->beats; i++)
    if (is_alive(&p->beat[i])) p->running++, p->rate += p->beat[i].steps_per_second;
  p->seconds_left = p->rate > 0 ? steps_left / p->rate : NAN;
}

/* the idle shards as sbatch --array takes them: 2,5-7 */
static void show_idle(const progress *p) {
  const char *comma = "";
  for (int64_t i = 0, end; i < p->shards; i = end + 1) {
    for (end = i; end < p->shards && p->idle[end]; end++) continue;
    if (end == i) continue;
    printf("%s%lld", comma, (long long)i + 1);
    if (end > i + 1) printf("-%lld", (long long)end);
    comma = ",";
  }
}

/* what to do about the shards that do not run */
static void show_next(const basin_campaign *c, const progress *p) {
  char word[WORD_BYTES];
  if (!p->idles) return;
  basin_show_word(word, sizeof word, c->folder);
  if (p->running) {
    printf("not running: shard%s ", p->idles == 1 ? "" : "s");
    show_idle(p);
    printf(" of %lld; those that do not wait in the queue either, give again with ",
           (long long)p->shards);
  } else {
    printf("nothing runs that is known of; if nothing waits in the queue either, go on with ");
  }
  if (shards_of_script(c) == p->shards) {
    printf("`sbatch --array=");
    show_idle(p);
    printf(" %s/submit.sh`\n", word);
  } else if (p->shards > 1) {
    printf("`basin run %s --shard I/%lld`\n", word, (long long)p->shards);
  } else {
    printf("`basin run %s`\n", word);
  }
}

static void show_progress(const basin_campaign *c, const progress *p, int complete) {
  printf("%s: %lld of %lld parts, %lld of %lld trials", c->folder, (long long)p->done,
         (long long)p->parts, (long long)p->trials_done, (long long)p->trials);
  if (p->damaged)
    printf("; %lld damaged part%s, which will be run again", (long long)p->damaged,
           plural(p->damaged));
  putchar('\n');
  for (int64_t i = 0; i < p->beats; i++) {
    const basin_heartbeat *b = &p->beat[i];
    if (complete && !is_alive(b)) continue;
    printf("  shard %lld of %lld  %s, process %lld: ", b->shard, b->shards, b->host, b->pid);
    if (is_alive(b))
      printf("%lld of %lld trials, %.2e trial-steps/s\n", b->trials, b->trials_total,
             b->steps_per_second);
    else if (b->gone) printf("ended without a word\n");
    else printf("silent for %.0f min, ended without a word\n", b->age / 60);
  }
  if (complete) {
    char word[WORD_BYTES];
    basin_show_word(word, sizeof word, c->folder);
    printf("all parts are there, by their headers; merge checks every byte\nnext: basin merge %s "
           "-o %s.h5\n",
           word, c->experiment->name);
    return;
  }
  printf("missing: %lld part%s, of which %lld belong to %lld running shard%s",
         (long long)(p->parts - p->done), plural(p->parts - p->done), (long long)p->assigned,
         (long long)p->running, plural(p->running));
  if (p->seconds_left >= 0) {
    char left[32];
    basin_show_time(left, sizeof left, p->seconds_left);
    printf("; %s left at %.2e trial-steps/s", left, p->rate);
  }
  putchar('\n');
  show_next(c, p);
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
  printf("\n  ],\n  \"shards_idle\": [");
  const char *comma = "";
  for (int64_t i = 0; i < p->shards; i++) {
    if (!p->idle[i]) continue;
    printf("%s%lld", comma, (long long)i + 1);
    comma = ", ";
  }
  printf("],\n");
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
  const int64_t shards = shards_of(&c, &p);
  if (!status) status = basin_campaign_plan(&c, &store, shards, &plan, error);
  if (!status) status = find_idle(&plan, shards, &p, error);
  if (!status) status = fill_table(&store, &table, &name, &value, error);
  if (!status) {
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
  free(p.idle);
  basin_plan_free(&plan);
  basin_store_close(&store);
  basin_campaign_close(&c);
  return status;
}

/* ---- merge ---- */

static void report_part(const char *name, int damaged) {
  fprintf(stderr, "%s: %s\n", damaged ? "damaged" : "missing", name);
}

static void show_merged(const char *output) {
  char word[WORD_BYTES];
  basin_show_word(word, sizeof word, output);
  fprintf(stderr, "%s is merged\nnext: basin summary %s\n", output, word);
}

basin_status basin_command_merge(const basin_arguments *a, basin_error *error) {
  basin_campaign c;
  char output[BASIN_PATH_BYTES + 8];
  int there = 0;
  basin_status status = basin_campaign_open(a->positional[0], &c, error);
  if (status) return status;
  snprintf(output, sizeof output, "%s.h5", c.experiment->name);
  if (basin_argument(a, "output") &&
      snprintf(output, sizeof output, "%s", basin_argument(a, "output")) >= BASIN_PATH_BYTES)
    status = basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  if (!status && basin_is_folder(output))
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: a folder, expected the name of a file",
                        output);
  basin_catch_signals();
  if (!status)
    status = basin_campaign_merge(&c, output, basin_argument(a, "partial") != NULL,
                                  basin_argument(a, "no-provenance") != NULL, &basin_stop_wish,
                                  &there, report_part, error);
  if ((!status || status == BASIN_OUTSIDE) && !basin_argument(a, "quiet")) {
    if (there) fprintf(stderr, "%s is merged already; nothing to do\n", output);
    else show_merged(output);
    basin_show_wide(output);
  }
  basin_campaign_close(&c);
  return status;
}
