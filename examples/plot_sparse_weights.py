"""
Topics told by few words
========================

With ``l1_ratio`` above 0 the weights of words that tell nothing are exactly 0. This
example generates documents of two topics, follows the weights along the path of C, and
asks how many words it takes to tell the topics apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from hingesvm import HingeSVC
from hingesvm.inspection import RegularizationPathDisplay
from hingesvm.model_selection import hinge_path, least_c

# %%
# The documents
# -------------
#
# Each has 60 words of a vocabulary of 2000, whose frequencies fall with their rank as
# those of a language do. Eleven words of each topic are more frequent in its documents,
# some of them much and others little.

TOPICS = {
    "space": "orbit rocket moon crew launch planet mission engine signal pilot fuel",
    "health": "doctor fever nurse drug patient clinic vaccine sleep diet pulse pain",
}
rng = np.random.default_rng(0)
telling = [word for words in TOPICS.values() for word in words.split()]
words = np.array(telling + [f"word{k}" for k in range(2000 - len(telling))])
ranks = np.empty(len(words))
ranks[: len(telling)] = 200.0  # rather rare
ranks[len(telling) :] = np.arange(2000 - len(telling))
labels = rng.choice(list(TOPICS), 1200)
texts = []
for label in labels:
    odds = 1.0 / (ranks + 3.0)
    own = np.isin(words, TOPICS[label].split())
    odds[own] *= np.geomspace(8.0, 1.2, own.sum())
    texts.append(" ".join(rng.choice(words, 60, p=odds / odds.sum())))
texts = np.array(texts, dtype=object)
train, test, y_train, y_test = train_test_split(texts, labels, random_state=0)
vectorizer = TfidfVectorizer()
X_train, X_test = vectorizer.fit_transform(train), vectorizer.transform(test)
names = vectorizer.get_feature_names_out()
print(f"{X_train.shape[0]} documents, {X_train.shape[1]} words in them")

# %%
# The path of the weights
# -----------------------
#
# Up to the C that ``least_c`` finds all weights are 0. From there on words come in, the
# most telling ones first. Above both panels is the number of words in use.

settings = {"loss": "squared_hinge"}
first = least_c(X_train, y_train, **settings)
Cs = np.geomspace(first, 100.0 * first, 25)
sparse = hinge_path(X_train, y_train, Cs=Cs, l1_ratio=1.0, **settings)
assert sparse.n_nonzeros[0] == 0
print("words in use at each C:", sparse.n_nonzeros.tolist())
RegularizationPathDisplay.from_path(sparse, feature_names=names, n_features=12)
plt.show()

# %%
# Accuracy against the number of words
# ------------------------------------
#
# With an L1 norm alone a few dozen words are as good as it gets, and more of them fit
# the noise of the training documents. The elastic net keeps more words for the same
# loss, as it shares weight among words that occur together. The squared norm has a
# weight for every word. Where the accuracy is to be reported, C is chosen by folds of
# the training documents, as ``HingeSVCCV(l1_ratios=[0.5, 1.0])`` does.


def accuracies(path):
    """Return the accuracy on the test documents for each C."""
    scores = [
        (X_test @ coef[0] + intercept[0] > 0.0)
        for coef, intercept in zip(path.coefs, path.intercepts, strict=True)
    ]
    is_second = y_test == path.classes[1]
    return np.array([np.mean(score == is_second) for score in scores])


mixed = hinge_path(X_train, y_train, Cs=0.5 * Cs, l1_ratio=0.5, **settings)
square = hinge_path(X_train, y_train, Cs=Cs, **settings)
fig, ax = plt.subplots(figsize=(7.0, 4.5), layout="constrained")
for path, name, marker in [
    (sparse, "L1 norm: l1_ratio=1", "o"),
    (mixed, "elastic net: l1_ratio=0.5", "s"),
]:
    ax.plot(path.n_nonzeros, accuracies(path), marker=marker, label=name)
best = accuracies(square).max()
ax.axhline(best, color="black", linestyle="--", label="squared norm, the best C")
ax.set(
    xlabel="number of words with a weight that is not 0",
    ylabel="accuracy on other documents",
    xscale="symlog",
    xlim=(-0.5, len(names)),
    title="Few words tell the topics apart",
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()

few = int(np.argmax(accuracies(sparse)))
print(f"L1 norm      {accuracies(sparse)[few]:.3f} with {sparse.n_nonzeros[few]} words")
print(f"squared norm {best:.3f} with {len(names)} words")
assert sparse.n_nonzeros[few] < len(names) / 4

# %%
# Words for another model
# -----------------------
#
# ``SelectFromModel`` keeps the words whose weight is not 0, as the estimator says that
# its penalty is the L1 norm. Whatever follows in the pipeline sees these alone.

chooser = SelectFromModel(HingeSVC(C=Cs[few], l1_ratio=1.0, **settings))
model = make_pipeline(TfidfVectorizer(), chooser, HingeSVC()).fit(train, y_train)
kept = model[:-1].get_feature_names_out()
n_telling = np.isin(kept, telling).sum()
print(f"{len(kept)} words are kept, {n_telling} of the {len(telling)} telling ones")
print(f"accuracy {model.score(test, y_test):.3f}")
order = np.argsort(-np.abs(chooser.estimator_.coef_[0]))[:10]
print("largest weights:", ", ".join(names[order]))
assert len(kept) == np.count_nonzero(chooser.estimator_.coef_)
