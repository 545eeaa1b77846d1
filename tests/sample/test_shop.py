"""What shop a spec gives: the same each time, another one for another seed, none for nonsense."""

import hashlib
import os
import re
import subprocess
import sys
from datetime import date

import pytest

from crmlib.ledger.sample import SampleSpec, simulate, write
from tests.project import ROOT

SCRIPT = """
import sys
from pathlib import Path
from crmlib.ledger.sample import SampleSpec, simulate, write
write(simulate(SampleSpec(customers=300, seed=5, world=sys.argv[2])), Path(sys.argv[1]))
"""


@pytest.mark.parametrize(("world", "files"), [("real", 20), ("clean", 10)])
def test_same_seed_gives_the_same_bytes_whatever_the_threads(world, files, tmp_path):
    hashes = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        command = [sys.executable, "-c", SCRIPT, str(folder), world]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        found = sorted(folder.iterdir())
        hashes.append({f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in found})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == files  # three of orders, the other tables, crm.toml, two of truth


def test_another_seed_gives_another_shop():
    one, other = (simulate(SampleSpec(customers=100, seed=seed)) for seed in (1, 2))
    assert not one.order_lines.equals(other.order_lines)


@pytest.mark.parametrize(
    ("wrong", "echo"),
    [
        ({"customers": 99}, "customers must be at least 100, got 99"),
        ({"seed": -3}, "seed must not be negative, got -3"),
        ({"start": date(2023, 1, 2)}, "start must be the first day of a month, got 2023-01-02"),
        ({"months": 11}, "months must be at least 12, got 11"),
        ({"world": "flat"}, "world must be 'real' or 'clean', got 'flat'"),
    ],
)
def test_a_wrong_spec_is_refused_with_its_value(wrong, echo):
    with pytest.raises(ValueError, match=re.escape(echo)):
        SampleSpec(**wrong)


def test_the_smallest_and_oddest_shop_can_be_written(tmp_path):
    shop = simulate(SampleSpec(customers=100, seed=3, start=date(2023, 12, 1), months=12))
    write(shop, tmp_path)
    assert shop.truth["end"] == "2024-11-30"
    assert [p.name for p in sorted(tmp_path.glob("orders-*"))] == list(shop.truth["raw_rows"])[:2]


def test_a_world_takes_the_place_of_another_without_leaving_files_behind(tmp_path):
    for world, files in (("real", 20), ("clean", 10), ("real", 20)):
        write(simulate(SampleSpec(customers=150, world=world)), tmp_path)
        assert len(list(tmp_path.iterdir())) == files
