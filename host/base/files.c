/* SPDX-License-Identifier: MIT */
#include "base/files.h"
#include "base/hash.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

/* the folder that a path lies in */
static void folder_of(const char *path, char folder[BASIN_PATH_BYTES]) {
  snprintf(folder, BASIN_PATH_BYTES, "%s", path);
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') folder[--length] = 0;
  char *slash = strrchr(folder, '/');
  if (!slash) strcpy(folder, ".");
  else slash[slash == folder] = 0;
}

static const char TEMPORARY[] = ".tmp-", ASIDE[] = ".aside-";

static void host_name(char host[BASIN_HOST_BYTES]) {
  memset(host, 0, BASIN_HOST_BYTES);
  gethostname(host, BASIN_HOST_BYTES - 1);
}

/* path MARK HOST-PID-RANDOM */
static int name_of_our_own(const char *path, const char *mark, char name[BASIN_PATH_BYTES]) {
  char host[BASIN_HOST_BYTES];
  uint32_t random = 0;
  host_name(host);
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
    random = (uint32_t)time(NULL);
  return snprintf(name, BASIN_PATH_BYTES, "%s%s%s-%ld-%08x", path, mark, host, (long)getpid(),
                  random) < BASIN_PATH_BYTES;
}

int basin_temporary_name(const char *path, char temporary[BASIN_PATH_BYTES]) {
  return name_of_our_own(path, TEMPORARY, temporary);
}

/* Who wrote a temporary file, by its name. */
typedef struct owner {
  char host[BASIN_HOST_BYTES];
  long pid;
} owner;

/* whether the name is one that basin_temporary_name gives; *base: the length of what it is the temporary file of */
static int parse_temporary(const char *name, size_t *base, owner *of) {
  const char *mark = NULL;
  for (const char *at = name; (at = strstr(at, TEMPORARY)); at++) mark = at;
  if (!mark || mark == name) return 0;
  const char *host = mark + strlen(TEMPORARY), *random = strrchr(host, '-'), *pid = random;
  while (pid && pid > host && pid[-1] != '-') pid--;
  if (!pid || pid - host < 1 || pid - 1 - host >= BASIN_HOST_BYTES) return 0;
  if (strlen(random + 1) != 8 || strspn(random + 1, "0123456789abcdef") != 8) return 0;
  const size_t digits = strspn(pid, "0123456789");
  if (!digits || digits > 10 || *pid == '0' || pid + digits != random) return 0;
  *base = (size_t)(mark - name);
  *of = (owner){.pid = strtol(pid, NULL, 10)};
  memcpy(of->host, host, (size_t)(pid - 1 - host));
  return 1;
}

/* whether a process of this machine still has it. Our own number was another's before: we have made none yet. */
static int has_owner(const owner *of) {
  return of->pid != (long)getpid() && of->pid <= INT_MAX &&
         (!kill((pid_t)of->pid, 0) || errno != ESRCH);
}

int basin_set_aside(const char *path, char aside[BASIN_PATH_BYTES]) {
  struct stat status;
  *aside = 0;
  if (lstat(path, &status)) return errno == ENOENT ? 0 : -1;
  if (S_ISREG(status.st_mode)) return 0;
  if (!name_of_our_own(path, ASIDE, aside)) return -1;
  return rename(path, aside);
}

basin_status basin_check_output_name(const char *path, basin_error *error) {
  char folder[BASIN_PATH_BYTES], host[BASIN_HOST_BYTES];
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  host_name(host);
  /* a process number has up to ten digits; the parts are in a folder beside the file */
  const size_t added = strlen(TEMPORARY) + strlen(host) + strlen("-0123456789-01234567"),
               in_parts = 2 * added + 64;
  if (strlen(path) + in_parts >= BASIN_PATH_BYTES)
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  folder_of(path, folder);
  const long known = pathconf(folder, _PC_NAME_MAX);
  const size_t most = known > 0 ? (size_t)known : NAME_MAX;
  if (strlen(name) + added <= most) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: its name has %zu bytes, expected at most %zu: while it is written it is "
                    "longer, and names in that folder end at %zu",
                    path, strlen(name), most > added ? most - added : 0, most);
}

basin_status basin_sync_folder(const char *folder, basin_error *error) {
  const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int bad = file < 0 || fsync(file);
  const int reason = errno;
  if (file >= 0) close(file);
  errno = reason;
  return bad ? basin_fail_system(error, "cannot be synced", folder) : BASIN_OK;
}

basin_status basin_sync_folder_of(const char *path, basin_error *error) {
  char folder[BASIN_PATH_BYTES];
  folder_of(path, folder);
  return basin_sync_folder(folder, error);
}

basin_status basin_publish(const char *temporary, const char *path, basin_error *error) {
  if (rename(temporary, path))
    return basin_fail_system(error, "cannot be renamed into place", path);
  return basin_sync_folder_of(path, error);
}

