/* SPDX-License-Identifier: MIT
 *
 * test_product.c: exact products (numeric/product.h) by tiles, of every instruction set that this machine has,
 * against the chains of fma that they are promised to be; and those of a BLAS (engine/blas.h). Seeds are fixed.
 */
#include "engine/blas.h"
#include "engine/cpu.h"
#include "engine/tiled_product.h"
#include "test.h"

static uint64_t word(void) {
  static uint64_t state = 20261126;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}
static int64_t upto(int64_t least, int64_t most) {
  return least + (int64_t)(word() % (uint64_t)(most - least + 1));
}
static double number(void) { return ((double)word() - 0x1p30) * 0x1p-30; }

/* ---- what is promised ---- */

static int64_t count(basin_pair p) { return p.outer * p.inner; }
static int64_t at(basin_pair stride, basin_pair size, int64_t i) {
  return i / size.inner * stride.outer + i % size.inner * stride.inner;
}

/* the chain of one element; `from` and `step`: 0 and 1, or others for what is not promised */
static double chain(const basin_product *p, const double *a, const double *b, int64_t row,
                    int64_t column, double x, int64_t from, int64_t step) {
  const int64_t depth = count(p->depth);
  a += at(p->a_rows, p->rows, row);
  b += at(p->b_columns, p->columns, column);
  for (int64_t k = 0; k < depth; k++) {
    const int64_t q = (from + k * step) % depth;
    x = fma(a[at(p->a_depth, p->depth, q)], b[at(p->b_depth, p->depth, q)], x);
  }
  return x;
}

/* ---- arrays: as large as the largest place in them; 0 is the first one, whatever the signs of the strides ---- */

typedef struct array {
  double *base, *zero;
  int64_t size;
} array;

static void reach(int64_t stride, int64_t size, int64_t *low, int64_t *high) {
  *(stride < 0 ? low : high) += stride * (size > 0 ? size - 1 : 0);
}

static array array_new(basin_pair i, basin_pair i_stride, basin_pair j, basin_pair j_stride) {
  int64_t low = 0, high = 0;
  reach(i_stride.outer, i.outer, &low, &high);
  reach(i_stride.inner, i.inner, &low, &high);
  reach(j_stride.outer, j.outer, &low, &high);
  reach(j_stride.inner, j.inner, &low, &high);
  array x = {.size = high - low + 1};
  x.base = malloc((size_t)x.size *
                  sizeof *x.base); /* no more: AddressSanitizer sees who reads beside it */
  assert_non_null(x.base);
  x.zero = x.base - low;
  for (int64_t e = 0; e < x.size; e++) x.base[e] = number();
  return x;
}

static int same(double x, double y) {
  return memcmp(&x, &y, sizeof x) == 0 || (isnan(x) && isnan(y));
}

/* the product by every instruction set, with and without what C has, against the chains; places of the array of C
   that are no element of it must stay as they are */
static void check_arrays(const basin_product *p, array a, array b, array c) {
  const int64_t room = basin_product_room(p), rows = count(p->rows), columns = count(p->columns);
  double *scratch = malloc((size_t)room * sizeof *scratch),
         *wanted = malloc((size_t)c.size * sizeof *wanted),
         *before = malloc((size_t)c.size * sizeof *before);
  assert_non_null(scratch);
  assert_non_null(wanted);
  assert_non_null(before);
  memcpy(before, c.base, (size_t)c.size * sizeof *before);
  for (int add = 0; add < 2; add++) {
    memcpy(wanted, before, (size_t)c.size * sizeof *before);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++) {
        double *x = wanted + (c.zero - c.base) + at(p->c_rows, p->rows, i) +
                    at(p->c_columns, p->columns, j);
        *x = chain(p, a.zero, b.zero, i, j, add ? *x : 0, 0, 1);
      }
    for (int isa = 0; isa < BASIN_ISAS; isa++) {
      if (basin_cpu_isa(basin_cpu_isa_name(isa)) != isa) continue;
      memcpy(c.base, before, (size_t)c.size * sizeof *before);
      for (int64_t e = 0; e < room; e++) scratch[e] = NAN;
      basin_product_of(isa)(p, a.zero, b.zero, c.zero, add, scratch);
      for (int64_t e = 0; e < c.size; e++)
        if (!same(c.base[e], wanted[e]))
          fail_msg("%s, %d x %d, depth %d: place %d is %a, the chain %a", basin_cpu_isa_name(isa),
                   (int)rows, (int)columns, (int)count(p->depth), (int)e, c.base[e], wanted[e]);
    }
  }
  free(scratch);
  free(wanted);
  free(before);
}

