# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Copies of few columns of X.

X is given as in ``_sweep.pyx``. No function holds the GIL while it works, and callers
pass short ranges, so that a fit can be interrupted between two calls.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t

from ._places cimport Places, close, opened
from ._rows cimport Layout, Row, find, index_t, is_valid, locate, value_t


def copy_values(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] chosen,
    ptrdiff_t start,
    ptrdiff_t stop,
    value_t[:, ::1] out,
):
    """Set ``out[r, k]`` to column ``chosen[k]`` of dense row r, start <= r < stop."""
    cdef Layout X = opened(where)
    cdef const value_t* values
    cdef value_t* copies
    cdef ptrdiff_t row, k, m = chosen.shape[0]
    cdef const ptrdiff_t* columns = &chosen[0] if m else NULL
    cdef Row place
    if m > 0:
        with nogil:
            for row in range(start, stop):
                place = locate(&X, row)
                values = &data[0] + place.start
                copies = &out[row, 0]
                for k in range(m):
                    copies[k] = values[columns[k]]
    close(&X)


def count_entries(
    Places where,
    const int32_t[::1] places,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t[::1] lengths,
):
    """Set ``lengths[r]`` to how many entries sparse row r has in chosen columns.

    For start <= r < stop. ``places[j]`` is negative for a column j that is not chosen.

    Returns
    -------
    bool
        False if a column index is not one of a column; the rows behind are then left
        out.
    """
    cdef Layout X = opened(where)
    cdef ptrdiff_t row, k, count
    cdef Row place
    cdef bint valid = True, increasing
    with nogil:
        for row in range(start, stop):
            place = find(&X, row)
            valid = is_valid(&X, &place, &increasing)
            if not valid:
                break
            place = locate(&X, row)
            count = 0
            for k in range(place.length):
                count += places[place.columns[k]] >= 0
            lengths[row] = count
    close(&X)
    return valid


def copy_entries(
    const value_t[::1] data,
    Places where,
    const int32_t[::1] places,
    const index_t[::1] row_starts,
    ptrdiff_t start,
    ptrdiff_t stop,
    value_t[::1] values,
    int32_t[::1] columns,
):
    """Copy the entries that sparse rows start to stop have in chosen columns.

    Those of row r are put from ``row_starts[r]`` on; a column j becomes ``places[j]``.
    """
    cdef Layout X = opened(where)
    cdef ptrdiff_t row, k, end
    cdef int32_t to
    cdef Row place
    with nogil:
        for row in range(start, stop):
            place = locate(&X, row)
            end = row_starts[row]
            for k in range(place.length):
                to = places[place.columns[k]]
                if to >= 0:
                    values[end] = data[place.start + k]
                    columns[end] = to
                    end += 1
    close(&X)
