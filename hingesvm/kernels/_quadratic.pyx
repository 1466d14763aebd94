# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The minimum of a quadratic model with an L1 penalty, in calls of bounded work.

No function holds the GIL while it works.
"""

from libc.stddef cimport ptrdiff_t

from . cimport _model
from ._face cimport go_on, kink
from ._model cimport Model, Phase, coordinate_step, give_room, room_of

#: How `minimise` returns: for good, to be called again at once, or with a direction.
MINIMISED, INTERRUPTED = _model.MINIMISED, _model.INTERRUPTED
WANTS_DIRECTION = _model.WANTS_DIRECTION

cdef enum:
    IS_BEGUN
    SIZE
    UNIT
    LOWEST
    LEAST
    PHASE
    ROUNDS
    STALLS
    SWEEPS
    SOLVES
    LENGTH_OF_STATE

#: Numbers that `minimise` keeps from one call to the next, and where two of them are:
#: how many coordinates a face has, and the violation.
STATE, FACE_SIZE, VIOLATION = LENGTH_OF_STATE, SIZE, LEAST


def descend(
    const double[:, ::1] hessian,
    const double[::1] threshold,
    const ptrdiff_t[::1] chosen,
    ptrdiff_t start,
    ptrdiff_t stop,
    double[::1] z,
    double[::1] gradient,
):
    """Minimise the model in each coordinate in turn, the others being fixed.

    For the coordinates j = ``chosen[k]``, start <= k < stop, of the model

        1/2 z'Hz - c'z + sum_j t_j |z_j|,

    with ``gradient`` = Hz - c following. Where H_jj is 0, z_j becomes 0 if t_j is
    positive, and stays where it is otherwise.
    """
    cdef ptrdiff_t m = z.shape[0], k, j
    with nogil:
        for k in range(start, stop):
            j = chosen[k]
            coordinate_step(&hessian[j, 0], threshold[j], j, m, &z[0], &gradient[0])


def symmetric(
    const double[:, ::1] lower, const ptrdiff_t[::1] chosen, double[:, ::1] out
):
    """Set a matrix to chosen rows and columns, ascending, of one known by its lower half."""
    cdef ptrdiff_t m = chosen.shape[0], i, j
    cdef double value
    with nogil:
        for i in range(m):
            for j in range(i + 1):
                value = lower[chosen[i], chosen[j]]
                out[i, j] = value
                out[j, i] = value


def room_for(ptrdiff_t m):
    """Return how much room `minimise` needs for so many coordinates."""
    return room_of(m)


def minimise(
    const double[:, ::1] hessian,
    const double[::1] slope,
    const double[::1] threshold,
    const double[::1] start,
    double tol,
    ptrdiff_t most_rounds,
    ptrdiff_t most_solves,
    double work,
    double[:, ::1] points,
    ptrdiff_t[::1] face,
    double[::1] state,
    double[::1] room,
):
    """Take rounds of descent and direct solves, as ``solvers/sparse/quadratic.py`` says.

    Parameters
    ----------
    hessian, slope, threshold, start, tol
        Of the model, of at least one coordinate, and the violation to reach.
    most_rounds, most_solves : int
        Rounds, and direct solves in each of them.
    work : float
        Multiply-adds after which it returns early.
    points : ndarray of float64, of shape (2, m)
        Out: the best point; and where a direction is wanted, minus the slopes on the
        face, which is to be replaced by the direction.
    face : ndarray of intp, of shape (m,)
        Out: the coordinates of the face.
    state : ndarray of float64, of shape (STATE,)
        Zeros at first, and kept between calls.
    room : ndarray of float64, of shape (room_for(m),)
        Kept between calls.

    Returns
    -------
    {MINIMISED, INTERRUPTED, WANTS_DIRECTION}
    """
    cdef Model model
    cdef ptrdiff_t i, j
    cdef int end
    model.m, model.hessian, model.slope = slope.shape[0], &hessian[0, 0], &slope[0]
    model.threshold, model.start, model.tol = &threshold[0], &start[0], tol
    model.most_rounds, model.most_solves = most_rounds, most_solves
    with nogil:
        give_room(&model, &room[0], &face[0])
        model.best, model.direction = &points[0, 0], &points[1, 0]
        if state[IS_BEGUN] == 0.0:
            _model.begin(&model)
        else:
            model.k, model.unit = <ptrdiff_t>state[SIZE], state[UNIT]
            model.lowest, model.least = state[LOWEST], state[LEAST]
            model.phase = <Phase><int>state[PHASE]
            model.n_rounds = <ptrdiff_t>state[ROUNDS]
            model.n_stalls = <ptrdiff_t>state[STALLS]
            model.n_sweeps = <ptrdiff_t>state[SWEEPS]
            model.n_solves = <ptrdiff_t>state[SOLVES]
            model.has_direction = state[IS_BEGUN] == 2.0
        end = go_on(&model, work)
        if end == _model.WANTS_DIRECTION:
            for i in range(model.k):
                j = face[i]
                model.direction[i] = -(model.inside[i] + kink(&model, j))
        state[IS_BEGUN] = 2.0 if end == _model.WANTS_DIRECTION else 1.0
        state[SIZE], state[UNIT] = <double>model.k, model.unit
        state[LOWEST], state[LEAST] = model.lowest, model.least
        state[PHASE] = <double>model.phase
        state[ROUNDS], state[STALLS] = <double>model.n_rounds, <double>model.n_stalls
        state[SWEEPS], state[SOLVES] = <double>model.n_sweeps, <double>model.n_solves
    return end
