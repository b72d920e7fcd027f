# SPDX-License-Identifier: MIT
# checks.py: what the tests in Python count. check() says what failed; finish() sums up as every test does.
import sys

passed = failed = 0


def check(what, holds):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print("FAILED:", what)


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
