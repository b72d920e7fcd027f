/* SPDX-License-Identifier: MIT
 *
 * filter_curves.h: the population gradient of one convolutional filter as functions of one angle, in tables.
 *
 * f(w, Z) = (1/k) sum_j max(0, w'Z_j); the law of the patches is symmetric about the axis e = w* / |w*|, and Z ~ -Z. So
 * a trial stays in the plane of w and e, as w = (|w*| + dx) e + y n, and with r = |w| and phi, the angle of w to e,
 * the gradient (du-thesis-2019, section 6.3, after its errata 1 and 7) is homogeneous in lengths:
 *
 *   grad = D (w - w*) + (r - |w*|) T(phi) + |w*| G(phi),   G = T + D e - A,   D = E[Z_1 Z_1'] / (2 k)
 *   T = (1/k^2) sum_{i != j} E[max(0, w^'Z_i) Z_j 1_j],   A = (1/k) sum_j E[f(e, Z) Z_j 1_j],   1_j = 1{w'Z_j >= 0}
 *
 * with w^ = w / r: for A |w*| is E[f(w*, Z) grad f(w, Z)], and D w + r T is E[f(w, Z) grad f(w, Z)]. G vanishes at
 * phi = 0, and so does T - T(0). A step needs neither r nor an angle: with a = |x| + y and the diamond angle d = y / a
 * for x >= 0, else 2 - y / a,
 *
 *   grad_x = (D_x + T_x(0)) dx + a K_x + U_x,   grad_y = a K_y + U_y
 *   a K_x = r T_x - x T_x(0),   a K_y = r T_y + D_y y,   U_x = |w*| (G_x - T_x + T_x(0)),   U_y = |w*| (G_y - T_y)
 *
 * K and U, functions of d, are smooth on either side of x = 0, where they are continuous. All vanish at d = 0, K_x and
 * U_x with their slopes, and there the table has their slopes exactly: so nothing is lost as phi -> 0.
 *
 * Where they come from. k = 1: T = 0 and -dA is the mass that the half space w'Z >= 0 loses as w turns,
 *
 *   G_x = E[cos^2 t 1{...}], G_y = E[cos t sin t u 1{...}],   ... : e'Z >= 0 > w'Z
 *
 * for p = 2 an integral over the angle of Z from -pi/2 to phi - pi/2; for p >= 3 one over t, of the law of u, a
 * coordinate of a uniform unit vector in R^(p-1), whose tails are incomplete beta functions. p = 2 and k >= 2: with
 * U_m, psi_m the Fourier coefficients of the angle of the patches' centre and of a patch's angle to it, and n_m =
 * kappa_m psi_m, kappa those of e^(ib) 1{|b| <= pi/2}, complex numbers standing for vectors,
 *
 *   T1(phi) = sum_m U_m V_m e^(i (1-m) phi),  V = (Re n) n;     T2(phi) = sum_m W_m n_m e^(i (1-m) phi),  W = U Re n
 *   T = (k-1)/k T1,  A = (1/k) A_1 + (k-1)/k T2
 *
 * FILTER_TERMS terms, which for sigma2 >= 0.03 leaves nothing out. Independent normal patches, any p and k: with
 * kappa = (k-1)/(2 pi k), T = kappa w^ and G = (phi e - sin phi w^) / (2 pi k) (Gaussian A_{w,w*}, section 1 of Du's
 * chapter 6; patches other than i see w through the mean of its ReLU alone).
 *
 * Between the nodes: cubics, FILTER_INTERVALS of them for phi from 0 to pi, of equal width in d; for p >= 3 in the
 * square root of |x| / (|x| + y), for there G has a term (phi - pi/2) log |phi - pi/2| (centres near +-e are a pole of
 * the law). The error of loss and gradient in units of |w| and |w*|, as tests/unit/test_filter.c finds it: below 1e-9
 * for p = 2, sigma >= 0.1 and sigma2 >= 0.1 (at most 3e-10 was seen), below 1e-6 for p >= 3 and sigma >= 0.2 (2e-7),
 * below 1e-11 for normal patches.
 */
