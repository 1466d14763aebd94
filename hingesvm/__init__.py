"""hingesvm: a linear support vector machine for scikit-learn, with a certificate."""

try:
    import hingesvm.solvers.kernels  # noqa: F401
except ImportError as error:
    raise ImportError(
        "hingesvm has no compiled module here. If this is its source folder, install "
        "it with `python -m pip install .` and start Python elsewhere, or with "
        "`python -m pip install --no-build-isolation -e .`."
    ) from error

from hingesvm.model_selection import HingeSVCCV, hinge_path
from hingesvm.svc import HingeSVC

__all__ = ["HingeSVC", "HingeSVCCV", "__version__", "hinge_path"]

__version__ = "0.1.0"
