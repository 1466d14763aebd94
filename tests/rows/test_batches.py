"""Rows that are read in batches answer as those in memory do."""

from fractions import Fraction

import numpy as np
import pytest
from batch_cases import batch_rows
from block_rows import exactly
from contract_cases import KINDS, ContractTests, D, N, both, problem_of, values
from reference import LOSSES, RULES, blobs, check_solution

from hingesvm.losses import Hinge
from hingesvm.problems.joint import JointProblem
from hingesvm.rows.memory import MemoryRows
from hingesvm.rows.team import Team
from hingesvm.solvers import Settings, passes, solve
from hingesvm.solvers.sweeping.lanes import most_lanes

HEIGHTS = {
    "uneven": [0, 20, 1, 0, 13, 7, 0],
    "one": [N],
    "rows": [1] * N,
}
SOME = np.array([40, 3, 3, 0, 22])


@pytest.fixture(params=HEIGHTS)
def heights(request):
    return HEIGHTS[request.param]


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=KINDS)
def homes(request, heights, dtype):
    """The same rows in batches and in memory."""
    X = KINDS[request.param](values().astype(dtype))
    return batch_rows(X, heights), MemoryRows(X)


class TestBatches(ContractTests):
    """The answers of batches, method by method."""


def test_some_rows_by_signs_and_in_any_order(homes):
    w, signs = np.linspace(-1.0, 2.0, D), np.array([1, -1, 1, 1, -1], dtype=np.int8)
    everyone = np.random.default_rng(0).permutation(N)
    nobody = np.empty(0, dtype=np.intp)
    both(homes, lambda rows: rows.margins(w, SOME, intercept=0.3, signs=signs))
    for some in (everyone, np.sort(everyone), nobody, np.repeat(SOME, 30)):
        both(homes, lambda rows, some=some: rows.margins(w, some))
        both(
            homes,
            lambda rows, some=some: rows.combine(np.arange(1.0, len(some) + 1), some),
        )
        both(homes, lambda rows, some=some: rows.take(some))
        ours, theirs = (rows.subset(some) for rows in homes)
        assert isinstance(ours, MemoryRows)
        assert (ours.n_rows, ours.n_entries) == (theirs.n_rows, theirs.n_entries)
        assert ours.dtype == homes[1].dtype
    both(homes, lambda rows: rows.inner_products(SOME, everyone))


def test_norms_and_counts(homes):
    both(homes, lambda rows: rows.squared_norms())
    both(homes, lambda rows: rows.longest_square())
    both(homes, lambda rows: [rows.n_rows, rows.n_features, rows.n_entries])
    both([rows.subset(SOME) for rows in homes], lambda rows: rows.squared_norms())
    assert homes[0].squared_norms() is homes[0].squared_norms()
    few = homes[0].few(5)
    assert few.dtype == homes[1].dtype
    np.testing.assert_array_equal(
        few.take(np.arange(few.n_rows)), homes[1].take(np.arange(0, N, 3))
    )


def test_sums_in_twice_the_precision_are_exact_to_it(homes):
    rng = np.random.default_rng(0)
    factors = rng.normal(size=N) * 10.0 ** rng.integers(-12, 13, size=N)
    w, X = factors[:D], homes[1].take(np.arange(N))
    for found, columns, vector, start in (
        (homes[0].precise_combine(factors), X.T, factors, 0.0),
        (homes[0].precise_scores(w, 1e-9, SOME), X[SOME], w, 1e-9),
    ):
        for k, column in enumerate(columns):
            value, rest, size = exactly(zip(column, vector, strict=True), start)
            error = Fraction(found.value[k]) - Fraction(value)
            error += Fraction(found.rest[k]) - Fraction(rest)
            assert abs(error) <= Fraction(max(size, 1e-300)) * Fraction(1, 10**29)
            assert found.size[k] == pytest.approx(size, rel=1e-12)


def test_each_answer_takes_one_pass(homes):
    rows = homes[0]
    w, ones = np.ones(D), np.ones(N)
    problem = problem_of(rows, np.where(np.arange(N) % 2, 1, -1), Hinge(), "free")
    everyone = np.arange(N)
    for ask in (
        lambda: rows.margins(w),
        lambda: rows.margins(w, SOME),
        lambda: rows.combine(ones),
        lambda: rows.combine(ones[:5], SOME),
        lambda: rows.take(SOME),
        lambda: rows.subset(SOME),
        lambda: list(rows.blocks(everyone)),
        lambda: rows.gram(everyone, ones),
        lambda: rows.inner_products(SOME, everyone),
        lambda: rows.precise_scores(w, 0.0, everyone),
        lambda: rows.precise_combine(ones),
        lambda: rows.squared_norms(),
        lambda: rows.survey(problem, w, 0.0, None, np.empty(N)),
        lambda: rows.survey(problem, w, 0.0, ones, np.empty(N)),
    ):
        before = rows.passes.count
        ask()
        assert rows.passes.count == before + 1
    before = rows.passes.count
    rows.squared_norms()
    rows.few(5)
    rows.combine(np.zeros(N))
    assert (rows.n_bytes, rows.longest_row()) > (0, 0)
    assert rows.passes.count == before
    # A copy for another team counts on.
    rows.shared_by(rows.team, print).combine(ones)
    assert rows.passes.count == before + 1


