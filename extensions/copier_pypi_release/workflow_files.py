"""The reader of workflow files: jobs, steps, what they need, what they may, which of them publish."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release_lib.step import ReleaseError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from copier_pypi_release.uploads import INDEX_SECRET, SUGGESTIVE, Reader, Upload, elsewhere, index_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from release_lib.settings import Settings

FOLDER = ".github/workflows"
SCRIPTS = ".github/release/"
PINNED = re.compile(r"@[0-9a-f]{40}\Z")
# In the order in which they run; each is a heading of RECOVERY.md.
STAGES = (
    *("gate", "build", "test", "publish-testpypi", "verify-testpypi"),
    *("publish-pypi", "verify-pypi", "github-release"),
)
# Before `build`, where a package is compiled: the sdist, then the wheels of each platform; it collects them.
COMPILING = ("sdist", "wheels")
PLATFORM = re.compile(r"(?:linux|macos|windows)-\w+")


def in_order(jobs: Collection[str]) -> list[str]:
    """The stages of a release in which these jobs run, in order."""
    every = [STAGES[0], *COMPILING, *STAGES[1:]]
    return [stage for stage in every if stage in STAGES or stage in jobs]


MAKES_RELEASE = re.compile(
    r"gh release create(?!.*--draft)|(?:action-gh-release|create-release|ncipollo/release-action)(?:@|\Z)"
)
SECRET = re.compile(r"secrets(?:\.|\[['\"])([A-Za-z_][A-Za-z0-9_]*)")
ALL_SECRETS = re.compile(r"\btojson\(\s*secrets\s*\)", re.IGNORECASE)
# A called workflow that is for something else than a release.
OTHER_CALL = re.compile(
    r"test|lint|check|style|format|docs?\b|codeql|scan|audit|secur|coverage|stale|label|triage|lock|pre-commit"
    r"|renovate|dependabot|deps|bench|zizmor|\bci\b",
    re.IGNORECASE,
)
# What asks for an identity and uploads nothing to an index.
OTHER_IDENTITY = re.compile(
    r"deploy-pages|attest|sigstore|cosign|slsa|codecov|configure-aws|google-github-actions/auth|azure/login"
    r"|vault-action|scorecard|claude-code|codspeed|docker/|coveralls|npm publish|pypi-attestations",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PublishingJob:
    """A job that uploads to an index.

    Attributes:
        file: File name of its workflow.
        job: Its key there.
        index: ``pypi`` or ``testpypi``.
        environment: The GitHub environment that it runs in; empty without one, or with a computed one.
        trusted: Whether it needs no token.
        secrets: Names of the secrets that it uses.
        ours: Whether this template rendered it.
        certain: Whether it uploads without any doubt.
        line: Its line in the workflow.
        how: What uploads, and where that is written.
    """

    file: str
    job: str
    index: str
    environment: str
    trusted: bool
    secrets: tuple[str, ...] = ()
    ours: bool = False
    certain: bool = True
    line: int = field(default=0, compare=False)
    how: str = field(default="", compare=False)

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{FOLDER}/{self.file}:{self.line}"

    @property
    def name(self) -> str:
        """As a person names it alone: FILE:JOB."""
        return f"{self.file}:{self.job}"

    def named_in(self, names: Collection[str]) -> bool:
        """Whether names, each FILE or FILE:JOB, have it or its file."""
        return self.file in names or self.name in names


@dataclass(frozen=True)
class Script:
    """A release script that a step runs.

    Attributes:
        name: Its file name.
        arguments: Its arguments.
        words: The whole command.
        step: The step.
    """

    name: str
    arguments: tuple[str, ...]
    words: tuple[str, ...]
    step: Mapping[str, Any] = field(compare=False)

    @property
    def condition(self) -> str:
        """When the step runs; empty if it always does."""
        return str(self.step.get("if", ""))

    @property
    def counts(self) -> bool:
        """Whether it always runs and its failure fails the job."""
        return not self.condition and not self.step.get("continue-on-error")


# ---- Workflows --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workflow:
    """A workflow file.

    Attributes:
        path: The file.
        text: Its contents.
        data: Its contents, parsed (YAML 1.2, where ``on`` is a word) by a loader that knows the lines.
    """

    path: Path
    text: str
    data: Any = field(compare=False, hash=False)

    @property
    def file(self) -> str:
        """File name."""
        return self.path.name

    @property
    def place(self) -> str:
        """Path from the root of the repository."""
        return f"{FOLDER}/{self.file}"

    @property
    def jobs(self) -> Mapping[str, Any]:
        """The jobs by key."""
        found = self.data.get("jobs")
        return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}

    @property
    def triggers(self) -> Mapping[str, Any]:
        """What starts it."""
        on = self.data.get("on")
        if isinstance(on, str):
            return {on: None}
        if isinstance(on, list):
            return dict.fromkeys(on)
        return on if isinstance(on, dict) else {}

    @property
    def only_releases(self) -> bool:
        """Whether nothing but a tag, a GitHub Release or a person starts it."""
        push = self.triggers.get("push", {"tags": []})
        by_tag = isinstance(push, dict) and "tags" in push and not {"branches", "branches-ignore"} & set(push)
        return by_tag and set(self.triggers) <= {"push", "release", "workflow_dispatch", "create"}

    @property
    def tests_commits(self) -> bool:
        """Whether commits or pull requests start it."""
        push = self.triggers.get("push", {"tags": []})
        by_branch = not (
            isinstance(push, dict) and "tags" in push and not {"branches", "branches-ignore"} & set(push)
        )
        return by_branch or "pull_request" in self.triggers

    @property
    def ours(self) -> bool:
        """Whether this template rendered it, to release."""
        return f"{SCRIPTS}check_tag.py" in self.text

    def needs(self, *jobs: str) -> set[str]:
        """The jobs that some jobs need, directly or not."""
        found: set[str] = set()
        waiting = list(jobs)
        while waiting:
            direct = self.jobs.get(waiting.pop(), {}).get("needs") or []
            new = ({direct} if isinstance(direct, str) else set(direct)) - found
            waiting += sorted(new)
            found |= new
        return found

    def steps(self, job: str) -> list[Mapping[str, Any]]:
        """The steps of a job; none for a call of another workflow."""
        found = self.jobs.get(job, {}).get("steps") or []
        return [step for step in found if isinstance(step, dict)]

    def using(self, action: str) -> list[tuple[str, Mapping[str, Any]]]:
        """The steps that use an action, with the key of their job."""
        return [
            (job, step)
            for job in self.jobs
            for step in self.steps(job)
            if str(step.get("uses", "")).partition("@")[0] == action
        ]

    def scripts(self, job: str) -> list[Script]:
        """The release scripts that a job runs, in order."""
        found = []
        for step in self.steps(job):
            for line in str(step.get("run", "")).splitlines():
                try:
                    words = shlex.split(line, comments=True)
                except ValueError:
                    continue  # a line of the user's own, of a shell of their own
                for number, word in enumerate(words):
                    if SCRIPTS in word:
                        name, arguments = word.rpartition("/")[2], tuple(words[number + 1 :])
                        found.append(Script(name, arguments, tuple(words), step))
        return found

    @property
    def platforms(self) -> list[str]:
        """The platforms that the job of the sdist plans wheels for; none of a pure package."""
        scripts = [script for script in self.scripts("sdist") if script.name == "build_sdist.py"]
        return [word for script in scripts for word in script.words if PLATFORM.fullmatch(word)]

    def uses(self) -> list[str]:
        """Every action and workflow of another repository that is used."""
        steps = [step for job in self.jobs for step in self.steps(job)]
        named = [str(item["uses"]) for item in (*steps, *self.jobs.values()) if "uses" in item]
        return [name for name in named if not name.startswith(("./", "docker://"))]

    def environment(self, job: str) -> str:
        """Name of the environment of a job; empty if it has none."""
        found = self.jobs.get(job, {}).get("environment", "")
        return str(found.get("name", "")) if isinstance(found, dict) else str(found or "")

    def permissions(self, job: str) -> Mapping[str, Any] | str | None:
        """What a job's token may, inherited or not; None where the repository's setting decides."""
        found: Mapping[str, Any] | str | None = self.jobs.get(job, {}).get(
            "permissions", self.data.get("permissions")
        )
        return found

    def identified(self, job: str) -> bool:
        """Whether a job can ask for an identity token."""
        found = self.permissions(job)
        return found == "write-all" or (isinstance(found, dict) and found.get("id-token") == "write")

    def job_of(self, shown: str) -> str:
        """Key of the job that is shown by a name, which may have the values of a matrix."""
        for key, job in self.jobs.items():
            fixed = str(job.get("name", key)).split("${{")[0]
            if shown in (fixed, key) or ("${{" in str(job.get("name", "")) and shown.startswith(fixed)):
                return key
        return ""

    @property
    def root(self) -> Path | None:
        """The root of its repository; None if it stands alone."""
        folder = self.path.parent
        return (
            folder.parent.parent if folder.name == "workflows" and folder.parent.name == ".github" else None
        )

    def line(self, job: str) -> int:
        """The line of a job."""
        return int(self.data["jobs"].lc.key(job)[0]) + 1

    def secrets(self, job: str) -> tuple[str, ...]:
        """The names of the secrets that a job, or the whole workflow, hands to its steps."""
        text = f"{plain(self.jobs.get(job, {}))} {self.data.get('env') or ''}"
        return tuple(dict.fromkeys(SECRET.findall(text)))

    def holds_secret(self, job: str) -> bool:
        """Whether a job has the secret of an index, by the name of the secret or of what it becomes."""
        text = f"{plain(self.jobs.get(job, {}))} {self.data.get('env') or ''}"
        return any(INDEX_SECRET.search(name) for name in self.secrets(job)) or bool(
            re.search(
                r"(?:TWINE_PASSWORD|UV_PUBLISH_TOKEN|HATCH_INDEX_AUTH|FLIT_PASSWORD|MATURIN_PYPI_TOKEN)\W+\$\{\{",
                text,
            )
        )

    def publishing_jobs(self) -> list[PublishingJob]:
        """Every job that uploads to an index without any doubt; once for each index."""
        return [job for job in self.judged if job.certain]

    def doubtful_jobs(self) -> list[PublishingJob]:
        """Every job that could upload to an index, and nobody but a person can say whether it does."""
        return [] if self.ours else [job for job in self.judged if not job.certain]

    @functools.cached_property
    def judged(self) -> list[PublishingJob]:
        """Every job that uploads to an index or could; once for each index."""
        found = []
        wide = (
            isinstance(self.data.get("permissions"), dict)
            and self.data["permissions"].get("id-token") == "write"
        )
        for key, job in self.jobs.items():
            uploads = self.uploads(key, depth=0)
            if any(u.certain for _, u in uploads):
                uploads = [(step, u) for step, u in uploads if u.certain]
            elif not uploads and (doubt := self._doubt(key, wide=wide)):
                uploads = [({}, Upload(doubt, certain=False))]
            for index in dict.fromkeys(u.index for _, u in uploads):
                mine = [(step, u) for step, u in uploads if u.index == index]
                text = (
                    " ".join(plain(step) for step, _ in mine)
                    + f"{job.get('env') or ''}{job.get('secrets') or ''}"
                )
                if any(u.file for _, u in mine):
                    text += f"{self.data.get('env') or ''}"
                environment = self.environment(key)
                secrets = tuple(dict.fromkeys(SECRET.findall(text)))
                found.append(
                    PublishingJob(
                        file=self.file,
                        job=str(key),
                        index=index,
                        environment="" if "${{" in environment else environment,
                        trusted=self.identified(key) and not any(s != "GITHUB_TOKEN" for s in secrets),
                        secrets=secrets,
                        ours=self.ours,
                        certain=mine[0][1].certain,
                        line=self.line(key),
                        how=mine[0][1].place if mine[0][0] or mine[0][1].certain else mine[0][1].what,
                    )
                )
        return found

    def uploads(self, job: str, depth: int) -> list[tuple[Mapping[str, Any], Upload]]:
        """The uploads of a job, each with its step: its own, and those behind what it runs."""
        steps = self.steps(job)
        if self.root is None:
            return [
                (s, Upload(str(s.get("uses") or s.get("run")), index))
                for s in steps
                if (index := index_of(s))
            ]
        if self.ours and depth == 0:
            return [(s, Upload("the release", index)) for s in steps if (index := index_of(s))]
        holder = self.identified(job) or self.holds_secret(job)
        reader = Reader(self.root, holder=holder)
        folder = (self.jobs[job].get("defaults") or self.data.get("defaults") or {}).get("run") or {}
        values = matrix_values(self.jobs[job])
        env = f"{dict(self.jobs[job].get('env') or {})}{dict(self.data.get('env') or {})}"
        found = [
            (step, upload)
            for step in steps
            for upload in reader.step(step, values, str(folder.get("working-directory") or ""), env)
        ]
        called = str(self.jobs[job].get("uses", ""))
        if called.startswith(f"./{FOLDER}/") and depth < 4:  # noqa: PLR2004  (GitHub's own limit)
            path = self.root / called
            try:
                other = load(path)
            except ReleaseError:
                return found
            for inner in other.jobs:
                for _, upload in other.uploads(inner, depth + 1):
                    where = Upload(
                        upload.what,
                        upload.index,
                        upload.certain,
                        upload.file or other.place,
                        upload.line or other.line(inner),
                    )
                    found.append((self.jobs[job], where))
        return found

    def _doubt(self, job: str, *, wide: bool) -> str:
        """Why a job that uploads nothing that can be seen could do so all the same; empty if it cannot."""
        text = plain(self.jobs[job])
        called = str(self.jobs[job].get("uses", ""))
        if self.holds_secret(job):
            return "holds a secret of an index"
        if ALL_SECRETS.search(text):
            return "hands over all secrets"
        if called and not called.startswith("./") and (doubt := self._call(job, called)):
            return doubt
        own = self.jobs[job].get("permissions")
        asked = own == "write-all" or (isinstance(own, dict) and own.get("id-token") == "write")
        if asked and not OTHER_IDENTITY.search(text) and not any(elsewhere(s) for s in self.steps(job)):
            return "may ask for an identity (id-token: write)"
        if wide and own is None:
            others = " ".join(plain(one) for one in self.jobs.values())
            certain = any(u.certain for key in self.jobs for _, u in self.uploads(key, depth=0))
            if not certain and not OTHER_IDENTITY.search(others):
                return "may ask for an identity (id-token: write)"
        return ""

    def _call(self, job: str, called: str) -> str:
        """Why a job that calls a workflow of another repository could upload; empty if it cannot."""
        given = self.jobs[job].get("secrets")
        if SUGGESTIVE.search(called) and (given is not None or self.identified(job)):
            return f"calls {called}"
        asked = f"{job} {plain(self.jobs[job].get('with') or {})}"
        other = OTHER_CALL.search(called.partition("@")[0].rpartition("/")[2])
        if given == "inherit" and (SUGGESTIVE.search(asked) or not other):
            return f"hands all secrets to {called}"
        return ""


def plain(value: object) -> str:
    """What a part of a workflow says, without its comments."""
    if isinstance(value, dict):
        return " ".join(f"{key}: {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " ".join(map(plain, value))
    return str(value)


def publishes_release(step: Mapping[str, Any]) -> bool:
    """Whether a step makes a GitHub Release that is no draft."""
    made = MAKES_RELEASE.search(f"{step.get('uses', '')} {step.get('run', '')}")
    return bool(made) and (step.get("with") or {}).get("draft") is not True


def matrix_values(job: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the matrix of a job can put in, by expression; without what is worked out while it runs."""
    matrix = (job.get("strategy") or {}).get("matrix") or {}
    found: dict[str, list[str]] = {}
    if not isinstance(matrix, dict):
        return found
    for key, values in matrix.items():
        rows = values if isinstance(values, list) else []
        for row in rows:
            cells = row.items() if isinstance(row, dict) else [("", row)]
            for name, cell in cells:
                path = (f"matrix.{name}" if key == "include" else f"matrix.{key}") + (
                    f".{name}" if name and key != "include" else ""
                )
                found.setdefault(path, []).append(str(cell))
    return {name: list(dict.fromkeys(values)) for name, values in found.items()}


