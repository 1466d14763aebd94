"""The recipes of docs/export.md, each where its packages are installed."""

import ast
import re
import shutil
from doctest import DocTestParser
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

PAGE = Path(__file__).resolve().parents[2] / "docs" / "export.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

if not PAGE.exists():
    pytest.skip("the documentation is not here", allow_module_level=True)

# What the packages of others warn of is not of this one.
pytestmark = pytest.mark.filterwarnings("ignore")


def blocks():
    """The blocks of the page: those with a prompt as what they run."""
    for text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if ">>> " in text:
            examples = DocTestParser().get_examples(text)
            yield "".join(example.source for example in examples), True
        else:
            yield text, False


def packages(code):
    """The packages that a block imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def can_write_pmml():
    """Whether sklearn2pmml, as the page says, can run here."""
    known = parse_version(sklearn.__version__) <= parse_version("1.9.0")
    return known and shutil.which("java") is not None


BLOCKS = list(blocks())
RECIPES = [place for place, (_, has_prompt) in enumerate(BLOCKS) if not has_prompt]


def test_the_page_has_recipes():
    assert len(RECIPES) > 10


@pytest.mark.parametrize("place", RECIPES, ids=lambda place: f"block {place}")
def test_recipe(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    code, _ = BLOCKS[place]
    for package in sorted(set(packages(code))):
        pytest.importorskip(package, exc_type=ImportError)
    if "sklearn2pmml" in code and not can_write_pmml():
        pytest.skip("sklearn2pmml needs Java and a version of scikit-learn it knows")
    namespace = {}
    for earlier, has_prompt in BLOCKS[:place]:
        if has_prompt:
            exec(earlier, namespace)
    exec(code, namespace)
