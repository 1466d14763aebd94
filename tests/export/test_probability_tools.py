"""Tools that need probabilities, with a calibrated HingeSVC and with one alone."""

import numpy as np
import pytest
from samples import make_data
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.model_selection import cross_val_predict

from hingesvm import HingeSVC

# What the packages of others warn of is not of this one.
pytestmark = pytest.mark.filterwarnings("ignore")

SAYS_WHAT_HELPS = "HingeSVC has no predict_proba.*CalibratedClassifierCV"


@pytest.fixture(params=[2, 3])
def parts(request):
    """Rows and labels to fit, to hold out, and to predict."""
    X, y = make_data(n=600, n_classes=request.param)
    return [(X[k::3], y[k::3]) for k in range(3)]


@pytest.fixture(params=[2, 3])
def groups(request):
    """Rows of classes that lie apart, so that a wrong label can be told."""
    return make_blobs(300, 6, centers=request.param, cluster_std=2.0, random_state=0)


def calibrated():
    return CalibratedClassifierCV(HingeSVC(C=0.1), ensemble=False)


def scores_of(clf, X):
    """Decisions with one column for each class."""
    decisions = clf.decision_function(X)
    return decisions if decisions.ndim == 2 else np.outer(decisions, [-1.0, 1.0])


def test_mapie_covers(parts):
    module = pytest.importorskip("mapie.classification")
    fit, held, (X, y) = parts

    def sets(clf):
        conformal = module.SplitConformalClassifier(
            clf, confidence_level=0.9, prefit=False
        )
        return conformal.fit(*fit).conformalize(*held).predict_set(X)

    labels, members = sets(calibrated())
    np.testing.assert_array_equal(labels, calibrated().fit(*fit).predict(X))
    covered = members[np.arange(len(y)), y].mean()
    assert 0.8 < covered < 0.98
    with pytest.raises(AttributeError, match=SAYS_WHAT_HELPS):
        sets(HingeSVC(C=0.1))


def test_crepes_covers_with_probabilities_and_with_scores(parts):
    crepes = pytest.importorskip("crepes")
    margin = pytest.importorskip("crepes.extras").margin
    fit, (X_held, y_held), (X, y) = parts
    wrapped = crepes.WrapClassifier(calibrated().fit(*fit))
    wrapped.calibrate(X_held, y_held, seed=0)
    assert 0.02 < wrapped.evaluate(X, y, confidence=0.9)["error"] < 0.2

    clf = HingeSVC(C=0.1).fit(*fit)
    with pytest.raises(AttributeError, match=SAYS_WHAT_HELPS):
        crepes.WrapClassifier(clf).calibrate(X_held, y_held)
    strangeness = margin(scores_of(clf, X_held), clf.classes_, y_held)
    conformal = crepes.ConformalClassifier().fit(strangeness, seed=0)
    members = conformal.predict_set(margin(scores_of(clf, X)), confidence=0.9)
    assert 0.8 < members[np.arange(len(y)), y].mean() < 0.98


def test_venn_abers_bounds_probabilities(parts):
    module = pytest.importorskip("venn_abers")
    fit, (X_held, y_held), (X, y) = parts

    def probabilities(clf):
        settings = {"inductive": False, "n_splits": 3, "random_state": 0}
        venn = module.VennAbersCalibrator(clf, **settings)
        venn.fit(*fit)
        return venn.predict_proba(X)

    found = probabilities(calibrated())
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (found.argmax(axis=1) == y).mean() > HingeSVC().fit(*fit).score(X, y) - 0.05
    with pytest.raises(AttributeError, match=SAYS_WHAT_HELPS):
        probabilities(HingeSVC(C=0.1))

    clf = HingeSVC(C=0.1).fit(*fit)
    held, new = scores_of(clf, X_held), scores_of(clf, X)
    if held.shape[1] == 2:
        found, bounds = module.VennAbers().fit(held, y_held).predict_proba(new)
        assert (bounds[:, 0] <= found[:, 1]).all()
        assert (found[:, 1] <= bounds[:, 1]).all()
        # They depend on the order of the scores alone.
        squashed, _ = (
            module.VennAbers().fit(expit(held), y_held).predict_proba(expit(new))
        )
        np.testing.assert_array_equal(found, squashed)


