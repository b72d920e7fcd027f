/* SPDX-License-Identifier: MIT */
#include "own/compile.h"
#include "base/hash.h"
#include "own_build.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64, SAID_BYTES = 1 << 16, LOOK_MS = 50, SOURCE_BYTES_MAX = 4 << 20 };
extern char **environ;

static const char *const sources[] = {BASIN_OWN_SOURCES};
static const char *const cuda_flags[] = {BASIN_OWN_CUDA_FLAGS "-shared", NULL};
static const char *const flags[] = {BASIN_OWN_FLAGS "-fvisibility=default",
                                    "-Werror=implicit-function-declaration", "-shared",
                                    "-Wl,-z,defs", NULL};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- the sources ---- */

/* the n-th place to look: of an installed program or library, then of the tree that it was built in */
static int candidate(int n, char path[BASIN_PATH_BYTES]) {
  static const char *const relative[] = {"../share/basin/source/", "../", "../../", "../../../"};
  const char *given = getenv("BASIN_SOURCE");
  char folder[BASIN_PATH_BYTES];
  if (given && *given) return n == 0 && snprintf(path, BASIN_PATH_BYTES, "%s/", given) > 0;
  return n < 2 * LENGTH(relative) && basin_folder_of_program(n / LENGTH(relative), folder) &&
         snprintf(path, BASIN_PATH_BYTES, "%s%s", folder, relative[n % LENGTH(relative)]) <
             BASIN_PATH_BYTES;
}

/* the sum of POSIX cksum, of some more bytes */
static uint32_t sum_bytes(uint32_t sum, const unsigned char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    sum ^= (uint32_t)bytes[i] << 24;
    for (int bit = 0; bit < 8; bit++) sum = sum << 1 ^ (sum >> 31 ? 0x04c11db7u : 0);
  }
  return sum;
}

/* of all sources one after another; 0 where one cannot be read */
static int sum_sources(const char *folder, uint32_t *sum) {
  unsigned char *bytes = malloc(SOURCE_BYTES_MAX);
  uint64_t total = 0;
  int good = bytes != NULL;
  *sum = 0;
  for (int i = 0; i < LENGTH(sources) && good; i++) {
    char path[BASIN_PATH_BYTES];
    snprintf(path, sizeof path, "%.3800s%s", folder, sources[i]);
    FILE *file = basin_open_stream(path);
    const size_t size = file ? fread(bytes, 1, SOURCE_BYTES_MAX, file) : 0;
    good = file && !ferror(file);
    if (file) fclose(file);
    *sum = sum_bytes(*sum, bytes, size);
    total += size;
  }
  free(bytes);
  for (; total; total >>= 8) *sum = sum_bytes(*sum, &(unsigned char){(unsigned char)total}, 1);
  *sum = ~*sum;
  return good;
}

/* those that this program was built of: with others a model would see other structures than the program does */
static basin_status find_sources(char folder[BASIN_PATH_BYTES], basin_error *error) {
  char first[BASIN_PATH_BYTES] = "", other[BASIN_PATH_BYTES] = "";
  for (int n = 0; candidate(n, folder); n++) {
    uint32_t sum;
    if (!n) snprintf(first, sizeof first, "%s", folder);
    if (!sum_sources(folder, &sum)) continue;
    if (sum == BASIN_OWN_SOURCES_SUM) return BASIN_OK;
    snprintf(other, sizeof other, "%s", folder);
  }
  if (*other)
    return basin_fail(
        error, BASIN_FAILED,
        "%.400s: sources of another basin than this program: install or build it again", other);
  return basin_fail(
      error, BASIN_FAILED,
      "basin's own sources, which a model is compiled with, are not there: looked for in "
      "%.400s; install basin again, or say in BASIN_SOURCE which folder has include/ and "
      "host/ of it",
      *first ? first : "share/basin/source/");
}

/* ---- the compiler ---- */

