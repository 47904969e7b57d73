"""The runbook has a row for everything that can be seen, and each row leads to commands."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import workflow_files
from markdown_it import MarkdownIt
from support.documents import shell_blocks
from support.rendering import ROOT, render

if TYPE_CHECKING:
    from pathlib import Path

# What somebody sees, by the row of the customer's list (R1 to R11), and where it must lead.
SEEN = {
    "R1": ("a wrong version is on PyPI", "a-wrong-version-is-published"),
    "R2": ("a version on PyPI that no run of", "the-version-is-there-with-other-bytes"),
    "R3": ("tag and package have different versions", "build"),
    "R4": ("invalid-publisher", "publish-testpypi"),
    "R5": ("TestPyPI has it, PyPI does not", "publish-pypi"),
    "R6": ("the notes are wrong", "the-release-notes-are-wrong"),
    "R7": ("TestPyPI lacks a dependency", "verify-testpypi"),
    "R8": ("an index has this version with other bytes", "the-version-is-there-with-other-bytes"),
    "R9": ("not spelled as PEP 440 spells it", "making-a-tag-again"),
    "R10": ("a token or an account was exposed", "a-token-or-an-account-was-exposed"),
    "R11": ("a GitHub Release is published", "the-github-release-was-published-too-early"),
}
# Commands of other pages: run as printed by test_release_notes.py, and by test_first_package.py.
JOIN = "uv run towncrier build --yes --version 1.2.3"
CHECK_TAG = "uv run .github/release/check_tag.py v1.3.0"
SHOW = "uvx git-cliff --unreleased --strip all"


class Page:
    """RELEASING.md, taken apart.

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
    """The runbook of the default package."""
    return Page((default_package / "RELEASING.md").read_text(encoding="utf-8"))


@pytest.mark.requirement("R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "P8.4", "C9")
@pytest.mark.parametrize("row", SEEN)
def test_each_row_of_the_recovery_list_leads_to_commands(page: Page, row: str) -> None:
    words, anchor = SEEN[row]
    found = [targets for text, targets in page.rows if words in text]
    assert found == [[anchor]]
    assert page.commands(anchor)


@pytest.mark.requirement("P8.4", "C9")
@pytest.mark.parametrize("stage", workflow_files.STAGES)
def test_each_stage_has_a_row_that_leads_to_commands(page: Page, stage: str) -> None:
    found = [targets for text, targets in page.rows if f"`{stage}`" in text]
    assert [stage] in found
    assert page.commands(stage)


@pytest.mark.requirement("P8.4")
@pytest.mark.parametrize("answers", [{}, {"failure_issue": False}, {"release_notes": "towncrier"}], ids=str)
def test_every_link_of_the_page_leads_somewhere(
    template: Path, tmp_path: Path, answers: dict[str, str | bool]
) -> None:
    text = (render(template, tmp_path / "package", answers) / "RELEASING.md").read_text(encoding="utf-8")
    known = Page(text).sections
    assert {target for links, _ in known.values() for target in links} - set(known) == set()


@pytest.mark.requirement("P8.4")
@pytest.mark.parametrize(
    ("answers", "more"),
    [
        ({"release_notes": "towncrier"}, [JOIN]),
        ({"release_notes": "git-cliff", "failure_issue": False}, []),
        ({"adopted": True}, [CHECK_TAG]),
        ({"adopted": True, "release_notes": "git-cliff", "ci_workflow": ""}, [CHECK_TAG, SHOW]),
    ],
    ids=str,
)
def test_no_page_has_a_command_that_is_not_on_the_default_one(
    template: Path, tmp_path: Path, default_package: Path, answers: dict[str, Any], more: list[str]
) -> None:
    """Those of the default page are all run as printed, in drill/test_commands.py."""

    def commands(package: Path) -> set[str]:
        blocks = shell_blocks((package / "RELEASING.md").read_text(encoding="utf-8"))
        return {re.sub(r"==[\d.]+", "", line) for block in blocks for line in block.splitlines()}

    assert commands(render(template, tmp_path / "package", answers)) - commands(default_package) == set(more)


def test_every_sentence_reads_on_at_a_heading_of_the_page(page: Page) -> None:
    named = set()
    for path in (ROOT / "template/.github/release").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(re.findall(r"RELEASING\.md, '([^']+)'", node.value))
    slugs = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in named}
    assert len(slugs) > 5
    assert slugs - set(page.sections) == set()


@pytest.mark.requirement("P9.5", "P7.5", "U4", "U6")
@pytest.mark.parametrize("word", ["Yank, as the reason", "A skipped version", "A security incident"])
def test_texts_to_paste_are_there(default_package: Path, word: str) -> None:
    text = (default_package / "RELEASING.md").read_text(encoding="utf-8")
    below = text.partition("### Texts to paste")[2]
    paragraph = next(p for p in below.split("\n\n") if p.startswith(word))
    assert paragraph.count("`") >= 2
