#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the coefficients of include/numeric/dmath.h, functions.h, single.h, of the step in include/models/conv/conv.h
and of the angles in include/models/relu/relu.h.

Each is the polynomial that interpolates the function at Chebyshev nodes of the interval, computed in
300-bit arithmetic and rounded to double, or to float; its relative error is measured at 2001 points. Needs mpmath.
"""
import struct
from mpmath import mp, mpf, cos, pi, log, exp, sin, asin, atan, sqrt, tan, matrix, lu_solve, erf, erfc, erfinv, expm1
mp.prec = 300
def to_float(x):
    return struct.unpack("f", struct.pack("f", float(x)))[0]
def fit(name, f, lo, hi, degree, rounded=float):
    n = degree + 1
    xs = [(lo+hi)/2 + (hi-lo)/2*cos(pi*(2*i+1)/(2*n)) for i in range(n)]
    A, b = matrix(n, n), matrix(n, 1)
    for i, x in enumerate(xs):
        for j in range(n):
            A[i, j] = x**j
        b[i] = f(x)
    c = [rounded(v) for v in lu_solve(A, b)]
    err = 0
    for i in range(2001):
        x = lo + (hi-lo)*mpf(i)/2000
        if x == 0:
            x = mpf(2)**-80
        p = mpf(0)
        for v in reversed(c):
            p = p*x + mpf(v)
        err = max(err, abs(p/f(x)-1))
    print(name, "relative error 2^%.1f" % float(log(err,2)))
    for i, v in enumerate(c):
        print("  ", i, v.hex(), repr(v))

r = sqrt
fit("log", lambda z: (log((1+r(z))/(1-r(z)))/r(z)-2)/z, mpf(0)+mpf(2)**-70, mpf('0.02945'), 6)
half = log(mpf(2))/2  # no node at 0, where the quotient cannot be computed
fit("exp", lambda x: (exp(x)-1-x)/x**2, -half*mpf('1.0001'), half*mpf('1.0002'), 10)
fit("sinpi", lambda z: (sin(pi*r(z))/r(z)-pi)/z, mpf(2)**-70, mpf(1)/16, 6)
fit("cospi", lambda z: (cos(pi*r(z))-1)/z, mpf(2)**-70, mpf(1)/16, 6)
q = (pi/4)**2*mpf('1.0002')
fit("sin", lambda z: (sin(r(z))/r(z)-1)/z, mpf(2)**-70, q, 5)
fit("cos", lambda z: (cos(r(z))-1+z/2)/z**2, mpf(2)**-70, q, 5)
fit("atan", lambda z: (atan(r(z))/r(z)-1)/z, mpf(2)**-70, mpf(1), 22)
fit("turn: atan(t)/t", lambda z: atan(r(z))/r(z), mpf(2)**-70, mpf(2)**-10, 3)
fit("turn: sin(atan(t)/2)/t", lambda z: sin(atan(r(z))/2)/r(z), mpf(2)**-70, mpf(2)**-10, 3)
fit("turn: (1-cos(atan(t)/2))/t^2", lambda z: (1-cos(atan(r(z))/2))/z, mpf(2)**-70, mpf(2)**-10, 3)
fit("angle: (phi-sin phi)/sin^3(phi/2)", lambda z: (2*asin(r(z))-2*r(z)*r(1-z))/r(z)**3, mpf(2)**-70, mpf(1)/64, 6)
fit("tan", lambda z: (tan(r(z))/r(z)-1)/z, mpf(2)**-70, q, 15)
fit("relu: (asin(s)/(s sqrt(1-s^2))-1)/s^2", lambda y: (asin(r(y))/(r(y)*r(1-y))-1)/y, mpf(2)**-70, mpf(1)/2, 20)
fit("asin", lambda z: (asin(r(z))/r(z)-1)/z, mpf(2)**-70, mpf('0.2501'), 13)
fit("log in pairs", lambda z: ((log((1+r(z))/(1-r(z)))/r(z)-2)/z-mpf(2)/3)/z, mpf(2)**-60, mpf('0.02945'), 7)

# erf(x)/x - 1 is 0 inside the interval: what counts is its absolute error
fit("erf: erf(x)/x-1", lambda z: erf(r(z))/r(z)-1, mpf(2)**-70, mpf("1.0001"), 13)
fit("erf: exp(x^2)(1-erf(x)) in 1/(x+2)", lambda s: exp((1/s-2)**2)*erfc(1/s-2), mpf(1)/8, 1/mpf("2.9999"), 16)
def inverse(w):
    """erfinv(x)/x at w = -log(1-x^2), by Halley's steps where x is near 1."""
    x = r(-expm1(-w))
    if x < mpf("0.9"):
        return erfinv(x)/x
    rest = exp(-w)/(1+x)
    y = r(w-log(r(pi)*r(w)))
    step = mpf(1)
    while abs(step) > mpf(2)**-250:
        d = (erfc(y)-rest)*r(pi)/2*exp(y*y)
        step = d/(1+y*d)
        y += step
    return y/x
fit("erfinv(x)/x in w-3.125", lambda v: inverse(v+mpf("3.125")), -mpf("3.125")+mpf(2)**-40, mpf("3.126"), 24)
fit("erfinv(x)/x in sqrt(w)-3.25", lambda v: inverse((v+mpf("3.25"))**2), -mpf("0.751"), mpf("0.751"), 20)
fit("erfinv(x)/x in sqrt(w)-5", lambda v: inverse((v+5)**2), -mpf("1.001"), mpf("1.02"), 18)

# single precision; the relative error of cos is large where it is 0
fit("single: (-2 log(1-g/2)-g)/g^2", lambda g: (-2*log(1-g/2)-g)/g**2, 2-2*r(mpf(2)), 2-2*r(mpf(1)/2), 7, to_float)
fit("single: sin(pi/2 x)/x", lambda z: sin(pi/2*r(z))/r(z), mpf(2)**-70, mpf(1), 4, to_float)
fit("single: cos(pi/2 x)", lambda z: cos(pi/2*r(z)), mpf(2)**-70, mpf(1), 5, to_float)
