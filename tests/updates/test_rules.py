"""The rules of evolution hold between the versions of this template, and a breach of each is noticed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.rendering import ROOT, commit_all, git

from updates import changes
from updates.changes import CHANGES, CI, RELEASE, append, edit
from updates.edits import STATES
from updates.rules import PACKAGES, breaches, loose_pins
from updates.template_versions import (
    FIRST,
    GIVEN,
    TemplateVersions,
    conflicts,
    expected,
    files,
    stored_answers,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PYPROJECT = "template/pyproject.toml.jinja"


def choice_dropped(folder: Path) -> None:
    edit(folder / "copier.yml", r"choices: \[mypy, pyright, none\]", "choices: [mypy, pyright]")


def question_deleted(folder: Path) -> None:
    edit(folder / "copier.yml", r"^release_issues:\n(?:  .*\n)+", "")
    changes.reworded(folder, "release_issues", "true")


def question_renamed_without_its_answer(folder: Path) -> None:
    changes.question_renamed(folder)
    edit(folder / "copier.yml", re.escape("{= release_issues | default(true) =}"), "true")


def question_with_another_default(folder: Path) -> None:
    changes.question_added(folder)
    edit(folder / "copier.yml", r"help: Slow tests\?\n  default: false", "help: Slow?\n  default: true")
    append(folder / PYPROJECT, "{% if slow_tests %}\n[tool.slow]\n{% endif %}\n")


def environment_renamed(folder: Path) -> None:
    edit(folder / "copier.yml", "^  default: pypi$", "  default: production")


def file_deleted(folder: Path) -> None:
    (folder / "template/.github/release/verify_index.py").unlink()


def file_renamed(folder: Path) -> None:
    (folder / "template/RELEASING.md.jinja").rename(folder / "template/RELEASES.md.jinja")


def file_taken_back(folder: Path) -> None:
    edit(folder / "copier.yml", r"^.*}/README\.md{.*\n", "")


def project_changed(folder: Path) -> None:
    edit(folder / PYPROJECT, "^line-length = 100$", "line-length = 99")


def changelog_changed(folder: Path) -> None:
    append(next((folder / "template").glob("*CHANGELOG*")), "\nMore.\n")


def step_renamed(folder: Path) -> None:
    edit(folder / RELEASE, "name: Install uv$", "name: Install uv for every job")


def step_removed(folder: Path) -> None:
    edit(folder / RELEASE, r"^      - name: Keep the distributions\n(?:       .*\n)+", "")


def input_beside_a_pin(folder: Path) -> None:
    edit(
        folder / CI,
        r"^(          checksum: .*\n)(?=          enable-cache: auto\n      # Your own steps for the checks)",
        r"\1          cache-suffix: ci\n",
    )


def place_removed(folder: Path) -> None:
    edit(folder / CI, r"^  # Your own jobs.*\n", "")


BREACHES: dict[Callable[[Path], None], str] = {
    choice_dropped: "The question type_checker has lost the choices ['none']",
    question_deleted: "The question release_issues is gone",
    question_renamed_without_its_answer: "The question release_issues is gone",
    question_with_another_default: "The file pyproject.toml says something else",
    environment_renamed: "The question pypi_environment has another default",
    file_deleted: "The file .github/release/verify_index.py is gone",
    file_renamed: "The file RELEASING.md is gone",
    file_taken_back: "The file README.md was left to its users",
    project_changed: "The file pyproject.toml says something else",
    changelog_changed: "The file CHANGELOG.md says something else",
    step_renamed: "In .github/workflows/release.yml something has changed at",
    step_removed: "In .github/workflows/release.yml something has changed at",
    input_beside_a_pin: "In .github/workflows/ci.yml something has changed at 'version: \"PIN\"'",
    place_removed: "In .github/workflows/ci.yml something has changed at '# Your own jobs",
}


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("change", BREACHES, ids=lambda change: change.__name__)
def test_a_breach_is_noticed(versions: TemplateVersions, change: Callable[[Path], None]) -> None:
    found = breaches(versions, FIRST, versions.version(change.__name__, change))
    assert [sentence for sentence in found if sentence.startswith(BREACHES[change])], found


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("change", CHANGES)
def test_the_changes_of_the_matrix_keep_the_rules(versions: TemplateVersions, change: str) -> None:
    assert breaches(versions, FIRST, versions.tags[change]) == []


@pytest.mark.requirement("X9", "B3")
@pytest.mark.parametrize("answers", PACKAGES, ids=["default", "other", "sparse", "adopted"])
def test_pins_stand_between_lines_that_stay(versions: TemplateVersions, answers: dict[str, object]) -> None:
    rendered = versions.fresh(FIRST, answers)
    workflows = {path: content for path, content in rendered.items() if path.startswith(".github/workflows/")}
    assert b"setup-uv@" in b"".join(workflows.values())
    assert {path: loose for path, content in workflows.items() if (loose := loose_pins(content))} == {}


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"- name: Install uv for the build", "- name: Install uv for the checks"),
        (r"\n          enable-cache: false # what is built.*", ""),
        (r"          enable-cache: auto", '          version: "1.0"'),
    ],
    ids=["a name that another step has", "a pin at the end of its step", "a pin beside a pin"],
)
def test_a_pin_that_stands_loose_is_noticed(versions: TemplateVersions, pattern: str, new: str) -> None:
    text = versions.fresh(FIRST, {})[".github/workflows/ci.yml"].decode()
    changed = re.sub(pattern, new, text)
    assert changed != text
    assert loose_pins(changed.encode())


# ---- Earlier versions ---------------------------------------------------------------------------------


def releases() -> list[str]:
    """The releases of this template in the history of what is checked out."""
    return git(ROOT, "tag", "--list", "v[0-9]*", "--merged", "HEAD").split()


@pytest.fixture(scope="session")
def promised(versions: TemplateVersions) -> dict[str, str]:
    """The versions from which updates are promised, with the tag of each: every release, and nothing else.

    Before the first release nobody has a package that the promise could be for. Until then this very layout,
    tagged as an earlier version, stands for them, so that the tests below run.
    """
    return {name: versions.earlier(name) for name in releases()} or {"this layout": versions.same_again()}


@pytest.mark.requirement("B3", "P9.2")
def test_this_version_keeps_the_rules_towards_every_earlier_one(
    versions: TemplateVersions, promised: dict[str, str]
) -> None:
    assert {name: found for name, tag in promised.items() if (found := breaches(versions, tag, FIRST))} == {}


@pytest.mark.requirement("B3")
def test_packages_of_every_earlier_version_take_this_one(
    versions: TemplateVersions, promised: dict[str, str], tmp_path: Path
) -> None:
    """As they were rendered, and with all that people and bots did."""
    for number, tag in enumerate(promised.values()):
        for state in ("untouched", "lived-in"):
            package = versions.copy(tag, tmp_path / f"{number}-{state}" / "demo-pkg")
            base = files(package)
            for change in STATES[state].edits:
                change(package)
            commit_all(package)
            mine, fresh = files(package), versions.fresh(FIRST, stored_answers(package))
            versions.update(package, FIRST)
            assert conflicts(package) == []
            assert files(package) == expected(mine, base, fresh, GIVEN, tmp_path)
