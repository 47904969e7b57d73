"""Let a package that exists release by tag.

The change is worked out and tested in a clone, and shown as a table and a diff; nothing is committed.
"""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.syntax import Syntax

from copier_pypi_release.adopt import apply
from copier_pypi_release.adopt.next_steps import grouped, message
from copier_pypi_release.adopt.plan import Change, make_plan
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.publishing_jobs import members
from copier_pypi_release.adopt.repository import Repository, locate, read_repository
from copier_pypi_release.console import console, counted, lines, paragraph, printable, progress, table
from copier_pypi_release.template_source import find_source, without_login

if TYPE_CHECKING:
    import argparse

    from rich.console import Console
    from rich.table import Table

    from copier_pypi_release.adopt.plan import Plan

REVIEW = "Review the change and commit it: git diff; git add --all && git commit -m 'build: release by tag'."
SHOWN = ("pyproject.toml", "setup.cfg", ".gitignore", ".gitattributes")  # whose diff is shown at any length


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="folder of the package; default: the current one"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the change and do not make it")
    parser.add_argument("--yes", action="store_true", help="make the change without asking")
    parser.add_argument(
        "--issues",
        action="store_true",
        help="open issues about failed releases and newer versions of the template",
    )
    parser.add_argument(
        "--publisher",
        metavar="FILE[:JOB]",
        action="append",
        default=[],
        help="workflow, or job of one, that publishes this package, where it is not certain",
    )
    parser.add_argument(
        "--keep",
        metavar="FILE[:JOB]",
        action="append",
        default=[],
        help="one that stays as it is: it does not publish this package (both may be given more than once)",
    )
    parser.add_argument(
        "--convert",
        action="store_true",
        help="convert to hatchling and hatch-vcs, although the version comes from tags already",
    )
    parser.add_argument("--template", help="address of the template; default: where this tool comes from")


def run(options: argparse.Namespace) -> int:
    """Adopt a package.

    Raises:
        ReleaseError: It cannot be adopted; nothing has changed.
    """
    screen = console()
    root, _ = locate(options.path)
    check_template(options.template or "")
    if apply.unfinished(root):
        return finish(root, options, screen)
    repository = read_repository(options.path)
    check_free(repository)
    if is_adopted(repository, convert=options.convert):
        lines(screen, ["Nothing to do: this package is adopted. To update it: copier update --defaults"])
        return 0
    if not (options.yes or options.dry_run):
        check_terminal()
    with progress(screen) as say:
        plan = make_plan(
            repository,
            find_source(options.template),
            issues=options.issues,
            publisher=options.publisher,
            keep=options.keep,
            convert=options.convert,
            say=say,
        )
    show(plan, screen)
    lines(screen, ["", *text_to_paste(plan)])
    if options.dry_run or not (options.yes or confirmed(screen)):
        lines(screen, ["", "Nothing has changed."])
        return 0 if options.dry_run else 1
    apply.apply(repository.root, plan.changes)
    lines(screen, ["", f"Done: {counted(len(plan.changes), 'file')}, nothing committed. Next steps:"])
    number = itertools.count(1)
    for heading, steps in grouped([*plan.before_merge, REVIEW], plan.next_steps).items():
        lines(screen, ["", heading, ""])
        for step in steps:
            first = f"{next(number):>2}. "
            if screen.is_terminal:
                paragraph(screen, step, first=first, rest="    ")
            else:
                lines(screen, [f"{first}{step}"])
    return 0


def finish(root: Path, options: argparse.Namespace, screen: Console) -> int:
    """Show what an interrupted adoption has not done yet, and do it if somebody agrees."""
    changes = apply.promised(root)
    paragraph(screen, f"An adoption was interrupted. What belongs to it, {counted(len(changes), 'file')}:")
    how = {(True, False): "new", (False, True): "deleted", (False, False): "changed"}
    lines(screen, [f"  {how.get((c.before is None, c.after is None), '?')}: {c.path}" for c in changes])
    apply.check(root, changes, finishing=True)
    if not (options.yes or options.dry_run):
        check_terminal()
    if options.dry_run or not (options.yes or confirmed(screen)):
        paragraph(screen, f"\nNothing has changed.\nTo forget about it: rm {apply.journal_of(root)}")
        return 0 if options.dry_run else 1
    lines(screen, [f"It is complete now: {counted(apply.finish(root), 'file')}."])
    return 0


def check_template(address: str) -> None:
    """Check that the address of the template can be written into the package.

    Raises:
        AdoptionError: It has a password.
    """
    if re.search(r"://[^/\s]*:[^/\s]*@", address):
        raise AdoptionError(
            f"The address of the template has a password: {without_login(address)}",
            expected="an address that can be committed, because updates read it",
            fix="give --template without the password; git's credential helper knows it",
        )


def check_free(repository: Repository) -> None:
    """Check that the release workflow of the repository does not belong to another package in it.

    Raises:
        AdoptionError: It does.
    """
    folder = repository.answers.values.get("project_folder", "") if repository.answers else ""
    if any(job.ours for job in repository.publishers) and folder != repository.folder:
        raise AdoptionError(
            f"The release workflow of this repository belongs to the package in {folder or 'its root'}",
            expected="one released package per repository",
            fix="move one of the two into a repository of its own",
        )


def check_terminal() -> None:
    """Check that somebody can answer a question.

    Raises:
        AdoptionError: The input is not a terminal.
    """
    if not sys.stdin.isatty():
        raise AdoptionError(
            "Nobody can be asked whether to make the change: the input is not a terminal",
            expected="a terminal, or an option that answers the question",
            fix="copier-pypi-release adopt --yes (or --dry-run)",
        )


