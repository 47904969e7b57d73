"""The structure of the rendered workflows: what a release may do, in which order, and with which rights.

The rules are those that `doctor` holds a repository against (`copier_pypi_release.checks.workflow`). Here
they are held against every workflow that can be rendered, and against workflows that were broken on
purpose, where exactly one must fail.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.checks import CheckFailed, CheckSkipped
from copier_pypi_release.checks.context import Context
from copier_pypi_release.checks.rules import TAG, Rule
from copier_pypi_release.checks.rules.compiled import BUILT
from copier_pypi_release.checks.rules.content import UNSTEERED
from copier_pypi_release.checks.rules.rights import WEBHOOK
from copier_pypi_release.checks.workflow import RULES
from copier_pypi_release.cli import COMMANDS
from copier_pypi_release.workflow_files import COMPILING, STAGES, Workflow, parse
from packaging.requirements import Requirement
from release_lib.settings import load_settings
from ruamel.yaml import YAML
from support.combinations import crossed, write
from support.rendering import ROOT, Renderer, choices_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CI, RELEASE = ".github/workflows/ci.yml", ".github/workflows/release.yml"
WATCH = ".github/workflows/release-watch.yml"
SETTINGS = ".github/release/settings.toml"
PINS = ROOT / "extensions/pins"


@dataclasses.dataclass(frozen=True)
class Package:
    """A rendered package.

    Attributes:
        answers: What it was rendered with.
        files: Its files by path.
        context: What the rules read of it.
    """

    answers: dict[str, Any]
    files: dict[str, bytes]
    context: Context

    def workflow(self, path: str) -> Workflow:
        """One of its workflows."""
        return next(w for w in self.context.workflows if w.place == path)

    @property
    def reports(self) -> bool:
        """Whether an issue was wanted."""
        return bool(self.answers.get("release_issues", True))


@dataclasses.dataclass
class Draft:
    """Workflows that a test breaks, parsed."""

    release: Any
    ci: Any
    watch: Any


def context_of(files: dict[str, bytes], folder: Path) -> Context:
    """What rules read of a rendered package.

    Args:
        files: Its files.
        folder: Where its settings are written for a moment.
    """
    path = folder / "settings.toml"
    path.write_bytes(files[SETTINGS])
    settings = load_settings(path)
    return Context(
        root=folder,
        folder="",
        settings=settings,
        distribution=settings.distribution,
        repository=settings.repository,
        tag_prefix=settings.tag_prefix,
        workflows=tuple(parse(path, files[path].decode()) for path in (CI, RELEASE, WATCH) if path in files),
    )


@pytest.fixture(scope="module")
def packages(template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Package]:
    """One package for every workflow that choices can give, and the rows with awkward free text."""
    renderer, folder = Renderer(template), tmp_path_factory.mktemp("settings")
    rendered = [*renderer.variants(RELEASE), *renderer.variants(CI), *renderer.variants(WATCH)]
    rendered += [(answers, renderer.files(answers)) for answers in crossed(choices_of(ROOT))]
    return [Package(answers, files, context_of(files, folder)) for answers, files in rendered]


def verdict(rule: Rule, context: Context) -> str:
    """What a rule finds wrong; empty if nothing, and where no issue was wanted."""
    try:
        rule.run(context)
    except CheckFailed as failed:
        return str(failed)
    except CheckSkipped as skipped:
        return "" if rule.name == "report" else f"skipped: {skipped}"
    return ""


# ---- Every workflow keeps every rule ------------------------------------------------------------------

ROWS: dict[str, tuple[str, ...]] = {
    "order": ("P1.1", "P1.5", "P8.1", "P8.3", "T1", "T4"),
    "no-bypass": ("P1.1", "P8.3", "S2"),
    "fork-guard": ("P9.4",),
    "triggers": ("P1.2", "P8.6", "X4", "X7"),
    "one-run": ("P5.4",),
    "permissions": ("P2.5", "T6", "X6"),
    "identity": ("P2.1", "X1", "X4"),
    "tokens": ("T2", "X3"),
    "credentials": ("X6",),
    "isolation": ("P2.2", "S3"),
    "upload": ("X3", "X5"),
    "environment-names": ("P2.3",),
    "one-file": ("P9.6",),
    "skip-existing": ("P5.1", "P5.6"),
    "install-testpypi": ("P8.2",),
    "install-pypi": ("P8.2",),
    "tag-validation": ("P4.2",),
    "tagged-commit": ("P3.6",),
    "full-history": ("P3.1", "P3.5"),
    "own-scripts": ("P8.6",),
    "unsteered": ("P8.7", "X11"),
    "version-check": ("T7",),
    "smoke-test": ("P1.3",),
    "full-checks": ("P1.1", "S2"),
    "built-once": ("P1.4", "P8.7"),
    "bound": ("P8.7", "P1.3"),
    "platforms": ("P8.7", "P5.5"),
    "retention": ("P8.3",),
    "notes": ("P7.4", "T5"),
    "report": ("B7",),
    "pinned-actions": ("X9",),
    "pinned-uv": ("X11", "B4"),
    "no-cache": ("S4", "X11"),
    "no-expansion": ("X10",),
    "shell": ("P1.1",),
    "telemetry": ("B1",),
    "timeouts": ("P8.2",),
    "runners": ("B4",),
    "ci-rehearsal": ("B4", "P3.5"),
    "ci-name": ("P1.1",),
}


@pytest.mark.parametrize(
    "rule", [pytest.param(r, marks=pytest.mark.requirement(*ROWS[r.name]), id=r.name) for r in RULES]
)
def test_every_workflow_keeps_the_rule(packages: list[Package], rule: Rule) -> None:
    for package in packages:
        assert verdict(rule, package.context) == "", package.answers


def test_every_rule_says_what_why_and_how_to_fix() -> None:
    assert set(ROWS) == {rule.name for rule in RULES}
    assert len({rule.name for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title[:1].isalpha()
        assert rule.why.endswith("."), rule.name
        assert rule.good
        assert rule.fix
        assert not rule.fix.endswith("."), rule.name


# ---- What is so in a rendered workflow, and may be otherwise after a user's edit ------------------------


@pytest.mark.requirement("P1.1", "P8.1", "T4")
def test_the_jobs_are_the_stages_and_the_report(packages: list[Package]) -> None:
    for package in packages:
        told = package.answers.get("release_webhook", False)
        before = COMPILING if package.answers.get("compiled") else ()
        jobs = [*STAGES, *(["report"] if package.reports else []), *(["announce"] if told else [])]
        if told:
            jobs.insert(STAGES.index("publish-pypi"), "announce-review")
        jobs[1:1] = before
        assert list(package.workflow(RELEASE).jobs) == jobs
        assert tuple(package.workflow(CI).jobs) == (*before, "build", "quality", "test", "notes", "ci")


@pytest.mark.requirement("P9.2", "P2.3", "P4.4")
def test_names_are_those_that_were_answered(packages: list[Package]) -> None:
    for package in packages:
        release, answers = package.workflow(RELEASE), package.answers
        assert release.environment("publish-testpypi") == answers.get("testpypi_environment", "testpypi")
        assert release.environment("publish-pypi") == answers.get("pypi_environment", "pypi")
        assert release.triggers["push"] == {"tags": [f"{answers.get('tag_prefix', 'v')}[0-9]*"]}
        assert release.data["concurrency"]["group"] == f"release-${{{{ {TAG} }}}}"


@pytest.mark.requirement("X9")
def test_actions_are_those_of_the_list_that_bots_keep_fresh(packages: list[Package]) -> None:
    pattern = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)\n")
    listed = set(pattern.findall((PINS / "action.yml").read_text(encoding="utf-8")))
    for package in packages:
        for path in {CI, RELEASE, WATCH} & set(package.files):
            used = pattern.findall(package.files[path].decode())
            assert len(used) == len(package.workflow(path).uses())
            assert set(used) <= listed


@pytest.mark.requirement("X11", "B4")
def test_uv_is_that_of_the_list_with_its_checksum(packages: list[Package]) -> None:
    """Where any system may run, the action knows the checksum itself (`test_house.py`)."""
    actions = YAML(typ="safe").load(PINS / "action.yml")["runs"]["steps"]
    (checksum,) = [step["with"]["checksum"] for step in actions if "checksum" in step.get("with", {})]
    lines = (PINS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = {r.name: str(r.specifier)[2:] for r in map(Requirement, filter(re.compile(r"[a-z]").match, lines))}
    for package in packages:
        for path in {CI, RELEASE, WATCH} & set(package.files):
            workflow = package.workflow(path)
            for job, step in workflow.using("astral-sh/setup-uv"):
                assert step["with"]["version"] == pins["uv"], job
                platform_is_known = workflow.jobs[job]["runs-on"] == "ubuntu-24.04"
                assert step["with"].get("checksum") == (checksum if platform_is_known else None), job


@pytest.mark.requirement("P1.2", "B4")
def test_ci_starts_from_commits_and_once_a_week(packages: list[Package]) -> None:
    for package in packages:
        on = package.workflow(CI).triggers
        assert set(on) >= {"push", "pull_request", "merge_group", "schedule", "workflow_dispatch"}
        assert set(on["push"]) == {"branches"}
        (schedule,) = on["schedule"]
        minute, hour, *days = schedule["cron"].split()
        assert (int(minute) in range(60), int(hour) in range(24), days) == (True, True, ["*", "*", "1"])


def comment_of(content: bytes, job: str) -> str:
    """The comment that stands right before a job, as one line."""
    line, _ = YAML().load(content)["jobs"].lc.key(job)
    before = itertools.takewhile(
        lambda text: text.startswith("#"), (t.strip() for t in reversed(content.decode().splitlines()[:line]))
    )
    return " ".join(text.removeprefix("#").strip() for text in reversed(list(before)))


@pytest.mark.requirement("P10.4")
def test_a_comment_tells_what_testpypi_is_good_for(packages: list[Package]) -> None:
    for content in {package.files[RELEASE] for package in packages}:
        sentences = comment_of(content, "publish-testpypi").split(". ")
        assert any(sentence.startswith("TestPyPI proves that ") for sentence in sentences)
        assert any(sentence.startswith("It proves nothing about PyPI's ") for sentence in sentences)


VERDICTS = {
    "success": True,
    "success success": True,
    "failure success": False,
    "success skipped success": False,
}


@functools.cache
def passes(command: str, results: str) -> bool:
    """Whether the last job of CI is green, run as GitHub runs it."""
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", command], env={"RESULTS": results}, check=False)
    return done.returncode == 0


@pytest.mark.requirement("P1.1")
def test_the_last_job_of_ci_is_red_unless_every_other_one_is_green(packages: list[Package]) -> None:
    for package in packages:
        (step,) = package.workflow(CI).steps("ci")
        assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
        assert [passes(step["run"], results) for results in VERDICTS] == list(VERDICTS.values())


INSTALL = {"install_distribution.py", "run_checks.py", "verify_index.py"}


@pytest.mark.requirement("P1.6", "P10.3")
def test_who_installs_the_package_has_a_python_of_it_and_a_place_for_own_steps(
    packages: list[Package],
) -> None:
    """The runner's own Python may be older than all that the package supports."""
    for package in packages:
        for path in {RELEASE, CI} & set(package.files):
            workflow, lines = package.workflow(path), package.files[path].decode().splitlines()
            for job in workflow.jobs:
                if not INSTALL & {script.name for script in workflow.scripts(job)}:
                    continue
                (uv,) = [step for j, step in workflow.using("astral-sh/setup-uv") if j == job]
                of, makes = (
                    ("sdist", "build") if "sdist" in workflow.jobs[job]["needs"] else ("build", "check")
                )
                ours = {"${{ matrix.python }}", f"${{{{ needs.{of}.outputs.newest }}}}"}
                assert workflow.jobs[job]["env"]["PACKAGE_PYTHON"] in ours, job
                assert "python-version" not in uv["with"], "the scripts would run on it, too"
                assert workflow.jobs[of]["outputs"]["newest"] == f"${{{{ steps.{makes}.outputs.newest }}}}"
                assert of in workflow.jobs[job]["needs"]
                after = lines[lines.index(f"      - name: {uv['name']}") :]
                own = next(n for n, line in enumerate(after) if "# Your own steps" in line)
                assert sum("- name: " in line for line in after[:own]) == 1, job


