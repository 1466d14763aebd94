# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Steps at one row after the other, and orders of rows: for one thread and for several."""

from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t, uint64_t

from ._box cimport clip
from ._rows cimport (
    Layout,
    Row,
    fetch_ahead,
    locate,
    prefetch,
    row_add,
    value_t,
    weight_t,
)
from ._soft cimport map_t, mapped_dot
from ._values cimport Values, entry

cdef struct Sweep:
    # Steps at the rows ``order[start:stop]``. Those that stay in the order move to its
    # place `kept` and those behind; left out are rows that point out of where they are by
    # more than `shrink_above`. `step` is the factor of the line search at each row.
    ptrdiff_t* order
    ptrdiff_t start
    ptrdiff_t stop
    ptrdiff_t kept
    const double* step
    double intercept_step
    double shrink_above


cdef struct Binary:
    # The dual of a problem of two classes, its intercept, and the largest violation of
    # optimality that a sweep has seen.
    const int8_t* signs
    Values bound
    Values curvature
    double* alpha
    double spread
    double intercept
    double worst


cdef inline uint64_t next_random(uint64_t* state) noexcept nogil:
    """Advance a SplitMix64 generator (Steele, Lea and Flood, 2014)."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline void permute(
    ptrdiff_t* order,
    ptrdiff_t start,
    ptrdiff_t stop,
    ptrdiff_t run,
    uint64_t* random_state,
) noexcept nogil:
    """See `shuffle`."""
    cdef ptrdiff_t k, j, other, kept
    cdef ptrdiff_t largest = 4294967295
    cdef uint64_t bits
    for k in range(start, stop):
        bits = next_random(random_state)
        if k < largest:
            other = <ptrdiff_t>(((bits >> 32) * <uint64_t>(k + 1)) >> 32)
        else:
            other = <ptrdiff_t>(bits % <uint64_t>(k + 1))
        for j in range(run):
            kept = order[k * run + j]
            order[k * run + j] = order[other * run + j]
            order[other * run + j] = kept


cdef inline double proximal_step(
    double intercept, double imbalance, double intercept_step, bint penalized
) noexcept nogil:
    """Return the intercept after a step of the proximal point method.

    `imbalance` is the sum of a y: the intercept that a penalised one is to become.
    """
    return intercept + intercept_step * (imbalance - (intercept if penalized else 0.0))


cdef inline void take_steps(
    const Layout* X,
    const value_t* data,
    Sweep* sweep,
    Binary* problem,
    weight_t* w,
    const map_t* map,
) noexcept nogil:
    """Step at each row of a sweep in turn; see `dual_steps` in ``_sweep.pyx``.

    Weights follow from the sums w by `map`. The sums and the intercept move
    ``problem.spread`` times as far as the dual variables say, and each step is so much
    shorter.
    """
    cdef ptrdiff_t* order = sweep.order
    cdef const double* step = sweep.step
    cdef const int8_t* signs = problem.signs
    cdef double* alpha = problem.alpha
    cdef Values bounds = problem.bound, curvatures = problem.curvature
    cdef ptrdiff_t stop = sweep.stop
    cdef double intercept_step = sweep.intercept_step
    cdef double intercept = problem.intercept, worst = problem.worst
    cdef double spread = problem.spread, shrink_above = sweep.shrink_above
    cdef double old, new, score, bend, gradient, sign, change, bound
    cdef ptrdiff_t k, row, ahead, kept = sweep.kept
    cdef Row place
    for k in range(sweep.start, stop):
        ahead = fetch_ahead(X, data, order, k, stop)
        if ahead >= 0:
            prefetch(&alpha[ahead])
            prefetch(&step[ahead])
        row = order[k]
        sign = signs[row]
        old = alpha[row]
        bend = entry(curvatures, row) * old
        # Next to each other, so that the compiler asks only once if the row is dense.
        place = locate(X, row)
        score = intercept + mapped_dot(data, &place, w, map)
        gradient = 1.0 - bend - sign * score
        bound = entry(bounds, row)
        # As `outward` has it, but with branches, which are guessed and save waiting.
        if (old == 0.0 and gradient <= 0.0) or (old == bound and gradient >= 0.0):
            if fabs(gradient) <= shrink_above:
                order[kept] = row
                kept += 1
            continue
        order[kept] = row
        kept += 1
        if fabs(gradient) > worst:
            worst = fabs(gradient)
        new = clip(old + gradient * step[row] / spread, bound)
        if new != old:
            alpha[row] = new
            change = spread * sign * (new - old)
            intercept += intercept_step * change
            row_add(data, &place, change, w)
    problem.intercept, problem.worst, sweep.kept = intercept, worst, kept
