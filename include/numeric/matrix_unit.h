/* SPDX-License-Identifier: MIT
 *
 * matrix_unit.h: the double-precision matrix instruction of a device, by a whole warp: C [16][8] becomes C + A B, with
 * A [16][4] and B [4][8].
 *
 *   unit_add(c, a0, a1, b);
 *
 * Thread `lane` of the warp holds of A rows lane / 4 and that 8 below at column lane % 4, in a0 and a1; of B row
 * lane % 4 and column lane / 4; of C, in c[0] and c[1], the same two rows as of A, columns 2 (lane % 4) and the next.
 *
 * Every element of C becomes four fma one after the other, in the order of the depth, each rounded: the chain that
 * numeric/product.h promises. NVIDIA does not say so. An H200 does it: at least 1.6e7 elements of each of four shapes
 * of the instruction were like chains of fma, bit by bit, with subnormal, infinite and zero numbers of both signs among
 * them, where the opposite order was not (bench/RESULTS.md). bench/peak.cu asks the device at hand, and the bits of
 * networks are compared with the CPU's by tests/tools/check_gpu. The simulator does what is written here.
 */
#ifndef BASIN_NUMERIC_MATRIX_UNIT_H
#define BASIN_NUMERIC_MATRIX_UNIT_H

enum { UNIT_ROWS = 16, UNIT_COLUMNS = 8, UNIT_DEPTH = 4 };

#if defined(CUDASIM)
static inline void unit_add(double c[2][2], double a0, double a1, double b) {
  __shared__ double given[32][3][32]; /* of up to as many warps */
  const int lane = (int)threadIdx.x % 32, row = lane / UNIT_DEPTH, pair = lane % UNIT_DEPTH;
  double(*const own)[32] = given[threadIdx.x / 32];
  own[0][lane] = a0;
  own[1][lane] = a1;
  own[2][lane] = b;
  __syncwarp();
  for (int e = 0; e < 2; e++)
    for (int k = 0; k < UNIT_DEPTH; k++) {
      const double y = own[2][UNIT_DEPTH * (2 * pair + e) + k];
      c[0][e] = fma(own[0][UNIT_DEPTH * row + k], y, c[0][e]);
      c[1][e] = fma(own[1][UNIT_DEPTH * row + k], y, c[1][e]);
    }
  __syncwarp();
}
#else
/* by two instructions of eight rows where there is none of sixteen */
static __device__ __forceinline__ void unit_add(double c[2][2], double a0, double a1, double b) {
#if __CUDA_ARCH__ >= 900
  asm("mma.sync.aligned.m16n8k4.row.col.f64.f64.f64.f64 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
      "{%0, %1, %2, %3};"
      : "+d"(c[0][0]), "+d"(c[0][1]), "+d"(c[1][0]), "+d"(c[1][1])
      : "d"(a0), "d"(a1), "d"(b));
#else
  asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
      : "+d"(c[0][0]), "+d"(c[0][1])
      : "d"(a0), "d"(b));
  asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
      : "+d"(c[1][0]), "+d"(c[1][1])
      : "d"(a1), "d"(b));
#endif
}
#endif

#endif
