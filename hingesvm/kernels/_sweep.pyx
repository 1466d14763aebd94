# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops over the rows of X.

Every function over X takes it as ``(data, where)``: the values, flat and C-ordered, and
the Places that tell which of them make up a row of the problem. No function holds the
GIL while it works, and callers pass short ranges, so that a fit can be interrupted
between two calls.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t, uint64_t

from ._places cimport Places, close, opened, refuse_single_weights
from ._rows cimport (
    Layout,
    Row,
    fetch_ahead,
    find,
    is_valid,
    locate,
    row_add,
    row_at,
    row_dot,
    row_squared_norm,
    value_t,
    weight_t,
)
from ._soft cimport Identity, Shrinkage, map_t
from ._steps cimport Binary, Sweep, permute, proximal_step, take_steps
from ._values cimport values_of


def shuffle(
    ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t run,
    uint64_t[::1] random_state,
):
    """Go on with a random permutation of `start` runs of rows to that of `stop`.

    Run k is ``order[k * run : (k + 1) * run]``. Called for one range after the other from
    0 on, it permutes uniformly (Fisher and Yates).
    """
    if start < stop:
        with nogil:
            permute(&order[0], start, stop, run, &random_state[0])


def margins(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const int8_t[::1] signs,
    const double[::1] w,
    double intercept,
    double[::1] out,
):
    """Set ``out[k] = x_i . w + b`` for the rows i = ``order[k]``, start <= k < stop.

    Times y_k, where there are signs.
    """
    cdef Layout X = opened(where)
    cdef const ptrdiff_t* rows = &order[0] if order.shape[0] else NULL
    cdef bint signed = signs.shape[0] > 0
    cdef double score
    cdef ptrdiff_t k
    cdef Row place
    with nogil:
        for k in range(start, stop):
            fetch_ahead(&X, &data[0], rows, k, stop)
            place = locate(&X, row_at(rows, k))
            score = intercept + row_dot(&data[0], &place, &w[0], <double>0)
            out[k] = signs[k] * score if signed else score
    close(&X)


def combine(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const double[::1] factors,
    double[::1] out,
):
    """Add ``factors[k] * x_i`` to `out` for i = ``order[k]``, start <= k < stop."""
    cdef Layout X = opened(where)
    cdef const ptrdiff_t* rows = &order[0] if order.shape[0] else NULL
    cdef ptrdiff_t k
    cdef Row place
    with nogil:
        for k in range(start, stop):
            if factors[k] == 0.0:
                continue
            place = locate(&X, row_at(rows, k))
            row_add(&data[0], &place, factors[k], &out[0])
    close(&X)


def squared_norms(
    const value_t[::1] data,
    Places where,
    ptrdiff_t start,
    ptrdiff_t stop,
    double[::1] scratch,
    double[::1] out,
):
    """Set ``out[r] = ||x_r||^2`` for start <= r < stop; `scratch` holds zeros.

    Returns
    -------
    bool
        False if a column index is not one of a column; the rows behind are then left
        out.
    """
    cdef Layout X = opened(where)
    cdef ptrdiff_t row
    cdef Row place
    cdef bint valid = True, increasing
    cdef double* room = &scratch[0] if scratch.shape[0] else NULL
    with nogil:
        for row in range(start, stop):
            place = find(&X, row)
            valid = is_valid(&X, &place, &increasing)
            if not valid:
                break
            place = locate(&X, row)
            out[row] = row_squared_norm(&data[0], &place, increasing, room)
    close(&X)
    return valid


cdef object steps_in_turn(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t kept,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] step,
    double intercept_step,
    double shrink_above,
    double[::1] alpha,
    weight_t[::1] w,
    double[::1] scalars,
    const map_t* map,
):
    """See `dual_steps`, and `penalized_steps`."""
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    if stop <= start:
        return kept
    cdef Layout X = opened(where)
    cdef Sweep sweep = Sweep(
        &order[0], start, stop, kept, &step[0], intercept_step, shrink_above
    )
    cdef Binary problem = Binary(
        &signs[0],
        values_of(bound),
        values_of(curvature),
        &alpha[0],
        1.0,
        scalars[0],
        scalars[1],
    )
    with nogil:
        take_steps(&X, &data[0], &sweep, &problem, &w[0], map)
    close(&X)
    scalars[0], scalars[1] = problem.intercept, problem.worst
    return sweep.kept


def dual_steps(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t kept,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] step,
    double intercept_step,
    double shrink_above,
    double[::1] alpha,
    weight_t[::1] w,
    double[::1] scalars,
):
    r"""Take one subgradient step with exact line search at each row in turn.

    For the rows i = ``order[k]``, start <= k < stop,

        alpha_i <- clip(alpha_i + (1 - m_i - q_i alpha_i) step_i, 0, u_i),
        step_i = 1 / (||x_i||^2 + intercept_step + q_i),

    with w and the intercept ``scalars[0]`` following. ``scalars[1]`` keeps the
    largest violation of optimality seen. A row at a bound whose violation points
    outwards by more than `shrink_above` is dropped from `order`; the others are
    kept, from position `kept` on.

    Returns
    -------
    int
        Position behind the last row kept.
    """
    return steps_in_turn(
        data,
        where,
        order,
        start,
        stop,
        kept,
        signs,
        bound,
        curvature,
        step,
        intercept_step,
        shrink_above,
        alpha,
        w,
        scalars,
        <const Identity*>NULL,
    )


