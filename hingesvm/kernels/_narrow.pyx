# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Many Newton steps of the batch method in one call, on few rows of few columns.

There a step takes some ten microseconds, and Python between its parts would take longer,
and hold up other threads. The rows are copied into tiles: TILE of them, multiplied by
their signs, with the entries of a column side by side; the signs are the last column if
there is an intercept. Weights and intercept are one vector, the point. No function holds
the GIL while it works.
"""

from libc.math cimport INFINITY, isinf
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int8_t
from libc.string cimport memcpy, memset

from ._inner cimport (
    NOTHING,
    OUT_OF_WORK,
    UNSOLVED,
    Budget,
    is_progress,
    minimise,
    minimise_by_part,
)
from ._line cimport Slopes
from ._parts cimport Part, moved_by
from ._products cimport STRIP
from ._places cimport Places, close, opened
from ._rows cimport Layout, Row, fetch_ahead, locate, value_t
from ._tiles cimport (
    TILE,
    Band,
    gap_between,
    primal_of,
    relative_gap,
    set_margins,
    set_slopes,
)
from ._values cimport values_of

cdef enum:
    # Columns that go together in products.
    PADDED = 4

cdef enum:
    # As ``newton/until.py`` and ``newton/proximal.py`` have them.
    QUICK = 5
    SLOW = 15
    MOST_INNER = 25
    MOST_INNER_AT_END = 8
    PATIENCE = 15
    PATIENCE_AT_END = 1
    # Free rows for each column of a system while the gap is large.
    SAMPLE = 16

# As ``newton/proximal.py`` has them.
cdef double GROWTH = 3.0
cdef double LARGEST_RHO = 1e100
# Relative gap below which margins are computed anew for each inner problem.
cdef double COARSE = 1e-8
# Relative gap that is large.
cdef double EARLY = 0.1
# Inner problems, of a step each, once the gap is made of rounding errors: they leave of
# the weights what rounding permits.
cdef double LAST_ONES = 2.0

cdef enum End:
    ENDED_
    INTERRUPTED_

#: How `solve` returns: for good, and to be called again.
ENDED, INTERRUPTED = ENDED_, INTERRUPTED_

cdef enum:
    RHO
    WAIT
    PRIMAL
    DUAL
    TAKEN
    AT_END
    REACH
    MISSED
    LEFT
    HAS_POINT
    HAS_DUALS
    LENGTH_OF_STATE

#: Rows in a tile, and numbers that `solve` keeps from one call to the next.
ROWS_PER_TILE, STATE = TILE, LENGTH_OF_STATE


def first_state(double rho, bint with_samples, double[::1] state):
    """Set what `solve` keeps, for a first proximal step in units of the costs.

    Early systems may be of a part of the free rows if it is to be with samples.
    """
    state[:] = 0.0
    state[MISSED] = not with_samples
    state[RHO], state[WAIT] = rho, PATIENCE
    state[PRIMAL], state[DUAL], state[REACH] = INFINITY, -INFINITY, INFINITY
    state[LEFT] = INFINITY


def room_for(ptrdiff_t size):
    """Return how much room `solve` needs for points with so many entries."""
    cdef ptrdiff_t padded = (size + PADDED - 1) // PADDED * PADDED
    return 2 * padded * padded + padded * STRIP + 6 * padded


def fill_tiles(
    const value_t[::1] data,
    Places where,
    const int8_t[::1] signs,
    value_t[:, :, ::1] tiles,
):
    """Copy rows to tiles; the last one is filled up with zeros.

    X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that
    tell which of them make up a row.
    """
    cdef Layout X = opened(where)
    cdef Row place
    cdef ptrdiff_t row, j, size = tiles.shape[1], n = signs.shape[0]
    cdef value_t sign
    cdef const value_t* values
    cdef const int32_t* named
    cdef value_t* out
    with nogil:
        if X.row_starts != NULL:
            memset(&tiles[0, 0, 0], 0, tiles.shape[0] * size * TILE * sizeof(value_t))
        for row in range(n):
            fetch_ahead(&X, &data[0], NULL, row, n)
            place = locate(&X, row)
            values, named = &data[place.start], place.columns
            out = &tiles[row // TILE, 0, row % TILE]
            sign = <value_t>signs[row]
            # A sparse row may name a column twice.
            if named != NULL:
                for j in range(place.length):
                    out[named[j] * TILE] += sign * values[j]
            else:
                for j in range(X.n_features):
                    out[j * TILE] = sign * values[j]
            if size > X.n_features:
                out[X.n_features * TILE] = sign
        if n % TILE:
            out = &tiles[n // TILE, 0, 0]
            for j in range(size):
                for row in range(n % TILE, TILE):
                    out[j * TILE + row] = 0.0
    close(&X)


def turn_tiles(const int8_t[::1] signs, const int8_t[::1] old, value_t[:, :, ::1] tiles):
    """Change the signs of rows in tiles from the old ones."""
    cdef ptrdiff_t row, j
    with nogil:
        for row in range(signs.shape[0]):
            if signs[row] != old[row]:
                for j in range(tiles.shape[1]):
                    tiles[row // TILE, j, row % TILE] *= -1


def solve(
    const value_t[:, :, ::1] tiles,
    const double[:] cost,
    const double[:] bound,
    const double[:] curvature,
    const double[::1] signs,
    const double[::1] ridge,
    const double[::1] fixed,
    double fixed_gain,
    double goal,
    double floor,
    double tol,
    ptrdiff_t allowed,
    double work,
    double[:, ::1] per_row,
    ptrdiff_t[::1] free,
    value_t[:, :, ::1] spare,
    double[:, ::1] of_part,
    ptrdiff_t[::1] free_of_part,
    double[:, ::1] points,
    double[::1] values,
    double[::1] state,
    double[:, ::1] looks,
    double[::1] room,
):
    """Solve one inner problem after the other, as ``newton/until.py`` describes it.

    Parameters
    ----------
    tiles : ndarray of the dtype of X, of shape (n_tiles, size, ROWS_PER_TILE)
        From `fill_tiles`.
    cost, bound, curvature : ndarray of float64, of shape (n_rows,)
        Of the losses; each may be a broadcast scalar.
    signs : ndarray of float64, of shape (n_rows,)
        Of length 0 unless the intercept is free.
    ridge : ndarray of float64, of shape (size,)
        Curvature of P in each entry of the point, beside that of the losses.
    fixed : ndarray of float64, of shape (size,)
    fixed_gain : float
        What rows left out contribute.
    goal, floor : float
        As of ``newton_until``.
    tol : float
        Relative gap behind which it gives up sooner.
    allowed : int
        Newton steps after which it ends.
    work : float
        Multiply-adds after which it returns early, counted from the last time that it
        did, so that who watches each inner problem changes nothing.
    per_row : ndarray of float64, of shape (8, n_tiles * ROWS_PER_TILE)
        Shortfalls and duals of the iterate, duals of the best dual point, and anchor,
        all overwritten; and room.
    free : ndarray of intp, of shape (n_tiles * ROWS_PER_TILE,)
        Room.
    spare : ndarray of the dtype of X, of shape (n_some, size, ROWS_PER_TILE)
        Room for a part of the rows.
    of_part : ndarray of float64, of shape (10, n_some * ROWS_PER_TILE)
    free_of_part : ndarray of intp, of shape (n_some * ROWS_PER_TILE,)
        The same.
    points : ndarray of float64, of shape (2, size)
        The iterate, overwritten, and the best primal point.
    values : ndarray of float64, of shape (2,)
        Best primal and dual value, updated.
    state : ndarray of float64, of shape (STATE,)
        From `first_state`, and kept between calls. The proximal step comes first, and
        last whether a primal and a dual point were found that are as good as those of
        `values` or better.
    looks : ndarray of float64, of shape (at least 1, 3)
        Out: a row for each inner problem that was ended, with the steps so far in this
        call, the best primal value and the gap. It returns when all are written.
    room : ndarray of float64, of shape (room_for(size),)

    Returns
    -------
    steps : int
    n_looks : int
    end : {ENDED, INTERRUPTED}
    """
    cdef Band band
    cdef Part part
    cdef Budget budget
    cdef ptrdiff_t size = points.shape[1], n = cost.shape[0], before
    cdef ptrdiff_t steps = 0, padded = (size + PADDED - 1) // PADDED * PADDED
    cdef ptrdiff_t n_looks = 0, rest = (per_row.shape[1] - n) * sizeof(double)
    cdef int found, end = ENDED_
    cdef double gap, factor
    cdef double* former = &per_row[7, 0]
    cdef const value_t* X = &tiles[0, 0, 0]
    budget.goal, budget.floor, budget.work = goal, floor, min(state[LEFT], work)
    band.n, band.size, band.padded = n, size, padded
    band.slopes = Slopes(values_of(bound), values_of(bound), values_of(bound), n)
    band.cost, band.curvature = values_of(cost), values_of(curvature)
    band.has_kink = curvature[0] == 0.0
    band.signs = &signs[0] if signs.shape[0] > 0 else NULL
    band.ridge, band.fixed, band.fixed_gain = &ridge[0], &fixed[0], fixed_gain
    band.shortfall, band.alpha = &per_row[0, 0], &per_row[1, 0]
    band.best_alpha, band.anchor = &per_row[2, 0], &per_row[3, 0]
    band.rest, band.pace = &per_row[4, 0], &per_row[5, 0]
    band.change, band.free = &per_row[6, 0], &free[0]
    band.point, band.best_point, band.values = &points[0, 0], &points[1, 0], &values[0]
    band.matrix = &room[0]
    band.factor = band.matrix + padded * padded
    band.strip = band.factor + padded * padded
    band.own = band.strip + padded * STRIP
    band.gradient = band.own + padded
    band.direction = band.gradient + padded
    band.scale = band.direction + padded
    band.inverse = band.scale + padded
    # A part has the same point, w(a) and room for the system.
    band.has_point, band.has_duals = False, False
    part.band, part.most = band, of_part.shape[1]
    part.rows, part.band.free = &free[0], &free_of_part[0]
    part.band.anchor, part.band.alpha = &of_part[0, 0], &of_part[1, 0]
    part.band.shortfall, part.band.change = &of_part[2, 0], &of_part[3, 0]
    part.band.rest, part.band.pace = &of_part[4, 0], &of_part[5, 0]
    part.cost, part.bound, part.curvature = &of_part[6, 0], &of_part[7, 0], &of_part[8, 0]
    part.signs = &of_part[9, 0]
    part.fixed = band.inverse + padded
    part.band.fixed = part.fixed
    if band.signs != NULL:
        part.band.signs = part.signs
    with nogil:
        memset(band.alpha + n, 0, rest)
        while n_looks < looks.shape[0]:
            band.rho = state[RHO]
            set_slopes(&band)
            gap = relative_gap(values[0], values[1])
            band.most_free = n
            if band.has_kink and gap > EARLY and state[MISSED] == 0.0:
                band.most_free = SAMPLE * size
            part.band.most_free = band.most_free
            budget.limit = MOST_INNER_AT_END if gap <= tol else MOST_INNER
            if gap < COARSE and state[TAKEN] == 0.0:
                set_margins(X, &band)
            before = budget.steps = <ptrdiff_t>state[TAKEN]
            budget.enough = before + allowed - steps
            if gap <= NOTHING:
                state[AT_END] += 1.0
                budget.enough = min(budget.enough, <ptrdiff_t>1)
            memcpy(former, band.shortfall, n * sizeof(double))
            if gap < COARSE or state[REACH] == INFINITY:
                found = minimise(X, &band, &budget, False)
            else:
                found = minimise_by_part(
                    X, &band, &part, &spare[0, 0, 0], &budget, state[REACH]
                )
            steps += budget.steps - before
            if found == OUT_OF_WORK:
                state[TAKEN] = budget.steps
                budget.work = INFINITY
                end = INTERRUPTED_
                break
            state[TAKEN] = 0.0
            state[REACH] = moved_by(&band, former)
            looks[n_looks, 0] = steps
            looks[n_looks, 1] = values[0]
            looks[n_looks, 2] = gap_between(values[0], values[1])
            n_looks += 1
            gap = relative_gap(values[0], values[1])
            if gap <= goal or values[0] < floor:
                break
            factor = 1.0
            if found == UNSOLVED or budget.steps > SLOW:
                factor = 1.0 / GROWTH
                # Systems of a part of the free rows can be what has failed.
                state[MISSED] = 1.0
            elif budget.steps <= 1:
                factor = GROWTH * GROWTH
            elif budget.steps <= QUICK:
                factor = GROWTH
            # While rho is still finding its size the dual value is next to nothing.
            if (
                (factor > 1.0 and gap > 0.5 and band.rho < LARGEST_RHO)
                or isinf(state[PRIMAL])
                or is_progress(state[PRIMAL], state[DUAL], values[0], values[1])
            ):
                state[WAIT] = PATIENCE
            else:
                state[WAIT] -= 1.0
            if gap <= tol:
                state[WAIT] = min(state[WAIT], <double>PATIENCE_AT_END)
            state[PRIMAL], state[DUAL] = values[0], values[1]
            if found == UNSOLVED and primal_of(&band) - values[0] > values[0] - values[1]:
                memcpy(band.anchor, band.best_alpha, n * sizeof(double))
                memcpy(band.point, band.best_point, size * sizeof(double))
                set_margins(X, &band)
                state[REACH] = INFINITY
            else:
                memcpy(band.anchor, band.alpha, n * sizeof(double))
            state[RHO] *= factor
            if steps >= allowed or state[WAIT] <= 0.0 or state[AT_END] >= LAST_ONES:
                break
        else:
            end = INTERRUPTED_
        state[LEFT] = budget.work
        if band.has_point:
            state[HAS_POINT] = 1.0
        if band.has_duals:
            state[HAS_DUALS] = 1.0
    return steps, n_looks, end
