"""A second home of rows: blocks in plain NumPy, as the contract of `Rows` asks."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from hingesvm.rows.contract import Rows
from hingesvm.rows.duals import PackedDuals, RowSums, unpacked
from hingesvm.rows.per_row import PreciseParts


def slopes_of(short, bound, curvature):
    """The maximiser of a (1 - m) - q a^2 / 2 over [0, u]; 0 on the kink."""
    curved = curvature > 0.0
    slope = np.where(curved, short / np.where(curved, curvature, 1.0), bound)
    return np.where(short > 0.0, np.minimum(slope, bound), 0.0)


def exactly(products, start=0.0):
    """The sum of products of floats: rounded, its rest, and the sum of their sizes."""
    terms = [Fraction(start), *(Fraction(a) * Fraction(b) for a, b in products)]
    total = sum(terms)
    value = float(total)
    return value, float(total - Fraction(value)), float(sum(map(abs, terms)))


class BlockRows(Rows):
    """Rows that are handed out in blocks, dense or CSR."""

    def __init__(self, X, n_blocks=3, check_cancelled=lambda: None):
        edges = np.linspace(0, X.shape[0], n_blocks + 1).astype(int)
        self._blocks = [X[start:stop] for start, stop in pairwise(edges)]
        self._numbers = np.arange(X.shape[0])
        self._ends = edges[1:]
        super().__init__(
            X.shape,
            X.dtype,
            is_sparse=sp.issparse(X),
            check_cancelled=check_cancelled,
            team=None,
        )
        self.n_entries = self._count()

    def _count(self):
        return sum(self._lengths())

    def _lengths(self):
        if not self.is_sparse:
            return [self.n_features] * self.n_rows
        return np.diff(self.copy_of(np.arange(self.n_rows)).indptr).tolist()

    def _parts(self, rows):
        """Where some rows stand among these, and what they are, block by block."""
        numbers = self._numbers[np.arange(self.n_rows) if rows is None else rows]
        of_block = np.searchsorted(self._ends, numbers, side="right")
        for k, block in enumerate(self._blocks):
            (places,) = np.nonzero(of_block == k)
            first = self._ends[k] - block.shape[0]
            if len(places):
                yield places, block[numbers[places] - first]

    @property
    def n_bytes(self):
        return self.n_entries * self.dtype.itemsize

    def copy_of(self, rows):
        parts = list(self._parts(rows))
        if not parts:
            return self._blocks[0][:0]
        stack = sp.vstack if self.is_sparse else np.concatenate
        stacked = stack([part for _, part in parts])
        stacked = stacked.tocsr() if self.is_sparse else stacked
        return stacked[np.argsort(np.concatenate([places for places, _ in parts]))]

    def margins(self, w, rows=None, *, intercept=0.0, signs=()):
        out = np.empty(self.n_rows if rows is None else len(rows))
        for places, part in self._parts(rows):
            out[places] = part.astype(np.float64) @ w + intercept
        return out * signs if len(signs) else out

    def combine(self, a, rows=None):
        out = np.zeros(self.n_features)
        for places, part in self._parts(rows):
            out += part.astype(np.float64).T @ a[places]
        return out

    def survey(
        self,
        losses,
        w,
        intercept,
        duals,
        shortfall,
        *,
        scales=None,
        reach=None,
        room=None,
    ):
        w = np.asarray(w, dtype=np.float64)
        short = 1.0 - losses.signs * self.margins(w, intercept=intercept)
        shortfall[:] = short
        slopes = slopes_of(short, losses.bound, losses.curvature)
        loss = float((slopes * short - 0.5 * losses.curvature * slopes**2).sum())
        if duals is None:
            duals = PackedDuals.pack(slopes, losses.bound)
        alpha = unpacked(duals)
        if reach is not None:
            for places, part in self._parts(None):
                part = part.toarray() if self.is_sparse else part
                reach[places] = np.linalg.norm(part * scales, axis=1)
        return RowSums(
            self.combine(alpha * losses.signs),
            loss,
            float((alpha - 0.5 * losses.curvature * alpha**2).sum()),
            float(alpha @ losses.signs),
            duals,
        )

    def precise_scores(self, w, intercept, rows):
        each = [exactly(zip(x, w, strict=True), intercept) for x in self.take(rows)]
        return PreciseParts(*np.array(each).reshape(len(rows), 3).T)

    def precise_combine(self, factors):
        X = self.take(np.arange(self.n_rows))
        return PreciseParts(
            *np.array([exactly(zip(x, factors, strict=True)) for x in X.T]).T
        )

    def longest_row(self):
        return max(self._lengths(), default=0)

    def _norms_of_all(self):
        return np.square(self.take(np.arange(self.n_rows))).sum(axis=1)

    def _steps(self, losses, state, b, weights=lambda sums: sums):
        """Take a step at each active row; the intercept, the worst, and who is kept."""
        kept, worst = [], 0.0
        for row in state.order[: state.n_active].tolist():
            x = self.take(np.array([row]))[0]
            sign, old, top = (
                float(losses.signs[row]),
                state.alpha[row],
                losses.bound[row],
            )
            gradient = (
                1.0 - losses.curvature[row] * old - sign * (x @ weights(state.w) + b)
            )
            outwards = old == 0.0 and gradient <= 0.0
            outwards |= old == top and gradient >= 0.0
            if not outwards or abs(gradient) <= state.shrink_above:
                kept.append(row)
            if outwards:
                continue
            worst = max(worst, abs(gradient))
            new = min(max(old + gradient * state.step[row], 0.0), top)
            state.alpha[row] = new
            b += state.tau * sign * (new - old)
            state.w += (sign * (new - old) * x).astype(state.w.dtype)
        state.order[: len(kept)] = kept
        return b, worst, len(kept)

    def dual_steps(self, losses, state, scalars):
        scalars[0], worst, kept = self._steps(losses, state, scalars[0])
        scalars[1] = max(scalars[1], worst)
        return kept

    def penalized_steps(self, losses, state, map, scalars):
        b, worst, kept = self._steps(losses, state, scalars[0], map.weights)
        scalars[:] = b, max(scalars[1], worst)
        return kept

    def dual_sweeps(
        self,
        losses,
        state,
        scalars,
        *,
        n_visits,
        least_visits,
        safely,
        enough,
        penalized,
    ):
        visits = 0.0
        while True:
            visits += max(state.n_active, least_visits)
            random = np.random.default_rng(state.random_state[0])
            random.shuffle(state.order[: state.n_active])
            state.random_state[0] += np.uint64(1)
            state.shrink_above, before = scalars[1], scalars[0]
            scalars[0], worst, state.n_active = self._steps(losses, state, before)
            scalars[1] = safely * worst
            if state.tau:
                scalars[2] += (scalars[0] - before) / state.tau
                now = scalars[0] if penalized else 0.0
                scalars[0] += state.tau * (scalars[2] - now)
            if not state.n_active or scalars[1] <= enough or visits >= n_visits:
                return state.n_active, visits

    def averaged_steps(
        self, losses, order, tau, delay, alpha, average, last_weight, w, scalars
    ):
        fixed, moving, scale, time, total = scalars
        for row in order.tolist():
            x, sign = self.take(np.array([row]))[0], float(losses.signs[row])
            short = 1.0 - sign * (fixed + scale * (moving + x @ w))
            time += 1.0
            rate = 1.0 / (time + delay)
            scale *= 1.0 - rate
            if short > 0.0:
                average[row] += alpha[row] * (total - last_weight[row])
                last_weight[row] = total
                slope = slopes_of(short, losses.bound[row], losses.curvature[row])
                change = rate * len(alpha) * float(slope) / scale
                alpha[row] += change
                moving += tau * sign * change
                w += sign * change * x
            total += time * scale
        scalars[:] = fixed, moving, scale, time, total
        assert math.isfinite(total)

    def columns(self, chosen):
        return BlockRows(self.copy_with(chosen), 3, self.check_cancelled)

    def _keep(self, rows):
        self._numbers = self._numbers[rows]
        self.n_entries = self._count()