def penalized_steps(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t kept,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] step,
    double intercept_step,
    double shrink_above,
    double[::1] alpha,
    weight_t[::1] sums,
    double[::1] scalars,
    const double[::1] threshold,
    const double[::1] reciprocal,
    const double[::1] center,
):
    r"""Take steps as `dual_steps` does, where the weights follow from their sums.

    With ``sums`` v, the sum of a_i y_i x_i, the margins are those of

        w_j = soft(v_j + z_j, t_j) / s_j ,

    z being `center`, t `threshold` and 1 / s `reciprocal`.

    Returns
    -------
    int
        Position behind the last row kept.
    """
    cdef Shrinkage map = Shrinkage(NULL, NULL, NULL)
    if threshold.shape[0]:
        map = Shrinkage(&threshold[0], &reciprocal[0], &center[0])
    return steps_in_turn(
        data,
        where,
        order,
        start,
        stop,
        kept,
        signs,
        bound,
        curvature,
        step,
        intercept_step,
        shrink_above,
        alpha,
        sums,
        scalars,
        <const Shrinkage*>&map,
    )


def dual_sweeps(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t n_active,
    double n_visits,
    double least_visits,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] step,
    double intercept_step,
    bint penalized,
    double safely,
    double enough,
    double[::1] alpha,
    weight_t[::1] w,
    double[::1] scalars,
    uint64_t[::1] random_state,
):
    """Take sweeps of `dual_steps` in random order over ``order[:n_active]``.

    After each, rows are dropped above a part `safely` of the largest violation seen, and
    the intercept takes the step that ``sweeping/until.py`` describes. ``scalars`` holds the
    intercept, the present `shrink_above`, and the sum of a y. It ends when that
    `shrink_above` is at most `enough`, when no row is left, or after `n_visits` steps, a
    sweep counting as `least_visits` at least.

    Returns
    -------
    n_active : int
    visits : float
        The steps that were counted.
    """
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    cdef double before, visits = 0.0
    if order.shape[0] == 0:
        return 0, least_visits
    cdef Layout X = opened(where)
    cdef Sweep sweep = Sweep(
        &order[0], 0, 0, n_active, &step[0], intercept_step, scalars[1]
    )
    cdef Binary problem = Binary(
        &signs[0],
        values_of(bound),
        values_of(curvature),
        &alpha[0],
        1.0,
        scalars[0],
        0.0,
    )
    with nogil:
        while True:
            visits += max(<double>sweep.kept, least_visits)
            permute(&order[0], 0, sweep.kept, 1, &random_state[0])
            before = problem.intercept
            problem.worst = 0.0
            sweep.stop, sweep.kept = sweep.kept, 0
            take_steps(
                &X, &data[0], &sweep, &problem, &w[0], <const Identity*>NULL
            )
            sweep.shrink_above = safely * problem.worst
            if intercept_step != 0.0:
                scalars[2] += (problem.intercept - before) / intercept_step
                problem.intercept = proximal_step(
                    problem.intercept, scalars[2], intercept_step, penalized
                )
            if sweep.kept == 0 or sweep.shrink_above <= enough or visits >= n_visits:
                break
    close(&X)
    scalars[0], scalars[1] = problem.intercept, sweep.shrink_above
    return sweep.kept, visits


def averaged_steps(
    const value_t[::1] data,
    Places where,
    const ptrdiff_t[::1] order,
    ptrdiff_t start,
    ptrdiff_t stop,
    const int8_t[::1] signs,
    const double[:] bound,
    const double[:] curvature,
    double intercept_step,
    double delay,
    double[::1] alpha,
    double[::1] average,
    double[::1] last_weight,
    double[::1] w,
    double[::1] scalars,
):
    r"""Take one Pegasos step, of size 1 / (t + delay), at each row in turn.

    With n rows and s_i a subgradient of minus the loss of row i = ``order[k]``,

        w <- (1 - 1/(t + delay)) w + n / (t + delay) s_i y_i x_i.

    w and alpha are stored divided by a common scale. `average` sums the duals
    with weights t, lazily: `last_weight` is the total up to which a row is summed.
    `scalars` holds the fixed part of the intercept, its part in the scale, the
    scale, the time t, and the total of t * scale.
    """
    cdef Layout X = opened(where)
    cdef double fixed = scalars[0], moving = scalars[1], scale = scalars[2]
    cdef double time = scalars[3], total = scalars[4]
    cdef double n_rows = <double>alpha.shape[0]
    cdef double score, shortfall, slope, rate, change, sign
    cdef ptrdiff_t k, row
    cdef Row place
    with nogil:
        for k in range(start, stop):
            row = order[k]
            place = locate(&X, row)
            sign = signs[row]
            score = moving + row_dot(&data[0], &place, &w[0], <double>0)
            shortfall = 1.0 - sign * (fixed + scale * score)
            time += 1.0
            rate = 1.0 / (time + delay)
            scale *= 1.0 - rate
            if shortfall > 0.0:
                slope = bound[row]
                if curvature[row] > 0.0 and shortfall < slope * curvature[row]:
                    slope = shortfall / curvature[row]
                average[row] += alpha[row] * (total - last_weight[row])
                last_weight[row] = total
                change = rate * n_rows * slope / scale
                alpha[row] += change
                change *= sign
                moving += intercept_step * change
                row_add(&data[0], &place, change, &w[0])
            total += time * scale
    scalars[1] = moving
    scalars[2] = scale
    scalars[3] = time
    scalars[4] = total
    close(&X)
