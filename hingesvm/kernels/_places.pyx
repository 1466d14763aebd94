# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False
"""Where the entries of X are: all but their values, in one object for all kernels."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport malloc

from ._rows cimport index_t


cdef class Places:
    """Where the entries of the rows of X are.

    Parameters
    ----------
    n_features : int
    columns, row_starts : ndarray of int32 or of int64, optional
        Those of a CSR matrix; a dense one has its rows one behind the other.
    """

    def __init__(self, ptrdiff_t n_features, columns=None, row_starts=None):
        self.layout.n_features = n_features
        self.layout.index = NULL
        self.layout.columns = self.layout.row_starts = NULL
        self.layout.room = NULL
        self.layout.is_wide = False
        self.longest = 0
        self.owners = (columns, row_starts)
        if row_starts is None:
            return
        if row_starts.itemsize == sizeof(int64_t):
            take[int64_t](self, columns, row_starts)
        else:
            take[int32_t](self, columns, row_starts)

    def of(self, const ptrdiff_t[::1] index):
        """Return where the entries of some rows are: row r is row ``index[r]`` of X.

        Of all rows where `index` is empty.
        """
        cdef Places some = Places.__new__(Places)
        some.layout, some.longest = self.layout, self.longest
        some.layout.index = &index[0] if index.shape[0] else NULL
        some.owners = (self.owners, index)
        return some


cdef void take(
    Places where, const index_t[::1] columns, const index_t[::1] row_starts
) except *:
    """Take the arrays of a CSR matrix, and see how long its longest row is."""
    cdef ptrdiff_t row
    where.layout.row_starts = &row_starts[0]
    # An empty matrix has a place for it, too.
    where.layout.columns = (
        <const void*>&columns[0] if columns.shape[0] else <const void*>&row_starts[0]
    )
    where.layout.is_wide = index_t is int64_t
    if where.layout.is_wide:
        for row in range(row_starts.shape[0] - 1):
            where.longest = max(where.longest, row_starts[row + 1] - row_starts[row])


cdef Layout opened(Places where) except *:
    """Return the layout for one call, with room for the indices of a row."""
    cdef Layout X = where.layout
    if X.is_wide:
        X.room = <int32_t*>malloc(max(where.longest, 1) * sizeof(int32_t))
        if X.room == NULL:
            raise MemoryError
    return X


cdef object refuse_single_weights():
    """Raise the error about weights in a lower precision than that of X."""
    raise TypeError("weights of float64 rows must be float64")
