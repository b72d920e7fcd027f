/* SPDX-License-Identifier: MIT */
#include "store/part_file.h"
#include "store/charter.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- their order ---- */

static int by_trial(const void *a, const void *b) {
  const basin_range *x = a, *y = b;
  if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return x->count > y->count ? -1 : x->count < y->count;
}

int basin_range_before(const basin_range *x, const basin_range *y) { return by_trial(x, y) < 0; }

void basin_range_sort(basin_range *range, int64_t ranges) {
  if (ranges > 0) qsort(range, (size_t)ranges, sizeof *range, by_trial);
}

/* ---- what is in the folder ---- */

static int is_saved(const char *name) {
  basin_range range;
  return basin_part_parse_name(name, BASIN_SAVE_SUFFIX, &range);
}

int basin_is_part_name(const char *name, const void *context) {
  basin_range range;
  (void)context;
  return basin_part_parse_name(name, BASIN_PART_SUFFIX, &range) || is_saved(name);
}

int basin_is_ours_among_parts(const char *name, const void *context) {
  return basin_is_part_name(name, context) || !strcmp(name, BASIN_RUN_CHARTER);
}

int basin_parts_any(const char *folder) {
  int any = 0;
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && !any && (entry = readdir(directory));)
    any = basin_is_part_name(entry->d_name, NULL);
  if (directory) closedir(directory);
  return any;
}

static basin_status append(basin_range **list, int64_t *count, const basin_range *range,
                           basin_error *error) {
  if ((*count & (*count + 1)) == 0) { /* full at 2^n - 1 */
    basin_range *more = realloc(*list, (size_t)(2 * *count + 1) * sizeof *more);
    if (!more) return basin_fail_memory(error);
    *list = more;
  }
  (*list)[(*count)++] = *range;
  return BASIN_OK;
}

/* whether the part may be one of a cell that the experiment does not have yet */
static int is_later(const basin_experiment *e, const basin_range *range) {
  return e->refine.asked && range->cell >= e->cells;
}

static basin_status list_from(const char *folder, const basin_experiment *e, int64_t first,
                              int whole, basin_parts *parts, basin_error *error) {
  basin_status status = BASIN_OK;
  DIR *directory = opendir(folder);
  memset(parts, 0, sizeof *parts);
  if (!directory && errno != ENOENT) status = basin_fail_system(error, "cannot be read", folder);
  for (struct dirent *entry; directory && !status && (entry = readdir(directory));) {
    char path[BASIN_PATH_BYTES];
    basin_range range;
    int damaged;
    if (is_saved(entry->d_name) &&
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
      status = basin_part_check_saved(path, e, error);
    if (!basin_part_parse_name(entry->d_name, BASIN_PART_SUFFIX, &range)) continue;
    if (range.cell < first || is_later(e, &range)) continue;
    status = basin_part_look(folder, e, whole, &range, &damaged, error);
    if (status) break;
    status = damaged ? append(&parts->damaged, &parts->damageds, &range, error)
                     : append(&parts->range, &parts->count, &range, error);
  }
  if (directory) closedir(directory);
  if (status) basin_parts_free(parts);
  basin_range_sort(parts->range, parts->count);
  basin_range_sort(parts->damaged, parts->damageds);
  return status;
}

basin_status basin_parts_list(const char *folder, const basin_experiment *e, int whole,
                              basin_parts *parts, basin_error *error) {
  return list_from(folder, e, 0, whole, parts, error);
}

/* a list behind another: their cells are behind the other's */
static basin_status join(basin_range **list, int64_t *count, const basin_range *more, int64_t mores,
                         basin_error *error) {
  if (!mores) return BASIN_OK;
  basin_range *all = realloc(*list, (size_t)(*count + mores) * sizeof *all);
  if (!all) return basin_fail_memory(error);
  memcpy(all + *count, more, (size_t)mores * sizeof *all);
  *list = all;
  *count += mores;
  return BASIN_OK;
}

basin_status basin_parts_add(const char *folder, const basin_experiment *e, int64_t first,
                             int whole, basin_parts *parts, basin_error *error) {
  basin_parts more;
  basin_status status = list_from(folder, e, first, whole, &more, error);
  if (!status) status = join(&parts->range, &parts->count, more.range, more.count, error);
  if (!status) status = join(&parts->damaged, &parts->damageds, more.damaged, more.damageds, error);
  basin_parts_free(&more);
  return status;
}

int basin_parts_damaged(const basin_parts *parts, const basin_range *range) {
  return parts->damageds && bsearch(range, parts->damaged, (size_t)parts->damageds,
                                    sizeof *parts->damaged, by_trial) != NULL;
}

void basin_parts_free(basin_parts *parts) {
  free(parts->range);
  free(parts->damaged);
  memset(parts, 0, sizeof *parts);
}

int basin_parts_remove(const char *folder) {
  if (basin_is_link(folder)) return -1;
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    struct stat status;
    if (basin_is_part_name(entry->d_name, NULL) &&
        !fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
        S_ISREG(status.st_mode))
      unlinkat(dirfd(directory), entry->d_name, 0);
  }
  if (directory) closedir(directory);
  basin_charter_remove(folder);
  basin_sweep(folder, basin_is_ours_among_parts, NULL, 0);
  return rmdir(folder) && errno != ENOENT ? -1 : 0;
}
