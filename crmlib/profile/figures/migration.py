"""Migration: the matrix of moves as a heat map, and the largest moves as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmlib import i18n, theme
from crmlib.profile import segments
from crmlib.profile.figures.overview import sales_header
from crmlib.profile.migration import MigrationResult

if TYPE_CHECKING:
    import plotly.graph_objects as go

LARGEST = 10


def migration_heatmap(result: MigrationResult, lang: str) -> go.Figure:
    """Where the customers of each segment went: shares of a row, the largest moves in numbers."""
    import plotly.graph_objects as go

    moves = {(m["from"], m["to"]): m for m in result.moves.iter_rows(named=True)}
    rows = [key for key in segments.ORDER if any(a == key for a, _ in moves)]
    columns = [key for key in segments.ORDER if any(b == key for _, b in moves)]
    largest = set(result.largest(LARGEST).select("from", "to").iter_rows())
    cells = [[moves.get((a, b)) for b in columns] for a in rows]
    matrix = go.Heatmap(
        x=_names(columns, lang),
        y=_names(rows, lang),
        z=[[cell["share"] if cell else None for cell in row] for row in cells],
        zmin=0,
        zmax=1,
        colorscale=[[0, "rgba(59,111,212,0.06)"], [1, "rgba(59,111,212,0.75)"]],
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        text=[
            [
                i18n.number(cell["customers"], lang)
                if cell and (cell["from"], cell["to"]) in largest
                else ""
                for cell in row
            ]
            for row in cells
        ],
        texttemplate="%{text}",
        customdata=[[_hover(cell, result, lang) if cell else "" for cell in row] for row in cells],
        hovertemplate="%{y} → %{x}<br>%{customdata}<extra></extra>",
    )
    title = i18n.text("Where customers moved, share of each row", lang)
    figure = theme.finish(
        go.Figure(matrix),
        title=title,
        lang=lang,
        x=i18n.text("segment now", lang),
        y=i18n.text("segment before", lang),
        height=520,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, title_standoff=10)
    figure.update_xaxes(showgrid=False, tickangle=-40)
    return figure


def migration_table(result: MigrationResult, lang: str) -> theme.Table:
    """Show the moves with most sales behind them."""
    rows = [
        [
            *_names([m["from"], m["to"]], lang),
            i18n.number(m["customers"], lang),
            i18n.percent(m["share"], lang, 1),
            i18n.money(m["value"], result.currency, lang),
        ]
        for m in result.largest(LARGEST).iter_rows(named=True)
    ]
    headers = [
        i18n.text("From", lang),
        i18n.text("To", lang),
        i18n.text("Customers", lang),
        i18n.text("Share of those before", lang),
        sales_header(result.spec.rfm, lang),
    ]
    return theme.Table(headers, rows, [False, False, True, True, True])


def _names(keys: list[str], lang: str) -> list[str]:
    return [i18n.text(segments.label(key), lang) for key in keys]


def _hover(move: dict[str, object], result: MigrationResult, lang: str) -> str:
    return i18n.text(
        "{n} customers, {share} of the row, sales {amount}",
        lang,
        n=i18n.number(move["customers"], lang),  # type: ignore[arg-type]
        share=i18n.percent(move["share"], lang, 1),  # type: ignore[arg-type]
        amount=i18n.money(move["value"], result.currency, lang),  # type: ignore[arg-type]
    )
