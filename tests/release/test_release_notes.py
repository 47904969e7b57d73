"""release_notes.py: the notes of one version, from a changelog, joined fragments, or commits."""

from __future__ import annotations

import dataclasses
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
import release_notes
import tomlkit
from markdown_it import MarkdownIt
from packaging.version import Version
from release_lib.step import ReleaseError
from support.rendering import commit_all, git, render

from release.outcomes import fix_command, shell

if TYPE_CHECKING:
    from release_lib.settings import Settings
    from support.clones import Repository

    from release.conftest import RunStep
    from release.outcomes import Outcome

SEE = "See: CONTRIBUTING.md, 'Release notes'"
ALL_SECTIONS = """\
## Unreleased

### Features

- Not yet.

## 1.2.3

A word before all.

### Known issues

- Slow on Windows.

### Thanks

- To all.

### fixes

- No longer wrong.

### Migration

Rename `a` to `b`.

### Features

- New.

### Fixes

- A second time.

### BREAKING CHANGES

- Gone.

## 1.2.2

### Features

- Old.
"""
ARRANGED = """\
A word before all.

### Breaking changes

- Gone.

### Migration

Rename `a` to `b`.

### Features

- New.

### Fixes

- No longer wrong.

- A second time.

### Known issues

- Slow on Windows.

### Thanks

- To all."""


def notes_of(text: str, version: str = "1.2.3") -> str:
    """The arranged notes of a version in the changelog of the current folder."""
    Path("CHANGELOG.md").write_text(text, encoding="utf-8")
    return release_notes.arrange(release_notes.from_changelog(Path("CHANGELOG.md"), Version(version)))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.requirement("P7.2", "U1", "U2", "U3")
def test_sections_come_in_the_agreed_order_and_others_after_them() -> None:
    assert notes_of(ALL_SECTIONS) == ARRANGED


@pytest.mark.requirement("P7.2", "U1")
@pytest.mark.parametrize(
    "title", ["\N{WARNING SIGN} BREAKING CHANGES", "Breaking changes:", "**Breaking changes**"]
)
def test_what_surrounds_the_name_of_a_section_does_not_move_it(title: str) -> None:
    written = notes_of(f"## 1.2.3\n\n### Features\n\n- New.\n\n### {title}\n\n- Gone.\n")
    assert written == "### Breaking changes\n\n- Gone.\n\n### Features\n\n- New."


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize(
    "text",
    [
        "\ufeff## 1.2.3\n\n- New.\n\n## 1.2.2\n",
        "# C\r\n\r\n## 1.2.3\r\n\r\n- New.\r\n\r\n## 1.2.2\r\n",
        "C\n=\n\n1.2.3\n-----\n\n- New.\n\n1.2.2\n-----\n",
        "## 1.2.3\N{NO-BREAK SPACE}(2026)\n\n- New.\n",
    ],
    ids=["byte order mark", "CRLF", "underlined", "no-break space"],
)
def test_editors_and_styles_change_no_section(text: str) -> None:
    Path("CHANGELOG.md").write_bytes(text.encode())
    assert release_notes.from_changelog(Path("CHANGELOG.md"), Version("1.2.3")).strip() == "- New."


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize("second", ["## 1.2.3", "## [v1.2.3] - 2026-11-22", "## 1.2.3.0"])
def test_a_version_with_two_sections_is_an_error(second: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape("CHANGELOG.md has 2 sections of 1.2.3")):
        notes_of(f"{ALL_SECTIONS}\n{second}\n\n- Once more.\n")


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize(
    "empty",
    [
        "",
        "\n\n",
        "<!-- what changed -->",
        "<!--\n- an example\n\n- and more\n-->",
        "<!-- a -->\n\n<!-- b -->",
    ],
)
def test_an_empty_section_is_left_out(empty: str) -> None:
    assert notes_of(f"## 1.2.3\n\n### Features\n{empty}\n### Fixes\n- One.\n") == "### Fixes\n\n- One."


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize(
    "heading",
    [
        "## 1.2.3",
        "## 1.2.3 - 2026-11-22",
        "## 1.2.3 (2026-11-22)",
        "## v1.2.3",
        "## [1.2.3]",
        "## [1.2.3] - 2026-11-22",
        "## [v1.2.3](https://github.com/o/r/releases/tag/v1.2.3) (2026-11-22)",
        "##   1.2.3   ##",
        "## 1.2.3.0",
        "1.2.3\n-----",
        "1.2.3 (2026-11-22)\n------------------",
        "## Version 1.2.3",
        "## demo-pkg 1.2.3 (2026-11-22)",
        "## **1.2.3**: the third",
        "## `v1.2.3`",
    ],
)
def test_a_heading_may_spell_the_version_in_many_ways(heading: str) -> None:
    assert notes_of(f"# Changelog\n\n{heading}\n\n- New.\n\n## 1.2.2\n\n- Old.\n") == "- New."


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize(
    ("level", "others"), [(1, "# 1.2.2"), (3, "### [1.2.2]"), (3, "## 1.2.2"), (3, "# Old")]
)
def test_versions_of_another_level_are_read_as_those_of_the_second(level: int, others: str) -> None:
    inside = "#" * (level + 1)
    text = f"{'#' * level} [1.2.3]\n\n{inside} Fixes\n\n- A.\n\n{inside}# Deep\n\n{inside} Features\n\n- B.\n"
    noted = "### Features\n\n- B.\n\n### Fixes\n\n- A.\n\n#### Deep"
    assert notes_of(f"{text}\n{others}\n\n- Old.\n") == noted


