/* SPDX-License-Identifier: MIT
 *
 * test_store.c: harm done to parts and outputs. A damaged byte anywhere in a part is found, and that part alone is
 * redone; foreign parts are refused; a damaged output is an error or harmless, never another answer and never a crash;
 * a disk that is full at any write is an error, and nothing stays.
 */
#include "folder.h"
#include "engine/cpu.h"
#include "base/hash.h"
#include "run/run.h"
#include "base/hdf5_util.h"
#include "store/results.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- between HDF5 and the system: a disk that is full, and what is read ---- */

static int64_t writes, full_from, full_to = INT64_MAX, bytes_read;

static int disk_is_full(void) {
  if (!full_from || ++writes < full_from || writes > full_to) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  return disk_is_full() ? -1 : syscall(SYS_pwrite64, file, bytes, count, at);
}

int ftruncate(int file, off_t size) {
  return disk_is_full() ? -1 : (int)syscall(SYS_ftruncate, file, size);
}

/* HDF5, a library of its own, is to find it too: it is exported */
__attribute__((visibility("default"))) ssize_t pread(int file, void *bytes, size_t count,
                                                     off_t at) {
  bytes_read += (int64_t)count;
  return syscall(SYS_pread64, file, bytes, count, at);
}

/* ---- set-up ---- */

static const char experiment_text[] =
    "model: cnn\n"
    "grid: {k: [5, 9]}\n"
    "trials: 200\n"
    "parameters: {p: 3}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
    "init: {v: {sphere: 1}, a: {ball: 1}}\n"
    "schedule: [{eta: 0.2}]\n"
    "record: {trials: 3, steps: [0, 4, 7, 10], parameters: true, final: all}\n";

static char output[64], parts[64];
static basin_experiment *e;
static volatile int stop;

static int set_up(void **unused) {
  basin_error error;
  if (make_folder(unused)) return -1;
  snprintf(output, sizeof output, "%s/out.h5", folder);
  snprintf(parts, sizeof parts, "%s/out.h5.parts", folder);
  return (int)basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text),
                                     NULL, 0, &e, &error);
}

static int tear_down(void **unused) {
  basin_experiment_free(e);
  return remove_folder(unused);
}

/* stop the run once some trials have ended: their parts stay */
static void stop_early(void *context, const basin_progress *progress) {
  (void)context;
  if (progress->trials >= 50) stop = 1;
}

static basin_run_options options(void) {
  stop = 0;
  return (basin_run_options){
      .output = output, .threads = 1, .part_trials = 16, .no_provenance = 1, .stop = &stop};
}

