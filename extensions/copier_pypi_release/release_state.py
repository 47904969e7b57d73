"""The state of a release: its tag, the workflow's runs, both indexes, the GitHub Release.

`status` shows it. Whatever is found is kept as it is; what to do about it stands in `recovery`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING, Any

from release_lib.distributions import asset_name, sha256_of
from release_lib.index import INDEXES, Comparison, State, compare, published
from release_lib.settings import read_tag
from release_lib.step import ReleaseError, git

from copier_pypi_release.github import GitHubError, quoted
from copier_pypi_release.workflow_files import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from packaging.version import Version
    from pypi_simple import DistributionPackage
    from release_lib.settings import Settings

    from copier_pypi_release.github import GitHub
    from copier_pypi_release.workflow_files import Workflow

RUNS = 300  # newest runs to search
WORST_FIRST = ("failure", "cancelled", "timed_out", "waiting", "queued", "in_progress", "skipped", "success")


@dataclasses.dataclass(frozen=True)
class Tag:
    """A release tag.

    Attributes:
        name: Its name.
        commit: The commit on GitHub; empty if the tag is not there.
        signature: ``signed``, ``not signed``, or ``lightweight``.
        local: The commit in this clone; empty if the tag is not here.
        twin: Whether a branch of its name is in this clone: git pushes neither by that name alone.
    """

    name: str
    commit: str = ""
    signature: str = ""
    local: str = ""
    twin: bool = False

    @property
    def push(self) -> str:
        """The command that pushes it."""
        return f"git push origin {'tag ' if self.twin else ''}{self.name}"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of the release workflow.

    Attributes:
        id: Its id.
        status: ``queued``, ``in_progress``, ``waiting``, ``completed``, ...
        conclusion: ``success``, ``failure``, ``cancelled``, or nothing yet.
        commit: The tagged commit if the tag itself started the run, else empty.
        created: When it was created.
        attempt: How often it has run.
        by_hand: Whether somebody started it for this tag.
    """

    id: int
    status: str
    conclusion: str
    commit: str
    created: dt.datetime
    attempt: int
    by_hand: bool


@dataclasses.dataclass(frozen=True)
class ReleaseState:
    """Everything that is known about a release.

    Attributes:
        tag: The tag.
        version: Its version.
        runs: Runs, newest first; one that waits for the end of another comes after that.
        stages: Result of each job of the newest run: ``success``, ``failure``, ``waiting``, ...
        waits_for: Environments that the newest run waits for, and whether this login may approve.
        error_lines: The four lines that the newest run stopped with.
        rejected: Whether a reviewer has rejected the newest run.
        job_ids: Id of each job of the newest run.
        built: SHA-256 of what a run has built, by file name; nothing if no run kept its list.
        served: Files of the version on each index.
        compared: The same beside what was built; nothing if that is not known.
        release: The GitHub Release.
        releases: The tags of all GitHub Releases.
        now: The time, with a time zone.
        unknown: Indexes that do not answer, and what came instead; nothing is known of their files.
    """

    tag: Tag
    version: Version
    runs: Sequence[Run]
    stages: Mapping[str, str]
    waits_for: Mapping[str, bool]
    error_lines: Sequence[str]
    rejected: bool
    job_ids: Mapping[str, int]
    built: Mapping[str, str]
    served: Mapping[str, Mapping[str, DistributionPackage]]
    compared: Mapping[str, Comparison]
    release: Mapping[str, Any] | None
    releases: Sequence[str]
    now: dt.datetime
    unknown: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def stopped_at(self) -> str:
        """The first job that did not succeed, in the order in which they run; empty if all did."""
        return next((s for s in in_order(self.stages) if self.stages.get(s, "missing") != "success"), "")

    @property
    def pushed_commit(self) -> str:
        """The commit of the newest run that the tag itself started; empty if there is none."""
        return next((run.commit for run in self.runs if run.commit), "")

    @property
    def is_out(self) -> bool:
        """Whether PyPI and the GitHub Release have all of it; what a person makes has no SHA256SUMS.

        When what was built is no longer known, it is enough that both have something.
        """
        names = {asset["name"] for asset in (self.release or {}).get("assets", [])}
        pypi = self.compared.get("pypi")
        whole = "SHA256SUMS" in names and not self.missing_assets
        return whole and (pypi.state is State.IDENTICAL if pypi else bool(self.served["pypi"]))

    @property
    def missing_assets(self) -> list[str]:
        """What the GitHub Release lacks or has with other contents, if what was built is known."""
        there = {a["name"]: a.get("digest") for a in (self.release or {}).get("assets", [])}
        wrong = [n for n, sha256 in self.built.items() if there.get(asset_name(n)) != f"sha256:{sha256}"]
        return wrong + [name for name in ("SHA256SUMS",) if self.built and name not in there]