def test_cleanlab_finds_wrong_labels(groups):
    find = pytest.importorskip("cleanlab.filter").find_label_issues
    learning = pytest.importorskip("cleanlab.classification").CleanLearning
    X, y = groups
    wrong = np.zeros(len(y), dtype=bool)
    wrong[::15] = True
    noisy = np.where(wrong, (y + 1) % (y.max() + 1), y)
    options = {"cv": 3, "method": "predict_proba"}
    found = find(noisy, cross_val_predict(calibrated(), X, noisy, **options))
    assert found[wrong].mean() > 0.8
    assert found[~wrong].mean() < 0.05
    clean = learning(calibrated(), seed=0).fit(X, noisy)
    assert (clean.predict(X) == y).mean() > 0.98
    with pytest.raises(ValueError, match="predict_proba"):
        learning(HingeSVC(C=0.1))


def test_hiclass_goes_down_a_hierarchy():
    hiclass = pytest.importorskip("hiclass")
    X, y = make_data(n=600, n_classes=3)
    paths = np.array([["left", "a"], ["right", "b"], ["right", "c"]], dtype=object)[y]
    flat = (HingeSVC(C=0.1).fit(X, y).predict(X) == y).mean()

    def right(found):
        return (found == paths).mean(axis=0).min()

    for name in ("PerNode", "PerParentNode", "PerLevel"):
        kind = getattr(hiclass, f"LocalClassifier{name}")
        forest = kind(calibrated(), return_all_probabilities=True).fit(X, paths)
        assert right(forest.predict(X)) > flat - 0.1
        told = forest.predict_proba(X)
        for probabilities, classes in zip(told, forest.classes_, strict=True):
            assert probabilities.shape == (len(X), len(classes))
            np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        best = [
            classes[probabilities.argmax(axis=1)]
            for probabilities, classes in zip(told, forest.classes_, strict=True)
        ]
        assert right(np.column_stack(best)) > flat - 0.1

        alone = kind(HingeSVC(C=0.1)).fit(X, paths)
        if name == "PerParentNode":
            assert right(alone.predict(X)) > flat - 0.1
        else:
            with pytest.raises(AttributeError, match=SAYS_WHAT_HELPS):
                alone.predict(X)
    alone = hiclass.FlatClassifier(HingeSVC(C=0.1)).fit(X, paths)
    assert right(alone.predict(X)) > flat - 0.1


def test_scikit_activeml_asks_for_labels(groups):
    SklearnClassifier = pytest.importorskip("skactiveml.classifier").SklearnClassifier
    pool = pytest.importorskip("skactiveml.pool")
    X, y = groups
    classes = np.unique(y)

    def learned(query, clf, n_known, **options):
        seen = np.full(len(y), np.nan)
        for k in classes:
            known = np.flatnonzero(y == k)[:n_known]
            seen[known] = y[known]
        wrapped = SklearnClassifier(clf, classes=classes, random_state=0)
        for _ in range(10):
            if isinstance(query, pool.UncertaintySampling):
                options["clf"] = wrapped
            place = query.query(X=X, y=seen, **options)
            assert np.isnan(seen[place]).all()
            seen[place] = y[place]
        return wrapped.fit(X, seen).predict(X)

    sampling = pool.UncertaintySampling(random_state=0)
    assert (learned(sampling, calibrated(), 5) == y).mean() > 0.95
    with pytest.raises(AttributeError, match=SAYS_WHAT_HELPS):
        learned(sampling, HingeSVC(), 5)

    committee = [
        SklearnClassifier(HingeSVC(C=C), classes=classes) for C in (0.01, 0.1, 1.0)
    ]
    votes = pool.QueryByCommittee(method="vote_entropy", random_state=0)
    found = learned(votes, HingeSVC(), 2, ensemble=committee)
    assert (found == y).mean() > 0.95


@pytest.mark.filterwarnings("default")
def test_scikit_activeml_warns_of_too_few_labels(groups):
    SklearnClassifier = pytest.importorskip("skactiveml.classifier").SklearnClassifier
    X, y = groups
    seen = np.full(len(y), np.nan)
    for k in np.unique(y):
        known = np.flatnonzero(y == k)[: 2 + k]  # none has the 5 for its folds
        seen[known] = k
    wrapped = SklearnClassifier(calibrated(), classes=np.unique(y), random_state=0)
    with pytest.warns(UserWarning, match="could not be fitted"):
        wrapped.fit(X, seen)
    counts = np.bincount(seen[~np.isnan(seen)].astype(int))
    expected = np.tile(counts / counts.sum(), (len(X), 1))
    np.testing.assert_allclose(wrapped.predict_proba(X), expected)
