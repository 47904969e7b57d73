"""Tell the owner of a newer version of the template: by one pull request, or else by one issue.

`copier update --defaults` runs in a copy of this clone, without `--trust`: no code of the template runs.
What it changes goes to the branch template-update. Where you and the template changed the same lines, yours
stay, the pull request is a draft that lists them, and the next run offers the update again.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
import yaml
from packaging.version import InvalidVersion, Version
from release_lib.step import ReleaseError, git, summary
from release_notes import sections

from copier_pypi_release.github import GitHub, find_token
from copier_pypi_release.repository import find_root, find_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

ANSWERS = ".copier-answers.yml"
ADOPTED = ".copier-answers.release.yml"  # ours, where another template made the repository
WORKFLOWS = ".github/workflows/"
BRANCH = "template-update"
TITLE = "Update the template to "
SEE = "RELEASING.md, 'Template updates'"
BOT = "github-actions[bot]"
EMAIL = f"41898282+{BOT}@users.noreply.github.com"
AS_BOT = ("-c", f"user.name={BOT}", "-c", f"user.email={EMAIL}")
LOGIN = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")
FENCE = "`" * 10  # longer than any in a diff of our documents
LONGEST = 60_000  # characters; GitHub takes 65,536 as the text of an issue or a pull request


@dataclasses.dataclass(frozen=True)
class Update:
    """An update, made in a copy of the repository and staged there.

    Attributes:
        answers: The answers file, at the root.
        old: The template's version before.
        new: The template's version after.
        changed: Paths that it changes.
        conflicts: What the template would change where you did too, as a unified diff, by path.
        changelog: The template's changelog between both versions, Markdown; may be empty.
    """

    answers: str
    old: str
    new: str
    changed: Sequence[str]
    conflicts: Mapping[str, str]
    changelog: str


def make_update(copy: Path) -> Update | None:
    """Update a clean copy of the repository, and stage what merges without a conflict.

    Returns:
        The update, or None if the repository is on the template's newest version.

    Raises:
        ReleaseError: The answers or the template cannot be used.
    """
    answers = ADOPTED if (copy / ADOPTED).is_file() else ANSWERS
    source, old = read_answers(copy / answers)
    try:
        copier.run_update(copy, answers_file=answers, defaults=True, overwrite=True, quiet=True)
    except Exception as error:  # of Copier, Jinja or git; all of them mean the same here
        said = " | ".join(str(error).strip().splitlines()[-3:]) or type(error).__name__
        raise ReleaseError(
            f"{source} cannot be updated from {old}: {said}",
            expected="a template that can be reached, has this version and runs no code",
            fix="uvx copier update --defaults (in a clone, with the newest Copier), and read what it says",
            see=SEE,
        ) from error
    _, new = read_answers(copy / answers)
    if new == old:
        return None
    conflicts = {
        path: git("diff", f":1:{path}", f":3:{path}", cwd=copy)
        for path in git("diff", "--name-only", "--diff-filter=U", "-z", cwd=copy).split("\0")[:-1]
    }
    if conflicts:
        git("checkout", "--quiet", "--ours", "--", *conflicts, cwd=copy)
        git("checkout", "--quiet", "HEAD", "--", answers, cwd=copy)  # it is not done: offer it again
    git("add", "--all", cwd=copy)
    changed = git("diff", "--cached", "--name-only", "-z", cwd=copy).split("\0")[:-1]
    return Update(answers, old, new, changed, conflicts, changelog_between(source, old, new))


def read_answers(path: Path) -> tuple[str, str]:
    """Address and version of the template, as an answers file has them.

    Raises:
        ReleaseError: They do not say.
    """
    try:
        # As Copier writes them: to YAML 1.2, the commit 22933e8 would be a number.
        answers = yaml.safe_load(path.read_text(encoding="utf-8"))
        return str(answers["_src_path"]), str(answers["_commit"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError) as error:
        raise ReleaseError(
            f"{path.name} does not say which version of which template this is: {error!r}",
            expected="the file that the template wrote, with _src_path and _commit",
            fix=f"git log --oneline -- {path.name}, then git checkout COMMIT -- {path.name}",
            see=SEE,
        ) from error


def changelog_between(source: str, old: str, new: str) -> str:
    """The sections of the template's changelog after one version and up to another; may be empty."""
    hosts = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}  # Copier's own short forms
    address = re.sub(r"^(?:git\+|g[hl]:(?=[^/]))", lambda short: hosts.get(short[0], ""), source)
    first, last = version_of(old), version_of(new)
    if first is None or last is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--bare", "--filter=blob:none", "--", address, folder)
        try:
            text = git("show", f"{new.rpartition('-g')[2]}:CHANGELOG.md", cwd=Path(folder))
        except ReleaseError:
            return ""  # a template without a changelog
    told = [(version_of(title), f"## {title}\n{body}\n") for title, body in sections(text, level=2)]
    between = "".join(text for version, text in told if version and first < version <= last)
    return re.sub(r"[@#](?=\w)", "\\g<0>\u200b", between).strip()  # nobody is called, nothing is linked


def version_of(text: str) -> Version | None:
    """The version that a text begins with, as in ``v1.2.3-4-g0abcdef`` or ``[1.2.3] - 2026-11-22``."""
    found = re.match(r"\[?v?(\d[^\s\]()-]*)", text)
    try:
        return Version(found[1]) if found else None
    except InvalidVersion:
        return None


# ---- What the owner reads ---------------------------------------------------------------------------


