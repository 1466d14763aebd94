#!/usr/bin/env bash
#
# Keras 3.15.1 on JAX 0.10.2, NumPy 2.4.6, CPython 3.11, Linux.
#
# `CategoricalHinge` takes `y_true` "either {-1, +1} or {0, 1}", says its docstring, as do
# `Hinge` and `SquaredHinge`. These two turn 0 and 1 into -1 and 1, and give the same for
# both. `CategoricalHinge` puts the numbers into its formula as they are: with -1 for 0 the
# other scores are doubled, and their sum is subtracted from the score of the true class.
# So the same rows have another loss, also one above 0 where the true class leads by far.
#
# Besides, the true class counts among the others with the score 0. Where all other scores
# are negative the true one must be 1 or more, and adding a number to all scores of a row
# changes its loss, which it does not in the loss of Crammer and Singer.
#
# Output seen:
#   scores 5, 3, 2: with 0 and 1 the loss is 0, with -1 and 1 it is 7
#   scores -1, -4, -5: with 0 and 1 the loss is 2, with -1 and 1 it is 0
#   Hinge of scores 5, 3, 2: with 0 and 1 the loss is 2.333, with -1 and 1 it is 2.333

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "keras==${KERAS:-3.15.1}" "numpy==${NUMPY:-2.4.6}" \
  "jax==${JAX:-0.10.2}"

seen=$(KERAS_BACKEND=jax env/bin/python - <<'PYTHON'
import keras
import numpy as np

one_hot = np.array([[1.0, 0.0, 0.0]])


def told(loss, row):
    scores = np.array([row], dtype=float)
    zeros, signs = (float(loss(y, scores)) for y in (one_hot, 2.0 * one_hot - 1.0))
    shown = ", ".join(map(str, row))
    return f"scores {shown}: with 0 and 1 the loss is {zeros:.4g}, with -1 and 1 it is {signs:.4g}"


print(told(keras.losses.CategoricalHinge(), (5, 3, 2)))
print(told(keras.losses.CategoricalHinge(), (-1, -4, -5)))
print("Hinge of", told(keras.losses.Hinge(), (5, 3, 2)))
PYTHON
)
expected="scores 5, 3, 2: with 0 and 1 the loss is 0, with -1 and 1 it is 7
scores -1, -4, -5: with 0 and 1 the loss is 2, with -1 and 1 it is 0
Hinge of scores 5, 3, 2: with 0 and 1 the loss is 2.333, with -1 and 1 it is 2.333"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
