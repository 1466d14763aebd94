# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops over the rows of X of the joint multi-class problems.

Row i has a dual variable a_ik >= 0 for each class k but its own, which is at most c_i, and
their sum at most a cap: c_i (Crammer and Singer) or none (Weston and Watkins). Arrays with
an entry for each class have `width` of them, a multiple of 4; what is beyond the classes
has an intercept of minus a large number, so that it never matters. X is taken as in
``_sweep.pyx``.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t

from ._blocks cimport add_all_scores, add_to_all, packed_row
from ._places cimport Places, close, opened
from ._rows cimport (
    Layout,
    Row,
    fetch_ahead,
    locate,
    prefetch,
    value_t,
    weight_t,
)
from ._sets cimport FAR, NEARLY, level


cdef inline void fetch_weights(
    const int32_t* columns, ptrdiff_t length, ptrdiff_t width, const weight_t* w
) noexcept nogil:
    """Ask for the weights of the features of a row that is needed next."""
    cdef const char* address
    cdef ptrdiff_t k, at
    for k in range(length):
        address = <const char*>(w + width * columns[k])
        for at in range(0, width * <ptrdiff_t>sizeof(weight_t), 64):
            prefetch(address + at)


cdef inline weight_t outwards(
    const weight_t* alpha,
    const weight_t* gradient,
    ptrdiff_t width,
    weight_t bound,
    weight_t cap,
    weight_t* violation,
    weight_t* gap,
) noexcept nogil:
    """Return by how much the gradient of a row points out of where its duals are.

    They stay where they are if it is positive. It is -1 where they are at no vertex.
    `violation` is set to how far they are from optimal, in units of the gradient, and
    `gap` to the part of the duality gap that is the row's: its loss, less a . g.
    """
    cdef weight_t total = 0, mean = 0, largest = -FAR, a, g, worst = 0, least = FAR
    cdef weight_t highest = 0, at_highest = -FAR, other = -FAR, shortfall = 0
    cdef bint is_vertex = True, is_full
    cdef ptrdiff_t v, k = -1
    for v in range(width):
        total += alpha[v]
        mean += alpha[v] * gradient[v]
        largest = gradient[v] if gradient[v] > largest else largest
        shortfall += gradient[v] if gradient[v] > 0 else 0
    if cap > bound:
        gap[0] = bound * shortfall - mean
    else:
        gap[0] = cap * (largest if largest > 0 else 0) - mean
    if total == 0:
        violation[0] = largest if largest > 0 else 0
        return -largest
    is_full = total >= NEARLY * cap
    # The multiplier of the cap.
    mean = mean / total if is_full and mean > 0 else 0
    for v in range(width):
        a = alpha[v]
        g = gradient[v] - mean
        if a <= 0:
            worst = g if g > worst else worst
            least = -g if -g < least else least
        elif a >= bound:
            # At a cap that is no higher, there is no room to grow.
            worst = -g if -g > worst else worst
            least = g if g < least else least
        else:
            is_vertex = False
            worst = g if g > worst else worst
            worst = -g if -g > worst else worst
        if a > highest:
            highest = a
            k = v
    violation[0] = worst
    if cap > bound or not is_full:
        return least if is_vertex else -1
    if highest < NEARLY * cap:
        return -1
    for v in range(width):
        if v != k:
            other = gradient[v] if gradient[v] > other else other
    at_highest = gradient[k]
    g = at_highest - other
    return at_highest if at_highest < g else g


