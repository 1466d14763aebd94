#!/usr/bin/env bash
#
# SciPy 1.17.1 and 1.13.1, NumPy 2.2.6 and 1.26.4, CPython 3.11, Linux.
#
# `csr_array((data, indices, indptr), copy=False)` keeps views of larger arrays where these
# are at least half as long as the array below them, and copies shorter ones all the same.
# Who cuts a memory map of CSR arrays into batches of rows so has no copy with two batches,
# and a copy of each with three. A slice of the rows, `X[start:stop]`, is a copy however
# long it is. Setting `data`, `indices` and `indptr` of an empty matrix keeps the views.
#
# Output seen:
#   40 % of the entries: constructor copy, slice copy, attributes view
#   60 % of the entries: constructor view, slice copy, attributes view

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "scipy==${SCIPY:-1.17.1}" "numpy==${NUMPY:-2.2.6}"

seen=$(env/bin/python - <<'PYTHON'
import numpy as np
import scipy.sparse as sp

entries = np.arange(1.0, 101.0)
whole = sp.csr_array((entries, np.zeros(100, np.int32), np.arange(101, dtype=np.int32)))


def told(part):
    return "view" if np.shares_memory(part.data, entries) else "copy"


for stop in (40, 60):
    data, indices = whole.data[:stop], whole.indices[:stop]
    starts = whole.indptr[: stop + 1]
    built = sp.csr_array((data, indices, starts), shape=(stop, 1), copy=False)
    filled = sp.csr_array((stop, 1))
    filled.data, filled.indices, filled.indptr = data, indices, starts
    print(
        f"{stop} % of the entries: constructor {told(built)}, "
        f"slice {told(whole[:stop])}, attributes {told(filled)}"
    )
PYTHON
)
expected="40 % of the entries: constructor copy, slice copy, attributes view
60 % of the entries: constructor view, slice copy, attributes view"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