typedef struct arrays {
  array a, b, c;
} arrays;

static arrays arrays_new(const basin_product *p) {
  return (arrays){array_new(p->rows, p->a_rows, p->depth, p->a_depth),
                  array_new(p->columns, p->b_columns, p->depth, p->b_depth),
                  array_new(p->rows, p->c_rows, p->columns, p->c_columns)};
}

static void arrays_free(arrays x) {
  free(x.a.base);
  free(x.b.base);
  free(x.c.base);
}

static void check(const basin_product *p) {
  const arrays x = arrays_new(p);
  check_arrays(p, x.a, x.b, x.c);
  arrays_free(x);
}

/* ---- the products of layers ---- */

/* a dense layer's three */
static void check_dense(int64_t n, int64_t in, int64_t out) {
  check(&(basin_product){
      {n, 1}, {out, 1}, {in, 1}, {in, 0}, {1, 0}, {in, 0}, {1, 0}, {out, 0}, {1, 0}});
  check(&(basin_product){
      {n, 1}, {in, 1}, {out, 1}, {out, 0}, {1, 0}, {1, 0}, {in, 0}, {in, 0}, {1, 0}});
  check(&(basin_product){
      {out, 1}, {in, 1}, {n, 1}, {1, 0}, {out, 0}, {1, 0}, {in, 0}, {in, 0}, {1, 0}});
}

static void test_dense(void **unused) {
  (void)unused;
  for (int i = 0; i < 60 / TEST_SLOWER; i++) check_dense(upto(1, 70), upto(1, 70), upto(1, 70));
  check_dense(1, 1, 1);
  check_dense(70, 1, 70);
}

/* blocks: more than one of the rows, of the columns, and of the depth */
static void test_large(void **unused) {
  (void)unused;
  check_dense(100, 800, 9);
  check_dense(3, BASIN_BLOCK_COLUMNS + 24, 2);
  check_dense(2, 3, BASIN_BLOCK_COLUMNS + 21);
  check_dense(BASIN_BLOCK_ROWS + 1, 5, BASIN_BLOCK_ROWS + 30);
}

/* a convolution's three, on arrays with zeros around them: X [n][in][p + q - 1], U [n][out][p + q - 1] likewise, W
   [out][in][q] */
static void test_convolution(void **unused) {
  (void)unused;
  for (int i = 0; i < 60 / TEST_SLOWER; i++) {
    const int64_t n = upto(1, 5), in = upto(1, 9), out = upto(1, 9), q = upto(1, 5),
                  p = upto(1, i % 3 == 0 ? 8 : 33), wide = p + q - 1;
    const basin_pair x = {in * wide, 1}, u = {out * wide, 1}, channel = {wide, 0};
    check(
        &(basin_product){{n, p}, {out, 1}, {in, q}, x, {wide, 1}, {in * q, 0}, {q, 1}, u, channel});
    check(&(basin_product){
        {n, p}, {in, 1}, {out, q}, u, {wide, -1}, {q, 0}, {in * q, 1}, x, channel});
    check(
        &(basin_product){{out, 1}, {in, q}, {n, p}, channel, u, {wide, 1}, x, {in * q, 0}, {q, 1}});
  }
}

