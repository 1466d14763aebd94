# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""What balances flows between classes and takes least: a flow of least cost.

The excess of a class goes to those with too little by lowering flows: from j to k as far
as ``left[j, k]``, at a cost of 1 for each unit, and from k to j as far as
``back[k, j]``, what was taken of it so far, at a cost of -1. The cheapest ways are used
first, all of a price at once, with a price for each class by which no way has a negative
cost (Ahuja, Magnanti and Orlin, "Network Flows", 1993, section 9.8); ways of a price are
found as in Dinic's algorithm.
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint8_t


cdef enum:
    # Stands for an infinite cost.
    FAR = 1 << 30


def raise_prices(
    const double[:, ::1] left,
    const double[:, ::1] back,
    const double[::1] excess,
    ptrdiff_t[::1] price,
    ptrdiff_t last,
):
    """Raise the prices to the costs of the cheapest ways from classes with too much.

    No further than the cost at which the first class with too little is reached, which is
    returned; -1 if none is. `last` is what was returned before, 0 at first.
    """
    cdef ptrdiff_t n = excess.shape[0], v, u, k, nearest, cost, target = FAR
    cdef ptrdiff_t[::1] distance = price.copy()
    cdef uint8_t[::1] is_done = bytearray(n)
    with nogil:
        for v in range(n):
            distance[v] = 0 if excess[v] > 0.0 else FAR
        for k in range(n):
            v = -1
            nearest = FAR
            for u in range(n):
                if not is_done[u] and distance[u] < nearest:
                    nearest = distance[u]
                    v = u
            if v < 0:
                break
            is_done[v] = 1
            for u in range(n):
                cost = nearest + price[v] - price[u]
                if back[v, u] > 0.0 and cost - 1 < distance[u]:
                    distance[u] = cost - 1
                elif left[v, u] > 0.0 and cost + 1 < distance[u]:
                    distance[u] = cost + 1
        for v in range(n):
            if excess[v] < 0.0 and distance[v] < FAR:
                target = min(target, distance[v] + price[v])
        if target < FAR:
            for v in range(n):
                price[v] += min(distance[v], target - last)
    return target if target < FAR else -1


cdef inline bint leads(
    const double[:, ::1] left,
    const double[:, ::1] back,
    const ptrdiff_t[::1] price,
    ptrdiff_t v,
    ptrdiff_t u,
) noexcept nogil:
    """Whether the step from v to u is part of a cheapest way."""
    if price[u] == price[v] + 1:
        return left[v, u] > 0.0
    return price[u] == price[v] - 1 and back[v, u] > 0.0


def find_levels(
    const double[:, ::1] left,
    const double[:, ::1] back,
    const double[::1] excess,
    const ptrdiff_t[::1] price,
    ptrdiff_t target,
    ptrdiff_t[::1] level,
    ptrdiff_t[::1] room,
):
    """Find how many steps of cheapest ways lead to each class, as far as one goes on.

    Returns whether a class with too little is reached at the cost `target`. `room` is
    scratch, of shape (n_classes,).
    """
    cdef ptrdiff_t n = excess.shape[0], v, u, k = 0, count = 0, end = FAR
    with nogil:
        for v in range(n):
            level[v] = FAR
            if excess[v] > 0.0:
                level[v] = 0
                room[count] = v
                count += 1
        while k < count:
            v = room[k]
            k += 1
            if level[v] >= end:
                break
            for u in range(n):
                if level[u] == FAR and leads(left, back, price, v, u):
                    level[u] = level[v] + 1
                    room[count] = u
                    count += 1
                    if excess[u] < 0.0 and price[u] == target:
                        end = level[u]
    return end < FAR


def push(
    double[:, ::1] left,
    double[:, ::1] back,
    double[::1] excess,
    const ptrdiff_t[::1] price,
    ptrdiff_t target,
    const ptrdiff_t[::1] level,
    ptrdiff_t[::1] cursor,
    ptrdiff_t[::1] room,
    ptrdiff_t most,
):
    """Let excess go the ways that take a step from level to level, until none is left.

    `cursor` is where the search goes on at each class, 0 at first. Returns whether it is
    done; False after about `most` looks at steps.
    """
    cdef ptrdiff_t n = excess.shape[0], start, v, u, k, depth, looks = 0
    cdef double amount
    cdef bint is_done = True
    with nogil:
        for start in range(n):
            while excess[start] > 0.0 and cursor[start] < n:
                if looks > most:
                    is_done = False
                    break
                depth = 0
                room[0] = v = start
                while not (excess[v] < 0.0 and price[v] == target):
                    u = cursor[v]
                    while u < n and not (
                        level[u] == level[v] + 1 and leads(left, back, price, v, u)
                    ):
                        u += 1
                    looks += u - cursor[v] + 1
                    cursor[v] = u
                    if u < n:
                        depth += 1
                        room[depth] = v = u
                    elif depth > 0:
                        depth -= 1
                        v = room[depth]
                        cursor[v] += 1
                    else:
                        break
                if depth == 0:
                    continue
                amount = min(excess[start], -excess[v])
                for k in range(depth):
                    v, u = room[k], room[k + 1]
                    amount = min(
                        amount, left[v, u] if price[u] > price[v] else back[v, u]
                    )
                for k in range(depth):
                    v, u = room[k], room[k + 1]
                    if price[u] > price[v]:
                        left[v, u] -= amount
                        back[u, v] += amount
                    else:
                        back[v, u] -= amount
                        left[u, v] += amount
                excess[start] -= amount
                excess[room[depth]] += amount
            if not is_done:
                break
    return is_done
