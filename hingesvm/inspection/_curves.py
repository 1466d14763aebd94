"""Curves over C: scores of folds, the objective, and the loss of the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hingesvm.inspection._matplotlib import below_legend
from hingesvm.losses import Float64Array
from hingesvm.model_selection._choice import standard_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["Curves", "draw_curves", "mark_chosen", "set_up"]

_OBJECTIVE: dict[str, Any] = {"color": "C1", "linestyle": "--", "marker": "s"}
_LOSS: dict[str, Any] = {"color": "C2", "linestyle": "-.", "marker": "^"}
_SCORE: dict[str, Any] = {"color": "C0", "linestyle": "-", "marker": "o"}
# Losses are shown down to this part of the lowest objective.
_BELOW = 0.05
# Factor by which a single C is away from the ends of the axis.
_AROUND = 3.0


@dataclass
class Curves:
    """What was drawn of scores, objectives and losses."""

    fold_lines: list[Line2D]
    objective_ax: Axes
    score_line: Line2D | None = None
    band: Any = None
    threshold_line: Line2D | None = None
    objective_line: Line2D | None = None
    loss_line: Line2D | None = None
    chosen_line: Line2D | None = None

    def handles(self) -> list[Any]:
        """Return the artists that a legend names."""
        artists = [
            self.score_line,
            self.band,
            *self.fold_lines[:1],
            self.threshold_line,
            self.objective_line,
            self.loss_line,
        ]
        return [artist for artist in artists if artist is not None]


def draw_curves(
    ax: Axes,
    Cs: Float64Array,
    objectives: Float64Array,
    *,
    scores: Float64Array | None,
    losses: Float64Array | None,
    chosen: float | None,
    score_name: str,
    threshold: bool,
) -> Curves:
    """Draw scores with the objective on an axis of its own, or objective and loss.

    `Cs` ascend. `threshold` asks for a line one standard error below the best mean.
    """
    curves = Curves([], ax)
    if scores is not None:
        _draw_scores(curves, Cs, scores, score_name, threshold=threshold)
        curves.objective_ax = ax.twinx()
    _draw_objectives(curves, Cs, objectives, losses)
    handles = curves.handles()
    if chosen is not None:
        curves.chosen_line = mark_chosen(ax, chosen)
        handles.append(curves.chosen_line)
    below_legend(ax, handles=handles, ncols=2, fontsize="small")
    return curves


def _draw_scores(
    curves: Curves,
    Cs: Float64Array,
    scores: Float64Array,
    name: str,
    *,
    threshold: bool,
) -> None:
    """Draw the scores of each fold and their mean, with a band of a standard error."""
    ax = curves.objective_ax  # the only axes until the objective gets its own
    n_folds = len(scores)
    several = n_folds > 1
    means = scores.mean(axis=0)
    label = f"mean {name} of {n_folds} folds" if several else name
    if several:
        curves.fold_lines = [
            ax.plot(Cs, fold_scores, color="grey", linewidth=0.6, alpha=0.8)[0]
            for fold_scores in scores
        ]
        curves.fold_lines[0].set_label("each fold")
        errors = standard_errors(scores)
        curves.band = ax.fill_between(
            Cs,
            means - errors,
            means + errors,
            color=_SCORE["color"],
            alpha=0.2,
            linewidth=0.0,
            label="one standard error on either side",
        )
        if threshold:
            best = int(np.where(np.isfinite(means), means, -np.inf).argmax())
            curves.threshold_line = ax.axhline(
                float(means[best] - errors[best]),
                color="black",
                linestyle=":",
                linewidth=1.0,
                label="best mean less one standard error",
            )
    (curves.score_line,) = ax.plot(Cs, means, label=label, markersize=5.0, **_SCORE)
    ax.set_ylabel(name)


def _draw_objectives(
    curves: Curves,
    Cs: Float64Array,
    objectives: Float64Array,
    losses: Float64Array | None,
) -> None:
    """Draw the mean of the objectives divided by C, and the losses."""
    ax = curves.objective_ax
    heights = (objectives / Cs).mean(axis=0)
    means = "mean of the folds" if len(objectives) > 1 else ""
    side = "" if curves.score_line is None else "right axis"
    note = ", ".join(part for part in (means, side) if part)
    (curves.objective_line,) = ax.plot(
        Cs,
        heights,
        label="objective / C" + (f" ({note})" if note else ""),
        markersize=4.0,
        **_OBJECTIVE,
    )
    ax.set_ylabel("objective / C")
    positive = heights[heights > 0.0]
    if losses is not None:
        (curves.loss_line,) = ax.plot(
            Cs, losses, label="loss, summed over the rows", markersize=4.0, **_LOSS
        )
        ax.set_ylabel("objective / C, and its part that is loss")
    if len(positive):
        ax.set_yscale("log")
        if losses is not None:
            # Losses of separated classes are 0 up to rounding.
            low = _BELOW * float(positive.min())
            ax.set_ylim(bottom=max(low, 0.5 * float(losses.min())), auto=None)


def mark_chosen(ax: Axes, C: float) -> Line2D:
    """Draw a line at the C that was chosen."""
    return ax.axvline(
        C,
        color="black",
        linestyle="--",
        linewidth=1.0,
        zorder=1.0,
        label=f"chosen: C = {C:.3g}",
    )


def set_up(ax: Axes, Cs: Float64Array, title: str) -> None:
    """Give a panel its title, and the axis of C."""
    ax.set(title=title, xlabel="C", xscale="log")
    if Cs.min() == Cs.max():
        # Matplotlib warns of an axis without length.
        ax.set_xlim(Cs.min() / _AROUND, Cs.max() * _AROUND)
    ax.grid(alpha=0.3)
