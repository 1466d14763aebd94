"""DaskHingeSVC: the problem and the certificate of HingeSVC, on a cluster."""

import inspect
import pickle
import threading
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

pytest.importorskip("distributed")
pytest.importorskip("pandas")

import dask.array as da
import dask.dataframe as dd
import pandas as pd
from dask import delayed
from distributed import Client, wait
from model_cases import names_in

from hingesvm import HingeSVC
from hingesvm.dask import DaskHingeSVC

from .conftest import chunked, cluster_of


def assert_same_optimum(clf, local):
    """Both are within their gaps of one minimum."""
    gaps = clf.dual_gap_ + local.dual_gap_
    assert abs(clf.objective_ - local.objective_) <= gaps


def objective_of(clf, X, y, cost=1.0):
    """The hinge objective of a fitted model of two classes, from its formula."""
    margins = np.where(y == clf.classes_[1], 1.0, -1.0) * (
        X @ clf.coef_[0].astype(float) + float(clf.intercept_[0])
    )
    w = clf.coef_[0].astype(float)
    return 0.5 * w @ w + np.sum(cost * np.maximum(0.0, 1.0 - margins))


def test_parameters_are_those_of_hingesvc_and_a_client():
    # Parameters are equal if names, kinds, defaults and annotations are.
    *shared, client = inspect.signature(DaskHingeSVC).parameters.values()
    assert shared == list(inspect.signature(HingeSVC).parameters.values())
    assert client.name == "client"
    constraints = {**HingeSVC._parameter_constraints, "client": "no_validation"}
    assert DaskHingeSVC._parameter_constraints == constraints


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "smoothed_hinge"])
def test_the_optimum_is_that_of_all_rows(client, table, loss):
    X, y = table
    clf = DaskHingeSVC(loss=loss).fit(*chunked(X, y))
    assert clf.dual_gap_ <= 1e-4 * clf.objective_
    assert_same_optimum(clf, HingeSVC(loss=loss).fit(X, y))
    assert clf.n_features_in_ == 8
    assert len(clf.history_) == 1
    assert not hasattr(clf, "dual_coef_")


@pytest.mark.parametrize(
    "rule", [{"fit_intercept": False}, {"penalized_intercept": True}]
)
def test_other_intercepts(client, table, rule):
    X, y = table
    clf = DaskHingeSVC(**rule).fit(*chunked(X, y))
    assert_same_optimum(clf, HingeSVC(**rule).fit(X, y))


def test_the_objective_is_that_of_its_formula(client, table):
    X, y = table
    clf = DaskHingeSVC().fit(*chunked(X, y))
    assert clf.objective_ == pytest.approx(objective_of(clf, X, y), rel=1e-6)


def test_the_number_of_workers_changes_no_bit(client, table):
    X, y = table
    both = DaskHingeSVC(client=client, random_state=3).fit(*chunked(X, y))
    with cluster_of(1) as cluster, Client(cluster) as other:
        alone = DaskHingeSVC(client=other, random_state=3).fit(*chunked(X, y))
    np.testing.assert_array_equal(both.coef_, alone.coef_)
    assert both.objective_ == alone.objective_
    assert both.dual_gap_ == alone.dual_gap_


def test_partitions_do_not_move(client, table):
    X, y = client.persist(list(chunked(*table)))
    wait([X, y])
    before = client.who_has(X)
    DaskHingeSVC().fit(X, y)
    after = client.who_has(X)
    assert {str(k): v for k, v in before.items()} == {
        str(k): v for k, v in after.items()
    }


def test_weights(client, table):
    X, y = table
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    parts = da.from_array(weights, chunks=3000)
    clf = DaskHingeSVC(class_weight="balanced").fit(*chunked(X, y), parts)
    local = HingeSVC(class_weight="balanced").fit(X, y, weights)
    assert_same_optimum(clf, local)


def test_several_classes(client):
    X, y = make_classification(
        24_000, 8, n_classes=3, n_informative=5, flip_y=0.1, random_state=0
    )
    clf = DaskHingeSVC().fit(*chunked(X, np.array(["a", "b", "c"])[y]))
    local = HingeSVC().fit(X, np.array(["a", "b", "c"])[y])
    assert_same_optimum(clf, local)
    assert clf.classes_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="multi_class"):
        DaskHingeSVC(multi_class="crammer_singer").fit(*chunked(X, y))


