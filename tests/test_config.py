"""A configuration is refused with the key, the reason and, where there is one, the right key."""

import pytest

from crmlib import config
from crmlib.config import Config, Source
from crmlib.errors import ConfigError
from tests.project import ROOT

LINES = """
[order_lines]
files = ["orders.csv"]
"""
SECRET = "5eaced" * 10 + "5eac"


def refused(tmp_path, content):
    path = tmp_path / "crm.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert caught.value.exit_code == 2
    assert "crm.toml" in str(caught.value)
    return str(caught.value)


UNREADABLE = {
    "not TOML": ("[order_lines\nfiles = 1", "not valid TOML"),
    "same key twice": (LINES + 'files = ["b.csv"]', "not valid TOML"),
    "not UTF-8": (LINES.encode() + "# Müşteri ığ".encode("cp1254"), "line 4: not UTF-8"),
    "UTF-16": (LINES.encode("utf-16"), "line 1: not UTF-8"),
    "empty": ("", "no table has a source; begin with [order_lines]"),
    "unknown section": ("[order_line]\n" + LINES, "did you mean 'order_lines'?"),
    "unknown key": (LINES + 'seperator = ";"', "order_lines.unknown key 'seperator'"),
    "nearest key": (LINES + 'seperator = ";"', "did you mean 'separator'?"),
    "nothing near": (LINES + "zzz = 1", "known: files, format, encoding"),
    "key of a filter": (
        LINES + '[[order_lines.drop]]\nname="x"\ncolumn="y"\nequal="z"',
        "did you mean 'equals'?",
    ),
    "unknown column": (
        LINES + "[order_lines.columns]\ncustomr_id='x'", "did you mean 'customer_id'?",
    ),
    "inner field is no key": (LINES + "\nfolder = '/'", "unknown key 'folder'"),
    "outer field is no key": ("folder = '/'\n" + LINES, "unknown key 'folder'"),
    "wrong type of a table": ("order_lines = 5", "order_lines: Input should be"),
    "wrong type of a list": ('[order_lines]\nfiles = "a"', "files: must be a list: [...]"),
    "no file": ("[order_lines]\nfiles = []", "files: List should have at least 1 item"),
    "wrong type of a flag": (LINES + 'header = "perhaps"', "header: Input should be a valid bool"),
    "currency": ("[shop]\ncurrency = 'lira'\n" + LINES, "shop.currency"),
    "zone": ("[shop]\ntime_zone = 'Turkey/Istanbul'\n" + LINES, "no such time zone"),
    "day": ("[history]\ncomplete_from = 'soon'\n" + LINES, "history.complete_from"),
    "encoding": (LINES + "encoding = 'turkish'", "no such encoding"),
    "separator": (LINES + "separator = ';;'", "must be one character"),
    "separator not ASCII": (LINES + "separator = '¦'", "must be one character"),
    "quote": (LINES + "quote = '““'", "order_lines.quote"),
    "quote is separator": (LINES + "quote = ','", "separator and quote must differ"),
    "same marks": (LINES + "decimal = ','\nthousands = ','", "must differ"),
    "thousands alone": (LINES + "thousands = '.'", "thousands needs decimal"),
    "date format": (LINES + "date_format = 'dd.mm.yyyy'", "not a date format"),
    "hour without minute": (LINES + "date_format = '%Y-%m-%d %H'", "not a date format"),
    "names and header": (LINES + "names = ['a']", "set header = false"),
    "no header, no names": (LINES + "header = false", "needs names"),
    "names twice": (LINES + "header = false\nnames = ['a', 'A']", "a name of its own"),
    "mapped and fixed": (
        LINES + "columns = {quantity = 'n'}\nvalues = {quantity = '1'}", "both mapped and fixed",
    ),
    "nothing mapped": (LINES + "columns = {order_id = 'x'}", "lacks ordered_at, product_id"),
    "no price": (
        LINES + "columns = {order_id='a', ordered_at='b', product_id='c', quantity='d'}",
        "needs unit_price or line_total",
    ),
    "filter without condition": (
        LINES + '[[order_lines.drop]]\nname="x"\ncolumn="y"', "exactly one condition, has 0",
    ),
    "filter with two": (
        LINES + '[[order_lines.drop]]\nname="x"\ncolumn="y"\nbelow=1\nabove=2', "has 2",
    ),
    "pattern": (
        LINES + '[[order_lines.drop]]\nname="x"\ncolumn="y"\nmatches="("', "not a regular",
    ),
    "pattern that polars cannot run": (
        LINES + '[[order_lines.drop]]\nname="x"\ncolumn="y"\nmatches="(?=a)"', "not a regular",
    ),
    "vat": ("[shop]\nvat_rate = 20\n" + LINES, "shop.vat_rate: Input should be less than"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_refused_by_key_and_reason(tmp_path, content, said):
    assert said in refused(tmp_path, content)


def test_a_missing_file_says_how_to_begin(tmp_path):
    with pytest.raises(ConfigError, match="crm init"):
        config.load(tmp_path / "crm.toml")


def test_a_folder_is_not_a_configuration(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        f"[privacy]\npublished_key = '{SECRET[:-1]}!'\n{LINES}",
        f"[privacy]\npublished_key = {SECRET}\n{LINES}",
        f"[privacy]\npublished_key = ['{SECRET}']\n{LINES}",
        f"[shop]\ncurrency = '{SECRET}'\n{LINES}",
        f"{LINES}\nencoding = '{SECRET}'\nseparator = '{SECRET}'\nquote = '{SECRET}'",
    ],
)
def test_no_value_is_repeated(tmp_path, content):
    assert "5eaced" not in refused(tmp_path, content)


def test_paths_are_relative_to_the_file_and_arguments_come_first(tmp_path, monkeypatch):
    monkeypatch.delenv("CRM_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "firm").mkdir()
    path = tmp_path / "firm" / "crm.toml"
    path.write_text("workspace = 'tables'\n" + LINES, encoding="utf-8-sig")
    read = config.load(path)
    assert (read.folder, read.workspace) == (path.parent, path.parent / "tables")
    assert config.load(path, workspace="elsewhere").workspace == tmp_path / "elsewhere"
    assert config.load(path, source=tmp_path).folder == tmp_path
    one = tmp_path / "sales [2024].csv"
    one.touch()
    read = config.load(path, source=one)
    assert (read.folder, read.order_lines.files) == (tmp_path, ["sales [2024].csv"])
    path.write_text(LINES)
    assert config.load(path).workspace == tmp_path / "data" / "derived"
    monkeypatch.setenv("CRM_WORKSPACE", str(tmp_path / "w"))
    assert config.load(path).workspace == tmp_path / "w"


def test_the_fingerprint_follows_the_meaning_not_the_place(tmp_path):
    lines = {"files": ["a.csv"]}
    base = Config.model_validate({"order_lines": lines})
    moved = base.model_copy(update={"folder": tmp_path, "workspace": tmp_path})
    other = Config.model_validate({"order_lines": lines | {"separator": ";"}})
    assert base.fingerprint == moved.fingerprint
    assert base.fingerprint != other.fingerprint


def test_names_of_columns_are_compared_composed():
    decomposed = "Müşteri".replace("ü", "u\u0308")
    read = Source(files=["a"], columns={"customer_id": f" {decomposed} "})
    assert read.columns == {"customer_id": "Müşteri"}


@pytest.mark.parametrize("path", sorted((ROOT / "data" / "recipes").glob("*.toml")), ids=str)
def test_the_recipes_are_sound(path, tmp_path):
    assert config.load(path, workspace=tmp_path).sources()
