"""A binary problem of rows on a device: its sums here, its rows there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hingesvm._namespace import Namespace, to_host
from hingesvm.losses import MarginLoss
from hingesvm.problems.binary import squared_norm
from hingesvm.problems.certificate import Care, Certificate, Fixed
from hingesvm.problems.stretching import stretch
from hingesvm.problems.values import TINY, InterceptRule
from hingesvm.rows.array_losses import ArrayLosses, ArraySums, numbers
from hingesvm.rows.arrays import ArrayRows, Surveyed
from hingesvm.rows.compensated import ROUNDING, SPARE, UNIT
from hingesvm.rows.pairs import Pair, dot_error, total
from hingesvm.solvers.blocks.problem import BlocksProblem, SummedDuals

__all__ = ["ArrayDuals", "ArrayProblem", "losses_of"]

Float64Array = NDArray[np.float64]

# Relative errors of sums of pairs of float32, and of costs rounded to float32.
_ERROR_OF_PAIRS, _ERROR_OF_COSTS = 2.0**-40, 2.0**-21
# Rounding unit of float32.
_NARROW_UNIT = 2.0**-24
# By which bounds are longer, as they are rounded themselves.
_LONGER = 1.001
# Part of the duals inside their box that can be taken from them alone: a larger one
# changes these much, a smaller one takes a whole class from its bound.
_LITTLE = 1e-6


@dataclass(frozen=True)
class ArrayDuals(SummedDuals):
    """Dual variables on a device.

    Attributes
    ----------
    alpha : array of shape (n_rows,)
    square : float
        The sum of a^2.
    """

    alpha: Any = None
    square: float = 0.0

    @classmethod
    def of(cls, alpha: Any, sums: ArraySums) -> ArrayDuals:
        """Return dual variables with sums that are known."""
        return cls(sums.total, sums.imbalance, alpha, sums.square)


def losses_of(space: Namespace, signs: Any, cost: Any, loss: MarginLoss) -> ArrayLosses:
    """Return the losses of rows, given their signs and costs.

    Parameters
    ----------
    space : Namespace
    signs : array of shape (n_rows,)
        1 and -1, in the widest dtype.
    cost : float or array of shape (n_rows,)
    loss : MarginLoss
    """
    bound, curvature = float(loss.bound), float(loss.curvature)
    if isinstance(cost, float):
        one = np.float64 if space.has_float64 else np.float32
        cost = float(one(cost))
        # Rounded as arrays of them are, so that they are equal where they should be.
        top, bend = float(one(cost * bound)), float(one(curvature / cost))
    else:
        top = cost if bound == 1.0 else math.inf if bound == math.inf else cost * bound
        bend = curvature / cost if curvature else 0.0
    return ArrayLosses(space, signs, cost, top, bend, curvature == 0.0)


@dataclass(frozen=True)
class ArrayProblem(BlocksProblem):
    """A binary problem of rows on a device; two rows stand for those of each class.

    Attributes
    ----------
    device_rows : ArrayRows
        The rows.
    losses_of_rows : ArrayLosses
        Their labels and losses.
    """

    device_rows: ArrayRows = field(kw_only=True)
    losses_of_rows: ArrayLosses = field(kw_only=True)

    @classmethod
    def on_device(
        cls, rows: ArrayRows, losses: ArrayLosses, loss: MarginLoss, rule: InterceptRule
    ) -> ArrayProblem:
        """Return the problem of rows and their losses."""
        xp = losses.space.xp
        zeros = xp.zeros_like(losses.signs)
        cost = zeros + losses.cost
        # Each by itself, as one class can have next to nothing of the sum of both.
        of_class = [xp.where(losses.signs == sign, cost, zeros) for sign in (-1.0, 1.0)]
        if losses.space.has_float64:
            found = numbers(losses.space, [xp.sum(costs) for costs in of_class])
        else:
            found = [total(losses.space, Pair(costs, zeros)) for costs in of_class]
        sums = np.array(found)
        # A class that a sample lacks has no costs; nothing is divided by them.
        sums = np.maximum(sums, np.finfo(np.float64).tiny)
        return cls(
            rows,  # type: ignore[arg-type]
            np.array([-1, 1], dtype=np.int8),
            sums,
            loss.dual_bound(sums),
            loss.dual_curvature(sums),
            rule,
            device_rows=rows,
            losses_of_rows=losses,
        )

    @property
    def space(self) -> Namespace:
        """Where the rows are."""
        return self.device_rows.space

    def subset_of(self, rows: Any, factor: float, loss: MarginLoss) -> ArrayProblem:
        """Return the problem of some rows, their costs multiplied by a factor."""
        return ArrayProblem.on_device(
            self.device_rows.take(rows),
            self.losses_of_rows.take(rows, factor),
            loss,
            self.intercept_rule,
        )

    def restricted(self, rows: Any, taken: Any, totals: Fixed) -> ArrayProblem:
        """Return the problem of some rows, the duals of all others held fixed.

        Parameters
        ----------
        rows : array of indices, or None
            None stands for all.
        taken : array of shape (n_some,)
            Their dual variables.
        totals : Fixed
            The sums over all rows.
        """
        if rows is None:
            return self
        arrays = self.device_rows.take(rows)
        losses = self.losses_of_rows.take(rows)
        sums = losses.sums(self.space.xp.zeros_like(taken), taken)
        fixed = Fixed(
            totals.w_of_duals - arrays.combine(taken * losses.signs),
            totals.imbalance - sums.imbalance,
            totals.gain - sums.gain,
        )
        return replace(
            self,
            rows=arrays,  # type: ignore[arg-type]
            device_rows=arrays,
            losses_of_rows=losses,
            fixed=fixed,
        )

    def scores(self, w: Float64Array, intercept: float) -> Any:
        """Return y_i (x_i . w + b) of all rows, on the device."""
        return self.losses_of_rows.signs * (self.device_rows.scores(w) + intercept)

    def certificate_at(
        self, w: Float64Array, intercept: float, found: Surveyed
    ) -> Certificate:
        """Return the certificate of a point that was looked at."""
        sums = found.sums
        return Certificate(
            w,
            intercept,
            ArrayDuals.of(found.alpha, sums),
            self.primal_of(w, intercept, sums.loss),
            self.dual_of(found.w_of_duals, sums.gain, sums.imbalance),
            found.w_of_duals,
        )

    def balanced(self, alpha: Any) -> tuple[Any, bool]:
        """Return duals of which one class is lowered so that sum a_i y_i is 0.

        A rounding error is taken from rows inside their box alone. The second is False
        if the class has too little to be lowered, as it can have in a restricted
        problem.
        """
        if self.intercept_rule != "free":
            return alpha, True
        xp, losses = self.space.xp, self.losses_of_rows
        signs = losses.signs
        inside = xp.astype((alpha > 0.0) & (alpha < losses.bound), alpha.dtype)
        within, excess_within = self._class_sums(alpha * inside)
        whole, excess = self._class_sums(alpha)
        fixed = 0.0 if self.fixed is None else self.fixed.imbalance
        # The class whose sum is too large, by how much, and its sum.
        over = excess + fixed
        sign = 1.0 if over > 0.0 else -1.0
        heavy = 0.5 * (whole + sign * excess)
        if abs(over) <= ROUNDING * whole:
            return alpha, True
        if abs(over) > heavy:
            return alpha, False
        free = 0.5 * (within + sign * excess_within)
        is_of_class = xp.astype(signs == sign, alpha.dtype)
        if abs(over) <= _LITTLE * free:
            return alpha * (1.0 - (abs(over) / free) * is_of_class * inside), True
        return alpha * (1.0 - (abs(over) / heavy) * is_of_class), True

    def _class_sums(self, alpha: Any) -> tuple[float, float]:
        """Return the sums of a and of a y."""
        xp, signs = self.space.xp, self.losses_of_rows.signs
        if self.device_rows.is_narrow:
            pairs = Pair(alpha, xp.zeros_like(alpha))
            signed = pairs.times_exactly(signs)
            return total(self.space, pairs), total(self.space, signed)
        whole, excess = numbers(self.space, [xp.sum(alpha), xp.sum(alpha * signs)])
        return whole, excess

    # Rounding errors

    @property
    def cares(self) -> Sequence[Care]:
        """How bounds of rounding errors can be found, the cheapest way first."""
        return ("longest", "rows")

    def precise_primal(
        self, certificate: Certificate
    ) -> tuple[Certificate, Float64Array]:
        """Return a certificate with a bound of the error in P, row by row.

        The second is the largest 1 - m, and what it may be off by, of the rows of
        either class that are to have no loss.
        """
        w, intercept = certificate.w, float(certificate.intercept)
        found, error = self._errors_of_rows(w, intercept)
        primal = self.primal_of(w, intercept, found.sums.loss)
        point = replace(certificate, primal=primal, above=0.0)
        above = self._rounding_of_sums(primal) + self._loss_of_errors(found, error)
        worst = self.worst_of_classes(certificate.duals, found.shortfall + error)
        return point.bounded(above, certificate.below), np.array(worst)

    def worst_of_classes(self, duals: Any, shortfall: Any) -> tuple[float, float]:
        """Return the largest 1 - m of either class, of rows that are to have no loss.

        These are rows with duals below their bound, or where the loss has no kink those
        that fall short by what can be a rounding error. -inf where there is none.
        """
        xp, losses = self.space.xp, self.losses_of_rows
        loose = shortfall < TINY
        if losses.has_kink and isinstance(duals, ArrayDuals):
            loose = duals.alpha < losses.bound
        far = xp.zeros_like(shortfall) - math.inf
        of_class = [
            xp.max(xp.where(loose & (losses.signs == sign), shortfall, far))
            for sign in (1.0, -1.0)
        ]
        positive, negative = numbers(self.space, of_class)
        return positive, negative

    def stretched(
        self, certificate: Certificate, shortfall: NDArray[np.floating]
    ) -> tuple[float, Float64Array, float] | None:
        """Return a factor, and a point at which no row falls short that need not.

        `shortfall` is what `precise_primal` returns.
        """
        longer = stretch(
            (float(shortfall[0]), float(shortfall[1])),
            has_intercept=self.intercept_rule != "none",
            precision=2.0 * (_NARROW_UNIT if self.device_rows.is_narrow else UNIT),
        )
        if longer is None:
            return None
        factor, shift = longer
        w = factor * certificate.w
        intercept = factor * float(certificate.intercept) + shift
        if self.device_rows.is_narrow:
            w, intercept = self.device_rows.rounded(w, intercept)
        return factor, w, intercept

    def precise_dual(self, certificate: Certificate) -> Certificate:
        """Return a certificate with a bound of the error in D."""
        below = self.dual_rounding(certificate, "rows")
        return certificate.bounded(certificate.above, below)

    def primal_rounding(
        self, certificate: Certificate, care: Care = "longest"
    ) -> float:
        """Return a bound of the rounding error in P."""
        w, intercept = certificate.w, float(certificate.intercept)
        above = self._rounding_of_sums(certificate.primal)
        if care == "rows":
            return above + self._loss_of_errors(*self._errors_of_rows(w, intercept))
        if not self.device_rows.is_narrow:
            return super().primal_rounding(certificate)
        size = self.device_rows.longest() * math.sqrt(squared_norm(w))
        part = dot_error(self.device_rows.n_features)
        margin = part * (size + abs(intercept) + 1.0)
        return above + self._loss_error(margin, certificate.primal)

    def _rounding_of_sums(self, primal: float) -> float:
        """Return a bound of the rounding error in P if margins had none."""
        if self.device_rows.is_narrow:
            return _ERROR_OF_COSTS * primal
        return self.terms * UNIT * primal

    def _loss_of_errors(self, found: Surveyed, error: Any) -> float:
        """Return by how much errors in the margins can change the sum of the losses."""
        # Where a row falls short by so much more, its loss is as steep as can be.
        steep = self.losses_of_rows.slopes(found.shortfall + error)
        return _LONGER * self._class_sums(steep * error)[0]

    def _errors_of_rows(
        self, w: Float64Array, intercept: float
    ) -> tuple[Surveyed, Any]:
        """Return what rows look like at a point, and what their margins are off by."""
        rows = self.device_rows
        unit = _NARROW_UNIT if rows.is_narrow else UNIT
        part = (rows.n_features + SPARE) * UNIT
        if rows.is_narrow:
            part = dot_error(rows.n_features)
        longer = _LONGER + 2.0 * (rows.n_features + SPARE) * unit
        lengths = self.space.xp.sqrt(rows.squared_norms)
        norm = math.sqrt(squared_norm(w))
        found = rows.survey(self.losses_of_rows, w, intercept)
        error = (longer * part) * (norm * lengths + (abs(intercept) + 1.0))
        # And the sum of the two is rounded.
        return found, 2.0 * error + 4.0 * unit * abs(found.shortfall)

    def dual_rounding(self, certificate: Certificate, care: Care = "longest") -> float:
        """Return a bound of the rounding error in D."""
        duals = certificate.duals
        if not isinstance(duals, ArrayDuals):
            return super().dual_rounding(certificate)
        if not self.device_rows.is_narrow:
            if care != "rows":
                return super().dual_rounding(certificate)
            size, count = self._sum_of_lengths(duals)
            return self.dual_error(
                certificate.dual, duals.total, duals.excess, size, count + SPARE
            )
        longest, gain = self.device_rows.longest(), duals.total
        if care == "rows" and gain > 0.0:
            # All of a class are lowered by one factor, at most half of the sum.
            longest = min(longest, 2.0 * self._sum_of_lengths(duals)[0] / gain)
        value = self.dual_error(
            certificate.dual,
            gain,
            abs(duals.excess) + _ERROR_OF_PAIRS * gain,
            0.0,
            0,
            longest,
        )
        norm = math.sqrt(2.0 * max(gain - certificate.dual, 0.0))
        length = math.sqrt(self.n_rows * self.device_rows.mean_square)
        moved = dot_error(self.n_rows) * math.sqrt(duals.square) * length
        value += _ERROR_OF_COSTS * (3.0 * gain + abs(certificate.dual))
        return value + moved * (norm + 0.5 * moved)

    def _sum_of_lengths(self, duals: ArrayDuals) -> tuple[float, int]:
        """Return a bound of the sum of a_i ||x_i||, and the number of its terms."""
        xp, alpha = self.space.xp, duals.alpha
        moved = alpha * xp.sqrt(self.device_rows.squared_norms)
        used = xp.astype(alpha > 0.0, self.space.integer)
        return _LONGER * self._class_sums(moved)[0], int(xp.sum(used))

    def duals_on_host(self, certificate: Certificate) -> Float64Array:
        """Return the dual variables of a certificate in memory."""
        if not isinstance(certificate.duals, ArrayDuals):
            return np.zeros(self.n_rows)
        return to_host(certificate.duals.alpha).astype(np.float64)
