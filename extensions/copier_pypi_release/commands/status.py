"""Show the state of a release in one picture, and the next thing to do.

The tag, the workflow's runs, both indexes beside what the run has built, the GitHub Release; then the row
of RELEASING.md that tells how to go on, with its commands. It looks and changes nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from release_lib.index import INDEXES, OPEN_FOR, Comparison, State, compare, published
from release_lib.settings import Settings, add_tag_argument, read_tag
from release_lib.step import ReleaseError, git

from copier_pypi_release.console import console, lines, table
from copier_pypi_release.github import GitHub, GitHubError, check_origin, find_token, quoted
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workflow_files import STAGES, Workflow, load_release

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from packaging.version import Version
    from pypi_simple import DistributionPackage

RERUN_FOR = dt.timedelta(days=30)  # after that GitHub re-runs nothing
RUNS = 300  # newest runs to look through
SHORT = 10  # characters of a commit or hash that people compare


@dataclasses.dataclass(frozen=True)
class Tag:
    """A release tag.

    Attributes:
        commit: The commit on GitHub; empty if the tag is not there.
        signature: ``signed``, ``not signed``, or ``lightweight``.
        local: The commit in this clone; empty if the tag is not here.
    """

    commit: str
    signature: str
    local: str


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of the release workflow.

    Attributes:
        number: Its id.
        status: ``queued``, ``in_progress``, ``waiting``, ``completed``, ...
        conclusion: ``success``, ``failure``, ``cancelled``, or nothing yet.
        commit: The tagged commit, when the tag itself started it; else empty.
        created: When it was created.
        attempt: How often it ran.
        by_hand: Whether it was started by hand for this tag.
    """

    number: int
    status: str
    conclusion: str
    commit: str
    created: dt.datetime
    attempt: int
    by_hand: bool

    @property
    def shown(self) -> str:
        """Its state in words."""
        how = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.conclusion or self.status}{how}{', started by hand' if self.by_hand else ''}"


@dataclasses.dataclass(frozen=True)
class Picture:
    """Everything that is known about a release.

    Attributes:
        tag: Name of the tag.
        version: Its version.
        where: The tag.
        runs: Runs, newest first.
        stages: Result of each job of the newest run: ``success``, ``failure``, ``waiting``, ...
        waits_for: Environments that the newest run waits for, and whether this login may approve.
        said: The lines that the newest run stopped with.
        rejected: Whether a reviewer has rejected the newest run.
        job_numbers: Id of each job of the newest run.
        built: SHA-256 of what a run has built, by file name; nothing if no run kept its list.
        served: Files of the version on each index.
        compared: The same beside what was built; nothing if that is not known.
        release: The GitHub Release.
        now: The time, with a time zone.
    """

    tag: str
    version: Version
    where: Tag
    runs: list[Run]
    stages: dict[str, str]
    waits_for: dict[str, bool]
    said: list[str]
    rejected: bool
    job_numbers: dict[str, int]
    built: dict[str, str]
    served: dict[str, dict[str, DistributionPackage]]
    compared: dict[str, Comparison]
    release: dict[str, Any] | None
    now: dt.datetime

    @property
    def stopped_at(self) -> str:
        """The first job that did not succeed, in the order in which they run; empty if all did."""
        return next((s for s in STAGES if self.stages.get(s, "missing") != "success"), "")

    @property
    def missing_assets(self) -> list[str]:
        """What the GitHub Release lacks or has with other bytes, if what was built is known."""
        there = {a["name"]: a.get("digest") for a in (self.release or {}).get("assets", [])}
        wrong = [n for n, sha256 in self.built.items() if there.get(n) != f"sha256:{sha256}"]
        return wrong + [name for name in ("SHA256SUMS",) if self.built and name not in there]


@dataclasses.dataclass(frozen=True)
class Next:
    """The state of a release in a sentence, and the next thing to do.

    Attributes:
        state: The sentence.
        anchor: The heading of RELEASING.md with the row for it.
        commands: What to run, in this clone; nothing when a person has to decide first.
        advice: What else to know or do.
    """

    state: str
    anchor: str
    commands: tuple[str, ...] = ()
    advice: str = ""


# ---- Looking ----------------------------------------------------------------------------------------


def find_tag(host: GitHub, root: Path, name: str) -> Tag:
    """Where a tag stands, on GitHub and in this clone."""
    local = local_commit(root, name)
    found = host.get(f"git/ref/tags/{quoted(name)}")
    if found is None:
        return Tag("", "", local)
    target, signature = found["object"], "lightweight"
    while target["type"] == "tag":
        shown = host.get(f"git/tags/{target['sha']}") or {}
        check = shown.get("verification") or {}
        signed = check.get("verified") or check.get("reason") not in {"unsigned", None}
        signature = ("signed" if check.get("verified") else "signed, unverified") if signed else "not signed"
        target = shown["object"]
    return Tag(target["sha"], signature, local)