RESTRUCTURED = """\
=========
Changelog
=========

.. towncrier release notes start

demo-pkg 1.2.3 (2026-11-22)
===========================

.. note:: Read ``README`` first.

Fixes
-----

- No longer wrong, see `the issue <https://example.org/7>`_ and :func:`~demo.run`.
  The second line::

      # 1.2.2

Features
--------

* New: :pep:`440 <440>`, `Timetables`_ (#8).

  .. code-block:: python

     run("x")

.. a comment
   of two lines
.. _target: https://example.org

1.2.2
=====

- Old.
"""
IN_MARKDOWN = """\
**Note** Read `README` first.

### Features

* New: `440`, Timetables (#8).

  ```python

  run("x")

  ```

### Fixes

- No longer wrong, see [the issue](https://example.org/7) and `demo.run`.
  The second line:

      # 1.2.2"""


@pytest.mark.requirement("P7.1", "P7.2")
@pytest.mark.parametrize("name", ["CHANGES.rst", "NEWS.txt"])
def test_a_changelog_may_be_restructured_text(name: str) -> None:
    Path(name).write_text(RESTRUCTURED, encoding="utf-8")

    def read(version: str) -> str:
        return release_notes.arrange(release_notes.from_changelog(Path(name), Version(version)))

    assert read("1.2.3") == IN_MARKDOWN
    assert read("1.2.2") == "- Old."
    assert read("1.2.1") == ""


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize("outer", ["", "  "])
@pytest.mark.parametrize("inner", ["  ", "   ", "    "])
def test_code_keeps_every_letter_and_stays_in_its_list(outer: str, inner: str) -> None:
    code = f"{outer}.. code:: sh\n\n{outer}{inner}ls -l |\n{outer}{inner}  wc\n\n"
    Path("CHANGES.rst").write_text(f"1.2.3\n=====\n\n* New:\n\n{code}* Other\n", encoding="utf-8")
    notes = release_notes.from_changelog(Path("CHANGES.rst"), Version("1.2.3"))
    fence = [line for line in notes.splitlines() if line.strip()][1:-1]
    assert fence == [f"{outer}{line}" for line in ("```sh", "ls -l |", "  wc", "```")]


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize("heading", ["## 1.2.3-rc.1", "## 1.2.3c1", "## [1.2.3rc1]"])
def test_a_heading_may_spell_a_prerelease_in_many_ways(heading: str) -> None:
    text = f"## 1.2.3\n\n- Final.\n\n{heading}\n\n- New.\n"
    assert notes_of(text, "1.2.3rc1") == "- New."
    assert notes_of(text, "1.2.3") == "- Final."