#ifndef BASIN_MODELS_FILTER_CURVES_H
#define BASIN_MODELS_FILTER_CURVES_H

#include "numeric/dmath.h"

enum {
  FILTER_INTERVALS = 512, /* of the angles from 0 to pi: a power of 2 */
  FILTER_TERMS = 256,     /* of Fourier series: orders up to this one */
  FILTER_PANELS = 128,    /* of integrals over a quarter turn */
  FILTER_CURVES = 4,      /* functions of the angle: K_x, K_y, U_x, U_y */
  FILTER_ROW = 16,        /* numbers of an interval: coefficient j of curve c at 4 j + c */
  FILTER_TABLE_P_MAX = 1024
};

/* what is known of the population gradient beside the table */
typedef struct filter_form {
  double d_x, d_y; /* D */
  double t_x;      /* T_x(0) */
  double g_y;      /* the derivative of G_y at phi = 0 */
} filter_form;

/* ---------------------------------------------------------------- elementary functions of one number */

static inline double filter_exp(double x) {
  const real y = r_exp(r_set(x < -700 ? -700 : x));
  return r_lane(&y, 0);
}
static inline void filter_sincos(double x, double *sine, double *cosine) {
  real s, c;
  r_sincos(r_set(x), &s, &c);
  *sine = r_lane(&s, 0);
  *cosine = r_lane(&c, 0);
}
static inline double filter_angle_of(double y, double x) {
  const real a = r_angle(r_set(y), r_set(x));
  return r_lane(&a, 0);
}

/* ---------------------------------------------------------------- integrals */

/* node i of Gauss's rule with 8 points on [from, to], and its weight */
static inline double filter_gauss(int i, double from, double to, double *weight) {
  static const double at[4] = {0.18343464249564980, 0.52553240991632899, 0.79666647741362674,
                               0.96028985649753623},
                      of[4] = {0.36268378337836198, 0.31370664587788729, 0.22238103445337447,
                               0.10122853629037626};
  const double half = 0.5 * (to - from), middle = 0.5 * (to + from);
  *weight = half * of[i / 2];
  return middle + (i % 2 ? half : -half) * at[i / 2];
}

/* e^(-t^2 / (2 sigma^2)); 1 for sigma = inf */
static inline double filter_bell(double t, double sigma) {
  const double z = t / sigma;
  return filter_exp(-0.5 * z * z);
}

/* ---------------------------------------------------------------- nodes */

/* node i of 3 FILTER_INTERVALS + 1: diamond angle, and angle with its cosine and sine */
typedef struct filter_node {
  double d, phi, cosine, sine;
} filter_node;

static inline filter_node filter_node_of(int i, int graded) {
  const int half = 3 * FILTER_INTERVALS / 2;
  const double s = (double)(i < half ? half - i : i - half) / half, q = graded ? s * s : s;
  const double x = i < half ? q : -q, y = graded ? (1 - s) * (1 + s) : 1 - s;
  const double length = sqrt(x * x + y * y);
  filter_node node;
  node.d = i < half ? y : 2 - y;
  node.phi = i == 2 * half ? BASIN_PI : filter_angle_of(y, x);
  node.cosine = x / length;
  node.sine = y / length;
  return node;
}

/* the values v of a curve at the nodes, but its slope by d at the first, where it is 0, into the rows of the table */
static inline void filter_fit(const double *v, int curve, int graded, double *table) {
  double *c = table + curve;
  c[0] = 0;
  c[4] = v[0] * (graded ? 4.0 : 2.0) / FILTER_INTERVALS;
  /* c_2 f^2 + c_3 f^3 + c_4 f^4 of all three nodes has its c_2, and at the last its value */
  const double last = v[3] - c[4];
  c[8] = 27 * (v[1] - c[4] / 3) - 6.75 * (v[2] - 2 * c[4] / 3) + last;
  c[12] = last - c[8];
  for (int i = 1; i < FILTER_INTERVALS; i++) {
    c += FILTER_ROW, v += 3;
    c[0] = v[0];
    c[4] = 0.5 * (-11 * v[0] + 18 * v[1] - 9 * v[2] + 2 * v[3]);
    c[8] = 4.5 * (2 * v[0] - 5 * v[1] + 4 * v[2] - v[3]);
    c[12] = 4.5 * (-v[0] + 3 * v[1] - 3 * v[2] + v[3]);
  }
}