cdef inline ptrdiff_t take_steps(
    const Layout* X,
    const value_t* data,
    ptrdiff_t* order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t kept,
    const ptrdiff_t* codes,
    const double[:] bounds,
    double caps,
    double margin,
    const double* step,
    weight_t intercept_step,
    weight_t shrink_above,
    ptrdiff_t width,
    weight_t* alpha,
    weight_t* w,
    weight_t* intercept,
    double* worst,
    value_t* packed,
    int32_t* places,
    weight_t* room,
) noexcept nogil:
    """See `block_steps`."""
    cdef weight_t* scores = room
    cdef weight_t* gradient = room + width
    cdef weight_t* change = room + 2 * width
    cdef weight_t* mine
    cdef const value_t* values
    cdef weight_t bound, cap, size, total, top, best, eta, new, own, violation, moved
    cdef weight_t at_best, gap
    cdef ptrdiff_t k, v, row, ahead, own_class, chosen
    cdef Row place
    for k in range(start, stop):
        ahead = fetch_ahead(X, data, order, k, stop)
        if ahead >= 0:
            prefetch(&alpha[ahead * width])
            prefetch(&step[ahead])
        if X.columns != NULL and k + 1 < stop:
            place = locate(X, order[k + 1])
            fetch_weights(place.columns, place.length, width, w)
        row = order[k]
        place = locate(X, row)
        values = packed_row(data, &place, packed, places)
        mine = &alpha[row * width]
        own_class = codes[row]
        for v in range(width):
            scores[v] = intercept[v]
        add_all_scores(values, &place, w, width, scores)
        own = <weight_t>margin - scores[own_class]
        for v in range(width):
            gradient[v] = own + scores[v]
        gradient[own_class] = -FAR
        bound = <weight_t>bounds[row]
        cap = <weight_t>caps * bound if caps < FAR else FAR
        if (
            outwards(mine, gradient, width, bound, cap, &violation, &gap)
            <= shrink_above
        ):
            order[kept] = row
            kept += 1
        worst[0] = violation if violation > worst[0] else worst[0]
        worst[1] += gap
        if violation <= 0:
            continue
        size = <weight_t>step[row]
        total = 0
        chosen = 0
        best = -FAR
        for v in range(width):
            total += mine[v]
            change[v] = mine[v] + size * gradient[v]
            if change[v] > best:
                best = change[v]
                chosen = v
        top = total + best
        moved = 0
        if top <= 0:
            for v in range(width):
                change[v] = mine[v]
                moved -= change[v]
                mine[v] = 0
        else:
            # Differences, as their common part can be far larger.
            at_best = gradient[chosen]
            best = mine[chosen]
            for v in range(width):
                change[v] = (mine[v] - best) + size * (gradient[v] - at_best)
                change[v] = change[v] if change[v] < 0 else 0
            eta = level(change, width, top, bound, cap, best)
            for v in range(width):
                new = change[v] + eta
                new = new if new > 0 else 0
                new = new if new < bound else bound
                change[v] = mine[v] - new
                moved -= change[v]
                mine[v] = new
        worst[2] += moved
        change[own_class] = moved
        if intercept_step != 0:
            for v in range(width):
                intercept[v] += intercept_step * change[v]
        add_to_all(values, &place, change, width, w)
    return kept


def block_steps(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t kept,
    const ptrdiff_t[::1] codes,
    const double[:] bounds,
    double caps,
    double margin,
    const double[::1] step,
    double intercept_step,
    double shrink_above,
    weight_t[:, ::1] alpha,
    weight_t[:, ::1] w,
    weight_t[::1] intercept,
    double[::1] worst,
    value_t[::1] packed,
    int32_t[::1] places,
    weight_t[::1] room,
):
    r"""Find the best duals of each row in turn, all others as they are.

    For the rows i = ``order[k]``, start <= k < stop, and with the gradients
    g_k = margin - f_y + f_k, y = ``codes[i]``, the a_i that maximise

        sum_k g_k (a_k - old_k)
            - (sum_k (a_k - old_k)^2 + (sum_k a_k - old_k)^2) / (2 step_i)

    over 0 <= a_k <= bounds_i, sum_k a_k <= caps * bounds_i, with `w`, of shape (n_features,
    width), and the intercepts following. ``worst[0]`` keeps the largest violation of
    optimality seen, ``worst[1]`` adds up the rows' parts of the duality gap, and
    ``worst[2]`` by how much the sum of all a_k grows. A row whose gradient points outwards
    by more than `shrink_above` is dropped from `order`; the others are kept, from position
    `kept` on. Entries of a dense X that are not 0 are copied to `packed` and `places`
    first, if these have room.
    `room` is scratch, of shape (3 * width,).

    Returns
    -------
    int
        Position behind the last row kept.
    """
    if stop <= start:
        return kept
    cdef Layout X = opened(where)
    cdef ptrdiff_t width = alpha.shape[1]
    cdef bint packs = packed.shape[0] > 0
    with nogil:
        kept = take_steps(
            &X,
            &data[0],
            &order[0],
            start,
            stop,
            kept,
            &codes[0],
            bounds,
            caps,
            margin,
            &step[0],
            <weight_t>intercept_step,
            <weight_t>shrink_above,
            width,
            &alpha[0, 0],
            &w[0, 0],
            &intercept[0],
            &worst[0],
            &packed[0] if packs else NULL,
            &places[0] if packs else NULL,
            &room[0],
        )
    close(&X)
    return kept


