"""Columns made ready before they are mapped: each step does what is declared, or says why not."""

import sys
from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib import config, ledger
from crmlib.config import Config, Source
from crmlib.errors import ConfigError, ContractError, CrmError, SourceError
from tests.conftest import COLUMNS

CANARY = "Canan Kanarya"
PLAIN = {
    "shop": {"currency": "EUR", "time_zone": "Europe/Berlin", "prices_include_vat": False},
    "privacy": {"pseudonyms": False},
}


@pytest.fixture
def read(tmp_path):
    """Return a reader of tables from files that are given as text."""

    def run(files, **tables):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        content = PLAIN | {"folder": tmp_path, "workspace": tmp_path / "w"} | tables
        return ledger.read(Config.model_validate(content))

    return run


def rows_of(found, table, *columns):
    return sorted(found.table(table).select(columns).collect().rows(), key=repr)


def refused(read, files, error=CrmError, **tables):
    with pytest.raises(error) as caught:
        read(files, **tables)
    said = str(caught.value)
    assert not any(word in said + repr(caught.value) for word in CANARY.split())
    assert len(said) < 600
    return said


# --- recode -------------------------------------------------------------------------------------

CONSENTS = (
    f"no,kanal,durum,tarih\n1,SMS,ONAY,2024-01-01\n2,SMS,RET,2024-01-02\n{CANARY},EPOSTA,?,\n"
)
MAPPED = {"customer_id": "no", "channel": "kanal", "status": "durum", "at": "tarih"}


def test_words_are_recoded_and_an_empty_one_is_missing(read):
    found = read(
        {"izin.csv": CONSENTS},
        consents={
            "files": ["izin.csv"],
            "columns": MAPPED,
            # by the source's name, by ours
            "recode": {"durum": {"ONAY": "given", "RET": "withdrawn", "?": ""},
                       "channel": {"SMS": "sms"}},
        },
    )  # fmt: skip
    assert rows_of(found, "consents", "customer_id", "channel", "status") == [
        ("1", "sms", "given"), ("2", "sms", "withdrawn"),
    ]  # fmt: skip
    assert found.counts["consents"].reasons == {"at: missing": 1, "status: missing": 1}
    # The quarantine shows the row as it stands in the file.
    cells = found.quarantine["consents"]["cells"].item()
    assert f'"{CANARY}"' in cells
    assert '"EPOSTA"' in cells
    assert '"?"' in cells


def test_a_rule_sees_the_recoded_word(read):
    found = read(
        {"izin.csv": CONSENTS},
        consents={
            "files": ["izin.csv"],
            "columns": MAPPED,
            "recode": {"durum": {"ONAY": "given", "RET": "withdrawn"}},
            "drop": [{"name": "not yet", "column": "durum", "one_of": ["withdrawn", "?"]}],
        },
    )
    assert found.counts["consents"].dropped == {"not yet": 2}


def test_words_for_yes_and_no(read):
    found = read(
        {"a.csv": "customer_id,sent_at,delivered\n1,2024-01-01,evet\n2,2024-01-01,hayır\n"},
        contacts={"files": ["a.csv"], "recode": {"delivered": {"evet": "1", "hayır": "0"}}},
    )
    assert rows_of(found, "contacts", "customer_id", "delivered") == [("1", True), ("2", False)]


# --- glue ---------------------------------------------------------------------------------------


def test_a_date_and_a_time_are_glued(read):
    found = read(
        {"a.csv": "gün,saat,metin\n01.02.2024,9:30,x\n02.02.2024,,y\n,10:00,z\n"},
        service={
            "files": ["a.csv"],
            "date_format": "%d.%m.%Y %H:%M",
            "glue": {"at": ["gün", "saat"]},
            "columns": {"opened": "at", "topic": "metin"},
        },
    )
    assert rows_of(found, "service", "opened", "topic") == [(datetime(2024, 2, 1, 9, 30), "x")]
    # A part that is missing makes the whole missing, and a time is needed.
    assert found.counts["service"].reasons == {"opened: missing": 2}