/* the n-th that may be there */
static const char *compiler(int cuda, int n) {
  static const char *const usual[2][4] = {{"cc", "gcc", "clang"},
                                          {"nvcc", "/usr/local/cuda/bin/nvcc"}};
  const char *given = getenv(cuda ? "BASIN_NVCC" : "BASIN_CC");
  if (given && *given) return n ? NULL : given;
  return usual[cuda][n];
}

static int is_in_path(const char *name, char path[BASIN_PATH_BYTES]) {
  const char *at = getenv("PATH");
  if (strchr(name, '/')) at = "";
  for (; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
    const int length = (int)strcspn(at, ":");
    snprintf(path, BASIN_PATH_BYTES, "%.*s%s%s", length, at, length ? "/" : "", name);
    if (!access(path, X_OK)) return 1;
  }
  return 0;
}

const char *basin_compiler(char path[BASIN_PATH_BYTES]) {
  for (int n = 0; compiler(0, n); n++)
    if (is_in_path(compiler(0, n), path)) return path;
  return NULL;
}

uint64_t basin_nvcc_identity(void) {
  char path[BASIN_PATH_BYTES];
  struct stat about;
  for (int n = 0; n < 2 && compiler(1, n); n++) {
    char *real = is_in_path(compiler(1, n), path) ? realpath(path, NULL) : NULL;
    const int there = real && !stat(real, &about);
    const int64_t number[] = {there ? (int64_t)about.st_size : 0,
                              there ? (int64_t)about.st_mtim.tv_sec : 0};
    const uint64_t identity = there ? basin_hash(basin_hash_text(0, real), number, sizeof number)
                                    : 0;
    free(real);
    if (identity) return identity;
  }
  return 0;
}

static basin_status no_compiler(int cuda, basin_error *error) {
  const char *name = cuda ? "BASIN_NVCC" : "BASIN_CC", *given = getenv(name);
  if (given && *given)
    return basin_fail(error, BASIN_FAILED, "%s=%.200s: cannot be run: %s", name, given,
                      strerror(errno));
  if (cuda)
    return basin_fail(
        error, BASIN_FAILED,
        "kernels of a model of one's own need nvcc: install the CUDA toolkit, or say in "
        "BASIN_NVCC where it is; or --backend cpu");
  return basin_fail(error, BASIN_FAILED,
                    "a model of one's own needs a C compiler: install gcc (Debian: apt install gcc "
                    "libc6-dev), or say in BASIN_CC which one is to be run");
}

/* ---- one run of it ---- */

typedef struct process {
  basin_compilation *job;
  char header[BASIN_PATH_BYTES]; /* a file with its text */
  pid_t pid;
  int output; /* of a pipe, -1 where there is none */
  char *said;
  size_t length;
  int code; /* as waitpid has it */
} process;

static int write_header(process *p, const char *folder) {
  char name[BASIN_PATH_BYTES];
  snprintf(name, sizeof name, "%.3800s/own.h", folder);
  if (!basin_temporary_name(name, p->header)) return -1;
  FILE *file = fopen(p->header, "wbx");
  if (!file) return -1;
  fprintf(file, "#line 1 \"%s.h\"\n%s", p->job->name, p->job->header);
  const int lost = ferror(file);
  return fclose(file) || lost ? -1 : 0;
}

/* the compiler's messages shall be those that are looked for */
static char **plain_environment(void) {
  size_t count = 0, kept = 0;
  while (environ[count]) count++;
  char **plain = calloc(count + 2, sizeof *plain);
  for (size_t i = 0; plain && i < count; i++)
    if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "LANGUAGE=", 9) != 0)
      plain[kept++] = environ[i];
  if (plain) plain[kept] = "LC_ALL=C";
  return plain;
}

/* a group of its own: Ctrl-C is ours to answer, and all that the compiler starts ends with it */
static int spawn(process *p, const char *const *argument, char **environment) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  int ends[2], bad = ENOENT;
  if (pipe2(ends, O_CLOEXEC)) return errno;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  const char *list[ARGUMENTS_MAX];
  memcpy(list, argument, sizeof list);
  for (int n = 0; bad && (list[0] = compiler(p->job->cuda, n)); n++)
    bad = posix_spawnp(&p->pid, list[0], &actions, &attributes, (char *const *)(uintptr_t)list,
                       environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (bad) close(ends[0]);
  else p->output = ends[0];
  return bad;
}