@pytest.mark.requirement("T5")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Changelog\n",
        "## 1.2.30\n\n- New.\n",
        "## 1.2.3.post1\n\n- New.\n",
        "## Unreleased\n\n- New.\n",
        "## 1.2.3\n",
        "## 1.2.3\n\n### Features\n",
        "## 1.2.3\n\n<!-- later -->\n",
        "## 1.2.3\n## 1.2.2\n\n- Old.\n",
        "```\n## 1.2.3\n\n- An example.\n```\n",
        "<!--\n## 1.2.3\n\n- Hidden.\n-->\n",
        "    ## 1.2.3\n\n    - Code.\n",
        "##1.2.3\n\n- No heading.\n",
        "#### 1.2.3\n\n- Too low.\n",
        "## Since 1.2\n\n- New.\n",
        "## demo 1 2 3\n\n- New.\n",
    ],
)
def test_a_version_that_nothing_is_said_about_has_no_notes(text: str) -> None:
    assert notes_of(text) == ""


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize("fence", ["```", "~~~~", "```markdown"])
def test_headings_and_comments_in_code_are_code(fence: str) -> None:
    code = f"{fence}\n## 1.2.2\n### Fixes\n# shell\n<!-- kept -->\n{fence.strip('markdown')}"
    assert notes_of(f"## 1.2.3\n\n### Features\n\n{code}\n\n- More.\n\n## 1.2.2\n\n- Old.\n") == (
        f"### Features\n\n{code}\n\n- More."
    )


@pytest.mark.requirement("P7.2")
def test_a_heading_above_all_versions_ends_a_version() -> None:
    assert notes_of("## 1.2.3\n\n- New.\n\n# Archive\n\n- Old.\n") == "- New."


@pytest.mark.requirement("P7.2")
def test_headings_in_a_quotation_or_a_list_are_no_sections() -> None:
    text = "> ### Fixes\n>\n> quoted\n\n- ## 1.2.2\n\n  - in a list"
    assert notes_of(f"## 1.2.3\n\n### Features\n\n{text}\n") == f"### Features\n\n{text}"


@pytest.mark.requirement("P7.2")
def test_a_fence_within_a_longer_fence_ends_nothing() -> None:
    code = "````\n```python\n## 1.2.2\n```\n````"
    assert notes_of(f"## 1.2.3\n\n{code}\n\n- More.\n") == f"{code}\n\n- More."


@pytest.mark.requirement("P7.2")
def test_a_comment_hides_what_is_in_it_and_nothing_else() -> None:
    text = "## 1.2.3\n\n<!-- from here\n### Fixes\n\n- Hidden.\nto here -->\n\n### Features\n\n- New.\n"
    assert notes_of(text) == "### Features\n\n- New."


def test_strange_line_ends_move_nothing() -> None:
    assert (
        notes_of("# x\r\n\r\n## 1.2.3\r\n\r\n- a\x0cb\u2028c\x85d\r\n\r\n## 1.2.2\r\n")
        == "- a\x0cb\u2028c\x85d"
    )


