"""The command ``crm``: check, build, sample, serve, lab, run, init."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlib import i18n
from crmlib.errors import ConfigError, CrmError
from crmlib.i18n import mark

if TYPE_CHECKING:
    from crmlib.ledger.sample import SampleSpec

CONFIG_FILE = "crm.toml"
MAX_REASONS = 12
# The as-of day of data without a single date, such as an experiment read as a whole.
UNDATED = date(1970, 1, 1)
# As crmlib.marts.build has them, which is too heavy to import for a line of help.
ENGINES = ("polars", "duckdb")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0 when done, 1 when the data were refused, 2 on wrong usage."""
    lang = i18n.preferred_language()
    given = _parser(lang).parse_args(arguments)
    try:
        return int(given.run(given, lang))
    except CrmError as error:
        _say(error.text(lang), stream=sys.stderr)
        return error.exit_code
    except (ValueError, FileExistsError) as error:
        _say(str(error), stream=sys.stderr)
        return 2
    except KeyboardInterrupt:
        _say(i18n.text("Stopped. The last build is untouched.", lang), stream=sys.stderr)
        return 130


def _say(text: str, stream: Any = None) -> None:
    print(text, file=stream or sys.stdout)


def _parser(lang: str) -> argparse.ArgumentParser:
    def t(message: str) -> str:
        return i18n.text(message, lang)

    parser = argparse.ArgumentParser(
        prog="crm", description=t(mark("Analytical CRM: from order files to dashboards."))
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, about: str, run: Callable[[argparse.Namespace, str], int]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=t(about), description=t(about))
        made.set_defaults(run=run)
        return made

    init = command("init", mark("write a crm.toml to begin with"), _init)
    init.add_argument("--out", type=Path, default=Path(CONFIG_FILE))
    check = command("check", mark("read the sources and report, write nothing"), _check)
    build = command("build", mark("read the sources and build tables and dashboards"), _build)
    for made in (check, build):
        made.add_argument("--config", type=Path, default=Path(CONFIG_FILE))
        made.add_argument(
            "--source",
            type=Path,
            help=t(mark("folder (or order file) to read instead of the configured one")),
        )
    build.add_argument("--workspace", type=Path, help=t(mark("folder for the tables")))
    build.add_argument("--engine", default="polars", choices=ENGINES)
    build.add_argument("--as-of", type=_day, help=t(mark("last day that counts, YYYY-MM-DD")))
    serve = command("serve", mark("open the dashboards in the browser"), _serve)
    serve.add_argument("--workspace", type=Path)
    serve.add_argument("--port", type=_port, default=8866)
    serve.add_argument("--ip", default="127.0.0.1")
    serve.add_argument("--no-browser", action="store_true")
    lab = command("lab", mark("open the notebooks in JupyterLab"), _lab)
    lab.add_argument("--workspace", type=Path)
    run = command("run", mark("run a notebook and write it as an HTML report"), _run)
    run.add_argument("notebook", type=Path)
    run.add_argument(
        "-p",
        dest="parameters",
        metavar="NAME=VALUE",
        type=_parameter,
        action="append",
        default=[],
        help=t(mark("a value for one of the names in the notebook's first code cell; repeatable")),
    )
    run.add_argument("--workspace", type=Path)
    run.add_argument("--out", type=Path, help=t(mark("the report, by default NOTEBOOK.html here")))
    sample = command("sample", mark("write a sample shop whose truth is known"), _sample)
    sample.add_argument("--customers", type=int, default=20_000)
    sample.add_argument("--seed", type=int, default=1)
    sample.add_argument(
        "--world",
        default="real",
        choices=["real", "clean"],
        help=t(mark("real: all that makes data difficult; clean: the models' own assumptions")),
    )
    sample.add_argument("--out", type=Path, default=Path("data/raw/sample"))
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError("a parameter is written NAME=VALUE")
    return name, value


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written YYYY-MM-DD") from None


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


def _init(given: argparse.Namespace, lang: str) -> int:
    from crmlib.ledger import start

    start.write_template(given.out)
    _say(i18n.text("Wrote {file}: fill it in, then run 'crm check'.", lang, file=given.out))
    return 0


def _check(given: argparse.Namespace, lang: str) -> int:
    from crmlib import config, ledger

    with tempfile.TemporaryDirectory(prefix="crm-check-") as workspace:
        read = config.load(given.config, source=given.source, workspace=workspace)
        with _progress(lang) as progress:
            found = ledger.read(read, today=_today(), progress=progress)
        from dataclasses import asdict

        _report({t: asdict(c) for t, c in found.counts.items()}, lang)
    return 0


