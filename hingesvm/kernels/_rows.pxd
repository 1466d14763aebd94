# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""One row of X for dense and CSR storage: place, dot product, addition, norm.

A dense row is a CSR row whose `columns` pointer is NULL: its entries are the
features 0, 1, ... in order. Every loop over rows is written once, with these. They take
a row as ``(data, place)``: the values of X, and where those of the row are among them.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t

cdef extern from * nogil:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define hingesvm_prefetch(address) __builtin_prefetch(address)
    #define hingesvm_prefetch_far(address) __builtin_prefetch(address, 0, 2)
    #define hingesvm_rarely(condition) __builtin_expect(!!(condition), 0)
    #define HINGESVM_APART __attribute__((noinline, cold, unused))
    #else
    #define hingesvm_prefetch(address) ((void)(address))
    #define hingesvm_prefetch_far(address) ((void)(address))
    #define hingesvm_rarely(condition) (condition)
    #define HINGESVM_APART
    #endif

    /* Apart, so that what rows of 32-bit indices take stays small. */
    static HINGESVM_APART void hingesvm_narrow(
        const int64_t* wide, ptrdiff_t length, int32_t* room
    ) {
        for (ptrdiff_t k = 0; k < length; ++k) room[k] = (int32_t)wide[k];
    }
    """
    bint rarely "hingesvm_rarely"(bint condition) noexcept
    void narrow "hingesvm_narrow"(
        const int64_t* wide, ptrdiff_t length, int32_t* room
    ) noexcept
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
    # Rows between the one that is asked for and the one that is worked on.
    AHEAD = 8


cdef struct Layout:
    # Where the entries of X are: all but their values. `index` lists the rows that take
    # part, or is NULL. Indices are of 64 bits if `is_wide`; those of a row are then
    # copied into `room`, so that one loop serves both.
    const void* columns
    const void* row_starts
    const ptrdiff_t* index
    ptrdiff_t n_features
    bint is_wide
    int32_t* room


cdef struct Row:
    # Where the entries of one row are; `columns` is NULL in a dense one.
    const int32_t* columns
    ptrdiff_t start
    ptrdiff_t length


cdef inline Row find(const Layout* X, ptrdiff_t row) noexcept nogil:
    """Return where a row of the problem is; no columns of wide indices."""
    cdef const int32_t* starts = <const int32_t*>X.row_starts
    cdef const int64_t* wide_starts = <const int64_t*>X.row_starts
    cdef Row place
    if X.index != NULL:
        row = X.index[row]
    if starts == NULL:
        place.columns = NULL
        place.start = row * X.n_features
        place.length = X.n_features
    elif rarely(X.is_wide):
        place.columns = NULL
        place.start = wide_starts[row]
        place.length = wide_starts[row + 1] - place.start
    else:
        place.start = starts[row]
        place.length = starts[row + 1] - starts[row]
        place.columns = <const int32_t*>X.columns + place.start
    return place


cdef inline Row locate(const Layout* X, ptrdiff_t row) noexcept nogil:
    """Return where a row of the problem is; wide indices are good until the next one."""
    cdef Row place = find(X, row)
    if rarely(X.is_wide):
        narrow(<const int64_t*>X.columns + place.start, place.length, X.room)
        place.columns = X.room
    return place


cdef inline void fetch_row(
    const Layout* X, const value_t* data, ptrdiff_t row
) noexcept nogil:
    """Ask for the first entries of a row of the problem that is needed soon."""
    cdef Row place = find(X, row)
    cdef const char* address = <const char*>&data[place.start]
    cdef ptrdiff_t size = place.length * <ptrdiff_t>sizeof(value_t)
    cdef ptrdiff_t each = sizeof(int64_t) if X.is_wide else sizeof(int32_t)
    cdef ptrdiff_t k
    if X.columns == NULL and size > PREFETCHED:
        for k in range(0, min(size, <ptrdiff_t>PAGE), 64):
            prefetch_far(address + k)
        return
    for k in range(0, min(size, <ptrdiff_t>PREFETCHED), 64):
        prefetch(address + k)
    if X.columns != NULL:
        address = <const char*>X.columns + place.start * each
        size = place.length * each
        for k in range(0, min(size, <ptrdiff_t>PREFETCHED), 64):
            prefetch(address + k)


cdef inline ptrdiff_t row_at(const ptrdiff_t* order, ptrdiff_t k) noexcept nogil:
    """Return row ``order[k]``, or k if `order` is NULL."""
    return k if order == NULL else order[k]


cdef inline ptrdiff_t fetch_ahead(
    const Layout* X,
    const value_t* data,
    const ptrdiff_t* order,
    ptrdiff_t k,
    ptrdiff_t stop,
) noexcept nogil:
    """Ask for the row AHEAD places behind the k-th; return it, or -1 if there is none.

    Rows that lie one behind the other are left to the processor.
    """
    cdef ptrdiff_t row = -1
    if (order != NULL or X.index != NULL) and k + AHEAD < stop:
        row = row_at(order, k + AHEAD)
        fetch_row(X, data, row)
    return row


cdef inline bint increase(const index_t* columns, ptrdiff_t length) noexcept nogil:
    """Whether each column index of a row is larger than the one before."""
    cdef ptrdiff_t k
    cdef bint increasing = True
    for k in range(1, length):
        increasing &= columns[k - 1] < columns[k]
    return increasing


cdef inline bint columns_exist(
    const index_t* columns, ptrdiff_t length, ptrdiff_t n_features, bint* increasing
) noexcept nogil:
    """Whether all column indices of a row lie within its columns, and `increasing`."""
    cdef ptrdiff_t k
    cdef bint exist = True
    increasing[0] = increase(columns, length)
    if increasing[0]:
        return length == 0 or (columns[0] >= 0 and columns[length - 1] < n_features)
    for k in range(length):
        exist &= (columns[k] >= 0) & (columns[k] < n_features)
    return exist


cdef inline bint is_valid(
    const Layout* X, const Row* place, bint* increasing
) noexcept nogil:
    """Whether a row that was found names columns of X only, before it is made narrow."""
    increasing[0] = True
    if X.columns == NULL:
        return True
    if rarely(X.is_wide):
        return columns_exist(
            <const int64_t*>X.columns + place.start,
            place.length,
            X.n_features,
            increasing,
        )
    return columns_exist(place.columns, place.length, X.n_features, increasing)


cdef inline double row_dot(
    const value_t* data,
    const Row* place,
    const weight_t* w,
    sum_t kind,
) noexcept nogil:
    """Return x_i . w; `kind` only names the precision in which it is summed."""
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef sum_t total = 0.0, other = 0.0
    cdef ptrdiff_t k, length = place.length
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
    const value_t* data,
    const Row* place,
    double factor,
    weight_t* w,
) noexcept nogil:
    """Add factor * x_i to w."""
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef weight_t rate = <weight_t>factor
    cdef ptrdiff_t k, length = place.length
    if columns == NULL:
        for k in range(length):
            w[k] += rate * <weight_t>values[k]
        return
    for k in range(length):
        w[columns[k]] += rate * <weight_t>values[k]


cdef inline double row_squared_norm(
    const value_t* data,
    const Row* place,
    bint increasing,
    double* scratch,
) noexcept nogil:
    """Return ||x_i||^2; `scratch` holds n_features zeros and is left so.

    A CSR row may name a column twice, so its entries are summed first, unless its
    columns are known to increase.
    """
    cdef const value_t* values = data + place.start
    cdef double total = 0.0
    cdef ptrdiff_t k
    if increasing:
        for k in range(place.length):
            total += <double>values[k] * <double>values[k]
        return total
    row_add(data, place, 1.0, scratch)
    total = row_dot(data, place, scratch, <double>0)
    for k in range(place.length):
        scratch[place.columns[k]] = 0.0
    return total


cdef inline double row_scaled_norm(
    const value_t* data,
    const Row* place,
    const value_t* scales,
) noexcept nogil:
    """Return the sum of (scales_j x_ij)^2, in the precision of X.

    Entries of a column that is named twice are squared singly.
    """
    cdef const value_t* values = data + place.start
    cdef const int32_t* columns = place.columns
    cdef value_t total = 0.0, term
    cdef ptrdiff_t k, length = place.length
    if columns == NULL:
        for k in range(length):
            term = scales[k] * values[k]
            total += term * term
        return total
    for k in range(length):
        term = scales[columns[k]] * values[k]
        total += term * term
    return total