@pytest.mark.requirement("P7.4")
def test_the_notes_are_written_to_a_file_and_to_the_summary(run_step: RunStep, tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(ALL_SECTIONS)
    done = run_step(release_notes, "v1.2.3", "--output", "notes/release-notes.md")
    assert done.status == 0
    assert (tmp_path / "notes/release-notes.md").read_text() == ARRANGED + "\n"
    assert done.summary == f"## demo-pkg 1.2.3\n\n{ARRANGED}\n\n"


@pytest.mark.requirement("T5", "P7.2")
@pytest.mark.parametrize("changelog", [None, "# Changelog\n\n## Unreleased\n"], ids=["no file", "no section"])
def test_a_version_without_a_section_is_refused(
    changelog: str | None, run_step: RunStep, tmp_path: Path
) -> None:
    if changelog:
        (tmp_path / "CHANGELOG.md").write_text(changelog)
    done = run_step(release_notes, "v1.2.3", "--output", "notes.md")
    assert done.lines == (
        "There are no release notes for 1.2.3",
        "Expected: a section '## 1.2.3' in CHANGELOG.md with at least one entry",
        "Fix: write a section '## 1.2.3' in CHANGELOG.md, commit, make the tag again",
        SEE,
    )
    assert not (tmp_path / "notes.md").exists()


@pytest.mark.requirement("T5", "P7.2")
@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_changelog_in_another_encoding_is_named(encoding: str, run_step: RunStep, tmp_path: Path) -> None:
    """PowerShell writes the first; some editors on Windows the second."""
    (tmp_path / "CHANGELOG.md").write_bytes("## 1.2.3\n\n- Caf\xe9.\n".encode(encoding))
    done = run_step(release_notes, "v1.2.3", "--output", "notes.md")
    assert done.lines[0].startswith("CHANGELOG.md is not text in UTF-8: ")
    assert done.lines[2] == "Fix: save it as UTF-8, commit, make the tag again"
    assert not (tmp_path / "notes.md").exists()


@pytest.mark.requirement("P4.2")
def test_a_tag_that_is_no_canonical_version_has_no_notes(run_step: RunStep) -> None:
    assert run_step(release_notes, "v1.2-rc1").lines[1] == "Expected: the canonical spelling, v1.2rc1"


# ---- towncrier ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def towncrier_package(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose notes are joined by towncrier; not to be changed."""
    folder = tmp_path_factory.mktemp("towncrier") / "demo-pkg"
    return render(template, folder, {"release_notes": "towncrier"})


@pytest.fixture
def fragments(
    towncrier_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Path:
    """A copy of it with one fragment of each kind; the current folder."""
    package = shutil.copytree(towncrier_package, tmp_path / "demo-pkg")
    for kind in ("known-issue", "fix", "feature", "migration", "breaking"):
        (package / f"changelog.d/+one.{kind}.md").write_text(f"The {kind}.\n")
    commit_all(package)
    monkeypatch.chdir(package)
    chosen = dataclasses.replace(settings, release_notes="towncrier")
    monkeypatch.setattr(release_notes, "load_settings", lambda: chosen)
    return package


@pytest.mark.requirement("P7.3", "T5")
def test_fragments_that_are_not_joined_are_refused_and_can_be_joined(
    fragments: Path, run_step: RunStep
) -> None:
    done = run_step(release_notes, "v1.2.3")
    names = ", ".join(f"+one.{k}.md" for k in ("breaking", "feature", "fix", "known-issue", "migration"))
    assert done.lines == (
        f"News fragments are not in CHANGELOG.md yet: {names}",
        "Expected: an empty changelog.d/; towncrier joins files named ISSUE.KIND.md and no others",
        (
            "Fix: uv run towncrier build --yes --version 1.2.3 && git commit --all --message "
            "'Release notes of 1.2.3', then make the tag again"
        ),
        SEE,
    )
    # The same towncrier as in the package, without the rest of its tools.
    shell(fix_command(done.lines).replace("uv run", "uv run --only-group notes"), fragments)
    assert git(fragments, "status", "--porcelain") == ""
    done = run_step(release_notes, "v1.2.3")
    assert done.summary == (
        "## demo-pkg 1.2.3\n\n"
        "### Breaking changes\n\n- The breaking.\n\n"
        "### Migration\n\n- The migration.\n\n"
        "### Features\n\n- The feature.\n\n"
        "### Fixes\n\n- The fix.\n\n"
        "### Known issues\n\n- The known-issue.\n\n"
    )


@pytest.mark.requirement("P7.3", "T5")
@pytest.mark.parametrize("name", ["7.feature", "+x.nonsense.md", "notes.txt", "folder"])
def test_whatever_waits_among_the_fragments_is_named(name: str, fragments: Path, run_step: RunStep) -> None:
    for path in fragments.glob("changelog.d/+*"):
        path.unlink()
    path = fragments / "changelog.d" / name
    if name == "folder":
        path.mkdir()
        (path / "x").touch()
    else:
        path.write_text("Something.\n")
    commit_all(fragments)
    lines = run_step(release_notes, "v0.1.0").lines
    if name == "7.feature":
        assert lines[0] == "News fragments are not in CHANGELOG.md yet: 7.feature"
        return
    assert lines[0] == f"The news fragment '{name}' has a name that towncrier does not join"
    assert "KIND is breaking, migration, feature, fix, known-issue" in lines[1]
    shell(lines[2].removeprefix("Fix: ").partition(", commit")[0], fragments)
    lines = run_step(release_notes, "v0.1.0").lines if name != "folder" else ()
    assert not lines or lines[0].startswith("News fragments are not in CHANGELOG.md yet: ")


@pytest.mark.requirement("P7.3")
def test_the_folders_own_files_are_no_fragments(fragments: Path, run_step: RunStep) -> None:
    for path in fragments.glob("changelog.d/+*"):
        path.unlink()
    for name in (".gitignore", ".keep", "README.md", "_template.md"):
        (fragments / "changelog.d" / name).write_text("")
    assert run_step(release_notes, "v0.1.0").summary == (
        "## demo-pkg 0.1.0\n\n### Features\n\n- The first release.\n\n"
    )


OWN = {
    "towncrier.toml": """\
        [tool.towncrier]
        directory = "news"
        type = [{ name = "Thing", directory = "thing" }]
    """,
    "pyproject.toml": """\
        [tool.towncrier]
        package = "demo.core"
        package_dir = "src"
        [tool.towncrier.fragment.thing]
    """,
}


@pytest.mark.requirement("P7.3", "B11")
@pytest.mark.parametrize(
    ("file", "folder"), [("towncrier.toml", "news"), ("pyproject.toml", "src/demo/core/newsfragments")]
)
def test_towncriers_own_configuration_counts(
    file: str, folder: str, run_step: RunStep, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = dataclasses.replace(settings, release_notes="towncrier", changelog="NEWS.rst")
    monkeypatch.setattr(release_notes, "load_settings", lambda: chosen)
    Path(file).write_text(OWN[file])
    Path("NEWS.rst").write_text("demo-pkg 1.2.3\n==============\n\n- Joined.\n")
    Path(folder).mkdir(parents=True)
    Path(folder, "README.rst").touch()
    assert "- Joined." in run_step(release_notes, "v1.2.3").summary
    Path(folder, "7.thing.rst").write_text("Waits.")
    lines = run_step(release_notes, "v1.2.3").lines
    assert lines[0] == "News fragments are not in NEWS.rst yet: 7.thing.rst"
    assert lines[1].startswith(f"Expected: an empty {folder}/; ")
    Path(folder, "8.odd.rst").write_text("Odd.")
    Path(folder, "7.thing.rst").unlink()
    lines = run_step(release_notes, "v1.2.3").lines
    assert lines[1] == "Expected: ISSUE.KIND.rst or +ANYTHING.KIND.rst, where KIND is thing"
    assert lines[2].startswith(f"Fix: git mv {folder}/8.odd.rst {folder}/8.thing.rst, ")


@pytest.mark.requirement("T5")
def test_without_fragments_and_without_a_section_it_is_refused(fragments: Path, run_step: RunStep) -> None:
    for path in fragments.glob("changelog.d/+*"):
        path.unlink()
    assert run_step(release_notes, "v1.2.3").lines == (
        "There are no release notes for 1.2.3",
        "Expected: a section '## 1.2.3' in CHANGELOG.md with at least one entry",
        (
            "Fix: uv run towncrier build --yes --version 1.2.3 && git commit --all --message "
            "'Release notes of 1.2.3', then make the tag again"
        ),
        SEE,
    )


@pytest.mark.requirement("P7.2", "U2")
def test_links_keep_their_targets_that_stand_elsewhere() -> None:
    """As Markdown compares labels; none that the version does not use, none twice."""
    changelog = Path("CHANGELOG.md")
    changelog.write_text(
        "## 1.2.3\n\n- See [#7], [Our Page][page] and [here].\n\n[here]: https://example.org/here\n\n"
        '## 1.2.2\n\n- See [#6].\n\n[#6]: https://example.org/6\n[#7]: <https://example.org/7> "Seven"\n'
        "[PAGE]: https://example.org/page\n[1.2.3]: https://example.org/compare\n"
    )
    found = release_notes.arrange(release_notes.from_changelog(changelog, Version("1.2.3")))
    assert found.split("\n\n")[:2] == [
        "- See [#7], [Our Page][page] and [here].",
        "[here]: https://example.org/here",
    ]
    assert found.split("\n\n")[2:] == ["[#7]: https://example.org/7\n[PAGE]: https://example.org/page"]


@pytest.mark.requirement("P7.1", "P7.2")
def test_notes_that_are_longer_than_github_takes_say_where_the_rest_is(run_step: RunStep) -> None:
    entries = [f"- Entry {number}: {'x' * 50}" for number in range(3000)]
    Path("CHANGELOG.md").write_text("\n".join(["## 1.2.3", "", *entries]))
    run_step(release_notes, "v1.2.3", "--output", "notes.md")
    written = Path("notes.md").read_text().rstrip("\n")
    *begun, rest = written.split("\n")
    assert 124_000 < len(written) < 125_000
    assert begun[:-1] == entries[: len(begun) - 1]
    assert rest.startswith("GitHub takes 125,000 characters of 19")
    assert rest.endswith("; the rest is in CHANGELOG.md of v1.2.3.")


@pytest.mark.requirement("P7.1", "R9")
@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"release_notes": "git-cliff"}, "commits"),
        ({"release_notes": "towncrier"}, "fragments"),
        ({"changelog": "NEWS.rst"}, "restructured"),
    ],
)
def test_a_source_that_was_not_rendered_is_named(
    chosen: dict[str, str], missing: str, default_package: Path, tmp_path: Path
) -> None:
    """Somebody changed settings.toml by hand, or a changelog's name: the script says what it lacks."""
    folder = tmp_path / ".github/release"
    shutil.copytree(default_package / ".github/release", folder)
    assert not (folder / f"release_lib/{missing}.py").exists()
    document = tomlkit.parse((folder / "settings.toml").read_text(encoding="utf-8"))
    document.update({name.replace("_", "-"): value for name, value in chosen.items()})
    (folder / "settings.toml").write_text(tomlkit.dumps(document), encoding="utf-8")
    (tmp_path / "NEWS.rst").write_text("0.2.0\n=====\n\n- New.\n", encoding="utf-8")
    script = [sys.executable, str(folder / "release_notes.py"), "v0.2.0"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    problem, *others = done.stderr.strip().splitlines()
    named = f"read by release_lib/{missing}.py, which is not here"
    assert problem == f"error: The notes that settings.toml names are {named}"
    assert [line.partition(":")[0] for line in others] == ["Expected", "Fix", "See"]


# ---- git-cliff ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cliff_toml(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of git-cliff that a package brings."""
    folder = tmp_path_factory.mktemp("git-cliff") / "demo-pkg"
    package = render(template, folder, {"release_notes": "git-cliff"})
    return (package / "cliff.toml").read_text(encoding="utf-8")


@pytest.fixture
def commits(
    cliff_toml: str, repository: Repository, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """A repository whose notes are made by git-cliff; released as v0.1.0 before. The current folder."""
    monkeypatch.chdir(repository.folder)
    repository.commit("feat: the first", **{"cliff.toml": cliff_toml})
    repository.tag("v0.1.0")
    chosen = dataclasses.replace(settings, release_notes="git-cliff")
    monkeypatch.setattr(release_notes, "load_settings", lambda: chosen)
    return repository


LEFT_OUT = "Commits that these notes leave out:\n\n"


def notes(done: Outcome) -> str:
    """The notes in a summary, without its title."""
    assert done.status == 0, done.errors
    return done.summary.partition("\n\n")[2].partition(LEFT_OUT)[0].strip()


@pytest.mark.requirement("P7.2", "P7.3", "U2", "U3")
@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "not tagged yet"])
def test_commits_feed_their_sections(commits: Repository, run_step: RunStep, *, tagged: bool) -> None:
    for message in (
        "known-issue: slow on Windows",
        "fix(core): no longer wrong",
        "feat: new",
        "perf: faster",
        "migration: rename a to b\n\nWith sed.\n- Twice.",
        "feat!: bang only",
        "fix: footer\n\nBREAKING CHANGE: the thing is gone; use the other\n\nIt was slow.\n- And old.",
        "chore: nothing",
        "docs: nothing",
        "not conventional",
    ):
        commits.commit(message)
    if tagged:
        commits.tag("v0.2.0")
    assert notes(run_step(release_notes, "v0.2.0")) == dedent(
        """\
        ### Breaking changes

        - Bang only
        - Footer: the thing is gone; use the other

          It was slow.
          - And old.

        ### Migration

        - Rename a to b

          With sed.
          - Twice.

        ### Features

        - New

        ### Fixes

        - **core:** No longer wrong
        - Faster

        ### Known issues

        - Slow on Windows"""
    )


