"""Builds: whole or not there, told when damaged, one writer at a time."""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import polars as pl
import pytest

from crmlib import ledger, marts
from crmlib.errors import WorkspaceError
from crmlib.ledger import disk, store
from crmlib.ledger.read import inputs_of
from crmlib.marts.manifest import unchanged
from tests.project import ROOT

ROWS = [(f"o{i}", f"c{i % 7}", f"2024-0{i % 3 + 1}-01", "p", 1, i) for i in range(60)]


@pytest.fixture
def built(shop):
    """Return a shop with one build."""
    shop.rows(*ROWS)
    shop.build()
    return shop


def is_unchanged(shop):
    read = shop.config()
    return unchanged(shop.workspace, read, [asdict(i) for i in inputs_of(read)])


def total(shop):
    return int(marts.open(shop.workspace).customer.select(pl.col("value").sum()).collect().item())


# --- A build ------------------------------------------------------------------------------------


def test_a_second_build_of_the_same_is_not_needed(built):
    assert is_unchanged(built)
    built.rows(*ROWS, ("x", "c", "2024-03-02", "p", 1, 1))
    assert not is_unchanged(built)
    built.rows(*ROWS)
    assert is_unchanged(built)
    other = built.config(source={"duplicates": "drop"})
    assert not unchanged(built.workspace, other, [asdict(i) for i in inputs_of(other)])


def test_the_manifest_tells_what_the_build_was_made_of(built):
    manifest = marts.open(built.workspace).manifest
    assert [i["file"] for i in manifest["inputs"]] == ["orders.csv"]
    assert manifest["counts"]["order_lines"]["kept"] == len(ROWS)
    assert len(manifest["parts"]) == 3
    for part in manifest["parts"]:
        assert disk.hash_file(built.workspace / store.Part(**part).path) == part["sha256"]
    assert set(manifest["versions"]) >= {"crmlib", "polars", "narwhals"}
    assert json.dumps(manifest).count(str(built.folder)) == 0


def test_builds_in_the_same_second_do_not_clash_and_three_stay(built):
    names = [built.build().build for _ in range(5)]
    assert names == sorted(set(names))
    kept = sorted(p.name for p in (built.workspace / "builds").iterdir())
    assert kept == names[-3:]


def test_a_page_that_is_open_stays_on_its_build(built):
    opened = marts.open(built.workspace)
    before = opened.customer.collect()
    built.rows(("new", "c", "2024-05-01", "p", 1, 1))
    built.build()
    assert opened.customer.collect().equals(before)
    assert marts.open(built.workspace).customer.collect().height == 1


def test_a_failed_build_leaves_the_old_one(built):
    before = total(built)
    with pytest.raises(ZeroDivisionError), store.new_build(built.workspace) as made:
        made.keep("marts/kpis", pl.DataFrame({"a": [1 / 0]}))
    assert len(list((built.workspace / "builds").iterdir())) == 1
    assert total(built) == before


def test_a_finished_build_is_not_removed_when_sweeping_fails(built, monkeypatch):
    def broken(_):
        raise KeyboardInterrupt

    read = built.read()
    with monkeypatch.context() as m:
        sweeps = iter([lambda _: None, broken])
        m.setattr(store, "_sweep", lambda w: next(sweeps)(w))
        with pytest.raises(KeyboardInterrupt):
            marts.build(read, built.workspace)
    assert total(built) == sum(range(60))


def test_a_ledger_is_built_into_another_workspace(built):
    elsewhere = built.folder / "elsewhere"
    opened = marts.build(built.read(), elsewhere)
    shutil.rmtree(built.workspace)
    assert opened.ledger("order_lines").collect().height == len(ROWS)


def test_sweeping_keeps_what_a_reader_has_just_taken_up(built):
    """A part of an old build, met again by a new reader, is in use again."""
    old = time.time() - 3 * 24 * 3600
    for path in (built.workspace / "parts").glob("*/*"):
        os.utime(path, (old, old))
    read = built.read()
    built.rows(("new", "c", "2024-05-01", "p", 1, 1))
    for _ in range(4):  # builds of other data push the first one out
        built.build()
    assert marts.build(read, built.workspace).ledger("order_lines").collect().height == len(ROWS)


