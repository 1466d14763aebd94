"""Rows that were gathered from several places, or are kept to be handed out."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from hingesvm.rows.contract import Rows
from hingesvm.rows.copied import Matrix
from hingesvm.rows.memory import MemoryRows

__all__ = ["gathered", "stacked"]


def stacked(parts: list[Matrix]) -> Matrix:
    """Return matrices one below the other: an array, or a CSR matrix."""
    if len(parts) == 1:
        return parts[0]
    if sp.issparse(parts[0]):
        return sp.vstack(parts, format="csr")
    return np.concatenate(parts)


def gathered(parts: list[Matrix]) -> Rows:
    """Return the rows of matrices of one dtype, one below the other, in memory."""
    return MemoryRows(stacked(parts))