@pytest.mark.requirement("P7.2", "U2")
def test_what_markdown_would_read_as_html_is_shown(commits: Repository, run_step: RunStep) -> None:
    """Code and addresses stay as they are."""
    subjects = ("List<T> and a<b", "`dict<K>` of <T>", "``a`<b>`` here", "<https://example.org> tells")
    for number, subject in enumerate(subjects):
        commits.commit(f"feat: x{number} {subject}")
    commits.commit("migration: use it\n\n```\nList<T>\n```\n\nand <U>")
    shown = MarkdownIt().render(notes(run_step(release_notes, "v0.2.0")))
    text = html.unescape(re.sub(r"<[^>]+>", "", shown))
    assert [subject.replace("`", "") in text.replace("`", "") for subject in subjects[:3]] == [True] * 3
    assert 'href="https://example.org"' in shown
    assert "List<T>\n" in text
    assert "and <U>" in text


@pytest.mark.requirement("P7.3", "T5")
@pytest.mark.parametrize("messages", [(), ("chore: nothing", "docs: nothing", "whatever")])
def test_commits_that_users_do_not_notice_are_refused_and_can_be_fixed(
    messages: tuple[str, ...], commits: Repository, run_step: RunStep
) -> None:
    for message in messages:
        commits.commit(message)
    done = run_step(release_notes, "v0.2.0")
    assert done.lines == (
        "There are no release notes for 0.2.0",
        "Expected: at least one feat:, fix:, migration: or known-issue: commit since the tag before v0.2.0",
        "Fix: git commit --allow-empty -m 'fix: what users notice', and make the tag again",
        SEE,
    )
    shell(fix_command(done.lines), commits.folder)
    assert notes(run_step(release_notes, "v0.2.0")) == "### Fixes\n\n- What users notice"


