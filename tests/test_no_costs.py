"""A shop without costs, Online Retail: nothing breaks, and nobody speaks of profit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from crmlib import config, marts, publish
from crmlib.profile import figures, rfm, value
from tests.project import ROOT

# Not 'profile'; Turkish kâr, kârın, kârı, kar, with or without the hat.
PROFIT = re.compile(r"\bprofits?\b|\bprofitab|\bk[âa]r(ın|ı|a|lı|da)?\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def workspace(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Online Retail by its recipe, with boards."""
    read = config.load(
        ROOT / "data" / "recipes" / "online_retail.toml",
        source=shared_data / "online_retail",
        workspace=tmp_path_factory.mktemp("online_retail"),
    )
    publish.build(read)
    return read.workspace


def _texts(published: publish.Published, lang: str) -> Iterator[str]:
    """Everything that the dashboard can show, over all of its filters."""
    yield from published.notes(lang)
    windows = [key for _, key in published.options("window", lang)]
    members = [key for _, key in published.options("segment", lang)]
    yield from (label for d in ("window", "segment") for label, _ in published.options(d, lang))
    for window in windows:
        for segment in members:
            for name in ("activity", "value", "returning", "rfm"):
                found = published.result(f"profile.{name}", window=window, segment=segment)
                if isinstance(found, publish.Suppressed):
                    yield found.reason(lang)
                    continue
                yield found.headline(lang)
                yield from _drawn(name, found, lang)


def _drawn(name: str, found: object, lang: str) -> Iterator[str]:
    if name == "activity":
        yield from (str(card) for card in figures.cards(found, lang))  # type: ignore[arg-type]
    if name == "value":
        yield figures.whale_curve(found, lang).to_json()  # type: ignore[arg-type]
    if name == "rfm":
        yield figures.segment_bars(found, lang).to_json()  # type: ignore[arg-type]
        yield str(figures.segment_table(found, lang))  # type: ignore[arg-type]


def test_the_pattern_knows_the_word() -> None:
    for said in ("65% of profit.", "kârın %65 kadarını", "Kâr, en iyi", "profitable"):
        assert PROFIT.search(said)
    for said in ("Customer profile", "Müşteri profili", "karantina", "karşılaştırma"):
        assert not PROFIT.search(said)


@pytest.mark.parametrize("lang", ["tr", "en"])
def test_no_page_speaks_of_profit(workspace: Path, lang: str) -> None:
    texts = list(_texts(publish.open_boards(workspace), lang))
    assert len(texts) > 500
    assert [t for t in texts if PROFIT.search(t)] == []


def test_the_headlines_are_the_published_shares(workspace: Path) -> None:
    published = publish.open_boards(workspace)
    worth = published.result("profile.value", window="all")
    # witness: the best ceil(20 %) of customers hold .7461713719 of revenue.
    assert worth.best_share == pytest.approx(0.7461713719, abs=5e-11)
    assert worth.headline("en") == "The best 20% of customers bring 75% of sales."
    activity = published.result("profile.activity", window="all")
    assert (activity.customers, activity.orders) == (4338, 18532)
    assert activity.value == pytest.approx(8_911_407.904, abs=1e-6)


def test_the_public_functions_give_the_published_figures(workspace: Path) -> None:
    customer = marts.open(workspace).customer
    # witness: shares of the best ceil(20 %) and ceil(10 %) of 4,338 customers.
    for best, share in ((0.2, 0.7461713719), (0.1, 0.6137506575)):
        found = value.whale(customer, value.ValueSpec(best=best))
        assert found.best_share == pytest.approx(share, abs=5e-11)
    scores = rfm.score(customer, rfm.RfmSpec(money="nominal")).scores
    # witness: R mean 93.0594744122, median 51; F mean 4.2720147533; M mean 2054.2664601199.
    assert scores["recency_days"].mean() == pytest.approx(93.0594744122, abs=5e-11)
    assert scores["recency_days"].median() == 51
    assert scores["frequency"].mean() == pytest.approx(4.2720147533, abs=5e-11)
    assert scores["monetary"].cast(float).mean() == pytest.approx(2054.2664601199, abs=5e-8)
    known = {r["customer_id"]: r for r in scores.rows(named=True)}
    assert [known["12346"][c] for c in ("recency_days", "frequency")] == [326, 1]
    assert float(known["14646"]["monetary"]) == 280_206.02
    assert known["14646"]["segment"] == "champions"


def test_the_notebook_runs_and_does_not_speak_of_profit(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_WORKSPACE", str(workspace))
    path = ROOT / "notebooks" / "10_profile.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}).execute()
    shown = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    shown += [json.dumps(o) for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert [s for s in shown if PROFIT.search(s)] == []
