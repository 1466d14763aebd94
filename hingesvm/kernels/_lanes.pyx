# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops over the rows of X that work on several problems at once.

The problems are those of classes against the rest: they share rows, costs and loss and
differ in signs. Each has a lane: a place in arrays whose last axis is as long as there
are lanes, 4, 8 or 16, so that what a row does to all of them is a few vector
instructions. ``lane[r]`` is the lane of the class of row r, the only one in which its sign
is positive, or -1.

X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that tell
which of them make up a row.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t

from ._blocks cimport MOST_LANES, add_row, add_scores
from ._box cimport clip, curved_loss, outward
from ._places cimport Places, close, opened, refuse_single_weights
from ._rows cimport (
    Layout,
    Row,
    fetch_ahead,
    locate,
    prefetch,
    value_t,
    weight_t,
)
from ._steps cimport Sweep
from ._values cimport Values, entry, values_of


cdef inline void step_in_lanes(
    const Layout* X,
    const value_t* data,
    Sweep* sweep,
    const int8_t* lane,
    const weight_t[:] top,
    Values curvatures,
    const weight_t* shrink_above,
    const weight_t* live,
    weight_t* alpha,
    weight_t* w,
    weight_t* intercept,
    weight_t* worst,
    ptrdiff_t lanes,
) noexcept nogil:
    """Step at each row of a sweep in turn, in all lanes; see `dual_steps`."""
    cdef ptrdiff_t* order = sweep.order
    cdef const double* step = sweep.step
    cdef weight_t intercept_step = <weight_t>sweep.intercept_step
    cdef weight_t sign[MOST_LANES]
    cdef weight_t score[MOST_LANES]
    cdef weight_t change[MOST_LANES]
    cdef weight_t b[MOST_LANES]
    cdef weight_t largest[MOST_LANES]
    cdef weight_t old, new, gradient, far, u, q, size, keep, moved
    cdef weight_t* mine
    cdef ptrdiff_t k, v, row, ahead, kept = sweep.kept, stop = sweep.stop
    cdef Row place
    for v in range(lanes):
        sign[v] = -1
        b[v] = intercept[v]
        largest[v] = worst[v]
    for k in range(sweep.start, stop):
        ahead = fetch_ahead(X, data, order, k, stop)
        if ahead >= 0:
            prefetch(&alpha[ahead * lanes])
            prefetch(&step[ahead])
        row = order[k]
        place = locate(X, row)
        mine = &alpha[row * lanes]
        if lane[row] >= 0:
            sign[lane[row]] = 1
        for v in range(lanes):
            score[v] = b[v]
        add_scores(data, &place, w, lanes, lanes, &score[0])
        u = top[row]
        q = <weight_t>entry(curvatures, row)
        size = <weight_t>step[row]
        keep = moved = 0
        for v in range(lanes):
            old = mine[v]
            gradient = live[v] * (1 - q * old - sign[v] * score[v])
            new = clip(old + gradient * size, u)
            far = outward(old, u, gradient)
            largest[v] = -far if -far > largest[v] else largest[v]
            keep = 1 if far <= shrink_above[v] else keep
            change[v] = sign[v] * (new - old)
            moved = 1 if new != old else moved
            mine[v] = new
            b[v] += intercept_step * change[v]
        if lane[row] >= 0:
            sign[lane[row]] = -1
        if keep != 0:
            order[kept] = row
            kept += 1
        if moved != 0:
            add_row(data, &place, &change[0], lanes, lanes, w)
    for v in range(lanes):
        intercept[v] = b[v]
        worst[v] = largest[v]
    sweep.kept = kept


