"""Arguments that similar estimators take, and what takes their place here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import ParamSpec

__all__ = ["explains_arguments"]

_Arguments = ParamSpec("_Arguments")

_LINEAR = 'the model is linear, as with SVC(kernel="linear")'
_NO_STEPS = "there is no learning rate, and no step to choose"
_NO_STOPS = "fits end at the gap `tol`; to regularise, lower C"
_NOTHING = "there is nothing to choose, leave it out"
_SEARCH = "HingeSVCCV takes it, which chooses C"

# Arguments of LinearSVC, SVC, SGDClassifier and HingeSVCCV.
_ELSEWHERE = {
    "penalty": 'pass l1_ratio, which is 0 for "l2" and 1 for "l1"',
    "alpha": "pass C = 1 / (alpha * n_samples)",
    "nu": "pass C",
    "C": "pass Cs, a list of values to choose from",
    "intercept_scaling": (
        "the intercept is free, or penalised as it is with penalized_intercept=True"
    ),
    "probability": (
        "wrap the estimator, CalibratedClassifierCV(HingeSVC(), ensemble=False)"
    ),
    "decision_function_shape": "there is a score for each class",
    "break_ties": "there is a score for each class",
    "average": "the last model is the best, leave it out",
    **dict.fromkeys(("dual", "shrinking", "cache_size", "shuffle"), _NOTHING),
    **dict.fromkeys(("kernel", "degree", "gamma", "coef0"), _LINEAR),
    **dict.fromkeys(("learning_rate", "eta0", "power_t"), _NO_STEPS),
    **dict.fromkeys(
        ("early_stopping", "validation_fraction", "n_iter_no_change"), _NO_STOPS
    ),
    **dict.fromkeys(("Cs", "cv", "scoring", "refit", "l1_ratios"), _SEARCH),
}


def explains_arguments(
    init: Callable[_Arguments, None],
) -> Callable[_Arguments, None]:
    """Make an `__init__` say what to pass in place of an argument it does not have.

    It has the same signature, which is what scikit-learn reads names of parameters
    from.
    """
    known = list(signature(init).parameters)

    @wraps(init)
    def explained(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        try:
            init(*args, **kwargs)
        except TypeError as error:
            hints = _hints(kwargs.keys() - set(known), known)
            if not hints:
                raise
            raise TypeError(f"{error}. {hints}") from None

    return explained


def _hints(unknown: Iterable[str], known: list[str]) -> str:
    """Return what to pass in place of arguments; "" if nothing is known of them."""
    hints = []
    for name in sorted(unknown):
        close = get_close_matches(name, known, n=1, cutoff=0.75)
        if name in _ELSEWHERE:
            hints.append(f"{name}: {_ELSEWHERE[name]}.")
        elif close:
            hints.append(f"{name}: did you mean {close[0]}?")
    return " ".join(hints)
