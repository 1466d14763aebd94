"""Public names say the package that users import them from."""

import importlib
import inspect
import pickle
import pkgutil
import sys
import typing

import pytest

import hingesvm
from hingesvm import HingeSVC, HingeSVCCV, hinge_path
from hingesvm._public import set_public_module
from hingesvm.losses import SmoothedHinge
from hingesvm.metrics import hinge_loss, neg_hinge_loss_scorer
from hingesvm.model_selection import HingePath
from hingesvm.penalties import ElasticNet

NOT_PUBLIC = {"kernels", "problems", "rows", "solvers", "training"}
PACKAGES = [
    "hingesvm",
    *(
        f"hingesvm.{module.name}"
        for module in pkgutil.iter_modules(hingesvm.__path__)
        if module.ispkg and module.name not in NOT_PUBLIC
    ),
]
# Where the names said that they are before, as pickles of then have it.
OLD = {
    HingeSVC: "hingesvm.svc",
    HingeSVCCV: "hingesvm.model_selection._cv",
    hinge_path: "hingesvm.model_selection._path",
    HingePath: "hingesvm.model_selection._path",
    SmoothedHinge: "hingesvm.losses._margin",
    ElasticNet: "hingesvm.penalties._elastic_net",
    hinge_loss: "hingesvm.metrics._hinge_loss",
    type(neg_hinge_loss_scorer): "hingesvm.metrics._scorer",
}


def named_in(package):
    """The public classes and functions of a package, and classes of other objects."""
    module = importlib.import_module(package)
    for name in module.__all__:
        public = getattr(module, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            yield public
        elif not isinstance(public, str):
            yield type(public)


def test_packages_are_found():
    assert {"hingesvm.dask", "hingesvm.losses", "hingesvm.metrics"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_says_a_private_file(package):
    if package == "hingesvm.dask":
        pytest.importorskip("distributed")
    public = list(named_in(package))
    assert public
    for named in public:
        assert not any(part.startswith("_") for part in named.__module__.split("."))
        # What two packages have is of the one with the shorter name.
        assert named.__module__ in {package, "hingesvm"}
        module = importlib.import_module(named.__module__)
        assert getattr(module, named.__name__) is named


def test_the_estimators_are_of_the_package_itself():
    modules = {named.__module__ for named in [HingeSVC, HingeSVCCV, hinge_path]}
    assert modules == {"hingesvm"}


@pytest.mark.parametrize("public", OLD, ids=lambda public: public.__name__)
def test_pickles_name_the_package_and_those_with_the_old_path_load(public):
    now = pickle.dumps(public, protocol=0)
    named = f"c{public.__module__}\n{public.__name__}\n".encode()
    assert named in now
    before = now.replace(named, f"c{OLD[public]}\n{public.__name__}\n".encode())
    assert before != now
    assert pickle.loads(before) is public


def test_methods_say_where_their_class_is_and_have_their_source():
    assert HingeSVC.fit_batches.__module__ == "hingesvm"
    assert HingeSVC.predict.__module__ == "hingesvm._base"
    assert "def fit_batches(" in inspect.getsource(HingeSVC.fit_batches)
    assert "def hinge_path(" in inspect.getsource(hinge_path)


@pytest.mark.parametrize("public", [HingeSVC, HingeSVCCV, HingePath])
def test_type_hints_of_classes_are_found(public):
    hints = typing.get_type_hints(public)
    assert hints.keys() >= public.__annotations__.keys()
    assert not any(isinstance(hint, str) for hint in hints.values())


def test_only_what_is_in_the_same_file_as_the_class_is_moved(monkeypatch):
    package = type(sys)("a_package")

    class Public:
        def method(self):
            """Of the class."""

        @classmethod
        def make(cls):
            """Of the class, too."""

        @staticmethod
        def elsewhere():
            """Of another file."""

    file = "a_package._file"
    Public.__module__ = Public.method.__module__ = file
    Public.make.__func__.__module__ = file
    package.Public, package.number = Public, 3
    package.__all__ = ["Public", "number"]
    monkeypatch.setitem(sys.modules, "a_package", package)
    set_public_module("a_package")
    of_package = {Public.__module__, Public.method.__module__, Public.make.__module__}
    assert of_package == {"a_package"}
    assert Public.elsewhere.__module__ == __name__
    set_public_module("a_package")
    assert Public.__module__ == "a_package"
