"""The mean hinge loss of rows that come in batches."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike

from hingesvm.metrics._forms import Form
from hingesvm.metrics._labels import check_ignore_label, sorted_classes
from hingesvm.metrics._rows import read_rows
from hingesvm.metrics._sums import Sums

__all__ = ["HingeLossAccumulator"]

_DEFAULTS = {"squared": False, "multi_class": "crammer_singer", "ignore_label": None}


class HingeLossAccumulator:
    """Weighted mean hinge loss over batches of rows, and over workers.

    Its value is that of :func:`hinge_loss` on all rows together, to the last bit, in
    whatever order and batches they come.

    Parameters
    ----------
    labels : array-like of shape (n_classes,)
        All classes, in any order and number. They are needed, as a batch may lack
        some.
    squared : bool, default=False
        Whether each hinge is squared.
    multi_class : {"crammer_singer", "weston_watkins", "ovr"}, default="crammer_singer"
        The loss of a row with a column per class, as in :func:`hinge_loss`.
    ignore_label : number, bool or str, default=None
        Rows with this label are left out.

    Raises
    ------
    ValueError
        If `labels` has fewer than two distinct entries or an option is not one of
        the above.
    TypeError
        If `labels` is no sequence, such as a set.

    See Also
    --------
    hinge_loss : The same for rows that are all there at once, with the formulas.

    Notes
    -----
    It keeps a sum of weighted losses and a sum of weights, as fractions: hundreds of
    bytes, and only the loss of each row is rounded. Pickles and copies keep what was
    counted.

    With scikit-learn's setting ``array_api_dispatch``, batches that are arrays of
    torch, CuPy, JAX or another library of the array API standard are counted where they
    are, as by :func:`hinge_loss`, and may alternate with others. Order and batches
    change nothing then either. Where a batch is may change the last digits of the loss
    of its rows: on a device that has no float64 it is rounded to float32, and otherwise
    only if it is a sum of three or more hinges.

    Examples
    --------
    >>> from hingesvm.metrics import HingeLossAccumulator
    >>> loss = HingeLossAccumulator(labels=["no", "yes"])
    >>> loss.update(["yes", "yes"], [0.5, 2.0]).compute()
    0.25
    >>> other = HingeLossAccumulator(labels=["no", "yes"])
    >>> loss.merge(other.update(["no"], [0.0])).compute()
    0.5
    >>> loss
    HingeLossAccumulator(labels=['no', 'yes'])
    """

    def __init__(
        self,
        *,
        labels: ArrayLike,
        squared: bool = False,
        multi_class: str = "crammer_singer",
        ignore_label: float | str | None = None,
    ) -> None:
        if labels is None:
            raise ValueError(
                "labels is None: pass all the classes, as a batch may lack some."
            )
        self._form = Form(multi_class, squared)
        self._classes = sorted_classes(labels)
        self._ignore_label = check_ignore_label(ignore_label)
        self.reset()

    def update(
        self,
        y_true: ArrayLike,
        pred_decision: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Count a batch of rows.

        It may be empty, lack classes, or have no row that counts.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels, of `labels` or to be ignored.
        pred_decision : array-like of shape (n_samples,) or (n_samples, n_classes)
            Decisions, as for :func:`hinge_loss`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, taken as float64; by default 1.

        Returns
        -------
        HingeLossAccumulator
            This object.

        Raises
        ------
        ValueError, TypeError
            As of :func:`hinge_loss`, and if decisions between two classes have shape
            (n,) in one batch and (n, 2) in another. Nothing of the batch is counted.
        """
        rows = read_rows(
            y_true,
            pred_decision,
            sample_weight,
            classes=self._classes,
            ignore_label=self._ignore_label,
        )
        ndim = rows.decisions.ndim if rows.n_counted else None
        self._count(rows.sums(self._form), ndim)
        return self

    def merge(self, other: HingeLossAccumulator) -> Self:
        """Count what another accumulator has counted, which stays unchanged.

        Parameters
        ----------
        other : HingeLossAccumulator
            One of the same settings.

        Returns
        -------
        HingeLossAccumulator
            This object.

        Raises
        ------
        TypeError
            If `other` is no accumulator.
        ValueError
            If it has other settings, or decisions of the other shape.
        """
        if not isinstance(other, HingeLossAccumulator):
            raise TypeError(
                f"Only a HingeLossAccumulator can be merged, got {other!r}."
            )
        if self._settings() != other._settings():
            raise ValueError(
                "Accumulators of different settings cannot be merged, as they average "
                f"different losses: {self!r} and {other!r}."
            )
        self._count(other._sums, other._ndim)
        return self

    def compute(self) -> float:
        """Return the mean over all that was counted.

        Returns
        -------
        float
            Non-negative; ``inf`` where the exact value or a hinge overflows.

        Raises
        ------
        ValueError
            If no row of positive weight was counted.
        """
        if not self._sums.mass:
            raise ValueError(
                "Nothing has been counted: update with at least one row of positive "
                "weight whose label is not ignored."
            )
        return self._sums.mean()

    def reset(self) -> Self:
        """Forget what was counted.

        Returns
        -------
        HingeLossAccumulator
            This object.
        """
        self._sums = Sums()
        self._ndim: int | None = None
        return self

    def __repr__(self) -> str:
        shown = [
            f"{name}={value!r}"
            for name, value in self._settings().items()
            if name not in _DEFAULTS or value != _DEFAULTS[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _count(self, sums: Sums, ndim: int | None) -> None:
        """Add sums over rows with decisions of `ndim` dimensions, None for no rows."""
        if None not in (ndim, self._ndim) and ndim != self._ndim:
            raise ValueError(
                "Decisions between two classes of shape (n,) and of shape (n, 2) have "
                "different losses: pass all batches in one of the shapes."
            )
        self._sums += sums
        self._ndim = ndim if self._ndim is None else self._ndim

    def _settings(self) -> dict[str, Any]:
        return {
            "labels": self._classes,
            "squared": bool(self._form.squared),
            "multi_class": self._form.multi_class,
            "ignore_label": self._ignore_label,
        }
