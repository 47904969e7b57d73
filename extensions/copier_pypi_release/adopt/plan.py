"""Working out the whole change in a clone, and proving there that nothing is lost."""

from __future__ import annotations

import re
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from copier import run_copy
from packaging.version import Version
from plumbum import ProcessExecutionError  # Copier runs git with it
from release_lib.step import ReleaseError, run

from copier_pypi_release.adopt.aftermath import (
    aftermath,
    documents,
    elsewhere_kept,
    linters,
    prove_commands,
    services,
    typed,
    unread_notes,
)
from copier_pypi_release.adopt.answers import Choice, choose_publisher, make_answers, pythons_of
from copier_pypi_release.adopt.build_pins import USUAL, covers, pin_build, unpinned_in
from copier_pypi_release.adopt.compiled import (
    BACKENDS,
    SERVED,
    Building,
    add_steps,
    building_jobs,
    check_plan,
    check_version_source,
    compiled_wheels,
    is_compiled,
    is_native,
    move_settings,
    read_building,
    refusal,
    says_compiled,
)
from copier_pypi_release.adopt.convert import converter_for
from copier_pypi_release.adopt.next_steps import look_at, next_steps
from copier_pypi_release.adopt.package import (
    Package,
    machinery_of,
    manifest_of,
    read_package,
    sources_of,
)
from copier_pypi_release.adopt.programs import AdoptionError, git, try_git
from copier_pypi_release.adopt.publishing_jobs import without_jobs
from copier_pypi_release.adopt.pyproject import (
    SCIKIT,
    Pyproject,
    convert_project,
    list_packages,
    list_sources,
    use_hatchling,
    use_scm_version,
    use_tag_version,
)
from copier_pypi_release.adopt.repository import Repository, read_text, write_text
from copier_pypi_release.adopt.versions import only_version, read_code, without_literal
from copier_pypi_release.adopt.wheels import OfflineError, Wheel, build_wheel, compare, differences
from copier_pypi_release.answers_file import free_name
from copier_pypi_release.console import counted
from copier_pypi_release.template_source import without_login
from copier_pypi_release.workflow_files import pattern_of_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from copier_pypi_release.template_source import Source

GENERATED = "the version comes from the generated file"
# How Copier says that the template does not take an answer: what to enter, and what is wrong.
REFUSED_ANSWER = re.compile(r"Validation error for question '(\w+)': Enter (.+?); (.+)", re.DOTALL)
_ENVIRONMENT = "rename the environment in the workflow, on GitHub, and in the publisher on the index"
RENAME = {  # by question
    "tag_prefix": "tag the newest release once more in such a form (git tag v1.2.3 OLD), as the next ones",
    "release_branches": "rename the branch (git branch --move OLD NEW), here and on GitHub",
    "pypi_environment": _ENVIRONMENT,
    "testpypi_environment": _ENVIRONMENT,
}
# One moment for every commit of this tool's, so that a file that names it is the same before and after.
MOMENT = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-01T00:00:00+00:00")
AS_TOOL = (
    "-c",
    "user.name=copier-pypi-release",
    "-c",
    "user.email=tool@localhost",
    "-c",
    "commit.gpgsign=false",
)


@dataclass(frozen=True)
class Change:
    """One file that changes.

    Attributes:
        path: From the root of the repository.
        before: Its bytes now; None if it is new.
        after: Its bytes then; None if it goes.
        executable: Whether it is to be executable.
    """

    path: str
    before: bytes | None
    after: bytes | None
    executable: bool = False


@dataclass
class Plan:
    """What adoption would do.

    Attributes:
        repository: What it says about itself.
        answers: Answers for the template.
        changes: Files that change.
        diff: The same as a patch.
        reasons: Why, by path or group of paths.
        before_merge: What a person must do in the change itself.
        next_steps: What a person must do after it is merged.
        pythons_from: Where the Pythons of a release come from.
        distribution: Name of the distribution.
        version: The version that the proof was built with.
        compared: What is as before.
        differences: What is not, and loses nothing: what, before, after.
        look: What a person should look at, with file and line.
    """

    repository: Repository
    answers: dict[str, Any]
    changes: list[Change]
    diff: str
    reasons: dict[str, str]
    before_merge: list[str]
    next_steps: list[str]
    pythons_from: str
    distribution: str
    version: str = ""
    compared: str = ""
    differences: list[tuple[str, str, str]] = field(default_factory=list)
    look: list[str] = field(default_factory=list)


