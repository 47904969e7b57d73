"""Reading a repository: what adoption must know, and where it was found."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version
from release_lib import fragments

from copier_pypi_release.adopt.ci import Gate, find_gate
from copier_pypi_release.adopt.programs import AdoptionError, git, try_git
from copier_pypi_release.adopt.publishing_jobs import members
from copier_pypi_release.adopt.version_source import find_backend, version_source
from copier_pypi_release.answers_file import Answers, find_answers
from copier_pypi_release.console import counted
from copier_pypi_release.notes import versions_in
from copier_pypi_release.repository import find_root, name_on_github, remotes
from copier_pypi_release.template_source import without_login
from copier_pypi_release.workflow_files import PublishingJob, Workflow, load, workflow_paths

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
WRITTEN_AT_ROOT = (
    *(".github/release", ".github/rulesets", ".github/workflows", ".github/CODEOWNERS"),
    *("RELEASING.md", ".gitignore", ".copier-answers.yml", "cliff.toml"),
)
WRITTEN_IN_PROJECT = (*PROJECT_FILES, "MANIFEST.in", ".gitignore", ".gitattributes", ".git_archival.txt")
# Stems of changelogs, without what stands between the words.
CHANGELOGS = (
    *("changelog", "changes", "history", "news", "releases", "releasenotes", "whatsnew", "versionhistory"),
    *("relnotes", "changehistory", "releasehistory"),
)
TEXTS = ("", ".md", ".markdown", ".rst", ".txt")  # what the gate reads notes from
CONVENTIONAL = re.compile(
    r"^(?:feat|fix|perf|docs|chore|refactor|test|ci|build|style|revert)(?:\([^)]*\))?!?: "
)
PLAIN = re.compile(r"(?:v|r|ver|version|rel|release)?[-_/.]?v?", re.IGNORECASE)  # tag prefixes without a name
ENFORCERS = (
    *("compilerla/conventional-pre-commit", "commitizen-tools/commitizen", "commitlint", "cocogitto"),
    *("action-semantic-pull-request", r"\[tool\.semantic_release", "release-please-action"),
)
RECENT_TAGS = 3  # how many version tags say where this project tags


@dataclass(frozen=True)
class Tags:
    """The version tags of a repository.

    Attributes:
        prefix: What stands before the version.
        newest: The newest version; None without version tags.
        off_branch: The newest tags that are not on the default branch.
        former: The newest tag of each convention that the project has given up.
        newest_tag: The newest version as its tag spells it.
    """

    prefix: str
    newest: Version | None
    off_branch: tuple[str, ...]
    former: tuple[str, ...] = ()
    newest_tag: str = ""


@dataclass(frozen=True)
class Repository:
    """What a repository says about itself.

    Attributes:
        root: Root of the repository.
        folder: The project's folder in it; empty for the root.
        pyproject: The text of pyproject.toml; empty if there is none.
        backend: Name of the build backend's project.
        version_from: What gives the version from git tags; empty if it is written down.
        owner: Owner on GitHub.
        name: Name on GitHub.
        default_branch: The branch that everything is merged into.
        tags: Its version tags.
        workflows: All workflows.
        publishers: All jobs that upload to an index.
        gate: What its CI runs.
        changelog: Path of the changelog, from the project's folder; empty if there is none.
        release_notes: ``changelog``, ``towncrier`` or ``git-cliff``.
        license: Name of the licence file; empty if there is none.
        answers: Answers of an earlier adoption; None if there are none.
        found_in: Where something was found, by what it is.
    """

    root: Path
    folder: str
    pyproject: str
    backend: str
    version_from: str
    owner: str
    name: str
    default_branch: str
    tags: Tags
    workflows: tuple[Workflow, ...]
    publishers: tuple[PublishingJob, ...]
    gate: Gate
    changelog: str
    release_notes: str
    license: str
    answers: Answers | None
    found_in: dict[str, str]

    @property
    def kept_workflows(self) -> set[str]:
        """The workflows, or jobs, that somebody said do not publish this package, at an earlier adoption."""
        return set(str(self.answers.values.get("kept_workflows", "")).split()) if self.answers else set()

    @property
    def project(self) -> Path:
        """Folder of pyproject.toml."""
        return self.root / self.folder


def read_repository(path: Path) -> Repository:
    """Read a repository; nothing is changed.

    Args:
        path: The project's folder, or the root of the repository.

    Raises:
        AdoptionError: It is not a repository that can be adopted; the sentence says why.
    """
    root, folder = locate(path)
    check_whole(root)
    check_links(root, folder)
    project = root / folder
    if not any((project / name).is_file() for name in PROJECT_FILES):
        raise AdoptionError(
            f"The folder {path} holds no Python project",
            expected=f"one of {', '.join(PROJECT_FILES)}",
            fix="run this in the folder that holds it: copier-pypi-release adopt PATH",
        )
    text = read_toml(project / "pyproject.toml")
    data = parse_toml(text, "pyproject.toml")
    owner, name, found_owner = find_remote(root, data)
    branch, found_branch = find_default_branch(root)
    workflows = read_workflows(root)
    publishers = tuple(p for w in workflows for p in w.publishing_jobs())
    tags = find_tags(root, branch, folder, data.get("project", {}).get("name", ""))
    gate = find_gate(workflows, root, data, branch, members(root, folder))
    changelog, notes, found_notes = find_changelog(root, folder, tags)
    licenses = sorted(p.name for p in project.glob("LICEN[CS]E*"))
    return Repository(
        root=root,
        folder=folder,
        pyproject=text,
        backend=find_backend(data),
        version_from=version_source(data, project),
        owner=owner,
        name=name,
        default_branch=branch,
        tags=tags,
        workflows=workflows,
        publishers=publishers,
        gate=gate,
        changelog=changelog,
        release_notes=notes,
        license=licenses[0] if licenses else "",
        answers=find_answers(root),
        found_in={
            "repository": found_owner,
            "default branch": found_branch,
            "gate": gate.found_in,
            "release notes": found_notes,
        },
    )


def read_text(path: Path) -> str:
    """The text of a file, line breaks as they are; empty if there is none.

    What is not UTF-8 in it comes out of `write_text` as it went in.
    """
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""


def write_text(path: Path, text: str) -> None:
    """Write the text of a file, line breaks as they are; see `read_text`."""
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def read_toml(path: Path) -> str:
    """The text of a TOML file; empty if there is none.

    Raises:
        AdoptionError: It is not UTF-8, or has a mark in front that TOML does not know.
    """
    try:
        text = path.read_bytes().decode("utf-8") if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise AdoptionError(
            f"{path.name} is not UTF-8: {error}",
            expected="text in UTF-8, as TOML must be",
            fix=f"save {path.name} as UTF-8, commit, run this again",
        ) from error
    if text.startswith("\ufeff"):
        raise AdoptionError(
            f"{path.name} begins with a byte order mark, which build backends do not read",
            expected="text in UTF-8 without one",
            fix=f"save {path.name} as UTF-8 without a byte order mark, commit, and run this again",
        )
    return text


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        AdoptionError: It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise AdoptionError(
            f"{name} is not TOML: {error}",
            expected="a file that every build tool can read",
            fix=f"correct {name} at that place, commit, run this again",
        ) from error


def locate(path: Path) -> tuple[Path, str]:
    """The root of the repository that a folder is in, and the folder's path from there.

    Raises:
        ReleaseError: There is no such folder, or it is in no git repository.
    """
    if not path.is_dir():
        raise AdoptionError(
            f"The folder {path} does not exist",
            expected="the folder of a Python project",
            fix="copier-pypi-release adopt PATH",
        )
    root = find_root(path)
    folder = path.resolve().relative_to(root).as_posix()
    return root, "" if folder == "." else folder


def check_whole(root: Path) -> None:
    """Check that the repository has a commit, its whole history and nothing uncommitted.

    Raises:
        AdoptionError: One of these is not so.
    """
    if try_git(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        raise AdoptionError(
            f"The repository {root} has no commit yet",
            expected="a commit to compare the change with",
            fix="git add --all && git commit",
        )
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise AdoptionError(
            "This clone is shallow: it lacks the history and the tags that say how this project releases",
            expected="the full history and every tag",
            fix="git fetch --unshallow --tags",
        )
    how = ("--porcelain", "--untracked-files=all", "--no-renames", "-z")
    changed = [line for line in git(root, "--no-optional-locks", "status", *how).split("\0") if line]
    if changed:
        names = ", ".join(line[3:] for line in changed[:5]) + (" ..." if len(changed) > 5 else "")  # noqa: PLR2004
        raise AdoptionError(
            f"The tree has {counted(len(changed), 'uncommitted change')}: {names}",
            expected="a clean tree, so that the adoption is one change that can be reviewed and undone",
            fix="git commit or git stash --include-untracked, then run this again",
        )


def check_links(root: Path, folder: str) -> None:
    """Check that nothing that adoption writes would go through a symbolic link.

    Raises:
        AdoptionError: Something would.
    """
    tracked = [entry.partition("\t") for entry in git(root, "ls-files", "-z", "--stage").split("\0")]
    links = [path for mode, _, path in tracked if mode.startswith("120000 ")]
    written = {*WRITTEN_AT_ROOT, *(f"{folder}/{name}" if folder else name for name in WRITTEN_IN_PROJECT)}
    for link in links:
        below = link.startswith(tuple(f"{path}/" for path in WRITTEN_AT_ROOT))
        if below or any(path == link or path.startswith(f"{link}/") for path in written):
            raise AdoptionError(
                f"{link} is a symbolic link, and adoption writes there",
                expected="a file or folder of the repository itself, so that nothing else is written to",
                fix=f"put what {link} points to in its place, commit, run this again",
            )


def find_remote(root: Path, data: dict[str, Any]) -> tuple[str, str, str]:
    """Owner and name on GitHub, and where they were found.

    Raises:
        AdoptionError: Neither a remote nor a URL of the project names a repository on GitHub.
    """
    named = list(remotes(root).values())
    if found := next(filter(None, map(name_on_github, named)), ""):
        owner, name = found.split("/")
        return owner, name, "git remote"
    urls = {
        **data.get("project", {}).get("urls", {}),
        **data.get("tool", {}).get("poetry", {}).get("urls", {}),
    }
    poetry = data.get("tool", {}).get("poetry", {})
    for url in (*urls.values(), poetry.get("repository", ""), poetry.get("homepage", "")):
        if match := re.search(
            r"github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?(?:[/#?].*)?$", str(url)
        ):
            return match[1], match[2], "pyproject.toml, the project's URLs"
    remote = f"its remote is {without_login(named[0])}" if named else "it has no remote"
    raise AdoptionError(
        f"Nothing names the repository on GitHub: {remote}",
        expected="a remote on github.com, because the trusted publishers compare owner and name",
        fix="git remote add origin https://github.com/OWNER/NAME",
    )


def find_default_branch(root: Path) -> tuple[str, str]:
    """The default branch, and where it was found."""
    head = try_git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    if head:
        return head.removeprefix("origin/"), "git remote"
    names = (try_git(root, "for-each-ref", "--format=%(refname)") or "").splitlines()
    for name in ("main", "master", "trunk", "develop"):
        if f"refs/heads/{name}" in names or f"refs/remotes/origin/{name}" in names:
            return name, "git branch"
    return try_git(root, "branch", "--show-current") or "main", "the current branch"


def find_tags(root: Path, branch: str, folder: str, name: str) -> Tags:
    """The version tags: the convention in use, the newest, and which of the newest are not on the branch.

    The convention in use is the newest tag's; there may have been others, and others' tags.
    """
    found: dict[str, tuple[int, Version, str]] = {}
    for line in git(root, "tag", "--format=%(creatordate:unix) %(refname:strip=2)").splitlines():
        date, _, tag = line.partition(" ")
        match = re.search(r"(?<![0-9.])\d+(?:\.\d+)+[0-9A-Za-z.!-]*$", tag)
        version = parse_version(match[0]) if match else None
        if match and version is not None and version.local is None:
            found[tag] = (int(date or 0), version, tag[: match.start()])
    prefixes = {prefix for _, _, prefix in found.values()}
    own = {part for part in (name.lower(), folder.rsplit("/", maxsplit=1)[-1].lower()) if part}
    words = "|".join(re.escape(part.replace("_", "-")).replace(r"\-", "[-_]") for part in own) or "(?!)"
    # Another package's name may begin with this one's: hatch-v1.0 and hatchling-v1.0.
    whole = re.compile(
        rf"(?:.*[/@])?(?:release[-_/])?(?:{words})[-_/.@]*(?:v|version|release)?[-_/.]*", re.IGNORECASE
    )
    within = re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE)
    named = {p for p in prefixes if whole.fullmatch(p)} or {p for p in prefixes if within.search(p)}
    if folder and not named:
        return Tags(f"{folder.rsplit('/', maxsplit=1)[-1]}/v", None, ())
    # In a repository's root, tags without a name are this package's as well.
    usual = named if folder else named | {p for p in prefixes if PLAIN.fullmatch(p)}
    candidates = usual or prefixes
    if not candidates:
        return Tags("v", None, ())
    *_, prefix = max(mine for mine in found.values() if mine[2] in candidates)
    mine = sorted((v, t) for t, (_, v, p) in found.items() if p == prefix)
    given_up = [
        max((v, t) for t, (_, v, p) in found.items() if p == other) for other in candidates - {prefix}
    ]
    where = next(
        (
            r
            for r in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")
            if try_git(root, "rev-parse", "-q", r)
        ),
        "HEAD",
    )
    off = [
        t for _, t in mine[-RECENT_TAGS:] if try_git(root, "merge-base", "--is-ancestor", t, where) is None
    ]
    former = tuple(sorted(tag for _, tag in given_up))
    return Tags(prefix, mine[-1][0], tuple(off), former, mine[-1][1])


def parse_version(text: str) -> Version | None:
    """A version, or None for what is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def read_workflows(root: Path) -> tuple[Workflow, ...]:
    """Every workflow of the repository.

    Raises:
        ReleaseError: One cannot be read.
    """
    return tuple(load(path) for path in workflow_paths(root))