static basin_status start(process *p, const char *sources_folder, const char *folder, int *no_room,
                          basin_error *error) {
  char source[BASIN_PATH_BYTES], include[BASIN_PATH_BYTES], own[BASIN_PATH_BYTES],
      where[BASIN_PATH_BYTES], final[BASIN_PATH_BYTES], header[512];
  const char *argument[ARGUMENTS_MAX] = {NULL};
  int n = 1;
  snprintf(source, sizeof source, "%.3800s%s", sources_folder, p->job->source);
  snprintf(include, sizeof include, "-I%.3800sinclude", sources_folder);
  snprintf(own, sizeof own, "-I%.3800s%s", sources_folder, p->job->cuda ? "cuda" : "host");
  snprintf(where, sizeof where, "-I%.3800s", folder);
  snprintf(final, sizeof final, "%.3800s/own.so", folder);
  if (!basin_temporary_name(final, p->job->library) || write_header(p, folder)) {
    *no_room = 1;
    return basin_fail_system(error, "cannot be written to", folder);
  }
  snprintf(header, sizeof header, "-DBASIN_MODEL_HEADER=\"%.400s\"", strrchr(p->header, '/') + 1);
  const char *const *all = p->job->cuda ? cuda_flags : flags;
  for (int i = 0; all[i]; i++) argument[n++] = all[i];
  for (int i = 0; p->job->flag[i]; i++) argument[n++] = p->job->flag[i];
  const char *const rest[] = {
      "-DBASIN_OWN", "-DBASIN_MODEL=own", header, include, own, where, source,
      "-o",          p->job->library,     "-lm"};
  for (int i = 0; i < LENGTH(rest); i++) argument[n++] = rest[i];
  char **environment = plain_environment();
  p->said = calloc(1, SAID_BYTES + 1);
  if (!environment || !p->said) {
    free(environment);
    return basin_fail_memory(error);
  }
  errno = spawn(p, argument, environment);
  free(environment);
  return errno ? no_compiler(p->job->cuda, error) : BASIN_OK;
}

/* what it says, until it ends */
static void listen(process *p) {
  char ignored[512];
  const int full = p->length == SAID_BYTES;
  const ssize_t got = full ? read(p->output, ignored, sizeof ignored)
                           : read(p->output, p->said + p->length, SAID_BYTES - p->length);
  if (got > 0 && !full) p->length += (size_t)got;
  if (got > 0 || (got < 0 && errno == EINTR)) return;
  close(p->output);
  p->output = -1;
  while (waitpid(p->pid, &p->code, 0) < 0 && errno == EINTR) continue;
}

/* a compiler that may still take its temporary files away has two seconds for it */
static void stop_it(process *p) {
  siginfo_t ended = {.si_pid = 0};
  if (p->output < 0) return;
  kill(-p->pid, SIGTERM);
  for (int i = 0; i < 200 && !ended.si_pid; i++) {
    if (i) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    if (waitid(P_PID, (id_t)p->pid, &ended, WEXITED | WNOHANG | WNOWAIT)) break;
  }
  kill(-p->pid, SIGKILL);
  close(p->output);
  p->output = -1;
  while (waitpid(p->pid, &p->code, 0) < 0 && errno == EINTR) continue;
}

/* ---- what it says ---- */

/* the line that has the word in it; NULL where none has */
static char *line_with(char *said, const char *word) {
  char *at = strstr(said, word);
  while (at && at > said && at[-1] != '\n') at--;
  return at;
}

static int has_no_room(const char *said) {
  static const char *const text[] = {"No space left on device", "Disk quota exceeded",
                                     "Read-only file system", "File too large"};
  for (int i = 0; i < LENGTH(text); i++)
    if (strstr(said, text[i])) return 1;
  return 0;
}

