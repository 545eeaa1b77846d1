"""The wheel holds the package as git has it, and nothing else."""

import re
import subprocess
import sys
import zipfile

import pytest

from tests.project import PYPROJECT, ROOT, files

NAME = f"crmlib-{PYPROJECT['project']['version']}"

NOT_FOR_USERS = re.compile(r"(^|/)(tests?/|test_|conftest)|_test\.py$|\.ipynb$")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel's files by name, built by the installed backend: no network, no isolation."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(folder / f"{NAME}-py3-none-any.whl") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def strangers(content: dict[str, bytes]) -> list[str]:
    """Files that no user should get: tests, notebooks, machine paths."""
    found = [name for name in content if NOT_FOR_USERS.search(name)]
    found += [name for name, data in content.items() if str(ROOT).encode() in data]
    return found + [name for name in content if name.startswith("/") or ".." in name]


def test_it_holds_what_git_holds(wheel):
    about = {
        f"{NAME}.dist-info/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    vendored = {
        f"{NAME}.dist-info/licenses/{path}"
        for path in files("crmlib/board/static")
        if "LICENSE" in path
    }
    assert wheel.keys() == set(files("crmlib")) | about | vendored


def test_it_holds_the_files_beside_the_code(wheel):
    assert "crmlib/py.typed" in wheel
    assert "crmlib/locale/tr/LC_MESSAGES/crmlib.mo" in wheel  # English is its own key
    assert any(name.startswith("crmlib/board/template/") for name in wheel)
    assert any(name.startswith("crmlib/board/static/") for name in wheel)


def test_nothing_strange_is_in_it(wheel):
    assert strangers(wheel) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("crmlib/tests/test_x.py", b""),
        ("crmlib/x.ipynb", b""),
        ("../x", b""),
        ("crmlib/x.py", f"{ROOT}/x".encode()),
    ],
)
def test_a_stranger_is_noticed(name, data):
    assert set(strangers({"crmlib/i18n.py": b"", name: data})) == {name}
