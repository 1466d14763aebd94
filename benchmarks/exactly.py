"""Objectives and dual lower bounds in exact arithmetic, without the package's code.

Every float is an integer times a power of two, and so are sums and products of them:
arrays are Python's integers with one exponent. Values are fractions without any error.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import numpy as np

Integers = tuple[np.ndarray, int]


def integers(values: np.ndarray) -> Integers:
    """Return integers and a k such that the values are the integers divided by 2^k."""
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    whole = (mantissa * 2.0**53).astype(np.int64).astype(object)
    exponent = exponent.astype(np.int64) - 53
    used = exponent[mantissa != 0.0]
    k = max(-int(used.min()), 0) if used.size else 0
    return whole << np.maximum(exponent + k, 0).astype(object), k


def dot(a: Integers, b: Integers) -> Integers:
    """Return the matrix product."""
    return np.asarray(a[0].dot(b[0]), dtype=object), a[1] + b[1]


def at(a: Integers, k: int) -> np.ndarray:
    """Return the integers for a larger exponent."""
    return a[0] << (k - a[1])


def number(value: int, k: int) -> Fraction:
    """Return value / 2^k."""
    return Fraction(int(value), 1 << k)


def squared(a: Integers) -> Fraction:
    """Return the sum of squares."""
    return number((a[0] * a[0]).sum(), 2 * a[1])


@dataclass
class Binary:
    """Two classes: signs, costs, one of three losses and an intercept rule."""

    X: np.ndarray
    signs: np.ndarray
    costs: np.ndarray
    loss: str
    rule: str

    @cached_property
    def _known(self) -> tuple[Integers, Integers, np.ndarray]:
        return integers(self.X), integers(self.costs), self.signs.astype(object)

    def primal(self, w: np.ndarray, b: float) -> Fraction:
        """Return P(w, b)."""
        X, (costs, kc), signs = self._known
        weights, intercept = integers(w), integers(np.array([b]))
        scores = dot(X, weights)
        k = max(scores[1], intercept[1])
        one = 1 << k
        margins = signs * (at(scores, k) + at(intercept, k)[0])
        short = np.maximum(one - margins, 0)
        if self.loss == "hinge":
            losses = number(costs.dot(short), kc + k)
        elif self.loss == "squared_hinge":
            losses = number(costs.dot(short * short), kc + 2 * k)
        else:
            bent = np.minimum(short, one)
            losses = number(costs.dot(bent * (2 * short - bent)), kc + 2 * k + 1)
        value = squared(weights) / 2 + losses
        return value + squared(intercept) / 2 if self.rule == "penalized" else value

    def dual(self, alpha: np.ndarray) -> Fraction:
        """Return D of dual variables, made feasible first."""
        _, costs, signs = self._known
        a = integers(np.where(self.costs > 0.0, np.maximum(alpha, 0.0), 0.0))
        if self.loss != "squared_hinge":
            k = max(a[1], costs[1])
            a = np.minimum(at(a, k), at(costs, k)), k
        value = self._dual(a)
        row = self._row_to_lower(a)
        if row is None:
            return value
        lowered = a[0].copy()
        lowered[row] -= abs(int(signs.dot(a[0])))
        return max(value, self._dual((lowered, a[1])))

    def _row_to_lower(self, a: Integers) -> int | None:
        """Return the row that can balance the classes at the least cost, or None."""
        excess = int(self._known[2].dot(a[0]))
        if self.rule != "free" or not excess:
            return None
        sign = 1 if excess > 0 else -1
        able = np.array([v >= abs(excess) for v in a[0]]) & (self.signs == sign)
        if not able.any():
            return None
        alpha = np.array([float(number(v, a[1])) for v in a[0]])
        scores = self.X @ ((alpha * self.signs) @ self.X)
        size = float(number(abs(excess), a[1]))
        costs = np.abs(1.0 - self.signs * scores)
        costs += 0.5 * size * (self.X * self.X).sum(axis=1)
        return int(np.where(able, costs, np.inf).argmin())

    def _dual(self, a: Integers) -> Fraction:
        """Return D of dual variables in their box, the heavier class scaled down."""
        X, costs, signs = self._known
        of_class = [np.where(signs == sign, a[0], 0) for sign in (1, -1)]
        sums = [number(part.sum(), a[1]) for part in of_class]
        factors = [Fraction(1), Fraction(1)]
        if self.rule == "free" and sums[0] != sums[1]:
            heavy = int(sums[0] < sums[1])
            factors[heavy] = sums[1 - heavy] / sums[heavy]
        weights = [dot((part, a[1]), X) for part in of_class]
        w = [
            factors[0] * int(p) - factors[1] * int(m)
            for p, m in zip(weights[0][0], weights[1][0], strict=True)
        ]
        square = sum((v * v for v in w), Fraction(0)) / (1 << 2 * weights[0][1])
        value = factors[0] * sums[0] + factors[1] * sums[1] - square / 2
        # q is 1 / (2 c) in the squared hinge, and 1 / c in the smoothed one.
        q = {"hinge": 0, "squared_hinge": Fraction(1, 2), "smoothed_hinge": 1}
        if self.loss != "hinge":
            for part, factor in zip(of_class, factors, strict=True):
                terms = (
                    Fraction(int(v) ** 2, int(c))
                    for v, c in zip(part, costs[0], strict=True)
                    if v
                )
                scale = factor * factor * Fraction(1 << costs[1], 1 << 2 * a[1])
                value -= q[self.loss] * scale * sum(terms, Fraction(0)) / 2
        if self.rule == "penalized":
            value -= (sums[0] - sums[1]) ** 2 / 2
        return value


@dataclass
class Joint:
    """All classes in one problem; `form` is the name of the loss."""

    X: np.ndarray
    codes: np.ndarray
    costs: np.ndarray
    form: str
    rule: str

    @cached_property
    def _known(self) -> tuple[Integers, Integers]:
        return integers(self.X), integers(self.costs)

    def primal(self, W: np.ndarray, b: np.ndarray) -> Fraction:
        """Return P(W, b)."""
        X, costs = self._known
        weights, intercepts = integers(W), integers(b)
        scores = dot(X, (weights[0].T, weights[1]))
        k = max(scores[1], intercepts[1])
        f = at(scores, k) + at(intercepts, k)
        rows = np.arange(len(f))
        short = np.maximum((1 << k) - f[rows, self.codes][:, None] + f, 0)
        short[rows, self.codes] = 0
        by_row = short.max(axis=1) if self.form == JOINED else short.sum(axis=1)
        value = squared(weights) / 2 + number(costs[0].dot(by_row), costs[1] + k)
        return value + squared(intercepts) / 2 if self.rule == "penalized" else value

    def dual(self, alpha: np.ndarray) -> Fraction:
        """Return D of dual variables of shape (n, K), made feasible first."""
        X, costs = self._known
        given = integers(np.maximum(alpha, 0.0))
        k = max(given[1], costs[1])
        bound, rows = at(costs, k), np.arange(len(alpha))
        a = np.minimum(at(given, k), bound[:, None])
        a[rows, self.codes] = 0
        over = Fraction(1)
        if self.form == JOINED:
            sums = zip(a.sum(axis=1), bound, strict=True)
            over = max([over, *(Fraction(int(v), int(c)) for v, c in sums if c)])
        n_classes = a.shape[1]
        of_class = [self.codes == j for j in range(n_classes)]
        flows = [[number(v, k) for v in a[own].sum(axis=0)] for own in of_class]
        kept = flows if self.rule != "free" else balanced(flows)
        if kept is None:
            return Fraction(0)
        W = np.full((n_classes, X[0].shape[1]), Fraction(0))
        for j, own in enumerate(of_class):
            for other in np.flatnonzero([flow > 0 for flow in flows[j]]):
                factor = kept[j][other] / flows[j][other] / (1 << k + X[1])
                part = a[own, other].dot(X[0][own]) * factor
                W[j] += part
                W[other] -= part
        square = sum((v * v for v in W.ravel()), Fraction(0))
        if self.rule == "penalized":
            square += sum((v * v for v in excess_of(flows)), Fraction(0))
        gain = sum(map(sum, kept), Fraction(0))
        return gain / over - square / (2 * over * over)


Flows = list[list[Fraction]]


def excess_of(flows: Flows) -> list[Fraction]:
    """Return for each class the sum of duals for it less the sum against it."""
    return [sum(flows[j]) - sum(f[j] for f in flows) for j in range(len(flows))]


def balanced(flows: Flows) -> Flows | None:
    """Return flows that are no larger, with as much for each class as against it.

    What is too much is taken along paths of flows, the shortest first. Where classes
    bind each other in a chain, a path may lead through all of them. None if there is
    no path from a class with too much to one with too little.
    """
    kept = [list(row) for row in flows]
    excess = excess_of(kept)
    while any(excess):
        path = _shortest_path(kept, excess)
        if path is None:
            return None
        steps = list(pairwise(path))
        least = min(kept[p][q] for p, q in steps)
        amount = min(excess[path[0]], -excess[path[-1]], least)
        for p, q in steps:
            kept[p][q] -= amount
        excess[path[0]] -= amount
        excess[path[-1]] += amount
    return kept


def _shortest_path(kept: Flows, excess: list[Fraction]) -> list[int] | None:
    """Return classes from one with too much to one with too little, by flows."""
    paths = [[j] for j in range(len(kept)) if excess[j] > 0]
    seen = {path[0] for path in paths}
    for path in paths:
        if excess[path[-1]] < 0:
            return path
        for other, flow in enumerate(kept[path[-1]]):
            if flow > 0 and other not in seen:
                seen.add(other)
                paths.append([*path, other])
    return None


#: The loss that is a maximum over the classes.
JOINED = "crammer_singer"
