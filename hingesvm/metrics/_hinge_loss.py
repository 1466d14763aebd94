"""The mean hinge loss of decisions."""

from __future__ import annotations

from numpy.typing import ArrayLike

from hingesvm.metrics._forms import Form
from hingesvm.metrics._labels import check_ignore_label, sorted_classes
from hingesvm.metrics._rows import read_rows

__all__ = ["hinge_loss"]


def hinge_loss(
    y_true: ArrayLike,
    pred_decision: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    squared: bool = False,
    multi_class: str = "crammer_singer",
    ignore_label: float | str | None = None,
) -> float:
    r"""Return the weighted mean hinge loss of decisions.

    .. math::

        \frac{\sum_i w_i \, L_i}{\sum_i w_i}, \qquad
        \ell(m) = \max(0, 1 - m) \ \text{or its square}.

    With one decision :math:`f_i` per row, between two classes, :math:`L_i` is
    :math:`\ell(f_i)` for the greater class and :math:`\ell(-f_i)` for the lesser. With
    a column per class it is one of

    .. math::

        \text{crammer\_singer:} & \quad \ell(f_{i,y} - \max_{k \ne y} f_{i,k}) \\
        \text{weston\_watkins:} & \quad \sum_{k \ne y} \ell(f_{i,y} - f_{i,k}) \\
        \text{ovr:} & \quad \ell(f_{i,y}) + \sum_{k \ne y} \ell(-f_{i,k}) ,

    the last of which is what classifiers trained one against the rest minimise.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: numbers, booleans or strings.
    pred_decision : array-like of shape (n_samples,) or (n_samples, n_classes)
        Decisions, taken as float64. A column per class in sorted order of the
        classes; for two classes also one decision per row, positive for the greater
        class.
    labels : array-like of shape (n_classes,), default=None
        All classes, in any order and number; by default those in `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights, taken as float64; by default all are equal.
    squared : bool, default=False
        Whether each hinge is squared.
    multi_class : {"crammer_singer", "weston_watkins", "ovr"}, default="crammer_singer"
        The loss of a row with a column per class.
    ignore_label : number, bool or str, default=None
        Rows with this label are left out, as if they had not been passed. It may be
        one of `labels`, which then keeps its column, or none of them.

    Returns
    -------
    float
        Non-negative; ``inf`` where the exact value or a hinge overflows. It does not
        depend on the order of the rows, not even in the last bit.

    Raises
    ------
    ValueError
        If an array is of the wrong shape or length, a decision or weight is not
        finite, a weight is negative, no row counts, an option is not one of the
        above, or `labels` has fewer than two distinct entries, lacks one of
        `y_true`, or is needed and not given.
    TypeError
        If one of them is no sequence, such as a set or a single number, or
        `pred_decision` is sparse.

    See Also
    --------
    HingeLossAccumulator : The same for rows that come in batches.

    Notes
    -----
    It equals :func:`sklearn.metrics.hinge_loss` where that is defined (one decision per
    row, or more than two classes; crammer_singer, not squared), except where `y_true`
    has only one of two `labels`: scikit-learn always takes that for the negative class.

    With one decision per row `multi_class` changes nothing. A one-vs-rest sum over
    columns ``(-f, f)`` would be twice that loss; the other two forms equal it at
    columns ``(-f / 2, f / 2)``.

    With scikit-learn's setting ``array_api_dispatch``, decisions that are an array of
    torch, CuPy, JAX or another library of the array API standard stay where they are.
    They are taken as float64, or as float32 where the device has no float64, and of
    what is one number a row nothing comes to the host. Labels and weights from
    elsewhere are moved there, labels as codes. Sums over rows are exact there too; only
    the loss of each row is rounded, and may be by the order in which three or more
    hinges are added. Without the setting such arrays are converted to NumPy arrays.

    References
    ----------
    Crammer and Singer, "On the algorithmic implementation of multiclass
    kernel-based vector machines", JMLR 2, 2001.

    Weston and Watkins, "Support vector machines for multi-class pattern
    recognition", ESANN 1999.

    Rifkin and Klautau, "In defense of one-vs-all classification", JMLR 5, 2004.

    Examples
    --------
    >>> from hingesvm.metrics import hinge_loss
    >>> hinge_loss([0, 1, 1], [-2.0, 0.5, 0.0])
    0.5
    >>> hinge_loss(["yes", "yes"], [2.0, 2.0], labels=["no", "yes"])
    0.0
    >>> decisions = [[2.0, 0.0, 0.0], [0.0, 0.5, 1.0]]
    >>> hinge_loss(["a", "c"], decisions, labels=["a", "b", "c"])
    0.25
    >>> hinge_loss(["a", "c"], decisions, labels=["a", "b", "c"], multi_class="ovr")
    2.25
    >>> hinge_loss([0, 255], decisions, labels=[0, 1, 2], ignore_label=255)
    0.0
    """
    form = Form(multi_class, squared)
    rows = read_rows(
        y_true,
        pred_decision,
        sample_weight,
        classes=None if labels is None else sorted_classes(labels),
        ignore_label=check_ignore_label(ignore_label),
    )
    if not rows.n_counted:
        raise ValueError(
            f"All rows of y_true are ignored, by ignore_label={ignore_label!r}: pass "
            "at least one with another label."
            if rows.n_ignored
            else "y_true is empty: pass at least one label."
        )
    if not rows.have_weight:
        raise ValueError(
            "sample_weight must not be zero everywhere: pass at least one row of "
            "positive weight whose label is not ignored."
        )
    return rows.sums(form).mean()