@pytest.mark.requirement("S5")
def test_the_source_is_cloned_only_by_jobs_that_read_it(packages: list[Package]) -> None:
    for package in packages:
        release = package.workflow(RELEASE)
        checkouts = release.using("actions/checkout")
        cloning = {job for job, step in checkouts if "sparse-checkout" not in step["with"]}
        build = "sdist" if package.answers.get("compiled") else "build"
        assert cloning == {"gate", build}, package.answers


STEERING = {"PYTHONPATH", "PYTHONHOME", "UV_INDEX", "UV_PYTHON", "UV_NO_BUILD_ISOLATION", "PIP_INDEX_URL"}


@functools.cache
def seen_by_uv(command: str) -> set[str]:
    """Which variables of steps before a command lets uv see, run as GitHub runs it."""
    told = f"uv() {{ for name in {' '.join(sorted(STEERING))} OWN; do echo $name ${{!name-}}; done; }}\n"
    env = {"PATH": os.environ["PATH"], **dict.fromkeys((*STEERING, "OWN"), "set")}
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", told + command]
    done = subprocess.run(bash, env=env, check=True, capture_output=True, text=True)
    return {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" set")}


@pytest.mark.requirement("P8.7", "X11")
def test_own_steps_steer_no_script_but_the_packages_own_checks(packages: list[Package]) -> None:
    """What a step writes into $GITHUB_ENV is there for all that follow it in its job."""
    for package in packages:
        for path in {RELEASE, CI} & set(package.files):
            workflow, text = package.workflow(path), package.files[path].decode()
            steps = {step.get("name"): step for job in workflow.jobs for step in workflow.steps(job)}
            after = [re.split(r"\n  \w", part)[0] for part in text.split("# Your own steps")[1:]]
            named = [name for part in after for name in re.findall(r"(?m)^      - name: (.*)$", part)]
            scripts = [steps[name]["run"] for name in named if "/release/" in steps[name].get("run", "")]
            assert scripts
            for script in scripts:
                checks = "run_checks.py" in script
                assert seen_by_uv(script) == {"OWN", *(STEERING if checks else ())}, script


