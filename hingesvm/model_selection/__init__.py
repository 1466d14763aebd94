"""Certified solutions along a path of C, and the choice of C by cross-validation."""

from hingesvm._public import set_public_module
from hingesvm.model_selection._cv import HingeSVCCV
from hingesvm.model_selection._least_c import least_c
from hingesvm.model_selection._path import HingePath, hinge_path

__all__ = ["HingePath", "HingeSVCCV", "hinge_path", "least_c"]

set_public_module(__name__)
