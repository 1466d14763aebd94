from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

def shuffle(
    order: NDArray[np.intp],
    start: int,
    stop: int,
    run: int,
    random_state: NDArray[np.uint64],
) -> None: ...
def margins(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    signs: NDArray[np.int8],
    w: NDArray[np.float64],
    intercept: float,
    out: NDArray[np.float64],
) -> None: ...
def combine(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    factors: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None: ...
def squared_norms(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    scratch: NDArray[np.float64],
    out: NDArray[np.float64],
) -> bool: ...
def dual_steps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    kept: int,
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    step: NDArray[np.float64],
    intercept_step: float,
    shrink_above: float,
    alpha: NDArray[np.float64],
    w: NDArray[np.floating[Any]],
    scalars: NDArray[np.float64],
) -> int: ...
def penalized_steps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    kept: int,
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    step: NDArray[np.float64],
    intercept_step: float,
    shrink_above: float,
    alpha: NDArray[np.float64],
    sums: NDArray[np.floating[Any]],
    scalars: NDArray[np.float64],
    threshold: NDArray[np.float64],
    reciprocal: NDArray[np.float64],
    center: NDArray[np.float64],
) -> int: ...
def dual_sweeps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    n_active: int,
    n_visits: float,
    least_visits: float,
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    step: NDArray[np.float64],
    intercept_step: float,
    penalized: bool,
    safely: float,
    enough: float,
    alpha: NDArray[np.float64],
    w: NDArray[np.floating[Any]],
    scalars: NDArray[np.float64],
    random_state: NDArray[np.uint64],
) -> tuple[int, float]: ...
def averaged_steps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    intercept_step: float,
    delay: float,
    alpha: NDArray[np.float64],
    average: NDArray[np.float64],
    last_weight: NDArray[np.float64],
    w: NDArray[np.float64],
    scalars: NDArray[np.float64],
) -> None: ...
