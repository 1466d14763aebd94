#!/usr/bin/env bash
#
# mlpack 4.8.0 (Python bindings), NumPy 2.4.6, CPython 3.11, Linux.
#
# `linear_svm` says that it trains an L2-regularized support vector machine, with L-BFGS by
# default. L-BFGS gets the gradient of the hinge loss, but as the value of the loss the
# share of margins that are violated, whatever their size: where margins are computed, the
# call that makes the mask of those above 0 writes 1 and 0 over them. A step towards the
# minimum is so taken for one uphill, and fits end early or at weights 0, without a
# warning. `optimizer="psgd"`, which uses gradients alone, ends near the minimum.
#
# With rows 1 and -1, one of each class, scores -v x and v x and lambda 4 the objective is
# max(0, 1 - 2 v) + 4 v^2, whose minimum is 3/4, at v = 1/4. At v = 0 it is 1.
#
# Output seen:
#   lbfgs: v = 0.00, objective 1.00
#   psgd: v = 0.25, objective 0.75

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "mlpack==${MLPACK:-4.8.0}" "numpy==${NUMPY:-2.4.6}"

seen=$(OMP_NUM_THREADS=1 env/bin/python - <<'PYTHON'
import numpy as np
from mlpack import linear_svm

X, y = np.array([[1.0], [-1.0]]), np.array([1, 0])
for optimizer in "lbfgs", "psgd":
    scores = linear_svm(
        training=X, labels=y, lambda_=4.0, no_intercept=True, optimizer=optimizer,
        seed=1, test=X,
    )["probabilities"]
    v = (scores[0].max() - scores[0].min()) / 2.0
    objective = max(0.0, 1.0 - 2.0 * v) + 4.0 * v**2
    print(f"{optimizer}: v = {v:.2f}, objective {objective:.2f}")
PYTHON
)
expected="lbfgs: v = 0.00, objective 1.00
psgd: v = 0.25, objective 0.75"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