@dataclass
class _Work:
    """A clone in which the change is made."""

    repository: Repository
    root: Path
    kept: bool
    say: Callable[[str], None]
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        return self.root / self.repository.folder


def make_plan(
    repository: Repository,
    source: Source,
    *,
    issues: bool,
    publisher: Sequence[str] = (),
    keep: Sequence[str] = (),
    convert: bool = False,
    say: Callable[[str], None],
) -> Plan:
    """Work out the change, build the package before and after it, and compare.

    Args:
        repository: What the repository says about itself.
        source: The template.
        issues: Whether issues may be opened about releases and the template.
        publisher: The workflows, or jobs, that publish this package, as a person says.
        keep: Those that do not, as a person says.
        convert: Whether a backend that takes the version from tags is converted too.
        say: Tells which step begins.

    Raises:
        AdoptionError: Something would be lost, or cannot be kept; the sentence says what.
    """
    choice = choose_publisher(repository, publisher, keep)
    with tempfile.TemporaryDirectory(prefix="adopt-") as folder, _quiet():
        place = Path(folder)
        kept = bool(repository.version_from) and not convert
        say("Cloning the repository")
        work = _Work(repository, _clone(repository.root, place / "after"), kept, say)
        if repository.backend in BACKENDS:  # what cannot be adopted is not built
            check_version_source(repository, kept=kept)
        elif not kept:
            converter_for(repository.backend)
        say("Building the package as it is")
        before = _build_before(repository, place, tagged=kept)
        building = check_compiled(repository, before, kept=kept)
        package = read_package(repository, work.project, before, kept=kept)
        answers = make_answers(repository, package, choice) | {
            "release_issues": issues,
            "compiled": bool(building),
        }
        edited = frozenset[str]()
        if kept:
            _leave_out(work, package, answers)
        else:
            edited = _convert(work, package, answers)
            _ignore_generated(work, package.version_file)
            _archive_versions(work, answers["tag_prefix"])
        _replace_publishers(work, choice)
        _render(work, answers, source)
        if building:
            _keep_building(work, building, answers)
            say("Asking cibuildwheel for the wheels of every platform")
            check_plan(work.root, work.project)
        after = _build_after(work, package, before, edited, answers)
        changes, diff = _changes(work)
        if commands := answers["ci_commands"]:
            say(f"Running what a release would test with: {'; '.join(commands)}")
        proved = prove_commands(work.root, commands)
        say("Reading the notes of the newest tag as a release does")
        unread = unread_notes(repository, work.root)
        return Plan(
            repository=repository,
            answers=answers,
            changes=changes,
            diff=diff,
            reasons=work.reasons,
            before_merge=[
                *services(repository),
                *package.conversion.notes,
                *([] if kept else stale_versions(before, after)),
                *aftermath(
                    repository,
                    work.root,
                    [change.path for change in changes if change.after is None],
                    [path for path, why in work.reasons.items() if why == GENERATED],
                    package.version_file,
                    edited=None if kept else edited,
                ),
                *documents(repository),
            ],
            next_steps=next_steps(
                repository, choice, answers, None if kept else before.version, unread=bool(unread)
            ),
            pythons_from=pythons_of(repository, before.metadata)[1],
            distribution=before.metadata["name"],
            version=str(after.version),
            compared=f"{counted(len(before.files), 'file')} and the metadata of the wheel are as before",
            differences=differences(before, after, expected=frozenset({package.version_file})),
            look=[
                *([unread] if unread else []),
                *look_at(repository, choice),
                *([compiled_wheels(before, building), *building.look] if building else []),
                *elsewhere_kept(repository),
                *typed(repository),
                *linters(repository),
                *proved,
            ],
        )


def stale_versions(before: Wheel, after: Wheel) -> list[str]:
    """What goes on to state the version of today, as text, in whatever is released."""
    stale = ", ".join(name for name in before.stated if after.files.get(name) == before.files[name])
    instead = f"importlib.metadata.version({before.metadata['name']!r})"
    today = f"{before.metadata['version']}, whatever is released"
    return (
        [f"Take from {instead} what {stale} states: as text it would go on to be {today}."] if stale else []
    )


