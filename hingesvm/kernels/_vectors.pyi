from typing import Any

import numpy as np
from numpy.typing import NDArray

def pack(
    alpha: NDArray[np.float64],
    bound: NDArray[np.float64],
    places: NDArray[np.uint8],
    values: NDArray[np.float64],
) -> int: ...
def unpack(
    places: NDArray[np.uint8],
    values: NDArray[np.float64],
    bound: NDArray[np.float64],
    count: int,
    alpha: NDArray[np.float64],
) -> int: ...
def totals(
    signs: NDArray[np.int8],
    cost: NDArray[np.float64],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    shortfall: NDArray[np.float64],
    alpha: NDArray[np.float64],
    anchor: NDArray[np.float64],
) -> tuple[float, float, float, float]: ...
def find_zero(
    rest: NDArray[np.float64],
    pace: NDArray[np.float64],
    bound: NDArray[np.float64],
    here: NDArray[np.floating[Any]],
    change: NDArray[np.floating[Any]],
    to_end: bool,
    base: float,
    slope: float,
    start: float,
    low: float,
    tolerance: float,
    noise: float,
) -> tuple[float, float]: ...
def choose(
    shortfall: NDArray[np.floating[Any]],
    moved: NDArray[np.floating[Any]],
    reach: NDArray[np.float32],
    places: NDArray[np.uint8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    near: float,
    likely: float,
    out: NDArray[np.uint8],
) -> None: ...
def distances(
    shortfall: NDArray[np.floating[Any]],
    reach: NDArray[np.float32],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    step: int,
    out: NDArray[np.float64],
) -> None: ...
def misplaced(
    shortfall: NDArray[np.floating[Any]],
    places: NDArray[np.uint8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    farther: float,
    reach: NDArray[np.float32],
) -> int: ...
def intercept_derivative(
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    at_one: NDArray[np.float64],
    b: float,
    above: bool,
) -> tuple[float, float]: ...
def wake(
    shortfall: NDArray[np.float64],
    alpha: NDArray[np.float64],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    safe: float,
    out: NDArray[np.intp],
) -> tuple[int, float]: ...
def squared_norm(
    w: NDArray[np.floating[Any]],
) -> float: ...
def class_sums(
    alpha: NDArray[np.float64],
    signs: NDArray[np.int8],
) -> tuple[float, float]: ...
def lower_class(
    alpha: NDArray[np.float64],
    bound: NDArray[np.float64],
    signs: NDArray[np.int8],
    sign: int,
    heavy: float,
    light: float,
    little: float,
) -> None: ...
