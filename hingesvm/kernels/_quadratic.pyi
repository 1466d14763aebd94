import numpy as np
from numpy.typing import NDArray

MINIMISED: int
INTERRUPTED: int
WANTS_DIRECTION: int
STATE: int
FACE_SIZE: int
VIOLATION: int

def descend(
    hessian: NDArray[np.float64],
    threshold: NDArray[np.float64],
    chosen: NDArray[np.intp],
    start: int,
    stop: int,
    z: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> None: ...
def symmetric(
    lower: NDArray[np.float64], chosen: NDArray[np.intp], out: NDArray[np.float64]
) -> None: ...
def room_for(m: int) -> int: ...
def minimise(
    hessian: NDArray[np.float64],
    slope: NDArray[np.float64],
    threshold: NDArray[np.float64],
    start: NDArray[np.float64],
    tol: float,
    most_rounds: int,
    most_solves: int,
    work: float,
    points: NDArray[np.float64],
    face: NDArray[np.intp],
    state: NDArray[np.float64],
    room: NDArray[np.float64],
) -> int: ...
