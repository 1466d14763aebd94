"""
Weights of handwritten digits as images
=======================================

A linear classifier of images has a weight for each pixel and class, so the weights of a
class are an image too. Trained one against the rest, it shows what distinguishes the
class from all others at once. Crammer and Singer's loss trains all classes together,
and requires only that the score of the true class be the highest, by a margin.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hingesvm import HingeSVC

digits = load_digits()
X = digits.data / 16.0
X_train, X_test, y_train, y_test = train_test_split(
    X, digits.target, test_size=0.5, stratify=digits.target, random_state=0
)

# %%
# Two ways to train ten classes
# -----------------------------
#
# The objectives belong to different problems and cannot be compared; the accuracies
# can.

models = {
    "one against the rest": HingeSVC(C=0.1),
    "Crammer-Singer": HingeSVC(C=0.1, multi_class="crammer_singer"),
}
print(f"{len(X_train)} rows of {X.shape[1]} pixels to train, {len(X_test)} to test")
print(f"{'':22s}training    test   objective   gap (rel.)   seconds")
for name, model in models.items():
    began = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - began
    print(
        f"{name:22s}{model.score(X_train, y_train):8.3f}"
        f"{model.score(X_test, y_test):8.3f}{model.objective_:12.4f}"
        f"{model.dual_gap_ / model.objective_:13.1e}{seconds:10.2f}"
    )

# %%
# Zero sums
# ---------
#
# Crammer and Singer's loss depends only on differences of scores, so at the minimum the
# images of all classes add up to 0: what speaks for one class speaks against others.
# Trained one against the rest, they need not.

for name, model in models.items():
    largest = np.abs(model.coef_).max()
    of_sum = np.abs(model.coef_.sum(axis=0)).max()
    print(f"{name:22s}largest weight {largest:.2f}, of the sum {of_sum:.1e}")

# %%
# The images
# ----------
#
# Light pixels speak for the class and dark ones against it; grey ones do not matter.
# Each method has a scale of its own, which one weight in a hundred exceeds. At the top
# is the mean of the training rows of each class.

means = np.array([X_train[y_train == label].mean(axis=0) for label in range(10)])
blocks = [("mean image", means, 0.0, 1.0, "ink")]
for name, model in models.items():
    end = np.percentile(np.abs(model.coef_), 99)
    title = f"{name}\ntest accuracy {model.score(X_test, y_test):.1%}"
    blocks.append((title, model.coef_, -end, end, "weight"))

fig, axes = plt.subplots(3, 10, figsize=(11.0, 3.6), layout="constrained")
for line, (title, images, low, high, unit) in zip(axes, blocks, strict=True):
    for ax, image in zip(line, images, strict=True):
        shown = ax.imshow(image.reshape(8, 8), cmap="gray", vmin=low, vmax=high)
        ax.set(xticks=[], yticks=[])
    fig.colorbar(shown, ax=line, label=unit, pad=0.01, extend="both" if low else None)
    line[0].set_ylabel(title, rotation=0, ha="right", va="center")
for ax, label in zip(axes[0], digits.target_names, strict=True):
    ax.set_title(str(label))
fig.suptitle("Ten digits: mean images, and the weights of two linear classifiers")
plt.show()
