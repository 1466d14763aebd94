"""Where the losses are worked out: in NumPy, or in the library that the arrays are of.

The formulas are written once, in functions of the array API standard. What NumPy does
faster by writing into an array, or knows by another name, is a method here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hingesvm._namespace import Namespace, namespace_of

__all__ = ["Arithmetic", "arithmetic_of"]


class Arithmetic:
    """NumPy, in float64.

    Attributes
    ----------
    xp : module
        Where the functions are.
    space : Namespace or None
        None for NumPy.
    dtype : dtype
        Of the numbers: the widest floats.
    zero : float or array
        0 of that dtype.
    epsilon : float
        Distance of 1 to the next number.
    """

    xp: Any = np
    space: Namespace | None = None
    dtype: Any = np.float64
    zero: Any = 0.0
    epsilon: float = float(np.finfo(np.float64).eps)

    def floats(self, values: Any) -> Any:
        """Return the values in the widest floats."""
        return np.asarray(values, dtype=np.float64)

    def array(self, values: Any) -> Any:
        """Return as an array what arithmetic may have made a scalar."""
        return np.asarray(values)

    def known(self, number: float) -> float:
        """Return the finite or infinite number as near as the dtype comes to it."""
        return number

    def is_integral(self, array: Any) -> bool:
        """Return whether an array has integers."""
        return array.dtype.kind in "iu"

    def is_real(self, array: Any) -> bool:
        """Return whether an array has numbers or booleans."""
        return array.dtype.kind in "biuf"

    def bounds(self, array: Any) -> tuple[Any, Any]:
        """Return the least and the greatest of integers."""
        return array.min(), array.max()

    def indices(self, array: Any) -> Any:
        """Return integers in the dtype of indices."""
        return array.astype(np.intp, copy=False)

    def overall(self, name: str, array: Any) -> Any:
        """Return the maximum ("max"), sum or the like of all entries."""
        return getattr(array, name)()  # faster than the function

    def by_row(self, name: str, matrix: Any) -> Any:
        """Return the maximum, sum or the like of each row."""
        return getattr(matrix, name)(axis=1)

    def entries(self, matrix: Any, codes: Any) -> Any:
        """Return the entry of each row in the column that its code names."""
        return matrix[np.arange(codes.size), codes]

    def split(self, matrix: Any, codes: Any, value: float) -> tuple[Any, Any]:
        """Return the entries there, and a new matrix with a value instead of these."""
        rows, others = np.arange(codes.size), matrix.copy()
        others[rows, codes] = value
        return matrix[rows, codes], others

    def replaced(self, matrix: Any, codes: Any, values: Any) -> Any:
        """Return the matrix with other entries there; it may be overwritten."""
        matrix[np.arange(codes.size), codes] = values
        return matrix

    def subtracted(self, number: float, array: Any) -> Any:
        """Return the number minus an array, which may be overwritten."""
        return np.subtract(number, array, out=array)

    def positive_part(self, array: Any) -> Any:
        """Return the greater of 0 and each entry of an array, which may be overwritten.

        It is no scalar.
        """
        return np.maximum(array, 0.0, out=array)

    def marked(self, codes: Any, marks: Any, shape: tuple[int, int]) -> Any:
        """Return a matrix of 0, but 1 where a code names the column and is marked."""
        return self.replaced(np.zeros(shape), codes, marks)


class _OnDevice(Arithmetic):
    """An array library, in the widest floats of the device, without writing."""

    def __init__(self, space: Namespace) -> None:
        self.space: Namespace = space
        self.xp = space.xp
        self._info = space.xp.finfo(space.widest)
        self.epsilon = float(self._info.eps)
        self.dtype = space.widest
        self.zero = space.asarray(0.0, space.widest)

    def floats(self, values: Any) -> Any:
        return self.space.as_floats(values)

    def array(self, values: Any) -> Any:
        return values

    def known(self, number: float) -> float:
        if number == 0.0 or np.isinf(number):
            return number
        largest = float(self._info.max)
        return min(max(number, float(self._info.smallest_normal)), largest)

    def is_integral(self, array: Any) -> bool:
        return bool(self.xp.isdtype(array.dtype, "integral"))

    def is_real(self, array: Any) -> bool:
        kinds = ("bool", "integral", "real floating")
        return bool(self.xp.isdtype(array.dtype, kinds))

    def bounds(self, array: Any) -> tuple[Any, Any]:
        # Libraries compare no unsigned integers of some widths.
        numbers = self.indices(array)
        return int(self.xp.min(numbers)), int(self.xp.max(numbers))

    def indices(self, array: Any) -> Any:
        return self.xp.astype(array, self.space.integer, copy=False)

    def overall(self, name: str, array: Any) -> Any:
        return getattr(self.xp, name)(array)

    def by_row(self, name: str, matrix: Any) -> Any:
        return getattr(self.xp, name)(matrix, axis=1)

    def entries(self, matrix: Any, codes: Any) -> Any:
        n_rows, n_columns = matrix.shape
        starts = self.xp.arange(
            n_rows, dtype=self.space.integer, device=self.space.device
        )
        flat = self.xp.reshape(matrix, (-1,))
        return self.xp.take(flat, starts * n_columns + codes)

    def split(self, matrix: Any, codes: Any, value: float) -> tuple[Any, Any]:
        return self.entries(matrix, codes), self.replaced(matrix, codes, value)

    def replaced(self, matrix: Any, codes: Any, values: Any) -> Any:
        if getattr(values, "ndim", 0):
            values = values[:, None]
        return self.xp.where(self._named(codes, matrix.shape[1]), values, matrix)

    def subtracted(self, number: float, array: Any) -> Any:
        return number - array

    def positive_part(self, array: Any) -> Any:
        return self.xp.maximum(array, self.zero)

    def marked(self, codes: Any, marks: Any, shape: tuple[int, int]) -> Any:
        named = self._named(codes, shape[1]) & marks[:, None]
        return self.xp.astype(named, self.space.widest)

    def _named(self, codes: Any, n_columns: int) -> Any:
        """Return whether the code of each row names each column."""
        columns = self.xp.arange(n_columns, dtype=codes.dtype, device=self.space.device)
        return codes[:, None] == columns[None, :]


_NUMPY = Arithmetic()


def arithmetic_of(array: Any) -> Arithmetic:
    """Return where an array is worked on: on its device if that is to be so."""
    space = namespace_of(array)
    return _NUMPY if space is None else _OnDevice(space)
