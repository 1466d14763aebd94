"""The classical stochastic subgradient method, as the reference of the textbook.

Steps of size 1/t along one row's subgradient (Shalev-Shwartz, Singer and Srebro,
"Pegasos", ICML 2007), averaged with weights t (Lacoste-Julien, Schmidt and Bach,
"A simpler approach to obtaining an O(1/t) convergence rate", 2012). The average of
the subgradients taken at a row is a dual variable, so this method too is certified;
its gap falls like 1/t.
"""

from __future__ import annotations

import numpy as np

from hingesvm.problems.start import Start
from hingesvm.solvers.progress import Progress
from hingesvm.solvers.sweeping.steps import intercept_step, random_bits, shuffle

__all__ = ["step_until"]


def step_until(progress: Progress, start: Start, seed: int) -> None:
    """Take epochs of Pegasos steps until converged or exhausted.

    Parameters
    ----------
    progress : Progress
        Says when to stop, and keeps what is found.
    start : Start
        Feasible dual variables to start from.
    seed : int
        Of the order of rows.
    """
    problem = progress.problem
    rows, n_rows = problem.rows, problem.n_rows
    squared_norms = rows.squared_norms()
    tau = 1.0
    if problem.intercept_rule != "penalized":
        tau = intercept_step(
            problem.intercept_rule,
            rows.mean_square(),
            problem.cost,
            problem.curvature,
        )
    alpha = start.alpha.copy()
    w = problem.combine(alpha)
    # A start is worth an epoch; a smooth loss needs steps below its curvature.
    delay = 1.0 + n_rows * float(start.alpha.any())
    if not problem.has_kink:
        delay += n_rows * float(((squared_norms + tau) / problem.curvature).max())
    average, last_weight = np.zeros(n_rows), np.zeros(n_rows)
    order = np.arange(n_rows, dtype=np.intp)
    random_state = random_bits(seed)
    fixed = start.intercept if problem.intercept_rule == "free" else 0.0
    # Parts of the intercept, scale, time, and total weight: see the kernel.
    scalars = np.array([fixed, tau * problem.imbalance(alpha), 1.0, 0.0, 0.0])
    look_at = 1
    while not progress.exhausted:
        shuffle(rows, order, n_rows, random_state)
        rows.averaged_steps(
            problem, order, tau, delay, alpha, average, last_weight, w, scalars
        )
        progress.n_iter += 1
        average += alpha * (scalars[4] - last_weight)
        last_weight[:] = scalars[4]
        _rescale(alpha, w, scalars)
        if problem.intercept_rule == "free":
            scalars[0] += tau * problem.imbalance(alpha)
        if progress.n_iter >= look_at or progress.exhausted:
            look_at = progress.n_iter + max(1, progress.n_iter // 4)
            time = scalars[3]
            certificate = problem.evaluate(average / (0.5 * time * (time + 1.0)))
            progress.record(certificate)
            if progress.converged:
                return


def _rescale(alpha: np.ndarray, w: np.ndarray, scalars: np.ndarray) -> None:
    """Fold the common scale into what it scales."""
    alpha *= scalars[2]
    w *= scalars[2]
    scalars[1] *= scalars[2]
    scalars[2] = 1.0
