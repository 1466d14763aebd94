"""HingeSVC on a Dask cluster, for rows in partitions that stay on their workers."""

try:
    import dask  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        "hingesvm.dask needs dask and distributed: pip install dask distributed"
    ) from error

from hingesvm._public import set_public_module
from hingesvm.dask._estimator import DaskHingeSVC

__all__ = ["DaskHingeSVC"]

set_public_module(__name__)