enum { FILTER_NODES = 3 * FILTER_INTERVALS + 1 };

/* scratch: G_x, G_y, T_x - T_x(0), T_y at the nodes, each divided by d; then the curves as filter_fit takes them */
typedef struct filter_values {
  double at[FILTER_CURVES][FILTER_NODES];
} filter_values;

static inline void filter_curves_from(const filter_form *form, double star, int graded,
                                      filter_values *v) {
  for (int i = 0; i < FILTER_NODES; i++) {
    const filter_node node = filter_node_of(i, graded);
    const double c = node.cosine, s = node.sine, d = i ? node.d : 1;
    const double versed = c > 0 ? s * s / (1 + c) : 1 - c; /* 1 - cos phi */
    const double over = d / (fabs(c) + s), t_x = v->at[2][i], t_y = v->at[3][i];
    v->at[2][i] = star * d * (v->at[0][i] - t_x);
    v->at[3][i] = star * d * (v->at[1][i] - t_y);
    v->at[0][i] = over * (t_x + form->t_x * versed / d);
    v->at[1][i] = over * (t_y + form->d_y * (i ? s / d : 1));
  }
}

/* ---------------------------------------------------------------- k = 1, p = 2 */

static inline void filter_curves_circle(double sigma, filter_values *v, filter_form *form) {
  double whole = 0, x = 0, y = 0, from = 0;
  for (int i = 0; i < FILTER_NODES; i++) {
    const double to = filter_node_of(i, 0).phi;
    for (int g = 0; g < 8 && i > 0; g++) {
      double weight, sine, cosine;
      const double phi = filter_gauss(g, from, to, &weight);
      filter_sincos(phi, &sine, &cosine);
      weight *= filter_bell(phi - BASIN_PI / 2, sigma);
      whole += weight;
      x += weight * sine * sine;
      y -= weight * sine * cosine;
    }
    v->at[0][i] = x;
    v->at[1][i] = y;
    from = to;
  }
  /* half of the mass on either side */
  for (int i = 0; i < FILTER_NODES; i++) {
    const double scale = i ? 0.5 / (whole * filter_node_of(i, 0).d) : 0;
    v->at[0][i] *= scale;
    v->at[1][i] *= scale;
    v->at[2][i] = v->at[3][i] = 0;
  }
  form->d_x = 0.5 * x / whole;
  form->d_y = 0.5 - form->d_x;
  form->t_x = form->g_y = 0;
}

/* ---------------------------------------------------------------- k = 1, p >= 3 */

/* the law of a coordinate u of a uniform unit vector in R^(p-1): P(u > c) and E[u 1{u > c}] at c = cosine >= 0, sine
   the root of 1 - c^2 */
static inline void filter_tail(int p, double cosine, double sine, double *chance, double *mean) {
  const int odd = p % 2;
  double incomplete = odd ? 2 / BASIN_PI * filter_angle_of(sine, cosine) : 1 - cosine;
  double power = odd ? sine : sine * sine;
  double rate = odd ? 2 / BASIN_PI : 0.5; /* 1 / (a B(a, 1/2)) */
  double scale = odd ? 1 / BASIN_PI : 0.25;
  for (int m = odd ? 3 : 4; m < p; m += 2) {
    const double a = 0.5 * (m - 2);
    incomplete -= rate * power * cosine;
    rate *= (a + 0.5) / (a + 1);
    scale *= (m - 1.0) / m;
    power *= sine * sine;
  }
  *chance = 0.5 * incomplete;
  *mean = scale * power;
}