static void write_file(const char *path, const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

/* a folder of finished parts: made by running single ranges, as the scheduler does */
static void make_parts(int64_t count) {
  basin_error error;
  basin_watch watch = {0};
  mkdir(parts, 0777);
  for (int64_t i = 0; i < count; i++) {
    basin_job job;
    basin_part part;
    job = basin_part_job(e, i % 2, i / 2 * 16, i / 2 == 12 ? 8 : 16);
    assert_ok(basin_part_allocate(&job, &part, &error), error);
    assert_int_equal(basin_cpu_run(&job, BASIN_ISA_GENERIC, &part, &watch), BASIN_OK);
    assert_ok(basin_part_write(parts, e->identity, i % 2, &job, &part, &error), error);
    basin_part_free(&part);
  }
}

static int64_t count_parts(int64_t *damaged, basin_status *status, basin_error *error) {
  basin_parts list;
  *status = basin_parts_list(parts, e, 1, &list, error);
  const int64_t sound = list.count;
  *damaged = list.damageds;
  basin_parts_free(&list);
  return sound;
}

static char first_part[512];
static const char *a_part(void) {
  DIR *directory = opendir(parts);
  assert_non_null(directory);
  *first_part = 0;
  for (struct dirent *entry; (entry = readdir(directory));)
    if (strstr(entry->d_name, "c000001-t0000000000000"))
      snprintf(first_part, sizeof first_part, "%s/%s", parts, entry->d_name);
  closedir(directory);
  assert_true(*first_part);
  return first_part;
}

static void part_round_trip(void **unused) {
  basin_error error;
  basin_parts list;
  int64_t trials = 0;
  (void)unused;
  make_parts(26);
  assert_ok(basin_parts_list(parts, e, 0, &list, &error), error);
  assert_true(list.count == 26 && list.damageds == 0);
  for (int64_t i = 0; i < list.count; i++) {
    const basin_range *range = &list.range[i];
    basin_part part;
    int64_t sum = 0;
    assert_ok(basin_part_read(parts, e, range, &part, NULL, &error), error);
    for (int o = 0; o < BASIN_OUTCOMES; o++) sum += range->outcomes[o];
    assert_true(sum == part.count && part.count == range->count && part.first == range->first);
    trials += sum;
    basin_part_free(&part);
  }
  assert_true(trials == 400);
  basin_parts_free(&list);
  basin_parts_remove(parts);
  assert_int_equal(access(parts, F_OK), -1);
}

/* every array of a part with numbers of its own, so that no two can change places unseen */
static void number_arrays(const basin_job *job, basin_part *part) {
  unsigned char next = 1;
  const struct { int64_t count, recorded; } trials_of = {job->count, basin_job_recorded(job)};
  memset(part->outcome, BASIN_GLOBAL, (size_t)job->count);
  for (int64_t i = 0; i < job->count; i++) part->steps[i] = 100 + i;
#define FILL(name, type, outer, trials, inner)                                                    \
  if ((void *)part->name != (void *)part->outcome && (void *)part->name != (void *)part->steps) { \
    const int64_t n = (int64_t)(outer)*trials_of.trials * (int64_t)(inner);                       \
    assert_true(n > 0);                                                                           \
    for (int64_t i = 0; i < n; i++) part->name[i] = (type)next++;                                 \
  }
  BASIN_PART_ARRAYS(FILL, job)
#undef FILL
}

/* what the file of a part holds beside the version of the program, which its header names and has a checksum of */
static uint64_t hash_part_file(const char *suffix) {
  char path[512];
  size_t size;
  int64_t format;
  snprintf(path, sizeof path, "%s/c000003-t0000000000002-n4.part%s", parts, suffix);
  char *bytes = test_read_file(path, &size);
  assert_true(size > 328 && !memcmp(bytes, *suffix ? "basinsav" : "basinprt", 8));
  memcpy(&format, bytes + 8, sizeof format);
  assert_int_equal(format, 6);
  const uint64_t hash = basin_hash(basin_hash(0, bytes + 48, 272), bytes + 328, size - 328);
  free(bytes);
  return hash;
}

/* The bytes on disk are those of earlier builds, whose parts half done go on. Other bytes need another FORMAT. */
static void part_bytes_stay(void **unused) {
  static const char *const set[] = {
      "grid={k: [5, 6, 7, 9]}",
      "on_divergence=halve",
      "record.estimate={inputs: 1000}",
      "record.observables=[loss, phi]",
      "record.final=[phi]",
      "record.passages={loss: {below: [1, 0.5, 0.25]}}",
      "outcomes={A: {near: {v: 0}, within: 1}, discover: {within: 1}}"};
  basin_error error;
  basin_experiment *other;
  basin_part part;
  (void)unused;
  other = test_parse(experiment_text, set, 7);
  mkdir(parts, 0777);
  const basin_job job = basin_part_job(other, 3, 2, 4);
  assert_ok(basin_part_allocate(&job, &part, &error), error);
  number_arrays(&job, &part);
  assert_ok(basin_part_write(parts, 12345, 3, &job, &part, &error), error);
  const uint64_t finished = hash_part_file("");

  /* two under way */
  const int64_t states = 2 * job.setting->size.states;
  part.flights = 2;
  part.flight = calloc(2, sizeof *part.flight);
  part.flight_state = calloc((size_t)states, sizeof *part.flight_state);
  part.outcome[1] = part.outcome[3] = -1;
  for (int i = 0; i < 2; i++) part.flight[i] = (basin_flight){2 * i + 1, 7 + i};
  for (int64_t i = 0; i < states; i++) part.flight_state[i] = 0.5 + (double)i;
  assert_ok(basin_part_save(parts, 12345, 3, &job, &part, &error), error);
  const uint64_t saved = hash_part_file(".saved");
  basin_part_free(&part);
  basin_experiment_free(other);
  basin_parts_remove(parts);
  assert_int_equal(finished, 0xd94f1b4dc9dc37fa);
  assert_int_equal(saved, 0x526bf7898efd01ca);
}

/* flip one bit of every byte of a part in turn, and cut it at every length: never accepted, never a crash */
static void damaged_part(void **unused) {
  basin_error error;
  basin_status status;
  int64_t damaged;
  size_t size;
  (void)unused;
  make_parts(4);
  const char *path = a_part();
  char *bytes = test_read_file(path, &size);
  for (size_t i = 0; i < size; i++) {
    bytes[i] ^= (char)(1 << i % 8);
    write_file(path, bytes, size);
    assert_int_equal(count_parts(&damaged, &status, &error), 3);
    assert_true(status == BASIN_OK && damaged == 1);
    bytes[i] ^= (char)(1 << i % 8);
  }
  for (size_t i = 0; i < size; i += 97) {
    write_file(path, bytes, i);
    assert_int_equal(count_parts(&damaged, &status, &error), 3);
  }
  write_file(path, bytes, size);
  assert_int_equal(count_parts(&damaged, &status, &error), 4);
  free(bytes);
  basin_parts_remove(parts);
}

/* Parts that no run leaves, with checksums that are right: a finished one is damaged, one half done is not taken up. */
static void impossible_part(void **unused) {
  basin_error error;
  basin_status status;
  basin_part part;
  int64_t damaged;
  (void)unused;
  for (int i = 0; i < 12; i++) {
    const int finished = i < 5;
    const basin_job job = basin_part_job(e, 0, 0, 16);
    mkdir(parts, 0777);
    assert_ok(basin_part_allocate(&job, &part, &error), error);
    for (int64_t t = 0; t < 16; t++) part.outcome[t] = BASIN_GLOBAL, part.steps[t] = 16;
    if (!finished) {
      part.flights = 2;
      part.flight = calloc(2, sizeof *part.flight);
      part.flight_state = calloc(2 * (size_t)job.setting->size.states, sizeof *part.flight_state);
      for (int f = 0; f < 2; f++) part.flight[f] = (basin_flight){3 + f, 16};
      part.outcome[3] = part.outcome[4] = part.outcome[5] = -1;
    }
    switch (i) {
    case 1:
      part.outcome[7] = BASIN_OUTCOMES;
      break;
    case 2:
      part.outcome[7] = -1;
      break;
    case 3:
      part.steps[7] = -1;
      break;
    case 4:
      part.steps[7] = INT64_MAX;
      break;
    case 6:
      part.flight[0].trial = 16;
      break;
    case 7:
      part.flight[0].trial = -1;
      break;
    case 8:
      part.flight[0].trial = 4;
      break; /* twice */
    case 9:
      part.flight[0].trial = 7;
      break; /* it has ended */
    case 10:
      part.flight[0].step = 0;
      break;
    case 11:
      part.outcome[7] = -2;
      break;
    }
    if (finished) {
      assert_ok(basin_part_write(parts, e->identity, 0, &job, &part, &error), error);
      assert_int_equal(count_parts(&damaged, &status, &error), i == 0);
      assert_int_equal(damaged, i != 0);
    } else {
      assert_ok(basin_part_save(parts, e->identity, 0, &job, &part, &error), error);
      basin_part_free(&part);
      assert_ok(basin_part_allocate(&job, &part, &error), error);
      assert_ok(basin_part_resume(parts, e, 0, &job, &part, &error), error);
      assert_int_equal(part.flights, i == 5 ? 2 : 0);
      assert_int_equal(part.outcome[3], -1);
      assert_int_equal(part.outcome[0], i == 5 ? BASIN_GLOBAL : -1);
    }
    basin_part_free(&part);
    basin_parts_remove(parts);
  }
}

/* a part of another experiment is refused, with its name; nothing is written or removed */
static void foreign_part(void **unused) {
  basin_error error;
  basin_experiment *other;
  const char *const set[] = {"schedule=[{eta: 0.1}]"};
  basin_run_options o = options();
  (void)unused;
  make_parts(4);
  other = test_parse(experiment_text, set, 1);
  assert_int_equal(basin_run(other, &o, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "a part of another experiment"));
  assert_int_equal(access(output, F_OK), -1);
  assert_int_equal(access(a_part(), F_OK), 0);
  basin_experiment_free(other);
  basin_parts_remove(parts);
}

/* a part of another version of the program is refused, with the reason */
static void other_version(void **unused) {
  basin_error error;
  basin_run_options o = options();
  size_t size;
  (void)unused;
  make_parts(4);
  char *bytes = test_read_file(a_part(), &size);
  strcpy(bytes + 16, "0.0.9"); /* the preamble: magic, format, version, and their hash */
  const uint64_t hash = basin_hash(0, bytes, 40);
  memcpy(bytes + 40, &hash, sizeof hash);
  write_file(a_part(), bytes, size);
  assert_int_equal(basin_run(e, &o, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "written by basin 0.0.9, this is basin " BASIN_VERSION));
  free(bytes);
  basin_parts_remove(parts);
}

/* interrupted, its parts damaged, and taken up again with parts of another size: the file of an undisturbed run */
static void resume_to_same_bytes(void **unused) {
  basin_error error;
  size_t size, other_size;
  basin_run_options o = options();
  (void)unused;
  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size);
  unlink(output);

  make_parts(20);
  size_t part_size;
  char *part = test_read_file(a_part(), &part_size);
  part[part_size / 2] ^= 1;
  write_file(a_part(), part, part_size);
  free(part);
  o = options();
  o.part_trials = 7;
  o.progress = stop_early;
  basin_status status = basin_run(e, &o, &error);
  assert_true(status == BASIN_INTERRUPTED || status == BASIN_OK);
  o = options();
  if (status) assert_ok(basin_run(e, &o, &error), error);
  char *other = test_read_file(output, &other_size);
  assert_true(size == other_size && !memcmp(bytes, other, size));
  assert_int_equal(access(parts, F_OK), -1);
  free(bytes);
  free(other);

  /* complete already: left as it is; another experiment: refused */
  assert_ok(basin_run(e, &o, &error), error);
  basin_experiment *more;
  const char *const set[] = {"trials=201"};
  more = test_parse(experiment_text, set, 1);
  assert_int_equal(basin_run(more, &o, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "has 400 trials of this experiment, which asks for more"));
  basin_experiment_free(more);
  unlink(output);
}

