"""Objectives in exact arithmetic, of fractions in arrays of objects."""

from fractions import Fraction

import numpy as np

ZERO = Fraction(0)


def exact(values):
    """The same numbers as fractions, in an array of objects."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, np.float64))


def loss_sum(loss, shortfall, cost):
    """The sum of the losses at exact shortfalls."""
    total = ZERO
    for short, c in zip(shortfall, cost, strict=True):
        if short <= 0:
            continue
        if loss == "hinge":
            total += c * short
        elif loss == "squared_hinge":
            total += c * short * short
        else:
            total += c * (short * short / 2 if short < 1 else short - Fraction(1, 2))
    return total


def dual_price(loss, a, cost):
    """What the duals of a loss cost in D, beside the norm of their sum."""
    if loss == "squared_hinge":
        return sum(a * a / (4 * cost), ZERO)
    return sum(a * a / (2 * cost), ZERO) if loss == "smoothed_hinge" else ZERO


def balanced(a, signs, X):
    """Exactly feasible duals next to some: a class scaled, or a row of it lowered."""
    of_class = [sum(a[signs == sign], ZERO) for sign in (1, -1)]
    excess = abs(of_class[0] - of_class[1])
    heavier = 1 if of_class[0] > of_class[1] else -1
    scaled = a.copy()
    if excess:
        scaled[signs == heavier] *= min(of_class) / max(of_class)
    yield scaled
    able = [k for k in np.flatnonzero(signs == heavier) if a[k] >= excess]
    if able:
        lowered = a.copy()
        lowered[min(able, key=lambda k: sum(X[k] * X[k], ZERO))] -= excess
        yield lowered
