# SPDX-License-Identifier: MIT
"""The dynamics as a user of PyTorch would write them: batched tensors in float64, reduced coordinates (peer.Reduced),
some steps at a time through torch.compile. `torch_reduced.py PROBLEM [gpu]`. Compilation is not timed.
"""
import sys

import torch

import peer

GPU = sys.argv[2:] == ["gpu"]
DEVICE = torch.device("cuda", 0) if GPU else torch.device("cpu")
torch.set_grad_enabled(False)


class Reduced(peer.Reduced):
    def batch(self, trials):
        """the starts, repeated to so many trials"""
        starts = (torch.as_tensor(x, dtype=torch.float64) for x in self.start)
        return tuple(x.repeat(-(-trials // len(x)))[:trials].to(DEVICE) for x in starts)

    def compiled(self, unroll):
        """`unroll` steps in one call; on a GPU replayed as a graph, so that Python's part is small"""

        def advance(*state):
            for _ in range(unroll):
                state = self.step(torch, state)
            return state

        return torch.compile(advance, dynamic=False, fullgraph=True,
                             mode="reduce-overhead" if GPU else "default")


def finish():
    if GPU:
        torch.cuda.synchronize()


def descend(advance, state, calls):
    for _ in range(calls):
        if GPU:
            torch.compiler.cudagraph_mark_step_begin()
        state = tuple(x.clone() for x in advance(*state)) if GPU else advance(*state)
    finish()
    return state


def main():
    reduced = Reduced(problem := peer.read_problem(sys.argv[1]))
    best = {}

    def prepare(trials, unroll):
        advance, state = reduced.compiled(unroll), reduced.batch(trials)
        calls = max(1, 200 // unroll)
        descend(advance, state, 3)
        return (lambda: descend(advance, state, calls)), trials * unroll * calls

    def run(choice, seconds):
        return peer.rate(*choice, seconds)

    def validate():
        steps, trials = int(problem.steps), len(reduced.start[0])
        end = descend(reduced.compiled(5), reduced.batch(trials), steps // 5)
        return reduced.observe(tuple(x.cpu().numpy() for x in end))

    def tune():
        rates = {}

        def attempt(trials, unroll):
            rates[trials, unroll] = run(prepare(trials, unroll), 0.5)

        def top():
            return max(rates, key=rates.get)

        if GPU:  # every attempt is compiled, which takes long: the unrolling first, then the size
            for unroll in 5, 20:
                attempt(10**6, unroll)
            attempt(10**5, top()[1])
        else:
            for trials in 1000, 20000:
                for unroll in 5, 20:
                    attempt(trials, unroll)
        best["choice"] = prepare(*top())
        trials, unroll = top()
        return f"trials at once {trials}, {unroll} steps a call, torch.compile"

    peer.serve(validate, tune, lambda seconds: run(best["choice"], seconds))


main()
