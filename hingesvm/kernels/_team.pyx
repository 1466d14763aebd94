# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Sweeps that several threads share; see ``sweeping/shares.py``.

X is given as ``(data, where)``: its values, flat and C-ordered, and the Places that tell
which of them make up a row.

Every thread calls the same function with a number of its own, and they meet in it. The
work is divided among members, of which a thread does the work of one or more: results
depend on the number of members alone.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from ._meeting cimport Meeting
from ._places cimport Places, close, opened, refuse_single_weights
from ._rows cimport Layout, value_t, weight_t
from ._soft cimport Identity
from ._steps cimport Binary, Sweep, permute, proximal_step, take_steps
from ._values cimport values_of


cdef enum:
    # Places of a line of the board.
    CHANGE = 0
    WORST = 1
    KEPT = 2
    APART = 3
    TOGETHER = 4
    # The first and the last bucket of a hand, and how many rows are before it.
    FIRST = 5
    LAST = 6
    BEFORE = 7
    # Places of the scalars.
    INTERCEPT = 0
    SHRINK_ABOVE = 1
    IMBALANCE = 2
    SPREAD = 3
    RANGE = 4
    VISITS = 5


cdef struct Buckets:
    # The active rows: ``rows[j * room : j * room + sizes[j]]`` are those of bucket j.
    ptrdiff_t* rows
    ptrdiff_t room
    ptrdiff_t* sizes
    ptrdiff_t count


cdef inline void add_up(
    weight_t* w,
    const weight_t* copies,
    ptrdiff_t stride,
    ptrdiff_t n_members,
    ptrdiff_t start,
    ptrdiff_t stop,
    weight_t spread,
    double* sums,
) noexcept nogil:
    """Add to some weights what each copy has changed, divided by `spread`.

    Sets ``sums[0]`` to the sum of the squared norms of the changes, ``sums[1]`` to the
    squared norm of their sum.
    """
    # Some lines of the cache at a time.
    cdef weight_t[64] total
    cdef weight_t change, apart, together
    cdef const weight_t* copy
    cdef ptrdiff_t first, length, k, member
    sums[0] = sums[1] = 0.0
    for first in range(start, stop, 64):
        length = min(<ptrdiff_t>64, stop - first)
        apart = together = 0.0
        for k in range(length):
            total[k] = 0.0
        for member in range(n_members):
            copy = copies + member * stride + first
            for k in range(length):
                change = copy[k] - w[first + k]
                apart += change * change
                total[k] += change
        for k in range(length):
            together += total[k] * total[k]
            w[first + k] += total[k] / spread
        sums[0] += apart
        sums[1] += together


cdef void choose_hand(
    const Buckets* buckets,
    const ptrdiff_t* deck,
    ptrdiff_t n_rows,
    ptrdiff_t member,
    ptrdiff_t n_members,
    double* line,
) noexcept nogil:
    """Set the places in the deck of a member's buckets, and how many rows are before.

    All members get about as many rows.
    """
    cdef ptrdiff_t k, before = 0
    cdef bint found = False
    line[FIRST] = line[LAST] = buckets.count
    for k in range(buckets.count):
        if not found and before * n_members >= n_rows * member:
            line[FIRST], line[BEFORE], found = k, before, True
        if before * n_members >= n_rows * (member + 1):
            line[LAST] = k
            return
        before += buckets.sizes[deck[k]]
    if not found:
        line[BEFORE] = before


cdef ptrdiff_t size_of_hand(
    const Buckets* buckets, const ptrdiff_t* deck, const double* line
) noexcept nogil:
    """Return how many rows the buckets of a member have."""
    cdef ptrdiff_t k, count = 0
    for k in range(<ptrdiff_t>line[FIRST], <ptrdiff_t>line[LAST]):
        count += buckets.sizes[deck[k]]
    return count


cdef void deal(
    const Buckets* buckets,
    const ptrdiff_t* deck,
    const double* line,
    ptrdiff_t* hand,
    uint8_t* is_kept,
) noexcept nogil:
    """Copy the rows of a member's buckets to its hand; none counts as kept so far."""
    cdef ptrdiff_t k, j
    cdef const ptrdiff_t* rows
    for k in range(<ptrdiff_t>line[FIRST], <ptrdiff_t>line[LAST]):
        rows = buckets.rows + deck[k] * buckets.room
        for j in range(buckets.sizes[deck[k]]):
            hand[j] = rows[j]
            is_kept[rows[j]] = 0
        hand += buckets.sizes[deck[k]]


