"""This repository keeps the rules that it gives to others."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from pypi_simple import PYPI_SIMPLE_ENDPOINT
from ruamel.yaml import YAML
from support.rendering import ROOT, git
from twine.utils import DEFAULT_REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = ROOT / "template/.github/release"
PINS = ROOT / "extensions/pins"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
USES = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # (v\S+)")


def tool(*command: str) -> None:
    """Run a tool of this environment on the repository; its report is in the failure."""
    done = subprocess.run(
        [sys.executable, "-m", *command] if command[0] in {"mypy", "ruff"} else list(command),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pinned_tools() -> dict[str, str]:
    """The pinned tools by name."""
    lines = (PINS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {r.name: str(r.specifier).removeprefix("==") for r in requirements}


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("actionlint",),
        ("zizmor", "--quiet", "--offline", "--persona", "pedantic", "."),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)),
        ("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"),
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_linters_find_nothing(command: tuple[str, ...]) -> None:
    tool(*command)


@pytest.mark.requirement("X9")
def test_our_own_workflows_use_the_pins_of_the_template() -> None:
    pins = {
        name: (commit, version) for name, commit, version in USES.findall((PINS / "action.yml").read_text())
    }
    used = [USES.findall(path.read_text(encoding="utf-8")) for path in WORKFLOWS]
    assert any(used)
    for name, commit, version in (use for uses in used for use in uses):
        assert pins[name] == (commit, version), name


@pytest.mark.requirement("X9")
def test_a_bot_keeps_every_folder_of_pins_fresh() -> None:
    updates = YAML(typ="safe").load(ROOT / ".github/dependabot.yml")["updates"]
    kept = {(u["package-ecosystem"], d) for u in updates for d in u.get("directories", [u.get("directory")])}
    assert kept >= {
        ("github-actions", "/"),
        ("github-actions", "/extensions/pins"),
        ("pip", "/extensions/pins"),
    }


@pytest.mark.requirement("X11")
def test_the_scripts_pin_the_same_tools_as_the_template() -> None:
    notes = ast.parse((SCRIPTS / "release_notes.py").read_text(encoding="utf-8"))
    constants = {
        target.id: ast.literal_eval(statement.value)
        for statement in notes.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    assert constants["GIT_CLIFF"] == f"git-cliff=={pinned_tools()['git-cliff']}"


@pytest.mark.requirement("X11", "P5.5")
def test_the_build_backend_and_all_below_it_are_pinned_by_hash() -> None:
    text = (SCRIPTS / "build-constraints.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = {line.split("==")[0]: line.count("--hash=sha256:") for line in text.splitlines() if line.strip()}
    assert {"hatchling", "hatch-vcs", "packaging", "setuptools-scm"} <= set(pinned)
    assert all(pinned.values())


def test_no_file_names_the_host_of_a_registry() -> None:
    hosts = {urlsplit(PYPI_SIMPLE_ENDPOINT).hostname, urlsplit(DEFAULT_REPOSITORY).hostname}
    pattern = re.compile("|".join(rf"(?<![\w.-]){re.escape(host)}" for host in hosts if host))
    naming = []
    for name in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        path = ROOT / name
        if name and path.is_file() and pattern.search(path.read_text(encoding="utf-8", errors="replace")):
            naming.append(name)
    assert naming == []


def shell_blocks(path: Path) -> list[str]:
    """The shell commands of a document's fenced blocks."""
    return re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = next(block for block in shell_blocks(ROOT / "README.md") if "pytest" in block).strip()
    assert "\n" not in command
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == command


def test_the_readme_lists_every_choice() -> None:
    questions = YAML(typ="safe").load(ROOT / "copier.yml")
    asked = {
        name: question
        for name, question in questions.items()
        if not name.startswith("_") and question.get("when", True) and question.get("ask", True)
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"it asks {len(asked)} questions" in readme
    chosen = {name for name, question in asked.items() if "choices" in question or question["type"] == "bool"}
    rows = {
        name
        for row in re.findall(r"^\| (`.*?) \|", readme, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert chosen <= rows


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)["dependency-groups"]
    named = [entry for group in groups.values() for entry in group if isinstance(entry, str)]
    lines = text.splitlines()
    silent = [
        entry
        for entry in named
        for number, line in enumerate(lines)
        if f'"{entry}"' in line and "#" not in line and not lines[number - 1].startswith("#")
    ]
    assert [entry for entry in silent if Requirement(entry).name != "pytest"] == []
