"""The recovery page covers everything that can be seen, and each row leads to commands."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import workflow_files
from markdown_it import MarkdownIt
from support.documents import headings, named_items, shell_blocks
from support.rendering import ROOT, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECOVERY = ".github/release/RECOVERY.md"
# What somebody sees, by the row of the customer's list (R1 to R11), and where it must lead.
SEEN = {
    "R1": ("a wrong version is on PyPI", "a-wrong-version-is-published"),
    "R2": ("a version on PyPI that no run of", "the-version-is-there-with-other-contents"),
    "R3": ("tag and package have different versions", "build"),
    "R4": ("invalid-publisher", "publish-testpypi"),
    "R5": ("TestPyPI has the version, PyPI does not", "publish-pypi"),
    "R6": ("the release notes are wrong", "the-release-notes-are-wrong"),
    "R7": ("TestPyPI lacks a dependency", "verify-testpypi"),
    "R8": ("an index has the version with other contents", "the-version-is-there-with-other-contents"),
    "R9": ("not spelled as PEP 440 spells it", "making-a-tag-again"),
    "R10": ("a token or an account was exposed", "a-token-or-an-account-was-exposed"),
    "R11": ("a published GitHub Release of a version that", "the-github-release-was-published-too-early"),
}
# Commands of other variants: run as printed by test_release_notes.py.
JOIN = "uv run towncrier build --yes --version 1.2.3"
SHOW = "uvx git-cliff --unreleased --strip all"
# Headings that stand in CONTRIBUTING.md, or, in an adopted package, in RELEASING.md.
CONVENTIONS = ("Set up", "Release notes", "Version tags")


class Page:
    """A page, taken apart.

    Attributes:
        rows: Text and targets of each row of its tables.
        sections: Targets and number of shell blocks below each heading or ``<a id>``.
    """

    def __init__(self, text: str) -> None:
        self.rows: list[tuple[str, list[str]]] = []
        self.sections: dict[str, tuple[list[str], int]] = {}
        here, heading, row = "", False, False
        for token in MarkdownIt().enable("table").parse(text):
            if token.type == "tr_open":
                self.rows.append(("", []))
                row = True
            row = row and token.type != "table_close"
            if token.type == "inline":
                named = re.search('<a id="([^"]+)">', token.content)
                plain = re.sub(r"[^\w -]", "", token.content.lower()).strip().replace(" ", "-")
                here = named[1] if named else plain if heading else here
                targets = re.findall(r"\]\(#([^)]+)\)", token.content)
                if row:
                    before, known = self.rows[-1]
                    self.rows[-1] = (f"{before} {token.content}", [*known, *targets])
                links, blocks = self.sections.get(here, ([], 0))
                self.sections[here] = ([*links, *targets], blocks)
            elif token.type == "fence" and token.info == "sh":
                links, blocks = self.sections.get(here, ([], 0))
                self.sections[here] = (links, blocks + 1)
            heading = token.type == "heading_open"

    def commands(self, anchor: str) -> int:
        """How many shell blocks a section has, or those that it links to."""
        links, blocks = self.sections[anchor]
        return blocks + sum(self.sections[link][1] for link in links if link in self.sections)


@pytest.fixture(scope="module")
def page(default_package: Path) -> Page:
    """The recovery page of the default package."""
    return Page((default_package / RECOVERY).read_text(encoding="utf-8"))


@pytest.mark.requirement("R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "P8.4", "C9")
@pytest.mark.parametrize("row", SEEN)
def test_each_row_of_the_recovery_list_leads_to_commands(page: Page, row: str) -> None:
    words, anchor = SEEN[row]
    found = [targets for text, targets in page.rows if words in text]
    assert found == [[anchor]]
    assert page.commands(anchor)


@pytest.mark.requirement("P8.4", "C9")
@pytest.mark.parametrize("stage", workflow_files.STAGES)
def test_each_stage_has_an_item_that_leads_to_commands(page: Page, stage: str) -> None:
    assert page.commands(stage)


@pytest.mark.requirement("P8.4")
@pytest.mark.parametrize(
    ("answers", "more"),
    [
        ({"release_notes": "towncrier"}, [JOIN]),
        ({"release_notes": "git-cliff", "release_issues": False}, []),
        ({"adopted": True}, []),
        ({"adopted": True, "release_notes": "git-cliff", "ci_workflow": ""}, [SHOW]),
    ],
    ids=str,
)
def test_no_variant_has_a_command_that_the_default_lacks(
    template: Path, tmp_path: Path, default_package: Path, answers: dict[str, Any], more: list[str]
) -> None:
    """Those of the default pages are all run as printed, in drill/test_commands.py."""

    def commands(package: Path) -> set[str]:
        pages = [(package / name).read_text(encoding="utf-8") for name in ("RELEASING.md", RECOVERY)]
        blocks = [block for page in pages for block in shell_blocks(page)]
        return {re.sub(r"==[\d.]+", "", line) for block in blocks for line in block.splitlines()}

    assert commands(render(template, tmp_path / "package", answers)) - commands(default_package) == set(more)


def constants(node: ast.AST) -> Iterator[str]:
    """The strings in a piece of code."""
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def references() -> set[tuple[str, str]]:
    """Page and heading of every message of the scripts and of the tool; the page is "" for a convention."""
    found = set()
    for folder in ("template/.github/release", "extensions/copier_pypi_release"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for text in constants(tree):
                found |= set(re.findall(r"(\S*(?:RELEASING|RECOVERY|CONTRIBUTING)\.md), '([^']+)'", text))
            for call in ast.walk(tree):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == "see"
                ):
                    found |= {("", heading) for heading in constants(call)}
    return found


@pytest.mark.parametrize("adopted", [False, True])
def test_messages_refer_to_headings_that_exist(template: Path, tmp_path: Path, *, adopted: bool) -> None:
    package = render(template, tmp_path / "package", {"adopted": adopted})
    conventions = "RELEASING.md" if adopted else "CONTRIBUTING.md"
    named = {(page or conventions, heading) for page, heading in references()}
    assert len(named) > 10
    known = {
        (page, heading)
        for page in {"RELEASING.md", RECOVERY, conventions}
        for text in [(package / page).read_text(encoding="utf-8")]
        for heading in (*headings(text), *named_items(text))
    }
    assert named - known == set()
    assert {(conventions, heading) for heading in CONVENTIONS} <= known


@pytest.mark.requirement("P9.5", "P7.5", "U4", "U6")
@pytest.mark.parametrize("purpose", ["a yank:", "a skipped one", "a security incident"])
def test_texts_to_paste_are_there(default_package: Path, purpose: str) -> None:
    below = (default_package / RECOVERY).read_text(encoding="utf-8").partition("## Texts to paste")[2]
    item = next(item for item in below.split("\n- ") if purpose in item)
    assert item.count("`") == 2
