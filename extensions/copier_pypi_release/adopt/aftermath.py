"""What an adoption affects besides the files that it changes: with file and line, or with the command."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import uv
from release_lib import fragments
from release_lib.step import ReleaseError, run

from copier_pypi_release.adopt.ci import testing_jobs
from copier_pypi_release.adopt.programs import git, try_git
from copier_pypi_release.adopt.publishing_jobs import members
from copier_pypi_release.adopt.repository import is_changelog, read_text, versions_of
from copier_pypi_release.outside import uploads_outside
from copier_pypi_release.uploads import read

if TYPE_CHECKING:
    from collections.abc import Collection

    from copier_pypi_release.adopt.repository import Repository
    from copier_pypi_release.outside import Outside
    from copier_pypi_release.workflow_files import Workflow

# Files whose lines are executed, or name what is.
EXECUTED = (
    *(
        ".github",
        "Makefile",
        "justfile",
        "Taskfile.yml",
        "tox.ini",
        "noxfile.py",
        "Dockerfile",
        "*.sh",
        "*.bat",
    ),
    *("*.yml", "*.yaml", "*.toml", "*.cfg", "MANIFEST.in"),
)
LOCKS = {"uv.lock": "uv lock", "poetry.lock": "poetry lock", "pdm.lock": "pdm lock --update-reuse"}
OWN_LINE = re.compile(r"(?:version[-_]file|include)\s*[:=]")  # that adoption writes itself
SHOWN = 8  # lines of one kind
WIDEST = 1_000  # characters of a line that are read: what is longer is data
HOOKS = ".pre-commit-config.yaml"
# Programs that look at every Python file below a folder, hidden folders included.
WHOLE_TREE = (
    "black",
    "isort",
    "flake8",
    "autopep8",
    "yapf",
    "pyupgrade",
    "pycln",
    "docformatter",
    "bandit",
    "pydocstyle",
)

_FILES = r"(?:pyproject\.toml|setup\.(?:py|cfg)|(?:__init__|__about__|_*version_*|about)\.py)"
# What reads a version that is written down, or raises it.
READS = re.compile(
    r"\b(?:bump2version|bumpversion|bump-my-version|tbump|bumpver)\b"
    r"|\b(?:poetry|hatch|pdm|uv|flit|rye)\s+(?:-\S+\s+)*version\b|\bpdm\s+show\s+--version"
    r"|\bsetup\.py\s+(?:-\S+\s+)*--(?:version|fullname)\b"
    r"|\[\s*[\"'](?:project|poetry)[\"']\s*\]\s*(?:\.get\(|\[)\s*[\"']version\b"
    r"|\b(?:project|poetry)\.version\b"
    rf"|\b(?:grep|sed|awk|perl|Select-String)\b.*version.*{_FILES}|{_FILES}.*\|.*\bversion"
    r"|\bre\.\w+\(.*(?:__version__|\bversion\s*=)"
    rf"|\b(?:exec|compile|run_path)\(.*{_FILES}"
    r"|^\s*version_(?:variables?|toml|files?|provider)\s*=(?!\s*[\"']scm)",
    re.IGNORECASE,
)
# Settings of tools that raise a version, and the line that begins them.
RAISERS = ("*tbump.toml", "*.bumpversion.*", "*bumpver.toml", "*cz.toml", "*pyproject.toml", "*setup.cfg")
RAISER = re.compile(r"^\[(?:tool\.)?(?:tbump|bumpversion|bumpver|commitizen|semantic_release|version)\]")
FROM_TAGS = re.compile(r"\bversion_provider\s*=\s*[\"']scm\b")  # of commitizen
PAGES = ("*.md", "*.rst", "*.txt", "*.adoc")
RELEASING = re.compile(
    r"(?:how[-_]?to[-_]?)?releas(?:e|ing)(?:[-_](?:process|checklist|guide))?\.\w+", re.IGNORECASE
)
HISTORY = re.compile(
    r"(?:^|/)(?:release[-_]?notes|releases|changes|history|news|whatsnew|tests?)/", re.IGNORECASE
)
TELLS = re.compile(
    r"\btwine\s+upload\b|\b(?:uv|flit|poetry|hatch|pdm)\s+publish\b|\bsetup\.py\s.*\bupload\b"
    r"|\b(?:tox|nox)\s+-[es]\s+(?:release|publish|upload)\b"
    r"|(?:^|`|\$ )(?:tbump|bump2version|bumpversion|bump-my-version|fullrelease)\b",
    re.IGNORECASE,
)
CONTAINERS = ("*Dockerfile*", "*Containerfile*", "*.dockerfile")
BUILDS = re.compile(
    r"\binstall\b.*\s[\"']?\.(?=[\s\[/\"']|$)|\binstall\b.*\s(?:-e|--editable)\s|\b-m build\b"
    r"|\buv (?:sync|build)\b|\b(?:poetry|pdm) install\b|\bhatch build\b"
)
HARMLESS = re.compile(r"(?:actions/(?:checkout|setup-python|cache|upload-artifact)|codecov/\S*)@")
# What installs the package, or something of which that cannot be said.
INSTALLS = re.compile(
    rf"{BUILDS.pattern}|\b(?:uv|poetry|pdm|hatch|tox|nox|make|just|task|inv|invoke|poe|rye)\b"
    r"|\b(?:pixi|conda|mamba|docker)\b|\bsetup\.py\b|\.sh\b|\bdist/|\.whl\b"
)
REQUIREMENTS = re.compile(r"(?:-r|--requirement)[ =]?([\w./-]+)")
OWN_SOURCE = re.compile(r"(?m)^\s*(?:(?:-e|--editable)[ =]?)?\.(?:/|\[|\s*$)")


def aftermath(
    repository: Repository,
    root: Path,
    deleted: list[str],
    rewritten: list[str],
    written: str,
    *,
    edited: Collection[str] | None,
) -> list[str]:
    """What a person must correct in the change itself.

    Args:
        repository: What the repository says about itself.
        root: A clone in which the change is committed.
        deleted: Files that the change deletes, from the root of the repository.
        rewritten: Files that stated a version as text, and do so no more.
        written: The file that the build writes, from the project's folder.
        edited: Modules that import the version from that file now; None where it came from tags before.
    """
    own = (f"{repository.folder}/" if repository.folder else "") + written.rpartition("/")[0]
    moved = [] if edited is None else [*readers(repository, root, rewritten, (f"{own}/",)), *copies(root)]
    return [
        *_mentions(repository, root, deleted, written),
        *moved,
        *(uninstalled(repository, root, written) if edited else []),
        *locks(repository, root),
    ]


def services(repository: Repository) -> list[str]:
    """What another service than GitHub goes on to upload, as a step each."""
    return [
        f"Take the upload out of {one.place}, which {one.service} runs: it would publish beside the release."
        for one in _outside(repository)
        if one.service
    ]


def typed(repository: Repository) -> list[str]:
    """What uploads when a person runs it, and bypasses the release."""
    places = [one.place for one in _outside(repository) if not one.service]
    if not places:
        return []
    how = "push a tag instead, and take the upload out"
    return [f"{_listed(places)} {'upload' if places[1:] else 'uploads'} when somebody runs it: {how}."]


def elsewhere_kept(repository: Repository) -> list[str]:
    """Files whose contents DVC keeps outside of git: no checkout of a release has them."""
    names = _tracked(repository.root, "*.dvc", "*dvc.lock")
    if not names:
        return []
    what = "the contents of" if names[1:] else "the content of"
    return [f"DVC keeps {what} {_listed(names)} outside of git: a release fetches none of that."]


def documents(repository: Repository) -> list[str]:
    """Pages that tell another way to release than the one that comes."""
    found = []
    for name in _tracked(repository.root, *PAGES):
        if name == "RELEASING.md" or HISTORY.search(name):  # the first is the template's
            continue
        if is_changelog(name) and versions_of(repository.root / name, repository.tags):
            continue
        lines = read_text(repository.root / name).splitlines()
        place = next((n for n, line in enumerate(lines, 1) if TELLS.search(line[:WIDEST])), 0)
        if place or RELEASING.fullmatch(name.rpartition("/")[2]):
            found.append(f"{name}:{place or 1}")
    return [f"Correct what tells how to release: {_listed(found)}."] if found else []


def _outside(repository: Repository) -> list[Outside]:
    """The uploads of this package that no workflow makes; those of other packages are theirs."""
    others = [one.folder for one in members(repository.root, repository.folder)[1:] if one.folder]
    found = uploads_outside(repository.root)
    return [one for one in found if not any(one.file.startswith(f"{folder}/") for folder in others)]


def linters(repository: Repository) -> list[str]:
    """Formatters and linters that look at the whole tree, and at the release's scripts with it.

    Ruff keeps to the ruff.toml beside them; the others do not.
    """
    found = []
    config = read_text(repository.root / HOOKS)
    if config and not re.search(r"(?m)^\s*exclude:.*\.github", config):
        for number, line in enumerate(config.splitlines(), 1):
            if match := re.match(rf"\s*-?\s*id:\s*['\"]?({'|'.join(WHOLE_TREE)})['\"]?\s*(?:#|$)", line):
                found.append(f"{HOOKS}:{number} {match[1]}")
    pattern = rf"(^|[^A-Za-z0-9_./-])({'|'.join(WHOLE_TREE)})([ ][-][^|;&]*)?[ ][.]([ ]|$)"
    how = ("grep", "--line-number", "--extended-regexp", "-I", "-e", pattern, "HEAD", "--", *EXECUTED)
    for line in (try_git(repository.root, *how) or "").splitlines():
        _, file, place, text = line.split(":", 3)
        found.append(f"{file}:{place} ({text.strip()})")
    if not found:
        return []
    how_to = "exclude that folder there (`exclude: ^[.]github/release/` in a hook)"
    return [f"{'; '.join(found[:SHOWN])} would look at .github/release too: {how_to}."]


def with_uv() -> dict[str, str]:
    """A PATH with the uv that came with this tool: a release has uv there, a machine need not."""
    return {"PATH": os.pathsep.join([os.environ.get("PATH", ""), str(Path(uv.find_uv_bin()).parent)])}


def prove_commands(root: Path, commands: list[str]) -> list[str]:
    """Run what a release would test with, once, in a clone; say what came out if it fails."""
    if not commands:
        return []
    script = root / ".github" / "release" / "run_checks.py"
    try:
        how = ("run", "--no-config", "--quiet", "--script", script, "--clone")
        run(uv.find_uv_bin(), *how, cwd=root, env=with_uv())
    except ReleaseError as error:
        said = error.problem.partition(": ")[2].split(" | ")
        told = next((line for line in said if "The check" in line), said[-1]).strip()
        return [f"`{commands[-1]}` does not pass here, and a release would stop there: {told}"]
    return []


def _mentions(repository: Repository, root: Path, deleted: list[str], written: str) -> list[str]:
    """Lines that name a file that is gone, as they are after the change."""
    steps = []
    for path in deleted:
        inside = path.removeprefix(f"{repository.folder}/")
        # A workflow is called by its path, and started by the name of its file.
        name = path.rpartition("/")[2] if path.startswith(".github/") else inside
        if places := _places(repository, root, name):
            gone = "is in no checkout, because the build writes it" if inside == written else "is gone"
            steps.append(f"Correct what names {name}, which {gone}: {_listed(places)}.")
    return steps


def _places(repository: Repository, root: Path, name: str) -> list[str]:
    """The lines that name a file, with file and number."""
    pattern = rf"(^|[^A-Za-z0-9_]){name.replace('.', '[.]')}($|[^A-Za-z0-9_])"
    how = ("grep", "--line-number", "--extended-regexp", "-I", "-e", pattern, "HEAD", "--", *EXECUTED)
    found = [line.split(":", 3)[1:] for line in (try_git(root / repository.folder, *how) or "").splitlines()]
    return [
        f"{file}:{number} ({text.strip()[:60]})"
        for file, number, text in found
        if not file.startswith(".github/release/") and not OWN_LINE.match(text)
    ]


def readers(
    repository: Repository, root: Path, rewritten: Collection[str] = (), package: tuple[str, ...] = ()
) -> list[str]:
    """What reads or writes the version where it was written down, such as a tool that raises it.

    Args:
        repository: What the repository says about itself.
        root: A clone in which the change is committed.
        rewritten: Files that stated a version as text, and do so no more.
        package: Folders of the package's own code, which says what it likes.
    """
    itself = {repository.name, repository.name.replace("-", "_")}  # one of these tools, perhaps
    where = (*EXECUTED, "*.py", ".bumpversion.*", "*.ini", "Dockerfile*", "*.ps1")
    found = _lines(root, READS, *where, without=itself)
    for place in _lines(root, RAISER, *RAISERS):
        file = place.partition(":")[0]
        by_tags = "commitizen" in place and FROM_TAGS.search(read_text(root / file))
        if not by_tags and not any(one.startswith(f"{file}:") for one in found):
            found.append(place)
    own = f"{repository.folder}/" if repository.folder else ""
    for path in rewritten:
        found += [
            one for one in _places(repository, root, path.removeprefix(own)) if "version" in one.lower()
        ]
    package += tuple(f"{own}{one}" for one in ("src/", "tests/", "test/", "setup.py"))
    package += (".github/release/", ".github/rulesets/", ".copier-answers")
    places = [place for place in dict.fromkeys(found) if not place.startswith(package)]
    if not places:
        return []
    return [f"Correct what reads or writes the version elsewhere than in the tag: {_listed(places)}."]


def copies(root: Path) -> list[str]:
    """Builds in a container, which has no git unless somebody copies it."""
    texts = [name for name in _tracked(root, *CONTAINERS) if ".git " not in read_text(root / name)]
    places = _lines(root, BUILDS, *texts) if texts else []
    if not places:
        return []
    how = "Copy .git, or set SETUPTOOLS_SCM_PRETEND_VERSION, where a container builds a copy"
    return [f"{how}, because the version comes from git now: {_listed(places)}."]


def uninstalled(repository: Repository, root: Path, written: str) -> list[str]:
    """What imports the package from a checkout, which lacks the file that the build writes."""
    places = _lines(root, re.compile(r"^\s*sys\.path\.(?:insert|append)\("), "*conf.py")
    for workflow in repository.workflows:
        if workflow.file in repository.gate.files:
            jobs = [job for job in testing_jobs(workflow) if not _installs(workflow, job)]
            places += [f"{workflow.place}:{workflow.line(job)} ({job})" for job in jobs]
    if not places:
        return []
    why = f"because {written} is in no checkout"
    return [f"Install the package where it is imported without, {why}: {_listed(places)}."]


def _installs(workflow: Workflow, job: str) -> bool:
    """Whether a job installs the package, or could."""
    steps = workflow.steps(job)
    if workflow.jobs[job].get("uses") or any(
        not HARMLESS.match(str(s["uses"])) for s in steps if "uses" in s
    ):
        return True
    root = workflow.root or Path()
    scripts = "\n".join(str(step.get("run", "")) for step in steps)
    words = re.findall(r"(?<!\S)(?!/|\.\.)[\w./-]+", scripts)
    scripts += "".join(f"\n{script_at(root / word)}" for word in words)
    named = [read_text(root / name) for name in REQUIREMENTS.findall(scripts)]
    return bool(INSTALLS.search(scripts)) or any(OWN_SOURCE.search(text) for text in named)


def script_at(path: Path) -> str:
    """The shell script at a path, whatever its name; empty if there is none."""
    text = read(path) if path.suffix in {"", ".sh", ".bash"} else ""
    return text if text.startswith("#!") else ""


def _tracked(root: Path, *patterns: str) -> list[str]:
    return [name for name in (try_git(root, "ls-files", "-z", "--", *patterns) or "").split("\0") if name]


def _lines(root: Path, pattern: re.Pattern[str], *patterns: str, without: Collection[str] = ()) -> list[str]:
    """The lines of tracked files that a pattern finds without some words, with their places."""
    words = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in without) or "(?!)", re.IGNORECASE)
    return [
        f"{name}:{number} ({line.strip()[:60]})"
        for name in _tracked(root, *patterns)
        for number, line in enumerate(read_text(root / name).splitlines(), 1)
        if pattern.search(words.sub("", line[:WIDEST])) and not line.lstrip().startswith("#")
    ]


def _listed(places: list[str]) -> str:
    return ", ".join(places[:SHOWN]) + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")


def locks(repository: Repository, root: Path) -> list[str]:
    """Lock files that do not fit the change: uv says so of its own; others hash what pyproject.toml says."""
    places = dict.fromkeys((repository.folder, ""))
    found = []
    for name, command in LOCKS.items():
        place = next((one for one in places if (repository.root / one / name).is_file()), None)
        if place is None:
            continue
        if name == "uv.lock":
            stale = not _fits(root / place)
        else:
            texts = (read_text(tree / place / "pyproject.toml") for tree in (repository.root, root))
            before, after = (_locked(text) for text in texts)
            stale = before != after
        if stale:
            found.append(f"Renew {name}, which does not fit pyproject.toml any more: {command}")
    return found


def _fits(project: Path) -> bool:
    """Whether uv takes the lock file of a project as it is; no where it cannot tell."""
    try:
        run(uv.find_uv_bin(), "lock", "--check", "--quiet", cwd=project)
    except ReleaseError:
        return False
    return True


def _locked(text: str) -> list[object]:
    """What lock files of Poetry and PDM depend on."""
    data = tomllib.loads(text)
    tools = data.get("tool", {})
    return [data.get("project"), data.get("dependency-groups"), tools.get("poetry"), tools.get("pdm")]


def unread_notes(repository: Repository, root: Path) -> str:
    """Why the gate's own reader finds no notes of the newest tag; empty if it does or there is none."""
    if repository.tags.newest is None:
        return ""
    tag = f"{repository.tags.prefix}{repository.tags.newest}"
    script, project = root / ".github" / "release" / "release_notes.py", root / repository.folder
    source = repository.changelog or {"changelog": "CHANGELOG.md"}.get(repository.release_notes, "commits")
    # Fragments that wait are for the next version; those with a wrong name would stop it.
    if repository.release_notes == "towncrier" and (table := fragments.configuration(project)):
        for name in fragments.waiting_in(project, table):
            if set(fragments.kinds_of(table)) & set(name.split(".")[1:]):
                (project / fragments.folder_of(table) / name).unlink()
    try:
        (project / source).read_bytes().decode() if (project / source).is_file() else ""
        how = ("run", "--no-config", "--quiet", "--script", script, tag)
        run(uv.find_uv_bin(), *how, cwd=project, env=with_uv())
    except UnicodeDecodeError as error:
        return f"Save {source} as UTF-8, because a release stops where it cannot read it ({error})."
    except ReleaseError as error:
        said = error.problem.partition(": ")[2].removeprefix("error: ").split(" | ")[0]
        problem = f"No notes could be read for {repository.tags.newest}: {said}."
        return f"{problem} A release reads {source}: see 'Release notes' in RELEASING.md."
    finally:
        git(root, "checkout", "--quiet", ".")
    return ""
