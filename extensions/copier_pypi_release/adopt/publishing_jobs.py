"""Publishing jobs in an adoption: whose they are, what stands beside them, and how they are cut out."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from copier_pypi_release.adopt.programs import AdoptionError, git
from copier_pypi_release.console import counted
from copier_pypi_release.uploads import commands_of, elsewhere, read
from copier_pypi_release.workflow_files import FOLDER, parse, plain, publishes_release

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from copier_pypi_release.workflow_files import PublishingJob, Workflow

# Steps that make a GitHub Release or sign for it: the new workflow does that.
RELEASE_STEP = re.compile(
    r"action-gh-release|create-release|release-drafter|upload-release-action|ncipollo/release-action|"
    r"gh-action-sigstore|gh release (?:create|upload|edit|view)|attest-build-provenance|actions/attest\b",
    re.IGNORECASE,
)
# Steps that change something outside the runner, and are no part of a release to an index.
EFFECT = re.compile(
    r"gh-deploy|gh-pages|deploy-pages|"
    r"\bmike deploy|docker(?:/build-push-action| push|x build.*--push)|\bghcr\b|"
    r"\bnpm publish|\banaconda upload|conda.*(?:upload|publish)|aws s3|\brsync\b|\bscp\b|netlify|vercel|"
    r"surge\b|readthedocs|slack|discord|mastodon|toot|tweet|zulip|telegram|matrix-message|"
    r"repository[-_]dispatch|gh workflow run|workflow-dispatch|homebrew|create-pull-request|gh pr create|"
    r"git push|git-auto-commit|add-and-commit|github-push",
    re.IGNORECASE,
)
COMMITS = re.compile(r"git-auto-commit|add-and-commit", re.IGNORECASE)
# Actions and commands that prepare something, or look at it.
HARMLESS = re.compile(
    r"actions/(?:checkout|cache|(?:up|down)load-artifact|setup-)|setup-(?:uv|python|pdm)|install-"
)
PREPARES = re.compile(
    r"""(?:sudo\ )?(?:
        (?:echo|printf|ls|rm|cp|mv|cat|head|tail|sleep|true|exit|set|export|mkdir|cd|awk|sed|grep|jq|cut|tr|sort
            |sha256sum|shasum|test|if|then|else|elif|fi|for|do|done)(?:\s|\Z)
        |git\ (?:config|fetch|log|describe|show|rev-parse|tag\ -l)\b
        |apt(?:-get)?\ (?:update|install)\b
        |(?:python\S*\ -m\ |uv\ )?pip3?\ install\b
        |\w+=            # an assignment
        |[\[\](){}"']     # a condition, a group, the end of a text
    )""",
    re.VERBOSE,
)
# What writes the notes of a GitHub Release, or finds out its version.
NOTES_STEP = re.compile(r"release[-_ ]?notes|change-?log|\bversion\b|tag[-_ ]name", re.IGNORECASE)
# A build of the package in the current folder: no path and no package is named.
BUILDS = re.compile(
    r"(?:(?<!\S)-m build|\bpyproject-build|\b(?:uv|flit|poetry|hatch|pdm|rye) build|\bsetup\.py)"
    r"(?:\s+(?!--(?:all-)?packages?\b|--project\b|--directory\b)-\S+|\s+(?:sdist|bdist_wheel|dist/?|[.]))*\s*\Z"
)
DEMONSTRATIONS = {"tests", "test", "testing", "docs", "doc", "examples", "example", "samples", "benchmarks"}


# ---- Several packages in one repository -------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A package of a repository.

    Attributes:
        folder: Its folder, from the root; empty for the root.
        name: Its name; the folder's if it says none.
    """

    folder: str
    name: str


def members(root: Path, folder: str) -> list[Member]:
    """The package that is adopted, and after it every other one of the repository."""
    tracked = git(root, "ls-files", "-z", "--", "pyproject.toml", "**/pyproject.toml", "**/setup.py").split(
        "\0"
    )
    folders = {str(PurePosixPath(name).parent).strip(".") for name in tracked if name} | {folder}
    found = []
    for one in sorted(folders, key=lambda f: (f != folder, f)):
        if one != folder and DEMONSTRATIONS & set(PurePosixPath(one).parts):
            continue
        try:
            data = tomllib.loads(read(root / one / "pyproject.toml"))
        except (tomllib.TOMLDecodeError, RecursionError):
            data = {}
        built = "project" in data or "build-system" in data or "poetry" in data.get("tool", {})
        if one != folder and not built and not (root / one / "setup.py").is_file():
            continue  # settings of a linter, or a workspace
        name = data.get("project", {}).get("name") or data.get("tool", {}).get("poetry", {}).get("name")
        found.append(Member(one, str(name or PurePosixPath(one).name)))
    return found


def owners(workflow: Workflow, job: str, packages: list[Member]) -> set[Member]:
    """The packages that a publishing job names: by a folder, by what starts it, or by its file's name."""
    needed = {job} | workflow.needs(job)
    text = (
        " ".join(plain(workflow.jobs.get(key, {})) for key in needed) + f" {workflow.data.get('env') or ''}"
    )
    push = workflow.triggers.get("push")
    starts = " ".join([*map(str, (push or {}).get("tags") or []), *map(str, (push or {}).get("paths") or [])])
    found = set()
    for one in packages:
        path = rf"(?<![\w.-]){re.escape(one.folder)}(?![\w-])"
        if one.folder and re.search(path, f"{text} {starts}"):
            found.add(one)
    root = next((one for one in packages if not one.folder), None)
    if root and any(builds_root(workflow, key) for key in needed):
        found.add(root)
    text = f"{starts} {workflow.jobs.get(job, {}).get('if') or ''} {text}"
    named = {word: one for one in packages for word in {one.name, PurePosixPath(one.folder).name} if word}
    for text_of_names in (text, workflow.file):
        if found:
            break
        pattern = "|".join(
            re.escape(word).replace("_", "[-_]") for word in sorted(named, key=len, reverse=True)
        )
        for match in re.finditer(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", text_of_names, re.IGNORECASE):
            spelled = match[0].lower().replace("_", "-")
            found |= {one for word, one in named.items() if word.lower().replace("_", "-") == spelled}
    return found


def builds_root(workflow: Workflow, job: str) -> bool:
    """Whether a job builds a package, and says no folder or package where it does."""
    inside = (workflow.jobs.get(job, {}).get("defaults") or workflow.data.get("defaults") or {}).get(
        "run"
    ) or {}
    for step in workflow.steps(job):
        script = str(step.get("run", ""))
        if "working-directory" in {*step, *inside} or re.search(r"(?m)^\s*(?:cd|pushd)\s", script):
            continue
        if any(BUILDS.search(command) for _, command in commands_of(script)):
            return True
    return False


def own_jobs(
    workflows: dict[str, Workflow], jobs: Iterable[PublishingJob], packages: list[Member]
) -> tuple[PublishingJob, ...]:
    """The jobs that publish the package that is adopted, the first of some.

    Raises:
        AdoptionError: Which package a job publishes cannot be told.
    """
    own, unclear = [], []
    for job in jobs:
        found = owners(workflows[job.file], job.job, packages) if len(packages) > 1 else {packages[0]}
        if found == {packages[0]} or (not found and not packages[0].folder):
            own.append(job)
        elif not found or packages[0] in found:
            unclear.append(job)
    if unclear:
        raise AdoptionError(
            f"Of the {counted(len(packages), 'package')} here, these jobs do not say which one they publish: "
            + "; ".join(f"{job.place} {job.job}" for job in unclear),
            expected=f"a folder, a tag prefix or a name of {packages[0].name} in the workflow",
            fix=how_to_decide(unclear, workflows),
        )
    return tuple(own)


def how_to_decide(jobs: Iterable[PublishingJob], workflows: Mapping[str, Workflow]) -> str:
    """The options by which a person decides about jobs: by file, or by job where a file has several."""
    names = []
    for job in jobs:
        every = {one.job for one in workflows[job.file].judged}
        names.append(job.file if len(every) == 1 else job.name)
    options = " ".join(f"--keep {name}" for name in dict.fromkeys(names))
    return f"adopt {options} (--publisher for what publishes this package)"


# ---- Beside an upload -------------------------------------------------------------------------------


def text_of(step: Any) -> str:  # noqa: ANN401  (as YAML has it)
    """What a step uses or runs."""
    return f"{step.get('uses', '')}{step.get('run', '')}"


def harmless(step: Any) -> bool:  # noqa: ANN401  (as YAML has it)
    """Whether a step only prepares or looks at something."""
    commands = [command for _, command in commands_of(str(step.get("run", "")))]
    return not EFFECT.search(plain(step)) and (
        all(map(PREPARES.match, commands)) if commands else bool(HARMLESS.search(str(step.get("uses", ""))))
    )


def of_release(step: Any) -> bool:  # noqa: ANN401  (as YAML has it)
    """Whether a step makes a GitHub Release, signs for it, or writes its version or its tag."""
    text = text_of(step)
    tags = bool(COMMITS.search(text)) and any(str(name).startswith("tag") for name in step.get("with") or {})
    return (
        tags
        or bool(RELEASE_STEP.search(text))
        or any(re.search(p, text, re.IGNORECASE) for p in BOTS.values())
    )


def makes_release(workflow: Workflow, job: str) -> bool:
    """Whether a job makes a GitHub Release, with its notes, and does nothing else."""
    steps = workflow.steps(job)
    made = [number for number, step in enumerate(steps) if RELEASE_STEP.search(text_of(step))]
    return bool(made) and all(
        of_release(step) or harmless(step) or (number < max(made) and writes_notes(step))
        for number, step in enumerate(steps)
    )


def writes_notes(step: Any) -> bool:  # noqa: ANN401  (as YAML has it)
    """Whether a step says that it is about the notes or the version of a release, and has no other effect."""
    return bool(NOTES_STEP.search(f"{step.get('name', '')} {text_of(step)}")) and not EFFECT.search(
        plain(step)
    )


def side_jobs(workflow: Workflow, publishing: set[str]) -> list[str]:
    """Jobs that do something besides building, testing, publishing and making a GitHub Release."""
    known = publishing | workflow.needs(*publishing)
    return [str(key) for key in workflow.jobs if key not in known and not makes_release(workflow, key)]


def release_jobs(workflow: Workflow, publishing: set[str]) -> set[str]:
    """Jobs that make a GitHub Release after an upload or for a tag: that goes with the upload."""
    found = {
        str(key)
        for key, job in workflow.jobs.items()
        if key not in publishing
        and makes_release(workflow, key)
        and (workflow.needs(key) & publishing or workflow.only_releases or "refs/tags" in str(job.get("if")))
    }
    needed = {n for key in workflow.jobs if key not in publishing | found for n in workflow.needs(key)}
    return found - needed


def going_jobs(workflow: Workflow, publishing: set[str], protected: set[str]) -> set[str]:
    """The jobs that go with some publishing ones: all of them where nothing of the file's own stays."""
    jobs = publishing | (release_jobs(workflow, publishing) - protected)
    if protected:
        return jobs
    alone = workflow.only_releases or set(workflow.triggers) <= {"workflow_call", "workflow_dispatch"}
    return set(workflow.jobs) if alone and not side_jobs(workflow, publishing) else jobs


def release_steps(workflow: Workflow, going: Iterable[str]) -> list[str]:
    """The steps of jobs that go away, which made the GitHub Release or its tag: with file, line and name."""
    return [
        shown_step(workflow, job, number)
        for job in workflow.jobs
        if job in set(going)
        for number, step in enumerate(workflow.steps(job))
        if of_release(step)
    ]


def release_makers(workflow: Workflow, going: Iterable[str]) -> list[str]:
    """The steps of jobs that stay, which make a GitHub Release: with file, line, name, and what to do."""
    return [
        f"{shown_step(workflow, job, number)}: it makes a GitHub Release that nobody has read. "
        "Delete it, or let it make a draft."
        for job in workflow.jobs
        if job not in set(going)
        for number, step in enumerate(workflow.steps(job))
        if publishes_release(step)
    ]


def shown_step(workflow: Workflow, job: str, number: int) -> str:
    """A step with its file, its line and what it is."""
    step = workflow.steps(job)[number]
    name = str(step.get("name") or text_of(step).strip().partition("\n")[0])
    line = int(workflow.data["jobs"][job]["steps"].lc.item(number)[0]) + 1
    return f"{FOLDER}/{workflow.file}:{line} {name}"


def side_steps(workflow: Workflow, going: Iterable[str], publishing: set[str]) -> list[str]:
    """The steps of jobs that go away, which do something else: with file, line and what they are."""
    found = []
    for job in going:
        steps = workflow.steps(job)
        known = workflow.uploads(job, 0)
        sure = [step for step, upload in known if upload.certain] or [step for step, _ in known]
        uploads = [n for n, step in enumerate(steps) if any(step is one for one in sure)]
        made = [n for n, step in enumerate(steps) if RELEASE_STEP.search(text_of(step))]
        for number, step in enumerate(steps):
            after = job in publishing and bool(uploads) and number > max(uploads)
            notes = bool(made) and number < max(made) and writes_notes(step)
            effect = EFFECT.search(plain(step)) or (after and not harmless(step) and not notes)
            lost = number not in uploads and effect and not of_release(step)
            if elsewhere(step) or lost:
                found.append(shown_step(workflow, job, number))
    return found


def check_side_steps(workflow: Workflow, going: Iterable[str], publishing: set[str]) -> None:
    """Check that nothing is lost with the jobs that go.

    Raises:
        AdoptionError: Something would be; it is named.
    """
    for job in publishing:
        others = [elsewhere(step) for step, _ in workflow.uploads(job, 0)]
        if others and all(others):
            place = f"{FOLDER}/{workflow.file}:{workflow.line(job)} {job}"
            raise AdoptionError(
                f"{place} uploads to {others[0]}, and not to PyPI",
                expected="an upload to PyPI, whose place a release takes",
                fix=f"adopt --keep {workflow.file}:{job} (or delete that job, and commit)",
            )
    if lost := side_steps(workflow, going, publishing):
        raise AdoptionError(
            f"Beside the upload something else is done, and would be lost: {'; '.join(lost)}",
            expected="jobs that build, test and publish, and nothing more",
            fix="move those steps to a job without the upload, commit, run this again",
        )


# ---- Release bots ----------------------------------------------------------------------------------

BOTS = {
    "release-please": r"release-please-action|\brelease-please\b",
    "semantic-release": r"python-semantic-release|semantic-release-action|\b(?:npx |uvx )?semantic-release\b",
    "changesets": r"changesets/action|\bchangeset (?:version|publish|tag)\b",
    "commitizen": r"commitizen-action|\bcz (?:bump|[\w -]* bump)\b",
    "a bump of the version": (
        r"\b(?:bump2version|bumpversion|bump-my-version|bumpver|tbump|hatch version|poetry version)\b"
    ),
    "a tagging action": r"github-tag-action|tag-action|action-autotag|create-tag|auto-tag",
    "a pushed tag": (
        r"git push\b[^\n;&|]*(?:--tags|--follow-tags|refs/tags|\btags?\b|\$\{?(?:TAG|VERSION|NEXT)\w*"
        r"|v?\$\{\{[^}\n]*(?:tag|version)[^}\n]*\}\})"
    ),
}
# A bot that is only asked what it would do.
LOOKS = re.compile(
    r"--(?:dry-run|dry|help|version|get-next|changelog-to-stdout|print\S*|noop|no-op)(?![\w-])"
    r"|\bcz\s+(?:\S+\s+)*(?:check|version|changelog|info)\b|^\W*(?:echo|printf)\s",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Bot:
    """A step that makes versions or tags by itself.

    Attributes:
        place: Its file and line.
        name: What it is.
        silent: Whether it tags with the workflow's own token, which starts no other workflow.
    """

    place: str
    name: str
    silent: bool

    @property
    def advice(self) -> str:
        """What to do about it."""
        why = (
            "a tag pushed with GITHUB_TOKEN starts no release"
            if self.silent
            else "its tag starts the release"
        )
        do = (
            "push the tag by hand, or give the step a token of a GitHub App"
            if self.silent
            else "let it push the tag last, and make no GitHub Release"
        )
        return f"{self.place} {self.name}: {why}; {do}."


def find_bots(workflows: Iterable[Workflow], gone: Iterable[str] = ()) -> list[Bot]:
    """The release bots of a repository, one for each job; those of files that go away are none."""
    found = []
    for workflow in workflows:
        if workflow.file in set(gone) or workflow.ours:
            continue
        for job in workflow.jobs:
            for number, step in enumerate(workflow.steps(job)):
                commands = [c for _, c in commands_of(str(step.get("run", ""))) if not LOOKS.search(c)]
                text = f"{step.get('uses', '')} {chr(10).join(commands)}"
                names = [name for name, pattern in BOTS.items() if re.search(pattern, text, re.IGNORECASE)]
                if not names or (names == ["a bump of the version"] and not pushes(workflow, job)):
                    continue
                line = int(workflow.data["jobs"][job]["steps"].lc.item(number)[0]) + 1
                own = [s for s in workflow.secrets(job) if s != "GITHUB_TOKEN"]
                found.append(Bot(f"{FOLDER}/{workflow.file}:{line}", names[0], silent=not own))
                break
    return found


def pushes(workflow: Workflow, job: str) -> bool:
    """Whether a job pushes a commit or a tag."""
    text = " ".join(map(text_of, workflow.steps(job)))
    return bool(re.search(r"git push|git-auto-commit|add-and-commit|github-push", text))


# ---- Cutting ----------------------------------------------------------------------------------------


def without_jobs(workflow: Workflow, doomed: set[str]) -> str:
    """The text of a workflow without some jobs, every other byte as it was.

    Raises:
        AdoptionError: Another job needs one of them, or the file is laid out in a way that cannot be cut.
    """
    text = workflow.text
    for job in doomed:
        dependants = [
            str(key) for key in workflow.jobs if key not in doomed and job in workflow.needs(str(key))
        ]
        made = [key for key in dependants if makes_release(workflow, key)]
        if after := [str(key) for key in workflow.jobs for one in made if one in workflow.needs(str(key))]:
            raise AdoptionError(
                f"The job {made[0]!r} in {workflow.file} makes the GitHub Release, which the new workflow "
                f"does, and {after[0]!r} needs it",
                expected="jobs that build, test and publish, and make the GitHub Release",
                fix=f"move {after[0]!r} to a workflow on `release: published`, commit, run this again",
            )
        if dependants:
            raise AdoptionError(
                f"The job {job!r} in {workflow.file} publishes, and {dependants[0]!r} needs it",
                expected="a publishing job that can be taken out; a release installs what it publishes",
                fix=f"move {dependants[0]!r} to a workflow on `release: published`, commit, run this again",
            )
        text = _cut(parse(workflow.path, text), "jobs", job)
    meant = {key: value for key, value in workflow.data.items() if key != "jobs"}
    meant["jobs"] = {key: value for key, value in workflow.jobs.items() if key not in doomed}
    left = parse(workflow.path, text)
    if left.data != meant:
        raise AdoptionError(
            f"The job {min(doomed)!r} cannot be cut out of .github/workflows/{workflow.file} safely",
            expected="a workflow in block style",
            fix=f"delete that job from {workflow.file} by hand, commit, run this again",
        )
    publishes = any(job.job not in doomed for job in workflow.judged)
    return left.text if publishes else _without_identity(left)


def _cut(workflow: Workflow, table: str, key: str) -> str:
    """The text of a workflow without one key of a table, and without the comments that lead it."""
    lines = workflow.text.splitlines(keepends=True)
    parent = workflow.data[table]
    line, column = parent.lc.key(key)
    keys = list(parent)
    following = keys[keys.index(key) + 1 :]
    if following:
        end = parent.lc.key(following[0])[0]
    else:
        later = [workflow.data.lc.key(k)[0] for k in workflow.data if workflow.data.lc.key(k)[0] > line]
        end = min(later, default=len(lines))

    # Comments above a key belong to it; those above the next key stay.
    def leads(at: int) -> bool:
        stripped = lines[at].strip()
        return not stripped or (stripped.startswith("#") and lines[at].index("#") <= column)

    while end > line + 1 and leads(end - 1) and (following or end < len(lines)):
        end -= 1
    while line > 0 and lines[line - 1].strip().startswith("#") and lines[line - 1].index("#") == column:
        line -= 1
    if not following:
        while line > 0 and not lines[line - 1].strip():
            line -= 1
    else:
        while end < len(lines) and not lines[end].strip():
            end += 1
    return "".join(lines[:line] + lines[end:])


def _without_identity(workflow: Workflow) -> str:
    """The text of a workflow that publishes no more, without a workflow-wide identity token."""
    permissions: Any = workflow.data.get("permissions")
    if not isinstance(permissions, dict) or permissions.get("id-token") != "write":
        return workflow.text
    lines = workflow.text.splitlines(keepends=True)
    if len(permissions) == 1:
        start = workflow.data.lc.key("permissions")[0]
        end = workflow.data["permissions"].lc.key("id-token")[0]
        return "".join([*lines[:start], "permissions: {}\n", *lines[end + 1 :]])
    return _cut(workflow, "permissions", "id-token")
