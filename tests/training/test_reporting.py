"""What verbose fits print: a line for each look, and why they ended."""

import re

import numpy as np
import pytest
from samples import make_data, text
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm.problems.certificate import Certificate
from hingesvm.rows.memory import MemoryRows
from hingesvm.solvers import Check, Solution
from hingesvm.training.printing import ProgressPrinter
from hingesvm.training.reporting import warn_if_not_converged
from hingesvm.training.trained import TrainedModel

LOOK = re.compile(
    r"\[HingeSVC\] (?P<where>.*?)iteration +(?P<iteration>\d+)  +(?P<seconds>\d+[.]\d+)"
    r" s  objective (?P<objective>\S+) +relative gap (?P<gap>\S+)  active rows +"
    r"(?P<active>\d+)"
)


def printed(capsys):
    """Return the lines that were printed."""
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_nothing_is_printed_by_default(capsys):
    X, y = make_data()
    HingeSVC().fit(X, y)
    HingeSVCCV(Cs=[0.1, 1.0], cv=2).fit(X, y)
    hinge_path(X, y, Cs=[0.1])
    assert printed(capsys) == []


@pytest.mark.parametrize("solver", ["auto", "stochastic", "batch", "pegasos"])
def test_a_line_for_each_look_and_one_at_the_end(capsys, solver):
    X, y = make_data()
    clf = HingeSVC(verbose=1, solver=solver, tol=0.05).fit(X, y)
    *looks, end = printed(capsys)
    (history,) = clf.history_
    assert len(looks) == len(history)
    for line, row in zip(looks, history, strict=True):
        seen = LOOK.fullmatch(line)
        assert seen["where"] == ""
        assert int(seen["iteration"]) == row["iteration"]
        assert int(seen["active"]) == row["active"]
        assert float(seen["objective"]) == pytest.approx(row["objective"], rel=1e-7)
        relative = row["gap"] / row["objective"]
        assert float(seen["gap"]) == pytest.approx(relative, rel=0.01)
    assert len({len(line) for line in looks}) == 1
    assert re.fullmatch(
        r"\[HingeSVC\] converged: relative gap \S+, tol=0.05 reached", end
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_lines_name_the_class(capsys, n_jobs):
    X, y = make_data(n_classes=3)
    clf = HingeSVC(verbose=1, n_jobs=n_jobs).fit(X, y)
    lines = printed(capsys)
    for number, history in enumerate(clf.history_):
        start = f"[HingeSVC] class {number + 1} of 3: "
        *looks, end = [line for line in lines if line.startswith(start)]
        assert len(looks) == len(history)
        assert all(LOOK.fullmatch(line) for line in looks)
        assert end.startswith(start + "converged: ")
    assert len(lines) == 3 + sum(len(history) for history in clf.history_)


def test_objective_is_that_of_the_history(capsys):
    X, y = make_data()
    clf = HingeSVC(verbose=1, multi_class="crammer_singer").fit(X, y)
    last = LOOK.fullmatch(printed(capsys)[-2])
    assert float(last["objective"]) == pytest.approx(clf.objective_, rel=1e-7)


def test_end_says_that_max_iter_is_reached(capsys):
    X, y = make_data()
    with pytest.warns(ConvergenceWarning):
        HingeSVC(verbose=1, max_iter=2, tol=1e-14).fit(X, y)
    end = printed(capsys)[-1]
    assert re.fullmatch(
        r"\[HingeSVC\] not converged: relative gap \S+, above tol=1e-14; max_iter=2 "
        "reached",
        end,
    )


@pytest.mark.parametrize(
    ("gap", "n_iter", "is_stopped", "reason"),
    [
        (1e-15, 5, False, "rounding permits no smaller gap"),
        (1e-15, 100, False, "rounding permits no smaller gap"),
        (0.5, 100, False, "max_iter=100 reached"),
        (0.5, 5, False, "it came no closer"),
        (0.5, 5, True, "a callback stopped it"),
    ],
)
def test_reasons(capsys, gap, n_iter, is_stopped, reason):
    nothing = np.empty(0)
    certificate = Certificate(nothing, 0.0, nothing, 1.0, 1.0 - gap)
    solution = Solution(certificate, n_iter, False, [], is_stopped=is_stopped)
    ProgressPrinter(1, 12, 1000, 1e-16, 100, 1.0, "fold 1 of 2, C=1").print_end(
        solution
    )
    (line,) = printed(capsys)
    assert line.startswith("[HingeSVC] fold 1 of 2, C=1: class  2 of 12: not converged")
    assert line.endswith(f"above tol=1e-16; {reason}")


def test_columns_are_wide_enough_for_what_may_come(capsys):
    lines = ProgressPrinter(0, 1, 123456, 1e-4, 1000, 2.0)
    lines.print_check(Check(7, 0.5, 1.5, 0.75, 9))
    lines.print_check(Check(1000, 9999.0, 123456.789, 1e-9, 123456))
    lines.print_check(Check(0, 0.0, 0.0, 0.0, 0))
    first, second, third = printed(capsys)
    assert len(first) == len(second) == len(third)
    assert "objective 3 " in first
    assert "relative gap 5.00e-01  active rows      9" in first
    assert "relative gap 0.00e+00" in third


def test_active_rows_fall_in_sweeps():
    X, y = text()
    clf = HingeSVC(solver="stochastic").fit(X, y)
    active = clf.history_[0]["active"]
    assert active[0] == len(y)
    assert 0 < active[-1] < 0.9 * len(y)


def test_active_rows_of_classes_that_are_swept_together():
    X, _ = text()
    y = (X @ np.random.default_rng(0).normal(size=(X.shape[1], 4))).argmax(axis=1)
    clf = HingeSVC().fit(X, y)
    for history in clf.history_:
        assert history["active"][0] == len(y)
        assert 0 < history["active"][-1] < len(y)


def test_active_rows_of_bands():
    X, y = make_data(60_000, 5)
    clf = HingeSVC(solver="batch").fit(X, y)
    active = clf.history_[0]["active"]
    assert active[0] == len(y)
    assert 0 < active[-1] < 0.5 * len(y)


def test_active_rows_of_a_joint_problem():
    X, y = make_data(2000, 10, n_classes=3)
    clf = HingeSVC(multi_class="crammer_singer", solver="stochastic").fit(X, y)
    active = clf.history_[0]["active"]
    assert active[0] == len(y)
    assert 0 < active[-1] < len(y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_prints_a_line_for_each_fold_and_value(capsys, n_jobs):
    X, y = make_data()
    clf = HingeSVCCV(Cs=[0.001, 1.0], cv=3, verbose=1, n_jobs=n_jobs).fit(X, y)
    lines = printed(capsys)
    assert len(lines) == 6
    for fold in range(3):
        for place, C in enumerate(["0.001", "1"]):
            start = f"[HingeSVCCV] fold {fold + 1} of 3, C={C}: "
            (line,) = [line for line in lines if line.startswith(start)]
            score = float(re.search(r"score (\S+) ", line)[1])
            assert score == pytest.approx(clf.scores_[fold, place], rel=1e-5)
            n_iter = int(re.search(r"iterations +(\d+) ", line)[1])
            assert n_iter == clf.n_iters_[fold, place]
    assert len({len(line) for line in lines}) == 1


def test_search_prints_the_lines_of_each_fit_if_asked_to(capsys):
    X, y = make_data()
    clf = HingeSVCCV(Cs=[0.1, 1.0], cv=2, verbose=2).fit(X, y)
    lines = printed(capsys)
    ends = [line.partition(": converged")[0] for line in lines if " converged" in line]
    assert ends == [
        "[HingeSVC] fold 1 of 2, C=0.1",
        "[HingeSVC] fold 1 of 2, C=1",
        "[HingeSVC] fold 2 of 2, C=0.1",
        "[HingeSVC] fold 2 of 2, C=1",
        f"[HingeSVC] refit, C={clf.C_:.4g}",
    ]
    looks = [line for line in lines if line.startswith("[HingeSVC] refit")][:-1]
    assert len(looks) == len(clf.history_[0])


def test_path_names_the_value(capsys):
    X, y = load_breast_cancer(return_X_y=True)
    hinge_path(X / X.max(axis=0), y, Cs=[1.0, 0.1], verbose=1)
    ends = [line for line in printed(capsys) if "converged" in line]
    assert [line.partition(": ")[0] for line in ends] == [
        "[HingeSVC] C=0.1",
        "[HingeSVC] C=1",
    ]


@pytest.mark.parametrize(("hidden", "blamed"), [(0.6, True), (0.1, False)])
def test_rounding_errors_are_blamed_where_they_make_up_the_gap(hidden, blamed):
    X = make_data(20, 3)[0]
    nothing = np.empty(0)
    seen = 1.0 - hidden
    certificate = Certificate(nothing, 0.0, nothing, 2.0, 2.0 - seen, above=hidden)
    assert certificate.gap == pytest.approx(1.0)
    solution = Solution(certificate, 1000, False, [])
    trained = TrainedModel(nothing, nothing, [solution], 0.5, 1.0, np.ones(1))
    with pytest.warns(
        ConvergenceWarning, match="relative duality gap of 50 %"
    ) as caught:
        warn_if_not_converged(MemoryRows(X), trained, 1e-4, 1000)
    text = str(caught[0].message)
    assert ("Rounding errors hide the rest" in text) == blamed


def test_coefficients_that_are_worse_rounded_are_told_of_in_any_case():
    X = make_data(20, 3)[0]
    nothing = np.empty(0)
    certificate = Certificate(nothing, 0.0, nothing, 2.0, 1.9)
    solution = Solution(certificate, 1000, False, [])
    trained = TrainedModel(nothing, nothing, [solution], 0.99, 1.0, np.ones(1))
    with pytest.warns(ConvergenceWarning, match="gap of up to 99 %: pass X as float64"):
        warn_if_not_converged(MemoryRows(X), trained, 1e-4, 1000)


@pytest.mark.parametrize("shape", [(3000, 55), (2100, 60), (400, 6)])
def test_who_watches_changes_no_bit(shape, capsys):
    # Interrupts of the many steps in one call fell elsewhere.
    rng = np.random.default_rng(9)
    X = rng.standard_normal(shape)
    y = X @ rng.standard_normal(shape[1]) + 5.0 * rng.standard_normal(len(X)) > 0.0
    alone = HingeSVC(10.0).fit(X, y)
    watched = HingeSVC(10.0, verbose=1).fit(X, y)
    assert capsys.readouterr().out
    assert np.array_equal(alone.coef_, watched.coef_)
    assert alone.n_iter_ == watched.n_iter_
    assert alone.dual_gap_ == watched.dual_gap_
