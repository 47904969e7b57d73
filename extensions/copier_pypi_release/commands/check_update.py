"""Tell of a newer release of the template, in one issue with the commands that update by hand.

The template's tags are read, no code of it runs. In a workflow the issue is opened, brought up to date, and
closed when the update is done; one that a person closed is not opened again for the same version. Elsewhere
the same text is printed. A template that cannot be read from here, as one in a local folder, is no failure.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from release_lib.step import ReleaseError, as_code, summary

from copier_pypi_release.github import GitHub, find_token
from copier_pypi_release.issues import Subject
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.template_source import (
    is_local,
    newest_release,
    page_on_github,
    recorded_template,
    tagged_version,
    version_of,
    without_login,
)

if TYPE_CHECKING:
    import argparse

    from copier_pypi_release.answers_file import Answers

TITLE = "Update the template to "
DONE = "The newest release of the template is in use."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""
    del parser


def run(options: argparse.Namespace) -> int:
    """Compare the recorded version with the newest release, and tell."""
    del options
    root = find_root()
    template = recorded_template(root)
    try:
        tag = newest_release(template.url)
    except ReleaseError as error:
        if is_local(template.url):
            reason = f"This package was rendered from the local folder {as_code(template.url)}"
        else:
            reason = as_code(error.problem)
        summary(f"{reason}, so whether the template has a newer release is unknown.")
        return 0
    if tag is None:
        summary(f"The template at {as_code(without_login(template.url))} has no release yet.")
        return 0
    due = is_newer(tag, template.version)
    report = report_on(template, tag) if due else f"The newest release of the template is in use: {tag}."
    if os.environ.get("GITHUB_ACTIONS") == "true":
        subject = Subject(GitHub(find_settings(root).repository, find_token()), TITLE, DONE)
        title = f"{TITLE}{tag}" if due else ""
        # Who closed it has decided about this version.
        if title not in {issue["title"] for issue in subject.closed()} or subject.issues("open"):
            subject.tell(title, report)
    summary(report)
    return 0


def is_newer(tag: str, recorded: str) -> bool:
    """Whether a release is newer than the recorded version; a commit before any release is older than all."""
    release, here = tagged_version(tag), version_of(recorded)
    return release is not None and (here is None or release > here)


def report_on(template: Answers, tag: str) -> str:
    """The text of the issue, in Markdown; what others wrote stands in it as code."""
    page = page_on_github(template.url)
    news = f"\n[What has changed]({page}/blob/{tag}/CHANGELOG.md)\n" if page else ""
    branch, message = f"template-update-{tag}", f"chore: update the template to {tag}"
    return f"""\
The template {as_code(without_login(template.url))} has the release {tag}. This repository is at \
{as_code(template.version or "an unknown version")}.
{news}
In a clean clone:

```sh
git switch --create {shlex.quote(branch)}
uvx copier update --defaults --vcs-ref {shlex.quote(tag)}{template.option}
```

Where you and the template have changed the same lines, both stand between markers now (`git diff --check` \
names the files): keep what is right. Then:

```sh
git add --all
git commit --message {shlex.quote(message)}
git push --set-upstream origin HEAD
gh pr create --fill
```

The first check after the update closes this issue."""