@pytest.mark.requirement("P3.7")
def test_a_whole_history_comes_without_the_contents_of_older_commits(packages: list[Package]) -> None:
    """But where they are read: a clone of such a clone lacks them, and git checks it out without an error."""
    for package in packages:
        for path in {RELEASE, CI} & set(package.files):
            whole = [
                step["with"]
                for job, step in package.workflow(path).using("actions/checkout")
                if job in {"gate", "sdist", "build"} and step["with"].get("fetch-depth") == 0
            ]
            assert whole
            assert {inputs.get("filter") for inputs in whole} == {"blob:none"}
            reading = [
                step["with"]
                for job, step in package.workflow(path).using("actions/checkout")
                if job in {"notes", "test"} and step["with"].get("fetch-depth") == 0
            ]
            assert len(reading) == (path == CI)
            assert not [inputs for inputs in reading if "filter" in inputs]


# ---- The scripts and their options --------------------------------------------------------------------

# Runs the parser of a script, and nothing after it.
PARSE_ONLY = """
import argparse, json, runpy, sys
class Parsed(Exception): pass
parse = argparse.ArgumentParser.parse_args
def parse_args(self, *arguments):
    parse(self, *arguments)
    raise Parsed
argparse.ArgumentParser.parse_args = parse_args
folder, calls = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, folder)
for script, arguments in calls:
    sys.argv = [script, *arguments]
    module = runpy.run_path(f"{folder}/{script}")
    try:
        module["main"]()
    except Parsed:
        continue
    except SystemExit:
        sys.exit(f"{script} refuses {arguments}")
    sys.exit(f"{script} does not parse its arguments")
"""


