"""
The hinge loss by hand
======================

A linear classifier gives every row a score f. Its sign is the predicted class, and its
size says how far the row is from the boundary. The label y is -1 or 1. The hinge loss
demands more than the right sign: it is 0 only where the *margin* y f is at least 1.
"""

import matplotlib.pyplot as plt
import numpy as np
import sklearn.metrics

from hingesvm.losses import Hinge
from hingesvm.metrics import hinge_loss

scores = [0.8, -0.4, 1.2]
labels = [1, -1, 1]

# %%
# Row by row
# ----------
#
# The margin is the label times the score. The loss is what the margin is short of 1:
# ``max(0, 1 - margin)``.

margins, losses = [], []
for f, y in zip(scores, labels, strict=True):
    margin = y * f
    loss = max(0.0, 1.0 - margin)
    margins.append(margin)
    losses.append(loss)
    print(f"score {f:4.1f}, label {y:2d}")
    print(f"  margin  {y} * {f} = {margin:.1f}")
    print(f"  loss    max(0, 1 - {margin:.1f}) = max(0, {1 - margin:.1f}) = {loss:.1f}")

total = " + ".join(f"{loss:.1f}" for loss in losses)
mean = sum(losses) / len(losses)
print(f"mean loss ({total}) / {len(losses)} = {mean:.4f}")

# %%
# All three signs are right, so no row is misclassified. The first two still have a
# loss, as their margins are below 1. The margin of the third is above 1; a larger one
# would not lower the loss.
#
# The same from the library
# -------------------------
#
# ``Hinge().value`` is the loss at each margin. ``hinge_loss`` is its mean, computed
# from labels and scores as in scikit-learn.

values = Hinge().value(np.multiply(labels, scores))
ours = hinge_loss(labels, scores)
theirs = sklearn.metrics.hinge_loss(labels, scores)
print("Hinge().value              ", values.round(4), f"mean {values.mean():.4f}")
print(f"hingesvm.metrics.hinge_loss {ours:.4f}")
print(f"sklearn.metrics.hinge_loss  {theirs:.4f}")

np.testing.assert_allclose(values, losses)
np.testing.assert_allclose([ours, theirs], mean)

# %%
# The three rows on the curve
# ---------------------------

fig, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
grid = np.linspace(-1.0, 2.0, 301)
ax.plot(grid, Hinge().value(grid), color="black", label="max(0, 1 - margin)")
ax.axvspan(-1.0, 0.0, color="0.92", zorder=0)
ax.text(-0.5, 0.1, "wrong side", ha="center", color="0.35")
for row, marker in enumerate("os^"):
    ax.plot(
        margins[row],
        losses[row],
        marker,
        markersize=9,
        clip_on=False,
        zorder=3,
        label=f"y = {labels[row]}, f = {scores[row]}: loss {losses[row]:.1f}",
    )
    ax.vlines(margins[row], 0.0, losses[row], color="0.5", linestyle=":")
ax.axhline(mean, color="0.35", linestyle="--", label=f"mean loss {mean:.4f}")
ax.set(
    title="Three rows on the hinge",
    xlabel="margin y f",
    ylabel="loss of a row",
    xlim=(-1.0, 2.0),
    ylim=(0.0, 2.0),
)
ax.legend()
plt.show()