/* all that the functions of results.h say of the file, allocated; NULL where one of them has a reason not to */
static char *answer_of(const char *path, int thorough, basin_error *error) {
  basin_results *r;
  char *text = NULL, units[32];
  size_t size;
  basin_status status = basin_results_open(path, &r, error);
  if (status) {
    assert_int_equal(status, BASIN_BAD_INPUT);
    assert_true(!strncmp(error->text, path, strlen(path)));
    return NULL;
  }
  FILE *to = open_memstream(&text, &size);
  const int64_t times = basin_results_times(r), n = times * basin_results_recorded(r);
  double *value = calloc((size_t)n + 1, sizeof *value);
  fprintf(to, "%s %s %s %llu %d %lld\n", basin_results_title(r), basin_results_experiment(r),
          basin_results_version(r), (unsigned long long)basin_results_seed(r),
          basin_results_axes(r), (long long)basin_results_missing(r));
  for (int64_t t = 0; t < times; t++) fprintf(to, "%lld ", (long long)basin_results_time(r)[t]);
  for (int64_t c = 0; c < basin_results_cells(r) && !status; c++) {
    basin_summary s;
    int halvings[3];
    int8_t outcome[3];
    status = basin_results_summary(r, c, &s, error);
    if (status) break;
    fprintf(to, "\n%s %lld %llu %a %a %lld:", s.variant, (long long)s.trials,
            (unsigned long long)basin_results_draw(r, c), s.steps_median, s.steps_mean,
            (long long)s.steps_max);
    for (int o = 0; o < BASIN_OUTCOMES; o++)
      fprintf(to, " %lld %a %a %a %a %lld", (long long)s.outcomes[o], s.steps[o].median,
              s.steps[o].low, s.steps[o].high, s.steps[o].mean, (long long)s.steps[o].max);
    fprintf(to, " %d", s.steps_to);
    for (int p = 0; p < s.parameters; p++)
      fprintf(to, " %s %a", s.parameter_name[p], s.parameter[p]);
    status = basin_results_trials(r, c, 0, 3, outcome, halvings, error);
    for (int i = 0; i < 3 && !status; i++) fprintf(to, " %d", outcome[i]);
    if (!status && times) status = basin_results_flow_time(r, c, value, error);
    for (int64_t i = 0; i < times && !status; i++) fprintf(to, " %a", value[i]);
    for (int j = 0; j < basin_results_observables(r) && !status; j++) {
      status = basin_results_trajectory(r, c, basin_results_observable(r, j), value, units, error);
      fprintf(to, "\n%s %s", basin_results_observable(r, j), units);
      for (int64_t i = 0; i < n && !status; i++) fprintf(to, " %a", value[i]);
    }
  }
  if (!status && thorough) {
    basin_rates rates;
    int64_t variables;
    status = basin_results_verify(r, &variables, error);
    if (!status) fprintf(to, "\n%lld ", (long long)variables);
    if (!status)
      status = basin_results_rates(r, 0, &(basin_rates_options){.observable = NULL}, &rates, error);
    if (!status) fprintf(to, "%a %a\n", rates.slope.value, rates.rate.high);
  }
  fclose(to);
  free(value);
  basin_results_close(r);
  if (!status) return text;
  assert_int_equal(status, BASIN_BAD_INPUT);
  free(text);
  return NULL;
}

