from typing import Any

import numpy as np
from numpy.typing import NDArray

SOLVED: int
UNSOLVED: int
OUT_OF_WORK: int
MOST_COLUMNS: int

def room_for(size: int) -> int: ...
def minimise(
    tiles: NDArray[np.floating[Any]],
    cost: NDArray[np.float64],
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    signs: NDArray[np.float64],
    ridge: NDArray[np.float64],
    threshold: NDArray[np.float64],
    fixed: NDArray[np.float64],
    fixed_gain: float,
    length: float,
    rho: float,
    is_noisy: bool,
    goal: float,
    floor: float,
    enough: int,
    limit: int,
    work: float,
    per_row: NDArray[np.float64],
    free: NDArray[np.intp],
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    room: NDArray[np.float64],
    places: NDArray[np.intp],
) -> tuple[int, int]: ...
