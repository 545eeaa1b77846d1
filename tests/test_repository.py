"""What must not be in the repository, and a lock in step with pyproject.toml."""

import json
import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import PYPROJECT, ROOT, files, requirements, run_time

LARGEST = 1_600_000  # bytes

# Written in pieces: this file is searched too.
HOSTS = {
    "a package host": r"\b(py{0}i|{0}ythonhosted|npm{1}s|ana{2}a|prefix|debian)\.(org|com|dev)\b",
    "a package index": r"://[^\s\"']+/({3}|{4})/",
    "an index option": r"--(extra-)?index-{5}[ =]\S|--find-{6}[ =]\S|\[\[index\]\]",
}
PIECES = ("p", "j", "cond", "simple", "packages", "url", "links")
# A folder of one machine; after a letter or a dot it is part of a longer, harmless path.
MACHINE_PATH = r"(?<![\w.])/(home|root|work|farm|Users)" + r"/[A-Za-z]" + r"|\b[A-Z]:\\+Users\\+"
FORBIDDEN = {name: re.compile(text.format(*PIECES)) for name, text in HOSTS.items()}
FORBIDDEN["a machine's path"] = re.compile(MACHINE_PATH)

DEFINITION = re.compile(r"^\s*(async\s+def|def|class)\s", re.MULTILINE)
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; [^\\\n]+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def text_faults(text: str) -> list[str]:
    """Hosts and machine paths in a text, each with what was found."""
    return [
        f"{what}: {found[0]}"
        for what, pattern in FORBIDDEN.items()
        if (found := pattern.search(text))
    ]


def notebook_faults(text: str) -> list[str]:
    """Outputs, execution counts and definitions in a notebook's cells."""
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    found = []
    if any(cell["outputs"] or cell["execution_count"] for cell in cells):
        found.append("outputs")
    if any(DEFINITION.search("".join(cell["source"])) for cell in cells):
        found.append("a definition in a cell")
    return found


def locked(text: str) -> dict[str, list[str]]:
    """Versions by package name; a line that is no pin, hash or comment raises."""
    pins: dict[str, list[str]] = {}
    hashes: dict[str, int] = {}
    name = ""
    for line in text.splitlines():
        if pin := LOCKED.fullmatch(line):
            name = canonicalize_name(pin[1])
            pins.setdefault(name, []).append(pin[2])
            hashes[f"{name}=={pin[2]}"] = 0
        elif HASH.fullmatch(line):
            hashes[f"{name}=={pins[name][-1]}"] += 1
        elif not line.lstrip().startswith("#"):
            raise ValueError(f"not a pin with hashes: {line}")
    if bare := [pin for pin, count in hashes.items() if not count]:
        raise ValueError(f"without hashes: {bare}")
    return pins


def asked_directly(lock: str) -> set[str]:
    """The packages that the lock says are there for pyproject.toml itself."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return {
        canonicalize_name(block.split("==")[0])
        for block in blocks
        if re.search(r"# +(via )?crmlib \(", block)
    }


def declared() -> dict[str, Requirement]:
    """All that pyproject.toml asks for, and what builds it."""
    groups = PYPROJECT["dependency-groups"].values()
    return run_time() | requirements(PYPROJECT["build-system"]["requires"], *groups)


def lock_faults(wanted: dict[str, Requirement], lock: str) -> list[str]:
    """Packages missing from the lock, outside their bounds, or locked for nobody."""
    pins = locked(lock)
    found = [f"{name}: not locked" for name in wanted if name not in pins]
    found += [
        f"{name}: {version} is not {wanted[name].specifier}"
        for name in wanted.keys() & pins.keys()
        for version in pins[name]
        if not wanted[name].specifier.contains(version)
    ]
    asked = asked_directly(lock)
    found += [f"{name}: locked only for others" for name in wanted.keys() & pins.keys() - asked]
    return found + [f"{name}: no longer asked for" for name in sorted(asked - wanted.keys())]


LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
BARE = " \\\n    --hash=sha256:" + "0" * 64 + "\n"
HASHED = BARE + "    # via crmlib (pyproject.toml)\n"


def test_no_hosts_and_no_machine_paths():
    found = {}
    for path in files():
        data = (ROOT / path).read_bytes()
        # What is not text may still hold a path: read byte by byte.
        if faults := text_faults(data.decode("utf-8", errors="replace")):
            found[path] = faults
    assert found == {}


def test_files_are_small():
    sizes = {path: (ROOT / path).stat().st_size for path in files()}
    assert len(sizes) > 20
    assert {path: size for path, size in sizes.items() if size > LARGEST} == {}


def test_notebooks_are_stripped_and_define_nothing():
    paths = [path for path in files() if path.endswith(".ipynb")]
    assert any(path.startswith("notebooks/") for path in paths)
    assert any(path.startswith("dashboards/") for path in paths)
    found = {path: notebook_faults((ROOT / path).read_text(encoding="utf-8")) for path in paths}
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_the_lock_is_in_step_with_pyproject():
    assert lock_faults(declared(), LOCK) == []
    assert len(locked(LOCK)) > 100


@pytest.mark.parametrize(
    "text",
    [
        "https://py" + "pi.org/x",
        "files.python" + "hosted.org",
        "registry.npm" + "js.org",
        "conda.ana" + "conda.org",
        "http://mirror.example/py/" + "simple/polars",
        "--index-" + "url=x",
        "see /home" + "/ada/data",
        '"/root' + '/x"',
        "C:" + "\\Users\\ada",
    ],
)
def test_a_host_or_a_machine_path_is_found(text):
    assert len(text_faults(text)) >= 1


@pytest.mark.parametrize(
    "text", ["from PyPI", "conda-forge", "--no-index", "docs/home/x", "example.org/home/x", "a/b"]
)
def test_harmless_text_passes(text):
    assert text_faults(text) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"outputs": [{}]}, "outputs"),
        ({"execution_count": 1}, "outputs"),
        ({"source": ["x = 1\n", "def f():\n", "    pass"]}, "a definition in a cell"),
        ({"source": ["@dataclass\n", "class A: ..."]}, "a definition in a cell"),
    ],
)
def test_a_careless_notebook_is_found(change, fault):
    cell = {"cell_type": "code", "source": ["x"], "outputs": [], "execution_count": None}
    assert notebook_faults(json.dumps({"cells": [cell]})) == []
    assert notebook_faults(json.dumps({"cells": [cell | change]})) == [fault]


@pytest.mark.parametrize(
    ("lock", "fault"),
    [
        ("", "polars: not locked"),
        (f"polars==1.9{HASHED}", "polars: 1.9 is not >=2.1"),
        (f"polars==2.1{HASHED}polars==1.9 ; a < '3'{HASHED}", "polars: 1.9 is not >=2.1"),
        (f"polars==2.1{BARE}    # via\n    #   dataframely\n", "polars: locked only for others"),
        (f"polars==2.1{HASHED}gone==1{HASHED}", "gone: no longer asked for"),
    ],
)
def test_a_lock_out_of_step_is_found(lock, fault):
    assert lock_faults(requirements(["polars>=2.1"]), lock) == [fault]


@pytest.mark.parametrize(
    "lock", ["polars>=2.1" + HASHED, "polars==2.1\n", "--pre\n", "polars==2 \\"]
)
def test_a_line_that_is_no_pin_with_hashes_raises(lock):
    with pytest.raises(ValueError, match="hashes"):
        locked(lock)