def test_levels_are_glued_without_those_that_are_missing(read):
    found = read(
        {"a.csv": "product_id,a,b\n1,x,y\n2,x,\n3,,\n"},
        products={
            "files": ["a.csv"],
            "glue": {"path": {"of": ["a", "b"], "by": " > ", "skip_missing": True}},
            "columns": {"product_id": "product_id", "category": "path"},
        },
    )
    assert rows_of(found, "products", "product_id", "category") == [
        ("1", "x > y"), ("2", "x"), ("3", None),
    ]  # fmt: skip


# --- join ---------------------------------------------------------------------------------------

ITEMS = "order,item,price\n1,a,10\n1,b,5.5\n2,a,10\n9,a,1\n"
ORDERS = f"id,buyer,at\n1,k1,2024-01-01 10:00\n2,k2,2024-01-02\n3,{CANARY},2024-01-02\n"
BUYERS = "buyer;land\nk1;TR\nk2;DE\n"
LINES = {
    "files": ["items.csv"],
    "decimal": ".",
    "values": {"quantity": "1"},
    "columns": {"order_id": "order", "customer_id": "buyer", "ordered_at": "at",
                "product_id": "item", "unit_price": "price", "store": "country"},
    "join": [
        {"files": ["orders.csv"], "on": {"order": "id"}, "take": ["buyer", "at"]},
        {"files": ["buyers.csv"], "on": "buyer", "take": {"country": "land"}, "separator": ";"},
    ],
}  # fmt: skip
FILES = {"items.csv": ITEMS, "orders.csv": ORDERS, "buyers.csv": BUYERS}


def test_columns_are_looked_up_along_a_chain(read):
    found = read(FILES, order_lines=LINES)
    assert rows_of(found, "order_lines", "order_id", "product_id", "customer_id", "store") == [
        ("1", "a", "k1", "TR"), ("1", "b", "k1", "TR"), ("2", "a", "k2", "DE"),
    ]  # fmt: skip
    counts = found.counts["order_lines"]
    assert counts.reasons == {"ordered_at: missing": 1}  # order 9 is in no file of orders
    assert (counts.read, counts.kept) == (4, 3)
    assert [i.file for i in found.inputs] == ["items.csv", "orders.csv", "buyers.csv"]


def test_numbers_are_added_up_by_key(read):
    found = read(
        {"orders.csv": "order_id\n1\n2\n3\n",
         "items.csv": 'order_id;freight\n1;1.000,5\n1;0,25\n2;-\n1;-\n9;4\n;5\n'},
        deliveries={
            "files": ["orders.csv"],
            "decimal": ".",
            "columns": {"order_id": "order_id", "cost": "paid"},
            "join": [{"files": ["items.csv"], "on": "order_id", "sum": {"paid": "freight"},
                      "separator": ";", "decimal": ",", "thousands": ".", "null_values": ["-"]}],
        },
    )  # fmt: skip
    # No recorded number is not the number zero.
    assert rows_of(found, "deliveries", "order_id", "cost") == [
        ("1", Decimal("1000.7500")), ("2", None), ("3", None),
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    items=st.lists(st.tuples(st.integers(0, 5), st.decimals(-999, 999, places=4)), min_size=1),
    orders=st.lists(st.integers(0, 7), min_size=1, unique=True),
)
def test_a_join_neither_loses_nor_multiplies_rows(tmp_path_factory, items, orders):
    folder = tmp_path_factory.mktemp("join")
    (folder / "orders.csv").write_text("order_id\n" + "".join(f"{o}\n" for o in orders))
    (folder / "items.csv").write_text("id,x\n" + "".join(f"{o},{x}\n" for o, x in items))
    join = {"files": ["items.csv"], "on": {"order_id": "id"}, "sum": {"cost": "x"}, "decimal": "."}
    source = {"files": ["orders.csv"], "decimal": ".", "join": [join],
              "columns": {"order_id": "order_id", "cost": "cost"}}  # fmt: skip
    place = {"folder": folder, "workspace": folder / "w"}
    found = ledger.read(Config.model_validate(PLAIN | place | {"deliveries": source}))
    expected = [
        (str(o), sum((x for i, x in items if i == o), Decimal(0)) if o in dict(items) else None)
        for o in orders
    ]
    assert rows_of(found, "deliveries", "order_id", "cost") == sorted(expected, key=repr)


