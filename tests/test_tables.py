"""Every table of the ledger: read from text, checked, kept as it is; persons named alike in all."""

import random
import re
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest

from crmlib import ledger, schema
from crmlib.config import Config
from crmlib.errors import ContractError
from crmlib.ledger.pseudonyms import Pseudonyms

KEY = "ab" * 32
NOON = datetime(2024, 3, 1, 12)
# For each table: the file's text, and the rows that are expected, in any order, without what is
# worked out (days, folds).
TABLES: dict[str, tuple[str, list[dict]]] = {
    "consents": (
        "customer_id,channel,status,source,at\n"
        "c1,email,given,IYS,2024-01-31 10:00:00\n"
        "c1,email,withdrawn,,2024-03-01 12:00\n",
        [
            {"customer_id": "c1", "channel": "email", "status": "given", "source": "IYS",
             "at": datetime(2024, 1, 31, 10)},
            {"customer_id": "c1", "channel": "email", "status": "withdrawn", "source": None,
             "at": NOON},
        ],
    ),
    "deliveries": (
        "order_id,promised,shipped,delivered,returned,cost\n"
        "1,2024-03-05,2024-03-01 12:00,2024-03-04 09:30,,12.345\n"
        "1,,,,,\n",
        [
            {"order_id": "1", "promised": datetime(2024, 3, 5), "shipped": NOON,
             "delivered": datetime(2024, 3, 4, 9, 30), "returned": None,
             "cost": Decimal("12.3450")},
            {"order_id": "1", "promised": None, "shipped": None, "delivered": None,
             "returned": None, "cost": None},
        ],
    ),
    "campaigns": (
        "campaign_id,name,start,end,goal,primary_outcome,window_days,planned_split,fixed_cost,"
        "cost_per_contact,is_global_control\n"
        "k1,Bahar,2024-03-01,2024-03-31,win back,margin,28,treated=0.8;control=0.2,100,0.05,0\n"
        "k2,,2024-04-01,,,,,,,,TRUE\n",
        [
            {"campaign_id": "k1", "name": "Bahar", "start": date(2024, 3, 1),
             "end": date(2024, 3, 31), "goal": "win back", "primary_outcome": "margin",
             "window_days": 28, "planned_split": "treated=0.8;control=0.2",
             "fixed_cost": Decimal(100), "cost_per_contact": Decimal("0.05"),
             "is_global_control": False, "start_day": 19_783, "end_day": 19_813},
            {"campaign_id": "k2", "name": None, "start": date(2024, 4, 1), "end": None,
             "goal": None, "primary_outcome": None, "window_days": None, "planned_split": None,
             "fixed_cost": None, "cost_per_contact": None, "is_global_control": True,
             "start_day": 19_814, "end_day": None},
        ],
    ),
    "assignments": (
        "campaign_id,customer_id,arm,stratum,assigned_at,list_id\n"
        "k1,c1,treated,big,2024-03-01,\nk1,c2,control,,2024-04-01,L1\n",
        [
            {"campaign_id": "k1", "customer_id": "c1", "arm": "treated", "stratum": "big",
             "assigned_at": datetime(2024, 3, 1), "list_id": None},
            {"campaign_id": "k1", "customer_id": "c2", "arm": "control", "stratum": None,
             "assigned_at": datetime(2024, 4, 1), "list_id": "L1"},
        ],
    ),
    "contacts": (
        "campaign_id,customer_id,sent_at,channel,cost,delivered,bounced,unsubscribed,opened_at,"
        "clicked_at\n"
        "k1,c1,2024-03-01 12:00,email,0.05,true,False,0,2024-03-02 08:00,\n"
        ",c2,2024-03-01,sms,,,1,,,\n",
        [
            {"campaign_id": "k1", "customer_id": "c1", "sent_at": NOON, "channel": "email",
             "cost": Decimal("0.05"), "delivered": True, "bounced": False, "unsubscribed": False,
             "opened_at": datetime(2024, 3, 2, 8), "clicked_at": None},
            {"campaign_id": None, "customer_id": "c2", "sent_at": datetime(2024, 3, 1),
             "channel": "sms", "cost": None, "delivered": None, "bounced": True,
             "unsubscribed": None, "opened_at": None, "clicked_at": None},
        ],
    ),
    "touches": (
        "visitor_id,customer_id,at,channel,page_kind,converted\n"
        "v1,,2024-03-01 12:00,search,home,0\n,c1,2024-03-01 12:00,mail,,1\n",
        [
            {"visitor_id": "v1", "customer_id": None, "at": NOON, "channel": "search",
             "page_kind": "home", "converted": False},
            {"visitor_id": None, "customer_id": "c1", "at": NOON, "channel": "mail",
             "page_kind": None, "converted": True},
        ],
    ),
    "service": (
        "service_id,customer_id,opened,queued,left_queue,answered,closed,queue,topic,agent,outcome,"
        "cost\n"
        "s1,c1,2024-03-01 12:00,2024-03-01 12:00,2024-03-01 12:01,2024-03-01 12:01,,card,lost,A,"
        "solved,3.5\n"
        "s1,,2024-03-01 12:00,,,,,,,,,\n",
        [
            {"service_id": "s1", "customer_id": "c1", "opened": NOON, "queued": NOON,
             "left_queue": datetime(2024, 3, 1, 12, 1), "answered": datetime(2024, 3, 1, 12, 1),
             "closed": None, "queue": "card", "topic": "lost", "agent": "A", "outcome": "solved",
             "cost": Decimal("3.5")},
            {"service_id": "s1", "customer_id": None, "opened": NOON, "queued": None,
             "left_queue": None, "answered": None, "closed": None, "queue": None, "topic": None,
             "agent": None, "outcome": None, "cost": None},
        ],
    ),
    "reviews": (
        "review_id,order_id,customer_id,at,score,text\n"
        'r1,1,,2024-03-01 12:00,5,"güzel\niyi"\nr1,2,c1,2024-03-01 12:00,,\n',
        [
            {"review_id": "r1", "order_id": "1", "customer_id": None, "at": NOON, "score": 5,
             "text": "güzel\niyi"},
            {"review_id": "r1", "order_id": "2", "customer_id": "c1", "at": NOON, "score": None,
             "text": None},
        ],
    ),
    "attributes": (
        "customer_id,field,value,source,loaded_at,basis\n"
        "c1,income,high,panel,2024-03-01 12:00,consent\nc1,kids,2,,,\n",
        [
            {"customer_id": "c1", "field": "income", "value": "high", "source": "panel",
             "loaded_at": NOON, "basis": "consent"},
            {"customer_id": "c1", "field": "kids", "value": "2", "source": None,
             "loaded_at": None, "basis": None},
        ],
    ),
    "identities": (
        "customer_id,person_id\nc1,P\nc3,P\n",
        [
            {"customer_id": "c1", "person_id": "P"},
            {"customer_id": "c3", "person_id": "P"},
        ],
    ),
    "targets": (
        "month,kpi,value\n2024-03,sales,1000.5\n2024-03,orders,7\n",
        [
            {"month": date(2024, 3, 1), "kpi": "sales", "value": Decimal("1000.5")},
            {"month": date(2024, 3, 1), "kpi": "orders", "value": Decimal(7)},
        ],
    ),
    "events": (
        "date,text\n2024-03-01,new store\n2024-03-01,prices up\n",
        [
            {"date": date(2024, 3, 1), "text": "new store"},
            {"date": date(2024, 3, 1), "text": "prices up"},
        ],
    ),
    "responses": (
        "campaign_id,customer_id,arm,stratum,exposed,spend,past,zone\n"
        "k1,c1,a,,1,1.5,10,x\nk1,c2,b,s,,0,,\n",
        [
            {"campaign_id": "k1", "customer_id": "c1", "arm": "a", "stratum": None,
             "exposed": True, "outcome_spend": 1.5, "pre_past": 10.0, "segment_zone": "x"},
            {"campaign_id": "k1", "customer_id": "c2", "arm": "b", "stratum": "s",
             "exposed": None, "outcome_spend": 0.0, "pre_past": None, "segment_zone": None},
        ],
    ),
    "customers": (
        "customer_id,name,email,birth_year,joined_at\nc1,Işıl,i@x.tr,1990,2020-01-01\nc2,,,,\n",
        [
            {"customer_id": "c1", "name": "Işıl", "email": "i@x.tr", "phone": None,
             "birth_year": 1990, "sex": None, "city": None, "region": None, "account_type": None,
             "joined_at": date(2020, 1, 1), "acquisition_channel": None},
            {"customer_id": "c2", "name": None, "email": None, "phone": None,
             "birth_year": None, "sex": None, "city": None, "region": None, "account_type": None,
             "joined_at": None, "acquisition_channel": None},
        ],
    ),
    "products": (
        "product_id,name,category,available_from,available_until\n"
        "p,Çay,İçecek > Sıcak,2020-01-01,\nq,,,,\n",
        [
            {"product_id": "p", "name": "Çay", "category": "İçecek > Sıcak",
             "available_from": date(2020, 1, 1), "available_until": None},
            {"product_id": "q", "name": None, "category": None, "available_from": None,
             "available_until": None},
        ],
    ),
    "price_index": (
        "month,index\n2024-03,104.25\n2024-02,100\n",
        [
            {"month": date(2024, 3, 1), "index": Decimal("104.25")},
            {"month": date(2024, 2, 1), "index": Decimal(100)},
        ],
    ),
    "order_lines": (
        "order_id,ordered_at,product_id,quantity,unit_price,unit_cost,discount\n"
        "1,2024-03-01 12:00,p,2,11,3,1\n2,2024-04-01,p,1,5,,\n",
        [
            {"order_id": "1", "quantity": Decimal(2), "value": Decimal(21),
             "margin": Decimal(15), "discount_net": Decimal(1), "customer_id": None},
            {"order_id": "2", "quantity": Decimal(1), "value": Decimal(5),
             "margin": Decimal(2), "discount_net": Decimal(0), "customer_id": None},
        ],
    ),
}  # fmt: skip
MEASURES = {"responses": {"outcomes": ["spend"], "pre": ["past"], "segments": ["zone"]}}
PLAIN = {
    "shop": {"currency": "EUR", "time_zone": "Europe/Berlin", "prices_include_vat": False},
    "privacy": {"pseudonyms": False},
}


