"""The structure of the rendered workflows: what a release may do, in which order, and with which rights.

Each rule is a function on parsed workflows. It is applied to every workflow that can be rendered, and to
workflows that were broken on purpose, where it must fail.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import json
import re
import shlex
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.workflow_files import STAGES
from packaging.requirements import Requirement
from ruamel.yaml import YAML
from support.combinations import crossed, write
from support.rendering import ROOT, Renderer, choices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CI, RELEASE = ".github/workflows/ci.yml", ".github/workflows/release.yml"
PINS = ROOT / "extensions/pins"
PUBLISHING = ("publish-testpypi", "publish-pypi")
TAG = "${{ inputs.tag || github.ref_name }}"
NOT_A_FORK = "!github.event.repository.fork"
RETENTION = 30  # days: as long as a run can be re-run


@dataclasses.dataclass(frozen=True)
class Package:
    """A rendered package, seen as its workflows.

    Attributes:
        answers: What it was rendered with.
        files: Its files by path.
        ci: The parsed ci.yml.
        release: The parsed release.yml.
    """

    answers: dict[str, Any]
    files: dict[str, bytes]
    ci: dict[str, Any]
    release: dict[str, Any]

    @property
    def workflows(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both workflows."""
        return self.ci, self.release


@functools.cache
def parsed(content: bytes) -> Any:  # noqa: ANN401  (any YAML)
    """A workflow with its comments (ruamel's round trip, YAML 1.2: `on` is no boolean)."""
    return YAML().load(content)


@pytest.fixture(scope="module")
def packages(template: Path) -> list[Package]:
    """One package for every workflow that choices can give, and the rows with awkward free text."""
    renderer = Renderer(template)
    rendered = [*renderer.variants(RELEASE), *renderer.variants(CI)]
    rendered += [(answers, renderer.files(answers)) for answers in crossed(choices_of(ROOT))]
    return [Package(answers, files, parsed(files[CI]), parsed(files[RELEASE])) for answers, files in rendered]


def steps(workflow: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step of a workflow, with the name of its job."""
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            yield name, step


def using(workflow: dict[str, Any], action: str) -> list[tuple[str, dict[str, Any]]]:
    """The steps that use an action, with the name of their job."""
    return [(job, step) for job, step in steps(workflow) if step.get("uses", "").startswith(f"{action}@")]


def needs(workflow: dict[str, Any], job: str) -> set[str]:
    """The jobs that must have succeeded before a job starts, directly and indirectly."""
    direct = workflow["jobs"][job].get("needs", [])
    direct = [direct] if isinstance(direct, str) else direct
    return set(direct).union(*(needs(workflow, name) for name in direct))


def strings(value: object) -> Iterator[str]:
    """Every string inside a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(strings, itertools.chain(value, value.values())))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(strings, value))


def commands(workflow: dict[str, Any], job: str | None = None) -> list[tuple[str, list[str]]]:
    """The release scripts that a workflow runs, in order: name of the script and its arguments."""
    found = []
    for name, step in steps(workflow):
        if job in (None, name):
            for line in step.get("run", "").splitlines():
                words = shlex.split(line)
                if words[:2] == ["uv", "run"]:
                    found.append((words[2].rpartition(".github/release/")[2], words[3:]))
    return found


# ---- Rules --------------------------------------------------------------------------------------------


def stages_stand_in_order(package: Package) -> None:
    """Each stage waits for all before it, and nothing runs beside another."""
    jobs = package.release["jobs"]
    report = ("report",) if package.answers.get("failure_issue", True) else ()
    assert tuple(jobs) == STAGES + report
    for number, job in enumerate(STAGES):
        assert needs(package.release, job) == set(STAGES[:number]), job
    for job in report:
        assert set(jobs[job]["needs"]) == set(STAGES)


