# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops of the Newton steps of joint multi-class problems, in float64.

Arrays with an entry for each class have `width` of them, a multiple of 4. The sets of the
rows' duals are those of ``_joint.pyx``.

X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that tell
which of them make up a row.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, uint8_t

from ._blocks cimport add_all_scores, add_to_all, any_differs, packed_row
from ._places cimport Places, close, opened
from ._rows cimport Layout, Row, locate, row_at, value_t
from ._sets cimport FAR, cap_of, level


def scores(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[:, ::1] w,
    double[:, ::1] out,
    value_t[::1] packed,
    int32_t[::1] places,
):
    """Add x_i . w to ``out[k]`` for i = ``order[k]``, or k where it is empty.

    `w` is of shape (n_features, width), a multiple of 4; start <= k < stop.
    """
    cdef Layout X = opened(where)
    cdef const ptrdiff_t* rows = &order[0] if order.shape[0] else NULL
    cdef value_t* room = &packed[0] if packed.shape[0] else NULL
    cdef int32_t* names = &places[0] if packed.shape[0] else NULL
    cdef ptrdiff_t k, width = w.shape[1]
    cdef const value_t* values
    cdef Row place
    with nogil:
        for k in range(start, stop):
            place = locate(&X, row_at(rows, k))
            values = packed_row(&data[0], &place, room, names)
            add_all_scores(values, &place, &w[0, 0], width, &out[k, 0])
    close(&X)


def add_rows(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[:, ::1] factors,
    double[:, ::1] out,
    value_t[::1] packed,
    int32_t[::1] places,
):
    """Add to `out`, of shape (n_features, width), the rows times ``factors[k]``.

    Rows are as in `scores`.
    """
    cdef Layout X = opened(where)
    cdef const ptrdiff_t* rows = &order[0] if order.shape[0] else NULL
    cdef value_t* room = &packed[0] if packed.shape[0] else NULL
    cdef int32_t* names = &places[0] if packed.shape[0] else NULL
    cdef ptrdiff_t k, width = out.shape[1]
    cdef const value_t* values
    cdef Row place
    with nogil:
        for k in range(start, stop):
            if not any_differs(&factors[k, 0], width):
                continue
            place = locate(&X, row_at(rows, k))
            values = packed_row(&data[0], &place, room, names)
            add_to_all(values, &place, &factors[k, 0], width, &out[0, 0])
    close(&X)


cdef inline void project_one(
    double* point, const double* near, ptrdiff_t width, double bound, double cap
) noexcept nogil:
    """Replace a point by the nearest one with 0 <= a_k <= bound and sum at most `cap`.

    `near` may be near it.
    """
    cdef double total = 0.0, best = -FAR, eta, a
    cdef ptrdiff_t v, chosen = 0
    for v in range(width):
        a = point[v]
        if a > best:
            best = a
            chosen = v
        a = a if a > 0.0 else 0.0
        total += a if a < bound else bound
    if total <= cap:
        eta = 0.0
    else:
        for v in range(width):
            point[v] -= best
        eta = level(point, width, <double>FAR, bound, cap, near[chosen])
    for v in range(width):
        a = point[v] + eta
        a = a if a > 0.0 else 0.0
        point[v] = a if a < bound else bound


