/* SPDX-License-Identifier: MIT */
#include "own/cache.h"
#include "base/hash.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIBRARY_BYTES_MAX = 64 << 20, KEY_LENGTH = 32 };
static const int64_t BYTES_MAX = 256 << 20;

/* ---- the folder ---- */

int basin_cache_place(char folder[BASIN_PATH_BYTES]) {
  const char *own = getenv("BASIN_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = -1;
  if (own && *own) length = snprintf(folder, BASIN_PATH_BYTES, "%s", own);
  else if (xdg && *xdg == '/') length = snprintf(folder, BASIN_PATH_BYTES, "%s/basin", xdg);
  else if (home && *home == '/')
    length = snprintf(folder, BASIN_PATH_BYTES, "%s/.cache/basin", home);
  while (length > 1 && length < BASIN_PATH_BYTES && folder[length - 1] == '/') folder[--length] = 0;
  return length > 0 && length < 3500;
}

/* made, with the folders above it, for nobody else */
static int make(const char *folder) {
  char path[BASIN_PATH_BYTES];
  snprintf(path, sizeof path, "%s", folder);
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(path, 0700) && errno != EEXIST && access(path, F_OK)) return -1;
    *slash = '/';
  }
  return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

static basin_status refuse(const char *folder, const char *why, basin_error *error) {
  return basin_fail(error, BASIN_FAILED,
                    "%.500s: compiled models are not kept there: %s, or give another folder in "
                    "BASIN_CACHE",
                    folder, why);
}

/* nobody but its owner can put another folder in its place: one of those above it is open to all, as /tmp is not */
static basin_status check_above(const char *folder, basin_error *error) {
  char *path = realpath(folder, NULL);
  basin_status status = path ? BASIN_OK : basin_fail_system(error, "cannot be opened", folder);
  while (!status && strlen(path) > 1) {
    struct stat above;
    char *slash = strrchr(path, '/');
    slash[slash == path] = 0;
    if (!stat(path, &above) && above.st_mode & S_IWOTH && !(above.st_mode & S_ISVTX)) {
      char why[BASIN_PATH_BYTES];
      snprintf(why, sizeof why, "others may write to %.200s above it: chmod o-w", path);
      status = refuse(folder, why, error);
    }
  }
  free(path);
  return status;
}

static basin_status check(const char *folder, basin_error *error) {
  struct stat is;
  if (lstat(folder, &is)) return basin_fail_system(error, "cannot be opened", folder);
  if (S_ISLNK(is.st_mode))
    return refuse(folder, "it is a symbolic link: give the folder itself", error);
  if (!S_ISDIR(is.st_mode)) return refuse(folder, "it is no folder: move it away", error);
  if (is.st_uid != geteuid()) return refuse(folder, "it is another user's: remove it", error);
  if (is.st_mode & (S_IWGRP | S_IWOTH))
    return refuse(folder, "others may write to it: chmod go-w, once nothing strange is in it",
                  error);
  return check_above(folder, error);
}

static int is_any(const char *base, const void *context) {
  (void)context;
  return !strcmp(base, "own.h") || !strcmp(base, "own.so");
}

basin_status basin_cache_find(char folder[BASIN_PATH_BYTES], basin_error *error) {
  static int swept; /* once, before there is a temporary file of ours */
  if (!basin_cache_place(folder) || (make(folder) && !basin_is_there(folder))) {
    *folder = 0;
    return BASIN_OK;
  }
  const basin_status status = check(folder, error);
  if (!status && !__atomic_exchange_n(&swept, 1, __ATOMIC_RELAXED))
    basin_sweep(folder, is_any, NULL, 0);
  return status;
}

basin_status basin_cache_make_private(char folder[BASIN_PATH_BYTES], basin_error *error) {
  const char *given = getenv("TMPDIR");
  snprintf(folder, BASIN_PATH_BYTES, "%.3500s/basin-XXXXXX", given && *given ? given : "/tmp");
  return mkdtemp(folder) ? BASIN_OK : basin_fail_system(error, "cannot be made", folder);
}

void basin_cache_remove_private(const char *folder) {
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));)
    unlinkat(dirfd(directory), entry->d_name, 0);
  if (directory) closedir(directory);
  rmdir(folder);
}

