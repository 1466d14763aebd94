"""Where the compiled modules are: in a clone, with the package as it is installed.

Python that is started in a clone finds the source folder there before the installed
package, and no compiled module in it. An editable install finds its modules by itself.
"""

from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

__all__ = ["has_kernels", "path_with_kernels"]


def has_kernels(folder: Path) -> bool:
    """Whether a folder of the package has its compiled modules."""
    kernels = folder / "kernels"
    return any(
        (kernels / f"_processor{suffix}").exists() for suffix in EXTENSION_SUFFIXES
    )


def path_with_kernels(path: list[str]) -> list[str]:
    """Return where the modules of the package are to be looked for.

    Raises
    ------
    ImportError
        If this is a source folder, and hingesvm is not installed.
    """
    if has_kernels(Path(__file__).parent):
        return path
    folder = _installed()
    if folder is not None and has_kernels(folder):
        return [str(folder)]
    try:
        import_module("hingesvm.kernels.build")
    except ModuleNotFoundError:
        raise ImportError(
            "hingesvm is not compiled: this is its source folder. Install it from here "
            "with `python -m pip install .`, or, to change it, with "
            "`python -m pip install --no-build-isolation -e .`."
        ) from None
    return path


def _installed() -> Path | None:
    """Return the folder of the package as it is installed, if it is."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return Path(str(distribution("hingesvm").locate_file("hingesvm")))
    except PackageNotFoundError:
        return None
