"""The repository as the tests see it: its folder, its files, what it declares."""

import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files(*below: str) -> list[str]:
    """Return the paths that git tracks or would track, committed or not."""
    # A clone that another user owns is still this repository.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard", "--"]
    listed = subprocess.run([*git, *below], cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted({path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()})


def requirements(*lists: list[str]) -> dict[str, Requirement]:
    """Return declared requirements by normal name."""
    found = [Requirement(text) for lines in lists for text in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def run_time(project: dict = PYPROJECT) -> dict[str, Requirement]:
    """Return what users get: the core and the workbench extra."""
    declared = project["project"]
    return requirements(declared["dependencies"], declared["optional-dependencies"]["workbench"])
