#!/usr/bin/env bash
#
# HiClass 5.0.8, scikit-learn 1.9.1, NumPy 2.4.6, CPython 3.11, Linux.
#
# `predict_proba` of `LocalClassifierPerParentNode` goes down the hierarchy level by level.
# On each it asks the classifier of every parent, and for all rows, as its mask compares
# the rows' labels with all parents of the level and not with the one at hand. The label
# that a row has on the next level is therefore that of the last parent asked. From the
# third level on only the children of these are asked at all, and all other classes have
# the probability 0 in every row. `predict` goes another way and is right, as is
# `LocalClassifierPerNode`. With two levels nothing is lost.
#
# Output seen:
#   predict: 1.0 right
#   LocalClassifierPerParentNode: 4 of 8 classes are 0 in all rows, 0.5 right
#   LocalClassifierPerNode: 0 of 8 classes are 0 in all rows, 1.0 right

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "hiclass==${HICLASS:-5.0.8}" \
  "scikit-learn==${SCIKIT_LEARN:-1.9.1}" "numpy==${NUMPY:-2.4.6}"

seen=$(env/bin/python -W ignore - <<'PYTHON'
import itertools

import numpy as np
from hiclass import LocalClassifierPerNode, LocalClassifierPerParentNode
from sklearn.linear_model import LogisticRegression

# Eight corners of a cube, far from each other, and a level for each coordinate.
corners = np.array(list(itertools.product([0, 1], repeat=3)))
rows = np.repeat(corners, 20, axis=0)
X = 10.0 * rows + np.random.default_rng(0).normal(size=rows.shape)
names = ["".join(map(str, row)) for row in rows]
Y = np.array([[name[:1], name[:2], name] for name in names], dtype=object)

for Classifier in LocalClassifierPerParentNode, LocalClassifierPerNode:
    model = Classifier(LogisticRegression(), return_all_probabilities=True).fit(X, Y)
    if Classifier is LocalClassifierPerParentNode:
        print(f"predict: {np.mean(model.predict(X)[:, 2] == Y[:, 2])} right")
    leaves = model.predict_proba(X)[2]
    right = np.mean(model.classes_[2][leaves.argmax(axis=1)] == Y[:, 2])
    zeros = f"{np.sum(~leaves.any(axis=0))} of 8 classes are 0 in all rows"
    print(f"{Classifier.__name__}: {zeros}, {right} right")
PYTHON
)
expected="predict: 1.0 right
LocalClassifierPerParentNode: 4 of 8 classes are 0 in all rows, 0.5 right
LocalClassifierPerNode: 0 of 8 classes are 0 in all rows, 1.0 right"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
