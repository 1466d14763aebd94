"""When sweeps are left for Newton steps: at what price, and on what evidence."""

from __future__ import annotations

__all__ = ["EVIDENCE", "are_dearer", "newton_price"]

#: Part of the price of Newton steps that must have been paid in sweeps before the
#: prediction is believed that the rest costs more: with more of it sweeps go on in
#: vain, with less they are left where early progress is slow, as it is on text
#: (docs/experiments.md#which-method-when).
EVIDENCE = 0.1


def newton_price(
    n_steps: int, step: float, sweep: float, preparation: float = 0.0
) -> float:
    """Return the price of a finish by Newton steps, in sweeps over all rows.

    Parameters
    ----------
    n_steps : int
        Newton steps that a finish typically takes.
    step, sweep, preparation : float
        The work of a step, of a sweep, and of what there is to do before the first
        step, all in the same unit.
    """
    return n_steps * (step / sweep) + preparation / sweep


def are_dearer(
    taken: float, remaining: float, price: float, evidence: float = EVIDENCE
) -> bool:
    """Whether the sweeps that remain cost more than a finish by Newton steps.

    Parameters
    ----------
    taken, remaining : float
        Sweeps so far, and those that are predicted to remain.
    price : float
        That of the finish, in sweeps.
    evidence : float, default=EVIDENCE
        Part of the price that must have been paid in sweeps before the prediction is
        believed.
    """
    return remaining > price and taken > evidence * price