static void assert_answer(const char *path, const char *expected) {
  basin_error error = {""};
  char *answer = answer_of(path, 0, &error);
  if (!answer) fail_msg("%s", error.text);
  assert_string_equal(answer, expected);
  free(answer);
}

static void assert_refused(const char *path, const char *reason) {
  basin_error error = {""};
  char *answer = answer_of(path, 0, &error);
  assert_null(answer);
  if (!strstr(error.text, reason)) fail_msg("expected /%s/, not: %s", reason, error.text);
}

/* one bit of an output flipped, or the file cut: the same answer, or a reason. Fewer with sanitizers, beside which
   tests/fuzz/fuzz_output.c has the same reader. */
static void damaged_output(void **unused) {
  basin_error error;
  basin_run_options o = options();
  size_t size;
  uint64_t state = 5;
  const int flips = 4000 / TEST_SLOWER, cuts = 200 / TEST_SLOWER;
  int refused = 0;
  (void)unused;
  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size), *sound[2];
  for (int i = 0; i < 2; i++) sound[i] = answer_of(output, i, &error);
  assert_true(sound[0] && sound[1]);
  for (int i = 0; i < flips + cuts; i++) {
    const size_t at = i < flips ? (size_t)(test_random(&state) % size)
                                : (size_t)(i - flips) * size / (size_t)cuts,
                 bit = test_random(&state) % 8;
    const int thorough = i % 8 == 0; /* the 2000 resamples take long */
    if (i < flips) bytes[at] ^= (char)(1 << bit);
    write_file(output, bytes, i < flips ? size : at);
    char *answer = answer_of(output, thorough, &error);
    if (answer && strcmp(answer, sound[thorough]) != 0)
      fail_msg("another answer with bit %zu of byte %zu flipped", bit, at);
    refused += !answer;
    free(answer);
    if (i < flips) bytes[at] ^= (char)(1 << bit);
  }
  assert_true(refused > flips / 4);
  free(sound[0]);
  free(sound[1]);
  free(bytes);
  unlink(output);
}