@pytest.mark.requirement("B4")
def test_every_script_that_is_run_exists_and_takes_the_options(
    packages: list[Package], tmp_path: Path
) -> None:
    seen = set()
    for number, package in enumerate(packages):
        settings = package.files[SETTINGS]
        read = [package.workflow(path) for path in (RELEASE, CI)]
        calls = [(s.name, s.arguments) for w in read for job in w.jobs for s in w.scripts(job)]
        assert {words[0] for name, words in calls if name == "tool.py"} <= COMMANDS.keys()
        calls = [call for call in calls if call[0] != "tool.py"]  # it leaves arguments to the tool
        key = json.dumps([sorted(tomllib.loads(settings.decode())["checks"]), calls])
        if key in seen:
            continue
        seen.add(key)
        root = tmp_path / str(number)
        write(root, {path: content for path, content in package.files.items() if "/release/" in path})
        words = [(s, ["testing" if w.startswith("$") else w for w in a]) for s, a in calls]
        command = [sys.executable, "-c", PARSE_ONLY, str(root / ".github/release"), json.dumps(words)]
        env = {**os.environ, "TAG": "v1.2.3"}  # as the workflow sets it
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=env)
        assert done.returncode == 0, done.stderr
    assert len(seen) > 1


def test_the_scheduled_workflow_runs_a_command_of_the_tool(packages: list[Package]) -> None:
    watches = [package.workflow(WATCH) for package in packages if WATCH in package.files]
    assert watches
    for watch in watches:
        scripts = [script for job in watch.jobs for script in watch.scripts(job)]
        assert {script.name for script in scripts} == {"tool.py"}
        assert {script.arguments[0] for script in scripts} <= COMMANDS.keys()


# ---- The rules can fail -------------------------------------------------------------------------------


def step_of(workflow: Any, job: str, what: str) -> dict[str, Any]:  # noqa: ANN401  (YAML)
    """The first step of a job that uses an action or runs a script with these words in it."""
    found = (s for s in workflow["jobs"][job]["steps"] if what in s.get("uses", "") + s.get("run", ""))
    step: dict[str, Any] = next(found)
    return step


def steered(workflow: Any, job: str, what: str) -> None:  # noqa: ANN401  (YAML)
    """Take from such a step the line that forgets what is set for pip, Python and uv."""
    step = step_of(workflow, job, what)
    step["run"] = step["run"].removeprefix(f"{UNSTEERED}\n")


def ignored(begin: str, end: str) -> Callable[[Any], None]:
    """A change: a script's failure is ignored by what stands before or behind it."""

    def change(documents: Any) -> None:  # noqa: ANN401  (YAML)
        step = step_of(documents.release, "verify-testpypi", "verify_index")
        step["run"] = step["run"].rstrip().replace("uv run", f"{begin}uv run") + end

    return change


def inputs(workflow: Any, job: str, what: str) -> dict[str, Any]:  # noqa: ANN401  (YAML)
    """The inputs of such a step."""
    given: dict[str, Any] = step_of(workflow, job, what)["with"]
    return given


def source(workflow: Any, job: str) -> dict[str, Any]:  # noqa: ANN401  (YAML)
    """The inputs of the checkout that gets the source for a job."""
    steps = workflow["jobs"][job]["steps"]
    given: dict[str, Any] = next(s["with"] for s in steps if s.get("with", {}).get("path") == "source")
    return given


def add(workflow: Any, job: str, step: dict[str, Any]) -> None:  # noqa: ANN401  (YAML)
    """Append a step to a job."""
    workflow["jobs"][job]["steps"].append(copy.deepcopy(step))


def remove(workflow: Any, job: str, what: str) -> None:  # noqa: ANN401  (YAML)
    """Remove the first step of a job that `step_of` finds."""
    workflow["jobs"][job]["steps"].remove(step_of(workflow, job, what))


def by_id(workflow: Any, job: str, artifact: str) -> None:  # noqa: ANN401  (YAML)
    """Let a job download another artifact."""
    inputs(workflow, job, "download-artifact")["artifact-ids"] = artifact


def bump_every_uv(draft: Draft) -> None:
    """Let every job have a newer uv beside the checksum of the older one, as a bot would."""
    for workflow in (draft.release, draft.ci, draft.watch):
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if "setup-uv" in step.get("uses", ""):
                    step["with"]["version"] = "9.9.9"


def drop(part: dict[str, Any], key: str, text: str) -> None:
    """Take a text out of a value."""
    assert text in part[key]
    part[key] = part[key].replace(text, "")


def keep_last(workflow: Any) -> None:  # noqa: ANN401  (YAML)
    """Let the build upload what it built after all else."""
    step = step_of(workflow, "build", "upload-artifact")
    remove(workflow, "build", "upload-artifact")
    add(workflow, "build", step)


