"""The rules for workflows in repositories that were never adopted, and what is read beside the rules."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from adopt.fixtures import PROJECT, common, make, repository
from copier_pypi_release.checks import Result
from copier_pypi_release.checks.workflow import RULES
from copier_pypi_release.workflow_files import STAGES

from checks.readiness import RELEASE, failed, failed_in, found_in, results

if TYPE_CHECKING:
    from pathlib import Path

    from commands.local_github import Bench

STEPS = "on: push\njobs:\n  a:\n    steps:\n"
PIN = f"@{'0' * 40} # v1.0.0"
# A workflow of somebody's own that keeps every rule for any workflow.
OWN = dedent(
    f"""\
    on:
      push:
        tags: ["v[0-9]*"]
    permissions: {{}}
    concurrency:
      group: release-${{{{ github.ref }}}}
    jobs:
      build:
        if: ${{{{ !github.event.repository.fork }}}}
        runs-on: ubuntu-latest
        timeout-minutes: 10
        permissions: {{contents: read}}
        steps:
          - uses: actions/checkout{PIN}
            with: {{fetch-depth: 0, persist-credentials: false}}
          - uses: actions/setup-python{PIN}
          - run: python -m build && pytest
          - uses: actions/upload-artifact{PIN}
            with: {{name: dist, path: dist/}}
      rehearse:
        needs: build
        runs-on: ubuntu-latest
        timeout-minutes: 10
        environment: testing
        permissions: {{id-token: write}}
        steps:
          - uses: actions/download-artifact{PIN}
            with: {{name: dist, path: dist/}}
          - uses: pypa/gh-action-pypi-publish{PIN}
            with:
              repository-url: https://test.pypi.org/legacy/
              skip-existing: true
      publish:
        needs: [rehearse]
        runs-on: ubuntu-latest
        timeout-minutes: 10
        environment: {{name: live}}
        permissions:
          id-token: write
        steps:
          - uses: actions/download-artifact{PIN}
            with: {{name: dist, path: dist/}}
          - uses: pypa/gh-action-pypi-publish{PIN}
            with:
              skip-existing: true
    """
)
PYPROJECT = PROJECT.replace('version = "1.4.2"', 'dynamic = ["version"]')
PYPROJECT += '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\nbuild-backend = "hatchling.build"\n'


def own(folder: Path, workflow: str = OWN, **more: str) -> Path:
    """A repository with a workflow of its own, and no other."""
    files = {name: text for name, text in common().items() if not name.startswith(".github")}
    files |= {"pyproject.toml": PYPROJECT, ".github/workflows/deploy.yml": workflow, **more}
    files["src/demo_pkg/__init__.py"] = '"""Timetables."""\n'
    return repository(folder / "demo-pkg", files)


# ---- A workflow of somebody's own --------------------------------------------------------------------


def test_a_workflow_of_ones_own_can_keep_every_rule(tmp_path: Path) -> None:
    found = found_in(own(tmp_path))
    assert [name for name, f in found.items() if f.result is Result.FAIL] == []
    assert found["workflow-files"].found == "deploy.yml"
    assert {rule.name for rule in RULES if not rule.adopted} <= {
        name for name, f in found.items() if f.result is Result.PASS
    }


CHANGES: list[tuple[str, str, str]] = [
    ("order", "needs: [rehearse]", "needs: build"),
    ("no-bypass", "    needs: build\n", "    needs: build\n    if: success() || failure()\n"),
    ("no-bypass", "- run: python -m build", "- continue-on-error: true\n        run: python -m build"),
    ("fork-guard", "!github.event.repository.fork", "github.repository == 'octo-org/demo-pkg'"),
    ("fork-guard", "    if: ${{ !github.event.repository.fork }}\n", ""),
    ("triggers", 'tags: ["v[0-9]*"]', 'tags: ["*"]'),
    ("triggers", 'tags: ["v[0-9]*"]', "branches: [main]"),
    ("triggers", "on:\n", "on:\n  workflow_run: {workflows: [CI]}\n"),
    ("one-run", "release-${{ github.ref }}", "release"),
    ("one-run", "concurrency:\n", "concurrency:\n  cancel-in-progress: true\n"),
    ("permissions", "permissions: {}\n", "permissions: read-all\n"),
    ("permissions", "    permissions: {contents: read}\n", ""),
    ("identity", "permissions: {contents: read}", "permissions: {contents: read, id-token: write}"),
    ("tokens", "skip-existing: true\n", "skip-existing: true\n          password: ${{ secrets.T }}\n"),
    ("credentials", ", persist-credentials: false", ""),
    ("isolation", "      - uses: pypa/", "      - run: twine check dist/*\n      - uses: pypa/"),
    ("upload", "skip-existing: true\n", "skip-existing: true\n          attestations: false\n"),
    ("upload", "https://test.pypi.org/legacy/", "https://test.pypi.org.example/legacy/"),
    ("environment-names", "environment: {name: live}", "environment: Testing"),
    ("environment-names", "environment: {name: live}", "environment: ${{ github.ref_name }}"),
    ("one-file", "on:\n", "on:\n  workflow_call:\n"),
    ("skip-existing", "          skip-existing: true\n  publish:", "  publish:"),
    ("tagged-commit", "{fetch-depth: 0", "{ref: main, fetch-depth: 0"),
    ("full-history", "fetch-depth: 0, ", ""),
    ("built-once", "with: {name: dist, path: dist/}\n  rehearse", "with: {name: other}\n  rehearse"),
    ("retention", "{name: dist, path: dist/}\n  rehearse", "{name: dist, retention-days: 1}\n  rehearse"),
    ("notes", "      - run: python", "      - run: gh release create v1\n      - run: python"),
    ("pinned-actions", f"actions/setup-python{PIN}", "actions/setup-python@v5"),
    ("pinned-actions", f"actions/setup-python{PIN}", f"actions/setup-python@{'0' * 40}"),
    ("no-cache", f"setup-python{PIN}\n", f"setup-python{PIN}\n        with: {{cache: pip}}\n"),
    ("no-expansion", "&& pytest", "&& echo ${{ github.ref_name }}"),
    ("timeouts", "    timeout-minutes: 10\n    environment: testing", "    environment: testing"),
]


@pytest.mark.parametrize(
    ("rule", "old", "new"), CHANGES, ids=[f"{rule}-{number}" for number, (rule, *_) in enumerate(CHANGES)]
)
def test_a_broken_rule_is_named_in_any_workflow(tmp_path: Path, rule: str, old: str, new: str) -> None:
    assert old in OWN
    found = found_in(own(tmp_path, OWN.replace(old, new)))
    assert {name for name, f in found.items() if f.result is Result.FAIL} == {rule}
    assert found[rule].adopt == "renders a release workflow that keeps the rule"


def test_every_rule_for_any_workflow_is_broken() -> None:
    assert {rule for rule, *_ in CHANGES} == {rule.name for rule in RULES if not rule.adopted}


def test_an_expansion_of_ones_own_values_is_let_through(tmp_path: Path) -> None:
    harmless = OWN.replace("&& pytest", "&& echo ${{ matrix.python }} ${{ runner.os }}")
    assert failed_in(own(tmp_path, harmless)) == set()


def test_a_condition_on_tags_makes_up_for_the_trigger(tmp_path: Path) -> None:
    guarded = OWN.replace('tags: ["v[0-9]*"]', "branches: ['**']").replace(
        "!github.event.repository.fork",
        "!github.event.repository.fork && startsWith(github.ref, 'refs/tags/v')",
    )
    assert failed_in(own(tmp_path, guarded)) == set()


@pytest.mark.parametrize("shape", ["target", "setuptools-cfg", "several-publishers", "side-step"])
def test_the_usual_workflow_has_the_usual_faults(tmp_path: Path, shape: str) -> None:
    usual = {"order", "fork-guard", "one-run", "permissions", "credentials", "pinned-actions", "timeouts"}
    assert usual <= failed_in(make(shape, tmp_path))


def test_errors_of_several_files_say_which(tmp_path: Path) -> None:
    found = found_in(make("several-publishers", tmp_path))
    assert "ci.yml: upload uses a secret" in found["tokens"].found
    assert found["other-publishers"].found == ".github/workflows/publish.yml uploads too"


def test_a_finding_names_the_file_that_it_is_in(desk: Bench) -> None:
    """Once, and what changed it is looked for there."""
    text = (desk.clone / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    (pinned,) = set(re.findall(r"actions/checkout@.*", text))
    desk.edit(".github/workflows/ci.yml", pinned, "actions/checkout@v7")
    found = results(desk, offline=True)["pinned-actions"]
    assert (found.found, found.see) == (
        "ci.yml: actions/checkout@v7 has no commit",
        "git log -p -- .github/workflows/ci.yml",
    )


@pytest.mark.parametrize("shape", ["no-tests", "monorepo"])
def test_without_a_publishing_job_the_rules_are_unknown(tmp_path: Path, shape: str) -> None:
    found = found_in(make(shape, tmp_path))
    assert {found[rule.name].result for rule in RULES} == {Result.UNKNOWN}
    assert found["workflow-files"].result is Result.UNKNOWN
    assert len({found[rule.name].cause for rule in RULES}) == 2  # what none does, and what adoption brings


# ---- The workflow of the template --------------------------------------------------------------------


@pytest.mark.requirement("P1.1", "C6")
@pytest.mark.parametrize("job", STAGES)
def test_no_job_can_go_missing(desk: Bench, job: str) -> None:
    desk.edit(RELEASE, f"\n  {job}:\n", f"\n  renamed-{job}:\n")
    assert "order" in failed(desk, offline=True)


def test_jobs_and_steps_of_ones_own_are_let_through(desk: Bench) -> None:
    own_job = (
        "\n  docs:\n    needs: github-release\n    if: ${{ vars.DOCS }}\n    runs-on: macos-latest\n"
        "    timeout-minutes: 10\n    permissions: {pages: write}\n    steps:\n      - run: make 'docs\n"
    )
    path = desk.clone / RELEASE
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + own_job, encoding="utf-8")
    mark = "      # Your own steps for the build, like system libraries, go between these two lines;\n"
    desk.edit(
        RELEASE, mark, f"{mark}      - if: ${{{{ always() }}}}\n        run: sudo apt-get install -y x\n"
    )
    assert failed(desk, offline=True) == {"runbook"}  # which has to say what to do about it


def test_a_missing_release_workflow_is_named(desk: Bench) -> None:
    (desk.clone / RELEASE).unlink()
    found = results(desk, offline=True)
    assert found["workflow-files"].found == f"{RELEASE} is missing"
    assert {found[rule.name].result for rule in RULES} == {Result.UNKNOWN}


def test_a_workflow_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    found = found_in(make("broken-workflow", tmp_path))["workflow-files"]
    assert found.result is Result.FAIL
    assert "odd.yml is not YAML at line 3" in found.found


@pytest.mark.requirement("B2", "T2")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".github/workflows/publish.yml", f"{STEPS}      - run: twine upload dist/*\n"),
        (
            ".github/workflows/pypi.yaml",
            f"{STEPS}      - uses: pypa/gh-action-pypi-publish@{'0' * 40}\n",
        ),
        (".gitlab-ci.yml", "publish:\n  script: uv publish\n"),
        (".travis.yml", "deploy:\n  provider: pypi\n"),
    ],
)
def test_another_publisher_that_is_still_armed_is_named(desk: Bench, path: str, text: str) -> None:
    (desk.clone / path).write_text(text)
    found = results(desk, offline=True)["other-publishers"]
    assert found.result is Result.FAIL
    assert path in found.found
    assert found.fix.startswith(f"`git rm {path}`")
