"""The next thing to do for a release: one step for each state, with its heading in RECOVERY.md."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

from release_lib.index import INDEXES, OPEN_FOR, State

from copier_pypi_release.distributions_shown import shortened
from copier_pypi_release.workflow_files import COMPILING

if TYPE_CHECKING:
    from release_lib.settings import Settings

    from copier_pypi_release.release_state import ReleaseState

RERUN_FOR = dt.timedelta(days=30)  # GitHub re-runs nothing that is older
SHORT = 10  # characters of a commit that people compare
GUIDE, RECOVERY = "RELEASING.md", ".github/release/RECOVERY.md"
IN_GUIDE = {"steps", "when-it-stops"}


@dataclasses.dataclass(frozen=True)
class NextStep:
    """The state of a release in a sentence, and the next thing to do.

    Attributes:
        state: The sentence.
        anchor: The heading to read, as GitHub spells it in an address; empty if there is nothing to do.
        commands: What to run, in this clone; nothing when a person has to decide first.
        advice: What else to know or do; its indented lines are commands.
    """

    state: str
    anchor: str
    commands: tuple[str, ...] = ()
    advice: str = ""

    @property
    def see(self) -> str:
        """The page and the heading."""
        return f"{GUIDE if self.anchor in IN_GUIDE else RECOVERY}#{self.anchor}" if self.anchor else ""


def next_step(state: ReleaseState, settings: Settings, default_branch: str) -> NextStep:
    """What to do next.

    Args:
        state: The state of the release.
        settings: The project's settings.
        default_branch: The branch whose workflow releases a tag by hand.
    """
    tag = state.tag.name
    dispatch = f"gh workflow run {settings.release_workflow} --ref {default_branch} --field tag={tag}"
    found = damaged(state, settings) or unanswered(state) or untagged(state, settings, dispatch)
    if found:
        return found
    run = state.runs[0]
    if state.waits_for:
        names = ", ".join(state.waits_for)
        mine = all(state.waits_for.values())
        return NextStep(
            f"{tag} waits for a review of {names}",
            "steps",
            (f"gh run view {run.id} --web",),
            "Read the notes in the run's summary, then approve."
            + ("" if mine else " This login may not approve."),
        )
    if run.status != "completed":
        return NextStep(f"{tag} is in progress ({run.status})", "steps", (f"gh run watch {run.id}",))
    stage = state.stopped_at
    if run.conclusion != "success" or stage:
        return stopped(state, stage, dispatch)
    return finished(state, settings)


def damaged(state: ReleaseState, settings: Settings) -> NextStep | None:
    """States that no run can repair: a yank, other contents, a part that came too late, a moved tag."""
    tag, version = state.tag, state.version
    name = settings.distribution
    yanked = {k: p for k, files in state.served.items() for p in files.values() if p.is_yanked}
    if "pypi" in yanked:
        reason = yanked["pypi"].yanked_reason or "no reason given"
        return NextStep(
            f"{name} {version} is yanked on PyPI: {reason}",
            "a-wrong-version-is-published",
            advice="Release the next version; keep the reason on top of the GitHub Release's notes.",
        )
    for key, found in state.compared.items():
        title = INDEXES[key].title
        if found.state is State.CONFLICT:
            return NextStep(
                f"{title} has other files for {version} than the run has built: {shortened(found.differing)}",
                "the-version-is-there-with-other-contents",
                advice="That version number cannot be reused. Find out who uploaded the files, then release "
                "the next version.",
            )
        late = found.first_upload is not None and state.now - found.first_upload > OPEN_FOR
        if found.state is State.PARTIAL and late:
            return NextStep(
                f"{title} lacks {shortened(found.missing)} and takes no new files for {version} any more",
                "a-part-of-the-files-is-there",
                advice="Yank it with the reason 'incomplete', and release the next version.",
            )
    if state.served["pypi"] and not state.runs:
        return NextStep(
            f"PyPI has {name} {version}, and no run of {settings.release_workflow} is known",
            "the-version-is-there-with-other-contents",
            advice="Something else published it, untested. Find out what, and yank it unless you know the "
            "files. What else can publish is shown by:\n  uv run .github/release/tool.py doctor",
        )
    pushed = state.pushed_commit
    if tag.commit and pushed and tag.commit != pushed:
        return NextStep(
            f"{tag.name} was moved: it points at {tag.commit[:SHORT]}, and the run was for {pushed[:SHORT]}",
            "making-a-tag-again",
            advice="If nothing of it is on PyPI, make the tag again; else move nothing, and release the next "
            "version from the new commit. The rule against moving tags comes with:\n"
            "  uv run .github/release/tool.py setup",
        )
    return None


def unanswered(state: ReleaseState) -> NextStep | None:
    """A state that nobody can judge before the indexes answer; a run that goes on is not judged yet."""
    if not state.unknown or (state.runs and state.runs[0].status != "completed"):
        return None
    titles = " and ".join(INDEXES[key].title for key in state.unknown)
    return NextStep(
        f"{titles} did not answer, so what is published of {state.tag.name} is unknown",
        "when-it-stops",
        advice="Nothing has to be done before that is known. When it answers again:\n"
        f"  uv run .github/release/tool.py status {state.tag.name}",
    )


def untagged(state: ReleaseState, settings: Settings, dispatch: str) -> NextStep | None:
    """States before the first run."""
    tag, pushed = state.tag.name, state.pushed_commit
    if not state.tag.commit:
        if pushed and state.served["pypi"]:
            return NextStep(
                f"{settings.distribution} {state.version} is on PyPI, but its tag is gone",
                "making-a-tag-again",
                (f"git tag --force --annotate {tag} {pushed} --message {tag}", state.tag.push),
                "The same commit gets its tag back; the run that this starts uploads nothing twice.",
            )
        if state.tag.local and not state.runs:
            return NextStep(f"{tag} is in this clone only", "steps", (state.tag.push,))
        if state.runs:
            return NextStep(
                f"{tag} is not on GitHub any more; nothing of it is on PyPI",
                "making-a-tag-again",
                (),
                "Fix the cause and make the tag again, or leave it: nobody has seen it.",
            )
        return NextStep(
            f"{tag} does not exist: not here, not on GitHub, not on an index",
            "steps",
            (),
            "Begin with the first step.",
        )
    if not state.runs:
        return NextStep(
            f"{tag} is on GitHub, and no run was created for it", "no-run-was-created", (dispatch,)
        )
    return None


def stopped(state: ReleaseState, stage: str, dispatch: str) -> NextStep:
    """A run that did not succeed."""
    run = state.runs[0]
    again = (f"gh run rerun {run.id} --failed",)
    advice = f"Read its log first:\n  gh run view {run.id} --log-failed\nThen:"
    if state.release and not state.release["draft"] and not state.is_out:
        return published_early(state, stage, again)
    if stage == "gate" and state.stages.get(stage) == "skipped":
        return NextStep(
            f"{state.tag.name} was skipped: a fork releases only for the owner that its workflow names",
            "gate",
            advice="To release from this fork, name its owner, then make the tag again:\n"
            "  uvx copier update --defaults --data repository_owner=OWNER",
        )
    if stage == "gate":
        return NextStep(
            f"{state.tag.name} stopped at the gate; nothing was built",
            "gate",
            advice="Fix the cause; then make the tag again, or re-run if the tag itself was right.",
        )
    if stage in {*COMPILING, "build", "test"}:
        advice = (
            "Nothing of this run was uploaded. If the source is at fault, the command does not help: fix it, "
            "then make the tag again or release the next version."
        )
    if state.rejected:
        return NextStep(
            f"{state.tag.name}: a reviewer rejected it before {stage}",
            stage,
            again,
            "On purpose: release the next version, whose notes explain the skipped one. If not: the command "
            "asks for the review again.",
        )
    if state.now - run.created > RERUN_FOR:
        again = (dispatch,)
        advice = "The run is too old to be repeated, so the tag is released anew; all gates apply."
    how = "was cancelled" if run.conclusion == "cancelled" else "stopped"
    place = stage or "its report"
    return NextStep(
        f"{state.tag.name} {how} at {place}{what_is_out(state)}", stage or "when-it-stops", again, advice
    )


def published_early(state: ReleaseState, stage: str, again: tuple[str, ...]) -> NextStep:
    """A run that stopped, while its GitHub Release is published already."""
    commands = (f"gh release edit {state.tag.name} --draft", *again)
    advice = "As a draft it takes the files that it lacks."
    if (state.release or {}).get("immutable") and stage == "gate":
        commands = ()
        advice = "It is frozen and takes no files: delete it on the web, and release the next version."
    elif (state.release or {}).get("immutable"):
        done = stage == "github-release"
        commands = () if done else again
        advice = "It is frozen and takes no files" + (
            ": say in its notes that PyPI has them. There is nothing to run."
            if done
            else "; the version goes to PyPI all the same."
        )
    return NextStep(
        f"{state.tag.name} stopped at {stage or 'its report'}, and its GitHub Release is published"
        + what_is_out(state),
        "the-github-release-was-published-too-early",
        commands,
        advice,
    )


def what_is_out(state: ReleaseState) -> str:
    """How much of the version is on the indexes, in words."""
    shown = []
    for key, files in state.served.items():
        found = state.compared.get(key)
        known = found.state.value if found else ("files" if files else "absent")
        words = {"identical": "complete", "absent": "nothing"}.get(known, known)
        shown.append(f"{words} on {INDEXES[key].title}")
    return "; " + ", ".join(shown)


def finished(state: ReleaseState, settings: Settings) -> NextStep:
    """A run that succeeded."""
    tag, run = state.tag.name, state.runs[0]
    full = f"{settings.distribution} {state.version}"
    absent = [INDEXES[k].title for k, found in state.compared.items() if found.state is not State.IDENTICAL]
    if absent:
        return NextStep(
            f"The run of {tag} is green, but {' and '.join(absent)} does not list all of it",
            "uploaded-but-not-listed",
            (f"gh run rerun {run.id}",),
        )
    if state.release is None or state.missing_assets:
        lacks = "is missing" if state.release is None else f"lacks {', '.join(state.missing_assets)}"
        if state.release is None or state.release["draft"]:
            return NextStep(
                f"{full} is on PyPI, but its GitHub Release {lacks}",
                "github-release",
                (f"gh run rerun --job {state.job_ids['github-release']}",),
            )
        return NextStep(
            f"{full} is on PyPI, but its published GitHub Release {lacks}",
            "github-release",
            advice="A published release can be frozen. PyPI has all files; say so in the notes.",
        )
    if state.release["draft"]:
        return NextStep(
            f"{full} is on PyPI, and its GitHub Release is a complete draft",
            "steps",
            (f"gh release view {tag}", settings.publish_command(tag, state.version, state.releases)),
            "Read and edit the notes, then publish.",
        )
    return NextStep(f"{full} is released: both indexes and GitHub serve what was built", "")
