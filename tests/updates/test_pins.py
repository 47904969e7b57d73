"""pins: it brings the template's newer pins, without Copier."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import cli
from support.rendering import commit_all, copy_template, git

from updates.changes import pins_changed, workflows_changed
from updates.template_versions import (
    ANSWERS,
    FIRST,
    GIVEN,
    TemplateVersions,
    conflicts,
    expected,
    files,
    stored_answers,
)

if TYPE_CHECKING:
    from pathlib import Path

BESIDE = ".copier-answers.release.yml"  # where another template has made the repository
OTHER_TEMPLATE = "_commit: v9\n_src_path: gh:octo-org/other\nstored_pins:\n  ruff: 0.0.1\n"
OLD = {
    "actions/checkout": f"{'1' * 40} # v1.0.0",
    "uv": "0.1.0",
    "uv-checksum": "1" * 64,
    "ruff": "0.1.0",
    "pytest": "1.0.0",
}


@pytest.fixture(scope="module")
def aging(tmp_path_factory: pytest.TempPathFactory) -> TemplateVersions:
    """A template whose newest version has newer pins, and changes beside them."""

    def pins_and_workflows(folder: Path) -> None:
        pins_changed(folder)
        workflows_changed(folder)

    made = TemplateVersions(tmp_path_factory.mktemp("aging"))
    made.version("newest", pins_and_workflows)
    return made


@pytest.fixture(scope="module")
def aged(aging: TemplateVersions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that was rendered when some pins were older; one of them a bot has bumped since."""
    answers = stored_answers(aging.copy(FIRST, tmp_path_factory.mktemp("new") / "demo-pkg"))
    answers["stored_pins"] |= OLD
    package = aging.copy(FIRST, tmp_path_factory.mktemp("aged") / "demo-pkg", answers)
    path = package / "pyproject.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("pytest==1.0.0", "pytest==999.0"), encoding="utf-8"
    )
    commit_all(package)
    return package


@pytest.mark.requirement("X9")
def test_one_command_brings_the_pins_that_are_newer(
    aging: TemplateVersions, aged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into files and stored answers together, so that no later update meets a conflict; never back."""
    package = shutil.copytree(aged, tmp_path / "demo-pkg")
    newest = stored_answers(aging.copy(aging.tags["newest"], tmp_path / "newest"))["stored_pins"]
    assert cli.main(["pins", str(package)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "actions/checkout: 1.0.0 -> 8.0.0",
        "ruff: 0.1.0 -> 99.0.0",
        "uv: 0.1.0 -> 99.0.0",
    ]
    found = files(package)
    workflows = b"".join(content for path, content in found.items() if path.startswith(".github/workflows"))
    assert set(re.findall(rb"checkout@(.*)", workflows)) == {newest["actions/checkout"].encode()}
    assert set(re.findall(rb'version: "([0-9.]+)"', workflows)) == {newest["uv"].encode()}
    checksums = set(re.findall(rb"checksum: ([0-9a-f]+ # v[0-9.]+)", workflows))
    assert checksums == {f"{newest['uv-checksum']} # v{newest['uv']}".encode()}
    assert newest["uv-checksum"] == "9" * 64
    assert set(re.findall(rb"(?:ruff|pytest)==([0-9.]+)", found["pyproject.toml"])) == {b"99.0.0", b"999.0"}
    stored = stored_answers(package)["stored_pins"]
    assert {name: stored[name] for name in OLD if name != "pytest"} == {
        name: newest[name] for name in OLD if name != "pytest"
    }
    commit_all(package, "chore: newer pins")
    assert cli.main(["pins", str(package)]) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert git(package, "status", "--porcelain") == ""
    answers, mine = stored_answers(package), files(package)
    aging.update(package, aging.tags["newest"])
    fresh = aging.fresh(aging.tags["newest"], answers)
    assert conflicts(package) == []
    assert files(package) == expected(mine, aging.fresh(FIRST, answers), fresh, GIVEN, tmp_path)


@pytest.mark.requirement("B2", "X9")
def test_answers_beside_those_of_another_template_are_found(aged: Path, tmp_path: Path) -> None:
    package = shutil.copytree(aged, tmp_path / "demo-pkg")
    (package / ANSWERS).rename(package / BESIDE)
    (package / ANSWERS).write_text(OTHER_TEMPLATE, encoding="utf-8")
    assert cli.main(["pins", str(package)]) == 0
    assert (package / ANSWERS).read_text(encoding="utf-8") == OTHER_TEMPLATE
    assert "ruff: 99.0.0\n" in (package / BESIDE).read_text(encoding="utf-8").replace('"', "")


@pytest.mark.requirement("X9")
def test_a_newer_pin_of_a_bot_stays_in_the_stored_answers_too(aged: Path, tmp_path: Path) -> None:
    package = shutil.copytree(aged, tmp_path / "demo-pkg")
    text = (package / ANSWERS).read_text(encoding="utf-8")
    assert "pytest: 1.0.0\n" in text
    (package / ANSWERS).write_text(text.replace("pytest: 1.0.0\n", "pytest: '999.0'\n"), encoding="utf-8")
    assert cli.main(["pins", str(package)]) == 0
    assert stored_answers(package)["stored_pins"]["pytest"] == "999.0"


def test_a_template_without_a_release_is_read_at_its_default_branch(
    aged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = copy_template(tmp_path / "template")
    pins_changed(template)
    commit_all(template)
    package = shutil.copytree(aged, tmp_path / "demo-pkg")
    text = (package / ANSWERS).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^_src_path: .*$", f"_src_path: {template}", text)
    (package / ANSWERS).write_text(text, encoding="utf-8")
    assert cli.main(["pins", str(package)]) == 0
    assert "ruff: 0.1.0 -> 99.0.0" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, OTHER_TEMPLATE, "", "a: [\n", "- a\n", "adopted: false\n"])
def test_unusable_answers_change_nothing(
    text: str | None, aged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = shutil.copytree(aged, tmp_path / "demo-pkg")
    (package / ANSWERS).unlink()
    if text is not None:
        (package / ANSWERS).write_text(text, encoding="utf-8")
    before = files(package)
    assert cli.main(["pins", str(package)]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert "where this package has the template from" in errors[0]
    assert len(errors) == 4
    assert files(package) == before
