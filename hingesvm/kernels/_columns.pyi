from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

def copy_values(
    data: NDArray[np.floating[Any]],
    where: Places,
    chosen: NDArray[np.intp],
    start: int,
    stop: int,
    out: NDArray[np.floating[Any]],
) -> None: ...
def count_entries(
    where: Places,
    places: NDArray[np.int32],
    start: int,
    stop: int,
    lengths: NDArray[np.intp],
) -> bool: ...
def copy_entries(
    data: NDArray[np.floating[Any]],
    where: Places,
    places: NDArray[np.int32],
    row_starts: NDArray[np.signedinteger[Any]],
    start: int,
    stop: int,
    values: NDArray[np.floating[Any]],
    columns: NDArray[np.int32],
) -> None: ...