/* ---- outputs that were changed on purpose ---- */

static hid_t change(const char *bytes, size_t size) {
  write_file(output, bytes, size);
  const hid_t file = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

static void leave_out_checksums(hid_t file) {
  if (H5Lexists(file, "checksum", H5P_DEFAULT) > 0)
    assert_true(H5Ldelete(file, "checksum", H5P_DEFAULT) >= 0);
}

/* put another variable in the place of one; dcpl: how it is stored */
static void replace(hid_t place, const char *name, hid_t type, int rank, const hsize_t *size,
                    hid_t dcpl) {
  const hid_t space = H5Screate_simple(rank, size, NULL);
  assert_true(H5Ldelete(place, name, H5P_DEFAULT) >= 0);
  const hid_t id = H5Dcreate2(place, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
  assert_true(id >= 0);
  H5Dclose(id);
  H5Sclose(space);
}

/* a value of a variable, as somebody might edit it */
static void edit(hid_t file, const char *name, int64_t at, int64_t value) {
  int64_t all[512];
  const hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
  assert_true(H5Dread(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
  all[at] = value;
  assert_true(H5Dwrite(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
  H5Dclose(id);
}

/* a changed value is found whatever HDF5 thinks of it, and named with its cell; a complete file is one that is sound */
static void checksums(void **unused) {
  basin_error error;
  basin_run_options o = options();
  size_t size;
  (void)unused;
  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size), *sound = answer_of(output, 0, &error);
  const struct {
    const char *name, *reason;
    int64_t at;
  } changed[] = {{"outcome", "outcome of cell 0 is damaged", 0},
                 {"outcome", "outcome of cell 1 is damaged", 399},
                 {"steps", "steps of cell 1 is damaged", 201},
                 {"time", "time is damaged", 2},
                 {"k", "k is damaged", 1},
                 {"draw", "draw is damaged", 0}};
  for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
    const hid_t file = change(bytes, size);
    edit(file, changed[i].name, changed[i].at, 3);
    H5Fclose(file);
    assert_refused(output, changed[i].reason);
    o = options();
    if (changed[i].name[0] == 'o') {
      assert_int_equal(basin_run(e, &o, &error), BASIN_BAD_INPUT);
      assert_non_null(strstr(error.text, changed[i].reason));
    }
  }

  /* what none of the functions reads is found by a look at everything */
  hid_t file = change(bytes, size);
  edit(file, "final_loss", 7, 3);
  H5Fclose(file);
  assert_answer(output, sound);
  basin_results *results;
  int64_t variables;
  assert_ok(basin_results_open(output, &results, &error), error);
  assert_int_equal(basin_results_verify(results, &variables, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "final_loss of cell 0 is damaged"));
  basin_results_close(results);

  /* a file of an older version has none, and is read as it is */
  file = change(bytes, size);
  leave_out_checksums(file);
  H5Fclose(file);
  assert_answer(output, sound);
  assert_ok(basin_results_open(output, &results, &error), error);
  assert_int_equal(basin_results_verify(results, &variables, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "has no checksums: basin " BASIN_VERSION " made it"));
  basin_results_close(results);
  free(sound);
  free(bytes);
  unlink(output);
}

/* checksums that are not what they should be: never a crash */
static void damaged_checksums(void **unused) {
  basin_error error;
  basin_run_options o = options();
  size_t size;
  const hsize_t two = 2, three = 3, square[2] = {2, 2};
  (void)unused;
  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size), *sound = answer_of(output, 0, &error);

  /* one that is not there: others may have added the variable */
  hid_t file = change(bytes, size);
  assert_true(H5Ldelete(file, "checksum/outcome", H5P_DEFAULT) >= 0);
  H5Fclose(file);
  assert_answer(output, sound);

  file = change(bytes, size);
  replace(file, "checksum/outcome", H5T_NATIVE_UINT64, 1, &three, H5P_DEFAULT);
  H5Fclose(file);
  assert_refused(output, "outcome is damaged: its checksum cannot be read");
  file = change(bytes, size);
  replace(file, "checksum/outcome", H5T_NATIVE_UINT64, 2, square, H5P_DEFAULT);
  H5Fclose(file);
  assert_refused(output, "outcome is damaged: its checksum cannot be read");
  file = change(bytes, size);
  replace(file, "checksum/steps", H5T_NATIVE_DOUBLE, 1, &two, H5P_DEFAULT);
  H5Fclose(file);
  assert_refused(output, "steps is damaged: its checksum cannot be read");
  file = change(bytes, size);
  assert_true(H5Adelete_by_name(file, "checksum", "time", H5P_DEFAULT) >= 0);
  const hid_t pair = H5Screate_simple(1, &two, NULL),
              id = H5Acreate_by_name(file, "checksum", "time", H5T_NATIVE_UINT64, pair, H5P_DEFAULT,
                                     H5P_DEFAULT, H5P_DEFAULT);
  assert_true(id >= 0);
  H5Aclose(id);
  H5Sclose(pair);
  H5Fclose(file);
  assert_refused(output, "time is damaged: its checksum cannot be read");

  /* another thing in the group's place */
  file = change(bytes, size);
  replace(file, "checksum", H5T_NATIVE_INT, 1, &two, H5P_DEFAULT);
  H5Fclose(file);
  assert_refused(output, "damaged");
  file = change(bytes, size);
  assert_true(H5Ldelete(file, "checksum", H5P_DEFAULT) >= 0);
  assert_true(H5Lcreate_soft("/nowhere", file, "checksum", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  H5Fclose(file);
  assert_refused(output, "damaged");
  free(sound);
  free(bytes);
  unlink(output);
}

/* ---- what is in an output ---- */

static basin_experiment *with(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* no grid parameter may have the name of what the file has beside the parameters */
static herr_t refuse_name(hid_t file, const char *name, const H5L_info_t *info, void *names) {
  char text[128];
  const char *const set[] = {text};
  basin_error error = {""};
  basin_experiment *other;
  (void)file;
  (void)info;
  if (!strcmp(name, "k") || !strcmp(name, "p")) return 0;
  snprintf(text, sizeof text, "grid={k: 5, %s: [1, 2]}", name);
  assert_int_equal(basin_experiment_parse("t.yaml", experiment_text,
                                          (int64_t)strlen(experiment_text), set, 1, &other, &error),
                   BASIN_BAD_INPUT);
  if (!strstr(error.text, "is taken by the output file")) fail_msg("%s: %s", name, error.text);
  ++*(int *)names;
  return 0;
}

static void names_are_taken(void **unused) {
  static const char *const set[] = {"record.estimate={inputs: 1000}", "on_divergence=halve",
                                    "variants={one: {}, two: {schedule: [{eta: 0.1}]}}",
                                    "trials=4"};
  basin_error error;
  basin_experiment *other = with(set, 4);
  basin_run_options o = options();
  hsize_t at = 0;
  int names = 0;
  (void)unused;
  o.no_provenance = 0;
  assert_ok(basin_run(other, &o, &error), error);
  const hid_t file = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  assert_true(H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &at, refuse_name, &names) >= 0);
  assert_true(names > 12 + 2 + 4); /* once, groups, and two vectors with their entries */
  H5Fclose(file);
  unlink(output);
  basin_experiment_free(other);
}

/* one vector of a recorded trial against the file's: its rows are as long as those of the longest cell */
static void assert_vector(const double *file, int64_t longest, const double *expected,
                          int64_t length) {
  assert_memory_equal(file, expected, (size_t)length * sizeof *file);
  for (int64_t i = length; i < longest; i++) assert_true(isnan(file[i]));
}

/* any number of threads that make them leaves the same bytes as one, whose output is there */
static void assert_threads_agree(const basin_experiment *of) {
  static const int threads[] = {2, 5, 64};
  size_t size, other_size;
  char *bytes = test_read_file(output, &size);
  for (int i = 0; i < 3; i++) {
    basin_error error;
    basin_run_options o = options();
    o.threads = threads[i];
    unlink(output);
    assert_ok(basin_run(of, &o, &error), error);
    char *other = test_read_file(output, &other_size);
    assert_int_equal(other_size, size);
    assert_memory_equal(other, bytes, size);
    free(other);
  }
  free(bytes);
}

/* Full vectors are written in blocks, here several for each trial of the wide cell: they are those of every recorded
   state alone. */
static void vectors_in_blocks(void **unused) {
  enum { LONGEST = 700, TIMES = 251, TRIALS = 3 };
  static const char *const set[] = {
      "grid={k: [5, 700]}",
      "trials=3",
      "stop={max_steps: 250, at: 1e-9}",
      "schedule=[{eta: 1/k^2}]",
      "allow={unresolved: 1}",
      "record={trials: 3, steps: {every: 1}, parameters: true, final: all}"};
  basin_error error;
  basin_experiment *other = with(set, 6);
  basin_run_options o = options();
  basin_watch watch = {0};
  double *a = calloc(TIMES * LONGEST, sizeof *a), *v = calloc(TIMES * 3, sizeof *v);
  int64_t compared = 0;
  (void)unused;
  assert_true(a && v);
  assert_ok(basin_run(other, &o, &error), error);
  const hid_t file = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT),
              id_a = H5Dopen2(file, "vector_a", H5P_DEFAULT),
              id_v = H5Dopen2(file, "vector_v", H5P_DEFAULT);
  for (int64_t c = 0; c < 2; c++) {
    const basin_job job = basin_part_job(other, c, 0, TRIALS);
    const basin_size *size = &job.setting->size;
    double one[LONGEST + 3];
    basin_part part;
    assert_true(job.times == TIMES && size->vectors <= LONGEST + 3);
    assert_ok(basin_part_allocate(&job, &part, &error), error);
    assert_int_equal(basin_cpu_run(&job, BASIN_ISA_GENERIC, &part, &watch), BASIN_OK);
    for (int64_t i = 0; i < TRIALS; i++) {
      const hsize_t start[4] = {(hsize_t)c, (hsize_t)i, 0, 0}, of_a[4] = {1, 1, TIMES, LONGEST},
                    of_v[4] = {1, 1, TIMES, 3};
      assert_true(basin_hdf5_read(id_a, H5T_NATIVE_DOUBLE, 4, start, of_a, a));
      assert_true(basin_hdf5_read(id_v, H5T_NATIVE_DOUBLE, 4, start, of_v, v));
      for (int64_t t = 0; t < TIMES; t++) {
        const double *state = part.state + (i * TIMES + t) * size->states;
        const int there = !isnan(state[0]);
        if (there) assert_int_equal(job.model->vectors(job.setting, i, 1, state, 0, one), BASIN_OK);
        const int64_t k = size->vectors - 3;
        assert_vector(a + t * LONGEST, LONGEST, one, there ? k : 0);
        assert_vector(v + t * 3, 3, one + k, there ? 3 : 0);
        compared += there && c;
      }
    }
    basin_part_free(&part);
  }
  assert_true(compared > TRIALS * (1 << 17) / (2 * LONGEST + 3)); /* else one block would do */
  assert_threads_agree(other);
  H5Dclose(id_a);
  H5Dclose(id_v);
  H5Fclose(file);
  free(a);
  free(v);
  unlink(output);
  basin_experiment_free(other);
}

/* ---- foreign outputs ---- */

/* files that are something else */
static void foreign_output(void **unused) {
  basin_error error;
  basin_results *results;
  basin_run_options o = options();
  (void)unused;
  write_file(output, "not HDF5 at all", 15);
  assert_int_equal(basin_results_open(output, &results, &error), BASIN_BAD_INPUT);
  assert_int_equal(basin_run(e, &o, &error), BASIN_BAD_INPUT);
  size_t size;
  char *bytes = test_read_file(output, &size);
  assert_true(size == 15 && !memcmp(bytes, "not HDF5 at all", 15)); /* nothing overwritten */
  free(bytes);
  unlink(output);
  assert_int_equal(basin_results_open("/nowhere", &results, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "/nowhere: cannot be read"));
  assert_int_equal(basin_results_open(folder, &results, &error), BASIN_BAD_INPUT);
}

/* what a file claims to hold, beyond what it can: refused at once */
static void crafted_size(void **unused) {
  static const char *const trials_wide[] = {"outcome", "steps"};
  basin_error error;
  basin_run_options o = options();
  size_t size;
  const hsize_t huge[2] = {2, (hsize_t)1 << 59}, piece[2] = {1, 1 << 20};
  (void)unused;
  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size);
  const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
  assert_true(H5Pset_chunk(chunked, 2, piece) >= 0);
  const hid_t create[] = {H5P_DEFAULT, chunked};
  for (int i = 0; i < 2; i++) {
    const hid_t file = change(bytes, size);
    for (int v = 0; v < 2; v++)
      replace(file, trials_wide[v], v ? H5T_NATIVE_INT64 : H5T_NATIVE_INT8, 2, huge, create[i]);
    edit(file, "trials", 0, (int64_t)1 << 59);
    leave_out_checksums(file);
    H5Fclose(file);
    assert_refused(output, "not an output file of basin, or damaged");
  }
  H5Pclose(chunked);
  free(bytes);
  unlink(output);
}

/* links and data that lead out of the file are not followed: at their end may be a fifo, which would be waited for */
static void leads_elsewhere(void **unused) {
  basin_error error;
  basin_results *results;
  basin_run_options o = options();
  char fifo[64];
  size_t size;
  const hsize_t extent[2] = {2, 200};
  (void)unused;
  snprintf(fifo, sizeof fifo, "%s/fifo", folder);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  assert_int_equal(basin_results_open(fifo, &results, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "a folder, a pipe, or a link that leads nowhere"));

  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size);
  hid_t file = change(bytes, size);
  assert_true(H5Ldelete(file, "outcome", H5P_DEFAULT) >= 0);
  assert_true(H5Lcreate_external(fifo, "/x", file, "outcome", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  H5Fclose(file);
  assert_refused(output, "not an output file of basin, or damaged");

  /* beside what is ours it does no harm */
  file = change(bytes, size);
  assert_true(H5Lcreate_external(fifo, "/x", file, "extra", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  H5Fclose(file);
  char *answer = answer_of(output, 0, &error);
  assert_non_null(answer);
  free(answer);

  file = change(bytes, size);
  const hid_t outside = H5Pcreate(H5P_DATASET_CREATE);
  assert_true(H5Pset_external(outside, fifo, 0, 400) >= 0);
  replace(file, "outcome", H5T_NATIVE_INT8, 2, extent, outside);
  leave_out_checksums(file);
  H5Pclose(outside);
  H5Fclose(file);
  assert_refused(output, "not an output file of basin, or damaged");
  free(bytes);
  unlink(fifo);
  unlink(output);
}

/* ---- a full disk ---- */

static int files_in_folder(void) {
  int count = 0;
  DIR *directory = opendir(folder);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

/* No room from the n-th write of HDF5 on, or for that one alone, for every n: an error, and nothing stays. That the
   library can still end is seen when this program does. */
static void full_disk(void **unused) {
  basin_error error;
  (void)unused;
  for (int alone = 0; alone < 2; alone++) {
    basin_status status = BASIN_FAILED;
    for (int64_t n = 1; status; n++) {
      basin_run_options o = options();
      writes = 0;
      full_from = n;
      full_to = alone ? n : INT64_MAX;
      status = basin_run_trial(e, 1, 2, &o, &error);
      const int64_t done = writes;
      full_from = 0;
      if (!status) {
        assert_true(n > 3 && done == n - 1); /* there was no n-th write */
        assert_int_equal(files_in_folder(), 1);
        break;
      }
      assert_int_equal(status, BASIN_FAILED);
      assert_non_null(strstr(error.text, "cannot be written: No space left on device"));
      assert_int_equal(files_in_folder(), 0);
    }
    char *answer = answer_of(output, 0, &error);
    if (alone) assert_null(answer); /* a file of one trial: answer_of() asks for three */
    free(answer);
    unlink(output);
  }
}

/* The same while a file is extended: it stays as it was, and the same call goes on where there is room. */
static void full_disk_while_extended(void **unused) {
  static const char *const set[] = {"trials=300", "record.trials=5"};
  basin_experiment *more = test_parse(experiment_text, set, 2);
  basin_run_options o = options();
  basin_status status = BASIN_FAILED;
  basin_error error;
  size_t size, other_size;
  (void)unused;
  assert_ok(basin_run(more, &o, &error), error);
  char *fresh = test_read_file(output, &size);
  unlink(output);
  assert_ok(basin_run(e, &o, &error), error);
  char *old = test_read_file(output, &other_size);
  o = options();
  o.extend = 1;
  for (int64_t n = 1; status; n++) {
    writes = 0;
    full_from = n;
    full_to = INT64_MAX;
    status = basin_run(more, &o, &error);
    full_from = 0;
    if (!status) break;
    assert_int_equal(status, BASIN_FAILED);
    assert_non_null(strstr(error.text, "cannot be written: No space left on device"));
    size_t now_size;
    char *now = test_read_file(output, &now_size);
    assert_true(now_size == other_size && !memcmp(now, old, now_size));
    free(now);
    assert_int_equal(files_in_folder(), 2); /* and the parts */
  }
  assert_int_equal(files_in_folder(), 1);
  free(old);
  old = test_read_file(output, &other_size);
  assert_true(size == other_size && !memcmp(fresh, old, size));
  free(fresh);
  free(old);
  basin_experiment_free(more);
  unlink(output);
}

/* ---- what is read ---- */

/* to say that a file is complete, the outcomes are counted: the steps, eight times as large, are left alone */
static void complete_reads_outcomes(void **unused) {
  basin_error error;
  basin_experiment *many;
  const char *const set[] = {"trials=40000", "record={final: [loss]}"};
  basin_run_options o = options();
  int complete = 0;
  (void)unused;
  many = test_parse(experiment_text, set, 2);
  o.part_trials = 10000;
  assert_ok(basin_run(many, &o, &error), error);
  bytes_read = 0;
  assert_ok(basin_results_check(output, many, &complete, &error), error);
  assert_true(complete);
  assert_within((double)bytes_read, 2 * 40000, 4 * 2 * 40000);
  basin_experiment_free(many);
  unlink(output);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(part_round_trip),
      cmocka_unit_test(part_bytes_stay),
      cmocka_unit_test(damaged_part),
      cmocka_unit_test(impossible_part),
      cmocka_unit_test(foreign_part),
      cmocka_unit_test(resume_to_same_bytes),
      cmocka_unit_test(other_version),
      cmocka_unit_test(damaged_output),
      cmocka_unit_test(foreign_output),
      cmocka_unit_test(names_are_taken),
      cmocka_unit_test(vectors_in_blocks),
      cmocka_unit_test(checksums),
      cmocka_unit_test(damaged_checksums),
      cmocka_unit_test(crafted_size),
      cmocka_unit_test(leads_elsewhere),
      cmocka_unit_test(full_disk),
      cmocka_unit_test(full_disk_while_extended),
      cmocka_unit_test(complete_reads_outcomes),
  };
  return cmocka_run_group_tests_name("store", tests, set_up, tear_down);
}
