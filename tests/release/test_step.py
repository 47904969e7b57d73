"""release_lib.step: programs, outputs, annotations, and how every step stops with four lines."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt
from release_lib import step
from support.rendering import commit_all, git

from release.outcomes import WHEN_IT_STOPS, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.conftest import Gh


@pytest.fixture
def in_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files through which GitHub is told things."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setattr(sys, "argv", ["check_the_thing.py"])
    return tmp_path


def stop() -> None:
    """Stop like a step."""
    raise step.ReleaseError(
        "100% wrong\r\nin %0A two lines: it", expected="right", fix="a && b", see="RELEASING.md, 'Steps'"
    )


def test_a_program_gives_what_it_printed(tmp_path: Path) -> None:
    code = "import os; print(os.environ['WORD'], os.getcwd())"
    assert step.run(sys.executable, "-c", code, cwd=tmp_path, env={"WORD": "hello"}) == f"hello {tmp_path}"


def test_a_missing_program_is_named() -> None:
    assert refusal(lambda: step.run("a-program-of-nobody", "--strict")) == (
        "The program a-program-of-nobody is not installed",
        "Expected: a-program-of-nobody on PATH",
        "Fix: install a-program-of-nobody and run this again",
        "See: RELEASING.md, 'What you need'",
    )


@pytest.mark.requirement("P1.6")
def test_a_persons_settings_of_git_do_not_reach_what_is_read(tmp_path: Path) -> None:
    """Signatures above each commit, and lists in columns."""
    commit_all(tmp_path, "feat: one", tag="v1.0")
    commit_all(tmp_path, "feat: two", tag="v1.1")
    for name, value in {"log.showSignature": "true", "column.ui": "always"}.items():
        git(tmp_path, "config", name, value)
    assert step.git("log", "--format=%s", cwd=tmp_path).splitlines() == ["feat: two", "feat: one"]
    assert step.git("tag", cwd=tmp_path).splitlines() == ["v1.0", "v1.1"]


@pytest.mark.requirement("P1.6")
@pytest.mark.parametrize("variable", ["CLICOLOR_FORCE", "GH_FORCE_TTY"])
def test_no_variable_puts_colours_into_what_gh_answers(
    variable: str, gh: Gh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `env:` of a workflow has them for a compiler, say."""
    gh.prints(api_x={"a": 1})
    monkeypatch.setenv(variable, "1")
    assert json.loads(step.run("gh", "api", "x")) == {"a": 1}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('out'); sys.exit('\\n  one\\ntwo\\n')", "one | two"),
        ("print('only out'); raise SystemExit(1)", "only out"),
        ("raise SystemExit(1)", "no output"),
        ("import sys; sys.exit('\\n'.join(map(str, range(20))))", " | ".join(map(str, range(8, 20)))),
        (
            "import sys; sys.exit('No cc\\n  File\\n\"/a/b.py\",\\nline 3, in m\\n    raise E\\nE: failed')",
            "No cc | E: failed",
        ),
        (
            "import sys; sys.exit('No cc\\n  File \"/a/b.py\", line 3\\n    raise E\\n    ^^^\\nE: failed')",
            "No cc | E: failed",
        ),
        ("import sys; sys.exit('\\x1b[1;31mred\\x1b[0m and \\x1b[32mgreen')", "red and green"),
        ("import sys; sys.stderr.buffer.write(b'\\xff\\xfe'); sys.exit(1)", "\ufffd\ufffd"),
    ],
)
def test_a_failing_program_is_quoted(code: str, said: str) -> None:
    assert refusal(lambda: step.run(sys.executable, "-c", code)) == (
        " | ".join(f"`{sys.executable} -c {code}` failed with status 1: {said}".splitlines()),
        "Expected: status 0",
        "Fix: read the output above, then run this again",
        WHEN_IT_STOPS,
    )