def configured(folder, **content):
    return Config.model_validate(
        PLAIN | content | {"folder": folder, "workspace": folder / "workspace"}
    )


def read_table(folder, table, text, **changes):
    (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    source = {"files": [f"{table}.csv"], "decimal": "."} | MEASURES.get(table, {})
    return ledger.read(configured(folder, **{table: source | changes}))


def test_the_examples_hold_every_table():
    assert set(TABLES) == set(schema.TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_alone_goes_in_and_comes_out(tmp_path, table):
    text, expected = TABLES[table]
    found = read_table(tmp_path, table, text)
    kept = found.table(table).collect()
    stored = schema.LEDGER[table].column_names()
    measures = [c for c in kept.columns if c.startswith(("outcome_", "pre_", "segment_"))]
    assert kept.columns == [*stored, *measures]
    schema.LEDGER[table].validate(kept.select(stored))
    rows = kept.select(*expected[0]).rows(named=True)
    assert sorted(rows, key=repr) == sorted(expected, key=repr)
    counts = found.counts[table]
    assert (counts.read, counts.kept, counts.quarantined) == (2, 2, 0)
    for other in set(schema.TABLES) - {table}:
        empty = found.table(other).collect()
        assert empty.is_empty()
        schema.LEDGER[other].validate(empty)


@pytest.mark.parametrize("table", schema.TIME)
def test_rows_of_an_event_table_know_their_day_and_lie_by_month(tmp_path, table):
    text, _ = TABLES[table]
    found = read_table(tmp_path, table, text)
    kept = found.table(table).collect()
    time = schema.TIME[table]
    days = [(t.date() - date(1970, 1, 1)).days for t in kept[time]]
    assert kept["day"].to_list() == days
    months = sorted({12 * t.year + t.month - 1 for t in kept[time]})
    assert [p.month for p in found.parts] == months


@pytest.mark.parametrize("table", TABLES)
def test_shuffled_rows_are_the_same_table(tmp_path, table):
    text, _ = TABLES[table]
    header, *rows = text.replace("güzel\niyi", "güzel").strip().split("\n")
    parts = []
    for _ in range(3):
        random.Random(len(parts)).shuffle(rows)
        parts.append(read_table(tmp_path, table, "\n".join([header, *rows]) + "\n").parts)
    assert parts.count(parts[0]) == 3


# --- Persons ------------------------------------------------------------------------------------


def test_a_customer_has_one_name_and_one_fold_in_every_table(tmp_path):
    sources = {}
    for table, (text, _) in TABLES.items():
        (tmp_path / f"{table}.csv").write_text(text, encoding="utf-8")
        sources[table] = {"files": [f"{table}.csv"], "decimal": "."} | MEASURES.get(table, {})
    keyed = {"privacy": {"published_key": KEY}}
    found = ledger.read(configured(tmp_path, **(sources | keyed)))
    names = Pseudonyms(bytes.fromhex(KEY))
    # c1 and c3 are the person P; everybody else is alone.
    person = {"c1": names.name("P"), "c2": names.name("c2")}
    for table, (_, expected) in TABLES.items():
        if table == "identities" or "customer_id" not in expected[0]:
            continue
        kept = found.table(table).collect()
        told = {person.get(r["customer_id"], (None, None)) for r in expected}
        seen = set(kept.select("customer_id", "fold").rows())
        if table == "order_lines":  # an order without a customer has its own fold
            seen = {(c, None) for c, _ in seen}
        assert seen == told, table
    identities = set(found.table("identities").collect().rows())
    name, fold = names.name("P")
    assert identities == {(names.name(c)[0], name, fold) for c in ("c1", "c3")}
    assert found.table("touches").collect()["visitor_id"].drop_nulls().to_list() == [
        names.name("v1")[0]
    ]


def test_no_id_of_a_person_is_left_in_a_table(tmp_path):
    canary = "kanarya-90532"
    sources = {}
    for table, (text, _) in TABLES.items():
        text = re.sub(r"\b(c1|c2|c3|v1|P)\b", rf"{canary}\1", text)
        (tmp_path / f"{table}.csv").write_text(text, encoding="utf-8")
        sources[table] = {"files": [f"{table}.csv"], "decimal": "."} | MEASURES.get(table, {})
    keyed = {"privacy": {"published_key": KEY}}
    found = ledger.read(configured(tmp_path, **(sources | keyed)))
    for table in schema.TABLES:
        kept = found.table(table).collect().select(pl.all().cast(pl.String))
        assert kept.height == 2
        cells = {str(c) for row in kept.rows() for c in row}
        assert not any(canary in c for c in cells), table


IDENTITIES = "customer_id,person_id\na,P\nb,P\n"


def with_persons(shop, **tables):
    shop.put(IDENTITIES, "ids.csv")
    return shop.read(identities={"files": ["ids.csv"]}, **tables)


def test_the_first_record_of_a_person_is_kept_and_the_others_are_counted(shop):
    shop.rows(("1", "a", "2024-03-01", "p", 1, 2), ("1", "b", "2024-03-01", "p", 1, 2))
    shop.put("customer_id,city\nb,Bursa\n", "people1.csv")
    shop.put("customer_id,city\na,Adana\nc,Van\na,Adana\nd,x\nd,y\n", "people2.csv")
    found = with_persons(shop, customers={"files": ["people*.csv"]})
    kept = found.customers.select("customer_id", "city").collect().rows()
    assert sorted(kept) == [("P", "Bursa"), ("c", "Van")]
    counts = found.counts["customers"]
    assert counts.dropped == {"duplicate row": 1, "another record of the same person": 1}
    assert counts.reasons == {"customer_id: not unique": 2}
    assert (counts.read, counts.kept) == (6, 2)
    lines = found.order_lines.collect()
    assert lines["customer_id"].to_list() == ["P", "P"]
    assert lines["order_head"].sum() == 1, "one order of one person"
    assert lines["line_no"].to_list() == [1, 2]


def test_one_person_in_two_arms_is_set_aside(shop):
    shop.rows(("1", "a", "2024-03-01", "p", 1, 2))
    shop.put(
        "campaign_id,customer_id,arm,assigned_at\nk,a,x,2024-03-01\nk,b,y,2024-04-02\n"
        "m,a,x,2024-03-01\nm,b,x,2024-03-01\n",
        "drawn.csv",
    )
    found = with_persons(shop, assignments={"files": ["drawn.csv"]})
    assert found.counts["assignments"].reasons == {"campaign_id, customer_id: not unique": 2}
    assert found.counts["assignments"].dropped == {"duplicate row": 1}
    assert found.table("assignments").collect()["campaign_id"].to_list() == ["m"]


def test_an_id_that_stands_for_another_person_is_set_aside(shop):
    shop.rows(("1", "a", "2024-03-01", "p", 1, 2))
    shop.put("customer_id,person_id\na,b\nb,c\nc,c\nd,c\n", "ids.csv")
    found = shop.read(identities={"files": ["ids.csv"]})
    assert found.counts["identities"].reasons == {"person_id: stands for another person": 1}
    assert found.order_lines.collect()["customer_id"].to_list() == ["a"]


def test_an_order_made_of_a_customer_is_the_persons(shop):
    columns = ["customer_id", "ordered_at", "product_id", "quantity", "line_total"]
    day = "2024-03-01"
    shop.rows(("a", day, "p", 1, 2), ("b", day, "q", 1, 2), ("c", day, "q", 1, 2), columns=columns)
    shop.put(IDENTITIES, "ids.csv")
    found = shop.read(
        source={"order_id_from": ["customer_id", "day"]}, identities={"files": ["ids.csv"]}
    )
    assert found.order_lines.collect()["order_id"].n_unique() == 2


# --- Repeated rows and faults -------------------------------------------------------------------

KEYLESS = [t for t in schema.TABLES if not schema.TABLES[t].primary_key() and t != "order_lines"]


@pytest.mark.parametrize("table", KEYLESS)
@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_identical_rows_without_a_key(tmp_path, table, policy):
    header, first, *_ = TABLES[table][0].replace("güzel\niyi", "güzel").split("\n")
    text = f"{header}\n{first}\n{first}\n"
    changes = {"duplicates": policy, "files": [f"{table}*.csv"]}
    once = read_table(tmp_path, table, text, **changes)
    assert once.counts[table].kept == (2 if policy == "keep" else 1)
    assert once.counts[table].duplicates == 1
    assert once.counts[table].dropped == ({} if policy == "keep" else {"duplicate row": 1})
    (tmp_path / f"{table}-again.csv").write_text(text, encoding="utf-8")
    assert read_table(tmp_path, table, text, **changes).parts == once.parts


FAULTS = {
    "consents": ("c1,email,ONAY,,2024-03-01", "status: neither given nor withdrawn (recode)"),
    "campaigns": ("k,,2024-03-02,2024-03-01,,,,,,,", "row: ends before it starts"),
    "contacts": ("k,c,2024-03-01,sms,,evet,,,,", "delivered: cannot be read"),
    "touches": (",,2024-03-01,search,,", "row: neither a visitor nor a customer"),
    "service": ("s,c,2024-07-01,,,,,,,,,", "opened: after today"),
    "reviews": ("r,1,,2024-03-01,4.5,", "score: cannot be read"),
    "targets": ("2024-03,profit,1", "kpi: not a known figure"),
    "events": ("2024-03-01,", "text: missing"),
    "attributes": ("#REF!,a,b,,,", "customer_id: an error of a spreadsheet"),
    "identities": ("c9,nan", "person_id: a word for a missing value (list it in null_values)"),
    "deliveries": ("1,,,,,NaN", "cost: cannot be read"),
    "responses": ("k,c,a,,,many,,", "outcome_spend: cannot be read"),
}


SPLITS = {
    "treated=0.8;control=0.2": True,
    "a=0.333;b=0.333;c=0.333": True,
    "a=1": True,
    "treated=80;control=20": False,
    "treated=0.8;control=0.8": False,
    "a=0.5;a=0.5": False,
    "a=0.8; b=0.2": False,
    "a=0,8;b=0,2": False,
    "50/50": False,
}


@pytest.mark.parametrize(("split", "sound"), SPLITS.items())
def test_planned_shares_of_arms_make_a_whole(tmp_path, split, sound):
    text = f'campaign_id,start,planned_split\nk,2024-03-01,"{split}"\nm,2024-03-01,\n'
    counts = read_table(tmp_path, "campaigns", text).counts["campaigns"]
    said = {} if sound else {"planned_split: not shares of arms, e.g. treated=0.8;control=0.2": 1}
    assert (counts.reasons, counts.kept) == (said, 1 + sound)


def test_small_numbers_of_parquet_are_numbers(tmp_path):
    chances = [0.0, 1.2e-6, 1e-7, 0.00001234, 0.25]
    rows = pl.DataFrame({"customer_id": [str(i) for i in range(5)], "spend": chances})
    rows.with_columns(arm=pl.lit("a")).write_parquet(tmp_path / "t.parquet")
    source = {"files": ["t.parquet"], "outcomes": ["spend"], "values": {"campaign_id": "k"},
              "columns": {"customer_id": "customer_id", "arm": "arm"}}  # fmt: skip
    found = ledger.read(configured(tmp_path, responses=source))
    assert found.table("responses").collect()["outcome_spend"].to_list() == chances


@pytest.mark.parametrize("table", FAULTS)
def test_a_row_that_does_not_fit_is_set_aside(tmp_path, table):
    text, _ = TABLES[table]
    bad, reason = FAULTS[table]
    (tmp_path / "t.csv").write_text(text + bad + "\n", encoding="utf-8")
    source = {"files": ["t.csv"], "decimal": "."} | MEASURES.get(table, {})
    found = ledger.read(configured(tmp_path, **{table: source}), today=date(2024, 6, 30))
    assert found.counts[table].reasons == {reason: 1}
    assert (found.counts[table].read, found.counts[table].kept) == (3, 2)


@pytest.mark.parametrize("table", FAULTS)
def test_a_missing_column_is_named_and_no_cell(tmp_path, table):
    header, *rows = TABLES[table][0].split("\n")
    lacking = schema.REQUIRED[table][-1]
    header = ",".join("other" if c == lacking else c for c in header.split(","))
    with pytest.raises(ContractError) as caught:
        read_table(tmp_path, table, "\n".join([header, *rows]))
    assert f"{table} misses {lacking}" in str(caught.value)
    assert "c1" not in str(caught.value)


def test_words_for_yes_and_no_are_not_guessed(tmp_path):
    text = TABLES["contacts"][0].replace("true,False,0", "evet,hayır,ja")
    rows = text.split("\n")
    with pytest.raises(ContractError) as caught:
        read_table(tmp_path, "contacts", "\n".join([rows[0], *rows[1:2] * 30]) + "\n")
    assert "true, false, 1 or 0 (recode)" in str(caught.value)
    assert "evet" not in str(caught.value)
