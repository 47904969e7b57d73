"""release_lib.step: programs, outputs, annotations, and how every step stops with four lines."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version
from release_lib import step
from release_lib.settings import Settings, load_settings

from release.outcomes import UNEXPECTED, WHEN_IT_STOPS, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = (
    "checks, distribution, environments, import-name, patience, release-branches, release-notes, repository, "
    "tag-prefix, version-file"
)


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


def test_the_settings_of_a_rendered_package_are_read(settings: Settings) -> None:
    assert dataclasses.asdict(settings) == {
        "distribution": "demo-pkg",
        "import_name": "demo_pkg",
        "repository": "demo-pkg/demo-pkg",
        "tag_prefix": "v",
        "release_branches": ("main",),
        "release_notes": "changelog",
        "version_file": "src/demo_pkg/_version.py",
        "environments": {"testpypi": "testpypi", "pypi": "pypi"},
        "patience": 1800,
        "checks": {"lint": ["ruff check", "ruff format --check"], "types": ["mypy"], "test": ["pytest"]},
        "release_workflow": "release.yml",
        "ci_workflow": "ci.yml",
        "changelog": "CHANGELOG.md",
        "conventions": "CONTRIBUTING.md",
        "pythons": (),
        "folder": "",
    }


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"[",
        b"\xff\xfe",
        b'distribution = "demo-pkg"\n',
        b"release-branches = 3\n",
    ],
)
def test_settings_that_cannot_be_used_end_in_four_lines(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    if data is not None:
        path.write_bytes(data)
    lines = refusal(lambda: load_settings(path))
    assert lines[0].startswith(f"The settings in {path} cannot be used: ")
    assert lines[1:] == (
        f"Expected: a TOML file with the keys {KEYS}",
        "Fix: copier update --defaults (renders the file again)",
        "See: RELEASING.md, 'The release scripts'",
    )


def test_settings_may_have_more_keys_than_this_script_knows(default_package: Path, tmp_path: Path) -> None:
    old = (default_package / ".github/release/settings.toml").read_text()
    path = tmp_path / "settings.toml"
    path.write_text('of-a-later-template = "x"\n' + old)
    assert load_settings(path).distribution == "demo-pkg"


@pytest.mark.requirement("P3.7", "P4.4")
@pytest.mark.parametrize(
    ("prefix", "tag", "version"),
    [
        ("v", "v1.2", "1.2"),
        ("v", "v1.2-beta1", "1.2b1"),
        ("v", "1.2", None),
        ("v", "vv1.2", None),
        ("v", "vnext", None),
        ("v", "v1.x", None),
        ("v", "v٣.1", None),
        ("v", "v1.2\u0663", None),
        ("", "1.2", "1.2"),
        ("", "v1.2", None),
        ("", "nightly-3", None),
        ("my-package/v", "my-package/v1!2.0", "1!2.0"),
        ("my-package/v", "other/v1.0", None),
    ],
)
def test_a_tag_stands_for_a_version_or_for_none(
    prefix: str, tag: str, version: str | None, settings: Settings
) -> None:
    chosen = dataclasses.replace(settings, tag_prefix=prefix)
    assert chosen.tagged_version(tag) == (Version(version) if version else None)
    if version:
        assert chosen.tag(Version(version)).startswith(prefix)


@pytest.mark.requirement("P3.7")
@pytest.mark.parametrize("tag", ["v\u0663", "v1\u0663", "v", "v-1", "release-1"])
def test_a_tag_without_a_plain_digit_after_its_prefix_starts_nothing(tag: str, settings: Settings) -> None:
    assert settings.tagged_version(tag) is None


def test_a_program_gives_what_it_printed(tmp_path: Path) -> None:
    code = "import os; print(os.environ['WORD'], os.getcwd())"
    assert step.run(sys.executable, "-c", code, cwd=tmp_path, env={"WORD": "hello"}) == f"hello {tmp_path}"


def test_a_missing_program_is_named() -> None:
    assert refusal(lambda: step.run("a-program-of-nobody", "--strict")) == (
        "The program a-program-of-nobody is not installed",
        "Expected: a-program-of-nobody on PATH",
        "Fix: install a-program-of-nobody and run this step again",
        "See: RELEASING.md, 'What you need'",
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('out'); sys.exit('\\n  one\\ntwo\\n')", "one | two"),
        ("print('only out'); raise SystemExit(1)", "only out"),
        ("raise SystemExit(1)", "nothing"),
        ("import sys; sys.exit('\\n'.join(map(str, range(20))))", " | ".join(map(str, range(8, 20)))),
        ("import sys; sys.exit('\\x1b[1;31mred\\x1b[0m and \\x1b[32mgreen')", "red and green"),
        ("import sys; sys.stderr.buffer.write(b'\\xff\\xfe'); sys.exit(1)", "\ufffd\ufffd"),
    ],
)
def test_a_failing_program_is_quoted(code: str, said: str) -> None:
    assert refusal(lambda: step.run(sys.executable, "-c", code)) == (
        " | ".join(f"`{sys.executable} -c {code}` failed with status 1: {said}".splitlines()),
        "Expected: status 0",
        "Fix: read the lines above, then run this step again",
        WHEN_IT_STOPS,
    )


def test_outputs_go_to_the_workflow_and_to_the_reader(
    in_workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step.output(ci="passed", has_two="words")
    step.output(version="1.0")
    assert (in_workflow / "output").read_text() == "ci=passed\nhas-two=words\nversion=1.0\n"
    assert capsys.readouterr().out == "ci: passed\nhas-two: words\nversion: 1.0\n"


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


def test_outside_a_workflow_everything_is_only_shown(capsys: pytest.CaptureFixture[str]) -> None:
    step.output(version="1.0")
    step.summary("words")
    step.annotate("notice", "Title", "text\nmore")
    assert capsys.readouterr() == ("version: 1.0\nwords\n", "notice: text\nmore\n")


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
        "### :x: Check the thing\n\n100% wrong | in %0A two lines: it\n\nExpected: right\n\n"
        "Fix: a && b\n\nSee: RELEASING.md, 'Steps'\n"
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
        f"::error title=Check the thing::{UNEXPECTED}: KeyError: 'nothing' (at test_step.py:{line})%0A"
        "Fix: run the job again; if it stays, report these lines to the template's issue tracker.%0A"
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


def test_the_event_is_read_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert step.event() == {}
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"repository": {"default_branch": "trünk"}}), encoding="utf-8")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    assert step.event() == {"repository": {"default_branch": "trünk"}}
