# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""One inner problem on rows in tiles: Newton steps until its minimum is found."""

from libc.math cimport fabs
from libc.stddef cimport ptrdiff_t

from ._parts cimport Part, expand, gather
from ._products cimport dot
from ._rows cimport value_t
from ._tiles cimport (
    Band,
    keep_best,
    move_intercept,
    primal_of,
    relative_gap,
    settle,
    step,
)

cdef extern from * nogil:
    """
    /* Relative gap that is made of rounding errors. */
    #define HINGESVM_NOTHING 1e-14
    /* What counts as progress, as ``newton/proximal.py`` has it: a part of the gap, and
       of the primal value. */
    #define HINGESVM_VISIBLE 1e-3
    #define HINGESVM_LITTLE 4e-15
    """
    const double NOTHING "HINGESVM_NOTHING"
    const double VISIBLE "HINGESVM_VISIBLE"
    const double LITTLE "HINGESVM_LITTLE"

cdef enum:
    # Parts of the rows that are tried for an inner problem, each larger than the last.
    MOST_PARTS = 4

cdef enum Inner:
    SOLVED
    UNSOLVED
    OUT_OF_WORK


cdef struct Budget:
    # What an inner problem may take: it is solved for good at the relative gap `goal`,
    # below the primal value `floor`, or after `enough` steps, and unsolved after `limit`
    # steps. `work` is how many multiply-adds are left, `steps` what it has taken.
    double goal
    double floor
    ptrdiff_t enough
    ptrdiff_t limit
    double work
    ptrdiff_t steps


cdef inline bint is_minimum(Band* band) noexcept nogil:
    """Set the gradient of Psi, and tell whether it is small enough."""
    cdef ptrdiff_t size = band.size, j
    for j in range(size):
        band.gradient[j] = band.ridge[j] * band.point[j] - band.own[j]
    if band.signs != NULL:
        band.gradient[size - 1] = 0.0
    return dot(band.gradient, band.gradient, size) <= band.sums.moved / band.rho


cdef inline int minimise(
    const value_t* tiles, Band* band, Budget* budget, bint is_part
) noexcept nogil:
    """Minimise Psi by Newton steps.

    Of a part of the rows the primal value is only a lower bound, and not kept.
    """
    cdef ptrdiff_t size = band.size, padded = band.padded
    cdef double gap
    while True:
        if band.signs != NULL:
            move_intercept(band)
        settle(tiles, band)
        if budget.steps >= budget.limit:
            return UNSOLVED
        if not is_part:
            keep_best(band)
            gap = relative_gap(band.values[0], band.values[1])
            if gap <= budget.goal or primal_of(band) < budget.floor:
                return SOLVED
            if gap <= NOTHING and budget.steps > 0:
                return SOLVED
        if budget.steps >= budget.enough:
            return SOLVED
        if is_minimum(band):
            return SOLVED
        if budget.work <= 0.0:
            return OUT_OF_WORK
        budget.work -= <double>band.n * (2 * size + 30) + <double>padded**3 / 3.0
        budget.work -= 0.5 * <double>band.n_free * padded * padded
        budget.steps += 1
        if not step(tiles, band):
            return UNSOLVED


cdef inline int minimise_by_part(
    const value_t* tiles,
    Band* band,
    Part* part,
    value_t* room,
    Budget* budget,
    double reach,
) noexcept nogil:
    """Minimise Psi by steps on a part of the rows, as far as that is possible.

    See `minimise`. Rows count as part of it whose margin is within `reach` of a kink.
    """
    cdef int found
    for _ in range(MOST_PARTS):
        if not gather(tiles, band, part, room, reach):
            break
        found = minimise(<const value_t*>room, &part.band, budget, True)
        budget.work -= 2.0 * <double>band.n * band.size
        if expand(tiles, band, part):
            keep_best(band)
            return found
        settle(tiles, band)
        keep_best(band)
        if is_minimum(band):
            return SOLVED
        if found == OUT_OF_WORK or budget.steps >= min(budget.limit, budget.enough):
            return found
        reach *= 2.0
    return minimise(tiles, band, budget, False)


cdef inline bint is_progress(
    double old_primal, double old_dual, double primal, double dual
) noexcept nogil:
    """Whether the primal fell or the dual rose by a visible part of the gap."""
    cdef double gained = (old_primal - primal) + (dual - old_dual)
    return gained > max(VISIBLE * (old_primal - old_dual), LITTLE * fabs(primal))
