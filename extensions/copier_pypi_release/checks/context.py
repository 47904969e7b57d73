"""What checks know about a repository, adopted or not, and what they could not find out."""

from __future__ import annotations

import ast
import configparser
import functools
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version
from release_lib.settings import load_settings
from release_lib.step import ReleaseError, git

from copier_pypi_release.checks import CheckSkipped
from copier_pypi_release.repository import SETTINGS, name_on_github, remotes
from copier_pypi_release.uploads import UNPARSABLE
from copier_pypi_release.workflow_files import PublishingJob, Workflow, load, pattern_of_tags, workflow_paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release_lib.settings import Settings

    from copier_pypi_release.github import GitHub

VERSION_AT_END = re.compile(r"(?<![0-9.])\d+(?:\.\d+)+[0-9A-Za-z.!]*\Z")
SITE = "https://github.com"


@dataclass
class Context:
    """A repository that releases a Python package.

    Attributes:
        root: Its folder.
        folder: The folder of the project in it; empty for the root.
        settings: What settings.toml says; None in a repository that was not adopted.
        distribution: Name of the distribution; empty if it is unknown.
        repository: ``owner/name`` on GitHub; empty if it is unknown.
        tag_prefix: What stands before the version in a release tag; None if it is unknown.
        workflows: The workflows that can be read.
        unreadable: The errors of the others.
        connect: Opens the connection to a repository on GitHub; None where nothing may be asked.
        asked: What the indexes answered, by index.
    """

    root: Path
    folder: str
    settings: Settings | None
    distribution: str
    repository: str
    tag_prefix: str | None
    workflows: tuple[Workflow, ...]
    unreadable: tuple[ReleaseError, ...] = ()
    connect: Callable[[str], GitHub] | None = None
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """The folder of the project."""
        return self.root / self.folder

    @property
    def offline(self) -> bool:
        """Whether nothing may be asked."""
        return self.connect is None

    @property
    def conventions(self) -> str:
        """The page that describes conventions."""
        return self.settings.see("Version tags") if self.settings else "docs/adopting.md of the template"

    @property
    def tag_pattern(self) -> str:
        """The tags that start a release, as a pattern of GitHub.

        Raises:
            CheckSkipped: The tag convention is unknown.
        """
        if self.tag_prefix is None:
            raise CheckSkipped("no tag and no workflow shows how release tags are written here")
        return pattern_of_tags(self.tag_prefix)

    @functools.cached_property
    def releases(self) -> tuple[Workflow, ...]:
        """The workflows that release: the one that settings.toml names, or all that upload to an index."""
        if self.settings:
            return tuple(w for w in self.workflows if w.file == self.settings.release_workflow)
        return tuple(w for w in self.workflows if w.publishing_jobs())

    @functools.cached_property
    def publishing_jobs(self) -> tuple[PublishingJob, ...]:
        """The publishing jobs of these workflows."""
        return tuple(job for workflow in self.releases for job in workflow.publishing_jobs())

    @functools.cached_property
    def pyproject(self) -> dict[str, Any]:
        """The contents of pyproject.toml; empty if it is missing.

        Raises:
            CheckSkipped: It is not TOML.
        """
        path = self.project / "pyproject.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except ValueError as error:
            raise CheckSkipped(f"pyproject.toml cannot be read: {error}") from error

    # ---- GitHub -------------------------------------------------------------------------------------

    @functools.cached_property
    def _asked(self) -> tuple[GitHub | None, dict[str, Any] | None, str]:
        """GitHub, what it says about the repository, and why it was not asked."""
        if self.connect is None:
            return None, None, "GitHub was not asked (--offline)"
        if not self.repository:
            return None, None, "GitHub was not asked, because no remote names the repository there"
        try:
            github = self.connect(self.repository)
            found = github.get("")
        except ReleaseError as error:
            # What a library says about a connection fills a page.
            reason = re.split(r": \w*\(?HTTP|: \(", error.problem)[0]
            return None, None, reason
        return github, found, "" if found else f"This login does not see {self.repository} on GitHub"

    @property
    def github(self) -> GitHub:
        """GitHub, which shows the repository.

        Raises:
            CheckSkipped: It cannot be asked, or does not show it.
        """
        github, _, reason = self._asked
        if github is None or reason:
            raise CheckSkipped(reason, cause=f"{reason}. Not checked:")
        return github

    @property
    def client(self) -> GitHub:
        """GitHub, even if it does not show the repository.

        Raises:
            CheckSkipped: It cannot be asked.
        """
        github, _, reason = self._asked
        if github is None:
            raise CheckSkipped(reason, cause=f"{reason}. Not checked:")
        return github

    @property
    def facts(self) -> dict[str, Any]:
        """What GitHub says about the repository.

        Raises:
            CheckSkipped: It cannot be asked.
        """
        assert self.github  # noqa: S101  (it says why it cannot be asked)
        return self._asked[1] or {}

    def only_admins(self, page: str) -> None:
        """Skip a check of a setting that only administrators see, if this login is none.

        Raises:
            CheckSkipped: It is none.
        """
        if not (self.facts.get("permissions") or {}).get("admin"):
            see = f"{SITE}/{self.repository}/{page}"
            raise CheckSkipped("only an administrator sees it", see=see)