/* any strides: a random order of the four indices of each array, some of them reversed, with gaps */
static void strides(basin_pair i, basin_pair j, basin_pair *si, basin_pair *sj) {
  int64_t *stride[] = {&si->outer, &si->inner, &sj->outer, &sj->inner},
          size[] = {i.outer, i.inner, j.outer, j.inner}, next = upto(0, 3) ? 1 : 2;
  for (int left = 4; left > 0; left--) {
    const int64_t e = upto(0, left - 1);
    *stride[e] = upto(0, 4) ? next : -next;
    next = next * size[e] + (upto(0, 2) ? 0 : upto(1, 3));
    stride[e] = stride[left - 1];
    size[e] = size[left - 1];
  }
}

static basin_pair pair(int64_t most) {
  const int64_t all = upto(1, most), inner = upto(1, 3) == 1 ? 1 : upto(1, all);
  return (basin_pair){all / inner, inner};
}

static void test_any_strides(void **unused) {
  (void)unused;
  for (int i = 0; i < 300 / TEST_SLOWER; i++) {
    basin_product p = {.rows = pair(70), .columns = pair(70), .depth = pair(70)};
    strides(p.rows, p.depth, &p.a_rows, &p.a_depth);
    strides(p.columns, p.depth, &p.b_columns, &p.b_depth);
    strides(p.rows, p.columns, &p.c_rows, &p.c_columns);
    check(&p);
  }
}

/* nothing to add up: 0, or what C has; and no element at all */
static void test_empty(void **unused) {
  (void)unused;
  for (int i = 0; i < 3; i++) {
    basin_product p = {{9, 1}, {11, 1}, {5, 1}, {5, 0}, {1, 0}, {5, 0}, {1, 0}, {11, 0}, {1, 0}};
    *(i == 0 ? &p.rows : i == 1 ? &p.columns : &p.depth) = (basin_pair){0, 1};
    check(&p);
  }
}

/* infinities, NaN and zeros of either sign: an element has what its own row and column make of them */
static void test_special_values(void **unused) {
  (void)unused;
  static const double special[] = {INFINITY, -INFINITY, NAN, -0.0, 0x1p-1074, 0x1p1023, 0.0};
  int nan = 0, finite = 0;
  for (int i = 0; i < 60; i++) {
    const int64_t n = upto(1, 30), m = upto(1, 30), k = upto(1, 30);
    const basin_product p = {{n, 1}, {m, 1}, {k, 1}, {k, 0}, {1, 0},
                             {k, 0}, {1, 0}, {m, 0}, {1, 0}};
    const arrays x = arrays_new(&p);
    for (int e = 0; e < 3; e++) {
      x.a.base[upto(0, x.a.size - 1)] = special[upto(0, 6)];
      x.b.base[upto(0, x.b.size - 1)] = special[upto(0, 6)];
    }
    for (int64_t e = 0; e < x.c.size; e++) x.c.base[e] = upto(0, 1) ? -0.0 : 1;
    check_arrays(&p, x.a, x.b, x.c);
    for (int64_t e = 0; e < x.c.size; e++) isnan(x.c.base[e]) ? nan++ : finite++;
    arrays_free(x);
  }
  assert_true(nan > 100 && finite > 1000);
}

/* that the comparison sees an order that is not the promised one: backwards, or begun elsewhere */
static void test_another_order_differs(void **unused) {
  (void)unused;
  const basin_product p = {{20, 1}, {20, 1}, {64, 1}, {64, 0}, {1, 0},
                           {64, 0}, {1, 0},  {20, 0}, {1, 0}};
  const arrays x = arrays_new(&p);
  int backwards = 0, elsewhere = 0;
  for (int64_t i = 0; i < 20; i++)
    for (int64_t j = 0; j < 20; j++) {
      const double promised = chain(&p, x.a.zero, x.b.zero, i, j, 0, 0, 1);
      backwards += !same(promised, chain(&p, x.a.zero, x.b.zero, i, j, 0, 63, 63));
      elsewhere += !same(promised, chain(&p, x.a.zero, x.b.zero, i, j, 0, 1, 1));
    }
  arrays_free(x);
  assert_true(backwards > 200);
  assert_true(elsewhere > 20);
}