JOINS = {
    "header alone": (
        {"orders.csv": "id,buyer,at\n"}, {}, "orders.csv: there is a header but no row",
    ),
    "too large to add up": (
        {"orders.csv": "id,buyer,at\n" + "1,9999999999999999999999999999,2\n" * 4},
        {"take": [], "sum": ["buyer", "at"], "decimal": "."},
        "orders.csv: 4 values of buyer cannot be added up",
    ),
    "key twice": (
        {"orders.csv": ORDERS + "2,k9,2024-02-01\n"}, {},
        "orders.csv: id is not unique, so order_lines cannot look buyer, at up by it",
    ),
    "no such file": ({}, {"files": ["other.csv"]}, "order_lines: no file fits 'other.csv'"),
    "no such key here": (
        {}, {"on": {"number": "id"}}, "there is no column number, which [order_lines] names under",
    ),
    "no such key there": (
        {}, {"on": {"order": "number"}}, "orders.csv: there is no column number, which a join",
    ),
    "nothing to take": ({}, {"take": ["buyer", "day"]}, "orders.csv: there is no column day"),
    "would write over": (
        {}, {"take": {"price": "at", "buyer": "buyer"}}, "items.csv: the file has price already",
    ),
    "ragged": (
        {"orders.csv": ORDERS + "4,x\n"}, {}, "orders.csv, line 5: the row does not have as many",
    ),
    "no header": (
        {"orders.csv": f"{CANARY},{CANARY}x,2024\n"}, {}, "there is no column id, buyer, at",
    ),
    "no number": (
        {"orders.csv": f"id,buyer,at\n1,{CANARY},2\n"}, {"take": [], "sum": ["buyer", "at"]},
        "orders.csv: 1 values of buyer cannot be added up: they are no numbers",
    ),
    "no decimal mark": (
        {"orders.csv": "id,buyer,at\n1,1.234,2\n"}, {"take": [], "sum": ["buyer", "at"]},
        "orders.csv: buyer holds '.' or ',' and no decimal mark is declared",
    ),
    "keys written differently": (
        {"items.csv": "order,item,price\n" + "0001,a,10\n" * 30}, {},
        "items.csv: none of 30 rows finds its order in orders.csv",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "changes", "said"), JOINS.values(), ids=JOINS)
def test_a_join_is_refused(read, files, changes, said):
    first, second = LINES["join"]
    lines = LINES | {"join": [first | changes, second]}
    assert said in refused(read, FILES | files, order_lines=lines)


def test_a_join_of_empty_files_of_other_kinds_is_refused(read, tmp_path):
    none = pl.DataFrame(schema=dict.fromkeys(["id", "buyer", "at"], pl.String))
    none.write_parquet(tmp_path / "orders.parquet")
    first, second = LINES["join"]
    lines = LINES | {"join": [first | {"files": ["orders.parquet"]}, second]}
    assert "there is a header but no row" in refused(read, FILES, SourceError, order_lines=lines)


def test_a_join_minds_no_name_of_the_files_columns(read):
    """Whatever a lookup needs for itself stands beside the columns, not among them."""
    names = ["_key0", "_found", "key 0", "found", "taken x", "told x"]
    files = {"a.csv": f"k,{','.join(names)}\n1,a,b,c,d,e,f\n", "b.csv": f"k,x,{names[0]}z\n1,7,8\n"}
    found = read(
        files,
        attributes={
            "files": ["a.csv"],
            "columns": {"customer_id": "k", "field": "found", "value": "x", "source": "_found"},
            "join": [{"files": ["b.csv"], "on": "k", "take": {"x": "x", "y": "_key0z"}}],
        },
    )
    assert rows_of(found, "attributes", "customer_id", "field", "value", "source") == [
        ("1", "d", "7", "b")
    ]