def dual_steps(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t kept,
    const int8_t[::1] lane,
    const weight_t[:] top,
    const double[:] curvature,
    const double[::1] step,
    double intercept_step,
    const weight_t[::1] shrink_above,
    const weight_t[::1] live,
    weight_t[:, ::1] alpha,
    weight_t[:, ::1] w,
    weight_t[::1] intercept,
    weight_t[::1] worst,
):
    r"""Take one subgradient step with exact line search at each row in turn.

    The same as `_sweep.dual_steps` in each lane whose entry of `live` is 1; where that is
    0 and `shrink_above` less than -1, nothing changes. `top` is the bound, rounded down
    to the precision of `alpha`. A row is dropped from `order` if it is to be in each
    lane.

    Returns
    -------
    int
        Position behind the last row kept.
    """
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    if stop <= start:
        return kept
    cdef Layout X = opened(where)
    # Each lane has a `shrink_above` of its own.
    cdef Sweep sweep = Sweep(
        &order[0], start, stop, kept, &step[0], intercept_step, 0.0
    )
    cdef Values curvatures = values_of(curvature)
    cdef ptrdiff_t lanes = alpha.shape[1]
    with nogil:
        if lanes == 4:
            step_in_lanes(
                &X, &data[0], &sweep, &lane[0], top, curvatures, &shrink_above[0],
                &live[0], &alpha[0, 0], &w[0, 0], &intercept[0], &worst[0], 4,
            )
        elif lanes == 8:
            step_in_lanes(
                &X, &data[0], &sweep, &lane[0], top, curvatures, &shrink_above[0],
                &live[0], &alpha[0, 0], &w[0, 0], &intercept[0], &worst[0], 8,
            )
        else:
            step_in_lanes(
                &X, &data[0], &sweep, &lane[0], top, curvatures, &shrink_above[0],
                &live[0], &alpha[0, 0], &w[0, 0], &intercept[0], &worst[0], 16,
            )
    close(&X)
    return sweep.kept


cdef struct Look:
    # The rows ``start <= r < stop`` of `survey`, and what it takes and adds up in float64.
    ptrdiff_t start
    ptrdiff_t stop
    const int8_t* lane
    Values bound
    Values curvature
    const double* intercept
    const double* factors
    double* own
    double* sums


cdef inline void look_at(
    const Layout* X,
    const value_t* data,
    const Look* look,
    const weight_t[:] top,
    const weight_t* w,
    const weight_t* alpha,
    weight_t* shortfall,
    ptrdiff_t lanes,
) noexcept nogil:
    """Look at rows with the weights of each lane; see `survey`."""
    cdef const int8_t* lane = look.lane
    cdef const double* factors = look.factors
    cdef double* sums = look.sums
    cdef double score[MOST_LANES]
    cdef double change[MOST_LANES]
    cdef double sign[MOST_LANES]
    cdef double loss[MOST_LANES]
    cdef double gain[MOST_LANES]
    cdef double imbalance[MOST_LANES]
    cdef double factor[MOST_LANES]
    cdef double short[MOST_LANES]
    cdef double dual[MOST_LANES]
    cdef double u, q, edge, total
    cdef ptrdiff_t v, row, own_lane
    cdef Row place
    for v in range(lanes):
        sign[v] = -1.0
        factor[v] = factors[v]
        loss[v] = gain[v] = imbalance[v] = 0.0
    for row in range(look.start, look.stop):
        fetch_ahead(X, data, NULL, row, look.stop)
        place = locate(X, row)
        own_lane = lane[row]
        if own_lane >= 0:
            sign[own_lane] = 1.0
            factor[own_lane] = factors[lanes + own_lane]
        for v in range(lanes):
            score[v] = look.intercept[v]
        add_scores(data, &place, w, lanes, lanes, &score[0])
        u = entry(look.bound, row)
        q = entry(look.curvature, row)
        edge = <double>top[row]
        # Each loop does one thing in one precision, so that it can be a few vectors.
        for v in range(lanes):
            short[v] = 1.0 - sign[v] * score[v]
        for v in range(lanes):
            shortfall[row * lanes + v] = <weight_t>short[v]
        for v in range(lanes):
            short[v] = short[v] if short[v] > 0.0 else 0.0
        if q == 0.0:
            for v in range(lanes):
                loss[v] += u * short[v]
        else:
            for v in range(lanes):
                loss[v] += curved_loss(short[v], u, q)
        for v in range(lanes):
            dual[v] = <double>alpha[row * lanes + v]
        total = 0.0
        for v in range(lanes):
            dual[v] = factor[v] * (dual[v] if dual[v] < edge else u)
            change[v] = sign[v] * dual[v]
            imbalance[v] += change[v]
            gain[v] += dual[v] - 0.5 * q * dual[v] * dual[v]
            total += dual[v]
        if own_lane >= 0:
            sign[own_lane] = -1.0
            factor[own_lane] = factors[own_lane]
        if total != 0.0:
            add_row(data, &place, &change[0], lanes, lanes, look.own)
    for v in range(lanes):
        sums[v] += loss[v]
        sums[lanes + v] += gain[v]
        sums[2 * lanes + v] += imbalance[v]


