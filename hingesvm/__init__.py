"""hingesvm: a linear support vector machine for scikit-learn, with a certificate."""

from hingesvm.svc import HingeSVC

__all__ = ["HingeSVC", "__version__"]

__version__ = "0.1.0"
