/* SPDX-License-Identifier: MIT */
#include "store/hdf5_driver.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* the disk begins at once with writes of so many bytes: fsync has less to wait for */
enum { LARGE = 1 << 19 };

/* what goes with an access list, which copies it */
typedef struct settings {
  basin_driver *driver;
} settings;

typedef struct made {
  H5FD_t base; /* first: the library's own */
  basin_driver *driver;
  int file;
  haddr_t allocated, written; /* the end of what the library uses, and of the file */
} made;

static void note(int *failure) {
  int none = 0;
  __atomic_compare_exchange_n(failure, &none, errno ? errno : EIO, 0, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
}
static void fail(const made *m) { note(&m->driver->failure); }

void basin_driver_put(int file, int *failure, int64_t at, size_t count, const void *bytes) {
  size_t done = 0;
  while (done < count && !__atomic_load_n(failure, __ATOMIC_RELAXED)) {
    const ssize_t put = pwrite(file, (const char *)bytes + done, count - done,
                               (off_t)(at + (int64_t)done));
    if (put > 0) done += (size_t)put;
    else if (put == 0 || errno != EINTR) note(failure);
  }
  if (count >= LARGE) sync_file_range(file, (off_t)at, (off_t)count, SYNC_FILE_RANGE_WRITE);
}

static H5FD_t *driver_open(const char *path, unsigned flags, hid_t access, haddr_t end) {
  const settings *s = H5Pget_driver_info(access);
  made *m = calloc(1, sizeof *m);
  (void)end;
  if (!s || !m || !(flags & H5F_ACC_CREAT)) {
    free(m);
    return NULL;
  }
  m->driver = s->driver;
  m->file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (m->file >= 0) return &m->base;
  fail(m);
  free(m);
  return NULL;
}

static herr_t driver_close(H5FD_t *base) {
  made *m = (made *)base;
  if (close(m->file)) fail(m);
  free(m);
  return 0;
}

/* As the library's own driver does it: the same places in the file, and files that it opens without this one. But
   values of datasets go straight to the file, not by a buffer that the library would write over what others have put
   there. */
static herr_t driver_query(const H5FD_t *base, unsigned long *flags) {
  (void)base;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

static haddr_t driver_allocated(const H5FD_t *base, H5FD_mem_t type) {
  (void)type;
  return ((const made *)base)->allocated;
}

static herr_t driver_allocate(H5FD_t *base, H5FD_mem_t type, haddr_t end) {
  (void)type;
  ((made *)base)->allocated = end;
  return 0;
}

static haddr_t driver_written(const H5FD_t *base, H5FD_mem_t type) {
  (void)type;
  return ((const made *)base)->written;
}

/* what lies behind the end of the file reads as zeros */
static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t count,
                          void *bytes) {
  const made *m = (const made *)base;
  size_t done = 0;
  (void)type;
  (void)transfer;
  while (done < count) {
    const ssize_t got = pread(m->file, (char *)bytes + done, count - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(m);
    if (got <= 0) break;
    done += (size_t)got;
  }
  memset((char *)bytes + done, 0, count - done);
  return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t count,
                           const void *bytes) {
  made *m = (made *)base;
  (void)transfer;
  if (!m->driver->mute || type != H5FD_MEM_DRAW)
    basin_driver_put(m->file, &m->driver->failure, (int64_t)at, count, bytes);
  if (at + count > m->written) m->written = at + count;
  return 0;
}

static herr_t driver_truncate(H5FD_t *base, hid_t transfer, hbool_t closing) {
  made *m = (made *)base;
  (void)transfer;
  (void)closing;
  if (m->written == m->allocated) return 0;
  if (!m->driver->failure && ftruncate(m->file, (off_t)m->allocated)) fail(m);
  m->written = m->allocated;
  return 0;
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = H5_VFD_RESERVED + 90,
#endif
    .name = "basin",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(settings),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_allocated,
    .set_eoa = driver_allocate,
    .get_eof = driver_written,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

/* the driver, registered once and for good: HDF5 1.10 uses it after its last file has given it back */
static hid_t registered(void) {
  static hid_t id = H5I_INVALID_HID;
  if (id < 0 || H5Iis_valid(id) <= 0) id = H5FDregister(&driver);
  return id;
}

hid_t basin_driver_access(basin_driver *made_by) {
  const settings s = {.driver = made_by};
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  *made_by = (basin_driver){0};
  if (access >= 0 && H5Pset_driver(access, registered(), &s) >= 0) return access;
  if (access >= 0) H5Pclose(access);
  return H5I_INVALID_HID;
}