/* G at an angle from 0 to pi/2, up to the normalisation of the law of t; tau = pi/2 - t runs from 0 to phi */
static inline void filter_sphere(int p, double sigma, filter_node node, double *x, double *y) {
  const double gap = BASIN_PI / 2 - node.phi;
  double width = node.phi; /* tau < phi - width is done */
  *x = *y = 0;
  for (int last = 0; !last && node.phi > 0;) {
    last = width <= 0.5 * gap || width < 1e-9;
    const double next = last ? 0 : 0.5 * width;
    for (int g = 0; g < 8; g++) {
      double weight, chance, mean, sine, cosine, z = 0;
      double left;
      if (last) { /* the root of what vanishes at tau = phi */
        z = filter_gauss(g, 0, 1, &weight);
        left = width * z * z;
        weight *= 2 * width * z;
      } else {
        left = filter_gauss(g, next, width, &weight);
      }
      const double tau = node.phi - left;
      filter_sincos(tau, &sine, &cosine);
      /* c = tan tau / tan phi, and the root of 1 - c^2 by sin(phi - tau) sin(phi + tau) */
      double sine_left, cosine_left, sine_sum, unused;
      filter_sincos(left, &sine_left, &cosine_left);
      filter_sincos(node.phi + tau, &sine_sum, &unused);
      const double c = sine * node.cosine / (cosine * node.sine);
      const double root = sqrt(fmax(sine_left * sine_sum, 0)) / (cosine * node.sine);
      filter_tail(p, fmin(c, 1), fmin(root, 1), &chance, &mean);
      weight *= filter_bell(BASIN_PI / 2 - tau, sigma);
      *x += weight * sine * sine * chance;
      *y -= weight * sine * cosine * mean;
    }
    width = next;
  }
}

static inline void filter_curves_sphere(int p, double sigma, filter_values *v, filter_form *form) {
  double whole = 0, along = 0;
  for (int panel = 0; panel < FILTER_PANELS; panel++)
    for (int g = 0; g < 8; g++) {
      double weight, sine, cosine;
      const double t = filter_gauss(g, BASIN_PI / 2 * panel / FILTER_PANELS,
                                    BASIN_PI / 2 * (panel + 1) / FILTER_PANELS, &weight);
      filter_sincos(t, &sine, &cosine);
      weight *= filter_bell(t, sigma);
      whole += weight;
      along += weight * cosine * cosine;
    }
  form->d_x = 0.5 * along / whole;
  form->d_y = 0.5 * (1 - along / whole) / (p - 1);
  form->t_x = form->g_y = 0;
  /* G(pi - phi) mirrors G(phi) */
  for (int i = 0; i <= FILTER_NODES / 2; i++) {
    const filter_node node = filter_node_of(i, 1);
    const int far = FILTER_NODES - 1 - i;
    double x, y;
    filter_sphere(p, sigma, node, &x, &y);
    x *= 0.5 / whole;
    y *= 0.5 / whole;
    v->at[0][far] = (form->d_x - x) / filter_node_of(far, 1).d;
    v->at[1][far] = y / filter_node_of(far, 1).d;
    v->at[0][i] = i ? x / node.d : 0;
    v->at[1][i] = i ? y / node.d : 0;
  }
  for (int i = 0; i < FILTER_NODES; i++) v->at[2][i] = v->at[3][i] = 0;
}

/* ---------------------------------------------------------------- p = 2, k >= 2 */

/* coefficients of a function of the angle: orders -FILTER_TERMS .. FILTER_TERMS, number m at [FILTER_TERMS + m] */
typedef struct filter_series {
  double at[2 * FILTER_TERMS + 1];
} filter_series;

/* E cos(m s), m >= 0, of a normal angle s of deviation sigma that is cut to [-most, most] */
static inline void filter_cosines(double sigma, double most, double *out) {
  double whole = 0;
  for (int m = 0; m <= FILTER_TERMS; m++) out[m] = 0;
  for (int panel = 0; panel < 2 * FILTER_PANELS; panel++)
    for (int g = 0; g < 8; g++) {
      double weight, sine, cosine, c = 1, s = 0;
      const double a = filter_gauss(g, most * panel / (2 * FILTER_PANELS),
                                    most * (panel + 1) / (2 * FILTER_PANELS), &weight);
      weight *= filter_bell(a, sigma);
      whole += weight;
      filter_sincos(a, &sine, &cosine);
      for (int m = 0; m <= FILTER_TERMS; m++) {
        const double next = c * cosine - s * sine;
        out[m] += weight * c;
        s = s * cosine + c * sine;
        c = next;
      }
    }
  for (int m = 0; m <= FILTER_TERMS; m++) out[m] /= whole;
  if (sigma == INFINITY && most == BASIN_PI)
    for (int m = 1; m <= FILTER_TERMS; m++) out[m] = 0;
}

