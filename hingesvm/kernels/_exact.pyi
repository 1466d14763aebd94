from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

def scores(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    w: NDArray[np.float64],
    intercept: float,
    value: NDArray[np.float64],
    rest: NDArray[np.float64],
    size: NDArray[np.float64],
) -> None: ...
def combine(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    factors: NDArray[np.float64],
    value: NDArray[np.float64],
    rest: NDArray[np.float64],
    size: NDArray[np.float64],
) -> None: ...
def dot(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> tuple[float, float]: ...
