"""Pictures of fits: how the duality gap closed, margins of rows, what C changes.

They need Matplotlib, which ``pip install hingesvm[plot]`` brings, and follow the
conventions of scikit-learn's displays: a class method computes and draws, `plot` draws
again, and what was drawn is kept as attributes.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from hingesvm import HingeSVC
>>> from hingesvm.inspection import ConvergenceDisplay, MarginDisplay
>>> X, y = load_iris(return_X_y=True)
>>> clf = HingeSVC().fit(X, y)
>>> ConvergenceDisplay.from_estimator(clf).ax_.get_ylabel()
'relative duality gap'
>>> MarginDisplay.from_estimator(clf, X, y).ax_.get_xlabel()
'margin: score of the true class minus the highest of the others'
"""

from hingesvm._public import set_public_module
from hingesvm.inspection._convergence import ConvergenceDisplay
from hingesvm.inspection._margins import MarginDisplay
from hingesvm.inspection._path import RegularizationPathDisplay

__all__ = ["ConvergenceDisplay", "MarginDisplay", "RegularizationPathDisplay"]

set_public_module(__name__)
