"""
Losses of the margin
====================

A binary classifier is trained with a loss of the margin m = y f, the label -1 or 1
times the score. The number of errors, which one would like to minimise, has no slope to
descend. The hinge and its relatives are convex and take its place; here they are
compared with the 0-1 loss and the logistic loss.
"""

import matplotlib.pyplot as plt
import numpy as np

from hingesvm.losses import Hinge, SmoothedHinge, SquaredHinge

TRAINABLE = {
    "hinge": Hinge(),
    "squared hinge": SquaredHinge(),
    r"smoothed hinge, $\gamma$ = 0.5": SmoothedHinge(gamma=0.5),
    r"smoothed hinge, $\gamma$ = 1": SmoothedHinge(gamma=1.0),
}


# %%
# The other two losses are written in NumPy. In bits, the logistic loss is 1 at margin
# 0, as are the hinge and its square. These three are nowhere below the 0-1 loss, so the
# mean of each is an upper bound of the share of errors.


def logistic(m):
    """Return the logistic loss in bits, log2(1 + exp(-m)), without overflow."""
    return np.logaddexp(0.0, -m) / np.log(2.0)


def logistic_slope(m):
    """Return its derivative."""
    return -1.0 / (1.0 + np.exp(m)) / np.log(2.0)


def zero_one(m):
    """Return 1 for an error, which a score of 0 is too, and else 0."""
    return np.where(m > 0.0, 0.0, 1.0)


values = {name: loss.value for name, loss in TRAINABLE.items()}
values |= {"logistic, in bits": logistic, "0-1": zero_one}
slopes = {name: loss.subgradient for name, loss in TRAINABLE.items()}
slopes["logistic, in bits"] = logistic_slope

# %%
# Some values
# -----------
#
# Rows beyond margin 1 have no hinge loss and do not influence the model; in the
# logistic loss all rows count a little. Far below margin 1 the squared hinge grows with
# the square, so one outlier can outweigh many rows; the others grow in proportion.

margins = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])


def print_table(title, functions):
    """Print a line for each function with its values at the margins."""
    print(f"{title:28s}" + "".join(f"{m:8.1f}" for m in margins))
    for name, function in functions.items():
        plain = name.replace(r"$\gamma$", "gamma")
        print(f"{plain:28s}" + "".join(f"{v:8.3f}" for v in function(margins)))


print_table("loss at margin", values)
print()
print_table("subgradient at margin", slopes)

# %%
# What makes it a subgradient
# ---------------------------
#
# The line through (m, loss(m)) with that slope is nowhere above the loss. At the kink
# of the hinge, m = 1, every slope from -1 to 0 would do; the library takes 0.

grid = np.linspace(-1.5, 2.5, 401)
for loss in TRAINABLE.values():
    at, slope = loss.value(margins), loss.subgradient(margins)
    lines = at[:, np.newaxis] + slope[:, np.newaxis] * (grid - margins[:, np.newaxis])
    highest = (lines - loss.value(grid)).max()
    print(f"{loss!s:25s} lines exceed the loss by at most {highest:.1e}")
    assert highest < 1e-12

# %%
# The curves
# ----------
#
# The smaller gamma, the nearer the smoothed hinge is to the hinge, and the faster its
# slope changes; with gamma 0.5 it is the squared hinge down to margin 0.5. The 0-1 loss
# is missing on the right: its slope is 0 wherever it has one.

STYLES = [
    {"color": "black", "linestyle": "-", "linewidth": 2.2},
    {"color": "C3", "linestyle": "--"},
    {"color": "C0", "linestyle": "-."},
    {"color": "C2", "linestyle": (0, (1, 1)), "linewidth": 2.2},
    {"color": "C1", "linestyle": (0, (6, 1.5, 1, 1.5, 1, 1.5))},
    {"color": "0.45", "linestyle": "-", "linewidth": 1.0},
]

fig, (left, right) = plt.subplots(1, 2, figsize=(10.0, 5.0), layout="constrained")
for (name, function), style in zip(values.items(), STYLES, strict=True):
    left.plot(grid, function(grid), label=name, **style)
for function, style in zip(slopes.values(), STYLES[:-1], strict=True):
    right.plot(grid, function(grid), **style)
right.plot(1.0, Hinge().subgradient(1.0), "ko", markersize=6)
right.annotate(
    "taken at the kink\nof the hinge: 0",
    (1.0, 0.0),
    xytext=(1.25, -0.75),
    arrowprops={"arrowstyle": "->"},
)
left.set(title="Loss", xlabel="margin y f", ylabel="loss", ylim=(-0.1, 4.0))
right.set(
    title="Subgradient",
    xlabel="margin y f",
    ylabel="change of loss per unit of margin",
    ylim=(-3.2, 0.2),
)
for ax in (left, right):
    ax.set_xlim(grid[0], grid[-1])
    ax.axvline(1.0, color="0.8", linewidth=0.8, zorder=0)
fig.legend(loc="outside lower center", ncols=3)
plt.show()
