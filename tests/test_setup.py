"""tasks.py: what it says to a Python that will not do, and how it repairs a half-made set-up."""

import ast
import os
import re
import sys
from pathlib import Path

import pytest

import tasks
from tests.project import PYPROJECT, ROOT, files

SOURCE = (ROOT / "tasks.py").read_text(encoding="utf-8")
NAMES = [command.__name__ for command in tasks.COMMANDS]


class Folder(tasks.Venv):
    """A set-up without a real Python: the environment's Python is a file that says its version."""

    def __init__(self, root: Path, version: str = "3.11"):
        self.commands: list[list[str]] = []
        self.version = version
        self.dies_at = ""
        super().__init__(str(root), run=self.pretend)

    def pretend(self, command):
        text = " ".join(command)
        self.commands.append(command)
        if "-m venv" in text:
            program = Path(self.program("python"))
            program.parent.mkdir(parents=True)
            program.write_text(self.version)
        if self.dies_at and self.dies_at in text:
            raise KeyboardInterrupt

    def python_facts(self):
        program = Path(self.program("python"))
        return program.read_bytes() + self.folder.encode() if program.exists() else b""

    def steps(self) -> list[str]:
        """What was run since the last look, a word a command."""
        words = {"-m venv": "make", "--require-hashes": "packages", "-e .": "crmlib"}
        texts = [" ".join(command) for command in self.commands]
        self.commands.clear()
        return [next(word for mark, word in words.items() if mark in text) for text in texts]


EVERYTHING = ["make", "packages", "crmlib"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "requirements.lock").write_text("polars==2.1.0")
    (tmp_path / "pyproject.toml").write_text("[project]")
    return Folder(tmp_path)


@pytest.fixture
def whole(folder):
    """A folder that is set up, with a file in it that only a new environment would lack."""
    folder.prepare()
    assert folder.steps() == EVERYTHING
    Path(folder.folder, "kept").touch()
    return folder


def kept(folder: Folder) -> bool:
    return Path(folder.folder, "kept").exists()


def ready(folder: Folder) -> bool:
    return Path(folder.folder, ".ready").exists()


def test_a_whole_setup_is_left_alone(whole):
    assert ready(whole)
    whole.prepare()
    assert whole.steps() == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_again(whole, name):
    Path(whole.root, name).write_text("changed")
    whole.prepare()
    assert whole.steps() == ["packages", "crmlib"]
    assert kept(whole)
    whole.prepare()
    assert whole.steps() == []


@pytest.mark.parametrize("step", ["-m venv", "--require-hashes", "-e ."])
def test_a_killed_setup_is_made_anew(folder, step):
    folder.dies_at = step
    with pytest.raises(KeyboardInterrupt):
        folder.prepare()
    assert not ready(folder)
    Path(folder.folder, "kept").touch()
    folder.dies_at = ""
    folder.steps()
    folder.prepare()
    assert folder.steps() == EVERYTHING
    assert not kept(folder)
    assert ready(folder)


@pytest.mark.parametrize("step", ["--require-hashes", "-e ."])
def test_a_killed_repair_is_made_anew(whole, step):
    Path(whole.root, "requirements.lock").write_text("changed")
    whole.dies_at = step
    with pytest.raises(KeyboardInterrupt):
        whole.prepare()
    assert not ready(whole)
    whole.dies_at = ""
    whole.steps()
    whole.prepare()
    assert whole.steps() == EVERYTHING


def test_another_python_means_a_new_environment(whole):
    Path(whole.program("python")).write_text("3.12")
    whole.prepare()
    assert whole.steps() == EVERYTHING
    assert not kept(whole)


def test_a_python_that_does_not_run_means_a_new_environment(whole):
    Path(whole.program("python")).unlink()
    whole.prepare()
    assert whole.steps() == EVERYTHING


def test_a_moved_folder_means_a_new_environment(whole, tmp_path):
    there = tmp_path / "moved"
    there.mkdir()
    for name in ("requirements.lock", "pyproject.toml", ".venv"):
        (tmp_path / name).rename(there / name)
    moved = Folder(there)
    moved.prepare()
    assert moved.steps() == EVERYTHING


def test_packages_come_by_hash_and_the_project_offline(folder):
    folder.prepare()
    _, packages, project = (" ".join(command) for command in folder.commands)
    by_hash = "--no-deps --require-hashes --only-binary :all: -r requirements.lock"
    assert packages.endswith(by_hash)
    assert project.endswith("--no-deps --no-build-isolation --no-index -e .")


def test_the_facts_of_a_real_python(tmp_path, monkeypatch):
    venv = tasks.Venv(str(tmp_path))
    assert venv.python_facts() == b""
    monkeypatch.setattr(venv, "program", lambda name: sys.executable)
    facts = venv.python_facts().decode()
    assert sys.version.split()[0] in facts
    assert sys.prefix in facts


