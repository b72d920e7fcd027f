# SPDX-License-Identifier: MIT
"""What the peers of basin share: the problem that bench/run gives them, and how it asks them.

A peer is started with the path of a problem (.npz), then obeys one line of standard input at a time:

  validate OUT.npz    take `steps` steps from the given starts, write phi, error_a, loss
  tune                find the fastest batch; answers with a line that describes it
  time SECONDS        run for about so long; answers with trial-steps/s
"""
import sys
import time
from types import SimpleNamespace

import numpy as np


def read_problem(path):
    """model, eta_a, eta_w, steps; a_star [k], v_star [p]; starts a [trials, k], v [trials, p]"""
    with np.load(path) as file:
        return SimpleNamespace(**{key: file[key][()] for key in file})


class Reduced:
    """The dynamics in the reduced coordinates of include/models/conv/conv.h, as a user of an array library would write
    them: e1, e2, perp of a - a* and the angle phi (cnn: and |v|^2), with the library's sin, cos and arctan.

    constants of the problem, and its starts as a tuple of NumPy arrays [trials]
    """

    def __init__(self, problem):
        a_star, v_star, k = problem.a_star, problem.v_star, len(problem.a_star)
        f1 = np.full(k, 1 / np.sqrt(k))
        rest = a_star - f1 * (f1 @ a_star)
        f2 = rest / np.linalg.norm(rest)
        self.a1, self.a2, self.k = float(f1 @ a_star), float(f2 @ a_star), k
        self.norm2_a = float(a_star @ a_star)
        self.c, self.cw = float(problem.eta_a) / (2 * np.pi), float(problem.eta_w) / (2 * np.pi)
        self.normalised = problem.model == "resnet"

        e = problem.a - a_star
        e1, e2 = e @ f1, e @ f2
        perp = np.linalg.norm(e - np.outer(e1, f1) - np.outer(e2, f2), axis=1)
        along = problem.v @ v_star
        across = np.linalg.norm(problem.v - np.outer(along, v_star), axis=1)
        self.start = (e1, e2, perp, np.arctan2(across, along))
        if not self.normalised:
            self.start += (along**2 + across**2,)

    def step(self, xp, state):
        """one step of gradient descent; xp: jax.numpy or torch"""
        e1, e2, perp, phi, *norm2 = state
        sine, cosine = xp.sin(phi), xp.cos(phi)
        h = np.pi - (np.pi - phi) * cosine - sine
        q = self.norm2_a + self.a1 * e1 + self.a2 * e2
        t = self.cw * q * (np.pi - phi) * sine
        if not self.normalised:
            t = t / norm2[0]
            norm2 = [norm2[0] * (1 + t * t)]
        phi = xp.abs(phi - xp.arctan(t))  # v on the other side of v*
        phi = xp.minimum(phi, 2 * np.pi - phi)  # or of -v*
        keep1, keep2 = 1 - self.c * (self.k + np.pi - 1), 1 - self.c * (np.pi - 1)
        e1 = keep1 * e1 - self.c * h * self.a1
        e2 = keep2 * e2 - self.c * h * self.a2
        return (e1, e2, keep2 * perp, phi, *norm2)

    def observe(self, state):
        """of a state in NumPy arrays"""
        e1, e2, perp, phi = state[:4]
        h = np.pi - (np.pi - phi) * np.cos(phi) - np.sin(phi)
        q = self.norm2_a + self.a1 * e1 + self.a2 * e2
        error_a = e1**2 + e2**2 + perp**2
        loss = (self.k * e1**2 + (np.pi - 1) * error_a + 2 * h * q) / (4 * np.pi)
        return {"phi": phi, "error_a": error_a, "loss": loss}


def rate(call, trial_steps, seconds):
    """trial-steps/s of call(), repeated for about so many seconds"""
    begun, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - begun < seconds:
        call()
        calls += 1
    return trial_steps * calls / (time.perf_counter() - begun)


def serve(validate, tune, measure):
    for line in sys.stdin:
        command, *argument = line.split()
        if command == "validate":
            np.savez(argument[0], **validate())
            print("done", flush=True)
        elif command == "tune":
            print(tune(), flush=True)
        elif command == "time":
            print(measure(float(argument[0])), flush=True)