def nothing_bypasses_a_failure(package: Package) -> None:
    """No condition lets a job run after a failure, and none skips one, but the fork's and the report's."""
    conditions = {name: job["if"] for name, job in package.release["jobs"].items() if "if" in job}
    expected = {"gate": f"${{{{ {NOT_A_FORK} }}}}"}
    if package.answers.get("failure_issue", True):
        expected["report"] = f"${{{{ always() && {NOT_A_FORK} }}}}"
    assert conditions == expected
    assert {name: job["if"] for name, job in package.ci["jobs"].items() if "if" in job} == {
        "ci": "${{ always() }}"
    }
    for workflow in package.workflows:
        assert not [s for s in strings(workflow) if s == "continue-on-error"]
        assert all(
            job["strategy"].get("fail-fast", True) is not None
            for job in workflow["jobs"].values()
            if "strategy" in job
        )
    step_conditions = {
        (job, step["run"].rpartition("/")[2]): step["if"]
        for job, step in steps(package.release)
        if "if" in step
    }
    assert step_conditions == {
        ("test", "install_distribution.py --sdist"): "${{ matrix.os == 'ubuntu-24.04' }}",
        # Whatever is not "passed", an empty answer above all, runs them.
        ("test", "run_checks.py"): "${{ needs.gate.outputs.ci != 'passed' }}",
    }


def a_job_has_the_rights_it_needs(package: Package) -> None:
    """No rights by default; each job names its own."""
    read = {"contents": "read"}
    expected: dict[str, dict[str, str]] = dict.fromkeys(STAGES, read)
    expected |= {
        "gate": {"actions": "read", "contents": "read"},
        "publish-testpypi": {"id-token": "write"},
        "publish-pypi": {"id-token": "write"},
        "github-release": {"contents": "write"},
    }
    if package.answers.get("failure_issue", True):
        expected["report"] = {"contents": "read", "issues": "write"}
    assert package.release["permissions"] == {}
    assert {name: job["permissions"] for name, job in package.release["jobs"].items()} == expected
    assert package.ci["permissions"] == {}
    in_ci = {name: job["permissions"] for name, job in package.ci["jobs"].items()}
    assert in_ci == {"build": read, "quality": read, "test": read, "ci": {}}


def only_publishing_jobs_have_an_identity(package: Package) -> None:
    """`id-token` stands on the two publishing jobs, never on a workflow, never in CI."""
    jobs = package.release["jobs"]
    assert tuple(name for name, job in jobs.items() if "id-token" in job.get("permissions", {})) == PUBLISHING
    assert "id-token" not in package.release["permissions"]
    assert "id-token" not in set(strings(package.ci))
    assert not {"write-all", "read-all"} & {*strings(package.ci), *strings(package.release)}


def publishing_jobs_download_and_publish(package: Package) -> None:
    """Two steps, both actions; nothing of the package runs, no token is given, nothing is switched off."""
    for name in PUBLISHING:
        job = package.release["jobs"][name]
        assert len(job["steps"]) == 2, name
        download, publish = job["steps"]
        for step, action in (
            (download, "actions/download-artifact"),
            (publish, "pypa/gh-action-pypi-publish"),
        ):
            assert set(step) == {"name", "uses", "with"}
            assert step["uses"].startswith(f"{action}@")
        assert download["with"] == {"name": "distributions", "path": "dist/"}
        inputs = dict(publish["with"])
        assert inputs.pop("skip-existing") is True
        if name == "publish-testpypi":
            assert inputs.pop("repository-url") == "https://test.pypi.org/legacy/"
        assert inputs == {}
        assert job["runs-on"] == "ubuntu-24.04"  # the action needs Linux and Docker
        assert not {"container", "services", "env", "outputs", "strategy", "defaults"} & set(job)


def publishing_jobs_name_their_environment(package: Package) -> None:
    """Each its own, as answered; no other job names one."""
    named = {
        name: job["environment"] for name, job in package.release["jobs"].items() if "environment" in job
    }
    assert named == {
        "publish-testpypi": package.answers.get("testpypi_environment", "testpypi"),
        "publish-pypi": package.answers.get("pypi_environment", "pypi"),
    }
    assert not [job for job in package.ci["jobs"].values() if "environment" in job]


def nothing_is_called(package: Package) -> None:
    """No reusable workflow and no local action: a trusted publisher accepts this file only."""
    for workflow in package.workflows:
        assert not [name for name, job in workflow["jobs"].items() if "uses" in job]
        assert not [
            step for _, step in steps(workflow) if step.get("uses", "").startswith((".", "$", "docker:"))
        ]


