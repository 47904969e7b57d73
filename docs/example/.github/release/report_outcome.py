# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "pypi-simple==1.8.0", "requests==2.34.2"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Open an issue when a release stopped: where, the state of each index, and what to do.

One issue per tag: a second failure adds a comment to it, and a run that ends well closes it.
"""

import argparse
import json
import os
import re
from typing import Any

from release_lib.index import INDEXES, published
from release_lib.settings import Settings, add_tag_argument, load_settings
from release_lib.step import ReleaseError, annotate, as_code, run, step, summary

NAMED = 50  # files of an index; GitHub takes 65,536 characters
AUTHORS = {"app/github-actions", "github-actions[bot]"}  # as gh and as REST spell it


def stopped_at(needs: dict[str, Any]) -> str | None:
    """The first job, in the workflow's order, that did not succeed; None if all did."""
    verdicts = ("failure", "cancelled", "skipped")
    return next((job for verdict in verdicts for job in needs if needs[job]["result"] == verdict), None)


def index_states(settings: Settings, tag: str) -> str:
    """One line per index: the files of the version that it serves."""
    version, lines = settings.tagged_version(tag), []
    for index in INDEXES.values():
        try:
            files = sorted(published(index, settings.distribution, version)) if version else []
            more = [f"{len(files) - NAMED} more"] if len(files) > NAMED else []
            state = ", ".join([*map(as_code, files[:NAMED]), *more]) or "no file of this version"
        except ReleaseError as stop:
            state = f"unknown: {as_code(str(stop))}"
        lines.append(f"- {index.title}: {state}")
    return "\n".join(lines)


def publisher_values(stage: str, settings: Settings) -> str:
    """The values of the trusted publisher, if it was a publishing job that failed."""
    key = stage.removeprefix("publish-")
    if key not in INDEXES:
        return ""
    values = [*settings.repository.split("/"), settings.release_workflow, settings.environments[key]]
    fields = ("Owner", "Repository name", "Workflow name", "Environment name")
    said = f"If the log says `invalid-publisher`: the form on {INDEXES[key].title} must have these values:"
    return said + "".join(f"\n- {f}: `{value}`" for f, value in zip(fields, values, strict=True)) + "\n\n"


def body_of(stage: str, tag: str, settings: Settings, run_url: str) -> str:
    """The text of the issue, in Markdown."""
    recovery = f"https://github.com/{settings.repository}/blob/HEAD/.github/release/RECOVERY.md#{stage}"
    return f"""The release `{tag}` stopped at **{stage}**: {run_url}

State of the indexes:
{index_states(settings, tag)}

{publisher_values(stage, settings)}What to do: [{stage} in RECOVERY.md]({recovery}).
Do not upload by hand, and do not delete the tag once a file is on PyPI."""


def find_issue(tag: str) -> str | None:
    """Number of the open issue about a tag that a workflow opened, or None: titles are free to anybody."""
    fields = "number,title,author"
    listed = json.loads(run("gh", "issue", "list", "--state", "open", "--limit", "500", "--json", fields))
    start = f"Release {tag} stopped at "
    ours = (i for i in listed if i["title"].startswith(start) and i["author"]["login"] in AUTHORS)
    return next((str(issue["number"]) for issue in ours), None)


def report(needs: dict[str, Any], tag: str, settings: Settings, run_url: str) -> None:
    """Open, add to, or close the issue about a tag; `needs` has the result of each job, in order."""
    stage = stopped_at(needs)
    tag = re.sub(r"[^\w.!/@+-]", "?", tag)  # a start by hand can name anything, lines and Markdown included
    if stage is None:
        try:
            if number := find_issue(tag):
                run("gh", "issue", "close", number, "--comment", f"Released by {run_url}")
        except (ReleaseError, ValueError, KeyError, TypeError) as error:  # no issues, a limit: it is released
            annotate("warning", "Report", f"Whether an issue about {tag} is open is unknown: {error}")
        print(f"{tag} is released up to its draft")
        return
    title, text = f"Release {tag} stopped at {stage}", body_of(stage, tag, settings, run_url)
    summary(text)
    if number := find_issue(tag):
        run("gh", "issue", "comment", number, "--body", text)
        run("gh", "issue", "edit", number, "--title", title)  # it may have stopped elsewhere this time
    else:
        run("gh", "issue", "create", "--title", title, "--body", text)


def main() -> None:
    """Report on the jobs in $NEEDS."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    options = parser.parse_args()
    try:
        needs, run_url = json.loads(os.environ["NEEDS"]), os.environ["RUN_URL"]
    except (KeyError, ValueError) as error:
        parser.error(f"set NEEDS to the results of the jobs, and RUN_URL to the run's address: {error}")
    report(needs, options.tag, load_settings(), run_url)


if __name__ == "__main__":
    step(main)
