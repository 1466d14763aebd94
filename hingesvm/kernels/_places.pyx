# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False
"""Where the entries of X are: all but their values, in one object for all kernels."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport malloc

ctypedef fused index_t:
    int32_t
    int64_t


cdef class Places:
    """Where the entries of the rows of X are.

    Parameters
    ----------
    n_features : int
    index : ndarray of intp
        Row r of the problem is row ``index[r]`` of X, or row r where it is empty.
    columns, row_starts : ndarray of int32 or of int64, optional
        Those of a CSR matrix; a dense one has its rows one behind the other.
    """

    def __init__(
        self,
        ptrdiff_t n_features,
        const ptrdiff_t[::1] index,
        columns=None,
        row_starts=None,
    ):
        self.layout.n_features = n_features
        self.layout.index = &index[0] if index.shape[0] else NULL
        self.layout.columns = self.layout.row_starts = NULL
        self.layout.room = NULL
        self.layout.is_wide = False
        self.longest = 0
        self.owners = (index, columns, row_starts)
        if row_starts is not None:
            take_arrays(self, row_starts, columns)

    @property
    def n_features(self):
        """Number of columns of X."""
        return self.layout.n_features


cdef void take(
    Places where, const index_t[::1] row_starts, const index_t[::1] columns
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


def take_arrays(Places where, row_starts, columns):
    """Take the arrays of a CSR matrix, whose indices have 32 or 64 bits."""
    if row_starts.dtype.itemsize == sizeof(int64_t):
        take[int64_t](where, row_starts, columns)
    else:
        take[int32_t](where, row_starts, columns)


cdef Layout opened(Places where) except *:
    """Return the layout for one call, with room for the indices of a row."""
    cdef Layout X = where.layout
    if X.is_wide:
        X.room = <int32_t*>malloc(max(where.longest, 1) * sizeof(int32_t))
        if X.room == NULL:
            raise MemoryError
    return X