static basin_status tell(process *p, int *no_room, basin_error *error) {
  char *said = p->said, *line = line_with(said, ": fatal error: ");
  char *plain = line_with(said, ": error: ");
  if (plain && (!line || plain < line)) line = plain;
  char *missing = line_with(said,
                            "undefined reference to"); /* then the linker's last word follows */
  if (missing && (!line || missing < line)) line = missing;
  if (line && !strncmp(line, "collect2: ", 10))
    line = NULL; /* it adds nothing to what ld has said */
  const int complains = line != NULL, full = !complains && has_no_room(said);
  if (!complains) line = said;
  line[strcspn(line, "\n")] = 0;
  if (strstr(line, "No such file or directory") &&
      (strstr(line, "string.h") || strstr(line, "stdint.h") || strstr(line, "stdlib.h") ||
       strstr(line, "math.h") || strstr(line, "crti.o")))
    return basin_fail(
        error, BASIN_FAILED,
        "a model of one's own needs the headers of C too: install libc6-dev (Debian: apt "
        "install gcc libc6-dev): %.300s",
        line);
  *no_room = full || has_no_room(line);
  if (*no_room)
    return basin_fail(error, BASIN_FAILED, "the compiler cannot write what it makes: %.600s", line);
  if (!*line && WIFSIGNALED(p->code))
    return basin_fail(error, BASIN_FAILED, "the compiler was ended by a signal: %s",
                      strsignal(WTERMSIG(p->code)));
  if (complains) return basin_fail(error, BASIN_BAD_INPUT, "%.800s", line);
  return basin_fail(error, BASIN_FAILED, "the compiler fails%s %.600s", *line ? ":" : "",
                    *line ? line : "without a word");
}

/* a SIGCHLD that the caller ignores leaves no exit code: then what counts is whether there is a library */
static int is_made(const process *p) { return !p->code && !access(p->job->library, R_OK); }

/* ---- all of them ---- */

static int processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) < 1 ? 1 : CPU_COUNT(&set);
}

static basin_status run(process *p, int jobs, const char *folder, const volatile int *stop,
                        int *no_room, basin_error *error) {
  char from[BASIN_PATH_BYTES];
  basin_status status = find_sources(from, error);
  const int most = processors();
  int begun = 0, running = 0, ended = 0;
  struct pollfd *look = calloc((size_t)jobs, sizeof *look);
  if (!look) status = basin_fail_memory(error);
  while (!status && ended < jobs) {
    for (; begun < jobs && running < most && !status; begun++, running++)
      status = start(&p[begun], from, folder, no_room, error);
    for (int i = 0; i < jobs; i++) look[i] = (struct pollfd){.fd = p[i].output, .events = POLLIN};
    if (!status) poll(look, (nfds_t)jobs, LOOK_MS);
    for (int i = 0; i < begun && !status; i++) {
      if (p[i].output < 0 || !look[i].revents) continue;
      listen(&p[i]);
      if (p[i].output >= 0) continue;
      running--;
      ended++;
      if (!is_made(&p[i])) status = tell(&p[i], no_room, error);
    }
    if (!status && stop && *stop) status = basin_fail(error, BASIN_INTERRUPTED, "interrupted");
  }
  free(look);
  return status;
}

basin_status basin_compile(basin_compilation *job, int jobs, const char *folder,
                           const volatile int *stop, int *no_room, basin_error *error) {
  process *p = calloc((size_t)jobs, sizeof *p);
  *no_room = 0;
  if (!p) return basin_fail_memory(error);
  for (int i = 0; i < jobs; i++) {
    p[i] = (process){.job = &job[i], .output = -1};
    *job[i].library = 0;
  }
  const basin_status status = run(p, jobs, folder, stop, no_room, error);
  for (int i = 0; i < jobs; i++) {
    stop_it(&p[i]);
    if (*p[i].header) unlink(p[i].header);
    if (status && *job[i].library) unlink(job[i].library);
    free(p[i].said);
  }
  free(p);
  return status;
}
