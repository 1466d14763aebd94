from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

def block_steps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    kept: int,
    codes: NDArray[np.intp],
    bounds: NDArray[np.float64],
    caps: float,
    margin: float,
    step: NDArray[np.float64],
    intercept_step: float,
    shrink_above: float,
    alpha: NDArray[np.floating[Any]],
    w: NDArray[np.floating[Any]],
    intercept: NDArray[np.floating[Any]],
    worst: NDArray[np.float64],
    packed: NDArray[np.floating[Any]],
    places: NDArray[np.int32],
    room: NDArray[np.floating[Any]],
    classes: NDArray[np.intp],
    turns: int,
    safely: float,
    before: NDArray[np.float64],
    imbalance: NDArray[np.float64],
    penalized: bool,
    random_state: NDArray[np.uint64],
) -> int: ...
def survey(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    codes: NDArray[np.intp],
    bounds: NDArray[np.float64],
    caps: float,
    margin: float,
    w: NDArray[np.floating[Any]],
    intercept: NDArray[np.float64],
    alpha: NDArray[np.floating[Any]],
    factors: NDArray[np.float64],
    outward: NDArray[np.float32],
    own: NDArray[np.float64],
    sums: NDArray[np.float64],
    packed: NDArray[np.floating[Any]],
    places: NDArray[np.int32],
    room: NDArray[np.float64],
    classes: NDArray[np.intp],
) -> None: ...
def flows(
    codes: NDArray[np.intp],
    bounds: NDArray[np.float64],
    caps: float,
    alpha: NDArray[np.floating[Any]],
    out: NDArray[np.float64],
) -> None: ...
