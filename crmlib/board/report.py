"""Notebook to report: run it with parameters, write one HTML file that needs no other host."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from crmlib.board.chart import LOCALE, PLOTLY, STATIC
from crmlib.errors import ConfigError, CrmError
from crmlib.i18n import mark
from crmlib.ledger import store

PLOTLY_MIME = "application/vnd.plotly.v1+json"
PARAMETERS = "parameters"
STYLE = STATIC / "report.css"


class NotebookError(CrmError):
    """A cell of a notebook failed."""


def run(
    notebook: Path, out: Path, *, parameters: Mapping[str, str], workspace: Path, lang: str
) -> None:
    """Run a notebook and write it with its outputs as one HTML file.

    Parameters
    ----------
    notebook
        A notebook; its first code cells assign what can be changed.
    out
        The HTML file.
    parameters
        Names and values as text: a Python literal where it is one, else text as it stands.
    workspace
        The tables to run on.
    lang
        Language of the page's frame.

    Raises
    ------
    ConfigError
        If there is no such notebook, or it has no such parameter.
    NotebookError
        If a cell fails; what ran up to there is written, so that it can be looked at.
    """
    content = _opened(notebook)
    names = _inject(content, parameters, notebook.name)
    environment = {"CRM_WORKSPACE": str(workspace)}
    failed = _execute(content, notebook.parent, environment)
    store.write_bytes(out, _page(content, notebook.stem, names, lang).encode())
    if failed:
        number, kind = failed
        raise NotebookError(
            mark("{notebook}, code cell {number}: {kind}; the report up to there is {file}"),
            notebook=notebook.name,
            number=number,
            kind=kind,
            file=str(out),
        )


def parameters_of(content: nbformat.NotebookNode) -> dict[str, str]:
    """List the names that the parameter cell assigns, with their values as written.

    It is the cell with the tag ``parameters``, else the first code cell.
    """
    found: dict[str, str] = {}
    if not any(c.cell_type == "code" for c in content.cells):
        return found
    for statement in _statements(_parameter_cell(content).source):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = ast.unparse(statement.value)
    return found


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a magic of the notebook's: no place for parameters
        return []


def _opened(notebook: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise ConfigError(mark("{file}: no such notebook"), file=str(notebook)) from None
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        raise ConfigError(mark("{file}: not a notebook"), file=str(notebook)) from None


def _parameter_cell(content: nbformat.NotebookNode) -> nbformat.NotebookNode:
    code = [c for c in content.cells if c.cell_type == "code"]
    tagged = [c for c in code if PARAMETERS in c.metadata.get("tags", [])]
    return (tagged or code)[0]


def _inject(
    content: nbformat.NotebookNode, parameters: Mapping[str, str], name: str
) -> dict[str, str]:
    """Add a cell that assigns the parameters after the one that declares them."""
    known = parameters_of(content)
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ConfigError(
            mark("{notebook} has no parameter {unknown}; it has {known}"),
            notebook=name,
            unknown=", ".join(unknown),
            known=", ".join(known) or "-",
        )
    if parameters:
        lines = [f"{n} = {_literal(value)!r}" for n, value in parameters.items()]
        place = content.cells.index(_parameter_cell(content)) + 1
        cell = nbformat.v4.new_code_cell("\n".join(lines))  # type: ignore[no-untyped-call]
        content.cells.insert(place, cell)
    return known | {n: repr(_literal(v)) for n, v in parameters.items()}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _execute(
    content: nbformat.NotebookNode, folder: Path, environment: Mapping[str, str]
) -> tuple[int, str] | None:
    """Run the cells in their folder; gives the number and kind of error of the one that failed."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    # This Python, whatever kernel the notebook was last saved with.
    content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    client = NotebookClient(content, resources={"metadata": {"path": str(folder)}})
    try:
        client.execute(env=os.environ | environment)
    except CellExecutionError as error:
        code = [c for c in content.cells if c.cell_type == "code"]
        ran = [n for n, c in enumerate(code, start=1) if c.get("execution_count")]
        return max(ran, default=1), error.ename
    return None


def _page(content: nbformat.NotebookNode, title: str, names: Mapping[str, str], lang: str) -> str:
    """Write the notebook as a page: charts by the vendored script, nothing from other hosts."""
    from nbconvert import HTMLExporter

    charts = 0
    for cell in content.cells:
        for output in cell.get("outputs", []):
            figure = output.get("data", {}).get(PLOTLY_MIME)
            if figure:
                output["data"] = {"text/html": _chart(figure, charts)}
                charts += 1
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(content)
    asked = "".join(
        f"<dt>{escape(n)}</dt><dd>{escape(value)}</dd>"
        for n, value in names.items()
        if n != "WORKSPACE"
    )
    scripts = (PLOTLY, LOCALE) if charts else ()
    code = "".join(
        f"<script>{(STATIC / name).read_text(encoding='utf-8')}</script>" for name in scripts
    )
    style = STYLE.read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>{code}</head>"
        f'<body><dl class="parameters">{asked}</dl><main>{body}</main></body></html>\n'
    )


def _chart(figure: Mapping[str, Any], number: int) -> str:
    # "<" would let a text of the data end the script.
    data = json.dumps({k: figure.get(k) for k in ("data", "layout")}).replace("<", "\\u003c")
    place = f"chart-{number}"
    return (
        f'<div id="{place}" class="chart"></div><script>(function(){{const f={data};'
        f'Plotly.newPlot("{place}",f.data,f.layout,{{responsive:true,displaylogo:false}})'
        "})();</script>"
    )