def survey(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    const int8_t[::1] lane,
    const weight_t[:] top,
    const double[:] bound,
    const double[:] curvature,
    const weight_t[:, ::1] w,
    const double[::1] intercept,
    const weight_t[:, ::1] alpha,
    const double[:, ::1] factors,
    weight_t[:, ::1] shortfall,
    double[:, ::1] own,
    double[:, ::1] sums,
):
    """Look at the rows start <= r < stop with the weights of each lane.

    Sets ``shortfall[r] = 1 - m_r``. With duals `alpha`, those at `top` raised to `bound`
    and all multiplied by ``factors[0]`` where the sign is negative and by ``factors[1]``
    where it is positive, it adds ``alpha_r y_r x_r`` to `own`, and to the rows of `sums`
    the losses, a - q a^2 / 2, and a y. All sums are float64.
    """
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    if stop <= start:
        return
    cdef Layout X = opened(where)
    cdef Look look = Look(
        start,
        stop,
        &lane[0],
        values_of(bound),
        values_of(curvature),
        &intercept[0],
        &factors[0, 0],
        &own[0, 0],
        &sums[0, 0],
    )
    cdef ptrdiff_t lanes = alpha.shape[1]
    with nogil:
        if lanes == 4:
            look_at(
                &X, &data[0], &look, top, &w[0, 0], &alpha[0, 0], &shortfall[0, 0], 4
            )
        elif lanes == 8:
            look_at(
                &X, &data[0], &look, top, &w[0, 0], &alpha[0, 0], &shortfall[0, 0], 8
            )
        else:
            look_at(
                &X, &data[0], &look, top, &w[0, 0], &alpha[0, 0], &shortfall[0, 0], 16
            )
    close(&X)


def add_squares(const weight_t[:, ::1] w, double[::1] out):
    """Add the squared norm of the weights of each lane to `out`."""
    cdef ptrdiff_t j, v
    with nogil:
        for j in range(w.shape[0]):
            for v in range(w.shape[1]):
                out[v] += <double>w[j, v] * <double>w[j, v]


def class_sums(
    const int8_t[::1] lane,
    const weight_t[:] top,
    const double[:] bound,
    const weight_t[:, ::1] alpha,
    double[:, ::1] out,
):
    """Add the duals of negative rows to ``out[0]``, those of positive ones to ``out[1]``.

    Those at `top` count as `bound`.
    """
    cdef ptrdiff_t lanes = alpha.shape[1]
    cdef ptrdiff_t row, v
    cdef double a, u
    with nogil:
        for row in range(alpha.shape[0]):
            u = bound[row]
            for v in range(lanes):
                a = <double>alpha[row, v]
                out[0, v] += a if alpha[row, v] < top[row] else u
            if lane[row] >= 0:
                v = lane[row]
                a = <double>alpha[row, v] if alpha[row, v] < top[row] else u
                out[0, v] -= a
                out[1, v] += a


def open_lane(
    const weight_t[:, ::1] shortfall,
    const weight_t[:, ::1] alpha,
    const weight_t[:] top,
    const double[:] bound,
    const double[:] curvature,
    ptrdiff_t lane,
    double safe,
    double[::1] outwards,
    double[::1] out,
    ptrdiff_t[::1] order,
):
    """Copy the duals of a lane to `out`, and list in `order` the rows that matter to it.

    Duals at `top` become `bound`. Listed are the rows that are not safely at their bound,
    as in `_vectors.wake`. `outwards` is scratch.

    Returns
    -------
    count : int
    worst : float
        The largest violation of optimality.
    """
    cdef ptrdiff_t row, count = 0
    cdef double worst = 0.0, a, gradient, least
    with nogil:
        for row in range(alpha.shape[0]):
            a = bound[row] if alpha[row, lane] >= top[row] else <double>alpha[row, lane]
            out[row] = a
            gradient = <double>shortfall[row, lane] - curvature[row] * a
            outwards[row] = outward(a, bound[row], gradient)
            worst = -outwards[row] if -outwards[row] > worst else worst
        least = safe * worst
        for row in range(alpha.shape[0]):
            order[count] = row
            count += outwards[row] <= least
    return count, worst
