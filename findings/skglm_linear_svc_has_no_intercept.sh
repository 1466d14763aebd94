#!/usr/bin/env bash
#
# skglm 0.5, Numba 0.68.1, scikit-learn 1.9.1, NumPy 2.4.6, CPython 3.11, Linux.
#
# `LinearSVC` has the parameter `fit_intercept`, "Whether or not to fit an intercept", with
# the default True. It is kept and not used: `fit` makes its solver with
# `fit_intercept=False`, and the dual problem has no constraint for an intercept. So
# `intercept_` is 0.0 with True and with False, without a warning. Where the classes lie on
# one side of the origin, as 3 and 5 here, all rows are predicted to be of one class.
# `SparseLogisticRegression` of the same package trains an intercept there.
#
# Output seen:
#   LinearSVC(fit_intercept=True): intercept 0.0, accuracy 0.5
#   LinearSVC(fit_intercept=False): intercept 0.0, accuracy 0.5
#   LinearSVC of scikit-learn: accuracy 1.0

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "skglm==${SKGLM:-0.5}" "numba==${NUMBA:-0.68.1}" \
  "scikit-learn==${SCIKIT_LEARN:-1.9.1}" "numpy==${NUMPY:-2.4.6}"

seen=$(env/bin/python -W ignore - <<'PYTHON'
import numpy as np
import skglm
import sklearn.svm

X, y = np.repeat([[3.0], [5.0]], 10, axis=0), np.repeat([0, 1], 10)
for fit_intercept in True, False:
    clf = skglm.LinearSVC(C=10.0, fit_intercept=fit_intercept).fit(X, y)
    told = f"intercept {clf.intercept_}, accuracy {np.mean(clf.predict(X) == y)}"
    print(f"LinearSVC({fit_intercept=}): {told}")
clf = sklearn.svm.LinearSVC(C=10.0, loss="hinge", max_iter=100_000).fit(X, y)
print(f"LinearSVC of scikit-learn: accuracy {clf.score(X, y)}")
PYTHON
)
expected="LinearSVC(fit_intercept=True): intercept 0.0, accuracy 0.5
LinearSVC(fit_intercept=False): intercept 0.0, accuracy 0.5
LinearSVC of scikit-learn: accuracy 1.0"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
