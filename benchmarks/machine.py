"""What a benchmark ran on: processor and versions, as lines of a table."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "hingesvm",
    "numpy",
    "scipy",
    "scikit-learn",
    "snapml",
    "rehline",
    "liblinear-multicore",
)


def describe() -> str:
    """Return a Markdown list of the processor, the system and the packages."""
    versions = (f"{name} {_version(name)}" for name in PACKAGES)
    return "\n".join(
        (
            f"- {_processor()}, {os.cpu_count()} cores, {_memory()}",
            f"- {platform.system()}, Python {platform.python_version()}, "
            f"{platform.python_compiler()}",
            f"- {', '.join(versions)}",
        )
    )


def _processor() -> str:
    """Return the processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
