# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Direct solves on the face of a model, in turns with descent."""

from libc.math cimport INFINITY, sqrt
from libc.stddef cimport ptrdiff_t
from libc.string cimport memcpy

from ._model cimport (
    BEGIN,
    INTERRUPTED,
    MINIMISED,
    MOST_ON_FACE,
    MOST_SHIFTS,
    MOST_STALLS,
    ROUGHLY,
    ROUNDING,
    SOLVE,
    SWEEP,
    WANTS_DIRECTION,
    Model,
    distances,
    is_inside,
    objective,
    refresh,
    sweep,
    sweeps_before_solve,
    violation,
)
from ._products cimport dot


cdef inline double set_face(Model* model) noexcept nogil:
    """Set the face and the slopes on it from scratch; return the multiply-adds."""
    cdef ptrdiff_t m = model.m, i, j, k = 0
    for j in range(m):
        if is_inside(model, j):
            model.face[k] = j
            k += 1
    model.k = k
    # In place of what descent has kept, which is no longer exact.
    for i in range(m):
        model.bend[i] = model.z[i] - model.start[i]
    for i in range(k):
        j = model.face[i]
        model.inside[i] = model.slope[j] + dot(model.hessian + j * m, model.bend, m)
    return <double>m * k


cdef inline double kink(const Model* model, ptrdiff_t j) noexcept nogil:
    """Return the slope of the penalty in a coordinate that is not 0."""
    if model.z[j] == 0.0:
        return 0.0
    return model.threshold[j] if model.z[j] > 0.0 else -model.threshold[j]


cdef inline bint factorise(Model* model, double shift) noexcept nogil:
    """Factorise the face's part of H, scaled and shifted; False if that fails."""
    cdef ptrdiff_t m = model.m, k = model.k, i, j
    cdef const double* values
    cdef double* row
    cdef double pivot
    for i in range(k):
        row = model.factor + i * k
        values = model.hessian + model.face[i] * m
        for j in range(i):
            row[j] = values[model.face[j]] * model.scale[i] * model.scale[j]
            row[j] -= dot(row, model.factor + j * k, j)
            row[j] *= model.inverse[j]
        pivot = 1.0 + shift - dot(row, row, i)
        if not pivot > 0.0:
            return False
        row[i] = sqrt(pivot)
        model.inverse[i] = 1.0 / row[i]
    return True


cdef inline void set_direction(Model* model) noexcept nogil:
    """Set the step to the minimum for the present signs, 0 if there is none."""
    cdef ptrdiff_t m = model.m, k = model.k, i, j
    cdef double* x = model.direction
    cdef double shift = 0.0
    cdef bint solved = False
    for i in range(k):
        j = model.face[i]
        model.scale[i] = 1.0 / sqrt(model.hessian[j * m + j])
        x[i] = -model.scale[i] * (model.inside[i] + kink(model, j))
    for _ in range(MOST_SHIFTS):
        solved = factorise(model, shift)
        if solved:
            break
        shift = max(100.0 * shift, 1e-14)
    for i in range(k):
        x[i] = (x[i] - dot(model.factor + i * k, x, i)) * model.inverse[i]
    for i in range(k - 1, -1, -1):
        x[i] *= model.inverse[i]
        for j in range(i):
            x[j] -= model.factor[i * k + j] * x[i]
    for i in range(k):
        x[i] = model.scale[i] * x[i] if solved else 0.0


cdef inline double advance(
    const Model* model, double length, double* slope, double* curvature
) noexcept nogil:
    """Move on along the direction; return by how much the value changes.

    Before and after, `slope` and `curvature` are those along the direction.
    """
    cdef double change = length * (slope[0] + 0.5 * length * curvature[0])
    cdef ptrdiff_t i
    for i in range(model.k):
        model.pull[i] += length * model.bend[i]
    slope[0] = dot(model.pull, model.direction, model.k)
    return change


