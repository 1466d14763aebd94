#!/usr/bin/env bash
#
# sklearn2pmml 0.133.1, jpmml-evaluator 0.16.0 (Python), scikit-learn 1.9.0, NumPy 2.4.6,
# pandas 3.1.1, OpenJDK 17, CPython 3.11, Linux.
#
# CalibratedClassifierCV has by default a model for each fold, and averages their
# probabilities. sklearn2pmml writes that as a segmentation with the method "average",
# whose segments do not name the target. jpmml-evaluator predicts the right labels from it,
# but where these are numbers or booleans, the probabilities of all classes are 0 in every
# row, without an error or a warning. With strings for labels, or with one model
# (`ensemble=False`), they are those of scikit-learn.
#
# Output seen:
#   integers: labels agree, sum of probabilities 0.000, largest difference 1.00
#   booleans: labels agree, sum of probabilities 0.000, largest difference 1.00
#   strings: labels agree, sum of probabilities 1.000, largest difference 0.00
#   integers, ensemble=False: labels agree, sum of probabilities 1.000, largest difference 0.00

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "sklearn2pmml==${SKLEARN2PMML:-0.133.1}" \
  "jpmml-evaluator==${JPMML_EVALUATOR:-0.16.0}" "pandas==${PANDAS:-3.1.1}" \
  "scikit-learn==${SCIKIT_LEARN:-1.9.0}" "numpy==${NUMPY:-2.4.6}"

seen=$(env/bin/python -W ignore - 2>log <<'PYTHON'
import contextlib

import numpy as np
import pandas as pd
from jpmml_evaluator import make_evaluator
from sklearn2pmml import make_pmml_pipeline, sklearn2pmml
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = (X - X.mean()) / X.std()
targets = {
    "integers": (y.to_numpy(), True),
    "booleans": (y.to_numpy() == 1, True),
    "strings": (np.array(["no", "yes"])[y], True),
    "integers, ensemble=False": (y.to_numpy(), False),
}
for name, (labels, ensemble) in targets.items():
    clf = CalibratedClassifierCV(LogisticRegression(), ensemble=ensemble).fit(X, labels)
    with contextlib.redirect_stdout(None):
        sklearn2pmml(make_pmml_pipeline(clf, list(X), ["label"]), "model.pmml")
    found = make_evaluator("model.pmml").verify().evaluateAll(X)
    agree = "agree" if np.array_equal(found["label"], clf.predict(X)) else "differ"
    found = found.filter(like="probability").to_numpy()
    sums = found.sum(axis=1)
    assert np.ptp(sums) < 1e-9
    error = np.abs(found - clf.predict_proba(X)).max()
    told = f"sum of probabilities {sums[0]:.3f}, largest difference {error:.2f}"
    print(f"{name}: labels {agree}, {told}")
PYTHON
) || { cat log >&2; exit 1; }
expected="integers: labels agree, sum of probabilities 0.000, largest difference 1.00
booleans: labels agree, sum of probabilities 0.000, largest difference 1.00
strings: labels agree, sum of probabilities 1.000, largest difference 0.00
integers, ensemble=False: labels agree, sum of probabilities 1.000, largest difference 0.00"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
