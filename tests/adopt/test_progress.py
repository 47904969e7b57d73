"""What takes long says so before it begins, in a pipe, too."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import cli
from copier_pypi_release.adopt import aftermath, build_pins, plan
from copier_pypi_release.commands import adopt
from copier_pypi_release.console import progress
from rich.console import Console
from support.rendering import commit_all

from adopt.fixtures import make, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.requirement("B11", "U7")


def test_each_long_step_is_announced_before_it_begins(
    tmp_path: Path, template_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make("setuptools-scm", tmp_path)
    for workflow in (root / ".github/workflows").iterdir():
        workflow.unlink()
    write(root, {"Makefile": "test:\n\techo tested\n"})
    commit_all(root, "ci: none")
    happened: list[str] = []

    def recorded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  (passed on)
            happened.append(name)
            return real(*arguments, **options)

        return call

    @contextlib.contextmanager
    def announced(_: Console) -> Iterator[Callable[[str], None]]:
        yield lambda text: happened.append(f"{text} ...")

    monkeypatch.setattr(adopt, "progress", announced)
    for module, name in ((plan, "_clone"), (plan, "build_wheel"), (aftermath, "run"), (build_pins, "run")):
        monkeypatch.setattr(module, name, recorded(name, getattr(module, name)))
    assert cli.main(["adopt", str(root), "--dry-run", "--template", str(template_repository)]) == 0
    assert happened == [
        *("Cloning the repository ...", "_clone"),
        *("Building the package as it is ...", "_clone", "build_wheel"),
        *("Pinning what the package builds with ...", "run"),
        *("Building it with the change, as a release does ...", "build_wheel"),
        *("Running what a release would test with: pip install -e .; make test ...", "run"),
        *("Reading the notes of the newest tag as a release does ...", "run"),
    ]


def test_a_pipe_gets_a_line_for_each_step_beside_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(Console(file=io.StringIO())) as say:
        say("Building\x1b[2J")
        say("Comparing")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Building\\x1b[2J ...\nComparing ...\n")


def test_a_terminal_gets_one_line_that_changes() -> None:
    screen = io.StringIO()
    with progress(Console(file=screen, force_terminal=True, width=80)) as say:
        say("Running [red]tests\x1b[2J")
    assert "Running [red]tests\\x1b[2J ..." in screen.getvalue()
