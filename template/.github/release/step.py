"""What every release step shares: the settings, git, and how to stop with a sentence.

A step is a script of its own, run as ``uv run .github/release/NAME.py``. It prints what it found and
ends with status 0, or stops with four lines: what is wrong, what was expected, the command that mends
it, where to read on. In a workflow the same lines appear as an annotation and in the job summary.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import secrets
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE = Path(__file__).resolve().parent


class Stop(Exception):  # noqa: N818  (it ends a step the way SystemExit ends a program)
    """The step cannot go on.

    Args:
        wrong: What is wrong, with the value.
        expected: What was expected instead.
        mend: The command, or the one action, that mends it.
        read: Where to read on: a heading of RELEASING.md or CONTRIBUTING.md.
    """

    def __init__(self, wrong: str, *, expected: str, mend: str, read: str) -> None:
        wrong = " | ".join(wrong.splitlines())  # a library's message can have several lines
        super().__init__(wrong)
        self.lines = (wrong, f"Expected: {expected}", f"To mend it: {mend}", f"Read on: {read}")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What settings.toml says about the project.

    Attributes:
        distribution: Name of the distribution on the index.
        import_name: Name of the import package.
        repository: ``owner/name`` on GitHub.
        tag_prefix: What stands before the version in a release tag; may be empty.
        release_branches: Patterns of branches a release may stand on; empty means any commit.
        release_notes: ``changelog``, ``towncrier`` or ``git-cliff``.
        version_file: Path of the generated version file, from the root of the source.
        environments: Names of the GitHub environments, by ``testpypi`` and ``pypi``.
        patience: How long to wait until an index lists what was uploaded, in seconds.
        checks: Commands of each check, by its name, which is also that of its dependency group.
        release_workflow: File name of the workflow that releases, which the trusted publishers compare.
        ci_workflow: File name of the workflow whose verdict on a commit counts; empty if there is none.
        changelog: Path of the changelog, from the root of the source.
        conventions: The page that describes tags, notes and checks.
        pythons: The Python versions to test on; empty means those that the wheel names.
        folder: Folder of the project (pyproject.toml), from the root of the repository.
    """

    distribution: str
    import_name: str
    repository: str
    tag_prefix: str
    release_branches: tuple[str, ...]
    release_notes: str
    version_file: str
    environments: Mapping[str, str]
    patience: float
    checks: Mapping[str, tuple[str, ...]]
    release_workflow: str = "release.yml"
    ci_workflow: str = "ci.yml"
    changelog: str = "CHANGELOG.md"
    conventions: str = "CONTRIBUTING.md"
    pythons: tuple[str, ...] = ()
    folder: str = ""

    def tag(self, version: Version | str) -> str:
        """The tag that releases a version."""
        return f"{self.tag_prefix}{version}"

    def tagged_version(self, tag: str) -> Version | None:
        """The version that a tag stands for, or None if it is no version tag at all."""
        try:
            return Version(tag.removeprefix(self.tag_prefix)) if self.is_versionlike(tag) else None
        except InvalidVersion:
            return None

    def is_versionlike(self, tag: str) -> bool:
        """Whether a tag starts the release workflow: the prefix, then a digit."""
        rest = tag.removeprefix(self.tag_prefix)
        return tag.startswith(self.tag_prefix) and rest[:1].isdecimal() and rest.isascii()