cdef void drop_rows(
    Buckets* buckets,
    const ptrdiff_t* deck,
    const double* line,
    const ptrdiff_t* hand,
    uint8_t* is_kept,
) noexcept nogil:
    """Leave in a member's buckets the rows that its sweep has kept, which lead its hand."""
    cdef ptrdiff_t k, j, stays
    cdef ptrdiff_t* rows
    for k in range(<ptrdiff_t>line[KEPT]):
        is_kept[hand[k]] = 1
    for k in range(<ptrdiff_t>line[FIRST], <ptrdiff_t>line[LAST]):
        rows = buckets.rows + deck[k] * buckets.room
        stays = 0
        for j in range(buckets.sizes[deck[k]]):
            if is_kept[rows[j]]:
                rows[stays] = rows[j]
                stays += 1
        buckets.sizes[deck[k]] = stays


cdef double next_spread(
    double spread,
    double apart,
    double together,
    double too_far,
    double hold,
    ptrdiff_t n_members,
) noexcept nogil:
    """Return how far steps are to count on those of others from what these have done.

    `apart` is the sum of the squared norms of the members' changes of w, `together` the
    squared norm of their sum.
    """
    cdef double ratio
    if not apart > 0.0:
        return spread
    ratio = max(together / apart / too_far, hold * spread)
    return max(1.0, min(ratio, <double>n_members))


