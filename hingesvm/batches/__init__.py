"""Readers of data larger than memory, which hand out rows in batches.

Each function returns an object over which one can iterate many times. A pass yields
tuples (X, y) or (X, y, sample_weight), each with the next rows, and no batch is empty.
Only one batch is in memory at a time, and files are open only during a pass.

Parquet needs pyarrow, which ``pip install hingesvm[parquet]`` brings. For any other
source, an object whose ``__iter__`` is a generator of such tuples does the same.

Examples
--------
>>> import numpy as np
>>> from hingesvm.batches import from_arrays
>>> X, y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 0, 1, 1])
>>> batches = from_arrays(X, y, rows=2)
>>> [part.shape for part, labels in batches]
[(2, 2), (2, 2), (1, 2)]
>>> [labels.tolist() for part, labels in batches]
[[0, 1], [0, 1], [1]]
"""

from hingesvm._public import set_public_module
from hingesvm.batches._arrays import ArrayBatches as ArrayBatches
from hingesvm.batches._arrays import from_arrays
from hingesvm.batches._parquet import ParquetBatches as ParquetBatches
from hingesvm.batches._parquet import from_parquet
from hingesvm.batches._svmlight import SvmlightBatches as SvmlightBatches
from hingesvm.batches._svmlight import from_svmlight

__all__ = ["from_arrays", "from_parquet", "from_svmlight"]

set_public_module(__name__, "ArrayBatches", "ParquetBatches", "SvmlightBatches")
