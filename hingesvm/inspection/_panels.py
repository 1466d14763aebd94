"""The panels of a path: curves over C, and weights over C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hingesvm.inspection._coefs import draw_coefs, largest, which_of
from hingesvm.inspection._curves import draw_curves, mark_chosen, set_up
from hingesvm.inspection._nonzeros import draw_nonzeros
from hingesvm.losses import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["Panels"]


class Panels:
    """Draw the panels of `RegularizationPathDisplay`, whose attributes these are."""

    Cs: Float64Array
    objectives: Float64Array
    scores: Float64Array | None
    losses: Float64Array | None
    n_nonzeros: NDArray[np.number] | None
    coefs: NDArray[np.floating] | None
    classes: list[Any]
    names: list[str]
    C: float | None
    one_standard_error: bool
    score_name: str
    name: str | None
    axes_: NDArray[Any]
    objective_ax_: Axes | None
    score_line_: Line2D | None
    fold_lines_: list[Line2D]
    band_: Any
    threshold_line_: Line2D | None
    objective_line_: Line2D | None
    loss_line_: Line2D | None
    chosen_lines_: list[Line2D]
    coef_lines_: list[Line2D]
    features_: NDArray[np.intp]
    name_texts_: list[Any]
    nonzero_axes_: list[Any]
    figure_: Any

    def _draw_curves(self, ax: Axes | None) -> None:
        """Draw scores, objective and loss; without axes, only forget what was drawn."""
        self.objective_ax_ = self.score_line_ = self.band_ = None
        self.threshold_line_ = self.objective_line_ = self.loss_line_ = None
        self.fold_lines_ = []
        if ax is None:
            return
        what = "Objective and training loss"
        if self.scores is not None:
            what = f"{self.score_name.capitalize()} and objective"
        set_up(ax, self.Cs, self._named(f"{what}\nalong the path of C"))
        order = np.argsort(self.Cs, kind="stable")
        curves = draw_curves(
            ax,
            self.Cs[order],
            self.objectives[:, order],
            scores=None if self.scores is None else self.scores[:, order],
            losses=None if self.losses is None else self.losses[order],
            chosen=self.C,
            score_name=self.score_name,
            threshold=self.one_standard_error,
        )
        self.objective_ax_ = curves.objective_ax
        self.score_line_, self.fold_lines_ = curves.score_line, curves.fold_lines
        self.band_, self.threshold_line_ = curves.band, curves.threshold_line
        self.objective_line_, self.loss_line_ = curves.objective_line, curves.loss_line
        if curves.chosen_line is not None:
            self.chosen_lines_.append(curves.chosen_line)

    def _draw_coefs(self, ax: Axes | None, place: int, n_features: int) -> None:
        """Draw the largest weights; without axes, only forget what was drawn."""
        self.coef_lines_, self.name_texts_ = [], []
        self.features_ = np.empty(0, dtype=np.intp)
        if ax is None:
            return
        assert self.coefs is not None
        two = len(self.classes) == 2
        weights = np.asarray(self.coefs[:, 0 if two else place], dtype=np.float64)
        if two and place == 0:
            weights = -weights
        chosen = self.Cs.max() if self.C is None else self.C
        nearest = int(np.abs(np.log(self.Cs / chosen)).argmin())
        self.features_ = largest(weights[nearest], n_features)
        which = which_of(len(self.features_), weights.shape[1])
        title = self._named(f"the {which} of class {self.classes[place]}")
        if len(self.objectives) > 1:
            title += f",\nmeans of {len(self.objectives)} folds"
        set_up(ax, self.Cs, title)
        order = np.argsort(self.Cs, kind="stable")
        self.coef_lines_, self.name_texts_ = draw_coefs(
            ax,
            self.Cs[order],
            weights[np.ix_(order, self.features_)],
            [self.names[feature] for feature in self.features_],
        )
        if self.C is not None:
            self.chosen_lines_.append(mark_chosen(ax, self.C))
        ax.set_ylabel("weight of a feature")

    def _draw_nonzeros(self, panels: list[Axes]) -> None:
        """Write above each panel how many weights are not 0, if that is known."""
        self.nonzero_axes_ = []
        if self.n_nonzeros is None:
            return
        order = np.argsort(self.Cs, kind="stable")
        counts = np.asarray(self.n_nonzeros, dtype=np.float64)[:, order]
        note = ", of all classes" if len(self.classes) > 2 else ""
        if len(counts) > 1:
            note += f"\n(mean of {len(counts)} folds)"
        self.nonzero_axes_ = [
            draw_nonzeros(ax, self.Cs[order], counts, note) for ax in panels
        ]

    def _named(self, title: str) -> str:
        """Return a title with the name of the model before it."""
        if self.name is None:
            return title[:1].upper() + title[1:]
        return f"{self.name}: {title[:1].lower()}{title[1:]}"