def actions_are_pinned(package: Package) -> None:
    """To a full commit with its version in a comment, as in the one list that bots keep fresh."""
    listed = parsed((PINS / "action.yml").read_bytes())["runs"]["steps"]
    known = {step["uses"].partition("@")[0]: pin(step) for step in listed}
    for workflow in package.workflows:
        used = [step for _, step in steps(workflow) if "uses" in step]
        assert used
        for step in used:
            action, _, commit = step["uses"].partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", commit), step["uses"]
            assert pin(step) == known[action], step["uses"]


def pin(step: Any) -> tuple[str, str]:  # noqa: ANN401  (ruamel's mapping with comments)
    """Commit and version of the action that a step uses; the version stands in the comment."""
    comment = step.ca.items["uses"][2].value
    version = re.match(r"# (v\d+\.\d+\.\d+)\n", comment)
    assert version, f"{step['uses']} has no version in its comment"
    return step["uses"].partition("@")[2], version[1]


def uv_is_pinned(package: Package) -> None:
    """Every job that has uv has the one version of the list."""
    lines = (PINS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = {r.name: str(r.specifier)[2:] for r in map(Requirement, filter(re.compile(r"[a-z]").match, lines))}
    for workflow in package.workflows:
        for job, step in using(workflow, "astral-sh/setup-uv"):
            assert step["with"]["version"] == pins["uv"], job
        with_uv = {job for job, _ in using(workflow, "astral-sh/setup-uv")}
        assert with_uv == {job for job in workflow["jobs"] if commands(workflow, job)}


def versions_come_from_whole_histories(package: Package) -> None:
    """Where a version is derived, the checkout has all commits and tags."""
    for workflow in package.workflows:
        for name in workflow["jobs"]:
            scripts = {script for script, _ in commands(workflow, name)}
            if scripts & {"build_distributions.py", "check_commit.py", "release_notes.py"}:
                sources = [
                    step["with"]
                    for job, step in using(workflow, "actions/checkout")
                    if job == name and "sparse-checkout" not in step["with"]
                ]
                assert [source.get("fetch-depth") for source in sources] == [0], name
                assert not {"filter", "fetch-tags"} & set(sources[0])


def releases_build_the_tagged_commit(package: Package) -> None:
    """The gate takes the tag, the build the commit that the gate found behind it."""
    references = {
        job: step["with"]["ref"]
        for job, step in using(package.release, "actions/checkout")
        if "ref" in step["with"]
    }
    assert references == {"gate": "refs/tags/${{ env.TAG }}", "build": "${{ needs.gate.outputs.commit }}"}
    assert package.release["jobs"]["gate"]["outputs"]["commit"] == "${{ steps.commit.outputs.commit }}"
    (step,) = [s for _, s in steps(package.release) if "check_commit.py" in s.get("run", "")]
    assert step["id"] == "commit"


def scripts_come_from_the_workflows_own_commit(package: Package) -> None:
    """A dispatch with a mended workflow runs mended scripts: they are never those of the tagged source."""
    for job, step in using(package.release, "actions/checkout"):
        if "sparse-checkout" in step["with"]:
            assert step["with"]["sparse-checkout"] == ".github/release", job
            assert not {"ref", "repository", "path"} & set(step["with"]), job
        else:
            assert step["with"]["path"] == "source", job
    for job, step in steps(package.release):
        for line in step.get("run", "").splitlines():
            if ".github/release/" in line:
                up = "../" if step.get("working-directory") == "source" else ""
                assert f"uv run {up}.github/release/" in line, job


def checkouts_keep_no_credentials(package: Package) -> None:
    """No checkout leaves a token behind for what runs later."""
    for workflow in package.workflows:
        checkouts = using(workflow, "actions/checkout")
        assert checkouts
        assert all(step["with"]["persist-credentials"] is False for _, step in checkouts)


def releases_read_no_cache(package: Package) -> None:
    """What an outsider can write to a cache never reaches a release; CI's build is like a release's."""
    assert using(package.release, "actions/cache") == using(package.ci, "actions/cache") == []
    installed = using(package.release, "astral-sh/setup-uv")
    installed += [item for item in using(package.ci, "astral-sh/setup-uv") if item[0] == "build"]
    assert installed
    for job, step in installed:
        assert step["with"]["enable-cache"] is False, job


def one_run_for_one_tag(package: Package) -> None:
    """Two runs for a tag wait for each other, nothing is cancelled, other tags are not held up."""
    assert package.release["concurrency"] == {"group": f"release-{TAG}", "cancel-in-progress": False}
    assert package.release["env"]["TAG"] == TAG
    assert not [name for name, job in package.release["jobs"].items() if "concurrency" in job]
    assert package.ci["concurrency"]["group"] == "ci-${{ github.ref }}"
    assert package.ci["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def a_release_starts_from_a_tag_only(package: Package) -> None:
    """A pushed tag, or a start by hand that names one; CI has every other event."""
    prefix = package.answers.get("tag_prefix", "v")
    on = package.release["on"]
    assert set(on) == {"push", "workflow_dispatch"}
    assert on["push"] == {"tags": [f"{prefix}[0-9]*"]}
    assert set(on["workflow_dispatch"]["inputs"]) == {"tag"}
    tag = on["workflow_dispatch"]["inputs"]["tag"]
    assert (tag["required"], tag["type"]) == (True, "string")
    assert set(package.ci["on"]) == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert set(package.ci["on"]["push"]) == {"branches"}
    assert package.ci["on"]["pull_request"] is None
    (schedule,) = package.ci["on"]["schedule"]
    minute, hour, *days = schedule["cron"].split()
    assert 0 <= int(minute) < 60
    assert 0 <= int(hour) < 24
    assert days == ["*", "*", "1"]


def no_value_is_expanded_in_a_script(package: Package) -> None:
    """Values travel by environment; a script has no expression in it."""
    for workflow in package.workflows:
        for job, step in steps(workflow):
            assert "${{" not in step.get("run", ""), (job, step)
        assert not [job for job in workflow["jobs"].values() if "${{" in str(job.get("defaults", ""))]


def no_secret_is_used(package: Package) -> None:
    """There is none; the job's own token reaches only steps that call GitHub, by environment."""
    own = "${{ github.token }}"
    for workflow in package.workflows:
        suspicious = re.compile(r"\bsecrets\b|github\.token|GITHUB_TOKEN")
        assert {text for text in strings(workflow) if suspicious.search(text)} <= {own}
        assert own not in set(strings({key: value for key, value in workflow.items() if key != "jobs"}))
        for name, job in workflow["jobs"].items():
            assert own not in set(strings({key: value for key, value in job.items() if key != "steps"})), name
        for job, step in steps(workflow):
            names = [name for name, value in step.get("env", {}).items() if value == own]
            calls_github = re.search(r"(ci_verdict|draft_release|report_outcome)\.py", step.get("run", ""))
            assert names == (["GH_TOKEN"] if calls_github else []), job
            assert own not in set(strings(step.get("with", {}))), job


def gh_tells_nobody(package: Package) -> None:
    """A release contacts both indexes and GitHub's own services: gh is kept from sending telemetry."""
    assert package.release["env"]["GH_TELEMETRY"] == "false"


def every_job_ends(package: Package) -> None:
    """Each job has a timeout of at most an hour, and a fixed system of the host."""
    for workflow in package.workflows:
        for name, job in workflow["jobs"].items():
            assert 0 < job["timeout-minutes"] <= 60, name
            systems = job["strategy"]["matrix"]["os"] if "strategy" in job else [job["runs-on"]]
            assert systems == ["ubuntu-24.04"], name


def artifacts_outlive_every_rerun(package: Package) -> None:
    """A re-run of failed jobs finds the artifacts of the first run, and a re-run of all replaces them."""
    for job, step in using(package.release, "actions/upload-artifact"):
        assert step["with"]["retention-days"] == RETENTION, job
        assert step["with"]["overwrite"] is True, job
    for workflow in package.workflows:
        for job, step in using(workflow, "actions/upload-artifact"):
            assert step["with"]["if-no-files-found"] == "error", job


def the_built_bytes_reach_every_stage(package: Package) -> None:
    """Built and uploaded once; what a job downloads was uploaded by one that it waits for."""
    for workflow, expected in (
        (package.release, {"release-notes": "gate", "distributions": "build", "checksums": "build"}),
        (package.ci, {"distributions": "build"}),
    ):
        uploads = [(step["with"]["name"], job) for job, step in using(workflow, "actions/upload-artifact")]
        assert sorted(uploads) == sorted(expected.items())
        builders = [
            job for job in workflow["jobs"] if "build_distributions.py" in dict(commands(workflow, job))
        ]
        assert builders == ["build"]
        for job, step in using(workflow, "actions/download-artifact"):
            names = [step["with"]["name"]] if "name" in step["with"] else list(expected)
            assert {expected[name] for name in names} <= needs(workflow, job), job
    downloads = {
        job: step["with"].get("name") for job, step in using(package.release, "actions/download-artifact")
    }
    assert downloads == {
        "test": "distributions",
        "publish-testpypi": "distributions",
        "verify-testpypi": "checksums",
        "publish-pypi": "distributions",
        "verify-pypi": "checksums",
        "github-release": None,
    }


def the_notes_exist_before_anything_is_published(package: Package) -> None:
    """They are written and kept by the first job."""
    scripts = [script for script, _ in commands(package.release, "gate")]
    assert scripts == ["check_tag.py", "check_commit.py", "release_notes.py", "ci_verdict.py"]


def every_stage_checks_what_it_must(package: Package) -> None:
    """The scripts of each job, in order, with the index that they ask."""
    ran = {job: commands(package.release, job) for job in package.release["jobs"]}
    sums = ["--checksums", "checksums/SHA256SUMS"]
    assert ran["build"] == [
        ("build_distributions.py", ["--out", "../dist"]),
        ("check_distributions.py", ["dist", *sums]),
        ("check_index.py", ["testpypi", "pypi", *sums]),
    ]
    assert ran["test"] == [
        ("install_distribution.py", []),
        ("install_distribution.py", ["--sdist"]),
        ("run_checks.py", []),  # all of them
    ]
    assert ran["publish-testpypi"] == ran["publish-pypi"] == []
    assert ran["verify-testpypi"] == [
        ("verify_index.py", ["testpypi", *sums]),
        ("check_index.py", ["pypi", *sums]),
    ]
    assert ran["verify-pypi"] == [("verify_index.py", ["pypi", *sums])]
    assert [script for script, _ in ran["github-release"]] == ["draft_release.py"]


def comment_of(content: bytes, job: str) -> str:
    """The comment that stands right before a job, as one line."""
    line, _ = parsed(content)["jobs"].lc.key(job)
    before = itertools.takewhile(
        lambda text: text.startswith("#"), (t.strip() for t in reversed(content.decode().splitlines()[:line]))
    )
    return " ".join(text.removeprefix("#").strip() for text in reversed(list(before)))


def a_comment_tells_what_testpypi_is_good_for(package: Package) -> None:
    """Before its first job: what it proves, and what it does not."""
    sentences = comment_of(package.files[RELEASE], "publish-testpypi").split(". ")
    assert any(sentence.startswith("TestPyPI proves that ") for sentence in sentences)
    assert any(sentence.startswith("It proves nothing about PyPI's ") for sentence in sentences)


def ci_rehearses_the_release(package: Package) -> None:
    """CI builds, checks and installs as a release does, builds twice, and leaves no check out."""
    scripts = {
        "build_distributions.py",
        "check_distributions.py",
        "check_index.py",
        "install_distribution.py",
    }
    rehearsed = [
        [(s, set(a) & {"testpypi", "pypi", "--sdist"}) for j in ("build", "test") for s, a in commands(w, j)]
        for w in package.workflows
    ]
    in_ci, in_release = ([item for item in items if item[0] in scripts] for items in rehearsed)
    assert {script for script, _ in in_release} == scripts
    assert in_ci == in_release
    assert "--twice" in dict(commands(package.ci, "build"))["build_distributions.py"]
    checks = tomllib.loads(package.files[".github/release/settings.toml"].decode())["checks"]
    checked = [word for script, a in commands(package.ci) if script == "run_checks.py" for word in a]
    assert checked == list(checks)
    matrices = [workflow["jobs"]["test"]["strategy"]["matrix"] for workflow in package.workflows]
    assert matrices[0] == matrices[1]


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


def ci_has_one_name_to_require(package: Package) -> None:
    """The last job of CI is red unless every other one is green, also when one was skipped."""
    last = package.ci["jobs"]["ci"]
    others = [name for name in package.ci["jobs"] if name != "ci"]
    assert last["needs"] == others
    (step,) = last["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
    assert [passes(step["run"], results) for results in VERDICTS] == list(VERDICTS.values())


RULES: dict[Callable[[Package], None], tuple[str, ...]] = {
    stages_stand_in_order: ("P1.1", "P1.5", "P8.1", "P8.3", "T1", "T4"),
    nothing_bypasses_a_failure: ("P1.1", "P8.3", "P9.4", "S2"),
    a_job_has_the_rights_it_needs: ("P2.5", "T6", "X6"),
    only_publishing_jobs_have_an_identity: ("P2.1", "X1", "X4"),
    publishing_jobs_download_and_publish: ("P2.2", "P5.1", "T2", "X5", "S3"),
    publishing_jobs_name_their_environment: ("P2.3",),
    nothing_is_called: ("P9.6",),
    actions_are_pinned: ("X9",),
    uv_is_pinned: ("X11", "B4"),
    versions_come_from_whole_histories: ("P3.1", "P3.5"),
    releases_build_the_tagged_commit: ("P3.6",),
    scripts_come_from_the_workflows_own_commit: ("P8.6", "S5"),
    checkouts_keep_no_credentials: ("X6",),
    releases_read_no_cache: ("S4", "X11"),
    one_run_for_one_tag: ("P5.4",),
    a_release_starts_from_a_tag_only: ("P1.2", "P8.6", "X4", "X7"),
    no_value_is_expanded_in_a_script: ("X10",),
    no_secret_is_used: ("T2", "X3"),
    gh_tells_nobody: ("B1",),
    every_job_ends: ("P8.2",),
    artifacts_outlive_every_rerun: ("P8.3",),
    the_built_bytes_reach_every_stage: ("P1.4", "P8.7"),
    the_notes_exist_before_anything_is_published: ("P7.4", "T5"),
    every_stage_checks_what_it_must: ("P1.3", "P5.6", "P8.2", "T7"),
    a_comment_tells_what_testpypi_is_good_for: ("P10.4",),
    ci_rehearses_the_release: ("B4", "P3.5"),
    ci_has_one_name_to_require: ("P1.1",),
}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, marks=pytest.mark.requirement(*rows), id=rule.__name__)
        for rule, rows in RULES.items()
    ],
)
def test_every_workflow_keeps_the_rule(packages: list[Package], rule: Callable[[Package], None]) -> None:
    for package in packages:
        try:
            rule(package)
        except Exception as error:
            error.add_note(f"rendered with {package.answers}")
            raise


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
        settings = package.files[".github/release/settings.toml"]
        calls = commands(package.release) + commands(package.ci)
        key = json.dumps([sorted(tomllib.loads(settings.decode())["checks"]), calls])
        if key in seen:
            continue
        seen.add(key)
        root = tmp_path / str(number)
        write(root, {path: content for path, content in package.files.items() if "/release/" in path})
        words = [(s, ["testing" if w.startswith("$") else w for w in a]) for s, a in calls]
        command = [sys.executable, "-c", PARSE_ONLY, str(root / ".github/release"), json.dumps(words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
        assert done.returncode == 0, done.stderr
    assert len(seen) > 1


# ---- The rules can fail -------------------------------------------------------------------------------


def step_of(workflow: dict[str, Any], job: str, what: str) -> dict[str, Any]:
    """The first step of a job that uses an action or runs a script with these words in it."""
    found = (s for s in workflow["jobs"][job]["steps"] if what in s.get("uses", "") + s.get("run", ""))
    step: dict[str, Any] = next(found)
    return step


def add(workflow: dict[str, Any], job: str, step: dict[str, Any]) -> None:
    """Append a step to a job."""
    workflow["jobs"][job]["steps"].append(step)


def remove(workflow: dict[str, Any], job: str, what: str) -> None:
    """Remove the first step of a job that `step_of` finds."""
    workflow["jobs"][job]["steps"].remove(step_of(workflow, job, what))


Break = tuple["Callable[[Package], None]", "Callable[[Package], object]"]
BREAKS: dict[str, Break] = {
    "a right for the whole workflow": (
        only_publishing_jobs_have_an_identity,
        lambda p: p.release["permissions"].update({"id-token": "write"}),
    ),
    "an identity in CI": (
        only_publishing_jobs_have_an_identity,
        lambda p: p.ci["jobs"]["test"]["permissions"].update({"id-token": "write"}),
    ),
    "more rights than needed": (
        a_job_has_the_rights_it_needs,
        lambda p: p.release["jobs"]["verify-pypi"]["permissions"].update({"contents": "write"}),
    ),
    "publishing without tests": (
        stages_stand_in_order,
        lambda p: p.release["jobs"]["publish-testpypi"]["needs"].remove("test"),
    ),
    "PyPI before TestPyPI is verified": (
        stages_stand_in_order,
        lambda p: p.release["jobs"]["publish-pypi"].update(needs=["build", "test"]),
    ),
    "publishing whatever happened": (
        nothing_bypasses_a_failure,
        lambda p: p.release["jobs"]["publish-pypi"].update({"if": "${{ always() }}"}),
    ),
    "a failure that does not count": (
        nothing_bypasses_a_failure,
        lambda p: step_of(p.release, "test", "install_distribution").update({"continue-on-error": True}),
    ),
    "a fork that releases": (nothing_bypasses_a_failure, lambda p: p.release["jobs"]["gate"].pop("if")),
    "no checks when nobody knows": (
        nothing_bypasses_a_failure,
        lambda p: step_of(p.release, "test", "run_checks").update(
            {"if": "${{ needs.gate.outputs.ci == 'absent' }}"}
        ),
    ),
    "a checkout before publishing": (
        publishing_jobs_download_and_publish,
        lambda p: add(p.release, "publish-pypi", step_of(p.release, "gate", "actions/checkout")),
    ),
    "an API token": (
        publishing_jobs_download_and_publish,
        lambda p: step_of(p.release, "publish-pypi", "pypi-publish")["with"].update({"password": "x"}),
    ),
    "no attestations": (
        publishing_jobs_download_and_publish,
        lambda p: step_of(p.release, "publish-pypi", "pypi-publish")["with"].update(attestations=False),
    ),
    "a duplicate that fails": (
        publishing_jobs_download_and_publish,
        lambda p: step_of(p.release, "publish-testpypi", "pypi-publish")["with"].pop("skip-existing"),
    ),
    "no environment": (
        publishing_jobs_name_their_environment,
        lambda p: p.release["jobs"]["publish-pypi"].pop("environment"),
    ),
    "a reusable workflow": (
        nothing_is_called,
        lambda p: p.release["jobs"]["publish-pypi"].update(uses="./.github/workflows/publish.yml"),
    ),
    "an action by its tag": (
        actions_are_pinned,
        lambda p: step_of(p.release, "gate", "actions/checkout").update(uses="actions/checkout@v7.0.1"),
    ),
    "an action at another commit": (
        actions_are_pinned,
        lambda p: step_of(p.ci, "test", "actions/checkout").update(uses=f"actions/checkout@{'0' * 40}"),
    ),
    "any uv": (uv_is_pinned, lambda p: step_of(p.ci, "quality", "setup-uv")["with"].pop("version")),
    "a shallow clone": (
        versions_come_from_whole_histories,
        lambda p: p.release["jobs"]["build"]["steps"][1]["with"].pop("fetch-depth"),
    ),
    "the branch instead of the tag": (
        releases_build_the_tagged_commit,
        lambda p: p.release["jobs"]["build"]["steps"][1]["with"].pop("ref"),
    ),
    "the scripts of the tag": (
        scripts_come_from_the_workflows_own_commit,
        lambda p: step_of(p.release, "test", "actions/checkout")["with"].update(ref="${{ env.TAG }}"),
    ),
    "credentials that stay": (
        checkouts_keep_no_credentials,
        lambda p: step_of(p.ci, "test", "actions/checkout")["with"].update({"persist-credentials": True}),
    ),
    "a cache in the release": (
        releases_read_no_cache,
        lambda p: step_of(p.release, "test", "setup-uv")["with"].update({"enable-cache": "auto"}),
    ),
    "an upload cancelled half-way": (
        one_run_for_one_tag,
        lambda p: p.release["concurrency"].update({"cancel-in-progress": True}),
    ),
    "all versions in one queue": (
        one_run_for_one_tag,
        lambda p: p.release["concurrency"].update(group="release"),
    ),
    "a release of a branch": (
        a_release_starts_from_a_tag_only,
        lambda p: p.release["on"]["push"].update(branches=["main"]),
    ),
    "a pull request that releases": (
        a_release_starts_from_a_tag_only,
        lambda p: p.release["on"].update(pull_request_target=None),
    ),
    "an expression in a script": (
        no_value_is_expanded_in_a_script,
        lambda p: step_of(p.release, "gate", "check_tag").update(run="echo ${{ github.ref_name }}"),
    ),
    "a secret": (
        no_secret_is_used,
        lambda p: step_of(p.release, "gate", "check_tag").update(env={"X": "${{ secrets.PYPI }}"}),
    ),
    "a token for every step": (
        no_secret_is_used,
        lambda p: p.release["env"].update({"GH_TOKEN": "${{ github.token }}"}),
    ),
    "telemetry": (gh_tells_nobody, lambda p: p.release["env"].pop("GH_TELEMETRY")),
    "no end": (every_job_ends, lambda p: p.release["jobs"]["verify-pypi"].pop("timeout-minutes")),
    "artifacts that vanish": (
        artifacts_outlive_every_rerun,
        lambda p: step_of(p.release, "build", "upload-artifact")["with"].update({"retention-days": 1}),
    ),
    "other bytes for PyPI": (
        the_built_bytes_reach_every_stage,
        lambda p: add(p.release, "test", step_of(p.release, "build", "upload-artifact")),
    ),
    "a second build": (
        the_built_bytes_reach_every_stage,
        lambda p: add(p.release, "test", step_of(p.release, "build", "build_distributions")),
    ),
    "no notes": (
        the_notes_exist_before_anything_is_published,
        lambda p: remove(p.release, "gate", "release_notes"),
    ),
    "no check of the version": (
        every_stage_checks_what_it_must,
        lambda p: remove(p.release, "build", "check_distributions"),
    ),
    "an untested sdist": (
        every_stage_checks_what_it_must,
        lambda p: remove(p.release, "test", "--sdist"),
    ),
    "no look at PyPI before it is too late": (
        every_stage_checks_what_it_must,
        lambda p: remove(p.release, "verify-testpypi", "check_index"),
    ),
    "a TestPyPI that proves everything": (
        a_comment_tells_what_testpypi_is_good_for,
        lambda p: p.files.update({RELEASE: p.files[RELEASE].replace(b"proves nothing about", b"proves")}),
    ),
    "CI without lint": (ci_rehearses_the_release, lambda p: remove(p.ci, "quality", "run_checks")),
    "CI without a rehearsal": (ci_rehearses_the_release, lambda p: remove(p.ci, "build", "check_index")),
    "CI that is green when a job was skipped": (
        ci_has_one_name_to_require,
        lambda p: p.ci["jobs"]["ci"].update(needs=["build", "quality"]),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_workflow_breaks_its_rule(packages: list[Package], name: str) -> None:
    rule, mutate = BREAKS[name]
    package = packages[0]
    rule(package)
    broken = dataclasses.replace(
        package,
        release=copy.deepcopy(package.release),
        ci=copy.deepcopy(package.ci),
        files=dict(package.files),
    )
    mutate(broken)
    with pytest.raises((AssertionError, KeyError)):
        rule(broken)


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _ in BREAKS.values()} == set(RULES)
