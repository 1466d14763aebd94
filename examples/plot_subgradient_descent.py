"""
Subgradient descent without a learning rate
===========================================

The objective of a linear SVM has kinks, so one descends along subgradients, and the
textbook's method needs a step size for that. Here that method is written out. Then
comes the one change that gives the step size in closed form and proves how good the
result is, and last the Newton steps that finish. The derivations are in the
documentation, under "Theory".
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from hingesvm import HingeSVC
from hingesvm.inspection import ConvergenceDisplay

X_raw, labels = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X_raw)
y = np.where(labels == 1, 1.0, -1.0)
n_samples, n_features = X.shape
C = 0.1

# %%
# The objective, and where its minimum is
# ---------------------------------------
#
# The objective is half the squared length of the weights, plus C times the sum of the
# hinge losses. An intercept follows further down. ``HingeSVC`` finds the minimum to
# some 15 digits.


def primal(w, b=0.0, rows=X):
    """Return the objective P."""
    return 0.5 * w @ w + C * np.maximum(0.0, 1.0 - y * (rows @ w + b)).sum()


exact = HingeSVC(C=C, fit_intercept=False).fit(X, labels)
lowest = exact.objective_
print(f"minimum {lowest:.6f}, proven to {exact.dual_gap_:.0e}")
np.testing.assert_allclose(primal(exact.coef_[0]), lowest, rtol=1e-12)

# %%
# The textbook: steps of size 1/t
# -------------------------------
#
# Pegasos draws a row. If its margin is below 1, n times its own subgradient replaces
# the sum over all rows; the step size at step t is 1/t. The last weights depend much on
# the last rows, so their mean over the steps, with weights t, is kept too.

N_SWEEPS = 100


def pegasos(seed=0):
    """Return the objectives of the last and of the mean weights after each sweep."""
    rng = np.random.default_rng(seed)
    w, mean = np.zeros(n_features), np.zeros(n_features)
    t, objectives = 0, []
    for _ in range(N_SWEEPS):
        for i in rng.permutation(n_samples):
            t += 1
            margin = y[i] * (X[i] @ w)
            w *= 1.0 - 1.0 / t
            if margin < 1.0:
                w += n_samples * C / t * y[i] * X[i]
            mean += 2.0 / (t + 1.0) * (w - mean)
        objectives.append((primal(w), primal(mean)))
    return np.array(objectives).T


last, averaged = pegasos()

# %%
# Remembering what each row has contributed
# -----------------------------------------
#
# The weights are always a sum of rows, each y_i x_i times a share a_i. Pegasos shrinks
# all shares at each step and adds to one. To change the share of the one row only, in
# the direction of its present subgradient, they have to be kept: one number for each
# row. How far to go is then the maximum of a parabola, the dual objective
#
# .. math:: D(a) = \sum_i a_i - \tfrac12 \Big\| \sum_i a_i y_i x_i \Big\|^2,
#           \qquad 0 \le a_i \le C,
#
# along that direction, cut off where the subgradient itself is reached. No step size is
# left to choose.


def dual(a):
    """Return the dual value D, which no objective is below."""
    w = (a * y) @ X
    return a.sum() - 0.5 * w @ w


squared_norms = (X**2).sum(axis=1)


def remembering(rows, squared_norms, n_sweeps=N_SWEEPS, seed=0):
    """Return weights, shares, and both objectives after each sweep."""
    rng = np.random.default_rng(seed)
    w, a = np.zeros(n_features), np.zeros(n_samples)
    bounds = []
    for _ in range(n_sweeps):
        for i in rng.permutation(n_samples):
            margin = y[i] * (rows[i] @ w)
            share = a[i] + (1.0 - margin) / squared_norms[i]
            share = min(max(share, 0.0), C)
            w += (share - a[i]) * y[i] * rows[i]
            a[i] = share
        bounds.append((primal(w, rows=rows), a.sum() - 0.5 * w @ w))
    return w, a, np.array(bounds).T


w, a, (upper, lower) = remembering(X, squared_norms)
np.testing.assert_allclose(lower[-1], dual(a), rtol=1e-9)
for n in (1, 10, N_SWEEPS):
    print(
        f"{n:3d} sweeps, above the minimum by {last[n - 1] / lowest - 1:.1e} (last), "
        f"{averaged[n - 1] / lowest - 1:.1e} (mean), "
        f"{upper[n - 1] / lowest - 1:.1e} (remembering)"
    )

# %%
# The picture shows such a step at three rows from the first two sweeps: the parabola,
# and the share before and after. At the first row the top of the parabola is beyond the
# end of the box, at the second it is inside. The margin of the third is so far above 1
# that its share goes back to 0.

rng = np.random.default_rng(0)
some, shares = np.zeros(n_features), np.zeros(n_samples)
kinds = {}
for i in np.tile(rng.permutation(n_samples), 2):
    slope = 1.0 - y[i] * (X[i] @ some)
    top = shares[i] + slope / squared_norms[i]
    goal = min(max(top, 0.0), C)
    kind = None
    if slope > 0.0 and top > 1.2 * C and shares[i] < 0.8 * C:
        kind = "1. The step ends at C"
    elif slope > 0.0 and top < 0.8 * C and goal > shares[i] + 0.3 * C:
        kind = "2. The step ends at the top"
    elif slope < 0.0 and top < -0.2 * C and shares[i] > 0.2 * C:
        kind = "3. The step ends at 0"
    if kind is not None:
        kinds.setdefault(kind, (shares[i], slope, squared_norms[i], goal))
    some += (goal - shares[i]) * y[i] * X[i]
    shares[i] = goal

fig, axes = plt.subplots(
    1, len(kinds), figsize=(10.0, 3.6), sharex=True, layout="constrained"
)
for ax, kind in zip(axes, sorted(kinds), strict=True):
    share, slope, square, goal = kinds[kind]
    grid = np.linspace(-0.35 * C, 1.35 * C, 200)

    def gain(at, share=share, slope=slope, square=square):
        """Return by how much D rises when the share goes to `at`."""
        return (at - share) * slope - 0.5 * (at - share) ** 2 * square

    inside = (grid >= 0.0) & (grid <= C)
    ax.plot(grid, gain(grid), color="0.7", linestyle="--")
    ax.plot(grid[inside], gain(grid[inside]), color="C0")
    ax.axvspan(0.0, C, color="0.95", zorder=0)
    ax.plot(share, gain(share), "o", color="black", label="share before")
    ax.plot(goal, gain(goal), "s", color="C3", label="share after")
    rise = gain(goal)
    ax.set(title=kind, xlabel="share $a_i$ of row i", ylim=(-2.0 * rise, 1.6 * rise))
axes[0].set_ylabel("change of the dual objective D")
axes[0].legend(loc="lower right")
plt.show()

# %%
# Now both methods side by side. What a row once contributed wrongly stays in the
# weights of Pegasos and fades with 1/t. The shares are corrected whenever their row
# comes again.

sweeps = np.arange(1, N_SWEEPS + 1)
fig, ax = plt.subplots(figsize=(7.0, 4.4), layout="constrained")
ax.plot(sweeps, last / lowest - 1.0, color="0.6", label="Pegasos, last weights")
ax.plot(sweeps, averaged / lowest - 1.0, "C1-.", label="Pegasos, mean weights")
ax.plot(sweeps, upper / lowest - 1.0, "C0", label="remembering")
ax.plot(sweeps, (upper - lower) / upper, "C0:", label="remembering: what it can prove")
ax.set(
    title="How far above the minimum",
    xlabel="sweeps over the rows",
    ylabel="relative to the minimum",
    xscale="log",
    yscale="log",
)
ax.legend()
plt.show()

# %%
# The certificate
# ---------------
#
# The dual value is below every objective, so the minimum lies between the two, which is
# known without knowing the minimum. ``HingeSVC`` records how its own duality gap
# closed: here with ``solver="pegasos"``, ``"stochastic"`` (sweeps as above) and
# ``"auto"``, which goes on with Newton steps.

fits = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for solver in ("pegasos", "stochastic", "auto"):
        clf = HingeSVC(C=C, fit_intercept=False, solver=solver, tol=1e-10, max_iter=100)
        fits[solver] = clf.fit(X, labels)
        gap = clf.dual_gap_ / clf.objective_
        print(f"{solver:10s} {clf.n_iter_:3d} iterations, relative gap {gap:.1e}")

fig, ax = plt.subplots(figsize=(7.0, 4.4), layout="constrained")
ConvergenceDisplay.from_estimators(fits, x="iteration", ax=ax)
plt.show()

# %%
# An intercept that costs nothing
# -------------------------------
#
# For a free intercept b the shares of both classes have to balance: the sum of a_i y_i
# must be 0. Proximal steps achieve that. Within a sweep b moves by tau times the change
# of that sum, as if each row had one more feature of square tau, and after the sweep by
# tau times the sum that is left. At the end b is that of ``SVC(kernel="linear")``.

tau = 0.1 * squared_norms.mean()
rng = np.random.default_rng(0)
w, a, b = np.zeros(n_features), np.zeros(n_samples), 0.0
for sweep in range(1, 401):
    for i in rng.permutation(n_samples):
        margin = y[i] * (X[i] @ w + b)
        share = a[i] + (1.0 - margin) / (squared_norms[i] + tau)
        share = min(max(share, 0.0), C)
        change = (share - a[i]) * y[i]
        w += change * X[i]
        b += tau * change
        a[i] = share
    b += tau * (a @ y)
    if sweep in (1, 10, 100, 400):
        print(f"sweep {sweep:3d}: b {b:8.5f}, sum a_i y_i {a @ y:9.1e}")
free = HingeSVC(C=C).fit(X, labels)
print(f"HingeSVC : b {free.intercept_[0]:8.5f}")
print(f"objective {primal(w, b):.4f}, minimum {free.objective_:.4f}")

# %%
# The Newton steps that finish
# ----------------------------
#
# On raw columns, with values from 0.001 to 4254 here, all rows are nearly parallel, and
# sweeps make no progress. The batch method works on all rows at once. It keeps the
# shares ``a`` and adds a proximal term, which turns the dual problem into the
# minimisation of a function of w that has no kinks: its gradient is w less the sum of
# a+_i y_i x_i, with
#
# .. math:: a^+_i = \mathrm{clip}(a_i + \sigma (1 - m_i), \, 0, \, C).
#
# That is piecewise linear in w, so Newton's method with an exact line search solves it
# in a few steps. Then ``a+`` replaces ``a``, and sigma grows if few steps were needed.


def newton_direction(rows, gradient, free, sigma):
    """Return the Newton step; columns are scaled to a unit diagonal."""
    inner = rows[free]
    hessian = np.eye(n_features) + sigma * inner.T @ inner
    scale = 1.0 / np.sqrt(np.diag(hessian))
    return -scale * np.linalg.solve(
        hessian * scale[:, np.newaxis] * scale, scale * gradient
    )


def batch(rows, n_steps=200):
    """Return the highest dual value and the lowest objective after each Newton step."""
    w, a = np.zeros(n_features), np.zeros(n_samples)
    sigma, bounds, steps = C, [], 0
    high, low = 0.0, np.inf
    while len(bounds) < n_steps:
        shortfall = 1.0 - y * (rows @ w)
        new = np.clip(a + sigma * shortfall, 0.0, C)
        own = (new * y) @ rows
        high = max(high, new.sum() - 0.5 * own @ own)
        low = min(low, primal(w, rows=rows))
        bounds.append((low, high))
        if low - high < 1e-13 * low:
            break
        gradient = w - own
        if gradient @ gradient <= ((new - a) ** 2).sum() / sigma or steps == 25:
            a = new  # the multiplier update
            sigma *= 3.0 if steps <= 5 else 1.0 if steps <= 15 else 1.0 / 3.0
            steps = 0
            continue
        free = (new > 0.0) & (new < C)
        direction = newton_direction(rows, gradient, free, sigma)
        change = y * (rows @ direction)

        def slope(t, w=w, d=direction, s=shortfall, m=change, a=a, sigma=sigma):
            """Return the derivative along the direction, which increases with t."""
            return (w + t * d) @ d - np.clip(a + sigma * (s - t * m), 0.0, C) @ m

        lo, hi = 0.0, 1.0
        while slope(hi) < 0.0:
            lo, hi = hi, 2.0 * hi
        for _ in range(60):
            middle = 0.5 * (lo + hi)
            lo, hi = (middle, hi) if slope(middle) < 0.0 else (lo, middle)
        w = w + hi * direction
        steps += 1
    return np.array(bounds).T


newton_upper, newton_lower = batch(X_raw)
raw_squares = (X_raw**2).sum(axis=1)
*_, (sweep_upper, sweep_lower) = remembering(X_raw, raw_squares)
raw = HingeSVC(C=C, fit_intercept=False).fit(X_raw, labels)
for name, above, below in (
    (f"{N_SWEEPS} sweeps", sweep_upper.min(), sweep_lower.max()),
    (f"{newton_upper.size} Newton steps", newton_upper[-1], newton_lower[-1]),
    ("HingeSVC", raw.objective_, raw.objective_ - raw.dual_gap_),
):
    print(f"{name:16s}the minimum lies between {below:.6f} and {above:.6f}")
np.testing.assert_allclose(newton_upper[-1], raw.objective_, rtol=1e-8)

fig, ax = plt.subplots(figsize=(7.0, 4.4), layout="constrained")
gaps = {
    "sweeps": (np.minimum.accumulate(sweep_upper), np.maximum.accumulate(sweep_lower)),
    "batch method": (newton_upper, newton_lower),
}
for (name, (above, below)), style in zip(gaps.items(), ("C0", "C3"), strict=True):
    gap = np.maximum((above - below) / above, 1e-16)
    ax.plot(np.arange(1, gap.size + 1), gap, style, label=name)
ax.set(
    title="Raw columns: what is proven",
    xlabel="sweeps, or Newton steps",
    ylabel="relative duality gap",
    yscale="log",
)
ax.legend()
plt.show()

# %%
# Few rows decide
# ---------------
#
# At the minimum most rows are far from margin 1: on the right side with a share of 0,
# or on the wrong one with a share of C. Only rows on the margin itself have a share
# between, as a rule no more of them than there are weights, with the intercept. So
# ``HingeSVC`` solves a tall table on random samples first and then on a *band*, the
# rows near margin 1, and reads all rows only to find the band and to certify the
# result.

rng = np.random.default_rng(0)
tall = rng.standard_normal((50_000, 10))
side = tall @ rng.standard_normal(10) + 2.0 * rng.standard_normal(len(tall)) > 0.0
whole = HingeSVC(C=C, tol=1e-10, warm_start=True).fit(tall, side)
a = np.abs(whole.dual_coef_[0])
between = np.count_nonzero((a > 0.0) & (a < C))
print(f"{len(tall)} rows, share 0: {np.count_nonzero(a == 0.0)}, ", end="")
print(f"share C: {np.count_nonzero(a == C)}, between: {between}")

eighth = rng.choice(len(tall), len(tall) // 8, replace=False)
part = HingeSVC(C=8.0 * C).fit(tall[eighth], side[eighth])
margins = np.where(side, 1.0, -1.0) * part.decision_function(tall)
value = 0.5 * np.sum(part.coef_**2) + C * np.maximum(0.0, 1.0 - margins).sum()
print(
    "An eighth of the rows, at eight times the cost, comes within "
    f"{value / whole.objective_ - 1:.1e} of the minimum over all."
)

# %%
# The band has the rows whose margins by the model of the sample are nearest to 1,
# relative to the length of the row. All others keep the share of their side of margin
# 1, and all of these shares are right.

lengths = np.sqrt((tall**2).sum(axis=1))
band = np.zeros(len(tall), dtype=bool)
band[np.argsort(np.abs(1.0 - margins) / lengths)[: len(tall) // 8]] = True
wrong = a[~band] != np.where(margins[~band] < 1.0, C, 0.0)
print(f"outside the band of {band.sum()} rows: {wrong.sum()} shares are wrong")

fig, ax = plt.subplots(figsize=(7.0, 4.4), layout="constrained")
ax.hist(
    [margins[band], margins[~band & (margins < 1.0)], margins[~band & (margins > 1.0)]],
    bins=np.linspace(-5.0, 8.0, 105),
    stacked=True,
    color=["C3", "C0", "0.75"],
    label=["band: solved for", "outside: share C", "outside: share 0"],
)
ax.set(
    title="Margins of 50,000 rows, after an eighth of them",
    xlabel="margin",
    ylabel="rows",
)
ax.legend()
plt.show()