@pytest.mark.requirement("P7.2", "P7.3")
def test_the_notes_are_those_of_the_tag_that_is_asked_for(commits: Repository, run_step: RunStep) -> None:
    for version in ("0.2.0", "0.3.0"):
        commits.commit(f"feat: of {version}")
        commits.tag(f"v{version}", "--annotate", "--message", version)
    commits.commit("feat: later")
    assert notes(run_step(release_notes, "v0.1.0")) == "### Features\n\n- More\n- The first"
    assert notes(run_step(release_notes, "v0.2.0")) == "### Features\n\n- Of 0.2.0"
    assert notes(run_step(release_notes, "v0.3.0")) == "### Features\n\n- Of 0.3.0"
    assert notes(run_step(release_notes, "v0.4.0")) == "### Features\n\n- Later"


@pytest.mark.requirement("P7.2", "U5")
def test_a_final_release_tells_what_its_prereleases_told(commits: Repository, run_step: RunStep) -> None:
    for version in ("0.2.0a1", "0.2.0rc1"):
        commits.commit(f"feat: of {version}")
        commits.tag(f"v{version}")
    commits.commit("chore: nothing")
    commits.tag("v0.2.0")
    commits.tag("nightly-3")
    assert notes(run_step(release_notes, "v0.2.0rc1")) == "### Features\n\n- Of 0.2.0rc1"
    told = notes(run_step(release_notes, "v0.2.0"))
    assert sorted(told.splitlines()) == sorted("### Features\n\n- Of 0.2.0a1\n- Of 0.2.0rc1".splitlines())