def project(
    const double[:, ::1] scores,
    const double[:, ::1] along,
    double length,
    const double[:, ::1] anchor,
    const ptrdiff_t[::1] codes,
    const double[:] bounds,
    double caps,
    double margin,
    double rho,
    const double[:] units,
    ptrdiff_t n_classes,
    ptrdiff_t start,
    ptrdiff_t stop,
    double[:, ::1] out,
    double[::1] room,
    double[::1] sums,
):
    """Project a + sigma g onto the sets of the rows start <= r < stop.

    g is m - f_y + f_k at f = scores + length * along, where `along` may be empty, and
    sigma = rho * units. The projections s go to `out`, if it is not empty. Added to
    `sums` are s . (along_k - along_y), ||s - a||^2 / sigma, the sum of s, and the losses.
    `room` is scratch, of shape (2 * width,).
    """
    cdef ptrdiff_t width = anchor.shape[1], row, v, own
    cdef bint moves = along.shape[0] > 0, keeps = out.shape[0] > 0
    cdef double bound, cap, sigma, base, slope, change, gain, loss, largest, shortfall
    cdef double* point = &room[0]
    cdef double* gradient = &room[width]
    cdef const double* direction = NULL
    cdef const double* a
    if stop <= start:
        return
    with nogil:
        for row in range(start, stop):
            bound = bounds[row]
            cap = cap_of(caps, bound)
            sigma = rho * units[row]
            own = codes[row]
            a = &anchor[row, 0]
            for v in range(width):
                gradient[v] = scores[row, v]
            if moves:
                direction = &along[row, 0]
                for v in range(width):
                    gradient[v] += length * direction[v]
            base = margin - gradient[own]
            for v in range(width):
                gradient[v] += base
            for v in range(n_classes, width):
                gradient[v] = -FAR
            gradient[own] = -FAR
            largest = shortfall = 0.0
            for v in range(width):
                point[v] = a[v] + sigma * gradient[v]
                loss = gradient[v] if gradient[v] > 0.0 else 0.0
                largest = loss if loss > largest else largest
                shortfall += loss
            sums[3] += bound * shortfall if cap > bound else cap * largest
            project_one(point, a, width, bound, cap)
            slope = change = gain = 0.0
            for v in range(width):
                gain += point[v]
                change += (point[v] - a[v]) * (point[v] - a[v])
            if moves:
                for v in range(width):
                    slope += point[v] * (direction[v] - direction[own])
            sums[0] += slope
            if sigma > 0.0:
                sums[1] += change / sigma
            sums[2] += gain
            if keeps:
                for v in range(width):
                    out[row, v] = point[v]


def add_curvature(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const ptrdiff_t[::1] codes,
    const double[::1] sigma,
    const uint8_t[:, ::1] inside,
    const double[::1] share,
    double[::1] entries,
    ptrdiff_t[::1] support,
    double[:, ::1] out,
):
    """Add the curvature of free rows to the lower triangle of `out`.

    That of row i = ``order[k]`` is ``sigma[k] (D - share[k] q q') (x) x_i x_i'``, as
    ``joint/system.py`` has it, where ``inside[k]`` names the support. Each x_i has a last
    entry 1 if `entries` is longer than it is. `entries` holds zeros but for that, and is
    left so; `support` is scratch for the classes.
    """
    cdef Layout X = opened(where)
    cdef ptrdiff_t n_classes = inside.shape[1], height = entries.shape[0]
    cdef ptrdiff_t k, v, i, j, a, b, one, other, own, count
    cdef const int32_t* features
    cdef double number, weight, factor
    cdef double* line
    cdef Row place
    with nogil:
        for k in range(start, stop):
            place = locate(&X, order[k])
            features = place.columns
            for j in range(place.length):
                entries[j if features == NULL else features[j]] += data[place.start + j]
            own = codes[k]
            count = 0
            number = 0.0
            for v in range(n_classes):
                number += inside[k, v] != 0
                support[count] = v
                count += inside[k, v] != 0 or v == own
            for a in range(count):
                one = support[a]
                for b in range(a + 1):
                    other = support[b]
                    weight = -share[k]
                    weight *= -number if one == own else 1.0
                    weight *= -number if other == own else 1.0
                    if one == other:
                        weight += number if one == own else 1.0
                    elif one == own or other == own:
                        weight -= 1.0
                    weight *= sigma[k]
                    if weight == 0.0:
                        continue
                    for i in range(height):
                        factor = weight * entries[i]
                        if factor == 0.0:
                            continue
                        line = &out[one * height + i, other * height]
                        for j in range(height):
                            line[j] += factor * entries[j]
            for j in range(place.length):
                entries[j if features == NULL else features[j]] = 0.0
    close(&X)
