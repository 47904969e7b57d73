"""The template's own release: the workflow's structure, and the script run for real on a throw-away clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML
from support.rendering import ROOT, commit_all, git

if TYPE_CHECKING:
    from pathlib import Path

    from release.conftest import Gh

NOTES = "# Changelog\n\n## Unreleased\n\n{}## 1.2.3 - 2026-12-01\n\n### Features\n\n- More.\n"


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this repository's release needs, tags, and notes for 1.2.3 and 1.3.0rc1; not to be changed."""
    folder = tmp_path_factory.mktemp("release") / "template"
    for name in (".ci", "template/.github/release"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "venv"))
    more = "## 1.3.0rc1 - 2026-12-02\n\n### Fixes\n\n- Try it.\n\n"
    for text, tag in (("", "v1.2.3"), (more, "v1.3.0rc1"), (more, "v1.3.0-rc2"), (more, "v1.3.0")):
        (folder / "CHANGELOG.md").write_text(NOTES.format(text), encoding="utf-8")
        commit_all(folder, f"feat: {tag}", tag=tag)
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(folder, "switch", "--quiet", "--create", "topic")
    commit_all(folder, "feat: elsewhere", tag="v1.2.3.post1")
    return folder


def release(tagged: Path, folder: Path, tag: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a copy of the repository with the tag checked out."""
    shutil.copytree(tagged, folder / "copy")
    git(folder / "copy", "checkout", "--quiet", tag)
    command = [sys.executable, ".ci/release_template.py", tag, *options]
    return subprocess.run(
        command, cwd=folder / "copy", capture_output=True, text=True, check=False, env=os.environ.copy()
    )


def test_a_good_tag_shows_its_notes(tagged: Path, tmp_path: Path) -> None:
    done = release(tagged, tmp_path, "v1.2.3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "## copier-pypi-release 1.2.3\n\n### Features\n\n- More."


@pytest.mark.requirement("P4.2", "P3.9", "T5")
@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("v1.3.0-rc2", "the index will call it 1.3.0rc2"),
        ("v1.3.0", "There are no release notes for 1.3.0"),
        ("v1.2.3.post1", "not on a release branch"),
    ],
)
def test_a_wrong_tag_stops_with_a_sentence(tagged: Path, tmp_path: Path, tag: str, said: str) -> None:
    done = release(tagged, tmp_path, tag)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.endswith("See: CONTRIBUTING.md, 'Releasing the template'\n")
    headings = re.findall(r"(?m)^## (.+)$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert "Releasing the template" in headings


@pytest.mark.parametrize("tag", ["v1.2.3", "v1.3.0rc1"])
def test_the_release_is_drafted_once_with_its_notes(tagged: Path, tmp_path: Path, gh: Gh, tag: str) -> None:
    done = release(tagged, tmp_path, tag, "--draft")
    assert done.returncode == 0, done.stderr
    (created,) = [call for call in gh.calls if call[:2] == ["release", "create"]]
    assert created[2] == tag
    assert {"--draft", "--verify-tag"} <= set(created)
    assert ({"--prerelease", "--latest=false"} <= set(created)) is ("rc" in tag)
    assert ("- More." if tag == "v1.2.3" else "- Try it.") in (gh.state / "notes").read_text()
    shutil.rmtree(tmp_path / "copy")
    assert release(tagged, tmp_path, tag, "--draft").returncode == 0  # a re-run leaves the draft alone
    assert len([call for call in gh.calls if call[:2] == ["release", "create"]]) == 1


# ---- The workflow -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """The parsed workflow."""
    parsed: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github/workflows/release.yml")
    return parsed


@pytest.mark.requirement("P1.1", "P2.5", "X6")
def test_it_is_checked_tested_and_then_drafted(workflow: dict[str, Any]) -> None:
    jobs = workflow["jobs"]
    assert workflow["on"] == {"push": {"tags": ["v[0-9]*"]}}
    assert workflow["permissions"] == {}
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "gate": None,
        "test": "gate",
        "draft": ["gate", "test"],
    }
    rights = {name: job["permissions"]["contents"] for name, job in jobs.items()}
    assert rights == {"gate": "read", "test": "read", "draft": "write"}
    assert all(len(job["permissions"]) == 1 and job["timeout-minutes"] <= 60 for job in jobs.values())
    assert {name for name, job in jobs.items() if "if" in job} == {"gate"}
    last = {name: job["steps"][-1]["run"] for name, job in jobs.items()}
    assert last == {
        "gate": 'uv run .ci/release_template.py "$TAG"',
        "test": "bash .ci/run",
        "draft": 'uv run .ci/release_template.py "$TAG" --draft',
    }
    assert workflow["env"] == {"GH_TELEMETRY": "false", "TAG": "${{ github.ref_name }}"}
    assert workflow["concurrency"]["cancel-in-progress"] is False


@pytest.mark.requirement("X11", "S4", "P3.1")
def test_its_jobs_see_the_whole_history_no_cache_and_the_pinned_uv(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        inputs = {step["uses"].partition("@")[0]: step["with"] for step in job["steps"] if "uses" in step}
        assert inputs.pop("actions/checkout") == {"fetch-depth": 0, "persist-credentials": False}
        file = "extensions/pins/requirements.txt"
        uv = inputs.pop("astral-sh/setup-uv", None)
        assert uv is None or uv.pop("checksum")  # test_house.py compares it
        assert uv in (None, {"version-file": file, "enable-cache": False})
        assert inputs == {}
    pins = (ROOT / "extensions/pins/requirements.txt").read_text(encoding="utf-8").splitlines()
    assert "uv" in {Requirement(pin).name for pin in pins if not pin.startswith("#")}
