# SPDX-License-Identifier: MIT
"""The dynamics as a user of JAX would write them: jit(vmap(scan)), float64, in reduced coordinates.

The coordinates are those of include/conv_relu.h, e1, e2, perp of a - a* and the angle phi (cnn: and |v|^2),
with the library's sin, cos and arctan. Compilation is not timed. With `jax_reduced.py PROBLEM cores` the host
shows itself as one device per core, and the trials are spread over them; without, as JAX sets itself up.
"""
import os
import sys
from functools import partial

CORES = len(os.sched_getaffinity(0)) if sys.argv[2:] == ["cores"] else 1
if CORES > 1:
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={CORES}"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import peer

jax.config.update("jax_enable_x64", True)
PI = np.pi
MESH = Mesh(np.array(jax.devices()), ("trials",))


class Reduced:
    """constants of the problem, and its starts as a tuple of arrays [trials]"""

    def __init__(self, problem):
        a_star, v_star, k = problem.a_star, problem.v_star, len(problem.a_star)
        f1 = np.full(k, 1 / np.sqrt(k))
        rest = a_star - f1 * (f1 @ a_star)
        f2 = rest / np.linalg.norm(rest)
        self.a1, self.a2, self.k = f1 @ a_star, f2 @ a_star, k
        self.norm2_a = a_star @ a_star
        self.c, self.cw = problem.eta_a / (2 * PI), problem.eta_w / (2 * PI)
        self.normalised = problem.model == "resnet"

        e = problem.a - a_star
        e1, e2 = e @ f1, e @ f2
        perp = np.linalg.norm(e - np.outer(e1, f1) - np.outer(e2, f2), axis=1)
        along = problem.v @ v_star
        across = np.linalg.norm(problem.v - np.outer(along, v_star), axis=1)
        self.start = (e1, e2, perp, np.arctan2(across, along))
        if not self.normalised:
            self.start += (along**2 + across**2,)

    def step(self, state, _):
        e1, e2, perp, phi, *norm2 = state
        sine, cosine = jnp.sin(phi), jnp.cos(phi)
        h = PI - (PI - phi) * cosine - sine
        q = self.norm2_a + self.a1 * e1 + self.a2 * e2
        t = self.cw * q * (PI - phi) * sine
        if not self.normalised:
            t = t / norm2[0]
            norm2 = [norm2[0] * (1 + t * t)]
        phi = jnp.abs(phi - jnp.arctan(t))  # v on the other side of v*
        phi = jnp.minimum(phi, 2 * PI - phi)  # or of -v*
        keep1, keep2 = 1 - self.c * (self.k + PI - 1), 1 - self.c * (PI - 1)
        e1 = keep1 * e1 - self.c * h * self.a1
        e2 = keep2 * e2 - self.c * h * self.a2
        return (e1, e2, keep2 * perp, phi, *norm2), None

    def observe(self, state):
        e1, e2, perp, phi = (np.asarray(x) for x in state[:4])
        h = PI - (PI - phi) * np.cos(phi) - np.sin(phi)
        q = self.norm2_a + self.a1 * e1 + self.a2 * e2
        error_a = e1**2 + e2**2 + perp**2
        loss = (self.k * e1**2 + (PI - 1) * error_a + 2 * h * q) / (4 * PI)
        return {"phi": phi, "error_a": error_a, "loss": loss}

    def descend(self, steps, unroll):
        """the compiled function: state, and state after so many steps, [trials] each"""

        def one(state):
            return jax.lax.scan(self.step, state, None, length=steps, unroll=unroll)[0]

        return jax.jit(jax.vmap(one))

    def batch(self, trials):
        spread = NamedSharding(MESH, PartitionSpec("trials"))
        return tuple(jax.device_put(np.resize(x, trials), spread) for x in self.start)


def main():
    reduced = Reduced(problem := peer.read_problem(sys.argv[1]))
    best = {}

    def prepare(trials, steps, unroll):
        call = partial(reduced.descend(steps, unroll), reduced.batch(trials))
        jax.block_until_ready(call())
        return call, trials * steps

    def run(choice, seconds):
        call, trial_steps = choice
        return peer.rate(lambda: jax.block_until_ready(call()), trial_steps, seconds)

    def validate():
        trials = len(reduced.start[0])
        return reduced.observe(reduced.descend(int(problem.steps), 1)(reduced.batch(trials)))

    def tune():
        rates = {}

        def attempt(trials, steps, unroll):
            if trials * steps <= 2.1e7:  # some tenths of a second
                choice = trials * CORES, steps, unroll
                rates[choice] = run(prepare(*choice), 0.3)

        def top():
            return max(rates, key=rates.get)

        # Never more steps than basin's trials take: tiny angles, later, cost the library's functions less.
        for trials in (128, 256, 512, 1000, 10000, 100000):  # of a device
            attempt(trials, 2000 if trials < 10000 else 200, 1)
        trials = top()[0] // CORES
        for steps in (500, 5000, 20000):
            attempt(trials, steps, 1)
        attempt(trials, top()[1], 2)
        best["choice"] = prepare(*top())
        trials, steps, unroll = top()
        return f"trials at once {trials}, scan length {steps}, unroll {unroll}, devices {CORES}"

    peer.serve(validate, tune, lambda seconds: run(best["choice"], seconds))


main()
