"""Segment cards: every number counted again in plain Python."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlib.profile import card
from tests.profile.frames import mart

SCHEMA = {
    "customer_id": pl.String,
    "category": pl.String,
    "channel": pl.String,
    "purchase_lines": pl.Int64,
    "value": pl.Decimal(38, 4),
    "discount": pl.Decimal(38, 4),
    "returns": pl.Decimal(38, 4),
}
Rows = list[tuple[str, str | None, str | None, int, Decimal, Decimal, Decimal]]


def random_shop(seed: int) -> tuple[pl.DataFrame, Rows, dict[str, str]]:
    """Customers c00000..., what they bought, and their groups; some have none."""
    draw = random.Random(seed)
    n = draw.randint(1, 120)
    people = [
        {"purchase_days": draw.choice([1, 1, 2, 5, 0]), "value": Decimal(draw.randint(1, 999))}
        for _ in range(n)
    ]
    groups = {
        f"c{i:05}": g for i in range(n) if (g := draw.choice(["a", "a", "b", "b", "rare", ""]))
    }
    groups = {c: g for c, g in groups.items() if g != "rare" or draw.random() < 0.3}
    rows: Rows = []
    for i in range(n + 3):  # three customers who are not in the window
        for _ in range(draw.randint(0, 5)):
            lines = draw.choice([0, 1, 1, 2, 7])
            rows.append(
                (
                    f"c{i:05}",
                    draw.choice(["tea", "tea", "cups", "jam", None, f"rare {draw.randint(0, 4)}"]),
                    draw.choice(["web", "web", "store", None, "fair" if i % 9 == 0 else "web"]),
                    lines,
                    Decimal(draw.randint(1, 9999)) / 100 * bool(lines),
                    Decimal(draw.choice([0, 0, 5])) * bool(lines),
                    Decimal(0 if lines else -draw.randint(0, 20)),
                )
            )
    return mart(people), rows, groups


def measure(
    window: pl.DataFrame, rows: Rows, groups: dict[str, str], spec: card.CardSpec | None = None
) -> card.CardResult:
    mapping = pl.DataFrame(
        {"customer_id": list(groups), "group": list(groups.values())},
        schema={"customer_id": pl.String, "group": pl.String},
    )
    return card.measure(window, pl.DataFrame(rows, schema=SCHEMA, orient="row"), mapping, spec)


def members(window: pl.DataFrame, groups: dict[str, str], group: str) -> dict[str, Any]:
    return {
        row["customer_id"]: row
        for row in window.iter_rows(named=True)
        if row["purchase_days"] > 0 and group in ("all", groups.get(row["customer_id"]))
    }


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_rates_and_shares_are_those_of_the_rows(seed: int) -> None:
    window, rows, groups = random_shop(seed)
    found = measure(window, rows, groups)
    everyone = members(window, groups, "all")
    sizes = {g: len(members(window, groups, g)) for g in {*groups.values(), "all"}}
    assert set(found.groups) == {g for g, n in sizes.items() if n >= 10 <= sizes["all"]}
    for told in found.cards.iter_rows(named=True):
        mine = members(window, groups, told["group"])
        bought = [r for r in rows if r[0] in mine]
        value, discount, returns = (sum((r[i] for r in bought), Decimal(0)) for i in (4, 5, 6))
        assert told["customers"] == len(mine)
        assert told["share"] == pytest.approx(len(mine) / len(everyone))
        assert told["value"] == pytest.approx(float(sum(p["value"] for p in mine.values())))
        assert told["mean_value"] == pytest.approx(told["value"] / len(mine))
        once = sum(p["purchase_days"] == 1 for p in mine.values())
        assert told["once"] == pytest.approx(once / len(mine))
        if value:
            assert told["discount"] == pytest.approx(float(discount / (value + discount)))
            assert told["returns"] == pytest.approx(float(-returns / value))
            assert told["returns_low"] <= told["returns"] <= told["returns_high"]


def share(rows: Rows, ids: set[str], column: int, wanted: set[Any], by: int) -> float:
    known = [r for r in rows if r[0] in ids and (column == 2 or r[1] is not None)]
    whole = sum(r[by] for r in known)
    return float(sum(r[by] for r in known if r[column] in wanted) / whole)


@given(seed=st.integers(0, 10**6), by=st.sampled_from(["lines", "value"]))
@settings(max_examples=60, deadline=None)
def test_categories_and_channels_are_those_of_the_rows(seed: int, by: Any) -> None:
    window, rows, groups = random_shop(seed)
    found = measure(window, rows, groups, card.CardSpec(by=by, top=3))
    everyone, column = set(members(window, groups, "all")), 3 if by == "lines" else 4
    for group in found.groups:
        mine = set(members(window, groups, group))
        listed = found.categories.filter(pl.col("group") == group)
        supported = {
            c
            for c in {r[1] for r in rows} - {None}
            if len({r[0] for r in rows if r[0] in mine and r[1] == c and r[3]}) >= 10
            and share(rows, mine, 1, {c}, column) >= 0.01
        }
        numbers = {
            c: (share(rows, mine, 1, {c}, column), share(rows, everyone, 1, {c}, column))
            for c in supported
        }
        size = {c: own if group == "all" else own / of_all for c, (own, of_all) in numbers.items()}
        best = [c for _, c in sorted((round(-n, 9), c) for c, n in size.items())][:3]
        assert listed["category"].to_list() == best
        assert listed["rank"].to_list() == list(range(1, len(best) + 1))
        for row in listed.iter_rows(named=True):
            mine_share, all_share = numbers[row["category"]]
            assert row["share"] == pytest.approx(mine_share)
            assert row["share_all"] == pytest.approx(all_share)
            assert row["index"] == pytest.approx(mine_share / all_share)
        channels = found.channels.filter(pl.col("group") == group)
        named = set(channels["channel"]) - {"other"}
        if not channels.is_empty():
            assert channels["share"].sum() == pytest.approx(1)
        for row in channels.iter_rows(named=True):
            all_channels = {r[2] or "" for r in rows if r[0] in mine and r[3]}
            inside = {row["channel"]} if row["channel"] in named else all_channels - named
            wanted = {c or None for c in inside}
            buyers = {r[0] for r in rows if r[0] in mine and r[3] and r[2] in wanted}
            assert len(buyers) >= 10
            assert row["share"] == pytest.approx(share(rows, mine, 2, wanted, column))
            assert row["share_all"] == pytest.approx(share(rows, everyone, 2, wanted, column))


def test_no_id_leaves_the_function() -> None:
    found = measure(*random_shop(3))
    for frame in (found.cards, found.categories, found.channels):
        assert "customer_id" not in frame.columns
        assert not any(str(v).startswith("c0") for row in frame.rows() for v in row)


def _planted(loves: float) -> card.CardResult:
    """Two groups; of the lines of the first a share ``loves`` is tea, of the second a fifth."""
    rng = np.random.default_rng(5)
    window = mart([{"value": Decimal(10)}] * 400)
    rows: Rows = []
    groups = {}
    for n, who in enumerate(window["customer_id"]):
        groups[who] = "fans" if n % 4 == 0 else "rest"
        for _ in range(5):
            tea = rng.random() < (loves if n % 4 == 0 else 0.2)
            rows.append(
                (who, "Tea" if tea else "Cups", "web", 1, Decimal(1), Decimal(0), Decimal(0))
            )
    return measure(window, rows, groups)


def test_the_headline_turns_with_what_a_group_loves() -> None:
    told = _planted(0.8).headline("en", "fans")
    assert "They buy Tea 2." in told
    assert "100% bought on one day only." in told
    same = _planted(0.2).headline("en", "fans")
    assert "No listed category" in same
    assert "Cups leads with" in _planted(0.2).headline("en")
    assert "category" not in _planted(0.8).headline("tr", "fans")


def test_the_interval_of_an_index_covers_one_where_groups_are_alike() -> None:
    # 300 draws of a group of 100 among 400 that buys as all do; the interval must miss 1 in
    # 5 % of them +- 3 standard errors (1.3 points).
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        n = 400
        taste = rng.beta(2, 6, n)  # customers differ, so that lines are not independent
        tea = rng.binomial(6, taste)
        ids = [f"c{i:05}" for i in range(n)]
        window = pl.DataFrame(
            {
                "customer_id": ids,
                "fold": rng.integers(0, 64, n),
                "purchase_days": [1] * n,
                "value": [1.0] * n,
            }
        )
        zero = [0.0] * 2 * n
        mix = pl.DataFrame(
            {
                "customer_id": ids * 2,
                "category": ["tea"] * n + ["cups"] * n,
                "channel": ["web"] * 2 * n,
                "purchase_lines": [*tea.tolist(), *(6 - tea).tolist()],
                "value": [1.0] * 2 * n,
                "discount": zero,
                "returns": zero,
            }
        )
        groups = pl.DataFrame({"customer_id": ids[:100], "group": ["a"] * 100})
        found = card.measure(window, mix, groups).categories
        (row,) = found.filter(pl.col("group") == "a", pl.col("category") == "tea").rows(named=True)
        hits += row["index_low"] <= 1 <= row["index_high"]
    assert 0.912 <= hits / 300 <= 0.988


def test_a_search_over_categories_names_none_by_chance() -> None:
    # Ten groups of 60 customers that buy of 15 categories as all do: 20 draws, 200 headlines, of
    # which 5 % + 3 standard errors may name a category that a group is said to love.
    rng = np.random.default_rng(12)
    named = 0
    for _ in range(20):
        n = 600
        window = mart([{}] * n).with_columns(fold=pl.Series(rng.integers(0, 64, n), dtype=pl.Int32))
        ids = window["customer_id"].to_list()
        rows: Rows = [
            (ids[i], f"c{rng.integers(0, 15)}", "web", 1, Decimal(1), Decimal(0), Decimal(0))
            for i in range(n)
            for _ in range(4)
        ]
        found = measure(window, rows, {who: f"g{i % 10}" for i, who in enumerate(ids)})
        named += sum("They buy" in found.headline("en", g) for g in found.groups)
    assert named / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_nobody_and_few() -> None:
    nobody = measure(mart([]), [], {})
    assert nobody.groups == []
    assert "too few" in nobody.headline("en")
    few = measure(mart([{}] * 9), [], {f"c{n:05}": "a" for n in range(9)})
    assert (few.groups, few.left_out) == ([], ["a"])


def test_a_group_must_not_be_called_all() -> None:
    with pytest.raises(ValueError, match="'all'"):
        measure(mart([{}]), [], {"c00000": "all"})


def test_a_wrong_spec_echoes_its_value() -> None:
    with pytest.raises(ValueError, match="'units'"):
        card.CardSpec(by="units")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2"):
        card.CardSpec(min_share=2)