def shared_sweeps(
    const value_t[::1] data,
    Places where,
    ptrdiff_t[::1] order,
    ptrdiff_t bucket,
    ptrdiff_t[::1] sizes,
    ptrdiff_t[:, ::1] decks,
    ptrdiff_t[::1] hands,
    uint8_t[::1] is_kept,
    ptrdiff_t n_ranges,
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
    double too_far,
    double hold,
    double[::1] alpha,
    weight_t[::1] w,
    weight_t[:, ::1] copies,
    double[:, ::1] board,
    double[::1] scalars,
    uint64_t[:, ::1] random_state,
    Meeting meeting,
    ptrdiff_t thread,
    ptrdiff_t n_threads,
):
    """Take sweeps over the active rows together with other threads.

    The active rows are in buckets, of which bucket j is
    ``order[j * bucket : j * bucket + sizes[j]]``. For each sweep the buckets are dealt
    out anew: ``decks[member]`` is their order, the same for all members, and `hands` has
    room for the rows of all. A sweep has `n_ranges` ranges; after each, the changes of
    all members are added up in `w`. Steps are as in `dual_sweeps`, but those of a member
    count on the others' doing alike: w is taken to move ``spread`` times as far, and the
    intercept, which all rows share, as many times as there are members. The next spread
    is the measured one over `too_far`, at least 1, and at least a part `hold` of the last.

    ``scalars`` holds the intercept, the present `shrink_above`, the sum of a y, the
    spread, the range to begin with, and the visits so far. It ends as `dual_sweeps` does,
    or within a sweep after `n_visits` steps; ``board[member]`` then keeps what the member
    needs to go on. ``random_state[member]`` is the state of the generator of decks, the
    same for all, and of the member's own. The threads wait for each other at `meeting`, which
    has been begun, and end if it is cancelled.
    """
    if value_t is double and weight_t is float:
        return refuse_single_weights()
    cdef Layout X = opened(where)
    cdef Buckets buckets = Buckets(&order[0], bucket, &sizes[0], sizes.shape[0])
    cdef Binary problem = Binary(
        &signs[0], values_of(bound), values_of(curvature), &alpha[0], 1.0, 0.0, 0.0
    )
    cdef Sweep sweep
    cdef ptrdiff_t n_members = copies.shape[0], size = w.shape[0]
    cdef ptrdiff_t first_member = n_members * thread // n_threads
    cdef ptrdiff_t last_member = n_members * (thread + 1) // n_threads
    cdef ptrdiff_t part = <ptrdiff_t>scalars[RANGE]
    cdef ptrdiff_t lines = (size + 15) // 16
    cdef ptrdiff_t member, k, n_rows = 0, count
    cdef ptrdiff_t* deck
    cdef ptrdiff_t* hand
    cdef double intercept = scalars[INTERCEPT], shrink_above = scalars[SHRINK_ABOVE]
    cdef double imbalance = scalars[IMBALANCE], spread = scalars[SPREAD]
    cdef double visits = scalars[VISITS]
    cdef double change, worst, apart, together
    cdef double* line
    cdef double[2] norms
    cdef int64_t everyone = 0
    cdef bint goes_on = True
    with nogil:
        for k in range(buckets.count):
            n_rows += buckets.sizes[k]
        while goes_on:
            for member in range(first_member, last_member):
                line = &board[member, 0]
                deck = &decks[member, 0]
                memcpy(&copies[member, 0], &w[0], size * sizeof(weight_t))
                if part == 0:
                    permute(deck, 0, buckets.count, 1, &random_state[member, 0])
                    choose_hand(&buckets, deck, n_rows, member, n_members, line)
                    line[KEPT] = line[WORST] = 0.0
                hand = &hands[0] + <ptrdiff_t>line[BEFORE]
                count = size_of_hand(&buckets, deck, line)
                if part == 0:
                    deal(&buckets, deck, line, hand, &is_kept[0])
                    permute(hand, 0, count, 1, &random_state[member, 1])
                problem.intercept, problem.worst = intercept, line[WORST]
                problem.spread = spread
                sweep.order, sweep.kept = hand, <ptrdiff_t>line[KEPT]
                sweep.start = count * part // n_ranges
                sweep.stop = count * (part + 1) // n_ranges
                sweep.step, sweep.shrink_above = &step[0], shrink_above
                sweep.intercept_step = intercept_step * n_members / spread
                take_steps(
                    &X,
                    &data[0],
                    &sweep,
                    &problem,
                    &copies[member, 0],
                    <const Identity*>NULL,
                )
                line[CHANGE] = problem.intercept - intercept
                line[WORST], line[KEPT] = problem.worst, sweep.kept
            everyone += n_threads
            if not meeting.meet(everyone):
                break
            change = worst = 0.0
            for k in range(n_members):
                change += board[k, CHANGE]
                worst = max(worst, board[k, WORST])
            part += 1
            visits += max(<double>n_rows, least_visits) / n_ranges
            if part == n_ranges:
                n_rows = 0
                for k in range(n_members):
                    n_rows += <ptrdiff_t>board[k, KEPT]
            for member in range(first_member, last_member):
                line = &board[member, 0]
                if part == n_ranges:
                    # All have dealt by now, so that buckets may shrink.
                    hand = &hands[0] + <ptrdiff_t>line[BEFORE]
                    drop_rows(&buckets, &decks[member, 0], line, hand, &is_kept[0])
                add_up(
                    &w[0],
                    &copies[0, 0],
                    copies.shape[1],
                    n_members,
                    min(size, lines * member // n_members * 16),
                    min(size, lines * (member + 1) // n_members * 16),
                    <weight_t>spread,
                    norms,
                )
                line[APART], line[TOGETHER] = norms[0], norms[1]
            everyone += n_threads
            if not meeting.meet(everyone):
                break
            apart = together = 0.0
            for k in range(n_members):
                apart += board[k, APART]
                together += board[k, TOGETHER]
            spread = next_spread(spread, apart, together, too_far, hold, n_members)
            # Each member has moved it as far as all of them are to.
            change /= n_members
            intercept += change
            if intercept_step != 0.0:
                imbalance += change / intercept_step
            goes_on = visits < n_visits
            if part == n_ranges:
                part = 0
                shrink_above = safely * worst
                if intercept_step != 0.0:
                    intercept = proximal_step(
                        intercept, imbalance, intercept_step, penalized
                    )
                goes_on &= n_rows > 0 and shrink_above > enough
        if thread == 0:
            scalars[INTERCEPT] = intercept
            scalars[SHRINK_ABOVE] = shrink_above
            scalars[IMBALANCE] = imbalance
            scalars[SPREAD] = spread
            scalars[RANGE] = part
            scalars[VISITS] = visits
    close(&X)
