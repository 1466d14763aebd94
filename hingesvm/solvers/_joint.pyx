# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops over the rows of X of the joint multi-class problems.

Row i has a dual variable a_ik >= 0 for each class k but its own, which is at most c_i, and
their sum at most a cap: c_i (Crammer and Singer) or none (Weston and Watkins). Arrays with
an entry for each class have `width` of them, a multiple of 4; what is beyond the classes
has an intercept of minus a large number, so that it never matters. X is taken as in
``_sweep.pyx``.
"""

from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint8_t

from ._blocks cimport add_all_scores, add_to_all, any_differs
from ._rows cimport (
    Layout,
    Row,
    fetch_row,
    index_t,
    layout,
    locate,
    prefetch,
    value_t,
    weight_t,
)


cdef enum:
    # Rows between the one that is asked for and the one that is worked on.
    AHEAD = 8
    # Steps of Newton's method in one variable, at most.
    MOST_STEPS = 60

cdef extern from * nogil:
    """
    /* Stands for minus infinity, and is far from overflowing in float32. */
    #define HINGESVM_FAR 1e30f
    /* Part of a cap that is no different from it. */
    #define HINGESVM_NEARLY 0.999999f
    """
    const float FAR "HINGESVM_FAR"
    const float NEARLY "HINGESVM_NEARLY"


cdef inline ptrdiff_t pack_row(
    const value_t* values,
    ptrdiff_t n_features,
    value_t* packed,
    index_t* places,
) noexcept nogil:
    """Copy the entries of a dense row that are not 0; return how many there are."""
    cdef ptrdiff_t j, count = 0
    for j in range(n_features):
        packed[count] = values[j]
        places[count] = <index_t>j
        count += values[j] != 0
    return count


cdef inline void fetch_weights(
    const index_t* columns, ptrdiff_t length, ptrdiff_t width, const weight_t* w
) noexcept nogil:
    """Ask for the weights of the features of a row that is needed next."""
    cdef const char* address
    cdef ptrdiff_t k, at
    for k in range(length):
        address = <const char*>(w + width * columns[k])
        for at in range(0, width * <ptrdiff_t>sizeof(weight_t), 64):
            prefetch(address + at)


cdef inline weight_t level(
    const weight_t* apart,
    ptrdiff_t width,
    weight_t top,
    weight_t bound,
    weight_t cap,
    weight_t guess,
) noexcept nogil:
    """Return the eta at which sum_k clip(apart_k + eta, 0, bound) is min(top - eta, cap).

    All of `apart` are at most 0, and one is 0; `top` is positive. Newton's method, kept
    in a bracket.
    """
    cdef weight_t low = 0, high = min(top, cap)
    cdef weight_t eta = guess, total, slope, excess, term
    cdef ptrdiff_t v, k
    if not 0 < eta < high:
        eta = high
    for k in range(MOST_STEPS):
        total = 0
        slope = 0
        for v in range(width):
            term = apart[v] + eta
            slope += 1 if term > 0 and term < bound else 0
            term = term if term > 0 else 0
            total += term if term < bound else bound
        if top - eta < cap:
            excess = total - (top - eta)
            slope += 1
        else:
            excess = total - cap
        if excess == 0:
            break
        if excess > 0:
            high = eta
        else:
            low = eta
        eta = eta - excess / slope if slope > 0 else low
        if not low < eta < high:
            eta = (low + high) / 2
            if eta == low or eta == high:
                break
    return eta


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
    index_t kind,
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
    index_t* places,
    bint packs,
    weight_t* room,
) noexcept nogil:
    """See `block_steps`."""
    cdef weight_t* scores = room
    cdef weight_t* gradient = room + width
    cdef weight_t* change = room + 2 * width
    cdef weight_t* mine
    cdef const value_t* values
    cdef const index_t* columns
    cdef weight_t bound, cap, size, total, top, best, eta, new, own, violation, moved
    cdef weight_t at_best, gap
    cdef ptrdiff_t k, v, row, length, own_class, chosen
    cdef Row place
    for k in range(start, stop):
        if k + AHEAD < stop:
            row = order[k + AHEAD]
            fetch_row(X, data, row, kind)
            prefetch(&alpha[row * width])
            prefetch(&step[row])
        if X.columns != NULL and k + 1 < stop:
            place = locate(X, order[k + 1], kind)
            fetch_weights(<const index_t*>place.columns, place.length, width, w)
        row = order[k]
        place = locate(X, row, kind)
        values = &data[place.start]
        columns = <const index_t*>place.columns
        length = place.length
        if packs:
            length = pack_row(values, length, packed, places)
            values = packed
            columns = places
        mine = &alpha[row * width]
        own_class = codes[row]
        for v in range(width):
            scores[v] = intercept[v]
        add_all_scores(values, columns, length, w, width, scores)
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
        change[own_class] = moved
        if intercept_step != 0:
            for v in range(width):
                intercept[v] += intercept_step * change[v]
        add_to_all(values, columns, length, change, width, w)
    return kept


def block_steps(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
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
    index_t[::1] places,
    weight_t[::1] room,
):
    r"""Find the best duals of each row in turn, all others as they are.

    For the rows i = ``order[k]``, start <= k < stop, and with the gradients
    g_k = margin - f_y + f_k, y = ``codes[i]``, the a_i that maximise

        sum_k g_k (a_k - old_k)
            - (sum_k (a_k - old_k)^2 + (sum_k a_k - old_k)^2) / (2 step_i)

    over 0 <= a_k <= bounds_i, sum_k a_k <= caps * bounds_i, with `w`, of shape (n_features,
    width), and the intercepts following. ``worst[0]`` keeps the largest violation of
    optimality seen, and ``worst[1]`` adds up the rows' parts of the duality gap. A row whose gradient points outwards by more than `shrink_above` is
    dropped from `order`; the others are kept, from position `kept` on. Entries of a dense
    X that are not 0 are copied to `packed` and `places` first, if these have room.
    `room` is scratch, of shape (3 * width,).

    Returns
    -------
    int
        Position behind the last row kept.
    """
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef ptrdiff_t width = alpha.shape[1]
    cdef bint packs = packed.shape[0] > 0
    if stop <= start:
        return kept
    with nogil:
        kept = take_steps(
            &X,
            &data[0],
            <index_t>0,
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
            packs,
            &room[0],
        )
    return kept


cdef inline void look_at(
    const Layout* X,
    const value_t* data,
    index_t kind,
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
    index_t* places,
    bint packs,
    double* room,
) noexcept nogil:
    """See `survey`."""
    cdef double* scores = room
    cdef double* gradient = room + width
    cdef double* duals = room + 2 * width
    cdef double* change = room + 3 * width
    cdef double* imbalance = sums + 3
    cdef const value_t* values
    cdef const index_t* columns
    cdef double bound, cap, total, own_score, loss, violation, ratio, gap
    cdef ptrdiff_t v, row, length, own_class
    cdef Row place
    for row in range(start, stop):
        if X.index != NULL and row + AHEAD < stop:
            fetch_row(X, data, row + AHEAD, kind)
        if X.columns != NULL and row + 1 < stop:
            place = locate(X, row + 1, kind)
            fetch_weights(<const index_t*>place.columns, place.length, width, w)
        place = locate(X, row, kind)
        values = &data[place.start]
        columns = <const index_t*>place.columns
        length = place.length
        if packs:
            length = pack_row(values, length, packed, places)
            values = packed
            columns = places
        own_class = codes[row]
        for v in range(width):
            scores[v] = intercept[v]
        add_all_scores(values, columns, length, w, width, scores)
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
        add_to_all(values, columns, length, change, width, own)


def survey(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
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
    index_t[::1] places,
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
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef bint packs = packed.shape[0] > 0
    if stop <= start:
        return
    with nogil:
        look_at(
            &X,
            &data[0],
            <index_t>0,
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
            packs,
            &room[0],
        )


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


def scores(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[:, ::1] w,
    double[:, ::1] out,
    value_t[::1] packed,
    index_t[::1] places,
):
    """Add x_i . w to ``out[k]`` for i = ``order[k]``, or k where it is empty.

    `w` is of shape (n_features, width), a multiple of 4; start <= k < stop.
    """
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef bint listed = order.shape[0] > 0, packs = packed.shape[0] > 0
    cdef ptrdiff_t k, length, width = w.shape[1]
    cdef const value_t* values
    cdef const index_t* features
    cdef Row place
    with nogil:
        for k in range(start, stop):
            place = locate(&X, order[k] if listed else k, <index_t>0)
            values = &data[place.start]
            features = <const index_t*>place.columns
            length = place.length
            if packs:
                length = pack_row(values, length, &packed[0], &places[0])
                values = &packed[0]
                features = &places[0]
            add_all_scores(values, features, length, &w[0, 0], width, &out[k, 0])


def add_rows(
    const value_t[::1] data,
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[:, ::1] factors,
    double[:, ::1] out,
    value_t[::1] packed,
    index_t[::1] places,
):
    """Add to `out`, of shape (n_features, width), the rows times ``factors[k]``.

    Rows are as in `scores`.
    """
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef bint listed = order.shape[0] > 0, packs = packed.shape[0] > 0
    cdef ptrdiff_t k, length, width = out.shape[1]
    cdef const value_t* values
    cdef const index_t* features
    cdef Row place
    with nogil:
        for k in range(start, stop):
            if not any_differs(&factors[k, 0], width):
                continue
            place = locate(&X, order[k] if listed else k, <index_t>0)
            values = &data[place.start]
            features = <const index_t*>place.columns
            length = place.length
            if packs:
                length = pack_row(values, length, &packed[0], &places[0])
                values = &packed[0]
                features = &places[0]
            add_to_all(values, features, length, &factors[k, 0], width, &out[0, 0])


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
    ptrdiff_t n_classes,
    ptrdiff_t start,
    ptrdiff_t stop,
    double[:, ::1] out,
    double[::1] room,
    double[::1] sums,
):
    """Project a + sigma g onto the sets of the rows start <= r < stop.

    g is m - f_y + f_k at f = scores + length * along, where `along` may be empty, and
    sigma = rho * bounds. The projections s go to `out`, if it is not empty. Added to
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
            cap = caps * bound if caps < FAR else FAR
            sigma = rho * bound
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
    const index_t[::1] columns,
    const index_t[::1] row_starts,
    ptrdiff_t n_features,
    const ptrdiff_t[::1] index,
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
    ``joint_system.py`` has it, where ``inside[k]`` names the support. Each x_i has a last
    entry 1 if `entries` is longer than it is. `entries` holds zeros but for that, and is
    left so; `support` is scratch for the classes.
    """
    cdef Layout X = layout(columns, row_starts, n_features, index)
    cdef ptrdiff_t n_classes = inside.shape[1], height = entries.shape[0]
    cdef ptrdiff_t k, v, i, j, a, b, one, other, own, count
    cdef const index_t* features
    cdef double number, weight, factor
    cdef double* line
    cdef Row place
    with nogil:
        for k in range(start, stop):
            place = locate(&X, order[k], <index_t>0)
            features = <const index_t*>place.columns
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
