"""
Tensors, on a GPU if there is one
=================================

A pipeline is trained on tensors of PyTorch where they are, and tells how good it is.
Without torch, the same is done with NumPy arrays. The environment variable has to be
set before SciPy or scikit-learn is imported.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import time
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.metrics import hinge_loss

try:
    import torch
except ImportError:
    torch = None

random = np.random.default_rng(0)
X: Any = random.standard_normal((200_000, 40), dtype=np.float32)
noise = random.standard_normal(len(X), dtype=np.float32)
y: Any = (X[:, 0] - X[:, 1] + noise > 0.3).astype(int)
where = "NumPy"
if torch is not None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    X, y = torch.asarray(X, device=device), torch.asarray(y, device=device)
    where = f"torch on {device}"

with config_context(array_api_dispatch=torch is not None):
    start = time.perf_counter()
    model = make_pipeline(StandardScaler(), HingeSVC()).fit(X, y)
    seconds = time.perf_counter() - start
    svc = model[-1]
    loss = hinge_loss(y, model.decision_function(X))
    accuracy = model.score(X, y)

print(f"{where}: {seconds:.2f} s for {X.shape[0]:,} rows of {X.shape[1]} columns")
print(f"certified: at most {svc.dual_gap_ / svc.objective_:.1e} above the minimum")
print(f"coef_ is {type(svc.coef_).__name__} of {svc.coef_.dtype}")
print(f"accuracy {accuracy:.3f}, mean hinge loss {loss:.3f}")
