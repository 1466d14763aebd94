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
    out: NDArray[np.float64],
    packed: NDArray[np.floating[Any]],
    places: NDArray[np.int32],
) -> None: ...
def add_rows(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    factors: NDArray[np.float64],
    out: NDArray[np.float64],
    packed: NDArray[np.floating[Any]],
    places: NDArray[np.int32],
) -> None: ...
def add_duals(
    data: NDArray[np.floating[Any]],
    where: Places,
    start: int,
    stop: int,
    codes: NDArray[np.intp],
    alpha: NDArray[np.float64],
    out: NDArray[np.float64],
    imbalance: NDArray[np.float64],
    packed: NDArray[np.floating[Any]],
    places: NDArray[np.int32],
    room: NDArray[np.float64],
) -> None: ...
def free_rows(
    codes: NDArray[np.intp],
    bounds: NDArray[np.float64],
    caps: float,
    full: float,
    alpha: NDArray[np.float64],
    n_classes: int,
    start: int,
    stop: int,
    count: int,
    order: NDArray[np.intp],
    inside: NDArray[np.uint8],
    share: NDArray[np.float64],
) -> int: ...
def project(
    scores: NDArray[np.float64],
    along: NDArray[np.float64],
    length: float,
    anchor: NDArray[np.float64],
    codes: NDArray[np.intp],
    bounds: NDArray[np.float64],
    caps: float,
    margin: float,
    rho: float,
    units: NDArray[np.float64],
    n_classes: int,
    start: int,
    stop: int,
    out: NDArray[np.float64],
    room: NDArray[np.float64],
    classes: NDArray[np.intp],
    sums: NDArray[np.float64],
) -> None: ...
def add_curvature(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    start: int,
    stop: int,
    codes: NDArray[np.intp],
    sigma: NDArray[np.float64],
    inside: NDArray[np.uint8],
    share: NDArray[np.float64],
    entries: NDArray[np.float64],
    support: NDArray[np.intp],
    out: NDArray[np.float64],
) -> None: ...