def collect(github: GitHub, root: Path, settings: Settings, workflow: Workflow, tag: str) -> ReleaseState:
    """The state of a release, from GitHub, both indexes and this clone.

    Raises:
        ReleaseError: The tag is no version, or GitHub did not answer.
    """
    version = read_tag(tag, settings)
    runs = find_runs(github, workflow, tag)
    newest = f"actions/runs/{runs[0].id}" if runs else ""
    # These two lists have no pages.
    pending = (github.get(f"{newest}/pending_deployments") if newest else None) or []
    approvals = (github.get(f"{newest}/approvals") if newest else None) or []
    jobs = github.get_all(f"{newest}/jobs", "jobs") if newest else []
    built = find_built(github, runs)
    served: dict[str, dict[str, DistributionPackage]] = {}
    unknown: dict[str, str] = {}
    for key, index in INDEXES.items():
        try:
            served[key] = published(index, settings.distribution, version)
        except ReleaseError as error:
            served[key], unknown[key] = {}, error.problem
    releases = github.get_all("releases")
    return ReleaseState(
        tag=find_tag(github, root, tag),
        version=version,
        runs=runs,
        stages=find_stages(jobs, workflow),
        waits_for={p["environment"]["name"]: bool(p["current_user_can_approve"]) for p in pending},
        error_lines=find_error_lines(github, jobs, workflow),
        rejected=was_rejected(jobs, approvals),
        job_ids={workflow.job_of(job["name"]): job["id"] for job in jobs},
        built=built,
        served=served,
        compared={
            key: compare(built, files) for key, files in served.items() if built and key not in unknown
        },
        release=next((r for r in releases if r["tag_name"] == tag), None),
        releases=[r["tag_name"] for r in releases],
        now=dt.datetime.now(dt.UTC),
        unknown=unknown,
    )


def find_tag(github: GitHub, root: Path, name: str) -> Tag:
    """A tag, on GitHub and in this clone."""
    local, twin = local_commit(root, name), has_branch(root, name)
    found = github.get(f"git/ref/tags/{quoted(name)}")
    if found is None:
        return Tag(name, local=local, twin=twin)
    target, signature = found["object"], "lightweight"
    while target["type"] == "tag":
        shown = github.get(f"git/tags/{target['sha']}") or {}
        check = shown.get("verification") or {}
        signed = check.get("verified") or check.get("reason") not in {"unsigned", None}
        signature = ("signed" if check.get("verified") else "signed, unverified") if signed else "not signed"
        target = shown["object"]
    return Tag(name, target["sha"], signature, local, twin)


def local_commit(root: Path, name: str) -> str:
    """The commit of a tag in this clone; empty without such a tag, or without a clone."""
    try:
        return git("-C", str(root), "rev-parse", "--verify", "--quiet", f"refs/tags/{name}^{{commit}}")
    except ReleaseError:
        return ""


def has_branch(root: Path, name: str) -> bool:
    """Whether a branch of that name is in this clone."""
    try:
        git("-C", str(root), "rev-parse", "--verify", "--quiet", f"refs/heads/{name}")
    except ReleaseError:
        return False
    return True