def test_passes_can_be_interrupted(homes):
    def stop():
        raise KeyboardInterrupt

    rows = homes[0].shared_by(homes[0].team, stop)
    for ask in (lambda: rows.margins(np.ones(D)), lambda: rows.subset(SOME)):
        with pytest.raises(KeyboardInterrupt):
            ask()


def test_no_more_than_can_be_in_memory(homes, monkeypatch):
    rows = homes[0]
    assert rows.most_at_once >= N
    most = rows.n_bytes // 2
    monkeypatch.setattr("hingesvm.rows.batches._MOST_BYTES", most)
    # Solvers keep more of each row than its values.
    assert rows.most_at_once <= most // 64
    monkeypatch.setattr("hingesvm.rows.batches._BESIDE", 0)
    assert N // 2 - 1 <= rows.most_at_once <= N // 2
    monkeypatch.setattr("hingesvm.rows.batches._MOST_BYTES", 1)
    assert rows.most_at_once == 1


@pytest.mark.parametrize("part", [0.3, 1.0])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["stochastic", "batch", "auto"])
def test_each_method_certifies_the_same_optimum(
    method, kind, rule, loss, part, monkeypatch
):
    monkeypatch.setattr(passes, "LEAST_BAND", 0)
    X, y = blobs(60, 3)
    cost = np.linspace(0.5, 0.9, 60)
    expected = solve(problem_of(MemoryRows(X), y, loss, rule, cost)).certificate
    rows = batch_rows(KINDS[kind](X), [11, 0, 40, 1, 8])
    monkeypatch.setattr("hingesvm.rows.batches._MOST_BYTES", part * rows.n_bytes + 8)
    monkeypatch.setattr("hingesvm.rows.batches._BESIDE", 0)
    found = solve(
        problem_of(rows, y, loss, rule, cost), Settings(method=method, tol=1e-3)
    )
    gap = check_solution(found, X, y, cost, loss, rule)
    assert gap <= 1.001e-3 * expected.primal
    assert abs(found.certificate.primal - expected.primal) <= gap + 1e-9
    assert rows.passes.count <= (300 if part < 1.0 else 30)


def test_rows_no_more_than_a_band_are_solved_in_memory():
    X, y = blobs(60, 3)
    rows = batch_rows(X, [30, 30])
    found = solve(problem_of(rows, y, Hinge(), "free"))
    expected = solve(problem_of(MemoryRows(X), y, Hinge(), "free"))
    assert rows.passes.count == 1
    assert found.certificate.primal == expected.certificate.primal
    assert found.certificate.gap == expected.certificate.gap


def test_what_batches_cannot_do_is_not_tried_or_said(homes):
    rows, codes = homes[0], np.arange(N) % 3
    problem = problem_of(rows, np.where(codes, 1, -1), Hinge(), "free")
    assert rows.reads_in_passes
    assert most_lanes(problem, 1e-3) == 1
    joint = JointProblem(rows, codes, 3, np.ones(N), 1.0, 1.0, "free")
    with pytest.raises(ValueError, match="joint losses need all rows in memory"):
        joint.class_rows()
    with pytest.raises(NotImplementedError):
        rows._keep(SOME)


def test_batches_are_surveyed_by_the_team_of_who_asks(homes, monkeypatch):
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_SHARE", 1)
    monkeypatch.setattr("hingesvm.rows.divided._ENTRIES_PER_SUM", 0.01)
    asked = []
    with Team(2) as team:
        run = team.run
        monkeypatch.setattr(
            team, "run", lambda *args, **kw: (asked.append(1), run(*args, **kw))[1]
        )
        rows = homes[0].shared_by(team, lambda: None)
        problem = problem_of(rows, np.where(np.arange(N) % 2, 1, -1), Hinge(), "free")
        found = rows.survey(problem, np.ones(D), 0.1, np.ones(N), np.empty(N))
    assert asked
    expected = homes[0].survey(problem, np.ones(D), 0.1, np.ones(N), np.empty(N))
    np.testing.assert_allclose(found.w_of_duals, expected.w_of_duals, atol=1e-5)
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