/* ---- the same by a BLAS, to rounding ---- */

static int exacts;

static void count_exact(const basin_product *p, const double *a, const double *b, double *c,
                        int add, double *room) {
  exacts++;
  basin_tensor_product_generic(p, a, b, c, add, room);
}

/* whether a BLAS made it, with and without what C has; every other place of C's array must stay as it is */
static int check_blas(const basin_product *p) {
  const arrays x = arrays_new(p);
  const array c = x.c;
  const int64_t rows = count(p->rows), columns = count(p->columns), depth = count(p->depth);
  const double bound = (double)(depth * depth + depth) * 0x1p-52; /* numbers of size 1 at most */
  double *room = malloc((size_t)basin_product_room(p) * sizeof *room),
         *before = malloc((size_t)c.size * sizeof *before);
  assert_non_null(room);
  assert_non_null(before);
  memcpy(before, c.base, (size_t)c.size * sizeof *before);
  exacts = 0;
  for (int add = 0; add < 2; add++) {
    memcpy(c.base, before, (size_t)c.size * sizeof *before);
    basin_blas_product(p, x.a.zero, x.b.zero, c.zero, add, room, count_exact);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++) {
        const int64_t place = (c.zero - c.base) + at(p->c_rows, p->rows, i) +
                              at(p->c_columns, p->columns, j);
        const double made = c.base[place],
                     wanted = chain(p, x.a.zero, x.b.zero, i, j, add ? before[place] : 0, 0, 1);
        if (!(fabs(made - wanted) <= bound)) fail_msg("%a, expected about %a", made, wanted);
        c.base[place] = before[place];
      }
    assert_memory_equal(c.base, before, (size_t)c.size * sizeof *before);
  }
  free(room);
  free(before);
  arrays_free(x);
  assert_true(exacts == 0 || exacts == 2);
  return !exacts;
}

static void test_blas(void **unused) {
  basin_error error;
  (void)unused;
  const int there = !basin_blas_open(&error);
  if (!there) print_message("skipped: products by a BLAS: %s\n", error.text);
  for (int i = 0; i < 40 / TEST_SLOWER; i++) {
    const int64_t n = i % 4 ? upto(1, 70) : 1, in = i % 5 ? upto(1, 70) : 1,
                  out = i % 3 ? upto(1, 70) : 1;
    const basin_product forward = {{n, 1},  {out, 1}, {in, 1},  {in, 0}, {1, 0},
                                   {in, 0}, {1, 0},   {out, 0}, {1, 0}},
                        backward = {{n, 1}, {in, 1}, {out, 1}, {out, 0}, {1, 0},
                                    {1, 0}, {in, 0}, {in, 0},  {1, 0}},
                        gradient = {{out, 1}, {in, 1}, {n, 1},  {1, 0}, {out, 0},
                                    {1, 0},   {in, 0}, {in, 0}, {1, 0}},
                        start = {{n, 1},  {out, 1}, {1, in}, {in + 3, 0}, {0, 1},
                                 {in, 0}, {0, 1},   {1, 0},  {n, 0}};
    assert_true(check_blas(&forward) == there);
    assert_true(check_blas(&backward) == there);
    assert_true(check_blas(&gradient) == there);
    assert_true(check_blas(&start) == there); /* C lies column by column */
  }
  for (int i = 0; i < 300 / TEST_SLOWER; i++) { /* what is no product of matrices stays exact */
    basin_product p = {.rows = pair(20), .columns = pair(20), .depth = pair(20)};
    strides(p.rows, p.depth, &p.a_rows, &p.a_depth);
    strides(p.columns, p.depth, &p.b_columns, &p.b_depth);
    strides(p.rows, p.columns, &p.c_rows, &p.c_columns);
    check_blas(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dense),
      cmocka_unit_test(test_large),
      cmocka_unit_test(test_convolution),
      cmocka_unit_test(test_any_strides),
      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_special_values),
      cmocka_unit_test(test_another_order_differs),
      cmocka_unit_test(test_blas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
