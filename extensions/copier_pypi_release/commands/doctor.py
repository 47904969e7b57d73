"""Look for what looks done but is not: every line of the list, checked or named for a look by hand.

What the files show is checked without a network; what GitHub and the indexes know is asked; what nobody
can ask is listed with the page to look at. The exit status is 0 only if nothing failed.
"""

from __future__ import annotations

import ast
import configparser
import dataclasses
import datetime as dt
import enum
import functools
import json
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pypi_simple import NoSuchProjectError
from release_lib import step
from release_lib.index import INDEXES, Index, files_of
from release_lib.step import ReleaseError, git
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from copier_pypi_release.console import console, lines, marked, table
from copier_pypi_release.github import GitHub, check_origin, find_token, quoted
from copier_pypi_release.github_settings import AGAIN, JOBS, admits, immutable_item, rulesets, tag_pattern
from copier_pypi_release.repository import find_root, find_settings
from copier_pypi_release.workflow_files import PINNED, STAGES, Workflow, load_release, unpinned, workflows

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from release_lib.settings import Settings

RENDER = "copier update --defaults (renders it again), or git log -p -- {} to see who changed it"
STALE = dt.timedelta(days=60)  # time for a bot's pull request to be merged
UPLOAD = re.compile(
    r"pypa/gh-action-pypi-publish|\b(?:twine upload|uv publish|flit publish|hatch publish|poetry publish"
    r"|maturin (?:upload|publish)|pdm publish|setup\.py\s.*upload)\b|provider: pypi|python-semantic-release"
)
ELSEWHERE = (".travis.yml", ".gitlab-ci.yml", ".circleci/config.yml", "azure-pipelines.yml", "appveyor.yml")
SECRETS = re.compile(r"PYPI|TWINE|UV_PUBLISH|FLIT|HATCH_INDEX", re.IGNORECASE)


