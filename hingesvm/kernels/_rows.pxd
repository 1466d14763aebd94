# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""One row of X for dense and CSR storage: place, dot product, addition, norm.

A dense row is a CSR row whose `columns` pointer is NULL: its entries are the
features 0, 1, ... in order. Every loop over rows is written once, with these.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t

cdef extern from * nogil:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define hingesvm_prefetch(address) __builtin_prefetch(address)
    #define hingesvm_prefetch_far(address) __builtin_prefetch(address, 0, 2)
    #else
    #define hingesvm_prefetch(address) ((void)(address))
    #define hingesvm_prefetch_far(address) ((void)(address))
    #endif
    """
    void prefetch "hingesvm_prefetch"(const void* address) noexcept
    # To the second cache alone, as much would push out what is in the first.
    void prefetch_far "hingesvm_prefetch_far"(const void* address) noexcept

ctypedef fused value_t:
    float
    double

ctypedef fused weight_t:
    float
    double

ctypedef fused sum_t:
    float
    double

ctypedef fused index_t:
    int32_t
    int64_t


cdef enum:
    # Bytes of a row that are fetched ahead; the hardware follows from there. Of a long
    # dense row a page is, as it follows too late, and not from page to page.
    PREFETCHED = 512
    PAGE = 4096


cdef struct Layout:
    # Where the entries of X are: all but their values.
    const void* columns
    const void* row_starts
    const ptrdiff_t* index
    ptrdiff_t n_features


cdef struct Row:
    # Where the entries of one row are; `columns` is NULL in a dense one.
    const void* columns
    ptrdiff_t start
    ptrdiff_t length


cdef inline Layout layout(
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
) noexcept nogil:
    """Return the layout of X; empty arrays stand for a dense X and for all rows."""
    cdef Layout X
    X.row_starts = &row_starts[0] if row_starts.shape[0] else NULL
    X.columns = &columns[0] if row_starts.shape[0] else NULL
    X.index = &index[0] if index.shape[0] else NULL
    X.n_features = n_features
    return X


cdef inline Row locate(const Layout* X, ptrdiff_t row, index_t kind) noexcept nogil:
    """Return where a row of the problem is; `kind` only names the type of indices."""
    cdef const index_t* starts = <const index_t*>X.row_starts
    cdef Row place
    if X.index != NULL:
        row = X.index[row]
    if starts == NULL:
        place.columns = NULL
        place.start = row * X.n_features
        place.length = X.n_features
    else:
        place.start = starts[row]
        place.length = starts[row + 1] - starts[row]
        place.columns = <const index_t*>X.columns + place.start
    return place


cdef inline void row_prefetch(
    const value_t* values, const index_t* columns, ptrdiff_t length
) noexcept nogil:
    """Ask for the first entries of a row that is needed soon."""
    cdef const char* address = <const char*>values
    cdef ptrdiff_t size = min(length * <ptrdiff_t>sizeof(value_t), PREFETCHED)
    cdef ptrdiff_t k
    if columns == NULL and length * <ptrdiff_t>sizeof(value_t) > PREFETCHED:
        size = min(length * <ptrdiff_t>sizeof(value_t), <ptrdiff_t>PAGE)
        for k in range(0, size, 64):
            prefetch_far(address + k)
        return
    for k in range(0, size, 64):
        prefetch(address + k)
    if columns != NULL:
        address = <const char*>columns
        size = min(length * <ptrdiff_t>sizeof(index_t), PREFETCHED)
        for k in range(0, size, 64):
            prefetch(address + k)


cdef inline void fetch_row(
    const Layout* X, const value_t* data, ptrdiff_t row, index_t kind
) noexcept nogil:
    """Ask for the first entries of a row of the problem."""
    cdef Row place = locate(X, row, kind)
    row_prefetch(
        &data[place.start], <const index_t*>place.columns, place.length
    )


cdef inline bint increase(const index_t* columns, ptrdiff_t length) noexcept nogil:
    """Whether each column index of a row is larger than the one before."""
    cdef ptrdiff_t k
    cdef bint increasing = True
    for k in range(1, length):
        increasing &= columns[k - 1] < columns[k]
    return increasing


cdef inline bint columns_exist(
    const index_t* columns, ptrdiff_t length, ptrdiff_t n_features, bint increasing
) noexcept nogil:
    """Whether all column indices of a row lie within its columns."""
    cdef ptrdiff_t k
    cdef bint exist = True
    if increasing:
        return length == 0 or (columns[0] >= 0 and columns[length - 1] < n_features)
    for k in range(length):
        exist &= (columns[k] >= 0) & (columns[k] < n_features)
    return exist


cdef inline double row_dot(
    const value_t* values,
    const index_t* columns,
    ptrdiff_t length,
    const weight_t* w,
    sum_t kind,
) noexcept nogil:
    """Return x_i . w; `kind` only names the precision in which it is summed."""
    cdef sum_t total = 0.0, other = 0.0
    cdef ptrdiff_t k
    if columns == NULL:
        for k in range(length):
            total += <sum_t>values[k] * <sum_t>w[k]
        return total
    # Two chains: the additions of one gather wait for each other otherwise.
    for k in range(0, length - 1, 2):
        total += <sum_t>values[k] * <sum_t>w[columns[k]]
        other += <sum_t>values[k + 1] * <sum_t>w[columns[k + 1]]
    if length & 1:
        total += <sum_t>values[length - 1] * <sum_t>w[columns[length - 1]]
    return total + other


cdef inline void row_add(
    const value_t* values,
    const index_t* columns,
    ptrdiff_t length,
    double factor,
    weight_t* w,
) noexcept nogil:
    """Add factor * x_i to w."""
    cdef weight_t rate = <weight_t>factor
    cdef ptrdiff_t k
    if columns == NULL:
        for k in range(length):
            w[k] += rate * <weight_t>values[k]
        return
    for k in range(length):
        w[columns[k]] += rate * <weight_t>values[k]


cdef inline double row_squared_norm(
    const value_t* values,
    const index_t* columns,
    ptrdiff_t length,
    bint increasing,
    double* scratch,
) noexcept nogil:
    """Return ||x_i||^2; `scratch` holds n_features zeros and is left so.

    A CSR row may name a column twice, so its entries are summed first, unless its
    columns are known to increase.
    """
    cdef double total = 0.0
    cdef ptrdiff_t k
    if increasing:
        for k in range(length):
            total += <double>values[k] * <double>values[k]
        return total
    row_add(values, columns, length, 1.0, scratch)
    total = row_dot(values, columns, length, scratch, <double>0)
    for k in range(length):
        scratch[columns[k]] = 0.0
    return total


cdef inline double row_scaled_norm(
    const value_t* values,
    const index_t* columns,
    ptrdiff_t length,
    const value_t* scales,
) noexcept nogil:
    """Return the sum of (scales_j x_ij)^2, in the precision of X.

    Entries of a column that is named twice are squared singly.
    """
    cdef value_t total = 0.0, term
    cdef ptrdiff_t k
    if columns == NULL:
        for k in range(length):
            term = scales[k] * values[k]
            total += term * term
        return total
    for k in range(length):
        term = scales[columns[k]] * values[k]
        total += term * term
    return total