/* n_m of a patch: E[e^(i(b+s)) 1{cos(b+s) >= 0}] as a function of b */
static inline void filter_patch_series(const double *psi, filter_series *n) {
  for (int m = -FILTER_TERMS; m <= FILTER_TERMS; m++) {
    const int j = 1 - m, turn = j & 3; /* sin(j pi/2) is 0, 1, 0, -1 */
    const double kappa = j == 0 ? 0.5 : turn % 2 ? (turn == 1 ? 1 : -1) / (BASIN_PI * j) : 0;
    n->at[FILTER_TERMS + m] = kappa * psi[m < 0 ? -m : m];
  }
}

/* (Re n) n */
static inline void filter_square(const filter_series *n, filter_series *out) {
  enum { ZERO = FILTER_TERMS };
  for (int m = -ZERO; m <= ZERO; m++) {
    const int least = m < 0 ? -ZERO : m - ZERO, most = m < 0 ? m + ZERO : ZERO;
    double sum = 0;
    for (int j = least; j <= most; j++)
      sum += 0.5 * (n->at[ZERO + j] + n->at[ZERO - j]) * n->at[ZERO + m - j];
    out->at[ZERO + m] = sum;
  }
}

/* E over the centre's angle a of cos(m a) Re n(a), m >= 0; its law is the same about 0 and about pi */
static inline void filter_seen(double sigma, const filter_series *n, double *out) {
  enum { ZERO = FILTER_TERMS };
  double whole = 0;
  for (int m = 0; m <= ZERO; m++) out[m] = 0;
  for (int panel = 0; panel < FILTER_PANELS; panel++)
    for (int g = 0; g < 8; g++) {
      double weight, sine, cosine, c[FILTER_TERMS + 1], s = 0, half[2] = {0, 0};
      const double a = filter_gauss(g, BASIN_PI / 2 * panel / FILTER_PANELS,
                                    BASIN_PI / 2 * (panel + 1) / FILTER_PANELS, &weight);
      weight *= filter_bell(a, sigma);
      whole += weight;
      filter_sincos(a, &sine, &cosine);
      c[0] = 1;
      for (int m = 0; m < ZERO; m++) {
        c[m + 1] = c[m] * cosine - s * sine;
        s = s * cosine + c[m] * sine;
      }
      for (int m = 0; m <= ZERO; m++)
        half[m % 2] += (m ? n->at[ZERO + m] + n->at[ZERO - m] : n->at[ZERO]) * c[m];
      for (int m = 0; m <= ZERO; m++) out[m] += weight * c[m] * half[m % 2];
    }
  for (int m = 0; m <= ZERO; m++) out[m] /= whole;
}

/* orders 0 .. FILTER_TERMS + 1 of the curves: cosines of the first component, sines of the second */
typedef struct filter_waves {
  double t1[2][FILTER_TERMS + 2], t2[2][FILTER_TERMS + 2], g[2][FILTER_TERMS + 3];
} filter_waves;