@pytest.mark.requirement("P7.2")
def test_a_maintenance_release_tells_what_is_new_on_its_own_branch(
    commits: Repository, run_step: RunStep
) -> None:
    commits.commit("feat: of 1.0")
    commits.tag("v1.0.0")
    commits.git("checkout", "--quiet", "-b", "0.1.x", "v0.1.0")
    commits.commit("fix: in both")
    commits.tag("v0.1.1")
    assert notes(run_step(release_notes, "v0.1.1")) == "### Fixes\n\n- In both"


@pytest.mark.requirement("P7.2", "P7.3")
def test_what_git_cliff_leaves_out_is_listed(commits: Repository, run_step: RunStep) -> None:
    for message in ("feat: told", "Fix: a", "fix : b", "no type", "FEAT: c", "chore: e", "typo: f"):
        commits.commit(message)
    done = run_step(release_notes, "v0.2.0")
    assert notes(done) == "### Features\n\n- Told"
    listed = done.summary.partition(LEFT_OUT)[2].split("\n")
    assert sorted(line.strip() for line in listed if line) == sorted(
        ["Fix: a", "fix : b", "no type", "FEAT: c", "chore: e", "typo: f"]
    )


@pytest.mark.requirement("P7.2", "P7.3")
@pytest.mark.parametrize(
    ("message", "listed"),
    [
        (
            "feat: all of it (#3)\n\n* feat: all of it\n\n* fix: a part\n- perf(x): b",
            ["fix: a part", "perf(x): b"],
        ),
        ("fix: x\n\nBREAKING CHANGE: one\nBREAKING CHANGE: two", ["BREAKING CHANGE: two"]),
        ("fix: x\r\n\r\nMore.\r\nBREAKING CHANGE: one", ["BREAKING CHANGE: one"]),
        ("feat : x\n\nBREAKING CHANGE: one", ["feat : x", "BREAKING CHANGE: one"]),
        ("\N{SPARKLES} feat: x", ["\N{SPARKLES} feat: x"]),
        ('Revert "feat: x"\n\nThis reverts it.', ['Revert "feat: x"']),
    ],
    ids=["squashed", "two footers", "CRLF", "no type", "emoji", "revert"],
)
def test_what_users_notice_is_listed_wherever_git_cliff_passes_over_it(
    message: str, listed: list[str], commits: Repository, run_step: RunStep
) -> None:
    commits.commit("feat: told\n\nWith fix: in a sentence.\n\nBREAKING CHANGE: told, too")
    commits.commit(message)
    told = run_step(release_notes, "v0.2.0").summary.partition(LEFT_OUT)[2]
    assert [line.strip() for line in told.splitlines() if line] == listed