cdef inline double walk(Model* model) noexcept nogil:
    """Find the lowest point along the direction, on which coordinates stop at 0.

    Sets `ends` to where each of them does.

    Returns
    -------
    float
        How far it is, 1 being all of the direction; 0 if it leads up.
    """
    cdef ptrdiff_t m = model.m, k = model.k, i, j, first
    cdef double t = 0.0, value = 0.0, lowest = 0.0, at_lowest = 0.0, end, to, gone
    cdef double slope, curvature, low
    cdef const double* row
    for i in range(k):
        j = model.face[i]
        row = model.hessian + j * m
        model.bend[i] = 0.0
        for first in range(k):
            model.bend[i] += row[model.face[first]] * model.direction[first]
        model.pull[i] = model.inside[i] + kink(model, j)
        model.ends[i] = INFINITY
        if model.threshold[j] > 0.0 and model.z[j] * model.direction[i] < 0.0:
            model.ends[i] = -model.z[j] / model.direction[i]
    slope = dot(model.pull, model.direction, k)
    curvature = dot(model.bend, model.direction, k)
    while True:
        # What stops next; those that have stopped no longer move.
        first, end = -1, 1.0
        for i in range(k):
            if model.ends[i] <= end and model.direction[i] != 0.0:
                first, end = i, model.ends[i]
        low = -slope / curvature if curvature > 0.0 else INFINITY
        if slope < 0.0 and low < end - t:
            to = value + 0.5 * low * slope
            if to < lowest:
                lowest, at_lowest = to, t + low
        value += advance(model, end - t, &slope, &curvature)
        t = end
        if value < lowest:
            lowest, at_lowest = value, t
        if first < 0:
            return at_lowest
        row = model.hessian + model.face[first] * m
        gone = model.direction[first]
        model.direction[first] = 0.0
        for i in range(k):
            model.bend[i] -= gone * row[model.face[i]]
        slope = dot(model.pull, model.direction, k)
        curvature = dot(model.bend, model.direction, k)


cdef inline bint step_on_face(Model* model) noexcept nogil:
    """Go along the direction; return whether coordinates became 0, and left the face."""
    cdef ptrdiff_t m = model.m, k = model.k, i, j, n, left = 0
    cdef double length, old
    cdef double* whole = model.scale
    cdef const double* row
    memcpy(whole, model.direction, k * sizeof(double))
    length = walk(model)
    if not length > 0.0:
        return False
    for i in range(k):
        j = model.face[i]
        old = model.z[j]
        if model.ends[i] <= length:
            model.z[j] = 0.0
        else:
            model.z[j] += length * whole[i]
        model.bend[i] = model.z[j] - old
    for i in range(k):
        j = model.face[i]
        row = model.hessian + j * m
        for n in range(k):
            model.inside[i] += row[model.face[n]] * model.bend[n]
    for i in range(k):
        j = model.face[i]
        if is_inside(model, j):
            model.face[left] = j
            model.inside[left] = model.inside[i]
            left += 1
    model.k = left
    return left < k


cdef inline double end_round(Model* model) noexcept nogil:
    """Keep the iterate if it is better; return the multiply-adds."""
    cdef double work = refresh(model), value, size, far
    value, size = objective(model)
    far = violation(model)
    if model.lowest - value > ROUNDING * size or far < model.least:
        memcpy(model.best, model.z, model.m * sizeof(double))
        model.lowest, model.least = min(model.lowest, value), far
        model.n_stalls = 0
    else:
        model.n_stalls += 1
    model.n_rounds += 1
    model.phase = BEGIN
    return work


cdef inline int go_on(Model* model, double work) noexcept nogil:
    """Minimise until it is done, or a number of multiply-adds is, or a face is large.

    Then `direction` is to be set and `has_direction` with it.
    """
    cdef bint has_changed
    cdef double k, inside, outside, enough = model.tol * model.unit
    while True:
        if model.phase == BEGIN and (
            model.least <= model.tol
            or model.n_stalls == MOST_STALLS
            or model.n_rounds == model.most_rounds
        ):
            return MINIMISED
        if work <= 0.0:
            return INTERRUPTED
        if model.phase == BEGIN:
            work -= sweep(model, True)
            model.n_sweeps, model.phase = 0, SWEEP
        elif model.phase == SWEEP:
            inside, outside = distances(model)
            if inside < ROUGHLY * outside or max(inside, outside) <= enough:
                work -= end_round(model)
            elif model.n_sweeps < sweeps_before_solve(model):
                work -= sweep(model, False)
                model.n_sweeps += 1
            else:
                work -= set_face(model)
                model.n_solves, model.phase = 0, SOLVE
        elif model.k == 0 or model.n_solves == model.most_solves:
            work -= end_round(model)
        else:
            if not model.has_direction:
                if model.k > MOST_ON_FACE:
                    return WANTS_DIRECTION
                set_direction(model)
            k = <double>model.k
            work -= (k / 6.0 + 8.0) * k * k
            model.has_direction = False
            model.n_solves += 1
            has_changed = step_on_face(model)
            if not has_changed:
                work -= end_round(model)
