"""How a release step runs programs, hands values on, and stops with four lines.

In a workflow the four lines appear as an annotation and in the job summary.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAST_LINES = 12  # of a failed program's output, in a message
# Variables that a caller (a git hook, say) sets, and that would point git at another repository.
FOREIGN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}


class ReleaseError(Exception):
    """A release, or a command of the tool, cannot go on.

    Args:
        problem: What is wrong, with the value.
        expected: What was expected instead.
        fix: The command, or the one action, that fixes it.
        see: A page, or a heading of RELEASING.md or CONTRIBUTING.md.
    """

    def __init__(self, problem: str, *, expected: str, fix: str, see: str) -> None:
        self.problem = " | ".join(problem.splitlines())  # a library's message can have several lines
        super().__init__(self.problem)
        self.expected, self.fix, self.see = expected, fix, see

    @property
    def lines(self) -> tuple[str, str, str, str]:
        """The message."""
        return self.problem, f"Expected: {self.expected}", f"Fix: {self.fix}", f"See: {self.see}"


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it printed, without the last newline.

    Args:
        command: The program and its arguments; there is no shell.
        cwd: Folder to run it in; the current one by default.
        env: Variables to set besides the inherited ones.

    Raises:
        ReleaseError: The program is missing or failed; the message has its last lines.
    """
    words = [str(word) for word in command]
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**inherited, **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=True,
        )
    except FileNotFoundError as error:
        raise ReleaseError(
            f"The program {words[0]} is not installed",
            expected=f"{words[0]} on PATH",
            fix=f"install {words[0]} and run this again",
            see="RELEASING.md, 'What you need'",
        ) from error
    except subprocess.CalledProcessError as error:
        printed = re.sub(r"\x1b\[[\d;]*m", "", error.stderr or error.stdout or "no output").strip()
        raise ReleaseError(
            f"`{' '.join(words)}` failed with status {error.returncode}: "
            + " | ".join(printed.splitlines()[-LAST_LINES:]),
            expected="status 0",
            fix="read the output above, then run this again",
            see="RELEASING.md, 'When it stops'",
        ) from error
    return done.stdout.rstrip("\n")


def git(*arguments: str | Path, cwd: Path | None = None) -> str:
    """Run git; see `run`."""
    return run("git", *arguments, cwd=cwd)


def output(**values: str) -> None:
    """Hand values to later steps and jobs (and show them when there is no workflow)."""
    path = os.environ.get("GITHUB_OUTPUT")
    for name, value in values.items():
        line = f"{name.replace('_', '-')}={value}"
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        print(line)


def summary(markdown: str) -> None:
    """Add a paragraph to the job summary, and print it."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{markdown}\n\n")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # Notes are made of what others wrote: a line like "::add-mask::" must not command the runner.
        word = secrets.token_hex()
        print(f"::stop-commands::{word}\n{markdown}\n::{word}::", flush=True)
    else:
        print(markdown)


def annotate(kind: str, title: str, text: str) -> None:
    """Print a text that GitHub shows as an annotation; plain text elsewhere.

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
    """The event that started the workflow run; empty outside a workflow."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}


def step(body: Callable[[], None]) -> None:
    """Run a step so that every failure ends in four lines and status 1."""
    title = Path(sys.argv[0]).stem.replace("_", " ").capitalize()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What GitHub reads; Windows would refuse most letters, and a tag can have bytes that are none.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        body()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  (the last resort: no traceback reaches a user)
        lines = (error if isinstance(error, ReleaseError) else unexpected(error)).lines
        annotate("error", title, "\n".join(lines))
        if os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("ab") as file:
                text = f"### :x: {title}\n\n" + "\n\n".join(lines) + "\n"
                file.write(text.encode(errors="backslashreplace"))
        sys.exit(1)


def unexpected(error: Exception) -> ReleaseError:
    """What to say of an error that nobody foresaw: its type, text and place."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return ReleaseError(
        f"Unexpected {type(error).__name__} at {place}: {error}",
        expected="no error, or one that is explained here",
        fix="run this again; if it stays, report these lines to the template's issue tracker",
        see="RELEASING.md, 'When it stops'",
    )
