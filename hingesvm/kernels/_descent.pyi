from typing import Any

import numpy as np
from numpy.typing import NDArray

def descend(
    data: NDArray[np.floating[Any]],
    rows: NDArray[np.int32],
    starts: NDArray[np.int32],
    strength: NDArray[np.float64],
    bend: NDArray[np.float64],
    threshold: NDArray[np.float64],
    slope: NDArray[np.float64],
    origin: NDArray[np.float64],
    chosen: NDArray[np.intp],
    start: int,
    stop: int,
    z: NDArray[np.float64],
    moved: NDArray[np.float64],
) -> float: ...
