"""The ten segments cover the cube of scores without a gap or an overlap."""

from itertools import product

import polars as pl
import pytest

from crmlib import i18n
from crmlib.profile import segments

CUBE = list(product(segments.SCORES, repeat=3))


def _inside(box: segments.Box, cell: tuple[int, int, int]) -> bool:
    sides = (box.r, box.f, box.m)
    return all(low <= score <= high for (low, high), score in zip(sides, cell, strict=True))


@pytest.mark.parametrize("cell", CUBE)
def test_every_cell_lies_in_exactly_one_box(cell: tuple[int, int, int]) -> None:
    hits = [s.key for s in segments.SEGMENTS for box in s.boxes if _inside(box, cell)]
    assert len(hits) == 1


def test_the_expression_agrees_with_the_table() -> None:
    cube = pl.DataFrame(CUBE, schema=["r", "f", "m"], orient="row")
    found = cube.with_columns(segment=segments.assign())
    expected = [
        next(s.key for s in segments.SEGMENTS for b in s.boxes if _inside(b, cell)) for cell in CUBE
    ]
    assert found["segment"].to_list() == expected


def test_there_are_ten_and_all_are_named_in_both_languages() -> None:
    assert len(segments.SEGMENTS) == 10
    for segment in segments.SEGMENTS:
        assert i18n.text(segment.label, "tr") != segment.label
        assert i18n.text(segment.action, "tr") != segment.action


def test_states_outside_the_cube_are_named_in_both_languages() -> None:
    outside = set(segments.ORDER) - {s.key for s in segments.SEGMENTS}
    assert outside == {segments.LAPSED, segments.NOT_YET, segments.OTHER}
    for key in outside:
        assert i18n.text(segments.label(key), "tr") != segments.label(key)
    todo = segments.action(segments.LAPSED)
    assert i18n.text(todo, "tr") != todo


def test_the_lowest_frequency_is_never_loyal() -> None:
    loyal = {"champions", "loyal", "cannot_lose"}
    for key in loyal:
        assert all(box.f[0] > 1 for box in segments.BY_KEY[key].boxes)
