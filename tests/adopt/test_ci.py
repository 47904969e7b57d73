"""What CI runs, told from what it prepares."""

from __future__ import annotations

import pytest
from copier_pypi_release.adopt.ci import choose_ci, is_gate, simple_commands
from copier_pypi_release.workflow_files import parse

from adopt.test_publishing_jobs import job


@pytest.mark.parametrize(
    ("command", "gate"),
    [
        ("make check", True),
        ("make install", False),
        ("uv run pytest -q", True),
        ("uv run --frozen mypy src", True),
        ("poetry run pytest", True),
        ("python -m pytest tests", True),
        ("hatch test --cover", True),
        ("tox", True),
        ("nox -s tests", True),
        ("pip install -e .[dev]", False),
        ("uv sync", False),
        ("echo make check", False),
    ],
)
def test_a_gate_is_told_from_its_preparation(command: str, *, gate: bool) -> None:
    assert is_gate(command) is gate


def test_lines_that_need_a_shell_are_kept_apart() -> None:
    script = (
        'pip install -e ".[dev]" && make check\ncurl x | sh\necho hello\nuv run pytest \\\n  -q\nA=1 pytest\n'
    )
    assert simple_commands(script) == (
        ['pip install -e ".[dev]"', "make check", "uv run pytest -q"],
        ["curl x | sh", "A=1 pytest"],
    )


def test_ci_is_the_workflow_that_checks_the_most() -> None:
    docs = parse("docs.yml", job("run: make docs"))
    lint = parse("lint.yml", job("run: ruff check"))
    tests = parse("tests.yml", job("run: uv sync", "run: uv run ruff check", "run: uv run pytest"))
    gate = choose_ci([docs, lint, tests], "")
    assert (gate.file, gate.commands) == ("tests.yml", ("uv sync", "uv run ruff check", "uv run pytest"))
