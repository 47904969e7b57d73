"""Making the change, so that a crash in the middle leaves the tree as it was or lets the next run finish it.

Everything is written down in the repository's git folder first. A single rename makes that the promise; then
files are replaced one by one, each by a rename. Whoever finds the promise can finish it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import signal
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from copier_pypi_release.adopt.plan import Change
from copier_pypi_release.adopt.programs import AdoptionError, git

if TYPE_CHECKING:
    from collections.abc import Iterator

JOURNAL = "copier-pypi-release.journal"


def journal_of(root: Path) -> Path:
    """Where the promise of a repository is written down."""
    return Path(git(root, "rev-parse", "--path-format=absolute", "--git-dir")) / JOURNAL


def apply(root: Path, changes: list[Change]) -> None:
    """Make the change.

    Args:
        root: Root of the repository.
        changes: The files that change.

    Raises:
        AdoptionError: A file is not what the change was worked out for; nothing is changed then.
    """
    check(root, changes, finishing=False)
    journal = journal_of(root)
    _write(journal, json.dumps([_as_json(change) for change in changes]).encode(), executable=False)
    finish(root)


def unfinished(root: Path) -> bool:
    """Whether a change was begun and not finished."""
    return journal_of(root).is_file()


def promised(root: Path) -> list[Change]:
    """The change that was begun and not finished.

    Raises:
        AdoptionError: What is written down is no such change.
    """
    journal = journal_of(root)
    try:
        return [_from_json(entry) for entry in json.loads(journal.read_bytes())]
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise AdoptionError(
            f"The record of an unfinished adoption cannot be read: {journal}: {error}",
            expected="what this tool wrote before it was interrupted",
            fix=f"rm {shlex.quote(str(journal))}, then look at `git status` and run this again",
        ) from error


def finish(root: Path) -> int:
    """Finish a change that was promised.

    Returns:
        The number of files of the change.

    Raises:
        AdoptionError: Somebody has edited a file in between; it is left alone.
    """
    changes = promised(root)
    check(root, changes, finishing=True)
    with _uninterrupted():
        # New files first, deletions last: at no time is there less than one way to build and release.
        for change in sorted(changes, key=lambda c: (c.after is None, c.before is not None)):
            path = root / change.path
            if change.after is None:
                path.unlink(missing_ok=True)
            elif not path.is_file() or path.read_bytes() != change.after:
                _write(path, change.after, executable=change.executable)
        journal_of(root).unlink()
    return len(changes)


def check(root: Path, changes: list[Change], *, finishing: bool) -> None:
    """Check that every file is below the root, and what the change was worked out for.

    Raises:
        AdoptionError: One is not.
    """
    for change in changes:
        path = root / change.path
        parts = PurePosixPath(change.path).parts
        inside = parts and parts[0].casefold() not in {"/", ".git"} and ".." not in parts
        # Nothing is written through a link, wherever it leads.
        if not inside or path.parent.resolve() != root.resolve() / PurePosixPath(*parts[:-1]):
            raise AdoptionError(
                f"{change.path} is not a place inside the repository: its folder is {path.parent.resolve()}",
                expected=f"files below {root} that no symbolic link leads away from",
                fix="put folders in the place of symbolic links, then run this again",
            )
        here = path.read_bytes() if path.is_file() else None
        wanted = [change.before, change.after] if finishing else [change.before]
        if here not in wanted or path.is_symlink():
            raise AdoptionError(
                f"The file {change.path} has changed since the adoption was worked out",
                expected="the file as it was committed",
                fix=f"git restore {change.path} (or move it away if it is new), then run this again",
            )


def _write(path: Path, data: bytes, *, executable: bool) -> None:
    """Write a file so that it is there in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{hashlib.sha256(data).hexdigest()[:8]}.adopt")
    with _new(beside) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if path.is_file():
        beside.chmod(path.stat().st_mode & 0o777)
    elif executable:
        beside.chmod(beside.stat().st_mode | 0o111)
    beside.replace(path)


def _new(path: Path) -> BinaryIO:
    """A new file: what a killed run left, or a link planted under its name, is taken away, not followed."""
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        opened = os.open(path, how, 0o666)
    except FileExistsError:
        path.unlink()
        opened = os.open(path, how, 0o666)
    return os.fdopen(opened, "wb")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and a polite end wait until the files are replaced; it takes milliseconds."""
    signals = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in signals}
    waiting: list[int] = []
    try:
        for number in signals:
            signal.signal(number, lambda caught, _frame: waiting.append(caught))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught in waiting:
            signal.raise_signal(caught)


def _as_json(change: Change) -> dict[str, Any]:
    def coded(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    return {
        "path": change.path,
        "before": coded(change.before),
        "after": coded(change.after),
        "executable": change.executable,
    }


def _from_json(entry: dict[str, Any]) -> Change:
    def decoded(text: str | None) -> bytes | None:
        return None if text is None else base64.b64decode(text)

    before, after = decoded(entry["before"]), decoded(entry["after"])
    return Change(str(entry["path"]), before, after, bool(entry["executable"]))