ALWAYS = "${{ always() }}"
MACOS = "${{ matrix.os == 'macos-15' }}"
ABSENT = "${{ needs.gate.outputs.ci == 'absent' }}"
NO_FORK = "${{ !github.event.repository.fork }}"
SCRIPT = "uv run --no-config .github/release"
BREAKS: dict[str, list[tuple[str, Callable[[Draft], object]]]] = {
    "order": [
        ("no tests", lambda d: d.release["jobs"]["publish-testpypi"]["needs"].remove("test")),
        ("PyPI unverified", lambda d: d.release["jobs"]["publish-pypi"].update(needs=["build", "test"])),
    ],
    "no-bypass": [
        ("always", lambda d: d.release["jobs"]["publish-pypi"].update({"if": ALWAYS})),
        ("skipped", lambda d: d.release["jobs"]["verify-pypi"].update({"if": "vars.VERIFY"})),
        (
            "continue",
            lambda d: step_of(d.release, "verify-pypi", "setup-uv").update({"continue-on-error": True}),
        ),
        ("or true", ignored("", " || true")),
        ("not waited for", ignored("", " &")),
        ("no stop", ignored("set +e\n", "\ntrue")),
        ("another end", ignored("trap 'exit 0' EXIT\n", "")),
    ],
    "fork-guard": [
        ("a fork releases", lambda d: d.release["jobs"]["gate"].pop("if")),
        ("a fork reports", lambda d: d.release["jobs"]["report"].update({"if": ALWAYS})),
    ],
    "triggers": [
        ("a branch", lambda d: d.release["on"]["push"].update(branches=["main"])),
        ("a pull request", lambda d: d.release["on"].update(pull_request_target=None)),
        ("by hand without a tag", lambda d: d.release["on"].update(workflow_dispatch=None)),
        ("any tag", lambda d: d.release["on"]["push"].update(tags=["*"])),
    ],
    "one-run": [
        ("cancelled", lambda d: d.release["concurrency"].update({"cancel-in-progress": True})),
        ("one queue for all", lambda d: d.release["concurrency"].update(group="release")),
        ("no queue", lambda d: d.release.pop("concurrency")),
        ("CI without a verdict", lambda d: d.ci["concurrency"].update({"cancel-in-progress": True})),
    ],
    "permissions": [
        ("all", lambda d: d.release.update(permissions="write-all")),
        ("at the top of the watch", lambda d: d.watch.update(permissions="read-all")),
        ("at the top of CI", lambda d: d.ci["permissions"].update({"contents": "read"})),
        (
            "more than needed",
            lambda d: d.release["jobs"]["verify-pypi"]["permissions"].update(contents="write"),
        ),
        (
            "an upload that writes",
            lambda d: d.release["jobs"]["publish-pypi"]["permissions"].update(contents="write"),
        ),
        ("no issue", lambda d: d.release["jobs"]["report"]["permissions"].pop("issues")),
        ("CI writes", lambda d: d.ci["jobs"]["test"]["permissions"].update(contents="write")),
    ],
    "identity": [
        ("for all jobs", lambda d: d.release["permissions"].update({"id-token": "write"})),
        ("in the watch", lambda d: d.watch["jobs"]["watch"]["permissions"].update({"id-token": "write"})),
        ("in CI", lambda d: d.ci["jobs"]["test"]["permissions"].update({"id-token": "write"})),
        ("for the build", lambda d: d.release["jobs"]["build"]["permissions"].update({"id-token": "write"})),
        ("for no upload", lambda d: d.release["jobs"]["publish-pypi"]["permissions"].pop("id-token")),
    ],
    "tokens": [
        ("a password", lambda d: inputs(d.release, "publish-pypi", "pypi-publish").update(password="x")),  # noqa: S106
        ("a secret", lambda d: step_of(d.release, "gate", "check_tag").update(env={"X": "${{ secrets.P }}"})),
        ("the webhook", lambda d: step_of(d.release, "gate", "check_tag").update(env={"X": WEBHOOK})),
        ("for every step", lambda d: d.release["env"].update({"GH_TOKEN": "${{ github.token }}"})),
        ("for a checkout", lambda d: source(d.release, "build").update(token="${{ github.token }}")),  # noqa: S106
    ],
    "credentials": [
        ("kept", lambda d: inputs(d.ci, "test", "actions/checkout").update({"persist-credentials": True})),
        ("by default", lambda d: inputs(d.release, "gate", "actions/checkout").pop("persist-credentials")),
    ],
    "isolation": [
        ("what a container loads first", lambda d: d.release["env"].update(BASH_ENV="dist/x.sh")),
        ("what Python loads first", lambda d: d.release["env"].update(PYTHONPATH="dist/x.whl")),
        ("whom it believes", lambda d: d.release["env"].update(REQUESTS_CA_BUNDLE="dist/x.pem")),
        (
            "a checkout",
            lambda d: add(d.release, "publish-pypi", step_of(d.release, "gate", "actions/checkout")),
        ),
        ("a script", lambda d: d.release["jobs"]["publish-pypi"]["steps"].insert(0, {"run": "echo"})),
        ("a container", lambda d: d.release["jobs"]["publish-pypi"].update(container="python:3")),
    ],
    "upload": [
        (
            "no attestations",
            lambda d: inputs(d.release, "publish-pypi", "pypi-publish").update(attestations=False),
        ),
        (
            "another index",
            lambda d: inputs(d.release, "publish-pypi", "publish").update({"repository-url": "https://x/"}),
        ),
        ("a log", lambda d: inputs(d.release, "publish-pypi", "pypi-publish").update(verbose=True)),
        (
            "PyPI twice",
            lambda d: inputs(d.release, "publish-testpypi", "pypi-publish").pop("repository-url"),
        ),
    ],
    "environment-names": [
        ("none", lambda d: d.release["jobs"]["publish-pypi"].pop("environment")),
        ("another", lambda d: d.release["jobs"]["publish-pypi"].update(environment="production")),
        ("one for both", lambda d: d.release["jobs"]["publish-pypi"].update(environment="TestPyPI")),
        ("the build's too", lambda d: d.release["jobs"]["build"].update(environment="pypi")),
    ],
    "one-file": [
        ("called", lambda d: d.release["jobs"]["publish-pypi"].update(uses="./.github/workflows/x.yml")),
        ("a local action", lambda d: add(d.release, "build", {"uses": "./.github/actions/build"})),
    ],
    "skip-existing": [
        ("fails", lambda d: inputs(d.release, "publish-testpypi", "pypi-publish").pop("skip-existing")),
        ("not asked", lambda d: remove(d.release, "build", "check_index")),
        ("too late", lambda d: remove(d.release, "verify-testpypi", "check_index")),
    ],
    "install-testpypi": [("no", lambda d: remove(d.release, "verify-testpypi", "verify_index"))],
    "install-pypi": [
        ("skipped", lambda d: step_of(d.release, "verify-pypi", "verify_index").update({"if": "false"}))
    ],
    "tag-validation": [
        ("not first", lambda d: remove(d.release, "gate", "check_tag")),
        (
            "not always",
            lambda d: step_of(d.release, "gate", "check_commit").update({"if": "false"}),
        ),
    ],
    "tagged-commit": [
        ("the branch", lambda d: source(d.release, "build").pop("ref")),
        ("of a fork", lambda d: source(d.release, "gate").update(repository="mallory/demo-pkg")),
        ("handed on", lambda d: d.release["jobs"]["gate"]["outputs"].update(commit="${{ github.sha }}")),
    ],
    "full-history": [
        ("shallow", lambda d: source(d.release, "build").pop("fetch-depth")),
        ("without folders", lambda d: source(d.release, "build").update(filter="tree:0")),
        ("CI shallow", lambda d: inputs(d.ci, "build", "actions/checkout").update({"fetch-depth": 1})),
    ],
    "own-scripts": [
        ("of the tag", lambda d: inputs(d.release, "test", "actions/checkout").update(ref="${{ env.TAG }}")),
        (
            "configured",
            lambda d: step_of(d.release, "gate", "check_tag").update(
                run=f"{UNSTEERED}\nuv run .github/release/check_tag.py"
            ),
        ),
    ],
    "unsteered": [
        ("gate", lambda d: steered(d.release, "gate", "check_commit")),
        ("draft", lambda d: steered(d.release, "github-release", "draft_release")),
        ("build", lambda d: steered(d.release, "build", "build_distributions")),
        ("install", lambda d: steered(d.release, "test", "--sdist")),
        ("verify", lambda d: steered(d.release, "verify-pypi", "verify_index")),
        ("CI", lambda d: steered(d.ci, "test", "install_distribution")),
    ],
    "version-check": [("no", lambda d: remove(d.release, "build", "check_distributions"))],
    "smoke-test": [
        ("no sdist", lambda d: step_of(d.release, "test", "--sdist").update({"if": "false"})),
        (
            "one system",
            lambda d: step_of(d.release, "test", "install_distribution").update({"if": MACOS}),
        ),
    ],
    "full-checks": [
        ("nobody knows", lambda d: step_of(d.release, "test", "run_checks").update({"if": ABSENT})),
        (
            "a part",
            lambda d: step_of(d.release, "test", "run_checks").update(run=f"{SCRIPT}/run_checks.py lint"),
        ),
    ],
    "built-once": [
        (
            "other contents",
            lambda d: add(d.release, "test", step_of(d.release, "build", "upload-artifact")),
        ),
        ("twice", lambda d: add(d.release, "build", step_of(d.release, "build", "build_distributions"))),
    ],
    "bound": [
        ("by name", lambda d: inputs(d.release, "publish-pypi", "download-artifact").update(name="x")),
        ("by name in CI", lambda d: inputs(d.ci, "test", "download-artifact").update(pattern="dist*")),
        ("everything", lambda d: by_id(d.release, "publish-pypi", "")),
        ("everything, too", lambda d: inputs(d.release, "test", "download-artifact").pop("artifact-ids")),
        ("nobody's", lambda d: by_id(d.release, "publish-pypi", "${{ needs.build.outputs.dists }}")),
        ("not waited for", lambda d: by_id(d.release, "publish-pypi", "${{ needs.gate.outputs.notes }}")),
        (
            "not handed on",
            lambda d: d.release["jobs"]["build"]["outputs"].update(distributions="${{ steps.x.outputs.id }}"),
        ),
        (
            "not always",
            lambda d: step_of(d.release, "build", "upload-artifact").update({"if": "${{ env.X }}"}),
        ),
        ("not compared", lambda d: d.release["jobs"]["test"].pop("env")),
        ("with something else", lambda d: d.release["jobs"]["verify-pypi"]["env"].update(HASHES="")),
        (
            "with a file",
            lambda d: step_of(d.release, "verify-testpypi", "check_index").update(
                run=f"{UNSTEERED}\n{SCRIPT}/check_index.py pypi --checksums SHA256SUMS"
            ),
        ),
        ("no hashes", lambda d: d.release["jobs"]["build"]["outputs"].pop("hashes")),
        (
            "kept last",
            lambda d: keep_last(d.release),
        ),
    ],
    "platforms": [
        ("not planned", lambda d: drop(step_of(d.release, "sdist", "build_sdist"), "run", " windows-ARM64")),
        (
            "not released",
            lambda d: drop(
                inputs(d.release, "build", "download-artifact"),
                "artifact-ids",
                ", ${{ needs.wheels.outputs.windows-ARM64 }}",
            ),
        ),
        ("not in CI", lambda d: drop(step_of(d.ci, "sdist", "build_sdist"), "run", " macos-arm64")),
        ("not collected", lambda d: step_of(d.release, "build", "collect_dist").update({"if": ALWAYS})),
    ],
    "retention": [
        (
            "a day",
            lambda d: inputs(d.release, "build", "upload-artifact").update({"retention-days": 1}),
        ),
        ("kept for ever", lambda d: inputs(d.release, "build", "upload-artifact").pop("overwrite")),
        ("nothing", lambda d: inputs(d.ci, "build", "upload-artifact").pop("if-no-files-found")),
    ],
    "notes": [
        ("none", lambda d: remove(d.release, "gate", "release_notes")),
        ("unread", lambda d: add(d.ci, "test", {"run": "gh release create v1"})),
        ("no draft", lambda d: remove(d.release, "github-release", "draft_release")),
    ],
    "report": [
        ("never", lambda d: d.release["jobs"]["report"].update({"if": NO_FORK})),
        ("blind", lambda d: d.release["jobs"]["report"]["needs"].remove("build")),
        ("silent", lambda d: remove(d.release, "report", "report_outcome")),
    ],
    "pinned-actions": [
        (
            "a tag",
            lambda d: step_of(d.release, "gate", "actions/checkout").update(uses="actions/checkout@v7.0.1"),
        ),
        ("no version", lambda d: add(d.ci, "test", {"uses": f"actions/labeler@{'0' * 40}"})),
    ],
    "pinned-uv": [
        ("any", lambda d: inputs(d.ci, "quality", "setup-uv").pop("version")),
        ("two", lambda d: inputs(d.ci, "quality", "setup-uv").update(version="0.1.0")),
        ("none", lambda d: remove(d.release, "verify-pypi", "setup-uv")),
        ("unverified", lambda d: inputs(d.release, "gate", "setup-uv").pop("checksum")),
        ("two checksums", lambda d: inputs(d.watch, "watch", "setup-uv").update(checksum="0" * 64)),
        ("of another", bump_every_uv),
    ],
    "no-cache": [
        ("the watch's", lambda d: inputs(d.watch, "watch", "setup-uv").pop("enable-cache")),
        ("uv's", lambda d: inputs(d.release, "test", "setup-uv").update({"enable-cache": "auto"})),
        ("by default", lambda d: inputs(d.ci, "build", "setup-uv").pop("enable-cache")),
    ],
    "no-expansion": [("a tag", lambda d: add(d.release, "gate", {"run": "echo ${{ github.ref_name }}"}))],
    "shell": [
        ("any", lambda d: d.release.pop("defaults")),
        (
            "of a job",
            lambda d: d.release["jobs"]["build"].update(defaults={"run": {"shell": "bash -c '. x; . {0}'"}}),
        ),
    ],
    "telemetry": [("on", lambda d: d.release["env"].pop("GH_TELEMETRY"))],
    "timeouts": [
        ("none", lambda d: d.release["jobs"]["verify-pypi"].pop("timeout-minutes")),
        ("a day", lambda d: d.ci["jobs"]["test"].update({"timeout-minutes": 1440})),
    ],
    "runners": [("latest", lambda d: d.release["jobs"]["build"].update({"runs-on": "ubuntu-latest"}))],
    "ci-rehearsal": [
        ("no lint", lambda d: remove(d.ci, "quality", "run_checks")),
        ("no versions", lambda d: remove(d.ci, "build", "check_distributions")),
        (
            "once",
            lambda d: step_of(d.ci, "build", "build_distributions").update(
                run=f"{UNSTEERED}\n{SCRIPT}/build_distributions.py --out dist"
            ),
        ),
        ("no week", lambda d: d.ci["on"].pop("schedule")),
    ],
    "ci-name": [
        ("skipped", lambda d: d.ci["jobs"]["ci"].update(needs=["build", "quality"])),
        ("not last", lambda d: d.ci["jobs"]["ci"].pop("if")),
    ],
}


