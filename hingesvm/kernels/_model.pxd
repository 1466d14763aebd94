# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A small quadratic model with an L1 penalty, and descent in its coordinates.

``solvers/sparse/quadratic.py`` says what it is and how it is minimised: rounds of
descent in one coordinate after the other, and of direct solves on the face of those
that are not 0.
"""

from libc.math cimport INFINITY, fabs
from libc.stddef cimport ptrdiff_t
from libc.string cimport memcpy

from ._soft cimport soft

cdef enum:
    # Coordinates that are not 0 up to which systems are solved here: LAPACK is faster for
    # more of them.
    MOST_ON_FACE = 200
    # Sweeps over the coordinates that are not 0 before a direct solve: a few of them make
    # its steps longer, and as many as take its time may do without it.
    LEAST_SWEEPS = 4
    SWEEPS_PER_SOLVE = 12
    # Rounds without progress, after which rounding errors are what is left.
    MOST_STALLS = 3
    # The shift of a system grows a hundredfold each time, from 1e-14.
    MOST_SHIFTS = 8
    # Vectors of room, beside the factor, the best point and the direction.
    VECTORS = 8

cdef extern from * nogil:
    """
    /* Part of the largest violation from which coordinates leave 0 in a round: if it is
       too low too many do, which direct solves have to lead back; if too high, rounds are
       many. */
    #define HINGESVM_LEAVING 0.5
    /* Part of the violation of coordinates that are 0 below which that of the others is
       small: then a direct solve is not worth its time yet. */
    #define HINGESVM_ROUGHLY 0.1
    /* A sum of products is known to about so much of their sizes. */
    #define HINGESVM_ROUNDING (8.0 * 2.220446049250313e-16)
    """
    const double LEAVING "HINGESVM_LEAVING"
    const double ROUGHLY "HINGESVM_ROUGHLY"
    const double ROUNDING "HINGESVM_ROUNDING"

cdef enum Phase:
    BEGIN
    SWEEP
    SOLVE

cdef enum End:
    MINIMISED
    INTERRUPTED
    WANTS_DIRECTION


cdef struct Model:
    # 1/2 (z - start)'H(z - start) + slope'(z - start) + sum_j threshold_j |z_j|.
    ptrdiff_t m
    const double* hessian
    const double* slope
    const double* threshold
    const double* start
    # The largest slope and threshold together: what violations are relative to.
    double unit
    double tol
    ptrdiff_t most_rounds
    ptrdiff_t most_solves
    # The iterate, the slope there without thresholds, and the best one.
    double* z
    double* gradient
    double* best
    # Of the face: its coordinates, their slopes, and a step with what follows it.
    ptrdiff_t* face
    ptrdiff_t k
    double* inside
    double* direction
    double* pull
    double* bend
    double* ends
    double* scale
    double* inverse
    double* factor
    # How far it is.
    double lowest
    double least
    Phase phase
    ptrdiff_t n_rounds
    ptrdiff_t n_stalls
    ptrdiff_t n_sweeps
    ptrdiff_t n_solves
    bint has_direction


cdef inline ptrdiff_t room_of(ptrdiff_t m) noexcept nogil:
    """Return the numbers that a model of so many coordinates needs room for."""
    return VECTORS * m + min(m, <ptrdiff_t>MOST_ON_FACE) ** 2


cdef inline void give_room(Model* model, double* room, ptrdiff_t* face) noexcept nogil:
    """Divide room among the arrays of a model."""
    cdef ptrdiff_t m = model.m
    model.face = face
    model.z, model.gradient = room, room + m
    model.inside, model.pull = room + 2 * m, room + 3 * m
    model.bend, model.ends = room + 4 * m, room + 5 * m
    model.scale, model.inverse = room + 6 * m, room + 7 * m
    model.factor = room + VECTORS * m


cdef inline bint bends(const Model* model, ptrdiff_t j) noexcept nogil:
    """Whether the model has curvature in a coordinate."""
    return model.hessian[j * model.m + j] > 0.0


cdef inline bint is_inside(const Model* model, ptrdiff_t j) noexcept nogil:
    """Whether a coordinate is not 0, or has no penalty."""
    return (model.z[j] != 0.0 or model.threshold[j] == 0.0) and bends(model, j)


cdef inline double distance(const Model* model, ptrdiff_t j) noexcept nogil:
    """Return by how much a coordinate misses optimality; nothing if negative."""
    cdef double z = model.z[j], slope = model.gradient[j]
    if not bends(model, j):
        return 0.0
    if z == 0.0:
        return fabs(slope) - model.threshold[j]
    return fabs(slope + (model.threshold[j] if z > 0.0 else -model.threshold[j]))


cdef inline bint coordinate_step(
    const double* row,
    double threshold,
    ptrdiff_t j,
    ptrdiff_t m,
    double* z,
    double* slope,
) noexcept nogil:
    """Minimise in coordinate j, of which H has that row; return whether it moved."""
    cdef double old = z[j], curvature = row[j], new, change
    cdef ptrdiff_t i
    if old == 0.0 and fabs(slope[j]) <= threshold:
        return False
    if curvature > 0.0:
        new = soft(curvature * old - slope[j], threshold) / curvature
    else:
        new = 0.0 if threshold > 0.0 else old
    change = new - old
    if change == 0.0:
        return False
    z[j] = new
    for i in range(m):
        slope[i] += change * row[i]
    return True


cdef inline double refresh(Model* model) noexcept nogil:
    """Find the slope from scratch; return how many multiply-adds it took."""
    cdef ptrdiff_t m = model.m, i, j
    cdef const double* row
    cdef double step, work = <double>m
    memcpy(model.gradient, model.slope, m * sizeof(double))
    for j in range(m):
        step = model.z[j] - model.start[j]
        if step != 0.0:
            row = model.hessian + j * m
            for i in range(m):
                model.gradient[i] += step * row[i]
            work += <double>m
    return work


cdef inline double violation(const Model* model) noexcept nogil:
    """Return the largest distance from optimality, in the unit of the model."""
    cdef double far = 0.0
    cdef ptrdiff_t j
    for j in range(model.m):
        far = max(far, distance(model, j))
    return far / model.unit


cdef inline (double, double) objective(const Model* model) noexcept nogil:
    """Return the value at z, and the sum of the sizes of what it adds up."""
    cdef double value = 0.0, size = 0.0, step, slope, threshold
    cdef ptrdiff_t j
    for j in range(model.m):
        step, slope = model.z[j] - model.start[j], model.slope[j]
        threshold = model.threshold[j]
        value += 0.5 * step * (model.gradient[j] + slope)
        value += threshold * (fabs(model.z[j]) - fabs(model.start[j]))
        size += fabs(step) * (fabs(model.gradient[j]) + fabs(slope) + threshold)
    return value, size


cdef inline void begin(Model* model) noexcept nogil:
    """Go to the start."""
    cdef ptrdiff_t m = model.m, j
    cdef double steepest = 0.0, highest = 0.0
    for j in range(m):
        steepest = max(steepest, fabs(model.slope[j]))
        highest = max(highest, model.threshold[j])
        model.z[j] = model.start[j]
        if not bends(model, j) and model.threshold[j] > 0.0:
            model.z[j] = 0.0
    model.unit = steepest + highest if steepest + highest > 0.0 else 1.0
    refresh(model)
    memcpy(model.best, model.z, m * sizeof(double))
    model.lowest, _ = objective(model)
    model.least = violation(model)
    model.phase, model.k = BEGIN, 0
    model.n_rounds = model.n_stalls = model.n_sweeps = model.n_solves = 0
    model.has_direction = False


cdef inline double sweep(Model* model, bint with_leaving) noexcept nogil:
    """Take a step at each coordinate that is not 0; return the multiply-adds.

    If `with_leaving`, also at those that are 0 and should not be, but for slight ones.
    """
    cdef ptrdiff_t m = model.m, j, count = 0
    cdef double least = INFINITY, work = <double>m
    if with_leaving:
        least = 0.0
        for j in range(m):
            if model.z[j] == 0.0 and model.threshold[j] > 0.0:
                least = max(least, LEAVING * distance(model, j))
    for j in range(m):
        if is_inside(model, j):
            pass
        elif not (with_leaving and model.z[j] == 0.0 and model.threshold[j] > 0.0):
            continue
        elif not distance(model, j) > least:
            continue
        model.face[count] = j
        count += 1
    for j in model.face[:count]:
        if coordinate_step(
            model.hessian + j * m, model.threshold[j], j, m, model.z, model.gradient
        ):
            work += <double>m
    return work


cdef inline (double, double) distances(const Model* model) noexcept nogil:
    """Return how far coordinates that are not 0 miss optimality, and all others."""
    cdef double inside = 0.0, outside = 0.0, far
    cdef ptrdiff_t j
    for j in range(model.m):
        far = distance(model, j)
        if model.z[j] != 0.0:
            inside = max(inside, far)
        else:
            outside = max(outside, far)
    return inside, outside


cdef inline ptrdiff_t sweeps_before_solve(const Model* model) noexcept nogil:
    """Return how many sweeps go before a direct solve: about as many as take its time."""
    cdef ptrdiff_t j, k = 0
    for j in range(model.m):
        k += model.z[j] != 0.0
    return LEAST_SWEEPS + k * k // (SWEEPS_PER_SOLVE * model.m)
