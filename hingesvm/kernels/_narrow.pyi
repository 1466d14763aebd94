from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._places import Places

ROWS_PER_TILE: int
STATE: int
ENDED: int
INTERRUPTED: int

def first_state(
    rho: float,
    with_samples: bool,
    state: NDArray[np.float64],
) -> None: ...
def room_for(
    size: int,
) -> int: ...
def fill_tiles(
    data: NDArray[np.floating[Any]],
    where: Places,
    signs: NDArray[np.int8],
    tiles: NDArray[np.floating[Any]],
) -> None: ...
def turn_tiles(
    signs: NDArray[np.int8],
    old: NDArray[np.int8],
    tiles: NDArray[np.floating[Any]],
) -> None: ...
def solve(
    tiles: NDArray[np.floating[Any]],
    cost: NDArray[np.float64],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    signs: NDArray[np.float64],
    ridge: NDArray[np.float64],
    fixed: NDArray[np.float64],
    fixed_gain: float,
    goal: float,
    floor: float,
    tol: float,
    allowed: int,
    work: float,
    per_row: NDArray[np.float64],
    free: NDArray[np.intp],
    spare: NDArray[np.floating[Any]],
    of_part: NDArray[np.float64],
    free_of_part: NDArray[np.intp],
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    state: NDArray[np.float64],
    looks: NDArray[np.float64],
    room: NDArray[np.float64],
) -> tuple[int, int, int]: ...
