"""Checks of a package's own files: its version, its documents, its rules, and where it came from."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from release_lib.distributions import SUPPORTED_PYTHONS
from release_lib.step import ReleaseError, git

from copier_pypi_release.adopt.version_source import version_source
from copier_pypi_release.adopt.versions import stated_version
from copier_pypi_release.answers_file import find_answers
from copier_pypi_release.checks import RENDERS, VERSION, Check, CheckFailed, CheckSkipped, require
from copier_pypi_release.checks.context import find_repository
from copier_pypi_release.checks.rules import require_release
from copier_pypi_release.console import counted
from copier_pypi_release.template_source import newest_release, tagged_version, version_of, without_login

if TYPE_CHECKING:
    from copier_pypi_release.checks.context import Context

RUNBOOK = ("RELEASING.md", ".github/release/RECOVERY.md")
RULESETS = ".github/rulesets"
CLASSIFIER = "Programming Language :: Python :: "
# What Copier writes where an update and an edit meet, in a file or beside it.
MARKERS = ("<<<<<<< before updating", ">>>>>>> after updating")
REJECTED = ("*.rej", "**/*.rej")
RESTORE = "`git log -p -- {0}` shows what changed it; bring that part back"
WRITTEN_BY = (  # keys of pyproject.toml that name the generated version file
    ("hatch", "build", "hooks", "vcs", "version-file"),
    ("setuptools_scm", "version_file"),
    ("setuptools_scm", "write_to"),
    ("pdm", "version", "write_to"),
)


def package(context: Context) -> str:
    """The repository says which package it releases, and where it is on GitHub."""
    lacking = []
    if not context.distribution:
        lacking.append("no pyproject.toml, setup.cfg or setup.py names the package")
    if not context.repository:
        lacking.append("no git remote is on github.com")
    if context.tag_prefix is None:
        lacking.append("neither tags nor workflows show how release tags are written")
    if lacking:
        raise CheckSkipped("; ".join(lacking))
    if context.settings:
        remote = find_repository(context.root)
        if remote and remote.casefold() != context.repository.casefold():
            raise CheckFailed(
                f"this clone belongs to {remote}, settings.toml names {context.repository}",
                fix=f"`git remote set-url origin https://github.com/{context.repository}.git`, or "
                "`copier update` with the repository's real owner and name",
            )
    place = f" in {context.folder}" if context.folder else ""
    return f"{context.distribution}{place}, {context.repository}, tags like {context.tag_prefix}1.2.3"


def static_version(context: Context) -> str:
    """The version comes from the tag and stands nowhere else."""
    root, wrong = context.project, []
    project = context.pyproject.get("project", {})
    poetry = context.pyproject.get("tool", {}).get("poetry", {})
    if "version" in project:
        wrong.append("pyproject.toml: project.version")
    source = version_source(context.pyproject, root)
    if "version" in poetry and not source:  # a tool that writes it for a build needs something there
        wrong.append("pyproject.toml: tool.poetry.version")
    if context.settings and "version" not in project.get("dynamic", []) and (project or not source):
        wrong.append("pyproject.toml: project.dynamic lacks the version")
    setup = configparser.ConfigParser(interpolation=None)
    try:
        setup.read(root / "setup.cfg", encoding="utf-8")
        wrong += ["setup.cfg: version"] if setup.has_option("metadata", "version") else []
    except (configparser.Error, ValueError):
        pass
    generated = version_file_of(context)
    for path in _modules(context, generated):
        written = source == "poetry-dynamic-versioning"  # a build puts it into the code itself
        stated = stated_version(path.read_bytes()) if path.is_file() else ""
        if path.name != Path(generated).name and not written and stated:
            wrong.append(f"{path.relative_to(root).as_posix()}: __version__ is a literal")
    require(wrong, fix="take it out: the tag is the only place of a version", see=context.conventions)
    if not context.settings and not source:
        raise CheckSkipped("nothing says where the build takes the version from")
    return "from the tag alone"


def _modules(context: Context, generated: str) -> list[Path]:
    """The modules that could state a version: those beside the generated one, or at the top of packages."""
    root = context.project
    if generated:
        return sorted((root / generated).parent.glob("*.py"))
    name = re.sub(r"[-.]+", "_", context.distribution).lower()
    return [p for folder in ("src", ".") for p in sorted((root / folder / name).glob("__init__.py")) if name]


def version_file_of(context: Context) -> str:
    """Path of the generated version file, from the folder of the project; empty if none is known."""
    if context.settings:
        return context.settings.version_file
    for keys in WRITTEN_BY:
        found = context.pyproject.get("tool", {})
        for key in keys:
            found = found.get(key, {}) if isinstance(found, dict) else {}
        if isinstance(found, str) and found:
            return found
    return ""


def version_file(context: Context) -> str:
    """The generated version file is not committed."""
    generated = version_file_of(context)
    if not generated:
        raise CheckSkipped("no file is generated with the version in it")
    path = Path(context.folder, generated).as_posix()
    try:
        tracked = git("ls-files", "--", path, cwd=context.root)
    except ReleaseError as error:
        raise CheckSkipped("this folder is no git repository") from error
    require(
        [f"{path} is committed"] if tracked else [],
        fix=f"`git rm --cached {path} && git commit -m 'chore: untrack it'`",
    )
    return f"{path} is generated"


def publisher_form(context: Context) -> str:
    """The values for the indexes' forms in RELEASING.md are those of the workflow."""
    require_release(context)
    owner, _, name = context.repository.partition("/")
    (workflow,) = context.releases
    page = context.root / RUNBOOK[0]
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    rows = {
        cells[0]: cells[1:]
        for line in text.splitlines()
        if len(cells := [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]) == 3  # noqa: PLR2004
    }
    wanted = {
        "Project name": [context.distribution] * 2,
        "Owner": [owner] * 2,
        "Repository name": [name] * 2,
        "Workflow name": [workflow.file] * 2,
        "Environment name": [workflow.environment(job) for job in ("publish-testpypi", "publish-pypi")],
    }
    require(
        (
            f"{k} is {' / '.join(rows.get(k, ['missing']))} in RELEASING.md, not {' / '.join(v)}"
            for k, v in wanted.items()
            if rows.get(k) != v
        ),
        fix=RESTORE.format(f"RELEASING.md {workflow.place}"),
    )
    return "RELEASING.md and the workflow agree"


