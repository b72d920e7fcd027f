# SPDX-License-Identifier: MIT
"""The dynamics as a user of JAX would write them: jit(vmap(scan)), float64, in reduced coordinates (peer.Reduced).

Compilation is not timed. With `jax_reduced.py PROBLEM cores` the host shows itself as one device per core, and the
trials are spread over them; without, as JAX sets itself up. `jax_reduced.py PROBLEM gpu` runs on the first GPU, and
tries jit(vmap(while_loop)) to a tolerance, too.
"""
import os
import sys
from functools import partial

CORES = len(os.sched_getaffinity(0)) if sys.argv[2:] == ["cores"] else 1
if CORES > 1:
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={CORES}"
GPU = sys.argv[2:] == ["gpu"]
os.environ["JAX_PLATFORMS"] = "cuda" if GPU else "cpu"
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # others are measured on the same device

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import peer

jax.config.update("jax_enable_x64", True)
MESH = Mesh(np.array(jax.devices()[:1] if GPU else jax.devices()), ("trials",))


class Reduced(peer.Reduced):
    def descend(self, steps, unroll):
        """the compiled function: state, and state after so many steps, [trials] each"""

        def one(state):
            return jax.lax.scan(lambda x, _: (self.step(jnp, x), None), state, None, length=steps, unroll=unroll)[0]

        def until(state):
            """unroll 0: until the state is within a tolerance, which it never is, or has taken its steps"""

            def runs(carry):
                count, (e1, e2, perp, phi, *_) = carry
                distance2 = e1 * e1 + e2 * e2 + perp * perp + 4 * jnp.sin(phi / 2) ** 2
                return (count < steps) & (distance2 > 1e-30)

            return jax.lax.while_loop(runs, lambda c: (c[0] + 1, self.step(jnp, c[1])), (0, state))[1]

        return jax.jit(jax.vmap(one if unroll else until))

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
        end = reduced.descend(int(problem.steps), 1)(reduced.batch(trials))
        return reduced.observe(tuple(np.asarray(x) for x in end))

    def tune():
        rates = {}

        def attempt(trials, steps, unroll):
            if trials * steps <= (4.1e9 if GPU else 2.1e7):  # some tenths of a second
                choice = trials * CORES, steps, unroll
                rates[choice] = run(prepare(*choice), 0.3)

        def top():
            return max(rates, key=rates.get)

        if GPU:
            for trials in (10**4, 10**5, 10**6, 4 * 10**6):
                for unroll in (0, 1, 8):
                    attempt(trials, 1000, unroll)
            attempt(top()[0], 1000, 32)
            best["choice"] = prepare(*top())
            trials, steps, unroll = top()
            loop = f"scan, unroll {unroll}" if unroll else "while_loop to a tolerance"
            return f"trials at once {trials}, {steps} steps a call, {loop}"

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
