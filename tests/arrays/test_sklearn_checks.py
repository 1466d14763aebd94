"""scikit-learn's own checks of estimators that take arrays of other libraries."""

import importlib.util

import pytest
from sklearn.utils import _array_api, estimator_checks

from hingesvm import HingeSVC


def here(cases, *places):
    """Those cases whose libraries are installed and whose device is a processor."""
    return [
        case
        for case in cases
        if all(
            importlib.util.find_spec(case[place]) is not None
            and str(case[place + 1]) not in ("cuda", "xpu", "mps", "gpu")
            for place in places
        )
    ]


def check_named(name):
    found = getattr(estimator_checks, name, None)
    if found is None:
        pytest.skip(f"this scikit-learn has no {name}")
    return found


every_combination = pytest.mark.parametrize(
    ("library", "place", "dtype"),
    here(
        _array_api.yield_namespace_device_dtype_combinations(
            include_numpy_namespaces=False
        ),
        0,
    ),
)


def run(check, *arguments, **options):
    try:
        check("HingeSVC", *arguments, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        pytest.skip(f"this scikit-learn has another one: {error}")


@every_combination
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "name", ["check_array_api_input", "check_array_api_input_and_values"]
)
def test_arrays(library, place, dtype, weighted, name):
    pytest.importorskip(library)
    options = {"device_name": place, "dtype_name": dtype}
    run(check_named(name), HingeSVC(), library, check_sample_weight=weighted, **options)


def mixed():
    found = getattr(_array_api, "yield_mixed_namespace_input_permutations", list)()
    pairs = [[*one, *two, test_id] for one, two, *test_id in found]
    return here(pairs, 0, 2)


@pytest.mark.parametrize("case", mixed(), ids=str)
@pytest.mark.parametrize("check_values", [False, True])
def test_mixed_inputs(case, check_values):
    check = check_named("check_array_api_mixed_inputs")
    one, two = (
        _array_api.NamespaceAndDevice(*case[start : start + 2]) for start in (0, 2)
    )
    run(check, HingeSVC(), one, two, check_values=check_values)


@every_combination
def test_predict_wants_the_namespace_of_fit(library, place, dtype):
    pytest.importorskip(library)
    check = check_named("check_array_api_same_namespace")
    if dtype != "float64":
        pytest.skip("the check is of float64")
    run(check, HingeSVC(), library, place)
