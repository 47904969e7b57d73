"""docs/first-release.md shows what a release said and left, as it was recorded.

``uv run pytest tests/drill/test_first_release.py --refresh-docs`` records it again.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from emulator.sandbox import INDEX_HOSTS
from support.documents import headings, table
from support.rendering import ROOT

if TYPE_CHECKING:
    from drill.maintainer import Maintainer

RECORD = ROOT / "docs/first-release.md"


def recorded(project: Maintainer) -> str:
    """The page of a release: what its jobs said, and what it leaves; indexes have no name there."""
    run, release = project.run, project.github_release()
    assert release is not None, "a complete draft"
    jobs = {job["name"].partition(" (")[0]: run["results"][job["key"]]["result"] for job in run["jobs"]}
    said = {job["name"].partition(" (")[0]: job["summary"].strip() for job in run["jobs"] if job["summary"]}
    lines = [
        "# A first release, as it was recorded",
        "",
        "Of [the example](example), by `tests/drill/test_first_release.py`: the workflow, executed with an",
        f"emulated GitHub and indexes. A person typed `git push origin {project.tag}` and approved once.",
        "",
        "| Job | Result |",
        "|---|---|",
        *(f"| {name} | {result} |" for name, result in jobs.items()),
        "",
        "## What the jobs say",
    ]
    for name, summary in said.items():
        lines += ["", f"**{name}**", "", "````markdown", summary, "````"]
    sums = release["assets"]["SHA256SUMS"].decode().strip()
    lines += ["", "## The draft", "", "````markdown", release["body"].strip(), "````", ""]
    lines += [*(f"- `{name}`" for name in sorted(release["assets"])), "", "`SHA256SUMS`:", ""]
    lines += ["```text", sums, "```", ""]
    hosts = {host for known in INDEX_HOSTS.values() for host in dataclasses.astuple(known) if host}
    return re.sub("|".join(map(re.escape, sorted(hosts, key=len, reverse=True))), "INDEX", "\n".join(lines))


@pytest.mark.requirement("P7.4", "P8.7")
def test_the_record_of_a_release(released: Maintainer, request: pytest.FixtureRequest) -> None:
    """It has the same jobs; commits and hashes are those of the day on which it was recorded."""
    made = recorded(released)
    if request.config.getoption("--refresh-docs"):
        RECORD.write_text(made, encoding="utf-8")
    record = RECORD.read_text(encoding="utf-8")
    assert table(record, "Job", "Result") == table(made, "Job", "Result"), "record it: --refresh-docs"
    assert headings(record) == headings(made)
