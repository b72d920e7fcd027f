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