@pytest.fixture(scope="module")
def whole(packages: list[Package]) -> Package:
    """A package with every workflow and job."""
    return next(package for package in packages if package.reports and WATCH in package.files)


@pytest.fixture(scope="module")
def compiled(packages: list[Package]) -> Package:
    """A compiled package with every workflow and job."""
    return next(p for p in packages if p.answers.get("compiled") and p.reports and WATCH in p.files)


def broken(package: Package, change: Callable[[Draft], object]) -> Context:
    """What rules read of a package whose workflows were changed."""
    draft = Draft(*(copy.deepcopy(package.workflow(path).data) for path in (RELEASE, CI, WATCH)))
    change(draft)
    writer = YAML()
    writer.width = 4096
    read = []
    for path, data in ((CI, draft.ci), (RELEASE, draft.release), (WATCH, draft.watch)):
        text = io.StringIO()
        writer.dump(data, text)
        read.append(parse(path, text.getvalue()))
    return dataclasses.replace(package.context, workflows=tuple(read))


@pytest.mark.parametrize(
    ("rule", "change"),
    [pytest.param(rule, f, id=f"{rule}-{name}") for rule, all_of in BREAKS.items() for name, f in all_of],
)
def test_a_broken_workflow_breaks_exactly_its_rule(
    whole: Package, compiled: Package, rule: str, change: Callable[[Draft], object]
) -> None:
    context = broken(compiled if rule == "platforms" else whole, change)
    found = {rule.name: said for rule in RULES if (said := verdict(rule, context))}
    assert list(found) == [rule], found