def find_changelog(root: Path, folder: str, tags: Tags) -> tuple[str, str, str]:
    """The changelog, what release notes are made from, and why.

    In this order: conventional commits that a hook or CI wants; what towncrier writes, as its configuration
    says; the file whose headings cover the newest tag, or else the most versions; commits.
    """
    project = root / folder
    tracked = git(project, "ls-files", "-z", "--", ".").split("\0")
    if place := find_enforcement(root):
        return "", "git-cliff", f"{place} wants conventional commits"
    try:
        towncrier = fragments.configuration(project)
    except ValueError as error:
        raise AdoptionError(
            f"The configuration of towncrier is not TOML: {error}",
            expected="a file that towncrier reads, because it says where the notes are",
            fix="correct towncrier.toml or pyproject.toml, commit, run this again",
        ) from error
    joined = "" if towncrier is None else str(towncrier.get("filename", "NEWS.rst"))
    if joined and "{" not in joined:  # with a place for the version, each has a file of its own
        return joined, "towncrier", f"{joined}, which towncrier writes"
    found = [
        (newest_in(versions, tags), len(versions), name)
        for name in sorted(tracked, key=lambda n: (not is_changelog(n), n.count("/"), n))
        if name.count("/") <= 2 or name.startswith(("doc/", "docs/"))  # noqa: PLR2004
        if is_changelog(name) or name.lower().endswith(".md")
        if (versions := versions_of(project / name, tags)) or (is_changelog(name) and "." in name)
    ]
    usual = [one for one in found if is_changelog(one[2])]
    others = [one for one in found if one[1] > 1]
    if any(is_single(name, tags) for name in tracked) and not any(covers for covers, *_ in found):
        usual = others = []  # what is named like a changelog is none
    if best := max(usual or others, key=lambda one: one[:2], default=None):
        covers, count, name = best
        if is_changelog(name) and covers:
            return name, "changelog", name
        lacks = "" if covers or tags.newest is None else f", none is {tags.newest}"
        return name, "changelog", f"{name}, {counted(count, 'version')} in its headings{lacks}"
    singles_first = sorted(tracked, key=lambda name: not is_single(name, tags))
    unread = next((name for name in singles_first if is_unread(name, tags)), "")
    told = f"; a release does not read {unread}" if unread else ""
    subjects = recent_subjects(root, tags)
    conventional = sum(bool(CONVENTIONAL.match(subject)) for subject in subjects)
    if subjects and conventional * 2 >= len(subjects):
        said = f"{conventional} of the last {counted(len(subjects), 'commit')}: conventional"
        return "", "git-cliff", f"{said}{told}"
    return "", "changelog", f"no changelog yet{told}"


