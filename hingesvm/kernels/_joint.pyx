# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""The hot loops over the rows of X of the joint multi-class problems.

Row i has a dual variable a_ik >= 0 for each class k but its own, which is at most c_i, and
their sum at most a cap: c_i (Crammer and Singer) or none (Weston and Watkins). Arrays with
an entry for each class have `width` of them, a multiple of 4; what is beyond the classes
has an intercept of minus a large number, so that it never matters.

X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that tell
which of them make up a row.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, uint64_t

from ._blocks cimport add_all_scores, add_to_all, packed_row
from ._places cimport Places, close, opened, refuse_single_weights
from ._rows cimport (
    Layout,
    Row,
    fetch_ahead,
    locate,
    prefetch,
    row_at,
    sum_t,
    value_t,
    weight_t,
)
from ._sets cimport (
    FAR,
    SPARE,
    cap_of,
    level,
    listed,
    outward_of_set,
    support_of,
    those_above,
)
from ._steps cimport permute


cdef enum:
    # Weights that stay in the second cache by themselves.
    FEW_WEIGHTS = 1 << 16


cdef inline void fetch_next_weights(
    const Layout* X,
    const ptrdiff_t* order,
    ptrdiff_t k,
    ptrdiff_t stop,
    ptrdiff_t width,
    const weight_t* w,
) noexcept nogil:
    """Ask for the weights of the features of the sparse row behind the k-th."""
    cdef const char* address
    cdef ptrdiff_t j, at
    cdef Row place
    if X.columns == NULL or k + 1 >= stop or X.n_features * width < FEW_WEIGHTS:
        return
    place = locate(X, row_at(order, k + 1))
    for j in range(place.length):
        address = <const char*>(w + width * place.columns[j])
        for at in range(0, width * <ptrdiff_t>sizeof(weight_t), 64):
            prefetch(address + at)


