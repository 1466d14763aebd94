"""Whose hinge loss is what: the tables of docs/metrics.md, row by row.

data/other_hinges.json has what each library computed, so that the tables are tested
also where it is absent. Where it is installed it is asked again.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from other_fit_cases import FITS, X, Y, rehline
from other_hinge_cases import LOSSES, rows, zero_besides

from hingesvm import HingeSVC

ROOT = Path(__file__).resolve().parent.parent
STORED = json.loads((ROOT / "data" / "other_hinges.json").read_text())
PAGE = ROOT.parent / "docs" / "metrics.md"
MODULES = {
    "scikit-learn": "sklearn",
    "liblinear-official": "liblinear.liblinearutil",
}


def key(case):
    return f"{case.package}: {case.name}"


def assert_same_loss(theirs, case):
    """All but the sums over rows are exact, and some libraries compute in float32."""
    assert np.shape(theirs) == np.shape(case.ours())
    np.testing.assert_allclose(theirs, case.ours(), rtol=1e-6, atol=1e-12)


def assert_same_problem(coef, intercept, case):
    """Their minimum is ours, and not at another cost or with the other intercept."""

    def distance(**changed):
        clf = HingeSVC(**{**case.ours, **changed}).fit(X, case.y)
        assert np.shape(coef) == clf.coef_.shape
        parts = (coef - clf.coef_, intercept - clf.intercept_)
        return max(np.abs(part).max() for part in parts)

    cost = case.ours["C"]
    others = [{"C": 2.0 * cost}, {"C": cost / 2.0}]
    if case.ours.get("fit_intercept", True):
        penalized = case.ours.get("penalized_intercept", False)
        others.append({"penalized_intercept": not penalized})
    else:
        others.append({"fit_intercept": True})
    assert distance() < case.error
    assert min(distance(**other) for other in others) > case.error


@pytest.fixture
def ask(monkeypatch):
    """Let a case ask its library, or skip the test where that is absent."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")

    def asked(case):
        pytest.importorskip(MODULES.get(case.package, case.package))
        return case.theirs()

    return asked


def test_all_cases_are_stored_and_no_others():
    assert set(STORED["losses"]) == {key(case) for case in LOSSES}
    assert set(STORED["fits"]) == {key(case) for case in FITS}
    packages = {case.package for case in [*LOSSES, *FITS]}
    assert set(STORED["versions"]) == packages | {"python"}


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not there")
def test_the_page_names_the_versions():
    text = PAGE.read_text(encoding="utf-8")
    for package, version in STORED["versions"].items():
        assert package == "python" or f"{package} {version}" in text


def test_the_scores_tell_the_losses_apart():
    joint = [
        rows("crammer_singer"),
        zero_besides(),
        rows("weston_watkins"),
        rows("ovr"),
    ]
    for i, one in enumerate(joint):
        assert all(np.abs(one - other).max() > 0.5 for other in joint[:i])


@pytest.mark.parametrize("case", LOSSES, ids=key)
def test_stored_losses_are_ours(case):
    assert_same_loss(STORED["losses"][key(case)], case)


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize("case", LOSSES, ids=key)
def test_losses_are_ours(case, ask):
    assert_same_loss(ask(case), case)


@pytest.mark.parametrize("case", FITS, ids=key)
def test_stored_weights_are_ours(case):
    found = STORED["fits"][key(case)]
    assert_same_problem(np.array(found["coef"]), np.array(found["intercept"]), case)


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(
    "case", [case for case in FITS if case.package != "pyspark"], ids=key
)
def test_weights_are_ours(case, ask):
    coef, intercept = ask(case)
    assert_same_problem(np.asarray(coef), np.asarray(intercept), case)


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(
    ("labels", "positive"),
    [([0, 1, 1, 0], 0), ([1, 0, 1, 0], 1), ([-1, 1, 1, -1], 1), ([1, -1, 1, -1], 1)],
)
def test_the_first_label_is_positive_in_liblinear_but_for_signs(labels, positive):
    train = pytest.importorskip("liblinear.liblinearutil").train
    model = train(labels, [[float(label)] for label in labels], "-s 3 -q")
    (weight,), _ = model.get_decfun()
    assert (weight > 0.0) == (positive == max(labels))


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_rehline_has_the_l1_norm_of_the_intercept_too():
    pytest.importorskip("rehline")
    with_ones = np.column_stack([X, np.ones(len(X))])
    coef, intercept = rehline("plq_ElasticNet_Classifier", "svm", 0.1, l1_ratio=0.1)
    clf = HingeSVC(C=0.1, l1_ratio=0.1, fit_intercept=False).fit(with_ones, Y)
    np.testing.assert_allclose(np.append(coef, intercept), clf.coef_[0], atol=1e-6)
    clf.set_params(fit_intercept=True, penalized_intercept=True).fit(X, Y)
    assert abs(clf.intercept_[0] - intercept[0]) > 1e-3


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_rehline_comes_near_a_free_intercept():
    pytest.importorskip("rehline")
    settings = {"intercept_scaling": 100.0, "max_iter": 10_000_000}
    coef, intercept = rehline("plq_Ridge_Classifier", "svm", 0.02, **settings)
    clf = HingeSVC(C=0.02).fit(X, Y)
    np.testing.assert_allclose(coef, clf.coef_, atol=1e-4)
    np.testing.assert_allclose(intercept, clf.intercept_, atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_mlpack_orders_columns_by_first_appearance():
    linear_svm = pytest.importorskip("mlpack").linear_svm
    column = np.array([[-1.0], [1.0], [1.0], [-1.0]])
    for labels in ([0, 1, 1, 0], [1, 0, 0, 1]):
        told = linear_svm(
            training=column, labels=np.array(labels), lambda_=0.5, test=column
        )
        np.testing.assert_array_equal(told["predictions"], labels)
        assert told["probabilities"][0].argmax() == 0  # whichever class it is


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_vowpal_wabbit_clips_predictions_and_shrinks_only_where_there_is_loss():
    workspace = pytest.importorskip("vowpalwabbit").Workspace
    settings = "--loss_function hinge --sgd -l 1 --power_t 0 --noconstant --quiet "
    clipped, model = (
        workspace(settings + more)
        for more in ("", "--l2 0.01 --min_prediction -1000 --max_prediction 1000")
    )
    for one in (clipped, model):
        one.learn("1 | a:3")
        one.learn("-1 | a:-3")
    assert clipped.predict("| a:3") == 1.0
    assert clipped.predict("| a:-3") == -1.0
    before = model.predict("| a:3")
    assert before > 8.0
    model.learn("1 | a:3")  # without a loss
    assert model.predict("| a:3") == before
    for one in (clipped, model):
        one.finish()


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_torchmetrics_depends_on_how_rows_are_cut():
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("torchmetrics.classification")
    scores, y = torch.tensor([0.5, 1.0, 3.0]), torch.tensor([1, 1, 1])
    once, twice = module.BinaryHingeLoss(), module.BinaryHingeLoss()
    once.update(scores, y)
    twice.update(scores[:2], y[:2])
    twice.update(scores[2:], y[2:])
    squashed = torch.sigmoid(scores)
    assert float(once.compute()) == pytest.approx(
        float((1 - squashed).mean()), rel=1e-6
    )
    mixed = (0.5 + 0.0 + 1.0 - float(squashed[2])) / 3.0
    assert float(twice.compute()) == pytest.approx(mixed, rel=1e-6)
