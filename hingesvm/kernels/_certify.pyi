import numpy as np
from numpy.typing import NDArray

def best_between(
    signs: NDArray[np.int8],
    bound: NDArray[np.float64],
    at_one: NDArray[np.float64],
    low: float,
    high: float,
    flat: float,
) -> float: ...
def losses_at(
    signs: NDArray[np.int8],
    scores: NDArray[np.float64],
    intercept: float,
    bound: NDArray[np.float64],
    curvature: NDArray[np.float64],
    alpha: NDArray[np.float64],
    tiny: float,
    losses: NDArray[np.float64],
) -> tuple[float, float]: ...