cdef void set_gradient(
    const value_t* values,
    const Row* place,
    const weight_t* w,
    const sum_t* intercept,
    ptrdiff_t width,
    ptrdiff_t own_class,
    double margin,
    sum_t* gradient,
) noexcept nogil:
    """Set the gradient of a row, margin - f_y + f_k; minus infinity for its own class."""
    cdef sum_t own
    cdef ptrdiff_t v
    for v in range(width):
        gradient[v] = intercept[v]
    add_all_scores(values, place, w, width, gradient)
    own = <sum_t>margin - gradient[own_class]
    for v in range(width):
        gradient[v] += own
    gradient[own_class] = -FAR


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
    ptrdiff_t[::1] classes,
    ptrdiff_t turns,
    double safely,
    double[::1] before,
    double[::1] imbalance,
    bint penalized,
    uint64_t[::1] random_state,
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
    first, if these have room. `room` and `classes` are scratch, of shapes (3 * width,) and
    (width + 4,).

    All that is done `turns` times, of which ``worst[3]`` adds up the rows visited. Each
    turn but the first takes the rows that are left, in random order, once the intercepts
    have taken the step that ends a sweep (``proximal_step``, from those in `before`, which
    become those before the last turn, and with `imbalance`), and drops those that point
    outwards by more than `safely` times the largest violation of the turn before. The first
    two of `worst` are those of the last turn.

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
    cdef ptrdiff_t width = alpha.shape[1]
    cdef ptrdiff_t* rows = &order[0]
    cdef value_t* copy = &packed[0] if packed.shape[0] else NULL
    cdef int32_t* names = &places[0] if packed.shape[0] else NULL
    cdef weight_t* duals = &alpha[0, 0]
    cdef weight_t* weights = &w[0, 0]
    cdef weight_t* b = &intercept[0]
    cdef const double* steps = &step[0]
    cdef weight_t* gradient = &room[0]
    cdef weight_t* change = &room[width]
    cdef weight_t* apart = &room[2 * width]
    cdef ptrdiff_t* support = &classes[0]
    cdef weight_t* mine
    cdef const value_t* values
    cdef weight_t tau = <weight_t>intercept_step, above = <weight_t>shrink_above
    cdef weight_t bound, cap, far, size, total, top, best, eta, new, violation, moved
    cdef weight_t at_best, gap, rest, high
    cdef ptrdiff_t k, v, c, count, row, ahead, own_class, turn
    cdef double moves, length
    cdef int found
    cdef Row place
    for v in range(width):
        change[v] = 0
    with nogil:
        for turn in range(turns):
            if turn and kept == start:
                break
            if turn:
                if tau != 0:
                    length = intercept_step
                    if penalized and length > 1.0:
                        length = 1.0
                    for v in range(before.shape[0]):
                        moves = (<double>b[v] - before[v]) / intercept_step
                        imbalance[v] += moves
                        before[v] = <double>b[v]
                        moves = imbalance[v] - (before[v] if penalized else 0.0)
                        before[v] += length * moves
                        b[v] = <weight_t>before[v]
                        before[v] = <double>b[v]
                above = <weight_t>(safely * worst[0])
                worst[0] = worst[1] = 0.0
                stop = kept
                kept = start
                permute(rows, start, stop, 1, &random_state[0])
            worst[3] += stop - start
            for k in range(start, stop):
                ahead = fetch_ahead(&X, &data[0], rows, k, stop)
                if ahead >= 0:
                    prefetch(&duals[ahead * width])
                    prefetch(&steps[ahead])
                fetch_next_weights(&X, rows, k, stop, width, weights)
                row = order[k]
                place = locate(&X, row)
                values = packed_row(&data[0], &place, copy, names)
                mine = &duals[row * width]
                own_class = codes[row]
                set_gradient(
                    values,
                    &place,
                    weights,
                    b,
                    width,
                    own_class,
                    margin,
                    gradient,
                )
                bound = <weight_t>bounds[row]
                cap = cap_of(caps, bound)
                count = support_of(mine, gradient, width, support, &rest)
                far = outward_of_set(
                    mine,
                    gradient,
                    width,
                    support,
                    count,
                    rest,
                    bound,
                    cap,
                    &violation,
                    &gap,
                )
                if far <= above:
                    order[kept] = row
                    kept += 1
                worst[0] = violation if violation > worst[0] else worst[0]
                worst[1] += gap
                if violation <= 0:
                    continue
                size = <weight_t>steps[row]
                total = 0
                # The highest of a + size * g, and its two parts.
                best = 0
                at_best = rest
                top = size * rest
                for c in range(count):
                    v = support[c]
                    total += mine[v]
                    new = mine[v] + size * gradient[v]
                    if new > top:
                        top = new
                        best = mine[v]
                        at_best = gradient[v]
                top += total
                moved = 0
                if top <= 0:
                    for c in range(count):
                        v = support[c]
                        change[v] = mine[v]
                        moved -= mine[v]
                        mine[v] = 0
                else:
                    # Others can leave 0 only if they are as near to the highest.
                    high = at_best + (best - min(top, cap)) / size
                    high -= SPARE * (at_best if at_best > 0 else -at_best)
                    if rest > high:
                        for v in range(0, width, 4):
                            found = those_above(gradient + v, high) & ~those_above(mine + v, 0)
                            if found:
                                count = listed(found, v, support, count)
                    # Differences, as their common part can be far larger.
                    for c in range(count):
                        v = support[c]
                        new = (mine[v] - best) + size * (gradient[v] - at_best)
                        apart[c] = new if new < 0 else 0
                    eta = level(apart, count, top, bound, cap, best)
                    for c in range(count):
                        v = support[c]
                        new = apart[c] + eta
                        new = new if new > 0 else 0
                        new = new if new < bound else bound
                        change[v] = mine[v] - new
                        moved -= change[v]
                        mine[v] = new
                worst[2] += moved
                support[count] = own_class
                count += 1
                change[own_class] = moved
                if tau != 0:
                    for c in range(count):
                        b[support[c]] += tau * change[support[c]]
                add_to_all(values, &place, change, width, weights)
                for c in range(count):
                    change[support[c]] = 0
    close(&X)
    return kept


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
    ptrdiff_t[::1] classes,
):
    """Look at the rows start <= r < stop.

    With the duals `alpha`, made feasible and then multiplied by ``factors[y, k]``, if
    there are such, it adds w(alpha) to `own`, of shape (n_features, width), and to `sums`
    the losses, the gains and, from its fourth entry on, the sum over the rows of what each
    adds to the classes; the third keeps the largest violation of optimality. `outward` is
    by how much the gradient of a row points outwards, at the duals as they are. The other
    arguments are as of `block_steps`.
    """
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    if stop <= start:
        return
    cdef Layout X = opened(where)
    cdef ptrdiff_t width = w.shape[1]
    cdef bint scaled = factors.shape[0] > 0
    cdef value_t* copy = &packed[0] if packed.shape[0] else NULL
    cdef int32_t* names = &places[0] if packed.shape[0] else NULL
    cdef const weight_t* weights = &w[0, 0]
    cdef const weight_t* old = &alpha[0, 0]
    cdef double* gradient = &room[0]
    cdef double* duals = &room[width]
    cdef double* change = &room[2 * width]
    cdef ptrdiff_t* support = &classes[0]
    cdef double* imbalance = &sums[3]
    cdef const value_t* values
    cdef double bound, cap, total, loss, violation, ratio, gap, rest
    cdef ptrdiff_t v, c, count, row, own_class
    cdef Row place
    for v in range(width):
        change[v] = 0.0
    with nogil:
        for row in range(start, stop):
            fetch_ahead(&X, &data[0], NULL, row, stop)
            fetch_next_weights(&X, NULL, row, stop, width, weights)
            place = locate(&X, row)
            values = packed_row(&data[0], &place, copy, names)
            own_class = codes[row]
            set_gradient(
                values,
                &place,
                weights,
                &intercept[0],
                width,
                own_class,
                margin,
                gradient,
            )
            bound = bounds[row]
            cap = cap_of(caps, bound)
            for v in range(width):
                duals[v] = <double>old[row * width + v]
                duals[v] = duals[v] if duals[v] < bound else bound
            count = support_of(duals, gradient, width, support, &rest)
            outward[row] = <float>outward_of_set(
                duals,
                gradient,
                width,
                support,
                count,
                rest,
                bound,
                cap,
                &violation,
                &gap,
            )
            loss = total = 0.0
            for c in range(count):
                v = support[c]
                total += duals[v]
                loss += duals[v] * gradient[v]
            sums[0] += gap + loss
            sums[2] = violation if violation > sums[2] else sums[2]
            if count == 0:
                continue
            ratio = cap / total if total > cap else 1.0
            total = 0.0
            for c in range(count):
                v = support[c]
                duals[v] *= ratio
                if scaled:
                    duals[v] *= factors[own_class, v]
                total += duals[v]
                change[v] = -duals[v]
            support[count] = own_class
            count += 1
            change[own_class] = total
            sums[1] += margin * total
            for c in range(count):
                imbalance[support[c]] += change[support[c]]
            add_to_all(values, &place, change, width, &own[0, 0])
            for c in range(count):
                change[support[c]] = 0.0
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