def test_a_workflow_that_is_only_written_again_breaks_no_rule(whole: Package, compiled: Package) -> None:
    for package in (whole, compiled):
        context = broken(package, lambda _: None)
        assert [rule.name for rule in RULES if verdict(rule, context)] == []


def test_a_script_whose_output_is_kept_stops_all_the_same(whole: Package) -> None:
    context = broken(whole, ignored("", " 2>&1 | tee log.txt"))
    assert [rule.name for rule in RULES if verdict(rule, context)] == []


def two_of_one_name(draft: Draft) -> None:
    """Let two cells of the matrix hand on under one name."""
    cells = draft.release["jobs"]["wheels"]["strategy"]["matrix"]["include"]
    cells[0]["wheels"] = cells[1]["wheels"]


def hand_on_last(draft: Draft) -> None:
    """Let wheels be tested before they are handed on."""
    steps = draft.release["jobs"]["wheels"]["steps"]
    tested = step_of(draft.release, "wheels", "--test")
    steps.remove(tested)
    steps.insert(steps.index(step_of(draft.release, "wheels", "--hand-on")), tested)


@pytest.mark.requirement("P8.7", "B10")
@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("platforms", lambda d: d.release["jobs"].pop("wheels")),
        ("bound", two_of_one_name),
        ("bound", lambda d: step_of(d.release, "wheels", "upload-artifact").update({"if": NO_FORK})),
        ("bound", lambda d: step_of(d.release, "wheels", "--hand-on")["env"].update(ARTIFACT="1")),
        ("bound", lambda d: step_of(d.release, "wheels", "earlier_wheels").update({"if": NO_FORK})),
        (
            "bound",
            lambda d: step_of(d.release, "wheels", "--hand-on")["env"].update(
                ARTIFACT="${{ steps.wheels.outputs.artifact-id }}"
            ),
        ),
        ("bound", lambda d: step_of(d.release, "wheels", "--hand-on")["env"].update(WHEELS="")),
        ("bound", hand_on_last),
        ("bound", lambda d: d.release["jobs"]["test"]["env"].update(HASHES=BUILT)),
        ("bound", lambda d: step_of(d.release, "build", "collect_dist")["env"].update(HASHES=BUILT)),
        ("bound", lambda d: d.release["jobs"]["wheels"]["outputs"].update({"macos-arm64-hashes": "0"})),
        ("platforms", lambda d: d.release["jobs"]["wheels"]["outputs"].pop("macos-arm64-hashes")),
        ("platforms", lambda d: remove(d.release, "wheels", "--test")),
        ("platforms", lambda d: step_of(d.release, "wheels", "--test").update({"if": NO_FORK})),
        ("order", lambda d: d.release["jobs"]["test"].update(needs=["gate", "sdist"])),
        ("order", lambda d: d.release["jobs"]["publish-testpypi"]["needs"].remove("build")),
        ("order", lambda d: d.release["jobs"]["publish-testpypi"]["needs"].remove("test")),
    ],
)
def test_wheels_are_bound_to_their_runner(
    compiled: Package, rule: str, change: Callable[[Draft], object]
) -> None:
    """By id and hash that were handed on before a test; what is tested is what is collected."""
    context = broken(compiled, change)
    assert rule in [rule.name for rule in RULES if verdict(rule, context)]


