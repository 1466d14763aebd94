import numpy as np
from numpy.typing import NDArray

def descend(
    hessian: NDArray[np.float64],
    threshold: NDArray[np.float64],
    chosen: NDArray[np.intp],
    start: int,
    stop: int,
    z: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> None: ...