def test_few_rows_are_gathered_and_solved_exactly(client, table):
    X, y = table[0][:2000], table[1][:2000]
    clf = DaskHingeSVC(multi_class="crammer_singer").fit(*chunked(X, y, 300))
    local = HingeSVC(multi_class="crammer_singer").fit(X, y)
    np.testing.assert_array_equal(clf.coef_, local.coef_)


def wide_text(n_rows=12_000, n_columns=3000):
    """Sparse rows of two classes."""
    rng = np.random.default_rng(0)
    X = sp.random(n_rows, n_columns, 0.005, "csr", np.float32, rng)
    score = X @ rng.normal(size=n_columns)
    return X, np.where(score + 0.1 * rng.normal(size=n_rows) > 0.0, 1, -1)


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array])
def test_sparse_parts(client, kind):
    X, y = wide_text()
    edges = range(0, 12_000, 2000)
    parts = [delayed((kind(X[k : k + 2000]), y[k : k + 2000])) for k in edges]
    clf = DaskHingeSVC(tol=1e-3).fit(parts)
    assert clf.dual_gap_ <= 1e-3 * clf.objective_
    assert_same_optimum(clf, HingeSVC(tol=1e-3).fit(X, y))
    predicted = np.concatenate(
        [
            part.compute()
            for part in clf.predict([delayed(kind(X[k : k + 2000])) for k in edges])
        ]
    )
    np.testing.assert_array_equal(predicted, clf.to_local().predict(X))
    assert clf.score(parts) == pytest.approx(np.mean(predicted == y))


def test_sparse_chunks_of_an_array(client):
    X, y = wide_text(12_000, 40)
    rows = da.map_blocks(
        lambda block: sp.csr_matrix(block),
        da.from_array(X.toarray(), chunks=(3000, -1)),
        meta=sp.csr_matrix((0, 0), dtype=np.float32),
    )
    clf = DaskHingeSVC().fit(rows, da.from_array(y, chunks=3000))
    assert_same_optimum(clf, HingeSVC().fit(X, y))
    np.testing.assert_array_equal(clf.predict(rows).compute(), clf.predict(X))


def test_frames_and_unknown_sizes(client, table):
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    X, y = table
    names = [f"x{k}" for k in range(8)]
    frame = pd.DataFrame(X, columns=names).assign(label=y)
    rows = dd.from_pandas(frame, npartitions=5, sort=False)
    clf = DaskHingeSVC().fit(rows[names], rows["label"])
    assert clf.feature_names_in_.tolist() == names
    predicted = clf.predict(rows[names])
    assert isinstance(predicted.compute(), pd.Series)
    assert clf.score(rows[names], rows["label"]) == pytest.approx(
        clf.to_local().score(frame[names], y)
    )
    unknown = rows[names].values, rows["label"].values
    assert np.isnan(unknown[0].chunks[0]).all()
    again = DaskHingeSVC().fit(*unknown)
    assert again.objective_ == clf.objective_
    np.testing.assert_array_equal(
        again.predict(unknown[0]).compute(), predicted.compute().to_numpy()
    )


def test_partitions_that_lack_a_class_or_rows(client, table):
    X, y = table
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    edges = [0, 0, 4000, 4000, 9000, 16_000, 24_000, 24_000]
    parts = [delayed((X[a:b], y[a:b])) for a, b in pairwise(edges)]
    clf = DaskHingeSVC().fit(parts)
    assert_same_optimum(clf, HingeSVC().fit(X, y))


def test_predictions_of_partitions_without_rows(client, table):
    X, y = table
    rows, labels = chunked(X, y)
    clf = DaskHingeSVC().fit(rows, labels)
    edge = np.sort(X[:, 0])[-5]
    some = rows[rows[:, 0] > edge]
    expected = clf.decision_function(X[X[:, 0] > edge])
    assert len(expected) == 4
    frame = dd.from_dask_array(some)
    for collection in (some, frame):
        found = clf.decision_function(collection).compute()
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(
        clf.predict(frame).compute(), clf.predict(X[X[:, 0] > edge])
    )


def test_frames_are_computed_as_batches(client, table):
    X, y = table
    frame = dd.from_pandas(pd.DataFrame(X), npartitions=3)
    labels = dd.from_pandas(pd.Series(y), npartitions=3)
    batches = [(frame.partitions[k], labels.partitions[k]) for k in range(3)]
    assert_same_optimum(HingeSVC().fit_batches(batches), HingeSVC().fit(X, y))