def local_commit(root: Path, name: str) -> str:
    """The commit of a tag in this clone; empty without such a tag, or without a clone."""
    try:
        return git("-C", str(root), "rev-parse", "--verify", "--quiet", f"refs/tags/{name}^{{commit}}")
    except ReleaseError:
        return ""


def find_runs(host: GitHub, workflow: Workflow, tag: str) -> list[Run]:
    """The runs of a release workflow for a tag, newest first."""
    found: list[dict[str, Any]] = []
    path = f"actions/workflows/{workflow.path.name}/runs"
    for page in range(1, RUNS // 100 + 1):
        listed = (host.get(path, per_page=100, page=page) or {}).get("workflow_runs", [])
        found += [r for r in listed if tag in (r["display_title"].removeprefix("Release "), r["head_branch"])]
        if len(listed) < 100:  # noqa: PLR2004  (a full page)
            break
    runs = [
        Run(
            number=r["id"],
            status=r["status"],
            conclusion=r["conclusion"] or "",
            commit=r["head_sha"] if r["event"] == "push" else "",
            created=dt.datetime.fromisoformat(r["created_at"]),
            attempt=r.get("run_attempt", 1),
            by_hand=r["event"] == "workflow_dispatch",
        )
        for r in found
    ]
    return sorted(runs, key=lambda run: run.number, reverse=True)


def find_stages(jobs: list[dict[str, Any]], workflow: Workflow) -> dict[str, str]:
    """The result of each job of a run, by its key; of a matrix, the worst."""
    order = ("failure", "cancelled", "timed_out", "waiting", "queued", "in_progress", "skipped", "success")
    found: dict[str, str] = {}
    for job in jobs:
        key = workflow.job_of(job["name"])
        result = job["conclusion"] or job["status"]
        known = [result, *([found[key]] if key in found else [])]
        found[key] = min(known, key=lambda r: order.index(r) if r in order else 0)
    return found


def find_sentence(host: GitHub, jobs: list[dict[str, Any]], workflow: Workflow) -> list[str]:
    """The lines that the first failed job stopped with; nothing if it left none."""
    failed = [
        job for job in jobs if job["conclusion"] == "failure" and workflow.job_of(job["name"]) in STAGES
    ]
    for job in sorted(failed, key=lambda job: STAGES.index(workflow.job_of(job["name"]))):
        try:
            notes = host.get_all(f"check-runs/{job['id']}/annotations")
        except GitHubError:  # a token may see runs and no annotations
            return []
        said = [n["message"] for n in notes if n["annotation_level"] == "failure"]
        own = [text for text in said if "Fix:" in text]
        if own or said:
            return str((own or said)[0]).splitlines()
    return []


def was_rejected(jobs: list[dict[str, Any]], approvals: list[dict[str, Any]]) -> bool:
    """Whether a reviewer ended a run: its failed job never began, and the last review said no.

    Reviews are listed for all attempts of a run, so that the last one alone may be an old one.
    """
    unborn = any(job["conclusion"] == "failure" and not job.get("steps") for job in jobs)
    return unborn and bool(approvals) and approvals[-1]["state"] == "rejected"


def find_built(host: GitHub, runs: list[Run]) -> dict[str, str]:
    """The hashes that the newest run with an artifact "checksums" keeps; nothing if none does."""
    for run in runs:
        for artifact in host.get_all(f"actions/runs/{run.number}/artifacts", "artifacts", name="checksums"):
            data = (
                None if artifact.get("expired") else host.download(f"actions/artifacts/{artifact['id']}/zip")
            )
            try:
                with zipfile.ZipFile(io.BytesIO(data or b"")) as archive:
                    text = archive.read("SHA256SUMS").decode()
                return {name: sha256 for sha256, name in (line.split() for line in text.splitlines() if line)}
            except (zipfile.BadZipFile, KeyError, ValueError):
                continue
    return {}


def look(host: GitHub, root: Path, settings: Settings, workflow: Workflow, tag: str) -> Picture:
    """Ask for everything.

    Raises:
        ReleaseError: The tag is no version, or somebody did not answer.
    """
    version = read_tag(tag, settings)
    runs = find_runs(host, workflow, tag)
    newest = runs[0] if runs else None
    pending = host.get_all(f"actions/runs/{newest.number}/pending_deployments") if newest else []
    approvals = host.get_all(f"actions/runs/{newest.number}/approvals") if newest else []
    jobs = host.get_all(f"actions/runs/{newest.number}/jobs", "jobs") if newest else []
    built = find_built(host, runs)
    served = {key: published(index, settings.distribution, version) for key, index in INDEXES.items()}
    releases = [r for r in host.get_all("releases") if r["tag_name"] == tag]
    return Picture(
        tag=tag,
        version=version,
        where=find_tag(host, root, tag),
        runs=runs,
        stages=find_stages(jobs, workflow),
        waits_for={p["environment"]["name"]: bool(p["current_user_can_approve"]) for p in pending},
        said=find_sentence(host, jobs, workflow),
        rejected=was_rejected(jobs, approvals),
        job_numbers={workflow.job_of(job["name"]): job["id"] for job in jobs},
        built=built,
        served=served,
        compared={key: compare(built, files) for key, files in served.items()} if built else {},
        release=releases[0] if releases else None,
        now=dt.datetime.now(dt.UTC),
    )


# ---- What to do -------------------------------------------------------------------------------------


def next_step(picture: Picture, settings: Settings, default: str) -> Next:
    """The row of the runbook for a state.

    Args:
        picture: What is known.
        settings: The project's settings.
        default: The default branch, whose workflow releases a tag by hand.
    """
    tag = picture.tag
    dispatch = f"gh workflow run {settings.release_workflow} --ref {default} --field tag={tag}"
    found = damaged(picture, settings) or untagged(picture, settings, dispatch)
    if found:
        return found
    run = picture.runs[0]
    if picture.waits_for:
        names = ", ".join(picture.waits_for)
        mine = all(picture.waits_for.values())
        return Next(
            f"{tag} waits for a review of {names}",
            "steps",
            (f"gh run view {run.number} --web",),
            "Read the notes in the run's summary, then approve: step 6."
            + ("" if mine else " This login may not approve."),
        )
    if run.status != "completed":
        return Next(f"{tag} is under way ({run.status})", "steps", (f"gh run watch {run.number}",))
    stage = picture.stopped_at
    if run.conclusion != "success" or stage:
        return stopped(picture, stage, dispatch)
    return finished(picture, settings)


def damaged(picture: Picture, settings: Settings) -> Next | None:
    """States that no run can mend: a yank, other bytes, a late half, a tag that moved."""
    tag, version = picture.tag, picture.version
    name = settings.distribution
    yanked = {k: p for k, files in picture.served.items() for p in files.values() if p.is_yanked}
    if "pypi" in yanked:
        reason = yanked["pypi"].yanked_reason or "no reason given"
        return Next(
            f"{name} {version} is yanked on PyPI: {reason}",
            "a-wrong-version-is-published",
            advice="Release the next version; keep the reason on top of the GitHub Release's notes.",
        )
    for key, found in picture.compared.items():
        title = INDEXES[key].title
        if found.state is State.CONFLICT:
            return Next(
                f"{title} has other files for {version} than the run has built: {', '.join(found.differing)}",
                "the-version-is-there-with-other-bytes",
                advice="The number is spent. Find out who uploaded it, then release the next version.",
            )
        late = found.first_upload is not None and picture.now - found.first_upload > OPEN_FOR
        if found.state is State.PARTIAL and late:
            return Next(
                f"{title} lacks {', '.join(found.missing)} and takes no new files for {version} any more",
                "a-part-of-the-files-is-there",
                advice="Yank it with the reason 'incomplete', and release the next version.",
            )
    if picture.served["pypi"] and not picture.runs:
        return Next(
            f"PyPI has {name} {version}, and no run of {settings.release_workflow} is known",
            "the-version-is-there-with-other-bytes",
            advice="It was published by something else, untested: find out by what, yank it unless you know "
            "the files, and run doctor.py to see whether another publisher is still armed.",
        )
    pushed = next((run.commit for run in picture.runs if run.commit), "")
    if picture.where.commit and pushed and picture.where.commit != pushed:
        return Next(
            f"{tag} points at {picture.where.commit[:SHORT]}, the run was for {pushed[:SHORT]}: moved",
            "making-a-tag-again",
            advice="If nothing of it is on PyPI, make the tag again; else move nothing, and release the next "
            "version from the new commit. `set_up.py` brings the rule that forbids moving.",
        )
    return None


def untagged(picture: Picture, settings: Settings, dispatch: str) -> Next | None:
    """States before the first run."""
    tag, where = picture.tag, picture.where
    if not where.commit:
        pushed = next((run.commit for run in picture.runs if run.commit), "")
        if pushed and picture.served["pypi"]:
            return Next(
                f"{settings.distribution} {picture.version} is on PyPI, but its tag is gone",
                "making-a-tag-again",
                (f"git tag --force --annotate {tag} {pushed} --message {tag}", f"git push origin {tag}"),
                "The same commit gets its tag back; the run that this starts uploads nothing twice.",
            )
        if where.local and not picture.runs:
            return Next(f"{tag} is in this clone only", "steps", (f"git push origin {tag}",))
        if picture.runs:
            return Next(
                f"{tag} is not on GitHub any more; nothing of it is on PyPI",
                "making-a-tag-again",
                (),
                "Mend the cause and make the tag again, or leave it: nobody has seen it.",
            )
        return Next(
            f"{tag} does not exist: not here, not on GitHub, not on an index",
            "steps",
            (),
            "Begin with step 1.",
        )
    if not picture.runs:
        return Next(f"{tag} is on GitHub, and no run was created for it", "no-run-was-created", (dispatch,))
    return None


def stopped(picture: Picture, stage: str, dispatch: str) -> Next:
    """A run that ended before its end."""
    run = picture.runs[0]
    again = (f"gh run rerun {run.number} --failed",)
    advice = f"Read its log first: gh run view {run.number} --log-failed"
    if stage == "gate":
        return Next(
            f"{picture.tag} stopped at the gate; nothing was built",
            "gate",
            advice="Mend the cause; then make the tag again, or re-run if the tag itself was right.",
        )
    if stage in {"build", "test"}:
        advice = (
            "Nothing of this run was uploaded. If the source is at fault, the command does not help: mend "
        )
        advice += "it, then make the tag again or release the next version"
    if picture.release and not picture.release["draft"]:
        return published_early(picture, stage, again)
    if picture.rejected:
        return Next(
            f"{picture.tag}: a reviewer rejected it before {stage}",
            stage,
            again,
            "On purpose: release the next version, whose notes explain the skipped one. If not: the command "
            "asks for the review again.",
        )
    if picture.now - run.created > RERUN_FOR:
        again = (dispatch,)
        advice = "The run is too old to be repeated, so the tag is released anew; all gates apply"
    how = "was cancelled" if run.conclusion == "cancelled" else "stopped"
    place = stage or "its report"
    return Next(
        f"{picture.tag} {how} at {place}{what_is_out(picture)}", stage or "when-it-stops", again, advice
    )


def published_early(picture: Picture, stage: str, again: tuple[str, ...]) -> Next:
    """A run that stopped although its GitHub Release is published."""
    commands = (f"gh release edit {picture.tag} --draft", *again)
    advice = "As a draft it takes the files that it lacks."
    if (picture.release or {}).get("immutable"):
        done = stage == "github-release"
        commands = () if done else again
        advice = "It is frozen and takes no files" + (
            ": say in its notes that PyPI has them. There is nothing to run."
            if done
            else "; the version goes to PyPI all the same."
        )
    return Next(
        f"{picture.tag} stopped at {stage or 'its report'}, and its GitHub Release is published"
        + what_is_out(picture),
        "the-github-release-was-published-too-early",
        commands,
        advice,
    )


def what_is_out(picture: Picture) -> str:
    """What of the version is on the indexes, in words."""
    shown = []
    for key, files in picture.served.items():
        found = picture.compared.get(key)
        state = found.state.value if found else ("files" if files else "absent")
        words = {"identical": "complete", "absent": "nothing"}.get(state, state)
        shown.append(f"{words} on {INDEXES[key].title}")
    return "; " + ", ".join(shown)


def finished(picture: Picture, settings: Settings) -> Next:
    """A run that went through."""
    tag, run = picture.tag, picture.runs[0]
    full = f"{settings.distribution} {picture.version}"
    absent = [INDEXES[k].title for k, found in picture.compared.items() if found.state is not State.IDENTICAL]
    if absent:
        return Next(
            f"The run of {tag} is green, but {' and '.join(absent)} does not list all of it",
            "uploaded-but-not-listed",
            (f"gh run rerun {run.number}",),
        )
    if picture.release is None or picture.missing_assets:
        lacks = "is missing" if picture.release is None else f"lacks {', '.join(picture.missing_assets)}"
        if picture.release is None or picture.release["draft"]:
            return Next(
                f"{full} is on PyPI, but its GitHub Release {lacks}",
                "github-release",
                (f"gh run rerun --job {picture.job_numbers['github-release']}",),
            )
        return Next(
            f"{full} is on PyPI, but its published GitHub Release {lacks}",
            "github-release",
            advice="A published release can be frozen. PyPI has all files; say so in the notes.",
        )
    if picture.release["draft"]:
        return Next(
            f"{full} is on PyPI, and its GitHub Release is a complete draft",
            "steps",
            (f"gh release view {tag}", f"gh release edit {tag} --draft=false"),
            "Read and edit the notes, then publish: step 7.",
        )
    return Next(f"{full} is released: both indexes and GitHub serve what was built", "")


# ---- Showing ----------------------------------------------------------------------------------------


def rows(picture: Picture, host: GitHub) -> list[tuple[str, str, str]]:
    """The picture as lines: what, state, details."""
    where = picture.where
    if where.commit:
        differs = where.local and where.local != where.commit
        tagged = f"on {where.commit[:SHORT]}, {where.signature}"
        tagged += f"; in this clone on {where.local[:SHORT]}: moved" if differs else ""
    else:
        tagged = "in this clone only" if where.local else "nowhere"
    shown = [("Tag", "pushed" if where.commit else "not on GitHub", tagged)]
    shown += [
        (f"Run {run.number}", run.shown, host.page(f"actions/runs/{run.number}")) for run in picture.runs
    ] or [("Run", "none", "")]
    if picture.stages:
        reached = [f"{s} {picture.stages[s]}" for s in STAGES if s in picture.stages]
        stop = picture.stopped_at
        done = STAGES.index(stop) if stop else len(STAGES)
        shown.append(("Stages", f"{done} of {len(STAGES)}", reached[done] if done < len(reached) else "all"))
    for key, files in picture.served.items():
        found = picture.compared.get(key)
        state = found.state.value if found else ("there" if files else "absent")
        yanked = [p for p in files.values() if p.is_yanked]
        state += f", yanked: {yanked[0].yanked_reason or 'no reason'}" if yanked else ""
        hashes = [f"{n} {((p.digests or {}).get('sha256') or '?')[:SHORT]}" for n, p in sorted(files.items())]
        missing = [f"lacks {name}" for name in (found.missing if found and files else ())]
        shown.append((INDEXES[key].title, state, "\n".join([*hashes, *missing])))
    release = picture.release
    if release is None:
        shown.append(("GitHub Release", "none", ""))
    else:
        names = "\n".join(sorted(a["name"] for a in release["assets"])) or "no files"
        lacks = "".join(f"\nlacks {name}" for name in picture.missing_assets)
        pre = ", pre-release" if release.get("prerelease") else ""
        shown.append(("GitHub Release", ("draft" if release["draft"] else "published") + pre, names + lacks))
    return shown


def show(picture: Picture, step_: Next, host: GitHub, settings: Settings) -> None:
    """Print the picture and the next thing to do."""
    to = console()
    shown = table(f"{settings.distribution} {picture.version}", "", "State", "Details")
    for row in rows(picture, host):
        shown.add_row(*row)
    to.print(shown)
    lines(to, [f"{step_.state.rstrip('.')}."], style="bold")
    lines(to, [f"  | {line}" for line in picture.said])
    lines(to, [step_.advice] if step_.advice else [])
    lines(to, [f"  {command}" for command in step_.commands], style="cyan")
    lines(to, [f"The row: RELEASING.md#{step_.anchor}"] if step_.anchor else [])


def as_json(picture: Picture, step_: Next) -> str:
    """The picture for machines."""
    known = {
        "tag": picture.tag,
        "version": str(picture.version),
        "commit": picture.where.commit,
        "runs": [{"id": r.number, "state": r.conclusion or r.status} for r in picture.runs],
        "stages": picture.stages,
        "said": picture.said,
        "indexes": {
            key: {
                "state": picture.compared[key].state.value if key in picture.compared else None,
                "files": {n: (p.digests or {}).get("sha256") for n, p in files.items()},
                "yanked": any(p.is_yanked for p in files.values()),
            }
            for key, files in picture.served.items()
        },
        "release": picture.release and ("draft" if picture.release["draft"] else "published"),
        "next": dataclasses.asdict(step_),
    }
    return json.dumps(known, indent=2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_tag_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the state for machines")


def run(options: argparse.Namespace) -> int:
    """Show the state of a release."""
    root = find_root()
    settings = find_settings(root)
    workflow = load_release(root, settings)
    check_origin(root, settings)
    host = GitHub(settings.repository, find_token())
    facts = host.facts()
    picture = look(host, root, settings, workflow, options.tag)
    step_ = next_step(picture, settings, str(facts["default_branch"]))
    if options.json:
        print(as_json(picture, step_))
    else:
        show(picture, step_, host, settings)
    return 0