def test_a_joined_column_is_of_one_kind_in_all_files(read, tmp_path):
    pl.DataFrame({"k": ["1"], "x": [date(2024, 2, 1)]}).write_parquet(tmp_path / "b1.parquet")
    pl.DataFrame({"k": ["2"], "x": [CANARY]}).write_parquet(tmp_path / "b2.parquet")
    said = refused(
        read, {"a.csv": "k\n1\n"}, ContractError,
        customers={
            "files": ["a.csv"],
            "columns": {"customer_id": "k", "joined_at": "x"},
            "join": [{"files": ["b*.parquet"], "on": "k", "take": ["x"]}],
        },
    )  # fmt: skip
    assert "b1.parquet, b2.parquet: x holds dates in one file" in said


# --- unpivot and row numbers --------------------------------------------------------------------

WIDE = "id,age,kids,note\n1,30,,x\n2,,2,y\n3,-,,z\n"
FACTS = {
    "files": ["wide.csv"],
    "null_values": ["-"],
    "unpivot": {"columns": ["age", "kids"]},
    "columns": {"customer_id": "id", "field": "field", "value": "value"},
}


def test_columns_become_rows(read):
    found = read({"wide.csv": WIDE}, attributes=FACTS | {"recode": {"field": {"kids": "children"}}})
    assert rows_of(found, "attributes", "customer_id", "field", "value") == [
        ("1", "age", "30"), ("2", "children", "2"),
    ]  # fmt: skip
    counts = found.counts["attributes"]
    assert (counts.read, counts.kept, counts.dropped) == (6, 2, {"nothing recorded": 4})


def test_a_fact_that_is_set_aside_names_the_row_of_the_file(read):
    wide = WIDE + f"Toplam,{CANARY},1,\n5,6\n"
    found = read({"wide.csv": wide}, attributes=FACTS | {"expected_rows": 5})
    counts = found.counts["attributes"]
    assert counts.reasons == {
        "customer_id: a total, not a row of data": 2, "row: too few fields": 1,
    }  # fmt: skip
    aside = found.quarantine["attributes"]
    assert aside["row"].to_list() == [5, 5, 6]
    assert f'"{CANARY}"' in aside["cells"][0]
    assert (counts.read, counts.kept, counts.quarantined) == (9, 2, 3)


def test_a_row_number_is_an_id(read):
    found = read(
        {"a.csv": "arm,spend\nx,1\nx,1\ny,2\n"},
        responses={
            "files": ["a.csv"],
            "row_number": "no",
            "outcomes": ["spend"],
            "columns": {"customer_id": "no", "arm": "arm"},
            "values": {"campaign_id": "k"},
        },
    )
    # As errors tell it: the line of the file, where the header is the first.
    assert rows_of(found, "responses", "customer_id", "arm", "outcome_spend") == [
        ("2", "x", 1.0), ("3", "x", 1.0), ("4", "y", 2.0),
    ]  # fmt: skip


STEPS = {
    "unpivot of nothing": (
        {"unpivot": {"columns": ["age", "cars"]}},
        "no column cars, which [attributes] names under",
    ),
    "unpivot over a column": (
        {"unpivot": {"columns": ["age"], "field": "note"}},
        "the file has note already",
    ),
    "glue of nothing": ({"glue": {"x": ["note", "cars"]}}, "no column cars, which [attributes]"),
    "glue over a column": ({"glue": {"note": ["age", "kids"]}}, "the file has note already"),
    "recode of nothing": ({"recode": {"cars": {"a": "b"}}}, "no column cars, which [attributes]"),
    "number over a column": ({"row_number": "note"}, "the file has note already"),
}


