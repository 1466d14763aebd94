#!/usr/bin/env bash
#
# Cython 3.3.1 and 3.1.8, CPython 3.11, GCC 12, Linux.
#
# One translation by Cython can be compiled twice, say with and without AVX2, if the name
# of the init function is changed by a macro: pair.so and pair_avx2.so. Imported as
# `pair_avx2`, the second enters itself in sys.modules as `pair`, too, the name that it was
# translated for. `import pair` then finds it there and never loads pair.so: who compares
# both builds in one process compares one with itself. In the other order both are loaded.
# A translated name that is that of no module leaves both orders right.
#
# Output seen:
#   pair_avx2 first: pair is pair_avx2 (AVX2 1)
#   pair first: pair is pair (AVX2 0)
#   translated as pair_both, pair_avx2 first: pair is pair (AVX2 0)

set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

python=${PYTHON:-python3}
"$python" -m venv env
env/bin/pip install --quiet "Cython==${CYTHON:-3.3.1}"
include=$(env/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')

cat > pair.pyx <<'PYX'
cdef extern from *:
    """
    #ifdef __AVX2__
    #define HAS_AVX2 1
    #else
    #define HAS_AVX2 0
    #endif
    """
    int HAS_AVX2

AVX2 = HAS_AVX2
PYX

# Builds pair.so and pair_avx2.so in a folder, from a translation with a name.
build() {
  mkdir "$1"
  env/bin/cython -3 --module-name="$2" pair.pyx -o "$1/pair.c"
  local flags=(-shared -fPIC "-I$include")
  gcc "${flags[@]}" "-DPyInit_$2=PyInit_pair" -o "$1/pair.so" "$1/pair.c"
  gcc "${flags[@]}" -mavx2 "-DPyInit_$2=PyInit_pair_avx2" -o "$1/pair_avx2.so" "$1/pair.c"
}

# Imports two modules in an order, and says which one `pair` is.
which_pair() {
  (cd "$1" && ../env/bin/python -c "
import $2, $3, pair
print(f'pair is {pair.__name__} (AVX2 {pair.AVX2})')")
}

build same pair
build other pair_both

seen=$(
  echo "pair_avx2 first: $(which_pair same pair_avx2 pair)"
  echo "pair first: $(which_pair same pair pair_avx2)"
  echo "translated as pair_both, pair_avx2 first: $(which_pair other pair_avx2 pair)"
)
expected="pair_avx2 first: pair is pair_avx2 (AVX2 1)
pair first: pair is pair (AVX2 0)
translated as pair_both, pair_avx2 first: pair is pair (AVX2 0)"

echo "$seen"
if [[ $seen != "$expected" ]]; then
  echo "This is no longer as it was." >&2
  exit 1
fi
