from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

def survey(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    judge: bool,
    w: NDArray[np.floating[Any]],
    intercept: float,
    scales: NDArray[np.floating[Any]],
    shortfall: NDArray[np.float64],
    alpha: NDArray[np.float64],
    reach: NDArray[np.float32],
    own: NDArray[np.float64],
) -> None: ...
def settle(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    signs: NDArray[np.int8],
    rest: NDArray[np.float64],
    pace: NDArray[np.float64],
    bound: NDArray[np.float64],
    shortfall: NDArray[np.float64],
    before: NDArray[np.float64],
    alpha: NDArray[np.float64],
    free: NDArray[np.intp],
    n_free: int,
    own: NDArray[np.float64],
) -> int: ...
def gather(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    factors: NDArray[np.float64],
    bordered: bool,
    out: NDArray[np.floating[Any]],
) -> None: ...
def gram(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    factors: NDArray[np.float64],
    bordered: bool,
    out: NDArray[np.float64],
) -> None: ...
