"""Notebooks still conclude what they concluded; a flipped decision turns CI red."""

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from crmlib import conclusions
from tests.project import ROOT
from tests.shops import build_shop

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REFERENCE = ROOT / "tests" / "reference" / "conclusions"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop of 20,000 customers, as `crm sample` makes it."""
    if "CRM_WORKSPACE" in os.environ:
        return Path(os.environ["CRM_WORKSPACE"])
    return build_shop(tmp_path_factory.mktemp("sample"), customers=20_000, seed=1)


def _concluded(notebook: Path, workspace: Path) -> dict[str, Any]:
    content = nbformat.read(notebook, as_version=4)
    os.environ["CRM_WORKSPACE"] = str(workspace)
    NotebookClient(content, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    found = [
        output["data"][conclusions.MIME]
        for cell in content.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if conclusions.MIME in output.get("data", {})
    ]
    assert len(found) == 1, f"{notebook.name} must show its conclusions once"
    result: dict[str, Any] = found[0]
    return result


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_concludes_as_before(
    notebook: Path, workspace: Path, request: pytest.FixtureRequest
) -> None:
    found = _concluded(notebook, workspace)
    reference = REFERENCE / f"{notebook.stem}.json"
    if request.config.getoption("--remake-conclusions"):
        reference.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
        reference.write_text(text, encoding="utf-8")
    assert reference.exists(), "run 'make conclusions'"
    assert conclusions.differences(found, json.loads(reference.read_bytes())) == []


def test_every_reference_has_its_notebook() -> None:
    assert {p.stem for p in REFERENCE.glob("*.json")} == {p.stem for p in NOTEBOOKS}


HELD = {
    "notebook": "x",
    "numbers": [{"name": "n", "value": 100.0, "tolerance": 0.01, "reason": ""}],
    "decisions": {"what": "this"},
}


def _with(**changes: Any) -> dict[str, Any]:
    return deepcopy(HELD) | changes


def test_equal_conclusions_hold() -> None:
    assert conclusions.differences(HELD, HELD) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (_with(decisions={"what": "that"}), "flipped"),
        (_with(decisions={}), "flipped"),
        (_with(numbers=[]), "in one of the two only"),
        (_with(numbers=[HELD["numbers"][0] | {"value": 102.0}]), "left its tolerance"),
    ],
)
def test_every_kind_of_change_is_told(found: dict[str, Any], said: str) -> None:
    told = conclusions.differences(found, HELD)
    assert len(told) == 1
    assert said in told[0]


def test_a_number_inside_its_tolerance_is_no_change() -> None:
    near = _with(numbers=[HELD["numbers"][0] | {"value": 100.9}])
    assert conclusions.differences(near, HELD) == []


def test_a_wide_tolerance_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        conclusions.Number("n", 1.0, tolerance=0.1)
    conclusions.Number("n", 1.0, tolerance=0.1, reason="few cases in this shop")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_must_be_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        conclusions.Number("n", value)


def test_conclusions_show_text_from_data_inert() -> None:
    shown = conclusions.Conclusions("x", [], {"<script>": "<img onerror=x>"})._repr_mimebundle_()
    assert "<script>" not in shown["text/html"]
    assert "<img" not in shown["text/html"]
