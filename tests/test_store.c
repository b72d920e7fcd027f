/* SPDX-License-Identifier: MIT
 *
 * test_store.c: harm done to parts and outputs. A damaged byte anywhere in a part is found, and that part alone is
 * redone; foreign parts are refused; a damaged output is an error, never a crash.
 */
#include "test.h"
#include "part.h"
#include "results.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char experiment_text[] =
    "model: cnn\n"
    "grid: {k: [5, 9]}\n"
    "trials: 200\n"
    "parameters: {p: 3}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
    "init: {v: {sphere: 1}, a: {ball: 1}}\n"
    "schedule: [{eta: 0.2}]\n"
    "record: {trials: 3, steps: [0, 4, 7, 10], parameters: true}\n";

static char folder[] = "/tmp/basin-test-store-XXXXXX", output[64], parts[64];
static basin_experiment *e;
static volatile int stop;

static int set_up(void **unused) {
  basin_error error;
  (void)unused;
  if (!mkdtemp(folder)) return -1;
  snprintf(output, sizeof output, "%s/out.h5", folder);
  snprintf(parts, sizeof parts, "%s/out.h5.parts", folder);
  return (int)basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text),
                                     NULL, 0, &e, &error);
}

static int tear_down(void **unused) {
  char command[128];
  (void)unused;
  basin_experiment_free(e);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
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
    assert_int_equal(job.model->lane_run[BASIN_POPULATION][0](&job, &part, &watch), BASIN_OK);
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

/* a part of another experiment is refused, with its name; nothing is written or removed */
static void foreign_part(void **unused) {
  basin_error error;
  basin_experiment *other;
  const char *const set[] = {"schedule=[{eta: 0.1}]"};
  basin_run_options o = options();
  (void)unused;
  make_parts(4);
  assert_ok(basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text), set,
                                   1, &other, &error),
            error);
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
  assert_ok(basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text), set,
                                   1, &more, &error),
            error);
  assert_int_equal(basin_run(more, &o, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "holds another experiment, or other trials"));
  basin_experiment_free(more);
  unlink(output);
}

/* one bit of an output flipped, or the file cut: reading it succeeds or fails with a reason, and does not crash */
static void damaged_output(void **unused) {
  basin_error error;
  basin_run_options o = options();
  size_t size;
  uint64_t state = 5;
  int refused = 0;
  (void)unused;
  assert_ok(basin_run(e, &o, &error), error);
  char *bytes = test_read_file(output, &size);
  for (int i = 0; i < 4200; i++) {
    const size_t at = i < 4000 ? (size_t)(test_random(&state) % size)
                               : (size_t)(i - 4000) * size / 200,
                 bit = test_random(&state) % 8;
    basin_results *results = NULL;
    if (i < 4000) bytes[at] ^= (char)(1 << bit);
    write_file(output, bytes, i < 4000 ? size : at);
    const basin_status status = basin_results_open(output, &results, &error);
    if (status) {
      assert_int_equal(status, BASIN_BAD_INPUT);
      assert_true(!strncmp(error.text, output, strlen(output)));
      refused++;
    } else {
      double *value = calloc(
          (size_t)(basin_results_recorded(results) * basin_results_times(results)) + 1,
          sizeof *value);
      char units[32];
      basin_summary summary;
      basin_rates rates;
      for (int64_t c = 0; c < basin_results_cells(results); c++)
        basin_results_summary(results, c, &summary, &error);
      if (i % 8 == 0) /* its 2000 resamples take long */
        basin_results_rates(results, 0, &(basin_rates_options){.observable = NULL}, &rates, &error);
      for (int j = 0; j < basin_results_observables(results); j++)
        basin_results_trajectory(results, 0, basin_results_observable(results, j), value, units,
                                 &error);
      free(value);
    }
    basin_results_close(results);
    if (i < 4000) bytes[at] ^= (char)(1 << bit);
  }
  assert_true(refused > 300);
  free(bytes);
  unlink(output);
}

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(part_round_trip), cmocka_unit_test(damaged_part),
      cmocka_unit_test(foreign_part),    cmocka_unit_test(resume_to_same_bytes),
      cmocka_unit_test(other_version),   cmocka_unit_test(damaged_output),
      cmocka_unit_test(foreign_output),
  };
  return cmocka_run_group_tests_name("store", tests, set_up, tear_down);
}
