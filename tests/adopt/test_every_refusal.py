"""Every sentence that adoption can stop with, read in its source: what a person sees, with values in it."""

from __future__ import annotations

import ast
import inspect
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import cli
from copier_pypi_release.adopt.compiled import refusal
from copier_pypi_release.adopt.convert.conversion import refuse
from copier_pypi_release.adopt.programs import AdoptionError
from support.rendering import ROOT, commit_all

from adopt.adoption import run_adopt
from adopt.fixtures import make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.requirement("B2", "U7")
TOOL = ROOT / "extensions/copier_pypi_release"
VALUE = "VALUE"  # what stands for a value
MAKERS = {"AdoptionError": None, "refusal": refusal, "refuse": refuse}
# What a fix begins with: a command, or what to do with a thing that it names.
COMMANDS = {"adopt", "copier-pypi-release", "git", "ls", "rm", "uv", "uvx"}
ACTIONS = {
    *(
        "add",
        "build",
        "commit",
        "correct",
        "delete",
        "give",
        "install",
        "keep",
        "let",
        "make",
        "move",
        "name",
    ),
    *("pin", "put", "remove", "rename", "run", "save", "say", "take", "widen", "write"),
}
# Those that are about one thing alone, which they name: there is no value to show.
NAMED = {
    *("This clone is shallow", "The version comes from versioneer", "The project builds with a script"),
    *("The repository has a RELEASING.md", "The wheel installs files outside the package"),
    *("The description of the package", "Nobody can be asked", "maturin takes the version"),
}


@dataclass(frozen=True)
class Refusal:
    """A sentence in the source, with `VALUE` for each value."""

    place: str
    maker: str
    problem: str
    expected: str
    fix: str


def text(node: ast.expr | None) -> str:
    """A text as the source has it."""
    match node:
        case ast.Constant(value=str(said)):
            return said
        case ast.JoinedStr(values=parts):
            return "".join(map(text, parts))
        case ast.BinOp(left=left, right=right):
            return text(left) + text(right)
        case ast.IfExp(body=body):
            return text(body)
        case None:
            return ""
    return VALUE


def refusals() -> Iterator[Refusal]:
    """Every one of adoption's."""
    for path in (*sorted((TOOL / "adopt").rglob("*.py")), TOOL / "commands/adopt.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MAKERS:
                said = {keyword.arg: text(keyword.value) for keyword in node.keywords}
                problem = text(node.args[0])
                if problem in {VALUE, f"Compiled: {VALUE}"}:
                    continue  # the makers themselves
                place = f"{path.relative_to(TOOL).as_posix()}:{node.lineno}"
                maker = getattr(node.func, "id", "")
                yield Refusal(place, maker, problem, said.get("expected", ""), said.get("fix", ""))


REFUSALS = list(refusals())


def made(one: Refusal) -> AdoptionError:
    """The error, by the maker that the source uses."""
    maker = MAKERS[one.maker] or AdoptionError
    return maker(one.problem, expected=one.expected, fix=one.fix)


def test_all_are_found() -> None:
    """As many as there are calls; each module that can stop has some."""
    assert len(REFUSALS) > 55
    assert {"AdoptionError", "refusal", "refuse"} == {one.maker for one in REFUSALS}
    for maker in (refusal, refuse):
        assert set(inspect.signature(maker).parameters) >= {"expected", "fix"}


@pytest.mark.parametrize("one", REFUSALS, ids=lambda one: one.place)
def test_a_refusal_names_what_is_wrong_and_what_would_have_to_change(one: Refusal) -> None:
    problem, expected, fix, see = made(one).lines
    assert VALUE in problem or any(start in problem for start in NAMED), problem
    assert not problem.endswith((".", ":")), problem
    assert len(expected) > len("Expected: ") + 5
    assert see.removeprefix("See: ")
    assert len(fix) <= 80, (len(fix), fix)
    words = fix.removeprefix("Fix: ").partition(", commit")[0]
    first, second, *_ = [word.rstrip(",") for word in f"{words} .".split()]
    assert second not in {"it", "its", "them", "without"} or first in COMMANDS, words
    assert first in COMMANDS | ACTIONS | {VALUE}, words
    # A value, code, a table, a file, an option, or at least three words about it.
    named = re.search(
        rf"{VALUE}|`.+`|\[.+\]|\b[\w-]+\.(?:py|toml|cfg|md)\b|--\w|_\w|(?:\S+ ){{3}}", f"{words} "
    )
    assert first in COMMANDS or named, words


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.mark.parametrize("one", REFUSALS, ids=lambda one: one.place)
def test_a_refusal_fits_a_terminal_and_stays_four_lines_in_a_pipe(
    one: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sentences are wrapped between words; a fix is a line of its own, to be copied."""
    monkeypatch.setenv("COLUMNS", "80")
    printed: list[str] = []
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr("sys.stderr", stream)
        assert cli.stop(made(one)) == 1
        printed.append(stream.getvalue())
    pipe, terminal = printed
    assert pipe.splitlines() == list(made(one).lines)
    assert max(map(len, terminal.splitlines())) <= 80
    assert terminal.split() == pipe.split()
    assert made(one).lines[2] in terminal.splitlines()


def test_a_build_that_asks_the_network_is_named_so(tmp_path: Path, template_repository: Path) -> None:
    """A plugin that fetches a licence, say: not the plugin's traceback, but what to do."""
    root = make("setuptools-scm", tmp_path)
    call = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/licence')\n"
    (root / "setup.py").write_text(call + (root / "setup.py").read_text())
    table = (root / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(
        table.replace('"setuptools_scm>=8"', '"setuptools_scm>=8", "tomli_w"')
    )
    commit_all(root, "build: fetch")
    status, output = run_adopt(root, "--dry-run", "--template", str(template_repository))
    lines = [line for line in output.splitlines() if not line.endswith(" ...")]
    assert status == 1
    said = "urllib.error.URLError: <urlopen error [Errno 111] Connection refused>"
    assert lines == [
        f"The build fetches something and gets no answer: {said}; it runs tomli_w, too",
        "Expected: a build of the repository's files and [build-system] requires, and of nothing else",
        "Fix: commit what it fetches (a licence, say), or run this where it gets an answer",
        "See: docs/adopting.md of the template",
    ]