@pytest.mark.requirement("P7.2", "P7.3")
def test_a_commit_that_says_nothing_or_in_other_bytes_is_listed(
    commits: Repository, run_step: RunStep
) -> None:
    """Imports from other systems leave such commits; git-cliff passes over both without a word."""
    commits.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", "")
    silent = commits.git("rev-parse", "HEAD").strip()
    latin = [
        "git",
        "-c",
        "i18n.commitEncoding=ISO-8859-1",
        "commit",
        "--quiet",
        "--allow-empty",
        "--file",
        "-",
    ]
    subprocess.run(latin, input="fix: na\xefve".encode("latin-1"), cwd=commits.folder, check=True)
    commits.commit("feat: told")
    done = run_step(release_notes, "v0.2.0")
    assert notes(done) == "### Features\n\n- Told"
    listed = done.summary.partition(LEFT_OUT)[2].split("\n")
    assert [line.strip() for line in listed if line] == ["fix: na\xefve", silent]


@pytest.mark.requirement("P1.6", "P7.2")
@pytest.mark.parametrize("name", ["OUTPUT", "CONFIG", "TEMPLATE", "_CHANGELOG__BODY"])
def test_a_persons_settings_of_git_cliff_change_no_notes(
    name: str, commits: Repository, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"GIT_CLIFF_{name}", str(commits.folder.parent / "elsewhere"))
    commits.commit("feat: told")
    assert notes(run_step(release_notes, "v0.2.0")) == "### Features\n\n- Told"


@pytest.mark.requirement("P7.2", "P7.3")
def test_what_a_merge_alone_says_is_listed(commits: Repository, run_step: RunStep) -> None:
    """GitHub writes the title of a pull request below the subject of its merge."""
    commits.git("checkout", "--quiet", "-b", "side")
    commits.commit("feat: told")
    commits.git("checkout", "--quiet", "main")
    message = "Merge pull request #1 from a/side\n\nfeat: told\n\nBREAKING CHANGE: said here"
    commits.git("merge", "--quiet", "--no-ff", "--message", message, "side")
    told = run_step(release_notes, "v0.2.0").summary.partition(LEFT_OUT)[2]
    assert told.strip() == "BREAKING CHANGE: said here"


@pytest.mark.requirement("P7.2")
def test_nothing_is_listed_when_everything_is_told(commits: Repository, run_step: RunStep) -> None:
    commits.commit("feat: told (#3)\n\n* feat: told\n\nBREAKING CHANGE: this, too")
    assert LEFT_OUT not in run_step(release_notes, "v0.2.0").summary


@pytest.mark.requirement("P4.4", "P7.2")
@pytest.mark.parametrize("old", ["v", "", "demo-pkg-"])
def test_a_changed_prefix_does_not_tell_the_whole_history_again(
    old: str, commits: Repository, run_step: RunStep, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits.git("tag", "--delete", "v0.1.0")
    if old == "demo-pkg-":  # no bare version: the settings of that commit say that it was a prefix
        known = f'distribution = "demo-pkg"\ntag-prefix = "{old}"\n'
        commits.commit("feat: old", **{".github/release/settings.toml": known})
    commits.tag(f"{old}0.2.0")
    commits.tag("other-pkg/v0.3.0")
    commits.commit("feat: new")
    chosen = dataclasses.replace(settings, release_notes="git-cliff", tag_prefix="release-")
    monkeypatch.setattr(release_notes, "load_settings", lambda: chosen)
    assert notes(run_step(release_notes, "release-0.4.0")) == "### Features\n\n- New"


@pytest.mark.requirement("T5")
def test_a_broken_git_cliff_configuration_ends_in_four_lines(commits: Repository, run_step: RunStep) -> None:
    (commits.folder / "cliff.toml").write_text("[[[")
    done = run_step(release_notes, "v0.1.0")
    assert "failed with status 1: " in done.lines[0]
    assert "TOML parse error" in done.lines[0]
    assert "\x1b" not in done.errors
    assert len(done.lines) == 4


def test_importing_it_needs_no_tool() -> None:
    """git-cliff and towncrier are run, when they are wanted; a changelog needs neither."""
    code = "import release_notes, sys; assert not {'towncrier', 'git_cliff'} & set(sys.modules)"
    folder = release_notes.__file__.removesuffix("/release_notes.py")
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
