"""The penalty that the parameters of an estimator describe."""

from __future__ import annotations

from hingesvm.losses import MulticlassLoss
from hingesvm.penalties import ColumnPenalty, ElasticNet, get_penalty
from hingesvm.training.parameters import HingeParameters

__all__ = ["column_penalty", "has_l1", "refuse_penalty"]


def has_l1(params: HingeParameters) -> bool:
    """Whether the penalty may be another one than half of the squared norm."""
    return get_penalty(params.l1_ratio) != ElasticNet(0.0)


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
            f"{params.l1_ratio!r}: train by fit, which takes memory maps too."
        )
