"""What notebooks show of the estimators."""

import re

import pytest
from samples import make_data
from sklearn.base import clone
from sklearn.utils import estimator_html_repr

from hingesvm import HingeSVC, HingeSVCCV

API = "https://hingesvm.readthedocs.io/en/stable/api/"
MODELS = [
    (HingeSVC(C=2.5), API + "hingesvm.HingeSVC.html"),
    (HingeSVCCV(Cs=[0.1, 1.0], cv=2), API + "hingesvm.model_selection.HingeSVCCV.html"),
]


def rows_of(html):
    """Return the text of the cells of all table rows."""
    rows = re.findall(r"<tr.*?</tr>", html, flags=re.DOTALL)
    return [
        [
            " ".join(re.sub(r"<[^>]*>", " ", cell).split())
            for cell in re.findall(r"<t[dh].*?</t[dh]>", row, flags=re.DOTALL)
        ]
        for row in rows
    ]


@pytest.mark.parametrize(("model", "address"), MODELS)
def test_address_of_the_documentation(model, address):
    assert model._get_doc_link() == address
    assert f'href="{address}"' in estimator_html_repr(model)


def test_classes_of_others_have_no_address():
    class Mine(HingeSVC):
        pass

    assert Mine()._get_doc_link() == ""


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("model", "address"), MODELS)
def test_html_before_and_after_fit(model, address, n_classes):
    X, y = make_data(400, 300, n_classes=n_classes)
    model = clone(model)
    before = model._repr_html_()
    assert "Not fitted" in before
    model.fit(X, y)
    after = model._repr_html_()
    assert "Fitted" in after
    assert f'href="{address}"' in after
    # However many weights and looks there are.
    assert len(after) < len(before) + 60_000
    assert repr(model) == repr(clone(model))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_fitted_attributes_read_well(n_classes):
    X, y = make_data(400, 300, n_classes=n_classes)
    clf = HingeSVC().fit(X, y)
    html = clf._repr_html_()
    if "Fitted attributes" not in html:
        pytest.skip("this scikit-learn does not show fitted attributes")
    cells = {
        row[0].split()[0]: row[1:] for row in rows_of(html) if row[0] and len(row) == 3
    }
    count = 1 if n_classes == 2 else 3
    assert cells["coef_"][0] == f"ndarray[float64]({count}, 300)"
    assert cells["intercept_"][0] == f"ndarray[float64]({count},)"
    assert cells["objective_"] == ["float", f"{clf.objective_:.4g}"]
    assert cells["dual_gap_"] == ["float", f"{clf.dual_gap_:.4g}"]
    assert cells["n_iter_"] == ["int", str(clf.n_iter_)]
    assert cells["history_"][0] == "list"
    for kind, value in cells.values():
        assert kind
        assert len(value) < 250