class Result(enum.Enum):
    """What a check found out."""

    PASS = "pass"  # noqa: S105  (no password)
    FAIL = "fail"
    UNKNOWN = "cannot know"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the list.

    Attributes:
        check: Its id: C1 to C13, or a word.
        title: What it is about.
        result: Whether it passed.
        found: What was found.
        mend: The command or page that mends it, or the page to look at.
    """

    check: str
    title: str
    result: Result
    found: str
    mend: str = ""


class Failed(Exception):  # noqa: N818  (a verdict, not an error)
    """A check failed: what was found, and what mends it."""

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.mend = mend


class Unknown(Exception):  # noqa: N818  (a verdict, not an error)
    """Nobody can ask: why, and the page to look at."""

    def __init__(self, why: str, look: str) -> None:
        super().__init__(why)
        self.look = look


@dataclasses.dataclass
class Patient:
    """What is looked at.

    Attributes:
        root: The repository's folder.
        settings: The project's settings.
        workflow: The release workflow.
        host: GitHub; None when it cannot be asked.
        why_not: Why it cannot be asked.
        offline: Whether nothing may be asked.
    """

    root: Path
    settings: Settings
    workflow: Workflow
    host: GitHub | None
    why_not: str = ""
    offline: bool = False

    @property
    def github(self) -> GitHub:
        """GitHub.

        Raises:
            Unknown: It cannot be asked.
        """
        if self.host is None:
            raise Unknown(self.why_not, f"https://github.com/{self.settings.repository}/settings")
        return self.host

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """What GitHub says about the repository."""
        return self.github.repository_info()

    @property
    def administers(self) -> bool:
        """Whether the login may see the settings that only administrators see."""
        return bool((self.facts.get("permissions") or {}).get("admin"))

    def only_admins(self, page: str) -> None:
        """Say that a setting is shown to administrators only, if this login is none.

        Raises:
            Unknown: It is none.
        """
        if not self.administers:
            raise Unknown("only an administrator sees it", self.github.page(page))


def demand(wrong: list[str], mend: str) -> None:
    """Fail if anything is wrong.

    Raises:
        Failed: Something is.
    """
    if wrong:
        raise Failed("; ".join(wrong), mend)


# ---- C1 to C13 --------------------------------------------------------------------------------------


def tag_rule(patient: Patient) -> str:
    """C1: only maintainers create release tags, and nobody moves or deletes them."""
    pattern = f"refs/tags/{tag_pattern(patient.settings)}"
    wanted = rulesets(patient.root)
    kinds = {rule["type"] for ruleset in wanted for rule in ruleset["rules"]}
    wrong = [
        f"{r['name']!r} is not for {pattern}"
        for r in wanted
        if pattern not in r["conditions"]["ref_name"]["include"]
    ]
    wrong += [f"no rule against {k}" for k in ("creation", "update", "deletion") if k not in kinds]
    demand(wrong, RENDER.format(".github/rulesets"))
    host = patient.github
    ref = f"refs/tags/{patient.settings.tag('1.2.3')}"
    held: set[str] = set()
    for listed in host.get_all("rulesets"):
        if listed.get("target") == "tag" and listed["enforcement"] == "active":
            found = host.get(f"rulesets/{listed['id']}") or {}
            names = (found.get("conditions") or {}).get("ref_name") or {}
            applies = any(p == "~ALL" or fnmatchcase(ref, p) for p in names.get("include", []))
            kinds = {rule["type"] for rule in found.get("rules", [])}
            if applies and not any(fnmatchcase(ref, p) for p in names.get("exclude", [])):
                # Whoever bypasses a rule that forbids moving moves tags; who bypasses is shown to admins.
                held |= kinds if not found.get("bypass_actors") else kinds & {"creation"}
    wrong = [f"nothing forbids the {k} of {ref}" for k in ("creation", "update", "deletion") if k not in held]
    demand(wrong, AGAIN)
    return "created by maintainers only, never moved or deleted"


def publisher_values(patient: Patient) -> str:
    """C2: the four values of each trusted publisher are the ones that the workflow has."""
    settings, workflow = patient.settings, patient.workflow
    owner, _, name = settings.repository.partition("/")
    runbook = patient.root / "RELEASING.md"
    text = runbook.read_text(encoding="utf-8") if runbook.is_file() else ""
    rows = {
        cells[0]: cells[1:]
        for line in text.splitlines()
        if len(cells := [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")])
        == len("abc")
    }
    file = workflow.path.name
    environments = [workflow.environment(job) for job in JOBS.values()]
    wanted = {
        "Project name": [settings.distribution] * 2,
        "Owner": [owner] * 2,
        "Repository name": [name] * 2,
        "Workflow name": [file] * 2,
        "Environment name": environments,
    }
    demand(
        [
            f"{k} is {' / '.join(rows.get(k, ['missing']))} in RELEASING.md, not {' / '.join(v)}"
            for k, v in wanted.items()
            if rows.get(k) != v
        ],
        RENDER.format(f"RELEASING.md {workflow.place}"),
    )
    wrong, seen = [], []
    for (key, job), environment in zip(JOBS.items(), environments, strict=True):
        found = None if patient.offline else newest_publisher(INDEXES[key], settings)
        expected = {"repository": settings.repository, "workflow": file, "environment": environment}
        for field, value in expected.items() if found else ():
            had = str((found or {}).get(field) or "")
            same = had == value if field == "workflow" else had.casefold() == value.casefold()
            if not same:
                wrong.append(
                    f"{INDEXES[key].title} was published to with {field} {had!r}; {job} has {value!r}"
                )
        seen += [key] if found else []
    form = publishing_page(INDEXES["pypi"], settings)
    demand(wrong, f"compare the form with RELEASING.md, 'Before the first release': {form}")
    missing = [INDEXES[key] for key in JOBS if key not in seen]
    if missing:
        raise Unknown(
            f"nothing published yet on {' and '.join(i.title for i in missing)}, so the form has to be read"
            if not patient.offline
            else "offline; the documents agree with the workflow",
            " ".join(publishing_page(index, settings) for index in missing),
        )
    return "as the newest release on both indexes was published"


def runs_in(workflow: Workflow, job: str, *command: str) -> bool:
    """Whether a job runs a release script, with some words, in a step that is never left out."""
    return any(found[0] == command[0] and set(command[1:]) <= set(found) for found in workflow.scripts(job))


def version_check(patient: Patient) -> str:
    """C3: the version of both distributions equals the tag, before any upload."""
    if not runs_in(patient.workflow, "build", "check_distributions.py"):
        raise Failed(
            "no step of the job build runs check_distributions.py", RENDER.format(patient.workflow.place)
        )
    return "in the job build"


def installs_from(index: str) -> Callable[[Patient], str]:
    """C4 and C5: the release is installed from an index and compared by hash."""

    def check(patient: Patient) -> str:
        job = f"verify-{index}"
        if not runs_in(patient.workflow, job, "verify_index.py", index):
            raise Failed(
                f"no step of the job {job} runs verify_index.py {index}",
                RENDER.format(patient.workflow.place),
            )
        return f"in the job {job}"

    return check


def gate_needs(patient: Patient) -> str:
    """C6: no publishing job can start unless every gate before it has succeeded."""
    workflow, order = patient.workflow, list(STAGES)
    absent = [job for job in order if job not in workflow.jobs]
    wrong = [f"there is no job {job}" for job in absent]
    for number, job in enumerate(order):
        before = set(order[:number]) - set(absent)
        lacking = sorted(before - workflow.needs(job)) if number and job not in absent else []
        wrong += [f"{job} does not wait for {', '.join(lacking)}"] if lacking else []
        condition = str(workflow.jobs.get(job, {}).get("if", ""))
        if condition and (number or "fork" not in condition):
            wrong.append(f"{job} has a condition of its own: {condition}")
        parts = [workflow.jobs.get(job, {}), *workflow.steps(job)]
        wrong += [f"{job} goes on after an error" for part in parts if part.get("continue-on-error")]
    demand(wrong, RENDER.format(patient.workflow.place))
    return " -> ".join(order)


def isolation(patient: Patient) -> str:
    """C7: built once; a publishing job downloads and publishes, and alone has the identity."""
    workflow = patient.workflow
    wrong = [] if workflow.data.get("permissions") == {} else ["permissions do not start from {}"]
    for key, job in workflow.jobs.items():
        rights = job.get("permissions") or {}
        identity = rights if isinstance(rights, str) else rights.get("id-token")
        publishes = key in JOBS.values()
        if bool(identity) != publishes:
            wrong.append(f"{key} {'has no' if publishes else 'has an'} identity token")
        if publishes:
            used = [str(s.get("uses", s.get("run", ""))).split("@")[0] for s in workflow.steps(key)]
            if used != ["actions/download-artifact", "pypa/gh-action-pypi-publish"]:
                wrong.append(f"{key} does more than download and publish: {', '.join(used)}")
            if not isinstance(rights, str) and set(rights) - {"id-token"}:
                wrong.append(f"{key} has more rights than id-token")
        if key != "build" and any(found[0] == "build_distributions.py" for found in workflow.scripts(key)):
            wrong.append(f"{key} builds again")
        if "uses" in job:
            wrong.append(f"{key} is a reusable workflow, whose identity no publisher knows")
    demand(wrong, RENDER.format(patient.workflow.place))
    return "two steps each, built once"


def notes_reviewed(patient: Patient) -> str:
    """C8: the notes are written before anything is published, and the GitHub Release is a draft."""
    workflow = patient.workflow
    wrong = []
    if not runs_in(workflow, "gate", "release_notes.py", "--output"):
        wrong.append("the gate does not write the notes")
    if not runs_in(workflow, "github-release", "draft_release.py"):
        wrong.append("github-release does not run draft_release.py")
    for other in workflows(patient.root):
        made = re.search(
            r"gh release create(?!.*--draft)|softprops/action-gh-release|create-release@", other.text
        )
        wrong += [f"{other.path.name} publishes a GitHub Release by itself"] if made else []
    demand(wrong, RENDER.format(patient.workflow.place))
    return "a draft, published by a person"


def runbook(patient: Patient) -> str:
    """C9: the runbook has a row for every job."""
    path = patient.root / "RELEASING.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    headings = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    wrong = [] if text else ["RELEASING.md is missing"]
    jobs = [job for job in patient.workflow.jobs if job != "report"]
    wrong += [f"RELEASING.md has no heading for {job}" for job in jobs if text and job not in headings]
    demand(wrong, RENDER.format("RELEASING.md"))
    return f"RELEASING.md, a heading for each of {len(jobs)} jobs"


def notification(patient: Patient) -> str:
    """C10: a failed release tells somebody."""
    workflow, answers = patient.workflow, copier_answers(patient.root)
    if "report" not in workflow.jobs and answers.get("failure_issue") is False:
        raise Unknown(
            "no issue was wanted; GitHub mails whoever pushed the tag",
            "https://github.com/settings/notifications",
        )
    job = workflow.jobs.get("report", {})
    wrong = [] if runs_in(workflow, "report", "report_outcome.py") else ["no job runs report_outcome.py"]
    if job and "always()" not in str(job.get("if", "")):
        wrong.append("report does not run after a failure (always())")
    lacking = sorted(set(STAGES) - workflow.needs("report"))
    wrong += [f"report does not see {', '.join(lacking)}"] if job and lacking else []
    if job and (job.get("permissions") or {}).get("issues") != "write":
        wrong.append("report may not write issues")
    demand(wrong, RENDER.format(patient.workflow.place))
    if patient.host and not patient.facts.get("has_issues", True):
        raise Failed("issues are switched off", f"gh repo edit {patient.settings.repository} --enable-issues")
    return "an issue that names the stage"


def tag_validation(patient: Patient) -> str:
    """C11: a tag that is no canonical version stops before anything is built."""
    workflow = patient.workflow
    scripts = [found[0] for found in workflow.scripts("gate")]
    wrong = [] if scripts[:1] == ["check_tag.py"] else ["the gate does not begin with check_tag.py"]
    if "check_commit.py" not in scripts:
        wrong.append("the gate does not run check_commit.py")
    events = workflow.data.get("on") or {}
    tags = (events.get("push") or {}).get("tags") if isinstance(events, dict) else None
    if tags != [tag_pattern(patient.settings)]:
        wrong.append(f"it starts for the tags {tags}, not for {tag_pattern(patient.settings)}")
    others = sorted(set(events) - {"push", "workflow_dispatch"}) + (
        ["branches"] if "branches" in (events.get("push") or {}) else []
    )
    wrong += [f"it starts from {', '.join(others)} too"] if others else []
    demand(wrong, RENDER.format(patient.workflow.place))
    return f"tags {tag_pattern(patient.settings)}, read by packaging.version"


def duplicates(patient: Patient) -> str:
    """C12: a re-run finishes what is there, other bytes are refused, one run a version at a time."""
    workflow = patient.workflow
    wrong = []
    for key, job in JOBS.items():
        publish = [s for s in workflow.steps(job) if "gh-action-pypi-publish" in str(s.get("uses", ""))]
        if not publish or (publish[0].get("with") or {}).get("skip-existing") is not True:
            wrong.append(f"{job} does not skip what is there")
        if publish and "password" in (publish[0].get("with") or {}):
            wrong.append(f"{job} has a password, which switches trusted publishing off")
        if not runs_in(workflow, "build", "check_index.py", key):
            wrong.append(f"build does not ask {INDEXES[key].title} what it has")
    group = workflow.data.get("concurrency") or {}
    if not isinstance(group, dict) or "inputs.tag || github.ref_name" not in str(group.get("group")):
        wrong.append("two runs for one tag can run at the same time")
    elif group.get("cancel-in-progress"):
        wrong.append("a run can be cancelled half-way")
    demand(wrong, RENDER.format(patient.workflow.place))
    return "skipped by name, compared by hash, one run a tag"


def environments(patient: Patient) -> str:
    """C13: both environments exist; the production one waits for a reviewer; only release refs get in."""
    workflow, settings = patient.workflow, patient.settings
    named = {key: workflow.environment(job) for key, job in JOBS.items()}
    demand(
        [f"{JOBS[key]} names no environment" for key, name in named.items() if not name],
        RENDER.format(patient.workflow.place),
    )
    if named["testpypi"].casefold() == named["pypi"].casefold():
        raise Failed("both indexes share one environment", RENDER.format(patient.workflow.place))
    host, wrong, notes = patient.github, [], []
    for key, name in named.items():
        path = f"environments/{quoted(name)}"
        found = host.get(path)
        if found is None:
            wrong.append(f"{name} does not exist; a release would create it unprotected")
            continue
        rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
        if key == "pypi" and not rules.get("required_reviewers", {}).get("reviewers"):
            wrong.append(f"{name} waits for no reviewer")
        if not (found.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            wrong.append(
                f"{name} lets any ref in" if "branch_policy" not in rules else f"{name} lets no tag in"
            )
            continue
        policies = host.get_all(f"{path}/deployment-branch-policies", "branch_policies")
        default = patient.facts["default_branch"]
        for kind, example in (("tag", settings.tag("1.2.3")), ("branch", default)):
            if not admits(policies, kind, [example]):
                wrong.append(f"{name} does not let the {kind} {example} in")
        foreign = [
            p["name"]
            for p in policies
            if p["name"] not in (default, tag_pattern(settings), f"{settings.tag_prefix}*")
        ]
        loose = [p for p in foreign if re.fullmatch(r"[*?/]+", p)]
        wrong += [f"{name} lets any ref in: {', '.join(loose)}"] if loose else []
        notes += [f"{name} also lets in {', '.join(foreign)}"] if foreign and not loose else []
    demand(wrong, AGAIN)
    return "; ".join(["reviewed, for release refs only", *notes])


# ---- And more ---------------------------------------------------------------------------------------


def repository(patient: Patient) -> str:
    """The clone, settings.toml and GitHub name the same repository, and releases can run there."""
    check_origin(patient.root, patient.settings)
    facts = patient.facts
    wrong = [f"it is {kind}" for kind in ("archived", "disabled", "fork") if facts.get(kind)]
    demand(wrong, f"see {patient.github.page('settings')}")
    if patient.github.get(f"contents/{patient.workflow.place}") is None:
        raise Failed(
            f"{patient.workflow.place} is not on {facts['default_branch']}, so nothing would start",
            "git push",
        )
    return f"{facts['full_name']}, {facts['default_branch']}"


def actions_on(patient: Patient) -> str:
    """Actions is switched on, and the release workflow too."""
    host = patient.github
    for listed in host.get_all("actions/workflows", "workflows"):
        if listed["path"] == patient.workflow.place and listed["state"] != "active":
            raise Failed(
                f"{patient.workflow.path.name} is switched off ({listed['state']})",
                f"gh workflow enable {patient.workflow.path.name} --repo {patient.settings.repository}",
            )
    patient.only_admins("settings/actions")
    found = host.get("actions/permissions") or {}
    if not found.get("enabled"):
        raise Failed("Actions is switched off", AGAIN)
    if found.get("allowed_actions") == "local_only":
        raise Failed("only actions of the same owner may run", host.page("settings/actions"))
    if found.get("allowed_actions") != "selected":
        return "on, for every action"
    chosen = host.get("actions/permissions/selected-actions") or {}
    left = refused_actions(patient.workflow.uses(), chosen, patient.settings)
    if left and chosen.get("verified_allowed"):
        raise Unknown(
            f"may run if GitHub has verified their creators: {', '.join(left)}",
            host.page("settings/actions"),
        )
    # The call replaces the whole choice, so it has to repeat what is chosen already.
    patterns = [*chosen.get("patterns_allowed", []), *(f"{name}@*" for name in left)]
    demand(
        [f"{name} may not run here" for name in left],
        f"gh api --method PUT repos/{patient.settings.repository}/actions/permissions/selected-actions"
        f" --field github_owned_allowed={json.dumps(bool(chosen.get('github_owned_allowed')))}"
        f" --field verified_allowed={json.dumps(bool(chosen.get('verified_allowed')))} "
        + " ".join(f"--field 'patterns_allowed[]={pattern}'" for pattern in patterns),
    )
    return "on, for selected actions, all of the release's among them"


def refused_actions(uses: list[str], chosen: dict[str, Any], settings: Settings) -> list[str]:
    """The actions, without their commits, that a choice of allowed actions does not name.

    Args:
        uses: ``owner/name@commit`` of each.
        chosen: What GitHub says about selected actions.
        settings: The project's settings; actions of the same owner may run.
    """
    owners = {settings.repository.partition("/")[0].casefold()}
    owners |= {"actions", "github"} if chosen.get("github_owned_allowed") else set()
    patterns = [pattern.casefold() for pattern in chosen.get("patterns_allowed", [])]
    blocked = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]

    def refused(use: str) -> bool:
        named = any(fnmatchcase(use, p if "@" in p else f"{p}@*") for p in patterns)
        return any(fnmatchcase(use, p if "@" in p else f"{p}@*") for p in blocked) or not (
            named or use.partition("/")[0] in owners
        )

    return sorted({use.partition("@")[0] for use in uses if refused(use.casefold())})


def hardened(patient: Patient) -> str:
    """Releases freeze, tokens read by default, actions are pinned."""
    loose = unpinned(patient.root)
    demand(
        [f"not pinned to a commit: {', '.join(loose)}"] if loose else [],
        "pin each to a commit: git ls-remote https://github.com/OWNER/ACTION TAG",
    )
    host = patient.github
    patient.only_admins("settings/actions")
    wrong = [] if not immutable_item(host).calls else ["published releases can be changed"]
    tokens = host.get("actions/permissions/workflow") or {}
    wrong += (
        ["tokens of workflows may write by default"]
        if tokens.get("default_workflow_permissions") != "read"
        else []
    )
    pinned = (host.get("actions/permissions") or {}).get("sha_pinning_required")
    wrong += [] if pinned else ["actions need not be pinned"]
    demand(wrong, AGAIN)
    return "immutable releases, read-only tokens, pinned actions"


def name_on(key: str) -> Callable[[Patient], str]:
    """The project's name is free on an index, or is this project's."""

    def check(patient: Patient) -> str:
        index, settings = INDEXES[key], patient.settings
        if patient.offline:
            raise Unknown("offline", project_page(index, settings))
        packages = packages_of(index, settings)
        if packages is None:
            return "free; a publisher that is registered does not reserve it"
        found = newest_publisher(index, settings)
        if found is None:
            raise Unknown("taken, by files without attestations: is it yours?", project_page(index, settings))
        if str(found.get("repository", "")).casefold() != settings.repository.casefold():
            raise Failed(
                f"taken by {found.get('repository')}",
                f"copier update --data project_name=NAME (another one); {project_page(index, settings)}",
            )
        return f"{len(packages)} files, from {settings.repository}"

    return check


def old_publishers(patient: Patient) -> str:
    """Nothing but the release workflow uploads to an index."""
    armed = [
        w.path.relative_to(patient.root).as_posix()
        for w in workflows(patient.root)
        if w.path.name != patient.workflow.path.name and UPLOAD.search(w.text)
    ]
    for name in ELSEWHERE:
        path = patient.root / name
        if path.is_file() and UPLOAD.search(path.read_text(encoding="utf-8", errors="replace")):
            armed.append(name)
    demand([f"{name} uploads too" for name in armed], f"git rm {' '.join(armed)} (or take the upload out)")
    return f"none but {patient.workflow.path.name}"


def old_secrets(patient: Patient) -> str:
    """No API token of an index is kept as a secret: trusted publishing needs none."""
    host = patient.github
    patient.only_admins("settings/secrets/actions")
    names = [s["name"] for s in host.get_all("actions/secrets", "secrets") if SECRETS.search(s["name"])]
    demand(
        [f"the secret {name} is not needed any more" for name in names],
        "; ".join(f"gh secret delete {name} --repo {patient.settings.repository}" for name in names)
        + ", and revoke the token on the index",
    )
    return "none"


def static_version(patient: Patient) -> str:
    """The version comes from the tag and stands nowhere else."""
    root, wrong = patient.root / patient.settings.folder, []
    try:
        data = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failed(f"pyproject.toml cannot be read: {error}", "git checkout pyproject.toml") from error
    project = data.get("project", {})
    if "version" in project or "version" not in project.get("dynamic", []):
        wrong.append("pyproject.toml: project.version is not dynamic")
    if "version" in data.get("tool", {}).get("poetry", {}):
        wrong.append("pyproject.toml: tool.poetry.version")
    setup = configparser.ConfigParser(interpolation=None)
    try:
        setup.read(root / "setup.cfg", encoding="utf-8")
        wrong += ["setup.cfg: version"] if setup.has_option("metadata", "version") else []
    except configparser.Error:
        pass
    package = root / Path(patient.settings.version_file).parent
    for path in sorted(package.glob("*.py")):
        if path.name != Path(patient.settings.version_file).name and has_literal_version(path):
            wrong.append(f"{path.relative_to(root).as_posix()}: __version__ is a literal")
    demand(wrong, f"take it out: the tag is the only place ({patient.settings.conventions}, 'Version tags')")
    return "from the tag alone"


def has_literal_version(path: Path) -> bool:
    """Whether a module assigns a text to ``__version__``."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return False
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = any(isinstance(t, ast.Name) and t.id == "__version__" for t in targets)
        if named and isinstance(getattr(node, "value", None), ast.Constant):
            return True
    return False