def find_runs(github: GitHub, workflow: Workflow, tag: str) -> list[Run]:
    """The runs of a release workflow for a tag, see `ReleaseState.runs`."""
    found: list[dict[str, Any]] = []
    path = f"actions/workflows/{workflow.path.name}/runs"
    for page in range(1, RUNS // 100 + 1):
        listed = (github.get(path, per_page=100, page=page) or {}).get("workflow_runs", [])
        found += [r for r in listed if tag in (r["display_title"].removeprefix("Release "), r["head_branch"])]
        if len(listed) < 100:  # noqa: PLR2004  (a full page)
            break
    runs = [
        Run(
            id=r["id"],
            status=r["status"],
            conclusion=r["conclusion"] or "",
            commit=r["head_sha"] if r["event"] == "push" else "",
            created=dt.datetime.fromisoformat(r["created_at"]),
            attempt=r.get("run_attempt", 1),
            by_hand=r["event"] == "workflow_dispatch",
        )
        for r in found
    ]
    runs.sort(key=lambda run: run.id, reverse=True)
    # One of a version at a time: the others are "pending" until it ends, and need nobody before.
    going = any(run.status not in {"completed", "pending"} for run in runs)
    return sorted(runs, key=lambda run: going and run.status == "pending")


def find_stages(jobs: list[dict[str, Any]], workflow: Workflow) -> dict[str, str]:
    """The result of each job of a run, by its key; of a matrix, the worst."""
    found: dict[str, str] = {}
    for job in jobs:
        key = workflow.job_of(job["name"])
        result = job["conclusion"] or job["status"]
        known = [result, *([found[key]] if key in found else [])]
        found[key] = min(known, key=lambda r: WORST_FIRST.index(r) if r in WORST_FIRST else 0)
    return found


def find_error_lines(github: GitHub, jobs: list[dict[str, Any]], workflow: Workflow) -> list[str]:
    """The four lines that the first failed job stopped with, or what GitHub says instead; may be empty."""
    order = in_order(workflow.jobs)
    failed = [job for job in jobs if job["conclusion"] == "failure" and workflow.job_of(job["name"]) in order]
    for job in sorted(failed, key=lambda job: order.index(workflow.job_of(job["name"]))):
        try:
            notes = github.get_all(f"check-runs/{job['id']}/annotations")
        except GitHubError:  # a token may see runs and no annotations
            return []
        messages = [str(n["message"]) for n in notes if n["annotation_level"] == "failure"]
        ours = [text for text in messages if "\nFix: " in text]  # GitHub adds its own, as "exit code 1"
        if messages:
            return (ours or messages)[0].splitlines()
    return []


def was_rejected(jobs: list[dict[str, Any]], approvals: list[dict[str, Any]]) -> bool:
    """Whether a reviewer ended a run: a failed job never began, and the last review is a rejection.

    Reviews are listed for all attempts of a run, so the last one alone may be that of an earlier attempt.
    """
    unborn = any(job["conclusion"] == "failure" and not job.get("steps") for job in jobs)
    return unborn and bool(approvals) and approvals[-1]["state"] == "rejected"


def find_built(github: GitHub, runs: Sequence[Run]) -> dict[str, str]:
    """The hashes of the files in the artifact "distributions" of the newest run that has one, or nothing."""
    for run in runs:
        for artifact in github.get_all(f"actions/runs/{run.id}/artifacts", "artifacts", name="distributions"):
            data = (
                None
                if artifact.get("expired")
                else github.download(f"actions/artifacts/{artifact['id']}/zip")
            )
            try:
                with zipfile.ZipFile(io.BytesIO(data or b"")) as archive:
                    return {name: sha256_of(archive.read(name)) for name in archive.namelist()}
            except (zipfile.BadZipFile, ValueError):
                continue
    return {}
