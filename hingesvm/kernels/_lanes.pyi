from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

def dual_steps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    kept: int,
    lane: NDArray[np.int8],
    top: NDArray[np.floating[Any]],
    curvature: NDArray[np.float64],
    step: NDArray[np.float64],
    intercept_step: float,
    shrink_above: NDArray[np.floating[Any]],
    live: NDArray[np.floating[Any]],
    alpha: NDArray[np.floating[Any]],
    w: NDArray[np.floating[Any]],
    intercept: NDArray[np.floating[Any]],
    worst: NDArray[np.floating[Any]],
) -> int: ...
def survey(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    lane: NDArray[np.int8],
    top: NDArray[np.floating[Any]],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    w: NDArray[np.floating[Any]],
    intercept: NDArray[np.float64],
    alpha: NDArray[np.floating[Any]],
    factors: NDArray[np.float64],
    shortfall: NDArray[np.floating[Any]],
    own: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None: ...
def add_squares(
    w: NDArray[np.floating[Any]],
    out: NDArray[np.float64],
) -> None: ...
def class_sums(
    lane: NDArray[np.int8],
    top: NDArray[np.floating[Any]],
    bound: NDArray[np.float64],
    alpha: NDArray[np.floating[Any]],
    out: NDArray[np.float64],
) -> None: ...
def open_lane(
    shortfall: NDArray[np.floating[Any]],
    alpha: NDArray[np.floating[Any]],
    top: NDArray[np.floating[Any]],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    lane: int,
    safe: float,
    outwards: NDArray[np.float64],
    out: NDArray[np.float64],
    order: NDArray[np.intp],
) -> tuple[int, float]: ...
