from typing import Any

import numpy as np
from numpy.typing import NDArray

class Places:
    def __init__(
        self,
        n_features: int,
        columns: NDArray[np.signedinteger[Any]] | None = None,
        row_starts: NDArray[np.signedinteger[Any]] | None = None,
    ) -> None: ...
    def of(self, index: NDArray[np.intp]) -> Places: ...