/* ---- a library in it ---- */

typedef struct seal {
  char mark[8];
  uint64_t length, hash[2];
} seal;

static seal seal_of(const char *key, const void *bytes, size_t length) {
  seal s = {.mark = "basinown", .length = length};
  for (int i = 0; i < 2; i++)
    s.hash[i] = basin_hash(basin_hash_text((uint64_t)i, key), bytes, length);
  return s;
}

static int path_of(const char *folder, const char *key, char path[BASIN_PATH_BYTES]) {
  return snprintf(path, BASIN_PATH_BYTES, "%s/%s.so", folder, key) < BASIN_PATH_BYTES;
}

/* all bytes of a file; NULL where it has too many, or cannot be read */
static char *read_bytes(const char *path, size_t *length) {
  struct stat is;
  const int file = basin_open_regular(path);
  char *bytes = NULL;
  if (file < 0) return NULL;
  if (!fstat(file, &is) && is.st_size > 0 && is.st_size <= LIBRARY_BYTES_MAX)
    bytes = malloc((size_t)is.st_size);
  *length = bytes ? (size_t)is.st_size : 0;
  if (bytes && basin_read_all(file, bytes, *length)) {
    free(bytes);
    bytes = NULL;
  }
  close(file);
  return bytes;
}

static int is_whole(const char *path, const char *key) {
  size_t length;
  seal found, meant;
  char *bytes = read_bytes(path, &length);
  int whole = bytes && length > sizeof found;
  if (whole) {
    memcpy(&found, bytes + length - sizeof found, sizeof found);
    meant = seal_of(key, bytes, length - sizeof found);
    whole = !memcmp(&found, &meant, sizeof found);
  }
  free(bytes);
  return whole;
}

void *basin_cache_open(const char *folder, const char *key) {
  char path[BASIN_PATH_BYTES];
  if (!*folder || !path_of(folder, key, path) || !is_whole(path, key)) return NULL;
  utimensat(AT_FDCWD, path, NULL, 0); /* it was used now */
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* ---- how much is kept ---- */

typedef struct kept {
  char name[KEY_LENGTH + 4];
  struct timespec used;
  int64_t bytes;
} kept;

static int by_use(const void *a, const void *b) {
  const struct timespec *x = &((const kept *)a)->used, *y = &((const kept *)b)->used;
  if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
  return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static int is_library(const char *name) {
  return strlen(name) == KEY_LENGTH + 3 && strspn(name, "0123456789abcdef") == KEY_LENGTH &&
         !strcmp(name + KEY_LENGTH, ".so");
}

/* those that were not used for longest go, while all of them are too much */
static void shorten(const char *folder) {
  DIR *directory = opendir(folder);
  kept *list = NULL;
  size_t count = 0, room = 0;
  int64_t bytes = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    struct stat is;
    if (!is_library(entry->d_name) ||
        fstatat(dirfd(directory), entry->d_name, &is, AT_SYMLINK_NOFOLLOW))
      continue;
    if (count == room) {
      kept *more = realloc(list, (room = 2 * room + 64) * sizeof *list);
      if (!more) break;
      list = more;
    }
    strcpy(list[count].name, entry->d_name);
    list[count].used = is.st_mtim;
    bytes += list[count++].bytes = is.st_size;
  }
  if (bytes > BYTES_MAX) qsort(list, count, sizeof *list, by_use);
  for (size_t i = 0; i < count && bytes > BYTES_MAX; bytes -= list[i++].bytes)
    unlinkat(dirfd(directory), list[i].name, 0);
  free(list);
  if (directory) closedir(directory);
}

int basin_cache_put(const char *folder, const char *key, const char *library) {
  char path[BASIN_PATH_BYTES];
  size_t length;
  char *bytes = read_bytes(library, &length);
  const int file = bytes ? open(library, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
  int bad = file < 0 || !path_of(folder, key, path);
  if (!bad) {
    const seal s = seal_of(key, bytes, length);
    bad = basin_write_all(file, &s, sizeof s);
  }
  if (file >= 0) bad |= close(file);
  free(bytes);
  if (bad || rename(library, path)) return -1;
  shorten(folder);
  return 0;
}