def load_settings(path: Path = HERE / "settings.toml") -> Settings:
    """Read the settings beside this script.

    Raises:
        Stop: The file is missing, is not TOML, or lacks a key.
    """
    fields = {field.name for field in dataclasses.fields(Settings)}
    needed = {field.name for field in dataclasses.fields(Settings) if field.default is dataclasses.MISSING}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        known = {key.replace("-", "_"): value for key, value in values.items()}
        branches = tuple(known.pop("release_branches"))
        known["pythons"] = tuple(known.get("pythons", ()))
        return Settings(release_branches=branches, **{k: v for k, v in known.items() if k in fields})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Stop(
            f"The settings in {path} cannot be used: {error}",
            expected=f"a TOML file with the keys {', '.join(sorted(needed)).replace('_', '-')}",
            mend="copier update --defaults (renders the file again)",
            read="RELEASING.md, 'The release scripts'",
        ) from error


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it printed, without the last newline.

    Args:
        command: The program and its arguments.
        cwd: Folder to run it in; the current one by default.
        env: Variables to set besides the inherited ones.

    Raises:
        Stop: The program is missing or failed; its last lines are in the sentence.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        )
    except FileNotFoundError as error:
        raise Stop(
            f"The program {words[0]} is not installed",
            expected=f"{words[0]} on PATH",
            mend=f"install {words[0]} and run this step again",
            read="RELEASING.md, 'What you need'",
        ) from error
    except subprocess.CalledProcessError as error:
        said = re.sub(r"\x1b\[[\d;]*m", "", error.stderr or error.stdout or "nothing").strip().splitlines()
        raise Stop(
            f"`{' '.join(words)}` failed with status {error.returncode}: {' | '.join(said[-12:])}",
            expected="status 0",
            mend="read the lines above, then run this step again",
            read="RELEASING.md, 'When it stops'",
        ) from error
    return done.stdout.rstrip("\n")


def git(*arguments: str) -> str:
    """Run git in the current folder; see `run`."""
    return run("git", *arguments)


def output(**values: str) -> None:
    """Hand values to later steps and jobs (and show them when there is no workflow)."""
    path = os.environ.get("GITHUB_OUTPUT")
    for key, value in values.items():
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(f"{key.replace('_', '-')}={value}\n")
        print(f"{key.replace('_', '-')}: {value}")


def summary(markdown: str) -> None:
    """Add a paragraph to the job summary (and show it when there is no workflow)."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{markdown}\n\n")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # Notes are made of what others wrote: a line like "::add-mask::" must not command the runner.
        word = secrets.token_hex()
        print(f"::stop-commands::{word}\n{markdown}\n::{word}::", flush=True)
    else:
        print(markdown)


def annotate(kind: str, title: str, text: str) -> None:
    """Print a line that GitHub shows as an annotation; plain text elsewhere.

    Args:
        kind: ``error``, ``warning`` or ``notice``.
        title: A few words.
        text: Any text; line breaks are kept.
    """
    if os.environ.get("GITHUB_ACTIONS") == "true":
        safe = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::{kind} title={title}::{safe}", flush=True)
    else:
        print(f"{kind}: {text}", file=sys.stderr)


def event() -> dict[str, Any]:
    """The event that started the workflow run, or nothing outside a workflow."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}


def directed(where: str) -> str:
    """A line "Read on", with the page that this project keeps its conventions on."""
    try:
        return where.replace("CONTRIBUTING.md", load_settings().conventions)
    except Stop:
        return where


def step(body: Callable[[], None]) -> None:
    """Run a step so that every way to fail ends in a sentence and status 1."""
    title = Path(sys.argv[0]).stem.replace("_", " ").capitalize()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What GitHub reads; Windows would refuse most letters, and a tag can have bytes that are none.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        body()
    except Stop as stop:
        lines = (*stop.lines[:-1], directed(stop.lines[-1]))
        annotate("error", title, "\n".join(lines))
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"### :x: {title}\n\n" + "\n\n".join(lines) + "\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  (the last resort: no traceback reaches a user)
        tail = error.__traceback__
        while tail is not None and tail.tb_next is not None:
            tail = tail.tb_next
        place = f"{Path(tail.tb_frame.f_code.co_filename).name}:{tail.tb_lineno}" if tail else "?"
        annotate(
            "error",
            title,
            f"This step met something that it was not made for: {type(error).__name__}: {error}"
            f" (at {place})\nTo mend it: run the job again; if it stays, report these lines to the"
            " template's issue tracker.\nRead on: RELEASING.md, 'When it stops'",
        )
        sys.exit(1)