def read_context(root: Path, start: Path, connect: Callable[[str], GitHub] | None = None) -> Context:
    """Find out about a repository.

    Args:
        root: Its folder.
        start: Where the search for the project begins: it goes up to the root.
        connect: See `Context`.

    Raises:
        ReleaseError: settings.toml is there and cannot be used.
    """
    read, unreadable = [], []
    for path in workflow_paths(root):
        try:
            read.append(load(path))
        except ReleaseError as error:
            unreadable.append(error)
    settings = load_settings(root / SETTINGS) if (root / SETTINGS).is_file() else None
    folder = settings.folder if settings else find_project(root, start)
    return Context(
        root=root,
        folder=folder,
        settings=settings,
        distribution=settings.distribution if settings else find_name(root / folder),
        repository=settings.repository if settings else find_repository(root),
        tag_prefix=settings.tag_prefix if settings else find_tag_prefix(root, read, folder),
        workflows=tuple(read),
        unreadable=tuple(unreadable),
        connect=connect,
    )


def find_project(root: Path, start: Path) -> str:
    """The folder of the project: the nearest one upwards, else the only one below, else the root."""
    for folder in (start, *start.parents):
        if find_name(folder):
            return "" if folder == root else folder.relative_to(root).as_posix()
        if folder == root:
            break
    below = {p.parent for pattern in ("*/", "*/*/") for p in root.glob(f"{pattern}pyproject.toml")}
    named = sorted(folder for folder in below if find_name(folder))
    return named[0].relative_to(root).as_posix() if len(named) == 1 else ""


def find_name(project: Path) -> str:
    """Name of the distribution, as one of the project's files has it; empty if none has."""
    try:
        data = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        data = {}
    tables = (data.get("project"), data.get("tool", {}).get("poetry"), data.get("tool", {}).get("flit"))
    for table in tables:
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            return str(table["name"])
    setup = configparser.ConfigParser(interpolation=None)
    try:
        setup.read(project / "setup.cfg", encoding="utf-8")
        name = setup.get("metadata", "name", fallback="")
    except (configparser.Error, ValueError):
        name = ""
    return name or _name_in_setup(project / "setup.py")


def _name_in_setup(path: Path) -> str:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, *UNPARSABLE):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if keyword.arg == "name" and isinstance(value, str):
                    return value
    return ""


def find_repository(root: Path) -> str:
    """``owner/name`` on GitHub, of the remote "origin" or another one; empty if no remote is there."""
    return next(filter(None, map(name_on_github, remotes(root).values())), "")


def find_tag_prefix(root: Path, workflows: list[Workflow], folder: str) -> str | None:
    """What stands before the version in release tags; None unless it is evident.

    The trigger of a workflow that uploads says it, else the newest version tags if they agree.
    """
    triggers = {p for w in workflows if w.publishing_jobs() for p in tag_patterns(w)}
    prefixes = {found[1] for pattern in triggers if (found := re.match(r"([\w./-]*?)[*\[\d]", pattern))}
    if len(prefixes) == 1 and triggers not in ({"*"}, {"**"}):
        return prefixes.pop()
    tags = []
    for tag in _lines(root, "tag", "--sort=-creatordate"):
        found = VERSION_AT_END.search(tag)
        try:
            version = Version(found[0]) if found else None
        except InvalidVersion:
            continue
        if found and version is not None:
            tags.append(tag[: found.start()])
    if folder:
        name = folder.rpartition("/")[2].lower()
        tags = [prefix for prefix in tags if name in prefix.lower()]
    newest = set(tags[:3])
    return newest.pop() if len(newest) == 1 else None


def tag_patterns(workflow: Workflow) -> list[str]:
    """The patterns of the tags that start a workflow."""
    push = workflow.triggers.get("push")
    found = push.get("tags") if isinstance(push, dict) else None
    return [str(pattern) for pattern in ([found] if isinstance(found, str) else found or [])]


def _lines(root: Path, *arguments: str) -> list[str]:
    try:
        return git(*arguments, cwd=root).splitlines()
    except ReleaseError:
        return []