FILTERS = {"branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore", "workflows"}


@functools.lru_cache(maxsize=64)
def _data(text: str) -> Any:  # noqa: ANN401  (whatever the text says)
    """What a YAML text says, in one shape; not to be changed: the next who asks gets the same object."""
    data = YAML(typ="rt").load(text)
    if isinstance(data, dict):
        _shape(data)
    return data


def _shape(data: Any) -> None:  # noqa: ANN401  (as YAML has it)
    """Give each part of a workflow the one type that is read, whatever stands there.

    GitHub takes an expression for many a table, such as ``env: ${{ matrix.env }}``; people leave keys without
    a value. What is no table becomes one with the key ``""``.
    """
    jobs = data.get("jobs")
    for part in [data, *(jobs.values() if isinstance(jobs, dict) else ())]:
        if isinstance(part, dict):
            _tables(part, "env", "defaults")
            _tables(part.get("defaults", {}), "run")
            if not isinstance(part.get("permissions", ""), dict | str | None):
                part["permissions"] = str(part["permissions"])
            _shape_job(part)
    on = data.get("on")
    if isinstance(on, list):
        data["on"] = {str(name): None for name in on}
    for name, event in on.items() if isinstance(on, dict) else ():
        on[name] = event if isinstance(event, dict) or name == "schedule" else None
        for key in FILTERS & set(event if isinstance(event, dict) else ()):
            if not isinstance(event[key], list):
                event[key] = [] if event[key] is None else [str(event[key])]