def test_windows_keeps_its_programs_elsewhere(monkeypatch):
    with monkeypatch.context() as windows:  # pathlib looks at os.name too
        windows.setattr(os, "name", "nt")
        program = tasks.VENV.program("crm")
    assert Path(program).parts[-2:] == ("Scripts", "crm.exe")


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 6, 0), (2, 7, 18)])
def test_an_old_python_is_told(version):
    with pytest.raises(
        SystemExit, match=r"3\.11 or newer is needed, this is {}\.{}".format(*version)
    ):
        tasks.check_python(version)


def test_this_python_is_new_enough():
    tasks.check_python((3, 11, 0))
    tasks.check_python(sys.version_info)


def test_pyproject_and_tasks_agree_on_the_oldest_python():
    oldest = ".".join(str(part) for part in tasks.OLDEST)
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"


def test_an_old_python_can_read_the_file():
    tree = ast.parse(SOURCE)
    for node in ast.walk(tree):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)
        if isinstance(node, ast.FunctionDef):
            newer = [node.args.kwonlyargs, node.args.posonlyargs, node.returns]
            assert not any(newer)
            assert not any(argument.annotation for argument in node.args.args)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            assert len(node.args) == 1
            assert not node.keywords  # to Python 2, print is a statement


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told(missing):
    def load(name):
        if name == missing:
            raise ImportError(name)

    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        tasks.check_venv(load)


def test_help_lists_every_command(capsys):
    tasks.main([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line.split()) > 2 for line in lines)


def test_every_command_is_in_the_list():
    commands = SOURCE.split("# --- The commands")[1]
    assert set(re.findall(r"^def (\w+)", commands, re.MULTILINE)) == {*NAMES, "main"}


def test_an_unknown_command_is_told():
    with pytest.raises(SystemExit, match=r"no command 'tset'; there are: .*test"):
        tasks.main(["tset"])


def test_make_has_the_same_commands():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^COMMANDS := (.*)$", makefile, re.MULTILINE)[1].split() == NAMES
    assert "$(COMMANDS): ; @$(PYTHON) tasks.py $@ $(ARGS)\n" in makefile


def test_every_program_that_tasks_names_is_there():
    named = set(re.findall(r'"((?:tools|bench|tests)/\w+\.py)"', SOURCE))
    assert len(named) == 6
    assert named - set(files()) == set()


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What the commands would run, in an empty project folder."""
    made = []
    monkeypatch.setattr(tasks, "ROOT", str(tmp_path))
    monkeypatch.setattr(tasks.VENV, "prepare", lambda: made.append("setup"))

    def record(command, extra=None):
        made.append(" ".join([Path(command[0]).stem, *command[1:]]))
        made.extend(f"{name}={value}" for name, value in (extra or {}).items())

    monkeypatch.setattr(tasks, "run", record)
    return made


SAMPLE = Path("data", "raw", "sample")
MAKE_SAMPLE = f"crm sample --out {SAMPLE}"
BUILD_SAMPLE = f"crm build --config {SAMPLE / 'crm.toml'}"


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], [MAKE_SAMPLE, BUILD_SAMPLE]),
        (["data/raw/sample/crm.toml"], [BUILD_SAMPLE]),
        (["data/raw/sample/crm.toml", "data/derived/CURRENT"], []),
        (["data/derived/CURRENT"], [MAKE_SAMPLE]),
    ],
)
def test_dashboards_never_overwrite_tables(calls, tmp_path, there, expected):
    for path in there:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    tasks.main(["dashboards", "--port", "9000"])
    assert calls == ["setup", *expected, "crm serve --port 9000"]


def test_the_tests_end_in_one_run_of_pytest(calls, tmp_path):
    tasks.main(["test", "-k", "baskets"])
    run, workspace = calls[-2:]
    assert run == "python -m pytest tests crmlib notebooks dashboards --nbval-lax -k baskets"
    assert workspace == f"CRM_WORKSPACE={tmp_path / 'build' / 'sample' / 'workspace'}"
    said = " | ".join(calls)
    for part in ("ruff check", "ruff format --check", "mypy", "crm sample", "crm build"):
        assert part in said
    assert said.count("-m pytest") == 1


def test_the_lock_is_written_without_hosts(calls):
    tasks.main(["lock", "--upgrade"])
    for option in ("--universal", "--generate-hashes", "--no-emit-index-url", "--upgrade"):
        assert option in calls[-1].split()


def test_clean_leaves_data_and_the_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(tasks, "ROOT", str(tmp_path))
    for name in ("build/x", "crmlib/__pycache__", "data/derived", "data/raw", ".venv", "crmlib/a"):
        (tmp_path / name).mkdir(parents=True)
    tasks.main(["clean"])
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"crmlib", "crmlib/a", "data", "data/derived", "data/raw", ".venv"}


def test_a_failing_program_ends_the_command():
    with pytest.raises(SystemExit, match="3"):
        tasks.run([sys.executable, "-c", "raise SystemExit(3)"])


def test_ci_ends_in_the_tests():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1] == "exec make test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
