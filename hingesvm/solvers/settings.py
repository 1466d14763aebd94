"""What all stages of a fit pass on unchanged, from the estimator to the solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Method", "Settings"]

Method = Literal["auto", "stochastic", "batch", "pegasos"]


@dataclass(frozen=True)
class Settings:
    """How a problem is solved, and how far.

    Attributes
    ----------
    method : {"auto", "stochastic", "batch", "pegasos"}, default="auto"
        "auto" sweeps and takes Newton steps in turns (``choice.py``), by work that is
        counted in arithmetic rather than in seconds so that the choice is reproducible.
        With 1000 rows or more for each column it takes the batch method from the start.
        A small problem (up to 10,000 rows and n_rows * n_features up to 4 million) ends
        exact to rounding where that is cheap; it begins with the batch method if it has
        up to 64 columns. A joint problem is not for "pegasos", and small up to 200,000
        rows times weights.
    tol : float, default=1e-4
        Relative duality gap to reach.
    max_iter : int, default=1000
        Bound on sweeps and Newton steps together.
    exact : bool, default=True
        Whether a small problem ends exact to rounding; if not, it ends at `tol` too.
    """

    method: Method = "auto"
    tol: float = 1e-4
    max_iter: int = 1000
    exact: bool = True
