"""Sample shops, built for tests."""

from __future__ import annotations

from pathlib import Path

from crmlib import config, ledger, marts, publish
from crmlib.ledger import sample
from crmlib.ledger.sample import SampleShop, SampleSpec


def write_shop(folder: Path, shop: SampleShop) -> Path:
    """Write a shop's files; gives the path of its configuration."""
    sample.write(shop, folder / "raw")
    return folder / "raw" / "crm.toml"


def build_shop(folder: Path, *, customers: int, seed: int) -> Path:
    """Write and build a sample shop; gives its workspace."""
    return build(folder, sample.simulate(SampleSpec(customers=customers, seed=seed)))


def build(folder: Path, shop: SampleShop) -> Path:
    """Write and build a shop with its boards; gives its workspace."""
    read = config.load(write_shop(folder, shop), workspace=folder / "workspace")
    publish.build(read)
    return read.workspace


def build_marts(folder: Path, shop: SampleShop) -> Path:
    """Write a shop and build its marts alone, which is quicker; gives its workspace."""
    read = config.load(write_shop(folder, shop), workspace=folder / "workspace")
    marts.build(ledger.read(read), read.workspace)
    return read.workspace