@pytest.mark.parametrize(("step", "said"), STEPS.values(), ids=STEPS)
def test_a_step_that_does_not_fit_the_file_is_refused(read, step, said):
    files = {"wide.csv": WIDE + f"9,{CANARY},,\n"}
    assert said in refused(read, files, ContractError, attributes=FACTS | step)


# --- elapsed ------------------------------------------------------------------------------------


def test_times_are_told_as_seconds_after_others(read):
    calls = {
        "files": ["a.csv"],
        "decimal": ",",
        "columns": {"opened": "at", "topic": "topic"},
        "elapsed": {
            "queued": {"after": "opened", "seconds": "menu"},
            "left_queue": {"after": "queued", "seconds": "wait"},
        },
    }
    text = 'at;menu;wait;topic\n2024-02-29 23:59:50;8;"1,5";a\n2024-03-31 01:59:59;1;;b\n'
    found = read(
        {"a.csv": text + f"2024-01-01;x{CANARY};1;c\n"}, service=calls | {"separator": ";"}
    )
    assert rows_of(found, "service", "queued", "left_queue", "topic") == [
        (datetime(2024, 2, 29, 23, 59, 58), datetime(2024, 2, 29, 23, 59, 59, 500_000), "a"),
        (datetime(2024, 3, 31, 3), None, "b"),  # the clock went from 2 to 3
    ]
    assert found.counts["service"].reasons == {"queued: cannot be read": 1}


CALLS = {
    "files": ["a.csv"],
    "separator": ";",
    "columns": {"opened": "at"},
    "elapsed": {"answered": {"after": "opened", "seconds": "wait"}},
}


@pytest.mark.parametrize("seconds", ["5321112233000", "9" * 20, "9" * 28, "-" + "9" * 20])
def test_a_span_that_no_clock_can_hold_is_set_aside(read, seconds):
    found = read({"a.csv": f"at;wait\n2024-01-01;{seconds}\n2024-01-01;5\n"}, service=CALLS)
    assert found.counts["service"].reasons == {"answered: cannot be read": 1}


def test_seconds_with_marks_need_a_declared_one(read):
    """A Turkish 1.500 is a quarter of an hour, not a second and a half."""
    files = {"a.csv": "at;wait\n2024-01-01;1.500\n"}
    said = refused(read, files, ContractError, service=CALLS)
    assert "a.csv: service.wait holds '.' or ',' and no decimal mark is declared" in said
    found = read(files, service=CALLS | {"decimal": ",", "thousands": "."})
    assert rows_of(found, "service", "answered") == [(datetime(2024, 1, 1, 0, 25),)]


def test_a_span_after_a_time_that_is_nowhere_is_refused(read):
    late = {"answered": {"after": "queued", "seconds": "wait"}}
    files = {"a.csv": "at;wait\n2024-01-01;5\n"}
    said = refused(read, files, ContractError, service=CALLS | {"elapsed": late})
    assert "service misses queued" in said


def test_durations_of_parquet_are_seconds(read, tmp_path):
    spans = [timedelta(seconds=90), timedelta(milliseconds=1500)]
    frame = pl.DataFrame({"at": [datetime(2024, 1, 1)] * 2, "wait": spans})
    frame.write_parquet(tmp_path / "a.parquet")
    found = read({}, service=CALLS | {"files": ["a.parquet"]})
    assert rows_of(found, "service", "answered") == [
        (datetime(2024, 1, 1, 0, 0, 1, 500_000),), (datetime(2024, 1, 1, 0, 1, 30),),
    ]  # fmt: skip