def runbook(context: Context) -> str:
    """The runbook has a place for every job: an item with an anchor, or a heading."""
    require_release(context)
    (workflow,) = context.releases
    texts = [path.read_text(encoding="utf-8") for name in RUNBOOK if (path := context.root / name).is_file()]
    found = re.findall(r"^###? (.+)$|<a id=\"([^\"]+)\">", "\n".join(texts), re.MULTILINE)
    places = {heading or anchor for heading, anchor in found}
    jobs = [job for job in workflow.jobs if job != "report"]
    lacking = [job for job in jobs if job not in places]
    name = RUNBOOK[len(texts) - 1] if texts else RUNBOOK[0]
    wrong = [f"{name} has no place for {', '.join(lacking)}"] if lacking else []
    require(wrong if texts else [f"{name} is missing"], fix=RESTORE.format(name))
    return f"a place for each of {counted(len(jobs), 'job')}"


def tag_rule_files(context: Context) -> str:
    """The rules for release tags that stand in the repository cover all that they must."""
    ref = f"refs/tags/{context.tag_pattern}"
    paths = sorted((context.root / RULESETS).glob("release-tags-*.json"))
    wrong, kinds = [], set()
    for path in paths:
        try:
            wanted = json.loads(path.read_text(encoding="utf-8"))
            kinds |= {rule["type"] for rule in wanted["rules"]}
            if ref not in wanted["conditions"]["ref_name"]["include"]:
                wrong.append(f"{path.name} is not for {ref}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            wrong.append(f"{path.name} cannot be read: {type(error).__name__} {error}")
    wrong += [
        f"no rule against the {k} of a tag" for k in ("creation", "update", "deletion") if k not in kinds
    ]
    require(wrong, fix=RESTORE.format(RULESETS))
    return f"{counted(len(paths), 'file')}, for {ref}"


def conflict_markers(context: Context) -> str:
    """No conflict of an update was committed."""
    patterns = [word for marker in MARKERS for word in ("-e", f"^{marker}$")]
    try:
        rejected = git("ls-files", "--", *REJECTED, cwd=context.root).splitlines()
    except ReleaseError as error:
        raise CheckSkipped("this folder is no git repository") from error
    try:
        marked = git("grep", "--files-with-matches", "-I", *patterns, cwd=context.root).splitlines()
    except ReleaseError as error:
        if getattr(error.__cause__, "returncode", None) != 1:  # git's status where it finds nothing
            raise
        marked = []
    names = [*marked, *rejected]
    require(
        [f"{name} has markers of a conflict" for name in marked]
        + [f"{name} is a part of an update that did not fit" for name in rejected],
        fix=f"`git log -p -1 -- {' '.join(map(shlex.quote, names))}` shows both sides; choose, and commit",
    )
    return "no update left one"


def pythons(context: Context) -> str:
    """requires-python and the classifiers name the same Pythons: CI tests on those of the classifiers."""
    project = context.pyproject.get("project", {})
    named = [c.removeprefix(CLASSIFIER) for c in project.get("classifiers", []) if c.startswith(CLASSIFIER)]
    named = [version for version in named if re.fullmatch(r"3\.\d+", version)]
    try:
        allowed = SpecifierSet(project["requires-python"])
    except (InvalidSpecifier, KeyError, TypeError) as error:
        raise CheckSkipped("pyproject.toml has no requires-python that can be read") from error
    if not named:
        raise CheckSkipped("no classifier names a Python version")
    refused = [version for version in named if not allowed.contains(f"{version}.99")]
    found = (
        [f"requires-python is {allowed}, but the classifiers name {', '.join(refused)}"] if refused else []
    )
    oldest = min(map(Version, named))
    untested = [v for v in SUPPORTED_PYTHONS if Version(v) < oldest and allowed.contains(f"{v}.99")]
    if context.settings and not context.settings.pythons and untested:
        found.append(f"requires-python is {allowed}, but no classifier names {', '.join(untested)}")
    lowest = next((v for v in SUPPORTED_PYTHONS if allowed.contains(f"{v}.99")), "")
    answers = find_answers(context.root)
    fix = "make the classifiers in pyproject.toml those that requires-python admits"
    if answers and not answers.values.get("adopted") and lowest:
        fix = f"`copier update --defaults{answers.option} --data lowest_python={lowest}`"
    require(found, fix=fix)
    return f"{allowed}, classifiers from {oldest}"


def release_branches(context: Context) -> str:
    """The default branch is one that releases come from: it may have been renamed."""
    if context.settings is None or not context.settings.release_branches:
        raise CheckSkipped("a release tag may be on any commit")
    wanted = context.settings.release_branches
    try:
        head = git("symbolic-ref", "--short", "refs/remotes/origin/HEAD", cwd=context.root)
        branch = head.partition("/")[2]
    except ReleaseError:
        branch = ""
    if not (context.offline and branch):
        branch = str(context.facts["default_branch"])
    answers = find_answers(context.root)
    renamed = shlex.quote(" ".join([branch, *wanted[1:]]))
    command = f"copier update --defaults{answers.option if answers else ''} --data release_branches={renamed}"
    require(
        []
        if any(fnmatchcase(branch, pattern) for pattern in wanted)
        else [f"the default branch is {branch}, but CI and releases know {', '.join(wanted)}"],
        fix=f"`{command}`",
    )
    return f"{', '.join(wanted)}; {branch} among them"


def template(context: Context) -> str:
    """No newer release of the template is waiting."""
    answers = find_answers(context.root)
    if answers is None or not answers.url or not answers.version:
        raise CheckSkipped("no answers file names a release of the template")
    if context.offline:
        raise CheckSkipped("offline", cause="The template was not asked (--offline). Not checked:")
    mine = version_of(answers.version)
    newest = newest_release(answers.url)
    if newest is None:
        raise CheckSkipped(f"the template at {without_login(answers.url)} has no release yet")
    if mine is None:
        raise CheckSkipped(
            f"this package was rendered from the commit {answers.version}, in no release; {newest} is out"
        )
    waiting = tagged_version(newest)
    require(
        [f"{mine} here, {newest} is out"] if waiting and waiting > mine else [],
        fix=f"`copier update --defaults{answers.option}`",
    )
    return f"{mine}, the newest"


CHECKS = (
    Check("package", "Package", "The indexes and GitHub compare these names.", package),
    Check(
        "static-version",
        "Version from the tag",
        "A second version beside the tag is wrong one day.",
        static_version,
        VERSION,
    ),
    Check(
        "version-file",
        "Generated version file",
        "A committed one is stale after every commit.",
        version_file,
        VERSION,
    ),
    Check(
        "publisher-form",
        "Values for the publishers' forms",
        "A wrong value in the form is found on the day of a release.",
        publisher_form,
        RENDERS,
        adopted=True,
    ),
    Check(
        "runbook",
        "Runbook",
        "Who is woken by a failed job needs the page that says what to do.",
        runbook,
        RENDERS,
        adopted=True,
    ),
    Check(
        "tag-rule-files",
        "Tag rules in the repository",
        "`setup` puts these files in force.",
        tag_rule_files,
        RENDERS,
        adopted=True,
    ),
    Check(
        "conflict-markers",
        "Conflicts of an update",
        "Git refuses to commit them, but not by `git commit --all`.",
        conflict_markers,
    ),
    Check(
        "pythons",
        "Supported Pythons",
        "CI and releases test on the Pythons of the classifiers.",
        pythons,
    ),
    Check(
        "release-branches",
        "Release branches",
        "A tag on another branch is refused, and CI does not run there.",
        release_branches,
        RENDERS,
        adopted=True,
    ),
    Check(
        "template",
        "Template",
        "A newer release of the template can have the fix of a fault.",
        template,
        RENDERS,
        adopted=True,
    ),
)