def report_on(update: Update, refused: str = "") -> str:
    """The text of the pull request or the issue, in Markdown.

    Args:
        update: The update.
        refused: Why there is no pull request, a sentence; empty in a pull request.
    """
    parts = [f"The template of this repository went from `{update.old}` to `{update.new}`.", refused]
    if not refused:
        parts.append("Its checks wait for you, because a workflow made it: press *Approve workflows to run*.")
    if update.conflicts:
        listed = ", ".join(f"`{path}`" for path in update.conflicts)
        parts.append(
            f"**Conflicts** in {listed}: you and the template changed the same lines. Yours stand; what the "
            "template would change is at the end. Until you have decided, this update is offered every week."
        )
    if refused or update.conflicts:
        parts += ["To update by hand:", commands(update)]
    if update.changelog:
        parts += ["# Changes of the template", update.changelog]
    for path, diff in update.conflicts.items():
        parts += [f"# Conflict in {path}", f"{FENCE}diff\n{diff}\n{FENCE}"]
    text = "\n\n".join(part for part in parts if part)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n(cut here: too long for this page)"


def commands(update: Update) -> str:
    """The commands that make an update by hand, to be pasted; conflicts are resolved between two blocks."""
    file = "" if update.answers == ANSWERS else f" --answers-file {update.answers}"
    make = f"git switch --create {BRANCH}-{update.new}\nuvx copier update --defaults{file}\n"
    resolve = "```\n\nKeep what is right between the markers in each of these files, then:\n\n```sh\n"
    send = (
        f"git add --all && git commit --message 'chore: update the template to {update.new}'\n"
        "git push --set-upstream origin HEAD && gh pr create --fill"
    )
    return f"```sh\n{make}{resolve if update.conflicts else ''}{send}\n```"


# ---- Telling on GitHub ------------------------------------------------------------------------------


def announce(host: GitHub, root: Path, copy: Path, update: Update) -> str:
    """Open or refresh the pull request, or the issue where a workflow may not make one; close the other.

    Args:
        host: GitHub.
        root: The repository, whose origin is pushed to.
        copy: The copy of the repository in which the update is staged.
        update: The update.

    Returns:
        What was said there.

    Raises:
        ReleaseError: GitHub refused the issue too.
    """
    title, base = f"{TITLE}{update.new}", git("branch", "--show-current", cwd=copy)
    pull = find(host, "pulls")
    commits = [c["commit"] for c in host.get_all(f"pulls/{pull['number']}/commits")] if pull else []
    others = {commit["author"]["email"] for commit in commits} - {EMAIL}
    if pull and others:
        return f"{pull['html_url']} has commits of {', '.join(sorted(others))}: it is left alone"
    if any(path.startswith(WORKFLOWS) for path in update.changed):
        refused = "It changes workflows, which no workflow may push: its token has no right for that."
    elif not update.changed:
        refused = "Nothing of it merges by itself."
    else:
        try:
            if not commits or commits[-1]["tree"]["sha"] != git("write-tree", cwd=copy):
                push(root, copy, update)
            text, more = report_on(update), {"head": BRANCH, "base": base, "draft": bool(update.conflicts)}
            tell(host, "pulls", {"title": title, "body": text, **more})
            close(host, "issues")
        except (
            ReleaseError
        ) as stop:  # Actions may not open pull requests here, or nobody may push this branch
            refused = f"No workflow could open a pull request for it: {stop}"
        else:
            return text
    text = report_on(update, refused)
    tell(host, "issues", {"title": title, "body": text})
    close(host, "pulls")
    return text


def push(root: Path, copy: Path, update: Update) -> None:
    """Commit what is staged and push it as the branch of the pull request; an older update is replaced."""
    message = f"chore: update the template to {update.new}"
    git(*AS_BOT, "commit", "--quiet", "--no-verify", "--message", message, cwd=copy)
    address = git("remote", "get-url", "origin", cwd=root)
    git(*LOGIN, "push", "--quiet", "--force", address, f"HEAD:refs/heads/{BRANCH}", cwd=copy)


def find(host: GitHub, kind: str) -> dict[str, Any] | None:
    """The open pull request of the branch, or the open issue that a workflow made about an update.

    Args:
        host: GitHub.
        kind: ``pulls`` or ``issues``.
    """
    if kind == "pulls":
        owner = host.repository.partition("/")[0]
        found = host.get_all("pulls", state="open", head=f"{owner}:{BRANCH}")
    else:  # a stranger could change the commands in an issue of his own
        listed = host.get_all("issues", state="open")
        found = [i for i in listed if i["title"].startswith(TITLE) and i["user"]["login"] == BOT]
        found = [i for i in found if "pull_request" not in i]  # GitHub lists those too
    return found[0] if found else None


def tell(host: GitHub, kind: str, said: dict[str, Any]) -> None:
    """Open an issue or a pull request, or refresh the one that is open."""
    found = find(host, kind)
    if found and found.get("draft") != said.get("draft"):
        close(host, kind)  # nothing but a new one can become a draft, or stop to be one
        found = None
    if found:
        changes = {key: said[key] for key in ("title", "body")}
        host.send("PATCH", f"{kind}/{found['number']}", changes)
    else:
        host.send("POST", kind, said)


def close(host: GitHub, kind: str) -> None:
    """Close the open issue or pull request, if there is one."""
    if found := find(host, kind):
        host.send("PATCH", f"{kind}/{found['number']}", {"state": "closed"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""
    del parser


def run(options: argparse.Namespace) -> int:
    """Look for an update and tell the owner; the clone itself is not changed."""
    del options
    root = find_root()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        git("clone", "--quiet", "--", root, copy)
        update = make_update(copy)
        host = GitHub(find_settings(root).repository, find_token())
        if update:
            summary(announce(host, root, copy, update))
            return 0
    for kind in ("issues", "pulls"):
        close(host, kind)
    print("This repository is on the newest version of its template")
    return 0
