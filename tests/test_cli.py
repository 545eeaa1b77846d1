"""The command crm, as a user types it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from crmlib import marts
from crmlib.cli import main
from crmlib.ledger import sample
from tests.shops import write_shop

CANARY = "canary.person@example.com"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_LANG", "en")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a small sample shop."""
    shop = sample.simulate(sample.SampleSpec(customers=200, seed=2))
    return write_shop(tmp_path_factory.mktemp("shop"), shop)


def _files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file()}


def test_check_counts_and_writes_nothing(
    raw: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _files(raw.parent)
    assert main(["check", "--config", str(raw)]) == 0
    shown = capsys.readouterr().out
    assert "order_lines" in shown
    assert "duplicate row" in shown
    assert "quantity: cannot be read" in shown
    assert _files(raw.parent) == before
    assert _files(tmp_path) == set()


def test_build_then_build_again(
    raw: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["build", "--config", str(raw), "--workspace", str(tmp_path)]
    assert main(arguments) == 0
    assert "as of 30 June 2025" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "Nothing has changed" in capsys.readouterr().out
    assert main([*arguments, "--as-of", "2025-03-31"]) == 0
    assert marts.open(tmp_path).as_of.isoformat() == "2025-03-31"


def test_refused_data_end_with_1_and_name_no_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "orders.csv").write_text(f"a;b\n{CANARY};1\n")
    (tmp_path / "crm.toml").write_text(
        '[order_lines]\nfiles = ["orders.csv"]\n[order_lines.columns]\norder_id = "a"\n'
        'ordered_at = "b"\nproduct_id = "c"\nquantity = "d"\nunit_price = "e"\n'
    )
    assert main(["check", "--config", str(tmp_path / "crm.toml")]) == 1
    said = capsys.readouterr().err
    assert 'separator = ";"' in said
    assert CANARY not in said


@pytest.mark.parametrize(
    "arguments", [["check", "--config", "none.toml"], ["sample", "--customers", "5"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str], tmp_path: Path) -> None:
    os.chdir(tmp_path)
    assert main(arguments) == 2


def test_an_unknown_key_proposes_the_right_one(
    raw: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    changed = tmp_path / "crm.toml"
    changed.write_text(raw.read_text(encoding="utf-8").replace("separator =", "seperator =", 1))
    assert main(["check", "--config", str(changed)]) == 2
    assert "did you mean 'separator'?" in capsys.readouterr().err


def test_init_writes_a_configuration_that_can_be_read_and_never_overwrites(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from crmlib import config

    out = tmp_path / "new" / "crm.toml"
    assert main(["init", "--out", str(out)]) == 0
    assert config.load(out).order_lines.separator == ";"
    assert main(["init", "--out", str(out)]) == 2
    assert "there already" in capsys.readouterr().err


def test_the_template_fits_the_file_it_describes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["init", "--out", str(tmp_path / "crm.toml")]) == 0
    rows = "".join(
        f"{n};c{n % 7};{n % 28 + 1:02}.01.2025 10:00:00;p1;2;1.234,50\n" for n in range(60)
    )
    (tmp_path / "orders.csv").write_text("Order;Customer;Date;Product;Quantity;Price\n" + rows)
    assert main(["check", "--config", str(tmp_path / "crm.toml")]) == 0
    assert "60" in capsys.readouterr().out


def test_sample_is_not_written_twice(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["sample", "--customers", "200", "--out", str(tmp_path / "shop")]
    assert main(arguments) == 0
    before = {p: p.stat().st_mtime_ns for p in _files(tmp_path)}
    assert main(arguments) == 0
    assert "already" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in _files(tmp_path)} == before
    assert main([*arguments, "--seed", "2"]) == 0
    assert {p: p.stat().st_mtime_ns for p in _files(tmp_path)} != before


def test_turkish_terminal_reads_turkish(
    raw: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_LANG", "tr")
    assert main(["check", "--config", str(raw)]) == 0
    assert "karantina" in capsys.readouterr().out


def test_serving_without_a_workspace_or_to_the_world_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["serve", "--workspace", str(tmp_path), "--ip", "0.0.0.0", "--no-browser"]) == 2
    assert "0.0.0.0" in capsys.readouterr().err


def test_the_workspace_is_private(raw: Path, tmp_path: Path) -> None:
    assert main(["build", "--config", str(raw), "--workspace", str(tmp_path / "ws")]) == 0
    assert stat.S_IMODE((tmp_path / "ws").stat().st_mode) == 0o700


def test_a_day_that_is_none_says_how_days_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["build", "--as-of", "2025-13-01"])
    assert ended.value.code == 2
    assert "a day is written YYYY-MM-DD" in capsys.readouterr().err


def test_a_currency_that_is_none_says_how_it_is_written(
    raw: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    changed = tmp_path / "crm.toml"
    changed.write_text(raw.read_text(encoding="utf-8").replace('"TRY"', '"TL"', 1))
    assert main(["check", "--config", str(changed)]) == 2
    assert "shop.currency: must be three capital letters, e.g. TRY" in capsys.readouterr().err


def test_own_data_after_the_sample_shop_in_one_workspace(
    raw: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The README's order, on a machine that has never had a key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    workspace = ["--workspace", str(tmp_path / "workspace")]
    assert main(["build", "--config", str(raw), *workspace]) == 0
    own = tmp_path / "own"
    own.mkdir()
    text = raw.read_text(encoding="utf-8")
    secret = "\n".join(line for line in text.splitlines() if "published_key" not in line)
    (own / "crm.toml").write_text(secret, encoding="utf-8")
    command = ["build", "--config", str(own / "crm.toml"), "--source", str(raw.parent), *workspace]
    assert main(command) == 0
    assert main(command) == 0
    # The other way round would give customers public names: it is refused, and nothing changes.
    assert main(["build", "--config", str(raw), *workspace]) == 1
    assert "secret pseudonyms" in capsys.readouterr().err
    assert main(command) == 0


def test_a_sample_shop_does_not_overwrite_other_files(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("mine")
    assert main(["sample", "--customers", "200", "--out", str(tmp_path)]) == 2
    assert (tmp_path / "customers.csv").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "customers.csv"]


@pytest.mark.parametrize("port", ["-1", "0", "70000", "x"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"--port={port}"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("as_of = 2025-06-30", "as_of = 9999-12-31"), "over a year after the last order"),
        (("complete_from = 2023-01-01", "complete_from = 2030-01-01"), "later than the as-of day"),
        (("burn_in_days = 180", "burn_in_days = 99999999999"), "burn_in_days"),
        (('encoding = "utf-8"', 'encoding = "base64"'), "no such encoding"),
    ],
)
def test_absurd_settings_are_refused_in_a_sentence(
    raw: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    change: tuple[str, str],
    said: str,
) -> None:
    text = raw.read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "crm.toml").write_text(text.replace(*change, 1), encoding="utf-8")
    command = ["build", "--config", str(tmp_path / "crm.toml"), "--source", str(raw.parent)]
    assert main([*command, "--workspace", str(tmp_path / "workspace")]) in (1, 2)
    assert said in capsys.readouterr().err