def check_compiled(repository: Repository, before: Wheel, *, kept: bool) -> Building | None:
    """What a compiled package's jobs say about its wheels; None for a pure one.

    Raises:
        AdoptionError: It is compiled and cannot be adopted, or it should be and is not.
    """
    if is_compiled(before):
        check_version_source(repository, kept=kept)
        return read_building(repository)
    if jobs := building_jobs(repository):
        workflow, job, _ = jobs[0]
        raise refusal(
            f"{workflow.place}:{workflow.line(job)} {job} builds wheels for each platform, and the one of "
            f"this machine is for all: {before.name}",
            expected="a build that compiles on this machine too",
            fix="install a compiler, or switch the extension on",
        )
    return None


def _keep_building(work: _Work, building: Building, answers: dict[str, Any]) -> None:
    """Let the release build wheels as the package's own jobs do."""
    path = work.project / "pyproject.toml"
    document, name = Pyproject(read_text(path)), str(path.relative_to(work.root))
    if move_settings(document, building):
        write_text(path, document.text)
        told = "cibuildwheel's settings are where the plan and each runner read them"
        work.reasons[name] = f"{work.reasons[name]}; {told}" if name in work.reasons else told
    workflow = work.root / ".github" / "workflows" / answers["release_workflow"]
    write_text(workflow, add_steps(read_text(workflow), building))


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of Copier's about a template with uncommitted changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _clone(root: Path, to: Path) -> Path:
    # A copy: git renews the dates of objects that a commit needs again, and those would be the user's.
    how = ("--quiet", "--no-hardlinks", "--no-checkout")
    git(root, "-c", "core.autocrlf=false", "clone", *how, "--", str(root), str(to))
    # A branch of the tool's own: the user's may be checked out, detached or unborn.
    git(to, "checkout", "--quiet", "-B", "adopt-staging", git(root, "rev-parse", "HEAD"))
    _fetch_submodules(root, to)
    return to


