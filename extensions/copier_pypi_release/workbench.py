"""A release tried out: the package's own scripts, in a temporary clone with a tag that nobody sees."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from release_lib.settings import untag
from release_lib.step import FOREIGN, ReleaseError, git, run

from copier_pypi_release import contents
from copier_pypi_release.next_version import History, Suggestion, suggest
from copier_pypi_release.notes import NoNotesError, headings, newest_section, nothing_to_release, roll
from copier_pypi_release.workflow_files import load_release

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.version import Version
    from release_lib.settings import Settings

SCRIPTS = ".github/release"
RUN_SCRIPT = ("uv", "run", "--quiet", "--no-config")
FOUR_LINES = re.compile(r"^error: (.+)\nExpected: (.+)\nFix: (.+)\nSee: (.+)$", re.MULTILINE)
# A commit and a tag that are thrown away need no signature, no hook, and nobody's name.
UNSIGNED = (
    *(
        "-c",
        "user.name=rehearsal",
        "-c",
        "user.email=rehearsal@localhost",
        "-c",
        f"core.hooksPath={os.devnull}",
    ),
    *("-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false", "-c", "tag.forceSignAnnotated=false"),
)
SECTION = 3  # level of the headings in notes


class Workbench:
    """A clone in which a release is tried out.

    Args:
        folder: An empty folder.
        root: The clone that it is made from; nothing is changed there.
        settings: The settings of the package.
        branch: The branch that is released; empty if none is checked out.
        commit: The commit that is released.

    Attributes:
        source: The clone.
        project: The folder of pyproject.toml in it.
        dist: Where the distributions are built.
        checksums: Where their hashes are.
        notes: Where the notes are.
    """

    def __init__(
        self, folder: Path, root: Path, settings: Settings, branch: str, commit: str = "HEAD"
    ) -> None:
        self.settings = settings
        self.source, self.dist, self.sdist = folder / "source", folder / "dist", folder / "sdist"
        self.checksums, self.notes = folder / "SHA256SUMS", folder / "release-notes.md"
        # Where they always are: uv has an environment for each place of a script.
        self._scripts, self._temporary = root / SCRIPTS, folder / "tmp"
        self._temporary.mkdir()
        self._fetched = contents.fetched_by(load_release(root, settings))
        contents.clone(root, self.source)
        git(
            "fetch",
            "--quiet",
            "--tags",
            root,
            "+refs/remotes/origin/*:refs/remotes/origin/*",
            cwd=self.source,
        )
        head = git("-C", root, "rev-parse", "--verify", f"{commit}^{{commit}}")
        contents.check_out(head, self.source, root, self._fetched)
        self._branch = branch
        self._start = head
        self.project = self.source / settings.folder

    def script(self, name: str, *arguments: str | Path, tag: str = "", python: str = "") -> str:
        """Run a release script and return what it printed; with a Python of the package's, if one is given.

        Raises:
            ReleaseError: It stopped.
        """
        words = [*RUN_SCRIPT, self._scripts / name, *arguments]
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.project,
            env=environment(tag, python) | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._temporary)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        if found := FOUR_LINES.search(done.stderr):
            problem, expected, fix, see = found.groups()
            raise ReleaseError(problem, expected=expected, fix=fix, see=see)
        last = " | ".join((done.stderr or done.stdout).strip().splitlines()[-4:])
        raise ReleaseError(
            f"{name} ended with status {done.returncode}: {last}",
            expected="status 0",
            fix=f"uv run {SCRIPTS}/{name} {' '.join(map(str, arguments))}",
            see=f"{SCRIPTS}/README.md",
        )

    def prepare(self, version: Version, today: dt.date) -> str:
        """Write the notes of a version, commit and tag as a release does; return the notes.

        Raises:
            NoNotesError: There are none.
            ReleaseError: The gate would stop the release.
        """
        tag = self.settings.tag(version)
        git("reset", "--quiet", "--hard", self._start, cwd=self.source)
        if roll(self.project, self.settings, version, today):
            git("add", "--all", cwd=self.source)
            git(*UNSIGNED, "commit", "--quiet", "--message", f"Release notes of {version}", cwd=self.source)
        # As if the branch were pushed, which a release does first.
        if self._branch:
            git("update-ref", f"refs/remotes/origin/{self._branch}", "HEAD", cwd=self.source)
        git(*UNSIGNED, "tag", "--force", "--annotate", tag, "--message", tag, cwd=self.source)
        try:
            self.script("release_notes.py", tag, "--output", self.notes)
        except ReleaseError as error:
            if error.problem.startswith("There are no release notes"):
                raise NoNotesError(
                    error.problem, expected=error.expected, fix=error.fix, see=error.see
                ) from error
            raise
        finally:
            git("tag", "--delete", tag, cwd=self.source)
        return self.notes.read_text(encoding="utf-8").strip()

    def choose(self, history: History, today: dt.date, *, pre: str = "", post: bool = False) -> Suggestion:
        """The next version, by the notes that wait for it.

        Raises:
            ReleaseError: No notes wait.
        """
        written, newest = newest_section(self.project, self.settings), history.newest
        if written and not (written in history.taken or pre or post) and (newest is None or written > newest):
            return Suggestion(written, f"{self.settings.changelog} has its section")
        if post or newest is None:
            return suggest(history, (), today, pre=pre, post=post)
        trial = suggest(history, (), today).version
        try:
            notes = self.prepare(trial, today)
        except NoNotesError as error:
            raise nothing_to_release(self.project, self.settings, newest) from error
        sections = [title for _, title in headings(notes, SECTION)]
        return suggest(history, sections, today, pre=pre)

    def gate(self, tag: str) -> str:
        """Tag, and run the gate's scripts; return the commit.

        Raises:
            ReleaseError: The gate would stop the release.
        """
        if not git("tag", "--list", tag, cwd=self.source):
            git(*UNSIGNED, "tag", "--annotate", tag, "--message", tag, cwd=self.source)
        self.script("check_tag.py", tag)
        try:
            self.script("check_commit.py", tag)
        except ReleaseError as error:
            fix = error.fix.removeprefix(f"{untag(tag)}, then ")  # nobody has that tag yet
            fix = contents.fix_here(error.problem, self.source, self._fetched) or fix
            raise ReleaseError(error.problem, expected=error.expected, fix=fix, see=error.see) from error
        return git("rev-parse", "HEAD", cwd=self.source)


@contextlib.contextmanager
def workbench(root: Path, settings: Settings, branch: str, commit: str = "HEAD") -> Iterator[Workbench]:
    """A workbench that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="release-", ignore_cleanup_errors=True) as folder:
        yield Workbench(Path(folder), root, settings, branch, commit)


