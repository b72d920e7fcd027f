/* SPDX-License-Identifier: MIT */
#include "cli/standing.h"
#include "base/files.h"
#include "base/text.h"
#include <stdlib.h>

enum { SILENT_SECONDS = 60 };

int basin_is_alive(const basin_heartbeat *beat) {
  return beat->age < SILENT_SECONDS && !beat->gone;
}

const char *basin_plural(int64_t count) { return count == 1 ? "" : "s"; }

/* the number of shards that DIR/submit.sh has; 0 where there is no such file */
static int64_t shards_of_script(const basin_campaign *c) {
  char path[BASIN_PATH_BYTES + 16], line[256];
  long long shards = 0;
  snprintf(path, sizeof path, "%s/submit.sh", c->folder);
  FILE *file = basin_open_stream(path);
  while (file && !shards && fgets(line, sizeof line, file))
    if (sscanf(line, "shards=%lld", &shards) != 1) shards = 0;
  if (file) fclose(file);
  return shards > 0 && shards <= BASIN_SHARDS_MAX ? shards : 0;
}

int64_t basin_standing_shards(const basin_campaign *c, const basin_standing *p) {
  int64_t best = 0, most = 0;
  for (int64_t i = 0; i < p->beats; i++) {
    int64_t alike = 0;
    for (int64_t j = 0; j < p->beats; j++)
      alike += basin_is_alive(&p->beat[j]) && p->beat[j].shards == p->beat[i].shards;
    if (alike > most) most = alike, best = p->beat[i].shards;
  }
  if (!best) best = shards_of_script(c);
  return best ? best : 1;
}

basin_status basin_standing_find_idle(const basin_rounds *rounds, int64_t shards, basin_standing *p,
                                      basin_error *error) {
  p->idle = calloc((size_t)shards, 1);
  if (!p->idle) return basin_fail_memory(error);
  p->shards = shards;
  for (int64_t i = 0; i < rounds->count; i++)
    if (!rounds->done[i]) p->idle[rounds->shard[i]] = 1;
  for (int64_t i = 0; i < p->beats; i++)
    if (basin_is_alive(&p->beat[i]) && p->beat[i].shards == shards && p->beat[i].shard <= shards)
      p->idle[p->beat[i].shard - 1] = 0;
  for (int64_t i = 0; i < shards; i++) p->idles += p->idle[i];
  return BASIN_OK;
}

/* the idle shards from `first` on as sbatch --array takes them: 2,5-7 */
static void show_idle(FILE *to, const basin_standing *p, int64_t first) {
  const char *comma = "";
  for (int64_t i = first, end; i < p->shards; i = end + 1) {
    for (end = i; end < p->shards && p->idle[end]; end++) continue;
    if (end == i) continue;
    fprintf(to, "%s%lld", comma, (long long)i + 1);
    if (end > i + 1) fprintf(to, "-%lld", (long long)end);
    comma = ",";
  }
}

void basin_standing_next(FILE *to, const basin_campaign *c, const basin_standing *p) {
  char word[BASIN_WORD_BYTES];
  int64_t first = 0;
  if (!p->idles) return;
  while (!p->idle[first]) first++;
  basin_show_word(word, sizeof word, c->folder);
  if (p->running) {
    fprintf(to, "not running: shard%s ", basin_plural(p->idles));
    show_idle(to, p, 0);
    fprintf(to, " of %lld; those that do not wait in the queue either, give again with ",
            (long long)p->shards);
  } else {
    fprintf(to, "nothing runs that is known of; if nothing waits in the queue either, go on with ");
  }
  if (shards_of_script(c) == p->shards) {
    fputs("`sbatch --array=", to);
    show_idle(to, p, 0);
    fprintf(to, " %s/submit.sh`\n", word);
  } else if (p->shards > 1) {
    fprintf(to, "`basin run %s --shard %lld/%lld`", word, (long long)first + 1,
            (long long)p->shards);
    if (p->idles > 1) {
      fprintf(to, ", and so for shard%s ", basin_plural(p->idles - 1));
      show_idle(to, p, first + 1);
    }
    fputc('\n', to);
  } else {
    fprintf(to, "`basin run %s`\n", word);
  }
}