def version_file(patient: Patient) -> str:
    """The generated version file is not committed."""
    path = Path(patient.settings.folder, patient.settings.version_file).as_posix()
    try:
        tracked = git("ls-files", "--", path, cwd=patient.root)
    except ReleaseError as stop:
        raise Unknown("this folder is no git repository", "git init") from stop
    demand(
        [f"{path} is committed"] if tracked else [],
        f"git rm --cached {path} && git commit -m 'chore: untrack it'",
    )
    return f"{path} is generated"


def pins(patient: Patient) -> str:
    """The pinned actions are not left behind by their own releases."""
    named = dict(re.findall(r"uses: (\S+)@[0-9a-f]{40} # v(\S+)", patient.workflow.text))
    silent = [u for u in patient.workflow.uses() if u.split("@")[0] not in named or not PINNED.search(u)]
    demand(
        [f"no commit and version: {', '.join(silent)}"] if silent else [],
        RENDER.format(patient.workflow.place),
    )
    wrong, unasked = [], []
    for action, version in named.items():
        latest = patient.github.get(f"/repos/{'/'.join(action.split('/')[:2])}/releases/latest")
        try:
            newest = Version(latest["tag_name"]) if latest else None
        except InvalidVersion:
            newest = None
        if latest is None or newest is None:
            unasked.append(action)
            continue
        age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(latest["published_at"])
        if newest > Version(version) and age > STALE:
            wrong.append(f"{action} {version}, while {newest} is {age.days} days old")
    demand(
        wrong,
        "gh pr list --search 'author:app/dependabot author:app/renovate' and merge the bot's pull request",
    )
    if unasked:
        raise Unknown(f"no release to compare with: {', '.join(unasked)}", patient.github.page("pulls"))
    return f"{len(named)} actions, none left behind"