def _build(given: argparse.Namespace, lang: str) -> int:
    from crmlib import config, publish
    from crmlib.publish.boards import in_words

    read = config.load(given.config, source=given.source, workspace=given.workspace)
    if given.as_of:
        history = read.history.model_copy(update={"as_of": given.as_of})
        read = read.model_copy(update={"history": history})
    with _progress(lang) as progress:
        outcome = publish.build(read, engine=given.engine, today=_today(), progress=progress)
    if not outcome.changed:
        _say(i18n.text("Nothing has changed since the last build: nothing to do.", lang))
        return 0
    manifest = outcome.manifest
    _report(manifest["counts"], lang)
    for note in manifest["notes"]:
        message = note["message"]
        _say("! " + i18n.text(message, lang, **in_words(note["fields"], lang)))
    if any(c["quarantined"] for c in manifest["counts"].values()):
        place = outcome.folder / "quarantine"
        _say(
            i18n.text("Quarantined rows, with file, row and reasons: {folder}", lang, folder=place)
        )
    if date.fromisoformat(manifest["as_of"]) == UNDATED:
        _say(
            i18n.text(
                "Built in {workspace}; nothing in the data has a date.",
                lang,
                workspace=read.workspace,
            )
        )
        return 0
    as_of = i18n.day(date.fromisoformat(manifest["as_of"]), lang)
    _say(i18n.text("Built in {workspace}, as of {day}.", lang, workspace=read.workspace, day=as_of))
    return 0


def _report(counts: dict[str, dict[str, Any]], lang: str) -> None:
    """Print what became of the rows, on one screen, without any cell's value."""
    from rich.console import Console
    from rich.table import Table

    from crmlib.ledger.contract import say_reason

    table = Table(box=None, pad_edge=False)
    table.add_column(i18n.text("table", lang), no_wrap=True)
    for header in (mark("read"), mark("kept"), mark("dropped"), mark("quarantined")):
        table.add_column(i18n.text(header, lang), justify="right", no_wrap=True)
    table.add_column(i18n.text("why", lang))
    for name, count in counts.items():
        sums = (count["read"], count["kept"], sum(count["dropped"].values()), count["quarantined"])
        table.add_row(name, *(i18n.number(n, lang) for n in sums), "")
        why = [*count["dropped"].items(), *count["reasons"].items()]
        for reason, rows in why[:MAX_REASONS]:
            said = say_reason(reason, lang)
            table.add_row("", "", "", "", i18n.number(rows, lang), said)
        if len(why) > MAX_REASONS:
            more = i18n.text("and {n} more reasons", lang, n=len(why) - MAX_REASONS)
            table.add_row("", "", "", "", "", more)
    Console().print(table)


class _progress:  # noqa: N801  # used as a context manager, like a function
    """A progress bar for whoever reports (what, done, total)."""

    def __init__(self, lang: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn(), transient=True
        )
        self._lang = lang
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Callable[[str, int, int], None]:
        self._bar.start()
        return self._update

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _update(self, what: str, done: int, total: int) -> None:
        stage = what.split("/")[0]
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage)
        self._bar.update(self._tasks[stage], completed=done, total=total, description=what)


def _workspace(given: argparse.Namespace) -> Path:
    from crmlib.config import DEFAULT_WORKSPACE

    chosen = given.workspace or os.environ.get("CRM_WORKSPACE") or DEFAULT_WORKSPACE
    return Path(chosen).resolve()


def _folder(name: str) -> Path:
    """Find the notebooks or dashboards: here, else beside the installed package."""
    for root in (Path.cwd(), Path(__file__).resolve().parent.parent):
        if (root / name).is_dir():
            return root / name
    raise ConfigError(mark("no folder '{name}' here; run the command in the project"), name=name)


def _serve(given: argparse.Namespace, lang: str) -> int:
    del lang
    from crmlib.board.server import serve

    return serve(
        _workspace(given),
        _folder("dashboards"),
        port=given.port,
        open_browser=not given.no_browser,
        ip=given.ip,
    )


def _lab(given: argparse.Namespace, lang: str) -> int:
    del lang
    environment = os.environ | {"CRM_WORKSPACE": str(_workspace(given))}
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={_folder('notebooks').parent}"]
    return subprocess.call(command, env=environment)


def _run(given: argparse.Namespace, lang: str) -> int:
    from crmlib.board import report

    out = given.out or Path(f"{given.notebook.stem}.html")
    workspace = _workspace(given)
    report.run(
        given.notebook, out, parameters=dict(given.parameters), workspace=workspace, lang=lang
    )
    _say(i18n.text("Wrote {file}.", lang, file=out))
    return 0


def _sample(given: argparse.Namespace, lang: str) -> int:
    from crmlib.ledger import sample

    spec = sample.spec_for(given.customers, seed=given.seed, world=given.world)
    if (given.out / CONFIG_FILE).exists() and sample.is_written(spec, given.out):
        _say(i18n.text("The sample shop is already in {folder}.", lang, folder=given.out))
        return 0
    if sample.is_large(spec):
        return _sample_in_pieces(spec, given.out, lang)
    sample.write(sample.simulate(spec), given.out)
    _say(
        i18n.text(
            "Wrote a sample shop of {n} customers to {folder}; its truth is in truth.json.",
            lang,
            n=i18n.number(given.customers, lang),
            folder=given.out,
        )
    )
    return 0


def _sample_in_pieces(spec: SampleSpec, out: Path, lang: str) -> int:
    from crmlib.ledger import sample

    with _progress(lang) as progress:
        truth = sample.write_lines(spec, out, progress=progress)
    _say(
        i18n.text(
            "Wrote {lines} order lines of {n} customers to {folder}, in {pieces} files. A shop of "
            "more than {limit} customers has order lines alone.",
            lang,
            lines=i18n.number(sum(truth["pieces"].values()), lang),
            n=i18n.number(spec.customers, lang),
            folder=out,
            pieces=i18n.number(len(truth["pieces"]), lang),
            limit=i18n.number(sample.LARGE, lang),
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
