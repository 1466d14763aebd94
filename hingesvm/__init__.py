"""hingesvm: a linear support vector machine for scikit-learn, with a certificate."""

from importlib.machinery import EXTENSION_SUFFIXES as _SUFFIXES
from pathlib import Path as _Path


def _has_kernels(folder: _Path) -> bool:
    """Whether a folder of the package has its compiled modules."""
    solvers = folder / "solvers"
    return any((solvers / f"_processor{suffix}").exists() for suffix in _SUFFIXES)


def _installed() -> _Path | None:
    """Return the folder of the package as it is installed, if it is."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return _Path(str(distribution("hingesvm").locate_file("hingesvm")))
    except PackageNotFoundError:
        return None


def _import_kernels() -> None:
    """Import the kernels: those of the installed package, if this is a source folder.

    Python that is started in a clone finds this file there before the installed one. An
    editable install finds its modules by itself.
    """
    if _has_kernels(_Path(__file__).parent):
        import hingesvm.solvers.kernels

        return
    folder = _installed()
    if folder is not None and _has_kernels(folder):
        __path__[:] = [str(folder)]
    try:
        import hingesvm.solvers.kernels  # noqa: F401
    except ModuleNotFoundError:
        raise ImportError(
            "hingesvm is not compiled: this is its source folder. Install it from here "
            "with `python -m pip install .`, or, to change it, with "
            "`python -m pip install --no-build-isolation -e .`."
        ) from None


_import_kernels()

from hingesvm.model_selection import HingeSVCCV, hinge_path  # noqa: E402
from hingesvm.svc import HingeSVC  # noqa: E402

__all__ = ["HingeSVC", "HingeSVCCV", "__version__", "hinge_path"]

__version__ = "0.1.0"
