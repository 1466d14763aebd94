"""The penalty that the parameters of an estimator describe."""

from __future__ import annotations

from typing import Literal

from hingesvm.losses import MulticlassLoss
from hingesvm.penalties import ColumnPenalty, ElasticNet, Penalty, get_penalty
from hingesvm.training.parameters import HingeParameters

__all__ = ["PenaltyName", "column_penalty", "has_l1", "penalty_name", "refuse_penalty"]

#: scikit-learn's names of the kinds of penalties.
PenaltyName = Literal["l1", "l2", "elasticnet"]


def has_l1(params: HingeParameters) -> bool:
    """Whether the penalty may be another one than half of the squared norm."""
    return get_penalty(params.l1_ratio) != ElasticNet(0.0)


def penalty_name(l1_ratio: float | Penalty, n_features: int | None) -> PenaltyName:
    """Return the kind of a penalty, by the name that scikit-learn gives it.

    Parameters
    ----------
    l1_ratio : float or Penalty
    n_features : int or None
        Number of columns, if it is known. Otherwise a penalty that is no `ElasticNet`
        counts as one with kinks and bends.
    """
    if isinstance(l1_ratio, ElasticNet):
        l1_ratio = l1_ratio.l1_ratio
    if isinstance(l1_ratio, Penalty):
        if n_features is None:
            return "elasticnet"
        of = l1_ratio.columns(n_features)
        has_kink, has_bend = bool(of.threshold.any()), bool(of.strength.any())
    else:
        has_kink, has_bend = l1_ratio > 0.0, l1_ratio < 1.0
    if has_kink and has_bend:
        return "elasticnet"
    return "l1" if has_kink else "l2"


def column_penalty(
    params: HingeParameters, n_features: int, joint: MulticlassLoss | None
) -> ColumnPenalty | None:
    """Return the penalty of the weights of one problem.

    Parameters
    ----------
    params : HingeParameters
    n_features : int
    joint : MulticlassLoss or None
        The loss of joint training; None trains one-vs-rest.

    Returns
    -------
    ColumnPenalty or None
        None is half of the squared norm.

    Raises
    ------
    ValueError
        If the penalty is not usable for so many columns, or with these parameters.
    """
    if not has_l1(params):
        return None
    penalty = get_penalty(params.l1_ratio).columns(n_features)
    if penalty.is_half_square:
        return None
    if joint is not None:
        raise ValueError(
            f"multi_class={params.multi_class!r} is trained with l1_ratio=0 only, and "
            f"l1_ratio is {params.l1_ratio!r}: set multi_class='ovr', which trains "
            "each class against the rest."
        )
    if params.solver == "pegasos":
        raise ValueError(
            "solver='pegasos' takes steps for l1_ratio=0 only, and l1_ratio is "
            f"{params.l1_ratio!r}: leave solver to 'auto'."
        )
    return penalty


def refuse_penalty(params: HingeParameters, what: str) -> None:
    """Raise a ValueError if the penalty is one that something does not train."""
    if has_l1(params):
        raise ValueError(
            f"{what} trains with l1_ratio=0 only, and l1_ratio is "
            f"{params.l1_ratio!r}: train by fit_batches, or by fit, which takes memory "
            "maps."
        )