def test_parts_of_no_build_go_after_a_day(built):
    first = set((built.workspace / "parts").glob("*/*"))
    built.rows(("new", "c", "2024-05-01", "p", 1, 1))
    for _ in range(3):
        built.build()
    assert first < set((built.workspace / "parts").glob("*/*"))
    for path in first:
        os.utime(path, (1, 1))
    built.build()
    assert not first & set((built.workspace / "parts").glob("*/*"))


def test_rows_that_a_killed_reader_left_are_removed_and_a_living_one_is_not(built):
    with store.staging(built.workspace) as living:
        dead = built.workspace / ".staging-.dead"
        dead.mkdir()
        (dead / "rows.parquet").write_bytes(b"names")
        with store.staging(built.workspace):
            assert not dead.exists()
            assert living.exists()
    assert not list(built.workspace.glob(".staging-*"))


# --- Damage -------------------------------------------------------------------------------------


def flip(path, at=None):
    content = bytearray(path.read_bytes())
    content[at if at is not None else len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def files_of(shop):
    current = store.current(shop.workspace).folder
    return {
        "mart": current / "marts/kpis.parquet",
        "customers": current / "customers/customer.parquet",
        "quarantine": current / "quarantine/order_lines.parquet",
        "manifest": current / "manifest.json",
        "list of files": current / "files.json",
        "pointer": shop.workspace / "CURRENT",
        "part": next((shop.workspace / "parts/order_lines").iterdir()),
    }


def use_all(shop):
    opened = marts.open(shop.workspace)
    for table in (opened.kpis, opened.customer, opened.ledger("order_lines")):
        table.collect()
    opened.quarantine("order_lines").collect()


DAMAGES = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "emptied": lambda path: path.write_bytes(b""),
    "other content": lambda path: path.write_bytes(b"\x00\xff" * 50),
    "json of another kind": lambda path: path.write_bytes(b"[1, 2]"),
    "removed": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("what", ["mart", "customers", "quarantine", "manifest", "list of files",
                                  "pointer", "part"])  # fmt: skip
def test_damage_is_told_and_the_next_build_repairs_it(built, what, damage):
    use_all(built)
    DAMAGES[damage](files_of(built)[what])
    unlisted = what == "list of files" and damage == "removed"  # nothing to hold against: readable
    if not unlisted:
        with pytest.raises(WorkspaceError, match="crm build") as caught:
            use_all(built)
        assert str(built.workspace) in str(caught.value)
    assert not is_unchanged(built)
    built.build()
    use_all(built)
    assert is_unchanged(built)
    assert total(built) == sum(range(60))


def test_every_flipped_byte_of_a_mart_is_noticed(built):
    path = files_of(built)["mart"]
    sound = path.read_bytes()
    for at in random.Random(1).sample(range(len(sound)), 40):
        flip(path, at)
        with pytest.raises(WorkspaceError, match=r"marts/kpis.parquet is damaged"):
            marts.open(built.workspace).kpis.collect()
        path.write_bytes(sound)
    marts.open(built.workspace).kpis.collect()


def test_another_version_asks_for_a_build(built, monkeypatch):
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    with pytest.raises(WorkspaceError, match="built by another version"):
        marts.open(built.workspace)
    built.build()
    use_all(built)


def test_an_empty_workspace_says_how_to_begin(tmp_path):
    for folder in (tmp_path, tmp_path / "not there"):
        with pytest.raises(WorkspaceError, match="nothing is built here yet"):
            marts.open(folder)


# --- No room, no right --------------------------------------------------------------------------


def test_a_file_in_the_way_of_the_workspace(shop):
    shop.rows(*ROWS)
    shop.workspace.write_text("not a folder")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        shop.read()
    assert shop.workspace.read_text() == "not a folder"


def test_a_read_only_workspace_is_told_before_work_begins_and_stays_readable(built):
    before = total(built)
    read = built.read()
    folders = [built.workspace, *(p for p in built.workspace.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    for folder in (built.folder, *list(built.folder.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    for path in built.folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o044)
    root = os.geteuid() == 0
    if root:  # root may write anywhere: be somebody else for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(WorkspaceError, match="cannot be written"):
            built.read()
        with pytest.raises(WorkspaceError, match="cannot be written"):
            marts.build(read, built.workspace)
        assert total(built) == before
    finally:
        if root:
            os.seteuid(0)
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize("limit", [0, 500, 3000])
def test_a_full_disk_names_the_place_and_leaves_the_old_build(built, limit):
    before = total(built)
    names = sorted(p.name for p in built.workspace.rglob("*") if not p.name.startswith(".lock"))
    built.rows(*ROWS, *((f"x{i}", f"y{i}", "2024-05-01", "p", 1, i) for i in range(900)))
    config = built.config()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(WorkspaceError, match=r"cannot be written \(.*bytes are free") as caught:
            marts.build(ledger.read(config), config.workspace)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert str(built.workspace) in str(caught.value)
    assert total(built) == before
    left = {p.name for p in built.workspace.rglob("*") if not p.name.startswith(".lock")}
    assert not [n for n in left - set(names) if n.endswith(".tmp") or n.startswith(".staging")]
    assert built.build()


# --- Others at work -----------------------------------------------------------------------------


def test_a_second_builder_is_told_who_is_first(built):
    read = built.read()
    with (
        store.locked(built.workspace),
        pytest.raises(WorkspaceError, match=f"process {os.getpid()} is building here"),
    ):
        marts.build(read, built.workspace)
    marts.build(read, built.workspace)


# Builds for ever, of one order more each time; what it has read is printed.
BUILDER = """
import os, sys
from pathlib import Path
from crmlib import ledger, marts
from crmlib.config import Config
own = f"torture{os.getpid()}.csv"
folder = Path(sys.argv[1])
config = Config.model_validate({
    "privacy": {"pseudonyms": False}, "folder": folder, "workspace": folder / "workspace",
    "order_lines": {"files": [own], "decimal": "."}})
head = "order_id,customer_id,ordered_at,product_id,quantity,unit_price\\n"
for n in range(1, int(sys.argv[2]) + 1):
    rows = "".join(f"{i},c{i % 50},2024-0{i % 9 + 1}-01,p,1,1\\n" for i in range(n * 1000))
    (folder / own).write_text(head + rows)
    try:
        marts.build(ledger.read(config), config.workspace)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
        continue
    print("built", flush=True)
"""


def builder(shop, times):
    command = [sys.executable, "-c", BUILDER, str(shop.folder), str(times)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_killed_at_any_moment_the_tables_are_whole(built):
    """Ten kills; each time the last build is readable, all of it, and of one version."""
    draw = random.Random(time.time_ns())
    kills: list[int] = []
    for _ in range(10):
        process = builder(built, 1000)
        process.stdout.readline()  # under way
        time.sleep(draw.random() * 0.4)
        process.kill()
        process.wait()
        process.stdout.close()
        kills.append(process.returncode)
        use_all(built)
        opened = marts.open(built.workspace)
        lines = opened.ledger("order_lines").select(pl.len()).collect().item()
        assert lines % 1000 == 0
        assert total(built) == lines
        assert opened.kpis.select(pl.col("lines").sum()).collect().item() == lines
    assert set(kills) == {-signal.SIGKILL}
    assert len(list((built.workspace / "builds").iterdir())) <= 4
    built.build()
    assert is_unchanged(built)
    assert total(built) == sum(range(60))
    left = [p for p in built.workspace.rglob(".staging-*") if p.is_dir()]
    left += list((built.workspace / "builds").rglob("*.tmp"))
    assert left == []


def test_two_builders_at_once_do_not_mix(built):
    first, second = builder(built, 8), builder(built, 8)
    said = [p.communicate(timeout=60)[0].splitlines() for p in (first, second)]
    use_all(built)
    done = [line for lines in said for line in lines if line == "built"]
    refused = [line for lines in said for line in lines if line != "built"]
    assert len(done) >= 2
    assert [r for r in refused if not re.match(r"WorkspaceError .* is building here", r)] == []
    lines = marts.open(built.workspace).ledger("order_lines").select(pl.len()).collect().item()
    assert total(built) == lines