def is_changelog(path: str) -> bool:
    """Whether a file has a name that changelogs have, and a form that the gate reads."""
    name, dot, suffix = path.rpartition("/")[2].lower().rpartition(".")
    stem, ending = (name, f".{suffix}") if dot else (suffix, "")
    return stem_of(stem) in CHANGELOGS and ending in TEXTS


def is_unread(path: str, tags: Tags) -> bool:
    """Whether a file has notes that the gate does not read: in another markup, or of one version each."""
    name = path.rpartition("/")[2]
    stem = name if name.lower().endswith(".d") else name.rpartition(".")[0] or name
    return stem_of(stem) in CHANGELOGS or is_single(path, tags)


def is_single(path: str, tags: Tags) -> bool:
    """Whether a file has the notes of the newest tag and no others: ``docs/releases/v1.4.2.rst``."""
    *_, folder, name = f"//{path}".split("/")
    stem = name.rpartition(".")[0] or name
    of_tag = tags.newest is not None and parse_version(stem) == tags.newest
    return of_tag and stem_of(folder.removesuffix(".d")) in CHANGELOGS


def stem_of(name: str) -> str:
    """The letters of a name."""
    return re.sub(r"[^a-z]", "", name.lower())


def versions_of(path: Path, tags: Tags) -> set[Version]:
    """The versions in the headings of a file, none above the newest tag."""
    text = read_text(path).removeprefix("\ufeff")
    found = versions_in(path.name, text) if re.search(r"\d\.\d", text) else set()
    return {version for version in found if tags.newest is None or version <= tags.newest}


def newest_in(versions: set[Version], tags: Tags) -> bool:
    """Whether the newest tag is among versions."""
    return tags.newest in versions


def find_enforcement(root: Path) -> str:
    """The file that has a hook or a job of CI check that commits are conventional; empty if there is none."""
    pattern = "|".join(ENFORCERS)
    where = (".pre-commit-config.yaml", ".github/workflows", "pyproject.toml", "package.json", ".husky")
    found = try_git(
        root, "grep", "--name-only", "-I", "--extended-regexp", "-e", pattern, "HEAD", "--", *where
    )
    return (found or "").partition("\n")[0].partition(":")[2]


def recent_subjects(root: Path, tags: Tags) -> list[str]:
    """Subjects of the last commits before the newest tag, or of the last ones where there is no tag."""
    newest = f"{tags.prefix}{tags.newest}"
    start = (
        f"refs/tags/{newest}"
        if try_git(root, "rev-parse", "--verify", "-q", f"refs/tags/{newest}")
        else "HEAD"
    )
    return git(root, "log", "-n", "50", "--no-merges", "--format=%s", start).splitlines()
