"""Figures, cards and tables of the profile: pure functions of results, nothing computed."""

from crmlib.profile.figures.boards import (
    segment_card,
    segment_categories,
    waterfall,
    window_cards,
)
from crmlib.profile.figures.card import card_table, category_bars
from crmlib.profile.figures.comparisons import comparison_cards
from crmlib.profile.figures.growth import growth_bars, sales_line
from crmlib.profile.figures.losses import repeat_bars, waterfall_bars
from crmlib.profile.figures.migration import migration_heatmap, migration_table
from crmlib.profile.figures.overview import cards, segment_bars, segment_table, whale_curve
from crmlib.profile.figures.who import who_bars, who_table

__all__ = [
    "card_table",
    "cards",
    "category_bars",
    "comparison_cards",
    "growth_bars",
    "migration_heatmap",
    "migration_table",
    "repeat_bars",
    "sales_line",
    "segment_bars",
    "segment_card",
    "segment_categories",
    "segment_table",
    "waterfall",
    "waterfall_bars",
    "whale_curve",
    "who_bars",
    "who_table",
    "window_cards",
]
