"""Who may import whom: downwards only, without a circle; length and place of files."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hingesvm

PACKAGE = Path(hingesvm.__path__[-1])
TESTS = Path(__file__).resolve().parent
BENCHMARKS = TESTS.parent / "benchmarks"
LONGEST = 450
# For each room those that it may import from, besides itself.
MAY_IMPORT = {
    "batches": set(),
    "kernels": set(),
    "losses": {"_namespace"},
    "penalties": {"losses"},
    "rows": {"_namespace", "kernels"},
    "problems": {"kernels", "losses", "penalties", "rows"},
    "solvers": {"_namespace", "kernels", "losses", "penalties", "problems", "rows"},
    "training": {"_namespace", "losses", "penalties", "problems", "rows", "solvers"},
    "_base": {"_namespace", "training"},
    "svc": {
        "_base",
        "_namespace",
        "losses",
        "penalties",
        "problems",
        "rows",
        "solvers",
        "training",
    },
    "metrics": {"_namespace", "losses"},
    "model_selection": {
        "_base",
        "losses",
        "metrics",
        "penalties",
        "problems",
        "rows",
        "solvers",
        "svc",
        "training",
    },
    "inspection": {"_namespace", "losses", "metrics", "model_selection"},
    "export": {"_base", "losses", "model_selection", "svc"},
    "dask": {"_base", "losses", "penalties", "solvers", "svc", "training"},
    "_namespace": set(),
    "_source": set(),
    "_public": set(),
    "__init__": {"_source", "model_selection", "svc"},
}
# What the file of a package itself may import from, wherever it is.
OF_PACKAGES = {"_public"}
WITHOUT_SKLEARN = {"kernels", "losses", "penalties", "rows", "problems", "solvers"}
# What users pass to the losses is checked as scikit-learn does it.
CHECKS = "hingesvm.losses._checks"


def module_of(path):
    """The dotted name of a source file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path):
    """The names of all modules that a source file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in SOURCES else node.module


def room_of(module):
    """The room of a module: its folder, or itself where it is in none."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


GRAPH = {module: set(imported(path)) for module, path in SOURCES.items()}


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_from_rooms_below_it_alone(module):
    room = room_of(module)
    ours = {name for name in GRAPH[module] if name.split(".")[0] == "hingesvm"}
    rooms = {room_of(name) for name in ours} - {room}
    is_package = SOURCES[module].name == "__init__.py"
    assert rooms <= MAY_IMPORT[room] | (OF_PACKAGES if is_package else set())


def test_rooms_have_an_order():
    order = list(TopologicalSorter(MAY_IMPORT).static_order())
    assert order.index("kernels") < order.index("rows") < order.index("problems")
    assert order.index("problems") < order.index("solvers") < order.index("training")


def test_no_circle_among_modules():
    # What a package's own modules import of it is not its doing.
    ours = {
        module: {name for name in names if name in SOURCES}
        for module, names in GRAPH.items()
    }
    TopologicalSorter(ours).prepare()


@pytest.mark.parametrize(
    "module",
    [name for name in SOURCES if room_of(name) in WITHOUT_SKLEARN and name != CHECKS],
)
def test_arithmetic_knows_no_scikit_learn(module):
    assert not {name for name in GRAPH[module] if name.split(".")[0] == "sklearn"}


def test_all_rooms_are_known():
    assert {room_of(module) for module in SOURCES} == set(MAY_IMPORT)


def names_in(path):
    """What a source file names: attributes with a dot before them, and variables."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield f".{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.name.split(".")[-1]


@pytest.mark.parametrize(
    "module", [name for name in SOURCES if room_of(name) not in {"kernels", "rows"}]
)
def test_only_rows_know_where_x_is(module):
    assert ".arrays" not in set(names_in(SOURCES[module]))
    assert not {name for name in GRAPH[module] if "kernels._places" in name}


def test_only_who_checks_input_makes_rows():
    makers = {
        module
        for module, path in SOURCES.items()
        if "MemoryRows" in set(names_in(path)) and room_of(module) != "rows"
    }
    checking = {"arrays", "batches", "validation"}
    assert makers == {f"hingesvm.training.{name}" for name in checking}


LIMITED = SOURCES | {
    str(path.relative_to(TESTS.parent)): path
    for path in [*sorted(TESTS.rglob("*.py")), *sorted(BENCHMARKS.glob("*.py"))]
}


@pytest.mark.parametrize("name", LIMITED)
def test_no_module_is_too_long(name):
    assert len(LIMITED[name].read_text().splitlines()) <= LONGEST


# All that is of arrays on a device is tested in one run, with other packages.
ELSEWHERE = {"solvers/arrays": "arrays"}


def folders_of(root):
    """The folders with modules below a folder, as paths from it."""
    found = {path.parent.relative_to(root).as_posix() for path in root.rglob("*.py")}
    return found - {"."}


@pytest.mark.parametrize("folder", sorted(folders_of(PACKAGE) | folders_of(TESTS)))
def test_tests_have_the_folders_of_the_package(folder):
    assert ELSEWHERE.get(folder, folder) in folders_of(TESTS)
    assert folder in folders_of(PACKAGE) | {"data", *ELSEWHERE.values()}
