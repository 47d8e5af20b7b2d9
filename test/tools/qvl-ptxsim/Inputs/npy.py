"""Writes and shows .npy files: npy.py write FILE DTYPE SHAPE (counting up from 0) | npy.py show FILE..."""
import sys

import numpy as np

if sys.argv[1] == "write":
    shape = tuple(map(int, sys.argv[4].split(",")))
    np.save(sys.argv[2], np.arange(np.prod(shape)).astype(sys.argv[3]).reshape(shape))
else:
    for path in sys.argv[2:]:
        array = np.load(path)
        print(array.dtype, array.shape, *array.reshape(-1).tolist())