def template(patient: Patient) -> str:
    """No newer release of the template is waiting."""
    answers, file = copier_answers(patient.root), answers_file(patient.root)
    option = "" if file == ".copier-answers.yml" else f" --answers-file {file}"
    source, commit = str(answers.get("_src_path", "")), str(answers.get("_commit", ""))
    if patient.offline or not source or not commit:
        why = "offline" if patient.offline else f"{file} names no release of the template"
        raise Unknown(why, f"copier check-update{option}")
    url = re.sub(
        r"^(gh|gl):(?=[^/])", lambda m: f"https://git{'hub' if m[1] == 'gh' else 'lab'}.com/", source
    )
    try:
        listed = step.run("git", "ls-remote", "--tags", "--", url, env={"GIT_TERMINAL_PROMPT": "0"})
        mine = Version(re.sub(r"-\d+-g[0-9a-f]+$", "", commit))
    except (ReleaseError, InvalidVersion) as error:
        raise Unknown(
            f"the template at {source} cannot be asked about {commit}",
            f"copier check-update{option}",
        ) from error
    versions = []
    for name in re.findall(r"refs/tags/(\S+?)(?:\^\{\})?$", listed, re.MULTILINE):
        try:
            versions.append(Version(name))
        except InvalidVersion:
            continue
    newest = max((v for v in versions if not v.is_prerelease), default=mine)
    demand(
        [f"{mine} here, {newest} is out"] if newest > mine else [],
        f"copier update --defaults{option}",
    )
    return f"{mine}, the newest"