def _fetch_submodules(root: Path, clone: Path) -> None:
    """Check out the submodules that the user's tree has, from there."""
    names = try_git(clone, "config", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$") or ""
    for line in names.splitlines():
        key, _, path = line.partition(" ")
        if (root / path / ".git").exists() and path in submodules(clone):
            git(clone, "config", f"{key.removesuffix('.path')}.url", str(root / path))
            fetch = ("submodule", "--quiet", "update", "--init", "--", path)
            git(clone, "-c", "protocol.file.allow=always", *fetch)
            _fetch_submodules(root / path, clone / path)


def submodules(root: Path) -> list[str]:
    """The paths at which other repositories belong to one."""
    entries = git(root, "ls-files", "-z", "--stage").split("\0")
    return [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]


def _overlay(repository: Repository, clone: Path) -> None:
    """Put in what the user's tree has: contents that git keeps elsewhere."""
    listed = git(repository.root, "ls-files", "-z", "--recurse-submodules").split("\0")
    for name in filter(None, listed):
        here, there = repository.root / name, clone / name
        if here.is_file() and not here.is_symlink() and not there.is_symlink():
            data = here.read_bytes()
            if there.is_file() and there.read_bytes() != data:
                there.write_bytes(data)


def _commit_and_tag(clone: Path, tag: str, *, again: bool = False) -> None:
    """Commit what a clone has, and tag it like a release."""
    git(clone, "add", "--all")
    how = ("--amend", "--no-edit") if again else ("--allow-empty", "--message", "adopt")
    run("git", *AS_TOOL, "commit", "--quiet", "--no-verify", *how, cwd=clone, env=MOMENT)
    run("git", *AS_TOOL, "tag", "--force", tag, cwd=clone, env=MOMENT)


def _next_tag(repository: Repository, version: Version | None = None) -> tuple[str, str]:
    """A tag for the proof, higher than every one that is there, and its version."""
    newest = max(filter(None, [repository.tags.newest, version]), default=Version("0"))
    text = f"{newest.epoch}!{newest.major + 1}.0" if newest.epoch else f"{newest.major + 1}.0"
    return f"{repository.tags.prefix}{text}", text


def _build_before(repository: Repository, place: Path, *, tagged: bool) -> Wheel:
    """What the project's own backend builds of the user's tree, at a tag if it goes on to build."""
    clone = _clone(repository.root, place / "before")
    _overlay(repository, clone)
    if tagged:
        _commit_and_tag(clone, _next_tag(repository)[0])
    try:
        return build_wheel(clone / repository.folder, place / "built-before")
    except OfflineError:
        raise
    except ReleaseError as error:
        the = "Compiled: the" if says_compiled(repository) else "The"
        otherwise = "" if the.startswith("Compiled") else "; or adopt --convert"
        if tagged:
            cause = error.problem.removeprefix("The build failed: ")
            raise AdoptionError(
                f"{the} project does not build at the tag {_next_tag(repository)[0]}, with the version from "
                f"{repository.version_from}: {cause}",
                expected="a build that works at a tag as the newest ones are",
                fix=f"make `uv build` work there, commit, run this again{otherwise}",
            ) from error
        raise AdoptionError(
            f"{the} project does not build as it is: {error.problem.removeprefix('The build failed: ')}",
            expected="a build that works, to compare the converted one with",
            fix="make `uv build` work, commit, run this again",
        ) from error


# ---- The change --------------------------------------------------------------------------------------


def _leave_out(work: _Work, package: Package, answers: dict[str, Any]) -> None:
    """Keep out of the sdist what adoption adds; nothing else of a backend that stays changes."""
    path = work.project / "pyproject.toml"
    document = Pyproject(read_text(path))
    machinery = machinery_of(work.repository, answers, kept=True)
    if work.repository.backend == "hatchling":
        was = document.text
        list_sources(document, [], sources_of(package, document, machinery)[1])
        if document.text != was:
            write_text(path, document.text)
            work.reasons[str(path.relative_to(work.root))] = "nothing of the release's goes into the sdist"
    elif work.repository.backend == "scikit-build-core":
        known = document.get(*SCIKIT, "sdist", "exclude") or []
        document.set(SCIKIT, ("sdist", "exclude"), [*known, *(f"/{name}" for name in machinery)])
        write_text(path, document.text)
        work.reasons[str(path.relative_to(work.root))] = "nothing of the release's goes into the sdist"
    elif work.repository.backend == "meson-python":  # `meson dist` asks git for an archive
        attributes = work.project / ".gitattributes"
        lead = read_text(attributes)
        lead += "\n" if lead and not lead.endswith("\n") else ""
        write_text(attributes, lead + "".join(f"/{name} export-ignore\n" for name in machinery))
        work.reasons[str(attributes.relative_to(work.root))] = "nothing of the release's goes into the sdist"
    elif text := manifest_of(work.repository, document, machinery):
        manifest = work.project / "MANIFEST.in"
        write_text(manifest, text)
        work.reasons[str(manifest.relative_to(work.root))] = "nothing of the release's goes into the sdist"


def _convert(work: _Work, package: Package, answers: dict[str, Any]) -> frozenset[str]:
    """Edit pyproject.toml and what goes with it.

    Returns:
        Paths in the wheel of files whose contents change.
    """
    path = work.project / "pyproject.toml"
    document = Pyproject(read_text(path))
    was = document.text
    machinery, backend = machinery_of(work.repository, answers), work.repository.backend
    include, exclude = sources_of(package, document, machinery)
    convert_project(document, package.conversion, package.wheel, package.readme)
    how: dict[str, Any] = {
        "name": package.name,
        "prefix": answers["tag_prefix"],
        "version_file": package.version_file,
        "nested": bool(work.repository.folder),
    }
    if backend == "scikit-build-core":
        use_scm_version(document, exclude=[f"/{name}" for name in machinery], **how)
    else:
        use_hatchling(document)
        if backend != "hatchling":
            list_packages(document, package.packages, package.excluded)
        list_sources(document, include, exclude)
        use_tag_version(document, **how)
    if document.text != was:
        write_text(path, document.text)
        what = "the version" if backend in SERVED else f"the build ({backend} before)"
        by = "setuptools-scm" if backend == "scikit-build-core" else "hatch-vcs"
        work.reasons[str(path.relative_to(work.root))] = f"{what} comes from {by} and the git tag"
    for name, text in package.conversion.files.items():
        target = work.project / name
        target.unlink() if text is None else write_text(target, text)
        work.reasons[str(target.relative_to(work.root))] = "what it said is in pyproject.toml now"
    return _import_version(work, package)


def _import_version(work: _Work, package: Package) -> frozenset[str]:
    """Replace versions that are written in the package's code."""
    version_file = PurePosixPath(package.version_file)
    folder = work.project / version_file.parent
    edited = set()
    current = work.project / version_file
    if git(work.project, "ls-files", "--", str(version_file)):
        if not only_version(read_code(current)[0]):
            raise AdoptionError(
                f"{version_file} has code of its own, and the build would write over it",
                expected="a file that states the version and nothing else",
                fix=f"rename {version_file}, commit, run this again",
            )
        current.unlink()
        work.reasons[str(PurePosixPath(work.repository.folder) / version_file)] = (
            "the build writes it from now on"
        )
    root = package.packages[0].rpartition("/")[0]
    for path in sorted(p for p in folder.glob("*.py") if not p.is_symlink()):
        relative = PurePosixPath(path.relative_to(work.project).as_posix())
        code, encoding = read_code(path)
        new = without_literal(code, relative, package.wheel.version)
        if new is not None and relative != version_file:
            if version_file.name != "_version.py":
                new = new.replace("from ._version import", f"from .{version_file.stem} import")
            path.write_bytes(new.encode(encoding))
            edited.add(relative.relative_to(root).as_posix() if root else relative.as_posix())
            work.reasons[str(path.relative_to(work.root))] = GENERATED
    return frozenset(edited)


def _replace_publishers(work: _Work, choice: Choice) -> None:
    """Take every publisher out; the template puts the new one in."""
    workflows = {workflow.file: workflow for workflow in work.repository.workflows}
    folder = work.root / ".github" / "workflows"
    shown = f".github/workflows/{choice.replaced}"
    (folder / choice.replaced).unlink(missing_ok=True)  # Copier replaces no file that it did not render
    work.reasons[shown] = (
        "the release: a tag starts it"
        if not choice.kept
        else "replaced in place: a trusted publisher that names this file goes on to work"
        if choice.kept.trusted
        else "replaced in place"
    )
    for file in dict.fromkeys(p.file for p in choice.disarmed):
        workflow, path = workflows[file], folder / file
        jobs = {p.job for p in choice.disarmed if p.file == file}
        going = choice.going[file]
        if going >= set(workflow.jobs):
            path.unlink()
            work.reasons[f".github/workflows/{file}"] = (
                f"it published too ({', '.join(sorted(jobs))}), and nothing else"
            )
        else:
            path.write_bytes(without_jobs(workflow, going).encode())
            what = f"{'jobs' if len(going) > 1 else 'job'} {', '.join(sorted(going))}"
            work.reasons[f".github/workflows/{file}"] = f"its {what} published; the rest stays"


def _ignore_generated(work: _Work, version_file: str) -> None:
    """Keep the generated version file out of git."""
    full = PurePosixPath(work.repository.folder) / version_file
    if not _is_ignored(work, str(full)):
        _ignore(work, work.project, [f"/{version_file}"], "the generated version file is not committed")


def _ignore_caches(work: _Work) -> None:
    """Keep out of git what Python leaves beside the release's scripts when a person runs one."""
    if not _is_ignored(work, ".github/release/release_lib/__pycache__/step.pyc"):
        _ignore(work, work.root, ["__pycache__/"], "what Python leaves beside the scripts is not committed")


def _is_ignored(work: _Work, path: str) -> bool:
    """Whether the repository ignores a path; what is ignored on one machine alone does not count."""
    how = ("-c", "core.excludesFile=", "check-ignore", "--quiet", "--no-index")
    return try_git(work.root, *how, path) is not None


def _ignore(work: _Work, folder: Path, patterns: Sequence[str], reason: str) -> None:
    """Add patterns to the .gitignore of a folder."""
    path = folder / ".gitignore"
    text, name = read_text(path), str(path.relative_to(work.root))
    newline = "\r\n" if "\r\n" in text else "\n"
    lead = newline if text and not text.endswith("\n") else ""
    write_text(path, text + lead + "".join(f"{pattern}{newline}" for pattern in patterns))
    work.reasons[name] = f"{work.reasons[name]}; {reason}" if name in work.reasons else reason


def _archive_versions(work: _Work, prefix: str) -> None:
    """Give source archives of GitHub's the right version, if nothing is there that does."""
    archive, attributes = work.project / ".git_archival.txt", work.project / ".gitattributes"
    text = read_text(attributes)
    if archive.exists() or "export-subst" in text:
        return
    archive.write_text(
        "node: $Format:%H$\nnode-date: $Format:%cI$\n"
        f"describe-name: $Format:%(describe:tags=true,match={pattern_of_tags(prefix)})$\n"
    )
    newline = "\r\n" if "\r\n" in text else "\n"
    lead = newline if text and not text.endswith("\n") else ""
    write_text(attributes, f"{text}{lead}.git_archival.txt export-subst{newline}")
    for path in (archive, attributes):
        work.reasons[str(path.relative_to(work.root))] = "source archives without git get the right version"


def _render(work: _Work, answers: dict[str, Any], source: Source) -> None:
    """Render the release's files; the user's own cliff.toml stays."""
    if (work.root / "RELEASING.md").is_file() and not work.repository.answers:
        raise AdoptionError(
            "The repository has a RELEASING.md, and the page about releases gets that name",
            expected="a free name, because the template keeps that page up to date",
            fix="git mv RELEASING.md MAINTAINING.md, commit, run this again",
        )
    cliff = work.root / "cliff.toml"
    own = cliff.read_bytes() if cliff.is_file() else None
    answers_file = free_name(work.repository.root)
    try:
        run_copy(
            source.url,
            work.root,
            data=answers,
            vcs_ref=source.ref,
            answers_file=answers_file,
            defaults=True,
            overwrite=True,
            quiet=True,
        )
        found = (work.root / ".github/release/settings.toml").is_file()
        reason = "it has no copier.yml that renders a release"
    except (ValueError, ProcessExecutionError) as error:  # a folder that is none; git's own words
        if refused := REFUSED_ANSWER.fullmatch(str(error)):
            raise _no_answer(*refused.groups()) from error
        found, reason = False, str(getattr(error, "stderr", error)).strip().rpartition("\n")[2]
    if not found:
        raise AdoptionError(
            f"The template at {without_login(source.url)} cannot be used: {without_login(reason)}",
            expected="the address of a repository of the template, or a folder with it",
            fix="adopt without --template, or with an address that `git ls-remote` can read",
        )
    if own is not None:
        cliff.write_bytes(own)
    if submodules(work.root):
        workflow = work.root / ".github" / "workflows" / answers["release_workflow"]
        deep = re.compile(r"(?m)^( *)fetch-depth: 0\b.*\n")
        write_text(workflow, deep.sub(r"\g<0>\1submodules: recursive\n", read_text(workflow)))
        work.reasons[str(workflow.relative_to(work.root))] += "; it fetches the submodules"
    _unignore(
        work, [".github/release", ".github/rulesets", f".github/workflows/{answers['release_workflow']}"]
    )
    _ignore_caches(work)
    work.reasons["RELEASING.md"] = "how to release"
    work.reasons["cliff.toml"] = "which commits the release notes say, and under which heading"
    work.reasons[".github/release/"] = "the scripts that the release runs; RECOVERY.md for when it stops"
    work.reasons[".github/rulesets/"] = "who may create release tags, and that nobody moves them"
    work.reasons[".github/workflows/release-watch.yml"] = (
        "opens an issue for a newer version of the template, and for files on PyPI that no release made"
    )
    work.reasons[answers_file] = "the answers to the template's questions, for `copier update`"


def _no_answer(question: str, wanted: str, wrong: str) -> AdoptionError:
    """A name that the repository has, and that a release cannot use."""
    return AdoptionError(
        f"What the repository has cannot be used in a release: {wrong}",
        expected=f"{wanted}, as the template takes it",
        fix=f"{RENAME.get(question, 'choose another name')}, then run this again",
    )


def _build_pinned(work: _Work, tag: str) -> Wheel:
    """Commit, tag and build like a release; the package's own pins are made where the others do not do.

    Raises:
        AdoptionError: The build fails.
    """
    document = Pyproject(read_text(work.project / "pyproject.toml"))
    requires = [str(line) for line in document.get("build-system", "requires") or USUAL]
    requires += [line for line in BACKENDS.get(work.repository.backend, ()) if line not in requires]
    # The file that a release takes; the template goes on to pin hatchling for its own sake, and nothing else.
    constraints = min((work.root / ".github" / "release").glob("build-constraints*.txt"))
    if (work.repository.backend != "hatchling" and work.kept) or not covers(constraints, requires):
        work.say("Pinning what the package builds with")
        constraints = pin_build(constraints.parent, requires)
    _commit_and_tag(work.root, tag)
    while True:
        work.say("Building it with the change, as a release does")
        try:
            return build_wheel(work.project, work.root.parent / "built-after", constraints=constraints)
        except AdoptionError as error:  # a backend may ask for more than [build-system] says
            more = [name for name in unpinned_in(error.problem) if name not in requires]
            if not more:
                raise
            requires += more
            work.say(f"Pinning {', '.join(more)}, which its backend asks for")
            constraints = pin_build(constraints.parent, requires)
            _commit_and_tag(work.root, tag, again=True)


def _unignore(work: _Work, paths: list[str]) -> None:
    """Make sure that git sees what was rendered, whatever a pattern like ``release/`` says."""
    hidden = [p for p in paths if try_git(work.root, "check-ignore", "--quiet", "--no-index", p) is not None]
    if hidden:
        _ignore(work, work.root, [f"!/{p}" for p in hidden], "a pattern in it would hide the release's files")


def _build_after(
    work: _Work, package: Package, before: Wheel, edited: frozenset[str], answers: dict[str, Any]
) -> Wheel:
    """Commit and tag the change in the clone, build like a release, and compare.

    Raises:
        AdoptionError: The wheel lost or changed something, or does not have the tag's version.
    """
    tag, version = _next_tag(work.repository, None if work.kept else before.version)
    after = _build_pinned(work, tag)
    if work.kept and after.version != Version(version):
        raise AdoptionError(
            f"{work.repository.version_from} makes version {after.version} of the tag {tag}",
            expected=f"{version}, because the tag is the version of a release; or adopt --convert",
            fix=f"let {work.repository.version_from} read {tag}, commit, run this again",
        )
    root = package.packages[0].rpartition("/")[0]
    generated = package.version_file[len(root) + 1 :] if root else package.version_file
    if work.kept:
        generated = max((n for n in after.files if f"/{generated}".endswith(f"/{n}")), key=len, default="")
    added = {f"{name}/" for name in machinery_of(work.repository, answers, kept=work.kept)}
    lost = [f"the sdist would have {n}" for n in after.sdist if f"{n}/".startswith(tuple(added))]
    # Two compilations differ by their folder; that the files are there is what can be compared.
    edited |= {name for name in before.files if is_native(name)}
    lost += compare(before, after, edited=edited, generated=frozenset({generated} - {""}))
    if after.version != Version(version):
        lost.insert(0, f"the tag {tag} would give version {after.version}")
    if generated not in after.files and not work.kept:
        lost.insert(0, f"the wheel would lack the generated {generated}")
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""  # noqa: PLR2004
        how, fix = (
            ("", f"let the settings of {work.repository.backend} leave it as it was, or adopt --convert")
            if work.kept
            else ("converted ", "write it into [project], take it out, or exclude it from the sdist")
        )
        raise AdoptionError(
            f"The {how}package would not be the same: {'; '.join(lost[:5])}{more}",
            expected="a wheel and an sdist with all that those before have, and nothing of the release's",
            fix=f"{fix}, commit, run this again",
        )
    return after


def _changes(work: _Work) -> tuple[list[Change], str]:
    """The difference between the commit and the staged one."""
    names = git(work.root, "diff", "--no-renames", "--name-status", "-z", "HEAD~1", "HEAD").split("\0")
    changes = []
    for status, name in zip(names[0::2], names[1::2], strict=False):
        path = work.root / name
        original = work.repository.root / name
        changes.append(
            Change(
                path=name,
                before=None if status == "A" else original.read_bytes(),
                after=None if status == "D" else path.read_bytes(),
                executable=status != "D" and bool(path.stat().st_mode & 0o111),
            )
        )
    return changes, git(work.root, "diff", "--no-renames", "--no-color", "HEAD~1", "HEAD")
