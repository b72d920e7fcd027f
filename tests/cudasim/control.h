/* SPDX-License-Identifier: MIT
 *
 * control.h: what a test may ask of the simulator: failures to come, and counts of what was done. C and C++.
 *
 * `device` is a device number, or -1 for every device. Counting starts with 1 at the time of the call: nth = 1
 * is the very next one. Errors are values of cudaError_t.
 */
#ifndef CUDASIM_CONTROL_H
#define CUDASIM_CONTROL_H

#ifdef __cplusplus
extern "C" {
#endif

/* `count` allocations of device memory fail, from the nth on; count 0: all of them */
void cudasim_fail_malloc(int device, long nth, long count);

/* The nth launch fails with `error`. An error that ruins the context (an illegal address, a launch failure, a
   timeout, ...) shows, as on a real device, when something waits for the launch; from then on every call on the
   device returns it, until cudaDeviceReset. cudaErrorMemoryAllocation is returned by this launch alone, any other
   error by this and all later ones. */
void cudasim_fail_launch(int device, long nth, int error);

/* The device falls off the bus at the nth call that concerns it: that call and all later ones return
   cudaErrorDevicesUnavailable, for good. */
void cudasim_fail_device(int device, long nth);

/* no further failures; what has failed stays as it is */
void cudasim_clear_faults(void);

enum cudasim_what {
  CUDASIM_CALLS,       /* calls that concern the device */
  CUDASIM_LAUNCHES,    /* kernels launched */
  CUDASIM_ALLOCATIONS, /* allocations of device memory that succeeded */
  CUDASIM_BYTES,       /* bytes of device memory allocated now */
  CUDASIM_PEAK,        /* the most of them at once since this was asked last */
  CUDASIM_PINNED,      /* bytes of pinned host memory allocated now */
  CUDASIM_PENDING      /* pieces of work queued and not done */
};
long long cudasim_count(int device, enum cudasim_what what);

#ifdef __cplusplus
}
#endif

#endif
