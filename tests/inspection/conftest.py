"""Fits that the tests of paths of C share."""

import numpy as np
import pytest
from path_cases import CS
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import scale

from hingesvm.model_selection import HingeSVCCV, hinge_path


@pytest.fixture(scope="module")
def scaled_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module")
def cancer_search(scaled_cancer):
    return HingeSVCCV(Cs=CS).fit(*scaled_cancer)


@pytest.fixture(scope="module")
def iris_search():
    X, y = load_iris(return_X_y=True)
    return HingeSVCCV(Cs=CS).fit(X, np.array(["setosa", "versicolor", "virginica"])[y])


@pytest.fixture(scope="module")
def cancer_path(scaled_cancer):
    return hinge_path(*scaled_cancer, Cs=CS)
