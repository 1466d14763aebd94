"""For the tests of hingesvm.metrics: rows, and the loss as its definition reads."""

from hypothesis import settings
from hypothesis import strategies as st

quick = settings(max_examples=30, deadline=None)
forms = st.sampled_from(["crammer_singer", "weston_watkins", "ovr"])
decision = st.floats(-1e3, 1e3)
weight = st.floats(0.0, 1e3).map(lambda w: 0.0 if w < 1e-3 else w)


@st.composite
def binary(draw, classes=((-1, 1), (0, 1), (3, 8), (1.0, 2.0))):
    """Labels of both classes, decisions, weights or None, and the classes."""
    low, high = draw(st.sampled_from(classes))
    rest = draw(st.lists(st.sampled_from([low, high]), max_size=20))
    y = draw(st.permutations([low, high, *rest]))
    n = len(y)
    f = draw(st.lists(decision, min_size=n, max_size=n))
    w = draw(st.none() | st.lists(weight, min_size=n, max_size=n).filter(any))
    return y, f, w, [low, high]


@st.composite
def multiclass(draw, least=3):
    """Labels of some of K classes, a column for each, weights or None, the classes."""
    pool = draw(st.sampled_from([list(range(5)), list("vwxyz"), [-7.5, -1, 0, 2, 9]]))
    classes = pool[: draw(st.integers(least, 5))]
    y = draw(st.lists(st.sampled_from(classes), min_size=1, max_size=15))
    row = st.lists(decision, min_size=len(classes), max_size=len(classes))
    f = draw(st.lists(row, min_size=len(y), max_size=len(y)))
    w = draw(st.none() | st.lists(weight, min_size=len(y), max_size=len(y)).filter(any))
    return y, f, w, classes


def hinges(f, k, form):
    """The hinges of one row, whose true class is the k-th."""
    if isinstance(f, float):
        margins = [f if k == 1 else -f]
    elif form == "crammer_singer":
        margins = [f[k] - max(s for j, s in enumerate(f) if j != k)]
    elif form == "weston_watkins":
        margins = [f[k] - s for j, s in enumerate(f) if j != k]
    else:
        margins = [s if j == k else -s for j, s in enumerate(f)]
    return [max(0.0, 1.0 - margin) for margin in margins]


def loop_loss(y, f, labels, power=1, w=None, form="crammer_singer"):
    """The weighted mean loss of decisions, each a float or a list of floats."""
    classes = sorted(labels)
    total = mass = 0.0
    for i, label in enumerate(y):
        wi = 1.0 if w is None else w[i]
        terms = hinges(f[i], classes.index(label), form)
        total += wi * sum(term**power for term in terms)
        mass += wi
    return total / mass