# ---- What several checks ask ------------------------------------------------------------------------


def answers_file(root: Path) -> str:
    """Name of the file with the answers: an adopted package can have one of another template besides."""
    own = ".copier-answers.release.yml"
    return own if (root / own).is_file() else ".copier-answers.yml"


def copier_answers(root: Path) -> dict[str, Any]:
    """The answers that the package was rendered with; empty if they cannot be read."""
    try:
        found = YAML(typ="safe", pure=True).load((root / answers_file(root)).read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def packages_of(index: Index, settings: Settings) -> list[Any] | None:
    """Every file of the project on an index, or None if the name is free.

    Raises:
        Unknown: The index does not answer.
    """
    try:
        return files_of(index, settings.distribution)
    except NoSuchProjectError:
        return None
    except (requests.RequestException, ValueError) as error:
        raise Unknown(
            f"{index.title} does not answer: {type(error).__name__}", project_page(index, settings)
        ) from error


def newest_publisher(index: Index, settings: Settings) -> dict[str, Any] | None:
    """The trusted publisher of the newest file that has an attestation (PEP 740), or None.

    Raises:
        Unknown: The index does not answer.
    """
    attested = [p for p in packages_of(index, settings) or [] if p.provenance_url and p.upload_time]
    if not attested:
        return None
    newest = max(attested, key=lambda p: p.upload_time)
    try:
        answer = requests.get(newest.provenance_url, timeout=30.0)
        answer.raise_for_status()
        bundles = answer.json()["attestation_bundles"]
    except (requests.RequestException, ValueError, KeyError) as error:
        raise Unknown(f"{index.title} does not show who published", project_page(index, settings)) from error
    found = next((b["publisher"] for b in bundles if b.get("publisher")), None)
    return dict(found) if found else None


def project_page(index: Index, settings: Settings) -> str:
    """Address of the project on an index, for people."""
    return f"{index.simple.removesuffix('/simple/')}/project/{canonicalize_name(settings.distribution)}/"


def publishing_page(index: Index, settings: Settings) -> str:
    """Address of the project's publishers on an index, for its owners."""
    site = index.simple.removesuffix("/simple/")
    return f"{site}/manage/project/{canonicalize_name(settings.distribution)}/settings/publishing/"


CHECKS: tuple[tuple[str, str, Callable[[Patient], str]], ...] = (
    ("C1", "Tag rule", tag_rule),
    ("C2", "Trusted publishers", publisher_values),
    ("C3", "Version check", version_check),
    ("C4", "Install from TestPyPI", installs_from("testpypi")),
    ("C5", "Install from PyPI", installs_from("pypi")),
    ("C6", "Order of the gates", gate_needs),
    ("C7", "Isolation of the upload", isolation),
    ("C8", "Notes are reviewed", notes_reviewed),
    ("C9", "Runbook", runbook),
    ("C10", "Failure tells someone", notification),
    ("C11", "Tag validation", tag_validation),
    ("C12", "Duplicates", duplicates),
    ("C13", "Environments", environments),
    ("repository", "Repository", repository),
    ("actions", "Actions", actions_on),
    ("hardened", "Repository settings", hardened),
    ("name-testpypi", "Name on TestPyPI", name_on("testpypi")),
    ("name-pypi", "Name on PyPI", name_on("pypi")),
    ("old-publishers", "Other publishers", old_publishers),
    ("old-secrets", "Tokens of an index", old_secrets),
    ("static-version", "Static version", static_version),
    ("version-file", "Generated version file", version_file),
    ("pins", "Pinned actions", pins),
    ("template", "Template", template),
)


def examine(patient: Patient) -> list[Finding]:
    """Every check's finding, in the order of the list."""
    findings = []
    for check, title, body in CHECKS:
        try:
            findings.append(Finding(check, title, Result.PASS, body(patient)))
        except Failed as failed:
            findings.append(Finding(check, title, Result.FAIL, str(failed), failed.mend))
        except Unknown as unknown:
            findings.append(Finding(check, title, Result.UNKNOWN, str(unknown), unknown.look))
        except ReleaseError as stop:
            findings.append(Finding(check, title, Result.FAIL, str(stop), stop.lines[2].partition(": ")[2]))
    return findings


def login(settings: Settings, *, offline: bool) -> tuple[GitHub | None, Finding]:
    """GitHub, if it can be asked, and the line that says whether it can."""
    title = "GitHub can be asked"
    if offline:
        return None, Finding("github", title, Result.UNKNOWN, "offline", "run it again without --offline")
    try:
        host = GitHub(settings.repository, find_token())
        host.repository_info()
    except ReleaseError as stop:
        return None, Finding("github", title, Result.FAIL, str(stop), stop.lines[2].partition(": ")[2])
    return host, Finding("github", title, Result.PASS, f"as {host.login() or 'a workflow'}")


def show(findings: list[Finding], repository: str) -> None:
    """Print the table, and below it each thing to do on a line that can be copied."""
    to = console()
    shown = table(f"{repository}: looks done, but is it?", "", "Check", "Result", "Found")
    for finding in findings:
        shown.add_row(finding.check, finding.title, marked(finding.result.value), finding.found)
    to.print(shown)
    for result, heading in ((Result.FAIL, "To mend:"), (Result.UNKNOWN, "To look at by hand:")):
        chosen = [f"  {f.check}: {f.mend}" for f in findings if f.result is result]
        if chosen:
            lines(to, [heading], style="bold")
            lines(to, chosen)
    counts = {r: sum(f.result is r for f in findings) for r in Result}
    lines(to, [", ".join(f"{number} {r.value}" for r, number in counts.items())])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--offline", action="store_true", help="look at the files only")
    parser.add_argument("--json", action="store_true", help="print the findings for machines")


def run(options: argparse.Namespace) -> int:
    """Examine this repository."""
    root = find_root()
    settings = find_settings(root)
    host, first = login(settings, offline=options.offline)
    patient = Patient(root, settings, load_release(root, settings), host, first.found, options.offline)
    findings = [first, *examine(patient)]
    if options.json:
        print(json.dumps([dataclasses.asdict(f) | {"result": f.result.value} for f in findings], indent=2))
    else:
        show(findings, settings.repository)
    return int(any(f.result is Result.FAIL for f in findings))
