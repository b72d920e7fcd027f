/* SPDX-License-Identifier: MIT */
#include "files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int basin_temporary_name(const char *path, char temporary[BASIN_PATH_BYTES]) {
  char host[BASIN_HOST_BYTES] = "";
  uint32_t random = 0;
  gethostname(host, sizeof host - 1);
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
    random = (uint32_t)time(NULL);
  return snprintf(temporary, BASIN_PATH_BYTES, "%s.tmp-%s-%ld-%08x", path, host, (long)getpid(),
                  random) < BASIN_PATH_BYTES;
}

basin_status basin_sync_folder(const char *folder, basin_error *error) {
  const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int bad = file < 0 || fsync(file);
  const int reason = errno;
  if (file >= 0) close(file);
  errno = reason;
  return bad ? basin_fail_system(error, "cannot be synced", folder) : BASIN_OK;
}

/* the folder that a path lies in */
static void folder_of(const char *path, char folder[BASIN_PATH_BYTES]) {
  snprintf(folder, BASIN_PATH_BYTES, "%s", path);
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') folder[--length] = 0;
  char *slash = strrchr(folder, '/');
  if (!slash) strcpy(folder, ".");
  else slash[slash == folder] = 0;
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
  if (mkdir(path, 0777) && errno != EEXIST) return basin_fail_system(error, "cannot be made", path);
  return basin_sync_folder_of(path, error);
}

void basin_sweep(const char *folder, const char *marker, double seconds) {
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char path[2 * BASIN_PATH_BYTES];
    struct stat status;
    if (!strstr(entry->d_name, marker)) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (!stat(path, &status) && difftime(time(NULL), status.st_mtim.tv_sec) >= seconds)
      unlink(path);
  }
  if (directory) closedir(directory);
}

void basin_sweep_path(const char *path, double seconds) {
  char folder[BASIN_PATH_BYTES], marker[BASIN_PATH_BYTES];
  const char *slash = strrchr(path, '/');
  folder_of(path, folder);
  snprintf(marker, sizeof marker, "%s.tmp-", slash ? slash + 1 : path);
  basin_sweep(folder, marker, seconds);
}

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