def test_errors_name_the_estimator(client, table):
    rows, labels = chunked(*table)
    with pytest.raises(ValueError, match=r"partition 0: .*\n?DaskHingeSVC"):
        DaskHingeSVC().fit(rows * np.nan, labels)
    with pytest.raises(TypeError, match=r"distributed\.Client or None, got int"):
        DaskHingeSVC(client=3).fit(rows, labels)


def test_predictions_are_lazy_and_of_the_same_kind(client, table):
    X, y = table
    rows, labels = chunked(X, y)
    clf = DaskHingeSVC().fit(rows, labels)
    scores = clf.decision_function(rows)
    assert isinstance(scores, da.Array)
    np.testing.assert_array_equal(scores.compute(), clf.decision_function(X))
    np.testing.assert_array_equal(clf.predict(rows).compute(), clf.predict(X))
    local = clf.to_local()
    assert type(local) is HingeSVC
    np.testing.assert_array_equal(local.predict(X), clf.predict(X))
    assert clf.score(rows, labels) == pytest.approx(local.score(X, y))
    assert clf.score(X, y) == local.score(X, y)


def test_clones_share_the_client_and_pickles_have_none(client, table):
    clf = DaskHingeSVC(C=2.0, client=client)
    assert clone(clf).client is client
    assert clone(clf).C == 2.0
    fitted = clf.fit(*chunked(*table))
    again = pickle.loads(pickle.dumps(fitted))
    assert again.client is None
    np.testing.assert_array_equal(again.coef_, fitted.coef_)
    np.testing.assert_array_equal(again.history_[0], fitted.history_[0])


def test_pickles_name_the_public_class_alone(client, table):
    clf = DaskHingeSVC(client=client).fit(*chunked(*table))
    assert names_in(pickle.dumps(clf)) == {"hingesvm.dask.DaskHingeSVC"}
    assert names_in(pickle.dumps(clf.to_local())) == {"hingesvm.HingeSVC"}


def test_grid_search(client, table):
    X, y = chunked(*table)
    search = GridSearchCV(DaskHingeSVC(tol=1e-2), {"C": [0.1, 1.0]}, cv=2)
    with pytest.raises(TypeError, match="HingeSVC"):
        search.set_params(error_score="raise").fit(*table)
    search.fit(X, y)
    assert search.best_score_ > 0.7


def test_two_fits_at_once(client, table):
    found = {}

    def fit(C):
        found[C] = DaskHingeSVC(C, client=client).fit(*chunked(*table)).objective_

    threads = [threading.Thread(target=fit, args=(C,)) for C in (0.1, 1.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for C, objective in found.items():
        local = HingeSVC(C).fit(*table).objective_
        assert objective == pytest.approx(local, rel=2e-4)
    assert len(found) == 2


def test_warm_start(client, table):
    X, y = chunked(*table)
    clf = DaskHingeSVC(warm_start=True).fit(X, y)
    clf.set_params(C=1.2).fit(X, y)
    assert_same_optimum(clf, HingeSVC(C=1.2).fit(*table))


def test_a_fit_that_ends_early_warns(client, table):
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        clf = DaskHingeSVC(max_iter=3).fit(*chunked(*table))
    assert clf.dual_gap_ > 1e-4 * clf.objective_
    assert clf.dual_gap_ <= clf.objective_


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_of_weight_zero_are_left_out(client, n_classes):
    X, y = make_classification(
        30_000, 8, n_informative=6, n_classes=n_classes, random_state=0
    )
    clf = DaskHingeSVC(class_weight={1: 0.0}, client=client)
    if n_classes == 2:
        with pytest.raises(ValueError, match="only one class: 0"):
            clf.fit(*chunked(X, y))
        return
    clf.fit(*chunked(X, y))
    assert clf.classes_.tolist() == [0, 2]
    assert_same_optimum(clf, HingeSVC().fit(X[y != 1], y[y != 1]))


def test_classes_that_are_not_there_cannot_be_left_out(client, table):
    clf = DaskHingeSVC(class_weight={7: 0.0}, client=client)
    with pytest.raises(ValueError, match="not in class_weight"):
        clf.fit(*chunked(*table))


def test_a_partition_may_be_left_out_as_a_whole(client):
    X, y = make_classification(30_000, 8, n_informative=6, n_classes=3, random_state=0)
    order = np.argsort(y == 1, kind="stable")
    clf = DaskHingeSVC(class_weight={1: 0.0}, client=client)
    clf.fit(*chunked(X[order], y[order]))
    assert_same_optimum(clf, HingeSVC().fit(X[y != 1], y[y != 1]))
