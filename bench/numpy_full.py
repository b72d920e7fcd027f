# SPDX-License-Identifier: MIT
"""The dynamics as a paper's script computes them: NumPy, full vectors, all trials at once.

Liu et al. 2019, equation (8) with the gradients of Proposition 16; Du's thesis, Algorithm 1 with Theorem 5.2.
phi = angle(v, v*), g = (pi - phi) cos phi + sin phi:

  grad_a = 1/(2 pi) [ (1 1' + (pi-1) I) a - (1 1' + (g-1) I) a* ]
  grad_v = - a'a* (pi - phi) / (2 pi |v|) (I - v v'/|v|^2) v*

1 1'a is computed as a sum: with the k x k matrix written out the script would be k times slower.
"""
import sys

import numpy as np

import peer

PI = np.pi


def angle(v, v_star):
    norm = np.linalg.norm(v, axis=1)
    cosine = np.clip(v @ v_star / norm, -1, 1)
    phi = np.arccos(cosine)
    return norm, cosine, phi, (PI - phi) * cosine + np.sin(phi)


def descend(problem, a, v, steps):
    """a [trials, k] and v [trials, p] after so many steps"""
    a_star, v_star, sum_star = problem.a_star, problem.v_star, problem.a_star.sum()
    for _ in range(steps):
        norm, cosine, phi, g = angle(v, v_star)
        sum_a = a.sum(axis=1, keepdims=True)
        grad_a = (sum_a + (PI - 1) * a - sum_star - np.outer(g - 1, a_star)) / (2 * PI)
        across = v_star - v * (cosine / norm)[:, None]
        grad_v = -((a @ a_star) * (PI - phi) / (2 * PI * norm))[:, None] * across
        a = a - problem.eta_a * grad_a
        v = v - problem.eta_w * grad_v
        if problem.model == "resnet":
            v = v / np.linalg.norm(v, axis=1, keepdims=True)
    return a, v


def observe(problem, a, v):
    a_star = problem.a_star
    _, _, phi, g = angle(v, problem.v_star)
    sum_a, sum_star = a.sum(axis=1), a_star.sum()
    squares = a_star @ a_star + (a * a).sum(axis=1)
    loss = ((PI - 1) / (2 * PI) * squares - (g - 1) / PI * (a @ a_star)
            + (sum_star**2 + sum_a**2) / (2 * PI) - sum_a * sum_star / PI) / 2
    return {"phi": phi, "error_a": ((a - a_star) ** 2).sum(axis=1), "loss": loss, "a": a, "v": v}


def main():
    problem = peer.read_problem(sys.argv[1])
    best = {"batch": 1000}

    def validate():
        return observe(problem, *descend(problem, problem.a, problem.v, int(problem.steps)))

    def measure(seconds, batch=None):
        batch = batch or best["batch"]
        a = np.resize(problem.a, (batch, problem.a.shape[1]))
        v = np.resize(problem.v, (batch, problem.v.shape[1]))
        steps = max(1, 100000 // batch)
        return peer.rate(lambda: descend(problem, a, v, steps), batch * steps, seconds)

    def tune():
        batches = (200, 1000, 5000, 20000)
        for _ in range(2):  # the first time warms up
            rates = {batch: measure(0.5, batch) for batch in batches}
        best["batch"] = max(rates, key=rates.get)
        each = ", ".join(f"{batch}: {r:.2e}" for batch, r in rates.items())
        return f"trials at once {best['batch']} ({each})"

    peer.serve(validate, tune, measure)


main()
