"""Let a package that exists release by tag.

What it does is shown, as a table and a diff, before anything changes; nothing is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from copier_pypi_release.adopt import apply
from copier_pypi_release.adopt.plan import Change, make_plan
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.repository import Facts, find_root, read_repository
from copier_pypi_release.template_source import find_source

if TYPE_CHECKING:
    import argparse

    from copier_pypi_release.adopt.plan import Plan

PLAIN_WIDTH = 400  # no line of a table is broken where a program reads it
SHOWN = ("pyproject.toml", "setup.cfg", ".gitignore", ".gitattributes")  # diffs worth reading on a screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="folder of the package; default: here"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop there")
    parser.add_argument("--yes", action="store_true", help="do not ask before changing files")
    parser.add_argument("--template", help="address of the template; default: where this tool came from")


def run(options: argparse.Namespace) -> int:
    """Adopt one package.

    Raises:
        AdoptionError: It cannot be adopted; nothing has changed.
    """
    plain = not sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=plain, width=PLAIN_WIDTH if plain else None)
    root, _ = find_root(options.path)
    if apply.unfinished(root):
        count = apply.finish(root)
        console.print(f"An adoption was interrupted; it is finished now: {count} files.")
        return 0
    facts = read_repository(options.path)
    check_free(facts)
    if is_adopted(facts):
        console.print(
            "Nothing to do: this package is adopted. For the template's news: copier update --defaults"
        )
        return 0
    if not (options.yes or options.dry_run):
        check_somebody_is_there()
    with console.status("Building the package before and after the change"):
        plan = make_plan(facts, find_source(options.template))
    show(plan, console)
    if options.dry_run:
        console.print("\nNothing was changed (--dry-run).")
        return 0
    if not options.yes and not confirmed(console):
        console.print("Nothing was changed.")
        return 1
    apply.apply(facts.root, plan.changes)
    console.print(f"\nDone: {len(plan.changes)} files, nothing committed. What is left to you:\n")
    for number, item in enumerate(plan.todo, 1):
        console.print(f"{number:>2}. {item}", markup=False)
    return 0


def check_free(facts: Facts) -> None:
    """Check that the repository's release machinery does not belong to another of its packages.

    Raises:
        AdoptionError: It does.
    """
    folder = facts.answers.get("project_folder", "")
    if any(p.ours for p in facts.publishers) and folder != facts.folder:
        raise AdoptionError(
            f"The release machinery of this repository belongs to the package in {folder or 'its root'}",
            expected="one released package in a repository",
            fix="move one of the two into a repository of its own",
        )


def check_somebody_is_there() -> None:
    """Check that there is a person to ask.

    Raises:
        AdoptionError: The input is not a terminal.
    """
    if not sys.stdin.isatty():
        raise AdoptionError(
            "There is nobody to ask whether the change is wanted: the input is not a terminal",
            expected="an answer, or the option that stands for it",
            fix="copier-pypi-release adopt --yes (or --dry-run)",
        )


def confirmed(console: Console) -> bool:
    """Whether the person agrees."""
    return console.input("\nMake this change? [y/N] ").strip().lower() in {"y", "yes"}


def is_adopted(facts: Facts) -> bool:
    """Whether an earlier adoption is complete: no other publisher, and the version is the tag's."""
    if not facts.answers.get("adopted"):
        return False
    only_ours = bool(facts.publishers) and all(p.ours for p in facts.publishers)
    return only_ours and facts.backend == "hatchling" and "git_describe_command" in facts.pyproject


def show(plan: Plan, console: Console) -> None:
    """Show what was found, what changes and why, and the diff of files that were there before."""
    for table in (found_table(plan), change_table(plan)):
        if not console.is_terminal:
            table.box, table.pad_edge = None, False
        console.print(table)
        console.print()
    for part in plan.diff.split("diff --git ")[1:]:
        name = part.split("\n", 1)[0].split(" b/")[-1]
        if "\n--- /dev/null" in part or (part.count("\n") > 80 and not name.endswith(SHOWN)):  # noqa: PLR2004
            continue
        body = "diff --git " + part.rstrip("\n")
        if console.is_terminal:
            console.print(Syntax(body, "diff", background_color="default"))
        else:
            console.print(body, markup=False)


def found_table(plan: Plan) -> Table:
    """What the repository says."""
    facts, answers = plan.facts, plan.answers
    tags = facts.tags
    newest = f"{tags.prefix}{tags.newest}" if tags.newest else "none"
    publishers = [
        f"{p.file} ({'trusted' if p.trusted else 'token'}, environment {p.environment or 'none'}, {p.index})"
        for p in facts.publishers
    ]
    branch = (
        answers["release_branches"] or f"any ({', '.join(tags.off_branch)} not on {facts.default_branch})"
    )
    rows = [
        ("package", f"{plan.distribution}, import {answers['import_name']}", "its wheel"),
        ("folder", facts.folder or "the root", "git"),
        ("build backend", facts.backend, "pyproject.toml" if facts.pyproject else "setup.py, setup.cfg"),
        ("repository", f"{facts.owner}/{facts.repository}", facts.found_in["repository"]),
        ("tags", f"prefix {tags.prefix or 'none'}, newest {newest}", "git tag"),
        ("release branch", branch, facts.found_in["default branch"]),
        ("gate", facts.gate.main or "none", facts.found_in["gate"]),
        ("Pythons", ", ".join(answers["ci_pythons"]), facts.gate.file or "its wheel"),
        ("publishers", "; ".join(publishers) or "none", ".github/workflows"),
        ("release notes", facts.changelog or facts.release_notes, facts.found_in["release notes"]),
        ("licence", facts.license or "none", "its files"),
    ]
    table = Table("What", "Found", "Where", title="Found", title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table


def change_table(plan: Plan) -> Table:
    """What changes, and why."""
    table = Table("File", "Change", "Why", title="Will change", title_justify="left")
    grouped = sorted({_group(change.path) for change in plan.changes})
    for name in grouped:
        members = [c for c in plan.changes if _group(c.path) == name]
        table.add_row(name, _how(plan, members), plan.reasons.get(name, ""))
    table.caption = f"Proved by builds in a clone: {plan.compared}; tagged, it is {plan.version}"
    return table


def _group(path: str) -> str:
    for folder in (".github/release/", ".github/rulesets/"):
        if path.startswith(folder):
            return folder
    return path


def _how(plan: Plan, members: list[Change]) -> str:
    if len(members) > 1:
        return (
            f"{len(members)} files new" if all(c.before is None for c in members) else f"{len(members)} files"
        )
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
