"""Where both sides change the same lines, Copier marks them; formatters do not make such lines."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML
from support.rendering import commit_all, git
from yaml import scan
from yaml.tokens import FlowMappingEndToken, FlowSequenceEndToken, ScalarToken

from updates.changes import edit
from updates.edits import CI, RELEASE
from updates.rules import PACKAGES, is_templates
from updates.template_versions import ANSWERS, FIRST, TemplateVersions, conflicts, files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from updates.conftest import LivedIn


def indent_workflows(package: Path) -> None:
    """Formatters of YAML with a style of their own."""
    for path in (package / ".github/workflows").glob("*.yml"):
        yaml = YAML()
        yaml.indent(mapping=2, sequence=2, offset=0)
        yaml.width = 1 << 16
        text = io.StringIO()
        yaml.dump(yaml.load(path.read_text(encoding="utf-8")), text)
        path.write_text(text.getvalue(), encoding="utf-8")


def reformat_scripts(package: Path) -> None:
    """Formatters of Python that do not read ruff's settings."""
    style = ["--isolated", "--config", "line-length = 79", "--config", 'format.quote-style = "single"']
    command = ["format", "--quiet", "--no-cache", *style, ".github/release"]
    subprocess.run([sys.executable, "-m", "ruff", *command], cwd=package, check=True)


def set_patience(package: Path) -> None:
    """A setting that the template changes too."""
    edit(package / ".github/release/settings.toml", "^patience = .*$", "patience = 600")


def delete_a_job(package: Path) -> None:
    """A job whose lines the template changes."""
    edit(package / CI, r"(?s)^  quality:\n.*?(?=^  test:\n)", "")


def take_a_new_path(package: Path) -> None:
    """A file where the template adds one."""
    (package / ".github/workflows/template-news.yml").write_text(
        "on: pull_request\njobs: {}\n", encoding="utf-8"
    )


BY_HAND: dict[Callable[[Path], None], set[str]] = {
    indent_workflows: {CI, RELEASE},
    reformat_scripts: {".github/release/check_tag.py"},
    set_patience: {".github/release/settings.toml"},
    delete_a_job: {CI},
    take_a_new_path: {".github/workflows/template-news.yml"},
}


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("own", BY_HAND, ids=lambda own: own.__name__)
def test_what_cannot_be_merged_is_marked(
    versions: TemplateVersions, package_of: Callable[[str], Path], own: Callable[[Path], None]
) -> None:
    """In git's index too, so that it cannot be committed unseen; every line of the user's is still there."""
    package = package_of("untouched")
    own(package)
    commit_all(package)
    mine = files(package)
    versions.update(package, versions.tags["everything"])
    marked = set(conflicts(package))
    assert marked >= BY_HAND[own]
    assert set(git(package, "diff", "--name-only", "--diff-filter=U").splitlines()) == marked
    before, after = versions.fresh(FIRST, {}), files(package)
    for path in marked:
        own_lines = set(mine[path].splitlines()) - set(before.get(path, b"").splitlines())
        assert own_lines <= set(after[path].splitlines())
    refused = subprocess.run(
        ["git", "commit", "--message", "chore: update"],
        cwd=package,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "unmerged" in refused.stdout + refused.stderr


# ---- Formatters find nothing to do ---------------------------------------------------------------------
# ruff really runs (the state "formatted" of the matrix). prettier is a program of npm, which a test must not
# need; these are the rules of its default style that our files met when it was tried (3.10, all unchanged).


def unformatted_yaml(text: str) -> list[str]:
    """Double quotes, unless there are such inside; what stands in brackets ends before column 80."""
    found = []
    for token in scan(text):
        if isinstance(token, ScalarToken) and token.style == "'" and '"' not in token.value:
            found.append(f"single quotes: {token.value}")
        if isinstance(token, FlowSequenceEndToken | FlowMappingEndToken) and token.end_mark.column > 80:
            found.append(f"line {token.end_mark.line + 1} is too long")
    return found


def unformatted_json(text: str) -> list[str]:
    """No list or object on a line that goes beyond column 80; a text alone may."""
    return [line for line in text.splitlines() if len(line) > 80 and re.search(r"[\[{].+[\]}],?$", line)]


def unformatted_markdown(text: str) -> list[str]:
    """Columns of tables are padded, emphasis has underscores, there is one empty line at a time."""
    text = re.sub(r"(?ms)^( *)```.*?^\1```", "code", text)
    found = re.findall(r"(?<![*\w`])\*[^*\s][^*\n]*\*(?!\*)", text) + re.findall(r"\n\n\n.*", text)
    for table in re.findall(r"(?m)(?:^ *\|.*\n)+", text):
        places = {tuple(match.start() for match in re.finditer(r"\|", row)) for row in table.splitlines()}
        found += [table] if len(places) > 1 else []
    return found


STYLES = {".yml": unformatted_yaml, ".json": unformatted_json, ".md": unformatted_markdown}


@pytest.mark.requirement("B3")
def test_ruff_changes_code_and_tests_but_no_release_script(lived_in: Callable[[str], LivedIn]) -> None:
    formatted = lived_in("formatted")
    changed = {path for path, content in formatted.files.items() if formatted.base.get(path) != content}
    assert changed == {"pyproject.toml", "src/demo_pkg/__init__.py", "tests/test_version.py"}


@pytest.mark.requirement("B3")
def test_what_the_template_keeps_owning_is_in_the_style_of_formatters(versions: TemplateVersions) -> None:
    found = {}
    for number, answers in enumerate(PACKAGES):
        for path, content in versions.fresh(FIRST, answers).items():
            style = STYLES.get(path[path.rfind(".") :])
            ours = is_templates(path) or path == "renovate.json"
            if style and ours and path != ANSWERS:  # an update writes the answers anew
                found[number, path] = style(content.decode())
    assert len(found) > 4 * len(PACKAGES)
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (unformatted_yaml, "on: 'push'\n"),
        (unformatted_yaml, f"needs: [{', '.join(['build'] * 12)}]\n"),
        (unformatted_json, f'{{ "x": "{"x" * 80}" }}\n'),
        (unformatted_markdown, "An *emphasis*.\n"),
        (unformatted_markdown, "| A | Word |\n|---|---|\n"),
        (unformatted_markdown, "A\n\n\nB\n"),
    ],
)
def test_what_a_formatter_would_change_is_noticed(check: Callable[[str], list[str]], text: str) -> None:
    assert check(text)
