#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dataset_near.py A B: two output files of tests/support/dataset.yaml are the same run but for rounding.

The same outcomes and steps; numbers within what the rounding of sums of n k terms can grow to in 40 steps; cells of the
variant `bat`, mini-batches, to the bit.
"""
import sys
import h5py, numpy as np
a, b = (h5py.File(name) for name in sys.argv[1:3])
batch = np.array([x == b'bat' for x in a['variant'][:]])
n, k, different = a['n'][:], a['k'][:], 0
for name in a:
    if not isinstance(a[name], h5py.Dataset): continue # /checksum
    x, y = a[name][...], b[name][...]
    if x.ndim == 0 or len(x) != len(n) or x.dtype.kind not in 'fi': continue
    assert np.array_equal(x[batch], y[batch], equal_nan=x.dtype.kind == 'f'), name
    if x.dtype.kind == 'i':
        assert np.array_equal(x, y), name
        continue
    for c in np.flatnonzero(~batch):
        assert np.array_equal(np.isnan(x[c]), np.isnan(y[c])), name
        if np.isnan(x[c]).all(): continue # a vector of the other model
        tolerance = 40 * 50 * (n[c] * k[c] + k[c] + 7) * 2.0**-53 * max(1, np.nanmax(np.abs(x[c])))
        assert np.nanmax(np.abs(x[c] - y[c])) <= tolerance, (name, c, np.nanmax(np.abs(x[c] - y[c])))
        different += not np.array_equal(x[c], y[c], equal_nan=True)
print(different, 'variables of cells differ in their last bits')