cdef inline void look_at(
    const Layout* X,
    const value_t* data,
    ptrdiff_t start,
    ptrdiff_t stop,
    const ptrdiff_t* codes,
    const double[:] bounds,
    double caps,
    double margin,
    ptrdiff_t width,
    const weight_t* w,
    const double* intercept,
    const weight_t* alpha,
    const double* factors,
    float* outward,
    double* own,
    double* sums,
    value_t* packed,
    int32_t* places,
    double* room,
) noexcept nogil:
    """See `survey`."""
    cdef double* scores = room
    cdef double* gradient = room + width
    cdef double* duals = room + 2 * width
    cdef double* change = room + 3 * width
    cdef double* imbalance = sums + 3
    cdef const value_t* values
    cdef double bound, cap, total, own_score, loss, violation, ratio, gap
    cdef ptrdiff_t v, row, own_class
    cdef Row place
    for row in range(start, stop):
        fetch_ahead(X, data, NULL, row, stop)
        if X.columns != NULL and row + 1 < stop:
            place = locate(X, row + 1)
            fetch_weights(place.columns, place.length, width, w)
        place = locate(X, row)
        values = packed_row(data, &place, packed, places)
        own_class = codes[row]
        for v in range(width):
            scores[v] = intercept[v]
        add_all_scores(values, &place, w, width, scores)
        own_score = margin - scores[own_class]
        for v in range(width):
            gradient[v] = own_score + scores[v]
        gradient[own_class] = -FAR
        bound = bounds[row]
        cap = caps * bound if caps < FAR else FAR
        loss = total = 0.0
        for v in range(width):
            duals[v] = <double>alpha[row * width + v]
            duals[v] = duals[v] if duals[v] < bound else bound
            total += duals[v]
            loss += duals[v] * gradient[v]
        outward[row] = <float>outwards(
            duals, gradient, width, bound, cap, &violation, &gap
        )
        sums[0] += gap + loss
        sums[2] = violation if violation > sums[2] else sums[2]
        if total == 0.0:
            continue
        ratio = cap / total if total > cap else 1.0
        total = 0.0
        for v in range(width):
            duals[v] *= ratio
        if factors != NULL:
            for v in range(width):
                duals[v] *= factors[own_class * width + v]
        for v in range(width):
            total += duals[v]
            change[v] = -duals[v]
        change[own_class] = total
        sums[1] += margin * total
        for v in range(width):
            imbalance[v] += change[v]
        add_to_all(values, &place, change, width, own)


def survey(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    const ptrdiff_t[::1] codes,
    const double[:] bounds,
    double caps,
    double margin,
    const weight_t[:, ::1] w,
    const double[::1] intercept,
    const weight_t[:, ::1] alpha,
    const double[:, ::1] factors,
    float[::1] outward,
    double[:, ::1] own,
    double[::1] sums,
    value_t[::1] packed,
    int32_t[::1] places,
    double[::1] room,
):
    """Look at the rows start <= r < stop.

    With the duals `alpha`, made feasible and then multiplied by ``factors[y, k]``, if
    there are such, it adds w(alpha) to `own`, of shape (n_features, width), and to `sums`
    the losses, the gains and, from its fourth entry on, the sum over the rows of what each
    adds to the classes; the third keeps the largest violation of optimality. `outward` is
    by how much the gradient of a row points outwards, at the duals as they are. The other
    arguments are as of `block_steps`, but that `room` is of shape (4 * width,).
    """
    if stop <= start:
        return
    cdef Layout X = opened(where)
    cdef bint packs = packed.shape[0] > 0
    with nogil:
        look_at(
            &X,
            &data[0],
            start,
            stop,
            &codes[0],
            bounds,
            caps,
            margin,
            w.shape[1],
            &w[0, 0],
            &intercept[0],
            &alpha[0, 0],
            &factors[0, 0] if factors.shape[0] > 0 else NULL,
            &outward[0],
            &own[0, 0],
            &sums[0],
            &packed[0] if packs else NULL,
            &places[0] if packs else NULL,
            &room[0],
        )
    close(&X)


def flows(
    const ptrdiff_t[::1] codes,
    const double[:] bounds,
    double caps,
    const weight_t[:, ::1] alpha,
    double[:, ::1] out,
):
    """Add the duals, made feasible, to ``out[y, k]``: of the rows of each class y."""
    cdef ptrdiff_t width = alpha.shape[1], row, v
    cdef double total, ratio, bound, a
    with nogil:
        for row in range(alpha.shape[0]):
            bound = bounds[row]
            total = 0.0
            for v in range(width):
                a = <double>alpha[row, v]
                total += a if a < bound else bound
            if total == 0.0:
                continue
            ratio = caps * bound / total if total > caps * bound else 1.0
            for v in range(width):
                a = <double>alpha[row, v]
                out[codes[row], v] += ratio * (a if a < bound else bound)