static inline void filter_waves_of(double sigma, double sigma2, filter_waves *w) {
  enum { ZERO = FILTER_TERMS };
  filter_series n, v;
  double u[FILTER_TERMS + 1], psi[FILTER_TERMS + 1], seen[FILTER_TERMS + 1];
  memset(w, 0, sizeof *w);
  filter_cosines(sigma, BASIN_PI / 2, u);
  for (int m = 1; m <= ZERO; m += 2) u[m] = 0;
  filter_cosines(sigma2, BASIN_PI, psi);
  filter_patch_series(psi, &n);
  filter_square(&n, &v);
  filter_seen(sigma, &n, seen);
  for (int m = -ZERO; m <= ZERO; m++) {
    const int order = m < 0 ? -m : m, l = 1 - m, wave = l < 0 ? -l : l;
    const double t1 = u[order] * v.at[ZERO + m], t2 = seen[order] * n.at[ZERO + m];
    w->t1[0][wave] += t1;
    w->t2[0][wave] += t2;
    w->t1[1][wave] += l < 0 ? -t1 : t1;
    w->t2[1][wave] += l < 0 ? -t2 : t2;
  }
  /* a patch's own density, times cos^2 and cos sin of its angle, of which the integral from -pi/2 is G of k = 1 */
  for (int m = 0; m <= ZERO; m += 2) {
    const double density = (m ? 1 : 0.5) * u[m] * psi[m] / BASIN_PI;
    const int below = m < 2 ? 2 - m : m - 2;
    w->g[0][m] += 0.5 * density;
    w->g[1][m + 2] += 0.25 * density;
    w->g[0][m + 2] += 0.25 * density;
    w->g[0][below] += 0.25 * density;
    w->g[1][below] += m < 2 ? 0.25 * density : -0.25 * density;
  }
}

static inline void filter_curves_patches(int64_t k, double sigma, double sigma2, filter_values *v,
                                         filter_form *form) {
  const double own = 1 / (double)k, other = 1 - own;
  filter_waves w;
  filter_waves_of(sigma, sigma2, &w);
  form->d_x = own * BASIN_PI * w.g[0][0];
  form->d_y = own * (0.5 - BASIN_PI * w.g[0][0]);
  form->t_x = form->g_y = 0;
  double slope = 0;
  for (int m = 0; m <= FILTER_TERMS + 1; m++) {
    form->t_x += other * w.t1[0][m];
    form->g_y += other * m * (w.t1[1][m] - w.t2[1][m]);
    slope += other * m * w.t1[1][m];
  }
  for (int i = 0; i < FILTER_NODES; i++) {
    const filter_node node = filter_node_of(i, 0);
    double c = 1, s = 0, t[2] = {0, 0}, g[2] = {w.g[0][0] * node.phi, 0}, rest[2] = {0, 0};
    for (int m = 0; m <= FILTER_TERMS + 1; m++) {
      t[0] += w.t1[0][m] * (c - 1);
      t[1] += w.t1[1][m] * s;
      rest[0] += (w.t1[0][m] - w.t2[0][m]) * c;
      rest[1] += (w.t1[1][m] - w.t2[1][m]) * s;
      if (m > 0 && m % 2 == 0) {
        const double sign = m % 4 ? -1 : 1;
        g[0] += sign * w.g[0][m] * s / m;
        g[1] += sign * w.g[1][m] * (1 - c) / m;
      }
      const double next = c * node.cosine - s * node.sine;
      s = s * node.cosine + c * node.sine;
      c = next;
    }
    const double scale = i ? 1 / node.d : 0;
    v->at[0][i] = scale * (own * g[0] + other * rest[0]);
    v->at[1][i] = i ? scale * (own * g[1] + other * rest[1]) : form->g_y;
    v->at[2][i] = scale * other * t[0];
    v->at[3][i] = i ? scale * other * t[1] : slope;
  }
}

/* ---------------------------------------------------------------- independent normal patches */

static inline void filter_curves_normal(int64_t k, filter_values *v, filter_form *form) {
  const double own = 1 / (2 * BASIN_PI * (double)k), other = 1 / (2 * BASIN_PI) - own;
  form->d_x = form->d_y = 0.5 / (double)k;
  form->t_x = other;
  form->g_y = 0;
  for (int i = 0; i < FILTER_NODES; i++) {
    const filter_node node = filter_node_of(i, 0);
    const double d = i ? node.d : 1, sine = node.sine, cosine = node.cosine;
    const double versed = cosine > 0 ? sine * sine / (1 + cosine) : 1 - cosine;
    v->at[0][i] = own * (node.phi - sine * cosine) / d;
    v->at[1][i] = -own * sine * sine / d;
    v->at[2][i] = -(other * versed / d);
    v->at[3][i] = i ? other * sine / d : other;
  }
}

#endif
