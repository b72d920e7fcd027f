/* SPDX-License-Identifier: MIT */
#include "campaign/campaign.h"
#include "base/files.h"
#include "run/cut.h"
#include "store/charter.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>

static basin_status set_folder(basin_campaign *c, const char *folder, basin_error *error) {
  memset(c, 0, sizeof *c);
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') length--;
  if (length + 64 >= sizeof c->folder)
    return basin_fail(error, BASIN_BAD_INPUT, "the campaign's path is too long");
  memcpy(c->folder, folder, length);
  strcpy(stpcpy(c->parts, c->folder), "/parts");
  strcpy(stpcpy(c->running, c->folder), "/running");
  return BASIN_OK;
}

static basin_status read_charter(basin_campaign *c, int *found, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  strcpy(stpcpy(path, c->folder), "/campaign");
  const basin_status status = basin_charter_read(path, &c->experiment, &c->part_trials, error);
  *found = c->experiment != NULL;
  if (status || !*found || c->part_trials > 0) return status;
  return basin_fail(error, BASIN_BAD_INPUT, "%s: not a campaign's charter, or damaged", path);
}

static basin_status place_charter(const basin_campaign *c, const basin_experiment *e,
                                  int64_t part_trials, int replace, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  strcpy(stpcpy(path, c->folder), "/campaign");
  return basin_charter_place(path, e, part_trials, replace, error);
}

basin_status basin_campaign_open(const char *folder, basin_campaign *c, basin_error *error) {
  int found = 0;
  basin_status status = set_folder(c, folder, error);
  if (!status) status = read_charter(c, &found, error);
  if (!status && !found)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: no campaign there, expected a folder made by `basin run -o DIR/` or "
                        "`basin submit`",
                        folder);
  return status;
}

void basin_campaign_close(basin_campaign *c) {
  basin_experiment_free(c->experiment);
  c->experiment = NULL;
}

/* whether the experiment, as the campaign has it already, asks for the same trials, settings and texts */
static int is_same(const basin_experiment *x, const basin_experiment *y) {
  return x->trials == y->trials && x->halfwidth == y->halfwidth && x->max_trials == y->max_trials &&
         !strcmp(x->name, y->name) && !strcmp(x->text, y->text) &&
         !strcmp(x->overrides, y->overrides);
}

/* whether `e` asks for at least the trials that `now`, the campaign's own, asks for */
static int asks_as_much(const basin_experiment *e, const basin_experiment *now) {
  if (e->trials < now->trials) return 0;
  if (!(now->halfwidth > 0)) return 1;
  return e->halfwidth > 0 && e->halfwidth <= now->halfwidth && e->max_trials >= now->max_trials;
}

/* a folder for a new campaign: a new one, or an empty one */
static basin_status check_empty(const char *folder, basin_error *error) {
  DIR *directory = opendir(folder);
  int others = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));)
    others |= strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
              strncmp(entry->d_name, "campaign", 8) != 0 && strcmp(entry->d_name, "parts") != 0 &&
              strcmp(entry->d_name, "running") != 0;
  if (directory) closedir(directory);
  if (!others) return BASIN_OK;
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "%s: a folder with other things in it, and no campaign; give a new name with -o "
      "(for a file: one that is not a folder's)",
      folder);
}

/* what the campaign in the folder is asked for now: nothing new, more of the same, or something else */
static basin_status update(basin_campaign *c, const basin_experiment *e, int64_t part_trials,
                           basin_error *error) {
  const basin_experiment *now = c->experiment;
  const int64_t its_trials = c->part_trials;
  int found;
  if (now->identity != e->identity)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: holds a campaign of another experiment (%s), expected this one's; "
                      "give another folder with -o",
                      c->folder, now->name);
  if (part_trials && part_trials != its_trials)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "--part-trials %lld: this campaign has parts of %lld trials, which cannot change",
        (long long)part_trials, (long long)its_trials);
  if (is_same(e, now)) return BASIN_OK;
  if (!asks_as_much(e, now))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: the campaign asks for more trials, or a narrower `until`, than this "
                      "command: go on with `basin run %s`, or give another folder with -o",
                      c->folder, c->folder);
  basin_campaign_close(c);
  const basin_status status = place_charter(c, e, its_trials, 1, error);
  return status ? status : read_charter(c, &found, error);
}

basin_status basin_campaign_make(const basin_experiment *e, const char *folder, int64_t shards,
                                 int64_t part_trials, basin_campaign *c, basin_error *error) {
  int found = 0;
  basin_status status = set_folder(c, folder, error);
  if (!status) status = read_charter(c, &found, error);
  if (!status && !found) {
    status = basin_experiment_ends(e, error);
    if (!status) status = check_empty(c->folder, error);
    if (!status) status = basin_make_folder(c->folder, error);
    if (!status)
      status = place_charter(c, e, part_trials ? part_trials : basin_cut_campaign_part(e, shards),
                             0, error);
    if (!status) status = read_charter(c, &found, error);
  }
  if (!status) status = update(c, e, part_trials, error);
  if (status) basin_campaign_close(c);
  return status;
}
