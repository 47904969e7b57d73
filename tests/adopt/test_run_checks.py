"""The step that runs the CI commands of an adopted package, and what its settings change in other steps."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import ci_verdict
import pytest
import run_checks
from copier_pypi_release.adopt.aftermath import prove_commands
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError
from ruamel.yaml import YAML
from support.rendering import render

from adopt.fixtures import PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

    from adopt.adoption import Adoption, Adoptions

SETTINGS = Settings(
    distribution="demo-pkg",
    import_name="demo_pkg",
    repository="o/r",
    tag_prefix="v",
    release_branches=(),
    release_notes="changelog",
    version_file="demo_pkg/_version.py",
    environments={},
    patience=1.0,
    checks={},
)


def commands_of(*commands: str) -> Settings:
    return dataclasses.replace(SETTINGS, checks={"ci": commands})


@pytest.fixture
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fresh environment stays empty: what it installs is not the question here."""
    monkeypatch.setattr("install_distribution.Environment.install", lambda *_: None)


@pytest.mark.requirement("S2", "P1.1")
@pytest.mark.usefixtures("_no_download")
def test_every_ci_command_runs_in_order_in_the_clone(tmp_path: Path) -> None:
    write = f"{sys.executable} -c \"open('log', 'a').write('{{}}')\""
    run_checks.run_in_clone(commands_of(write.format("1"), write.format("2")), tmp_path)
    assert (tmp_path / "log").read_text() == "12"


@pytest.mark.usefixtures("_no_download")
def test_programs_come_from_the_fresh_environment_first(tmp_path: Path) -> None:
    run_checks.run_in_clone(
        commands_of("python -c \"import sys; open('prefix', 'w').write(sys.prefix)\""), tmp_path
    )
    assert (tmp_path / "prefix").read_text() != sys.prefix


@pytest.mark.parametrize(
    ("commands", "problem"),
    [
        (("false",), "`false` ended with status 1"),
        (("no-such-program",), "needs no-such-program, which is not installed"),
    ],
)
@pytest.mark.usefixtures("_no_download")
def test_a_ci_command_that_fails_or_is_missing_stops_the_release(
    commands: tuple[str, ...], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match=problem) as stopped:
        run_checks.run_in_clone(commands_of(*commands), tmp_path)
    assert stopped.value.see.startswith(".github/release/RECOVERY.md")


@pytest.mark.requirement("S2")
def test_the_verdict_is_that_of_the_workflow_in_the_settings(
    adoptions: Adoptions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(_repository: str, workflow: str, _commit: str, _end: float) -> str:
        asked.append(workflow)
        return ""

    path = adoptions["target"].root / ".github/release/settings.toml"
    checks = {"ci": ("true",)}
    settings = dataclasses.replace(load_settings(path), ci_workflow="checks.yml", checks=checks)
    monkeypatch.setattr(ci_verdict, "ci_verdict", answer)
    monkeypatch.setattr(ci_verdict, "load_settings", lambda: settings)
    monkeypatch.setattr(sys, "argv", ["ci_verdict.py", "0" * 40])
    ci_verdict.main()
    monkeypatch.setattr(ci_verdict, "load_settings", lambda: dataclasses.replace(settings, ci_workflow=""))
    ci_verdict.main()
    assert asked == ["checks.yml"]
    assert capsys.readouterr().out.count("ci=absent") == 2


@pytest.mark.requirement("B11", "P1.1")
@pytest.mark.parametrize("workflows", [("a.yml", "b.yml"), ()])
def test_the_gate_stops_where_neither_ci_has_passed_nor_a_command_tests(
    workflows: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(SETTINGS, ci_workflow=workflows, checks={"ci": ()})
    monkeypatch.setattr(ci_verdict, "ci_verdict", lambda _, name, *__: "a run" if name == "a.yml" else "")
    monkeypatch.setattr(ci_verdict, "load_settings", lambda: settings)
    monkeypatch.setattr(sys, "argv", ["ci_verdict.py", "0" * 40])
    with pytest.raises(ReleaseError, match="CI has not passed on this commit") as stopped:
        ci_verdict.main()
    for name in workflows:
        assert name in stopped.value.problem
        assert f"gh workflow run {name} " in stopped.value.fix


@pytest.mark.requirement("B11")
def test_what_a_release_would_test_with_is_run_once(adoptions: Adoptions, tmp_path: Path) -> None:
    root = adoptions.copy("no-tests", tmp_path).root
    path = root / ".github/release/settings.toml"
    text = path.read_text()
    for command, said in {"python -c 'raise SystemExit(3)'": "status 3", "python -c pass": ""}.items():
        path.write_text(text.replace("ci = [\n", f'ci = [\n  "{command}",\n'))
        found = prove_commands(root, [command])
        assert bool(found) is bool(said)
        assert all("does not pass here" in one and said in one for one in found)


@pytest.mark.requirement("P9.2")
def test_the_settings_of_every_adopted_package_can_be_read(adoption: Adoption) -> None:
    settings = load_settings(adoption.root / ".github/release/settings.toml")
    assert settings.import_name == PACKAGES[adoption.shape].module
    assert settings.version_file.endswith("/_version.py")
    assert settings.pythons
    # Where nothing tests it, a person is asked, and the gate stops until somebody says what does.
    assert adoption.shape == "no-tests" or settings.ci_workflows
    assert not settings.checks["ci"]
    assert settings.conventions == "RELEASING.md"


@pytest.mark.requirement("P1.1", "S2", "P3.1", "X10")
@pytest.mark.parametrize("shape", ["no-tests", "target"])
def test_the_test_job_clones_the_commit_only_where_no_workflow_tests_the_package(
    shape: str, adoptions: Adoptions
) -> None:
    """Where one does, the gate stops without its verdict, and what would run commands is not there."""
    root = adoptions[shape].root
    settings = load_settings(root / ".github/release/settings.toml")
    workflow = root / ".github/workflows" / settings.release_workflow
    jobs: dict[str, Any] = YAML(typ="safe").load(workflow)["jobs"]
    test = jobs["test"]
    assert test["needs"] == ["gate", "build"]
    assert list(test["strategy"]["matrix"]) == ["os", "python"]
    alone = bool(settings.ci_workflows)
    assert (root / ".github/release/run_checks.py").is_file() is not alone
    assert ("run_checks" in workflow.read_text()) is not alone
    if not alone:
        clone, run = test["steps"][-2:]
        assert clone["with"]["fetch-depth"] == 0
        assert clone["with"]["ref"] == "${{ needs.gate.outputs.commit }}"
        assert clone["if"] == run["if"] == "${{ needs.gate.outputs.ci != 'passed' }}"
        assert run["run"] == "uv run --no-config ../.github/release/run_checks.py --clone"
    assert [step["name"] for step in test["steps"] if step["name"].startswith("Install the")] == [
        "Install the wheel and import it",
        "Install the sdist, with no git in reach, and import it",
    ]
    assert jobs["publish-testpypi"]["needs"] == ["build", "test"]


def test_a_new_package_has_none_of_these_settings(template: Path, tmp_path: Path) -> None:
    package = render(template, tmp_path / "demo-pkg")
    assert "conventions" not in tomllib.loads((package / ".github/release/settings.toml").read_text())
    answers = YAML(typ="safe").load(package / ".copier-answers.yml")
    assert answers["adopted"] is False
    assert not {"ci_commands", "project_folder", "changelog_file"} & set(answers)