def _shape_job(job: Any) -> None:  # noqa: ANN401  (as YAML has it)
    """The same for a job."""
    _tables(job, "strategy", "outputs")
    _tables(job.get("strategy", {}), "matrix")
    matrix = job.get("strategy", {}).get("matrix", {})
    for key in {"include", "exclude"} & set(matrix):
        cells = matrix[key] if isinstance(matrix[key], list) else [matrix[key]]
        matrix[key] = [cell if isinstance(cell, dict) else {"": cell} for cell in cells]
    if needed := job.get("needs"):
        job["needs"] = [str(name) for name in (needed if isinstance(needed, list) else [needed])]
    if not isinstance(job.get("steps", []), list):
        job["steps"] = []
    for step in job.get("steps", []):
        _tables(step if isinstance(step, dict) else {}, "env", "with")


def _tables(node: Any, *keys: str) -> None:  # noqa: ANN401  (as YAML has it)
    """Make tables of some parts of a node."""
    for key in keys:
        if key in node and not isinstance(node[key], dict):
            node[key] = {} if node[key] is None else {"": node[key]}


def parse(file: str | Path, text: str) -> Workflow:
    """Parse the text of a workflow.

    Raises:
        ReleaseError: It is not YAML, or no mapping.
    """
    path = Path(file)
    try:
        data = _data(text)
    except (YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise _unreadable(path, f"is not YAML{where}: {reason}") from error
    if not isinstance(data, dict):
        raise _unreadable(path, "is not a workflow: it has no keys")
    return Workflow(path, text, data)


def load(path: Path) -> Workflow:
    """Read a workflow.

    Raises:
        ReleaseError: It is missing, is not UTF-8, is not YAML, or no mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8")  # line breaks as they are
    except FileNotFoundError as error:
        raise _unreadable(path, "is missing") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"cannot be read: {error}") from error
    return parse(path, text)


def _unreadable(path: Path, problem: str) -> ReleaseError:
    place = f"{FOLDER}/{path.name}"
    return ReleaseError(
        f"{place} {problem}",
        expected="workflows that can be read, so that no publishing job is overlooked",
        fix=f"git log -p -- {place} shows what changed; correct it, commit, and run this again",
        see="https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax",
    )


def load_release(root: Path, settings: Settings) -> Workflow:
    """Read the workflow that releases; see `load`."""
    return load(root / FOLDER / settings.release_workflow)


def workflow_paths(root: Path) -> list[Path]:
    """The files that GitHub takes for workflows, by name."""
    return sorted(p for p in (root / FOLDER).glob("*") if p.suffix in {".yml", ".yaml"} and p.is_file())


def workflows(root: Path) -> list[Workflow]:
    """Every workflow of a repository that can be read, by name of the file."""
    found = []
    for path in workflow_paths(root):
        try:
            found.append(load(path))
        except ReleaseError:
            continue  # GitHub cannot read it either
    return found


def pattern_of_tags(prefix: str) -> str:
    """The tags that start a release, as a pattern of GitHub."""
    return f"{prefix}[0-9]*"


def unpinned(root: Path) -> list[str]:
    """``FILE: ACTION`` for every action that is not pinned to a full commit."""
    return loose(workflows(root))


def loose(read: Iterable[Workflow]) -> list[str]:
    """``FILE: ACTION`` for every action of some workflows that is not pinned to a full commit."""
    return [f"{w.file}: {name}" for w in read for name in w.uses() if not PINNED.search(name)]
