"""hingesvm: a linear support vector machine for scikit-learn, with a certificate."""

from hingesvm._source import path_with_kernels as _path_with_kernels

__path__ = _path_with_kernels(__path__)

from hingesvm._public import set_public_module as _set_public_module
from hingesvm.model_selection import HingeSVCCV, hinge_path
from hingesvm.svc import HingeSVC

__all__ = ["HingeSVC", "HingeSVCCV", "__version__", "hinge_path"]

__version__ = "0.1.0"

_set_public_module(__name__)
