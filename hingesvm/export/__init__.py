"""Fitted models for other tools: as a LinearSVC of scikit-learn, or as ONNX.

Examples
--------
>>> from sklearn.datasets import load_iris
>>> from hingesvm import HingeSVC
>>> from hingesvm.export import to_linear_svc
>>> clf = HingeSVC().fit(*load_iris(return_X_y=True))
>>> to_linear_svc(clf)
LinearSVC(loss='hinge')
"""

from hingesvm._public import set_public_module
from hingesvm.export._linear_svc import to_linear_svc
from hingesvm.export._onnx import register_onnx

__all__ = ["register_onnx", "to_linear_svc"]

set_public_module(__name__)
