"""Sphinx configuration: `python -m sphinx -W --keep-going -b html docs OUT`.

`-D plot_gallery=0` leaves the examples unrun, and their pictures out. `-t online` links
to the documentation of NumPy, SciPy and scikit-learn, whose inventories it fetches.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

# The installed package, never its source folder, where `python -m sphinx` looks first.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT]

import hingesvm  # noqa: E402

os.environ.setdefault("MPLBACKEND", "Agg")

project = "hingesvm"
author = "The hingesvm developers"
copyright = "2026, The hingesvm developers"
version = release = hingesvm.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]

# Prose

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
smartquotes = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Docstrings

autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc has the types
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "all",
    "ES01",  # a summary can say it all
    "EX01",  # methods are shown in the example of their class
    "GL01",  # the summary stands on the line of the quotes
    "SA01",  # a See Also where there is something to see
    "SA04",
    "RT03",  # "HingeSVC" says it
}
numpydoc_validation_overrides = {"PR04": [r"As of (:meth:|HingeSVC)"]}
# What scikit-learn's classes hand down.
numpydoc_validation_exclude = {
    rf"\.{name}$"
    for name in (
        "get_metadata_routing",
        "get_params",
        "score",
        "set_callbacks",
        "set_fit_request",
        "set_partial_fit_request",
        "set_params",
        "set_score_request",
    )
}

# Labels of scikit-learn's documentation, in docstrings that its classes hand down.
SCIKIT_LEARN_LABELS = {"accuracy_score", "meta-estimator", "metadata_routing"}

if tags.has("online"):  # noqa: F821
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "numpy": ("https://numpy.org/doc/stable", None),
    "python": ("https://docs.python.org/3", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}

# Examples

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("hingesvm",),
    "within_subsection_order": "ExampleTitleSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

# Pages

html_theme = "pydata_sphinx_theme"
html_title = "hingesvm"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["hingesvm.css"]
html_theme_options = {
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
html_sidebars = {"index": [], "which": [], "changelog": []}

# Files of the repository that are pages here.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarking.md",
}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:)([^)#\s]+\.md)")


def page_of(path: str) -> str:
    """Return the page, from the top of the site, of a file of the repository."""
    for folder, pages in (("docs/", "/"), ("benchmarks/results/", "/results/")):
        if path.startswith(folder):
            return pages + path.removeprefix(folder)
    return "/" + PAGES[path]


def with_pages(folder: str, text: str) -> str:
    """Return Markdown of a folder whose links to files are links to pages."""

    def page(match: re.Match[str]) -> str:
        return page_of(posixpath.normpath(posixpath.join(folder, match[1])))

    return LINK.sub(page, text)


def read_page(app: Any, docname: str, content: list[str]) -> None:
    """Turn the links of a page that leave the folder of the documentation."""
    if app.env.doc2path(docname).suffix == ".md":
        folder = posixpath.dirname("docs/" + docname)
        content[0] = with_pages(folder, content[0])


def read_included(app: Any, path: Path, parent: str, content: list[str]) -> None:
    """Turn the links of a file that a page includes."""
    folder = (DOCS / path).resolve().parent.relative_to(ROOT).as_posix()
    content[0] = with_pages(folder, content[0])


def write_report_pages(app: Any) -> None:
    """Write a page for each report of the benchmarks, which includes it."""
    pages = DOCS / "results"
    pages.mkdir(exist_ok=True)
    for report in sorted((ROOT / "benchmarks" / "results").glob("*.md")):
        source = f"../../benchmarks/results/{report.name}"
        page = f"```{{include}} {source}\n:relative-images:\n```\n"
        path = pages / report.name
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")


def without_link(app: Any, env: Any, node: Any, text: Any) -> Any:
    """Leave the text of a reference to scikit-learn that `online` did not resolve."""
    return text if node["reftarget"] in SCIKIT_LEARN_LABELS else None


def without_pictures(app: Any, config: Any) -> None:
    """Let pictures of the examples be missing where these are not run."""
    if str(config.plot_gallery) in ("0", "False"):
        config.suppress_warnings.append("image.not_readable")


def setup(app: Any) -> None:
    """Connect the functions above."""
    app.connect("config-inited", without_pictures)
    app.connect("builder-inited", write_report_pages)
    app.connect("source-read", read_page)
    app.connect("include-read", read_included)
    app.connect("missing-reference", without_link, priority=900)
