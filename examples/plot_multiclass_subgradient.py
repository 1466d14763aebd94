"""
Subgradients of the multi-class hinge: loops and arrays
=======================================================

With K classes a row has K scores, and the loss depends on by how much the score of the
true class leads. Crammer and Singer's counts the nearest other class, Weston and
Watkins' all others. Their subgradients are written here as plain double loops and
compared with the methods of ``hingesvm.losses``: the results are equal, the times are
not.
"""

import timeit

import matplotlib.pyplot as plt
import numpy as np

from hingesvm.losses import CrammerSinger, WestonWatkins

# %%
# The loops
# ---------
#
# A class counts where the true one leads it by less than 1. Its score then pushes the
# loss up, slope 1, and that of the true class pulls it down, slope -1.


def crammer_singer(scores, y):
    """Return one subgradient of the largest hinge of each row."""
    slopes = []
    for f, true in zip(scores, y, strict=True):
        best = None
        for k in range(len(f)):
            if k != true and (best is None or f[k] > f[best]):
                best = k
        row = [0.0] * len(f)
        if f[true] - f[best] < 1.0:
            row[best] = 1.0
            row[true] = -1.0
        slopes.append(row)
    return slopes


def weston_watkins(scores, y):
    """Return one subgradient of the sum of the hinges of each row."""
    slopes = []
    for f, true in zip(scores, y, strict=True):
        row = [0.0] * len(f)
        for k in range(len(f)):
            if k != true and f[true] - f[k] < 1.0:
                row[k] += 1.0
                row[true] -= 1.0
        slopes.append(row)
    return slopes


# %%
# A row by hand: class 0 is the true one. It leads class 1 by 0.5 and class 2 by 0.75,
# so both count for Weston and Watkins and the nearer one for Crammer and Singer. It
# leads class 3 by 1.5, which is enough.

row = [[1.0, 0.5, 0.25, -0.5]]
print("Crammer-Singer, loop    ", np.array(crammer_singer(row, [0]))[0])
print("Crammer-Singer, library ", CrammerSinger().subgradient(row, [0])[0])
print("Weston-Watkins, loop    ", np.array(weston_watkins(row, [0]))[0])
print("Weston-Watkins, library ", WestonWatkins().subgradient(row, [0])[0])

# %%
# Equal on many rows
# ------------------
#
# The scores are those of a linear model with random weights. Those of the first
# thousand rows are rounded to quarters: there classes tie, and leads are exactly 1.

rng = np.random.default_rng(0)
n_samples, n_features, n_classes = 10_000, 30, 20
X = rng.standard_normal((n_samples, n_features))
W = rng.standard_normal((n_classes, n_features)) / np.sqrt(n_features)
y = rng.integers(n_classes, size=n_samples)
scores = X @ W.T
scores[:1000] = np.round(4.0 * scores[:1000]) / 4.0

PAIRS = {
    "Crammer-Singer": (crammer_singer, CrammerSinger()),
    "Weston-Watkins": (weston_watkins, WestonWatkins()),
}
for name, (loop, loss) in PAIRS.items():
    np.testing.assert_array_equal(
        loss.subgradient(scores, y), loop(scores.tolist(), y.tolist())
    )
    print(f"{name}: equal on {n_samples} rows of {n_classes} classes")

# %%
# From scores to weights
# ----------------------
#
# The scores are linear in the weights, ``X @ W.T``, so the subgradient of the mean loss
# with respect to W is one product. Along its own direction the loss changes by its
# length, as a difference quotient confirms.

step = 1e-6
for name, (_, loss) in PAIRS.items():
    slopes = loss.subgradient(X @ W.T, y).T @ X / n_samples
    length = np.linalg.norm(slopes)
    ahead, behind = (
        loss.value(X @ (W + t * slopes / length).T, y).mean() for t in (step, -step)
    )
    quotient = (ahead - behind) / (2.0 * step)
    print(f"{name}: length {length:.6f}, difference quotient {quotient:.6f}")
    np.testing.assert_allclose(quotient, length, rtol=1e-4)

# %%
# Times
# -----
#
# The times are the best of five runs. The loops get lists, which they read faster than
# arrays. The library also checks its input.

lists = scores.tolist(), y.tolist()
times = {}
for name, (loop, loss) in PAIRS.items():
    calls = [lambda f=loop: f(*lists), lambda f=loss: f.subgradient(scores, y)]
    slow, fast = (1e3 * min(timeit.repeat(f, number=1, repeat=5)) for f in calls)
    times[name] = slow, fast
    print(f"{name}: loops {slow:.1f} ms, arrays {fast:.1f} ms, {slow / fast:.0f} times")

fig, ax = plt.subplots(figsize=(7.0, 3.6), layout="constrained")
places = np.arange(len(times))
styles = {
    "double loop": {"color": "0.8", "hatch": "//"},
    "array method": {"color": "C0"},
}
for which, (label, style) in enumerate(styles.items()):
    bars = ax.barh(
        places + 0.38 * (which - 0.5),
        [pair[which] for pair in times.values()],
        height=0.36,
        edgecolor="black",
        label=label,
        **style,
    )
    ax.bar_label(bars, fmt="%.1f ms", padding=4)
ax.set(
    title=f"Subgradients of {n_samples} rows of {n_classes} classes",
    xlabel="time (ms)",
    yticks=places,
    yticklabels=times,
)
ax.margins(x=0.18)
ax.invert_yaxis()
fig.legend(loc="outside lower center", ncols=2)
plt.show()