def environment(tag: str = "", python: str = "") -> dict[str, str]:
    """The variables that a script sees: nothing of a workflow, of git's, or of another environment."""
    foreign = {*FOREIGN, "TAG", "COMMIT", "VIRTUAL_ENV"}
    kept = {n: v for n, v in os.environ.items() if n not in foreign and not n.startswith("GITHUB_")}
    return kept | ({"TAG": tag} if tag else {}) | ({"PACKAGE_PYTHON": python} if python else {})


def newest_python(versions: Sequence[str]) -> str:
    """The newest of some versions of Python, in their order, that is installed here; empty if none is."""
    # No environment's, such as uv's own: `uv venv` would pass over it, and download one.
    options = ("--no-config", "--no-project", "--no-python-downloads", "--system")
    for version in reversed(versions):
        with contextlib.suppress(ReleaseError):
            run("uv", "python", "find", *options, version)
            return version
    return ""


def history_of(root: Path, settings: Settings) -> History:
    """The version tags of a clone."""
    form = "--format=%(refname:strip=2) %(creatordate:short)"
    taken = {}
    for line in git("-C", root, "for-each-ref", form, "refs/tags").splitlines():
        name, _, day = line.rpartition(" ")
        if (version := settings.tagged_version(name)) is not None:
            taken[version] = dt.date.fromisoformat(day)
    merged = git("-C", root, "tag", "--merged", "HEAD").splitlines()
    return History(taken, [v for v in map(settings.tagged_version, merged) if v])


def newest_tag(root: Path, settings: Settings) -> str:
    """The newest version tag that HEAD descends from, as it is spelled; empty without one."""
    names = git("-C", root, "tag", "--merged", "HEAD").splitlines()
    known = {name: version for name in names if (version := settings.tagged_version(name))}
    # Two spellings of one version: the one that the release workflow takes.
    return max(known, key=lambda name: (known[name], name == settings.tag(known[name])), default="")


def current_branch(root: Path) -> str:
    """The branch that is checked out; empty if it is none."""
    try:
        return git("-C", root, "symbolic-ref", "--quiet", "--short", "HEAD")
    except ReleaseError:
        return ""


def tagged_here(root: Path, settings: Settings) -> Version | None:
    """The version of the tag at HEAD, if there is one."""
    names = git("-C", root, "tag", "--points-at", "HEAD").splitlines()
    return max((v for v in map(settings.tagged_version, names) if v), default=None)