@pytest.mark.requirement("X17")
@pytest.mark.parametrize(
    "text",
    [
        "v1\x1b[2J\x1b]0;x\x07",
        "v1\r::add-mask::x",
        "v1\n::error::x",
        "v1\u202e.0",
        "v1\u2028::set-env::x",
        "v1\x85",
    ],
)
def test_other_peoples_text_is_neither_a_command_nor_a_control_character(
    in_workflow: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    def stop_at_it() -> None:
        raise step.ReleaseError(text, expected=text, fix=text, see=text)

    for body in (stop_at_it, lambda: step.annotate("warning", "Check", text)):
        with contextlib.suppress(SystemExit):
            step.step(body)
    printed = capsys.readouterr().out
    assert [line.split("::")[1].split()[0] for line in printed.splitlines()] == ["error", "warning"]
    summary = (in_workflow / "summary").read_text(encoding="utf-8")
    assert all(c.isprintable() or c == "\n" for c in printed + summary)


@pytest.mark.requirement("X17")
def test_other_peoples_text_is_no_markup(in_workflow: Path) -> None:
    text = "`</pre><img src=x>` ```` [x](https://example.org) # x"

    def stop_at_it() -> None:
        raise step.ReleaseError(text, expected="a", fix="b", see="c")

    with pytest.raises(SystemExit):
        step.step(stop_at_it)
    (block,) = [t for t in MarkdownIt().parse((in_workflow / "summary").read_text()) if t.type == "fence"]
    assert block.content.splitlines()[0] == text


def test_an_output_of_several_lines_is_one_output(in_workflow: Path) -> None:
    step.output(hashes="a  b\nci=passed")
    first, *lines, last = (in_workflow / "output").read_text().splitlines()
    assert lines == ["a  b", "ci=passed"]
    assert first == f"hashes<<{last}"


def test_outputs_go_to_the_workflow_and_to_the_reader(
    in_workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step.output(ci="passed", has_two="words")
    step.output(version="1.0")
    assert (in_workflow / "output").read_text() == "ci=passed\nhas-two=words\nversion=1.0\n"
    assert capsys.readouterr().out == "ci=passed\nhas-two=words\nversion=1.0\n"


def test_a_summary_goes_to_the_workflow_and_to_the_reader(
    in_workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step.summary("## Ä")
    step.summary("more")
    assert (in_workflow / "summary").read_text(encoding="utf-8") == "## Ä\n\nmore\n\n"
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if not line.startswith("::")] == ["## Ä", "more"]


@pytest.mark.requirement("X10")
def test_a_summary_cannot_command_the_runner(in_workflow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of somebody's commit message or changelog may look like a workflow command."""
    assert in_workflow
    step.summary("::error::not true\n::add-mask::x")
    first, *text, last = capsys.readouterr().out.splitlines()
    word = first.removeprefix("::stop-commands::")
    assert (text, last) == (["::error::not true", "::add-mask::x"], f"::{word}::")
    step.summary("again")
    assert word not in capsys.readouterr().out


@pytest.mark.requirement("P5.3", "P8.7")
def test_a_summary_that_is_too_long_for_github_keeps_what_fits(
    in_workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one with more than 1 MiB GitHub shows nothing at all, the hashes included."""
    for text in ("first", *(f"{n} {'x' * 300_000}" for n in range(8)), "last"):
        step.summary(text)
    written = (in_workflow / "summary").read_text()
    assert len(written.encode()) < 1024 * 1024
    assert written[:10] == "first\n\n0 x"
    assert written[-40:].endswith("log of this step alone.\n\nlast\n\n")
    assert capsys.readouterr().out.count("7 xxx") == 1


def test_outside_a_workflow_everything_is_only_shown(capsys: pytest.CaptureFixture[str]) -> None:
    step.output(version="1.0")
    step.summary("words")
    step.annotate("notice", "Title", "text\nmore")
    assert capsys.readouterr() == ("version=1.0\nwords\n", "notice: text\nmore\n")


def test_a_step_that_stops_is_an_annotation_of_four_lines_and_a_summary(
    in_workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        step.step(stop)
    assert end.value.code == 1
    assert capsys.readouterr().out == (
        "::error title=Check the thing::100%25 wrong | in %250A two lines: it%0AExpected: right%0A"
        "Fix: a && b%0ASee: RELEASING.md, 'Steps'\n"
    )
    assert (in_workflow / "summary").read_text() == (
        "### :x: Check the thing\n\n```\n100% wrong | in %0A two lines: it\nExpected: right\n"
        "Fix: a && b\nSee: RELEASING.md, 'Steps'\n```\n"
    )


def test_outside_a_workflow_a_step_stops_with_four_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["check_the_thing.py"])
    with pytest.raises(SystemExit) as end:
        step.step(stop)
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        "error: 100% wrong | in %0A two lines: it\nExpected: right\nFix: a && b\nSee: RELEASING.md, 'Steps'\n"
    )


def test_what_nobody_thought_of_ends_in_four_lines_with_its_place(
    in_workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def surprise() -> None:
        empty: dict[str, str] = {}
        empty["nothing"]

    assert in_workflow
    with pytest.raises(SystemExit) as end:
        step.step(surprise)
    assert end.value.code == 1
    line = surprise.__code__.co_firstlineno + 2
    assert capsys.readouterr().out == (
        f"::error title=Check the thing::Unexpected KeyError at test_step.py:{line}: 'nothing'%0A"
        "Expected: no error, or one that is explained here%0A"
        "Fix: run this again; if it stays, report these lines to the template's issue tracker%0A"
        "See: RELEASING.md, 'When it stops'\n"
    )


def exit_by_key() -> None:
    """Be interrupted by the user."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("body", "status"), [(lambda: None, 0), (lambda: sys.exit(2), 2), (exit_by_key, 130)]
)
def test_a_step_that_ends_otherwise_has_its_status(body: Callable[[], None], status: int) -> None:
    if status == 0:
        step.step(body)
        return
    with pytest.raises(SystemExit) as end:
        step.step(body)
    assert end.value.code == status


# ---- In a terminal ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a short one", ["     a short one"]),
        ("", [""]),
        ("word " * 20, ["     " + " ".join(["word"] * 15), "     " + " ".join(["word"] * 5)]),
        (
            "what shows that is the long command `git log -p -- .github/workflows/release.yml` and no other",
            [
                "     what shows that is the long command",
                "     `git log -p -- .github/workflows/release.yml` and no other",
            ],
        ),
        (
            "look, then git tag --force v1.2.3 0123456789abcdef0123 && git push --force origin v1.2.3, go on",
            [
                "     look, then git tag --force v1.2.3 0123456789abcdef0123 &&",
                "     git push --force origin v1.2.3, go on",
            ],
        ),
        ("See: https://" + "x" * 80, ["     See:", "     https://" + "x" * 80]),
    ],
)
def test_lines_are_folded_at_80_characters(text: str, lines: list[str]) -> None:
    assert step.folded(text, " " * 5, " " * 5) == lines


@pytest.mark.parametrize("bullet", ["- ", "  * ", "2. ", "  | ", " 10) "])
def test_no_bullet_and_no_number_stands_alone(bullet: str) -> None:
    address = "https://" + "x" * 80
    assert step.folded(f"{address} says why", bullet, "    ") == [f"{bullet}{address}", "    says why"]
    assert step.folded(f"{bullet}{address}", "", "    ") == [f"{bullet.strip()} {address}"]


@pytest.mark.parametrize("quote", ["`", ""])
def test_a_long_command_goes_on_behind_a_backslash(quote: str) -> None:
    """A shell takes what is copied for one command."""
    command = "gh api --method PUT " + " ".join(f"--field 'x[]=a b {n}@*'" for n in range(9))
    lines = step.folded(f"Fix: {quote}{command}{quote}, then run this again")
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80
    copied = "\n".join(lines).partition("Fix: ")[2].replace("`", "").partition(", then")[0]
    assert shlex.split(copied.replace("\\\n", "")) == shlex.split(command)


def shown_in_a_terminal(code: str) -> list[str]:
    """The lines that a Python program shows on the standard error of a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", code]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(str(step.__file__)).parents[1]), "TERM": "dumb"}
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=theirs, check=False)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    return text.splitlines()


def test_a_message_fits_a_terminal_and_is_whole_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "from release_lib.step import ReleaseError, step\n"
        "def body(): raise ReleaseError('wrong ' * 40, expected='right ' * 40, fix='x ' * 60, see='a ' * 9)\n"
        "step(body)"
    )
    lines = shown_in_a_terminal(code)
    assert len(lines) > 8
    assert max(map(len, lines)) <= 80
    env = {"PYTHONPATH": str(Path(str(step.__file__)).parents[1])}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, check=False)
    whole = capfd.readouterr().err.splitlines()
    assert len(whole) == 4
    assert [*" ".join(lines).split()] == [*" ".join(whole).split()]
