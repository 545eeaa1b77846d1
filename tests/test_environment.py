"""environment.yml names what pyproject.toml names, with the same bounds, in strict conda syntax.

Conda's channels are not asked here: this holds the two files together, no more.
"""

import copy

import pytest
import yaml
from rattler import MatchSpec

from tests.project import PYPROJECT, ROOT, requirements, run_time

ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONDA_NAMES = {
    "duckdb": "python-duckdb",
    "jupyter-server": "jupyter_server",
    "tzdata": "python-tzdata",
}
NO_BOUND = frozenset()


def wanted(project: dict) -> dict[str, frozenset[str]]:
    """What pyproject asks of conda: bounds by conda's package name."""
    build = requirements(project["build-system"]["requires"], project["dependency-groups"]["dev"])
    asked = run_time(project) | {name: build[name] for name in ("hatchling", "editables")}
    bounds = {
        CONDA_NAMES.get(name, name): frozenset(str(one) for one in requirement.specifier)
        for name, requirement in asked.items()
    }
    python = frozenset(project["project"]["requires-python"].split(","))
    return bounds | {"python": python, "pip": NO_BOUND}


def given(environment: dict) -> dict[str, frozenset[str]]:
    """What environment.yml asks; a `pip:` section or loose syntax raises."""
    specs = [MatchSpec(line, strict=True) for line in environment["dependencies"]]
    return {
        spec.name.normalized: frozenset(spec.version.split(",") if spec.version else [])
        for spec in specs
    }


def differences(project: dict, environment: dict) -> list[str]:
    """One line for each package that the two files do not agree on."""
    ours, conda = wanted(project), given(environment)
    lines = [
        f"{name}: pyproject {sorted(ours.get(name, {'absent'}))}, "
        f"environment {sorted(conda.get(name, {'absent'}))}"
        for name in sorted(ours.keys() | conda.keys())
        if ours.get(name) != conda.get(name)
    ]
    if len(conda) != len(environment["dependencies"]):
        lines.append("a package stands twice in environment.yml")
    return lines


def test_both_files_say_the_same():
    assert differences(PYPROJECT, ENVIRONMENT) == []
    assert len(given(ENVIRONMENT)) > 15


def test_only_conda_forge():
    assert set(ENVIRONMENT) == {"name", "channels", "dependencies"}
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]


def noticed(project: dict, environment: dict) -> list[str]:
    """The packages that a change sets apart, whatever else is wrong."""
    new = set(differences(project, environment)) - set(differences(PYPROJECT, ENVIRONMENT))
    return [line.split(":")[0] for line in new]


def test_a_line_dropped_from_environment_is_noticed():
    for line in ENVIRONMENT["dependencies"]:
        changed = copy.deepcopy(ENVIRONMENT)
        changed["dependencies"].remove(line)
        assert noticed(PYPROJECT, changed) == [line.split()[0]]


def test_a_bound_changed_in_environment_is_noticed():
    for place, line in enumerate(ENVIRONMENT["dependencies"]):
        changed = copy.deepcopy(ENVIRONMENT)
        changed["dependencies"][place] = f"{line.split()[0]} >=0.0.1"
        assert noticed(PYPROJECT, changed) == [line.split()[0]]


def test_a_package_listed_twice_is_noticed():
    changed = copy.deepcopy(ENVIRONMENT)
    changed["dependencies"].append(changed["dependencies"][-1])
    assert noticed(PYPROJECT, changed) == ["a package stands twice in environment.yml"]


@pytest.mark.parametrize("where", ["core", "workbench"])
@pytest.mark.parametrize("change", ["dropped", "changed", "added"])
def test_a_change_in_pyproject_is_noticed(where, change):
    changed = copy.deepcopy(PYPROJECT)
    project = changed["project"]
    core, extra = project["dependencies"], project["optional-dependencies"]["workbench"]
    lines = core if where == "core" else extra
    if change == "dropped":
        lines.pop()
    elif change == "changed":
        lines[-1] += ",<99"
    else:
        lines.append("newcomer>=1")
    assert len(noticed(changed, ENVIRONMENT)) == 1


@pytest.mark.parametrize("line", ["polars =>2.1", "polars >=2.1 ; x", "polars >>2", "-e ."])
def test_loose_syntax_raises(line):
    with pytest.raises(Exception, match=r"unable to parse|is not valid"):
        given({"dependencies": [line]})


def test_a_pip_section_raises():
    with pytest.raises((TypeError, AttributeError)):
        given({"dependencies": [{"pip": ["-e ."]}]})