@pytest.mark.requirement("B10", "S1")
def test_compiling_makes_the_longest_chain_one_job_longer(packages: list[Package], compiled: Package) -> None:
    """Of the release and of CI: wheels are tested while they are collected."""

    def depth(workflow: Workflow, job: str) -> int:
        needed = workflow.jobs[job].get("needs") or []
        names = [needed] if isinstance(needed, str) else needed
        return 1 + max((depth(workflow, name) for name in names), default=0)

    pure = next(p for p in packages if not p.answers.get("compiled") and CI in p.files)
    for path, last, jobs in ((RELEASE, "github-release", len(STAGES)), (CI, "ci", 3)):
        assert depth(pure.workflow(path), last) == jobs
        assert depth(compiled.workflow(path), last) == jobs + 1


def test_a_step_may_tell_a_webhook_twice(packages: list[Package]) -> None:
    """The secret stands there once, however often its step calls the script."""
    watched = (package for package in packages if WATCH in package.files)
    telling = next(package for package in watched if "announce" in package.workflow(RELEASE).jobs)

    def twice(draft: Draft) -> None:
        step = step_of(draft.release, "announce", "announce.py")
        step["run"] = "\n".join([step["run"]] * 2)

    rule = next(rule for rule in RULES if rule.name == "tokens")
    assert verdict(rule, broken(telling, twice)) == ""


def test_every_rule_is_broken() -> None:
    assert list(BREAKS) == [rule.name for rule in RULES]