basin_status basin_make_folder(const char *path, basin_error *error) {
  struct stat status;
  while (mkdir(path, 0777)) {
    if (errno != EEXIST) return basin_fail_system(error, "cannot be made", path);
    if (!stat(path, &status)) {
      if (S_ISDIR(status.st_mode)) break;
      return basin_fail(error, BASIN_FAILED, "%s: is there and is no folder; move it away", path);
    }
    /* another process has removed it just now: make it again. But a link that leads nowhere stays. */
    if (errno != ENOENT) return basin_fail_system(error, "cannot be opened", path);
    if (!lstat(path, &status) && S_ISLNK(status.st_mode))
      return basin_fail(error, BASIN_FAILED, "%s: a symbolic link that leads nowhere", path);
  }
  return basin_sync_folder_of(path, error);
}

int basin_folder_of_program(int library, char path[BASIN_PATH_BYTES]) {
  Dl_info info = {0};
  ssize_t length = -1;
  if (!library) length = readlink("/proc/self/exe", path, BASIN_PATH_BYTES - 1);
  else if (dladdr(TEMPORARY, &info) && info.dli_fname)
    length = snprintf(path, BASIN_PATH_BYTES, "%s", info.dli_fname);
  if (length < 0 || length >= BASIN_PATH_BYTES || *path != '/') return 0;
  path[length] = 0;
  strrchr(path, '/')[1] = 0;
  return 1;
}

/* ---- files that may not be what they seem ---- */

int basin_is_link(const char *path) {
  struct stat status;
  return !lstat(path, &status) && S_ISLNK(status.st_mode);
}

int basin_is_there(const char *path) {
  struct stat status;
  return !lstat(path, &status);
}

int basin_is_irregular(const char *path) {
  struct stat status;
  if (!stat(path, &status)) return !S_ISREG(status.st_mode);
  return errno == ELOOP || (errno == ENOENT && basin_is_link(path));
}

int basin_open_regular(const char *path) {
  struct stat status;
  const int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) {
    const int reason = errno, irregular = basin_is_irregular(path);
    errno = reason;
    return irregular ? BASIN_IRREGULAR : -1;
  }
  if (!fstat(file, &status) && S_ISREG(status.st_mode)) return file;
  close(file);
  return BASIN_IRREGULAR;
}

FILE *basin_open_stream(const char *path) {
  const int file = basin_open_regular(path);
  FILE *stream = file < 0 ? NULL : fdopen(file, "r");
  if (file >= 0 && !stream) close(file);
  return stream;
}

/* ---- what killed processes have left ---- */

int basin_is_same_name(const char *base, const void *name) { return !strcmp(base, name); }

void basin_sweep(const char *folder, int (*is_ours)(const char *base, const void *context),
                 const void *context, double seconds) {
  char here[BASIN_HOST_BYTES];
  DIR *directory = opendir(folder);
  host_name(here);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char base[BASIN_PATH_BYTES];
    struct stat status;
    size_t length;
    owner of;
    if (!parse_temporary(entry->d_name, &length, &of)) continue;
    snprintf(base, sizeof base, "%.*s", (int)length, entry->d_name);
    if (!is_ours(base, context)) continue;
    /* whether a process of another machine runs, only time can tell */
    const int local = !strcmp(of.host, here);
    const double age = local || seconds > BASIN_STALE_SECONDS ? seconds : BASIN_STALE_SECONDS;
    if (local && has_owner(&of)) continue;
    if (!fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
        S_ISREG(status.st_mode) && difftime(time(NULL), status.st_mtim.tv_sec) >= age)
      unlinkat(dirfd(directory), entry->d_name, 0);
  }
  if (directory) closedir(directory);
}

void basin_sweep_path(const char *path, double seconds) {
  char folder[BASIN_PATH_BYTES];
  const char *slash = strrchr(path, '/');
  folder_of(path, folder);
  basin_sweep(folder, basin_is_same_name, slash ? slash + 1 : path, seconds);
}

/* ---- bytes ---- */

int basin_write_all(int file, const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    const ssize_t written = write(file, at, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    at += written;
    count -= (size_t)written;
  }
  return 0;
}

int basin_read_all(int file, void *bytes, size_t count) {
  char *at = bytes;
  while (count > 0) {
    const ssize_t got = read(file, at, count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    at += got;
    count -= (size_t)got;
  }
  return 0;
}

/* block by block, while they are in the caches */
int basin_read_hashed(int file, void *bytes, size_t count, uint64_t *hash) {
  enum { BLOCK = 1 << 18 };
  char *at = bytes;
  XXH3_state_t *state = XXH3_createState();
  if (!state) { /* no memory for it: then behind the reading */
    if (basin_read_all(file, bytes, count)) return -1;
    *hash = basin_hash(*hash, bytes, count);
    return 0;
  }
  int bad = XXH3_64bits_reset_withSeed(state, *hash) != XXH_OK;
  for (size_t block; count > 0 && !bad; at += block, count -= block) {
    block = count < BLOCK ? count : BLOCK;
    bad = basin_read_all(file, at, block) || XXH3_64bits_update(state, at, block);
  }
  if (!bad) *hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return bad ? -1 : 0;
}
