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
from ._sets cimport (
    FAR,
    SPARE,
    cap_of,
    highest_of,
    level,
    listed,
    shortfall_of,
    those_above,
)


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


def add_duals(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    const ptrdiff_t[::1] codes,
    const double[:, ::1] alpha,
    double[:, ::1] out,
    double[::1] imbalance,
    value_t[::1] packed,
    int32_t[::1] places,
    double[::1] room,
):
    """Add w(alpha) and b(alpha) of the rows start <= r < stop to `out` and `imbalance`.

    What a row adds to each class is minus its duals, and their sum to its own. `out` is of
    shape (n_features, width), `room` is scratch, of shape (width,).
    """
    cdef Layout X = opened(where)
    cdef value_t* copy = &packed[0] if packed.shape[0] else NULL
    cdef int32_t* names = &places[0] if packed.shape[0] else NULL
    cdef ptrdiff_t row, v, width = out.shape[1]
    cdef double* change = &room[0]
    cdef const double* a
    cdef const value_t* values
    cdef double total
    cdef Row place
    with nogil:
        for row in range(start, stop):
            a = &alpha[row, 0]
            if not any_differs(a, width):
                continue
            total = 0.0
            for v in range(width):
                total += a[v]
                change[v] = -a[v]
            change[codes[row]] = total
            for v in range(width):
                imbalance[v] += change[v]
            place = locate(&X, row)
            values = packed_row(&data[0], &place, copy, names)
            add_to_all(values, &place, change, width, &out[0, 0])
    close(&X)


def free_rows(
    const ptrdiff_t[::1] codes,
    const double[:] bounds,
    double caps,
    double full,
    const double[:, ::1] alpha,
    ptrdiff_t n_classes,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t count,
    ptrdiff_t[::1] order,
    uint8_t[:, ::1] inside,
    double[::1] share,
):
    """List the rows start <= r < stop with duals that can move, behind the first `count`.

    Those inside their bounds are marked in ``inside[k]`` of the k-th row of `order`, and
    ``share[k]`` is one over their number where the sum of all is at least `full` of the
    cap, else 0. A row with no more inside than its cap takes away is not listed. Returns
    how many there are.
    """
    cdef ptrdiff_t row, v, number
    cdef double bound, total, cap
    cdef bint is_full
    cdef const double* a
    with nogil:
        for row in range(start, stop):
            a = &alpha[row, 0]
            if not any_differs(a, alpha.shape[1]):
                continue
            bound = bounds[row]
            cap = caps * bound
            total = 0.0
            number = 0
            for v in range(n_classes):
                total += a[v]
                inside[count, v] = (a[v] > 0.0) & (a[v] < bound)
                number += inside[count, v]
            is_full = total >= full * cap
            if number > is_full:
                order[count] = row
                share[count] = 1.0 / number if is_full else 0.0
                count += 1
    return count


cdef inline ptrdiff_t project_one(
    double* point,
    const double* near,
    ptrdiff_t width,
    double bound,
    double cap,
    double* apart,
    ptrdiff_t* support,
) noexcept nogil:
    """Find the nearest point with 0 <= a_k <= bound and sum at most `cap`.

    Return how many of its entries may be positive; `support` lists them, and they take
    the place of those of `point`. `near` may be near it. `apart` is scratch.
    """
    cdef double total = 0.0, best, least, eta = 0.0, a
    cdef ptrdiff_t v, c, count = 0, chosen = 0
    cdef int found
    best = highest_of(point, width)
    if best <= 0.0:
        return 0
    # What all are lowered by is at most that by which the highest is above the cap; a
    # little more is listed, as caps are lost in the rounding of large points.
    least = (1.0 - SPARE) * best - cap
    least = least if least > 0.0 and cap < FAR else 0.0
    for v in range(0, width, 4):
        found = those_above(point + v, least)
        if found:
            count = listed(found, v, support, count)
    for c in range(count):
        a = point[support[c]]
        total += a if a < bound else bound
        if a == best:
            chosen = c
    if total > cap:
        for c in range(count):
            apart[c] = point[support[c]] - best
        eta = level(apart, count, <double>FAR, bound, cap, near[support[chosen]])
        for c in range(count):
            point[support[c]] = apart[c]
    for c in range(count):
        a = point[support[c]] + eta
        a = a if a > 0.0 else 0.0
        point[support[c]] = a if a < bound else bound
    return count


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
    ptrdiff_t[::1] classes,
    double[::1] sums,
):
    """Project a + sigma g onto the sets of the rows start <= r < stop.

    g is m - f_y + f_k at f = scores + length * along, where `along` may be empty, and
    sigma = rho * units. The projections s go to `out`, if it is not empty. Added to
    `sums` are s . (along_k - along_y), ||s - a||^2 / sigma, the sum of s, and the losses.
    `room` and `classes` are scratch, of shapes (3 * width,) and (width + 4,).
    """
    cdef ptrdiff_t width = anchor.shape[1], row, v, c, lane, own, count
    cdef bint moves = along.shape[0] > 0, keeps = out.shape[0] > 0
    cdef double bound, cap, sigma, base, slope, gain, largest, shortfall, term
    cdef double changes[4]
    cdef double* point = &room[0]
    cdef double* gradient = &room[width]
    cdef double* apart = &room[2 * width]
    cdef ptrdiff_t* support = &classes[0]
    cdef const double* direction = NULL
    cdef const double* here
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
            here = &scores[row, 0]
            base = margin - here[own]
            if moves:
                direction = &along[row, 0]
                base -= length * direction[own]
                for v in range(width):
                    gradient[v] = base + (here[v] + length * direction[v])
            else:
                for v in range(width):
                    gradient[v] = base + here[v]
            for v in range(n_classes, width):
                gradient[v] = -FAR
            gradient[own] = -FAR
            if cap > bound:
                sums[3] += bound * shortfall_of(gradient, width)
            else:
                largest = highest_of(gradient, width)
                sums[3] += cap * (largest if largest > 0.0 else 0.0)
            for v in range(width):
                point[v] = a[v] + sigma * gradient[v]
            count = project_one(point, a, width, bound, cap, apart, support)
            slope = gain = 0.0
            for lane in range(4):
                changes[lane] = 0.0
            for v in range(width):
                apart[v] = 0.0
            for c in range(count):
                gain += point[support[c]]
                apart[support[c]] = point[support[c]]
            for v in range(0, width, 4):
                for lane in range(4):
                    term = apart[v + lane] - a[v + lane]
                    changes[lane] += term * term
            if moves:
                for c in range(count):
                    slope += point[support[c]] * (direction[support[c]] - direction[own])
            sums[0] += slope
            if sigma > 0.0:
                sums[1] += ((changes[0] + changes[1]) + (changes[2] + changes[3])) / sigma
            sums[2] += gain
            if keeps:
                for v in range(width):
                    out[row, v] = apart[v]


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