def test_a_file_without_a_header_is_not_repeated_where_columns_are_made(read):
    said = refused(
        read, {"a.csv": f"{CANARY},5\nx,6\n"}, ContractError,
        responses={
            "files": ["a.csv"],
            "row_number": "no",
            "outcomes": ["spend"],
            "columns": {"customer_id": "no", "arm": "arm"},
            "values": {"campaign_id": "k"},
        },
    )  # fmt: skip
    assert "the first line has none of the columns of responses: arm, spend" in said


def test_a_fixed_value_of_nothing_is_missing(read):
    found = read(
        {"a.csv": "customer_id\n1\n"},
        customers={"files": ["a.csv"], "columns": {"customer_id": "customer_id"},
                   "values": {"city": " "}},
    )  # fmt: skip
    assert rows_of(found, "customers", "city") == [(None,)]


def test_names_of_ours_for_files_without_a_header(read):
    declared = {"files": ["a.csv"], "header": False, "names": ["customer_id", "city"]}
    found = read({"a.csv": "1,Bursa\n"}, customers=declared)
    assert rows_of(found, "customers", "customer_id", "city") == [("1", "Bursa")]


def test_an_error_of_the_engine_shows_no_cell(read, monkeypatch):
    def fail(*_):
        raise pl.exceptions.ComputeError(f"could not parse {CANARY}")

    monkeypatch.setattr(sys.modules["crmlib.ledger.read"], "take_in", fail)
    said = refused(read, FILES, SourceError, order_lines=LINES)
    assert "order_lines: the rows cannot be taken in (ComputeError)" in said


# --- What cannot be meant -----------------------------------------------------------------------

HEAD = '[order_lines]\nfiles = ["a.csv"]\n'
DECLARED = {
    "join without purpose": (
        HEAD + '[[order_lines.join]]\nfiles=["b.csv"]\non="x"', "needs take = [...] or sum = [...]",
    ),
    "join for both": (
        HEAD + '[[order_lines.join]]\nfiles=["b"]\non="x"\ntake=["y"]\nsum=["z"]', "and not both",
    ),
    "join without key": (
        HEAD + '[[order_lines.join]]\nfiles=["b"]\non=[]\ntake=["y"]', "on names the key",
    ),
    "unknown key of a join": (
        HEAD + '[[order_lines.join]]\nfiles=["b"]\non="x"\ntakes=["y"]', "did you mean 'take'?",
    ),
    "unknown key of a glue": (
        HEAD + "[order_lines.glue]\nx={off=['a','b']}", "did you mean 'of'?",
    ),
    "glue of nothing": (HEAD + "[order_lines.glue]\nx=[]", "order_lines.glue.x.of: List should"),
    "unknown key of elapsed": (
        HEAD + "[order_lines.elapsed]\nordered_at={afters='a',seconds='b'}", "'after'?",
    ),
    "elapsed of no time": (
        "[service]\nfiles=['a']\n[service.elapsed]\nagent={after='opened',seconds='b'}",
        "service.elapsed: 'agent' is no time",
    ),
    "elapsed and mapped": (
        "[service]\nfiles=['a']\ncolumns={opened='a',closed='b'}\n"
        "[service.elapsed]\nclosed={after='opened',seconds='b'}",
        "both mapped and fixed: closed",
    ),
    "elapsed in another order": (
        "[service]\nfiles=['a']\ncolumns={opened='a'}\n[service.elapsed]\n"
        "answered={after='queued',seconds='b'}\nqueued={after='opened',seconds='c'}",
        "service.elapsed: answered is after queued: write that first",
    ),
    "an option of order lines": (
        "[reviews]\nfiles=['a']\ncolumns={at='a'}\norder_id_from=['b']",
        "reviews: order_id_from is for [order_lines]",
    ),
    "vat of another table": (
        "[reviews]\nfiles=['a']\nvat_in_percent=true", "vat_in_percent is for [order_lines]",
    ),
    "recode under both names": (
        "[reviews]\nfiles=['a']\ncolumns={at='t',text='x'}\n[reviews.recode]\n"
        "text={a='b'}\nx={c='d'}",
        "recode names text and x, which are one",
    ),
    "a join that is no list": (
        HEAD + "[order_lines.join]\nfiles=['b']\non='x'\ntake=['y']",
        "order_lines.join: must be a list: write [[order_lines.join]]",
    ),
    "unpivot to one name": (
        HEAD + "[order_lines.unpivot]\ncolumns=['a']\nfield='x'\nvalue='x'",
        "field and value need names of their own",
    ),
    "outcome without a name": ("[responses]\nfiles=['a']\noutcomes=['']", "has no name"),
    "unpivot of nothing": (HEAD + "[order_lines.unpivot]\ncolumns=[]", "at least 1 item"),
    "unpivot twice": (HEAD + "[order_lines.unpivot]\ncolumns=['a','a ']", "a column stands twice"),
    "recode of an empty cell": (
        HEAD + "[order_lines.recode]\nx={''='y'}", "a missing cell has no word to recode",
    ),
    "outcomes of another table": (
        HEAD + "outcomes=['x']", "outcomes, pre and segments are for [responses]",
    ),
    "no outcomes": ("[responses]\nfiles=['a.csv']", "responses needs outcomes = [...]"),
    "outcome twice": (
        "[responses]\nfiles=['a.csv']\noutcomes=['x','x']", "a column stands twice",
    ),
    "no table": ("[shop]\nname = 'x'", "no table has a source"),
    "required column of another table": (
        "[service]\nfiles=['a']\ncolumns={topic='t'}", "service.columns lacks opened",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), DECLARED.values(), ids=DECLARED)
