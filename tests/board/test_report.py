"""`crm run`: a notebook with parameters becomes one HTML file that needs no other host."""

import re
from pathlib import Path

import nbformat
import pytest

from crmlib import cli
from crmlib.board import report
from crmlib.errors import ConfigError

FIRST = "import os\n\nWORKSPACE = os.environ.get('CRM_WORKSPACE', 'x')\nLANG = 'en'\nN = 2"
CHART = (
    "import plotly.graph_objects as go\n"
    "go.Figure(go.Bar(x=['</script><b id=broken>', 'b'], y=[1, N]))"
)


def notebook(folder: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_markdown_cell("# A question")]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    path = folder / "asked.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def run(path: Path, *parameters: str) -> tuple[int, Path]:
    out = path.parent / "out.html"
    given = [part for each in parameters for part in ("-p", each)]
    workspace = str(path.parent / "tables")
    code = cli.main(["run", str(path), "--out", str(out), "--workspace", workspace, *given])
    return code, out


def test_parameters_take_the_place_of_what_the_first_cell_assigns(tmp_path):
    path = notebook(tmp_path, FIRST, "print(f'{LANG}:{N + 1}:{WORKSPACE}')")
    code, out = run(path, "LANG=tr", "N=40")
    assert code == 0
    assert f"tr:41:{tmp_path / 'tables'}" in out.read_text(encoding="utf-8")
    assert nbformat.read(path, 4).cells[1].source == FIRST  # the notebook stays as it was


@pytest.mark.parametrize(
    ("value", "read"), [("2024-01-01", "'2024-01-01'"), ("1.5", "1.5"), ("[1, 2]", "[1, 2]")]
)
def test_values_are_python_literals_or_text(tmp_path, value, read):
    code, out = run(notebook(tmp_path, FIRST, "print('<' + repr(N) + '>')"), f"N={value}")
    shown = out.read_text(encoding="utf-8").replace("&#39;", "'").replace("&lt;", "<")
    assert code == 0
    assert f"<{read}" in shown


def test_an_unknown_parameter_is_refused_with_those_that_there_are(tmp_path, capsys):
    code, out = run(notebook(tmp_path, FIRST), "LANGUAGE=tr")
    said = capsys.readouterr().err
    assert (code, out.exists()) == (2, False)
    assert "LANGUAGE" in said
    assert "WORKSPACE, LANG, N" in said


def test_a_tagged_cell_comes_before_the_first_one(tmp_path):
    path = notebook(tmp_path, "A = 1", "B = 2")
    content = nbformat.read(path, 4)
    content.cells[2].metadata["tags"] = ["parameters"]
    assert report.parameters_of(content) == {"B": "2"}


@pytest.mark.parametrize("text", ["N", "=1", "1a=2"])
def test_a_parameter_without_a_name_or_a_value_is_wrong_usage(tmp_path, text):
    with pytest.raises(SystemExit) as stopped:
        run(notebook(tmp_path, FIRST), text)
    assert stopped.value.code == 2


def test_a_failing_cell_is_named_without_its_message(tmp_path, capsys):
    path = notebook(tmp_path, FIRST, "print('before')", "raise ValueError('ayse@example.com')")
    code, out = run(path, "N=3")
    said = capsys.readouterr().err
    assert code == 1
    assert "cell 4: ValueError" in said  # the injected cell counts: the report shows it
    assert "ayse" not in said
    assert "before" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "content"), [("no.ipynb", None), ("no.ipynb", "PK"), ("x", "{}")])
def test_what_is_no_notebook_is_refused(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match="notebook"):
        report.run(tmp_path / name, tmp_path / "o", parameters={}, workspace=tmp_path, lang="en")


def test_the_page_draws_its_charts_and_asks_no_other_host(tmp_path, browser):
    _, out = run(notebook(tmp_path, FIRST, CHART, "go.Figure(go.Scatter(y=[1, 2]))"))
    asked: list[str] = []
    browser_page = browser.new_page()
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.goto(out.as_uri())
    browser_page.wait_for_selector(".chart .main-svg")
    assert browser_page.locator(".chart:has(.main-svg)").count() == 2
    assert browser_page.locator("#broken").count() == 0
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    html = re.sub(r"<script>.*?</script>", "", out.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
