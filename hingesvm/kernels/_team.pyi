from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.kernels._meeting import Meeting
from hingesvm.kernels._places import Places

def shared_sweeps(
    data: NDArray[np.floating[Any]],
    where: Places,
    order: NDArray[np.intp],
    bucket: int,
    sizes: NDArray[np.intp],
    decks: NDArray[np.intp],
    hands: NDArray[np.intp],
    is_kept: NDArray[np.uint8],
    n_ranges: int,
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
    too_far: float,
    hold: float,
    alpha: NDArray[np.float64],
    w: NDArray[np.floating[Any]],
    copies: NDArray[np.floating[Any]],
    board: NDArray[np.float64],
    scalars: NDArray[np.float64],
    random_state: NDArray[np.uint64],
    meeting: Meeting,
    thread: int,
    n_threads: int,
) -> None: ...