def test_a_declaration_that_cannot_be_meant_is_refused(tmp_path, content, said):
    (tmp_path / "crm.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path / "crm.toml")
    assert said in str(caught.value)


def test_one_file_as_source_takes_the_place_of_the_only_tables(tmp_path):
    (tmp_path / "crm.toml").write_text("[service]\nfiles=['a.csv']\n")
    one = tmp_path / "calls.csv"
    one.touch()
    assert config.load(tmp_path / "crm.toml", source=one).service.files == ["calls.csv"]
    two = "[service]\nfiles=['a.csv']\n[reviews]\nfiles=['b.csv']\n"
    (tmp_path / "crm.toml").write_text(two)
    with pytest.raises(ConfigError, match="--source names one file, and there are service, rev"):
        config.load(tmp_path / "crm.toml", source=one)


def test_a_folder_as_source_is_named_when_a_file_is_not_in_it(tmp_path, read):
    with pytest.raises(SourceError) as caught:
        read({}, service={"files": ["calls.csv"]})
    assert str(caught.value) == f"service: no file fits 'calls.csv' in {tmp_path}"


def test_the_fingerprint_follows_every_step():
    base = {"files": ["a"], "columns": {c: c for c in COLUMNS}}
    steps = [
        {"recode": {"a": {"b": "c"}}}, {"glue": {"x": ["a", "b"]}}, {"row_number": "x"},
        {"unpivot": {"columns": ["a"]}}, {"sheet": "x"},
        {"join": [{"files": ["b"], "on": "x", "take": ["y"]}]},
    ]  # fmt: skip
    prints = [Config(order_lines=Source(**base | s)).fingerprint for s in [{}, *steps]]
    assert len(set(prints)) == len(prints)


def test_parquet_dates_are_taken_over_by_a_join(read, tmp_path):
    pl.DataFrame({"k": ["1"], "day": [date(2024, 2, 1)]}).write_parquet(tmp_path / "days.parquet")
    found = read(
        {"a.csv": "k,c\n1,x\n"},
        assignments={
            "files": ["a.csv"],
            "columns": {"campaign_id": "k", "customer_id": "c", "assigned_at": "day"},
            "values": {"arm": "mailed"},
            "join": [{"files": ["days.parquet"], "on": "k", "take": ["day"]}],
        },
    )
    assert rows_of(found, "assignments", "assigned_at") == [(datetime(2024, 2, 1),)]