def confirmed(screen: Console) -> bool:
    """Whether the person agrees."""
    try:
        return screen.input("\nMake this change? [y/N] ", markup=False).strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def is_adopted(repository: Repository, *, convert: bool = False) -> bool:
    """Whether an earlier adoption is complete: no other job publishes, and the version is the tag's."""
    if not (repository.answers and repository.answers.values.get("adopted")):
        return False
    file = repository.answers.values.get("release_workflow", "release.yml")
    only_ours = any(job.ours and job.file == file for job in repository.publishers)
    if len(members(repository.root, repository.folder)) == 1:
        kept = repository.kept_workflows
        others = (job for job in repository.publishers if not job.named_in(kept))
        only_ours = only_ours and all(job.ours for job in others)
    converted = repository.backend == "hatchling" and "describe_command" in repository.pyproject
    return only_ours and (converted if convert else bool(repository.version_from))


def show(plan: Plan, screen: Console) -> None:
    """Show what was found, what changes and why, and the diff, without the release's own folders."""
    screen.print(found_table(plan))
    screen.print(change_table(plan))
    if plan.look:
        lines(screen, ["Look at this", ""])
        for one in plan.look:
            paragraph(screen, one, first="- ", rest="  ")
    tag = f"{plan.answers['tag_prefix']}{plan.version}"
    proof = f"Tested with builds in a clone: {plan.compared}. A tag {tag} made there gave that version."
    paragraph(screen, proof)
    differing = table("Differences between the builds", "What", "Before", "After")
    for row in plan.differences:
        differing.add_row(*row)
    screen.print(differing)
    left_out = []
    for part in plan.diff.split("diff --git ")[1:]:
        name = part.split("\n", 1)[0].split(" b/")[-1]
        if _group(name) != name:
            continue
        if part.count("\n") > 80 and not name.endswith(SHOWN):  # noqa: PLR2004
            left_out.append(name)
            continue
        body = printable("diff --git " + part.rstrip("\n").replace("\r\n", "\n").expandtabs(4))
        screen.print()
        if screen.is_terminal:
            screen.print(Syntax(body, "diff", background_color="default"))
        else:
            lines(screen, [body])
    if left_out:
        screen.print()
        paragraph(screen, f"Too long to be shown: {', '.join(left_out)}. `git diff` has them afterwards.")


def text_to_paste(plan: Plan) -> list[str]:
    """A text for the commit and the pull request."""
    groups = {_group(change.path) for change in plan.changes}
    changed = {name: plan.reasons[name] for name in sorted(groups) if name in plan.reasons}
    title = f"A tag {plan.answers['tag_prefix']}X.Y.Z releases {plan.distribution}."
    text = message(title, changed, plan.before_merge, plan.next_steps)
    return ["For the commit and the pull request:", "", *(f"    {line}".rstrip() for line in text)]


def found_table(plan: Plan) -> Table:
    """What the repository says."""
    repository, answers = plan.repository, plan.answers
    tags = repository.tags
    newest = f"{tags.prefix}{tags.newest}" if tags.newest else "none"
    former = f"; another convention until {', '.join(tags.former)}" if tags.former else ""
    publishers = [
        f"{p.file} ({'trusted' if p.trusted else 'token'}, environment {p.environment or 'none'}, {p.index})"
        for p in repository.publishers
    ]
    places = [f"{p.file}:{p.line}" for p in repository.publishers]
    off_branch = f"any ({', '.join(tags.off_branch)} not on {repository.default_branch})"
    backend_in = "pyproject.toml" if repository.pyproject else "setup.py, setup.cfg"
    versions_by = f", versions from tags by {repository.version_from}" if repository.version_from else ""
    rows = [
        ("package", f"{plan.distribution}, import {answers['import_name']}", "its wheel"),
        ("folder", repository.folder or "the root", "git"),
        ("build backend", f"{repository.backend}{versions_by}", backend_in),
        ("repository", f"{repository.owner}/{repository.name}", repository.found_in["repository"]),
        ("tags", f"prefix {tags.prefix or 'none'}, newest {newest}{former}", "git tag"),
        ("branch", answers["release_branches"] or off_branch, repository.found_in["default branch"]),
        ("tests", repository.gate.shown, repository.found_in["gate"]),
        ("Pythons", ", ".join(answers["ci_pythons"]), plan.pythons_from),
        ("publishing", "; ".join(publishers) or "none", "; ".join(places) or ".github/workflows"),
        (
            "release notes",
            repository.changelog or repository.release_notes,
            repository.found_in["release notes"],
        ),
        ("licence", repository.license or "none", "its files"),
    ]
    found = table("Certain", "What", "Value", "Where")
    for row in rows:
        found.add_row(*row)
    return found


def change_table(plan: Plan) -> Table:
    """What changes, and why."""
    changes = table("Changed", "File", "Change", "Why")
    for name in sorted({_group(change.path) for change in plan.changes}):
        members = [change for change in plan.changes if _group(change.path) == name]
        changes.add_row(name, _how(plan, members), plan.reasons.get(name, ""))
    return changes


def _group(path: str) -> str:
    for folder in (".github/release/", ".github/rulesets/"):
        if path.startswith(folder):
            return folder
    return path


def _how(plan: Plan, members: list[Change]) -> str:
    if len(members) > 1:
        return counted(len(members), "file") + " new" * all(c.before is None for c in members)
    one = members[0]
    if one.before is None:
        return "new"
    if one.after is None:
        return "deleted"
    part = next(p for p in plan.diff.split("diff --git ") if p.split("\n", 1)[0].endswith(f" b/{one.path}"))
    lines = part.split("\n")
    plus = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    minus = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    return f"+{plus} -{minus}"
