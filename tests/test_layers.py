"""Data flows one way and imports point back; widgets and files each have one home.

A module that is not listed fails by KeyError, which is meant: say where it belongs.
"""

import ast
import re

import pytest

from tests.project import ROOT, files

LAYERS = [  # a module may import only from layers before its own, or from its own package
    {"i18n"},
    {"errors"},
    {"schema", "estimate", "conclusions"},
    {"config", "theme"},
    {"ledger"},
    {"marts"},
    {"profile", "curves", "baskets", "campaigns"},
    {"lists"},
    {"publish"},
    {"board"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
RANK["__init__"] = -1  # the package itself imports none of its modules

WIDGETS = {"ipywidgets", "anywidget", "voila"}  # only in board
# Only in ledger. A message goes over a socket, not to a file.
FILE_CALL = re.compile(r"(open|(read|scan|write|sink)_(?!\w*message$)\w+)$")
OWN_FILES = {  # but for these: a recipe, the catalogues, what the page ships (named by a constant)
    "config": re.compile(r".*\bopen|.*\bread_\w+"),
    "i18n": re.compile(r".*\bopen|.*\bread_\w+"),
    "board": re.compile(r"\(?[A-Z][A-Z_]+\b.*\.read_(text|bytes)"),
}
NOT_FILES = {"webbrowser"}  # webbrowser.open opens a page


def module_of(path: str) -> str:
    """Return the module or package right below crmlib that a path belongs to."""
    return path.removeprefix("crmlib/").split("/")[0].removesuffix(".py")


def imported(tree: ast.Module) -> list[tuple[str, set[str]]]:
    """Every imported module with the names it binds here, in functions too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(name.name, {name.asname or name.name}) for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.append((f"{'.' * node.level}{node.module or ''}", set()))
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                found.append((f"{node.module}.{name.name}", {name.asname or name.name}))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            found += [(name.value, set()) for name in node.args if isinstance(name, ast.Constant)]
    return found


def import_faults(path: str, tree: ast.Module) -> list[str]:
    """Imports that point forward, sideways or at widgets from outside the board."""
    home, faults = module_of(path), []
    for target, _ in imported(tree):
        top, _, rest = target.partition(".")
        if not top:
            faults.append(f"{path} imports {target}: relative")
        elif top in WIDGETS and home != "board":
            faults.append(f"{path} imports {top}: only the board does")
        elif top == "crmlib" and rest and not rest.startswith("__"):
            other = rest.split(".")[0]
            if other != home and RANK[other] >= RANK[home]:
                faults.append(f"{path} imports {other}: not a layer below")
    return faults


def file_faults(path: str, tree: ast.Module) -> list[str]:
    """Calls that read or write files from outside the ledger."""
    home, faults = module_of(path), []
    if home == "ledger":
        return faults
    ours = {"crmlib"} | NOT_FILES
    for target, names in imported(tree):
        if target.split(".")[0] == "crmlib":
            ours |= names
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        whole = ast.unparse(call.func)
        owner, _, name = whole.rpartition(".")
        if not FILE_CALL.fullmatch(name):
            continue
        own = OWN_FILES.get(home)
        here = name in defined and owner in ("", "self", "cls")
        # A function of crmlib that happens to be called so is judged where it is defined.
        crmlibs = (owner or name) in ours or owner.startswith("crmlib.")
        if not (here or crmlibs or (own and own.fullmatch(whole))):
            faults.append(f"{path}:{call.lineno} calls {name}: only the ledger touches files")
    return faults


def faults(sources: dict[str, str]) -> list[str]:
    """All that is against the layers in these sources, by path."""
    found = []
    for path, source in sources.items():
        _ = RANK[module_of(path)]  # KeyError: a module that is in no layer
        tree = ast.parse(source)
        found += import_faults(path, tree) + file_faults(path, tree)
    return found


def test_crmlib_keeps_its_layers():
    paths = [path for path in files("crmlib") if path.endswith(".py")]
    assert len(paths) > 5
    assert faults({path: (ROOT / path).read_text(encoding="utf-8") for path in paths}) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("crmlib/marts/gaps.py", "from crmlib.curves import survival", "not a layer below"),
        ("crmlib/marts/gaps.py", "from crmlib import curves", "not a layer below"),
        ("crmlib/marts/gaps.py", "import crmlib.curves.survival", "not a layer below"),
        ("crmlib/profile/rfm.py", "from crmlib.baskets import rules", "not a layer below"),
        ("crmlib/schema.py", "def f():\n    from crmlib import theme", "not a layer below"),
        ("crmlib/errors.py", "if TYPE_CHECKING:\n    import crmlib.schema", "not a layer below"),
        ("crmlib/errors.py", "importlib.import_module('crmlib.cli')", "not a layer below"),
        ("crmlib/__init__.py", "from crmlib import marts", "not a layer below"),
        ("crmlib/profile/rfm.py", "from .figures import bars", "relative"),
        ("crmlib/publish.py", "import ipywidgets as w", "only the board does"),
        ("crmlib/cli.py", "def f():\n    from voila.app import Voila", "only the board does"),
        ("crmlib/lists.py", "open('x')", "only the ledger"),
        ("crmlib/marts/gaps.py", "pl.scan_parquet('x')", "only the ledger"),
        ("crmlib/publish.py", "frame.lazy().sink_parquet('x')", "only the ledger"),
        ("crmlib/publish.py", "from crmlib import theme\ntheme.PATH.read_text()", "the ledger"),
        ("crmlib/config.py", "path.write_text('x')", "only the ledger"),
        ("crmlib/board/page.py", "def read_it():\n    p.read_it()", "only the ledger"),
        ("crmlib/board/page.py", "path.read_text()", "only the ledger"),
        ("crmlib/board/page.py", "STATIC.write_text('x')", "only the ledger"),
        ("crmlib/publish.py", "STATIC.read_text()", "only the ledger"),
    ],
)
def test_a_fault_is_found(path, source, fault):
    (found,) = faults({path: source})
    assert found.startswith(path)
    assert fault in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("crmlib/curves/survival.py", "from crmlib.curves import figures"),
        ("crmlib/curves/survival.py", "from crmlib import __version__, i18n, marts"),
        ("crmlib/board/page.py", "import ipywidgets"),
        ("crmlib/ledger/store.py", "open('x'); frame.write_parquet('x')"),
        ("crmlib/config.py", "path.read_text()"),
        ("crmlib/i18n.py", "with path.open('rb') as file: pass"),
        ("crmlib/publish.py", "from crmlib.ledger import store\nstore.read_part('x')"),
        ("crmlib/publish.py", "from crmlib.ledger.store import read_part\nread_part('x')"),
        ("crmlib/board/chart.py", "(STATIC / name).read_bytes(); STYLE.read_text()"),
        ("crmlib/cli.py", "import webbrowser\nwebbrowser.open('x')"),
        ("crmlib/board/page.py", "def read_it(): pass\nread_it()"),
        ("crmlib/board/server.py", "super().write_message(read_header_of_message(x))"),
    ],
)
def test_what_is_allowed(path, source):
    assert faults({path: source}) == []


@pytest.mark.parametrize(
    ("path", "source"), [("crmlib/helpers.py", ""), ("crmlib/cli.py", "import crmlib.helpers")]
)
def test_an_unlisted_module_fails(path, source):
    with pytest.raises(KeyError, match="helpers"):
        faults({path: source})
