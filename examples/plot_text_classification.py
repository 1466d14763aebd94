"""
Words that tell topics apart
============================

Text is classified by a pipeline of ``TfidfVectorizer`` and ``HingeSVC``. Here it learns
to tell from one paragraph of scikit-learn's own documentation which part of
scikit-learn the paragraph is about, and the weights show the words that decide.
"""

import inspect
import re
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn import cluster, datasets, ensemble, linear_model, metrics, preprocessing
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from hingesvm import HingeSVC

# %%
# The documents
# -------------
#
# These are the paragraphs of the docstrings of six subpackages, without code and
# references, each once. They come with scikit-learn, so they differ between its
# versions.


def paragraphs(docstring):
    """Yield the paragraphs of at least eight words that are no code."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        text = re.sub(r"https?:\S+|:\w+:`[^`]*`|sklearn[.\w]*", " ", paragraph)
        if ">>>" not in text and len(text.split()) >= 8:
            yield " ".join(text.split())


origins = {}
for package in (cluster, datasets, ensemble, linear_model, metrics, preprocessing):
    topic = package.__name__.removeprefix("sklearn.")
    for name in package.__all__:
        for text in paragraphs(inspect.getdoc(getattr(package, name)) or ""):
            origins.setdefault(text, (topic, f"{topic}.{name}"))
texts = np.array(list(origins), dtype=object)
topics, sources = np.array(list(origins.values())).T
print(f"{len(texts)} paragraphs of {len(set(sources))} docstrings")
for topic, count in zip(*np.unique(topics, return_counts=True), strict=True):
    print(f"  {topic:15s}{count:4d}")

# %%
# Training
# --------
#
# The paragraphs of a docstring repeat each other, so all of them are in the training
# part or all in the test part.

split = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
train, test = next(split.split(texts, topics, groups=sources))
model = make_pipeline(
    TfidfVectorizer(
        stop_words="english", token_pattern=r"\b[a-z]{3,}\b", sublinear_tf=True
    ),
    HingeSVC(),
)
began = time.perf_counter()
model.fit(texts[train], topics[train])
seconds = time.perf_counter() - began
vectorizer, svc = model[0], model[-1]

guess = DummyClassifier().fit(texts[train], topics[train])
print(f"{len(train)} paragraphs and {len(vectorizer.vocabulary_)} words to train")
print(f"accuracy on {len(test)} others  {model.score(texts[test], topics[test]):.3f}")
print(f"most frequent topic    {guess.score(texts[test], topics[test]):.3f}")
print(f"relative duality gap   {svc.dual_gap_ / svc.objective_:.1e}")
print(f"seconds                {seconds:.2f}")

# %%
# The words
# ---------
#
# Each topic is trained against the rest, and has a weight for each word. Words of large
# positive weight speak for the topic, words of large negative weight against it.

words = vectorizer.get_feature_names_out()
fig, axes = plt.subplots(2, 3, figsize=(10.0, 6.6), layout="constrained", sharex=True)
fig.suptitle("The words of largest weight for and against each part of scikit-learn")
for ax, topic, weights in zip(axes.flat, svc.classes_, svc.coef_, strict=True):
    order = np.argsort(weights)
    top = np.concatenate([order[:-9:-1], order[2::-1]])
    print(f"{topic:15s}{', '.join(words[top[:6]])}; not {', '.join(words[top[-3:]])}")
    speaks_for = weights[top] > 0.0
    for which, style in [
        (speaks_for, {"color": "C0", "label": "for the topic"}),
        (~speaks_for, {"color": "white", "hatch": "//", "label": "against it"}),
    ]:
        places = np.flatnonzero(which)
        ax.barh(places, weights[top[places]], edgecolor="black", **style)
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.set(title=topic, yticks=range(len(top)), yticklabels=words[top])
    ax.invert_yaxis()
for ax in axes[-1]:
    ax.set_xlabel("weight of the word's tf-idf")
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
plt.show()
