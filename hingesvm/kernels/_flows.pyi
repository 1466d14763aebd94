import numpy as np
from numpy.typing import NDArray

def raise_prices(
    left: NDArray[np.float64],
    back: NDArray[np.float64],
    excess: NDArray[np.float64],
    price: NDArray[np.intp],
    last: int,
) -> int: ...
def find_levels(
    left: NDArray[np.float64],
    back: NDArray[np.float64],
    excess: NDArray[np.float64],
    price: NDArray[np.intp],
    target: int,
    level: NDArray[np.intp],
    room: NDArray[np.intp],
) -> bool: ...
def push(
    left: NDArray[np.float64],
    back: NDArray[np.float64],
    excess: NDArray[np.float64],
    price: NDArray[np.intp],
    target: int,
    level: NDArray[np.intp],
    cursor: NDArray[np.intp],
    room: NDArray[np.intp],
    most: int,
) -> bool: ...
