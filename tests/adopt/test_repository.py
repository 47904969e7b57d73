"""What a repository says about itself: its tags, its notes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import release_notes
from copier_pypi_release.adopt.answers import choose_publisher
from copier_pypi_release.adopt.next_steps import next_steps
from copier_pypi_release.adopt.programs import AdoptionError
from copier_pypi_release.adopt.repository import Tags, find_changelog, find_tags, read_repository, versions_of
from copier_pypi_release.notes import version_in
from packaging.version import Version
from support.rendering import git

from adopt.fixtures import PROJECT, common, repository

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.requirement("B2")

OLD = tuple(f"0.{number}" for number in range(1, 7))


def tagged(folder: Path, tags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with tags of one commit, each a day younger than the one before."""
    root = repository(folder / "demo-pkg", {"README.md": "demo\n"}, tags=())
    for day, tag in enumerate(tags, 1):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-01-{day:02} 12:00 +0000")
        git(root, "tag", "--annotate", tag, "--message", tag)
    return root


@pytest.mark.parametrize(
    ("tags", "folder", "prefix", "newest", "former"),
    [
        ((*OLD, "v1.0.0", "v1.1.0", "v1.4.2"), "", "v", "1.4.2", ("0.6",)),
        ((*OLD, "v1.0.0"), "", "v", "1.0.0", ("0.6",)),
        (("v0.1", "v0.2", "v0.3", "1.0", "1.1"), "", "", "1.1", ("v0.3",)),
        (("demo-pkg-0.1.0", "demo-pkg-0.2.0", "v1.0.0"), "", "v", "1.0.0", ("demo-pkg-0.2.0",)),
        (("v1.0", "other-v3.0.0", "nightly-2026.1.2"), "", "v", "1.0", ()),
        (("v1.0.0", "v2.0.0", "v1.0.1"), "", "v", "2.0.0", ()),
        (("release-1.0", "Release-1.1"), "", "Release-", "1.1", ("release-1.0",)),
        (("v9.0.0", "demo/v1.0", "demo-v1.1.0"), "packages/demo", "demo-v", "1.1.0", ("demo/v1.0",)),
        (("v3.08", "v3.7"), "", "v", "3.8", ()),
        (("demo-pkg-v1.0", "demo-pkglet-v2.0"), "", "demo-pkg-v", "1.0", ()),
        (("demo_pkg-v1.0", "demo_pkg_extra-v2.0"), "", "demo_pkg-v", "1.0", ()),
        (("demo-pkg@1.0.0", "other@2.0.0"), "", "demo-pkg@", "1.0.0", ()),
        (("release/demo-v1.0", "demo-core-v3.0"), "packages/demo", "release/demo-v", "1.0", ()),
        (("other-v3.0", "packages/demo/v1.0"), "packages/demo", "packages/demo/v", "1.0", ()),
        (("demolition-v3.0",), "packages/demo", "demo/v", "None", ()),
        ((), "", "v", "None", ()),
    ],
)
def test_the_tag_convention_is_the_one_in_use(
    *,
    tags: tuple[str, ...],
    folder: str,
    prefix: str,
    newest: str,
    former: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = find_tags(tagged(tmp_path, tags, monkeypatch), "main", folder, "demo-pkg")
    assert (found.prefix, str(found.newest), found.former) == (prefix, newest, former)


def test_a_tag_that_no_index_would_spell_so_is_named(tmp_path: Path) -> None:
    root = repository(tmp_path / "demo-pkg", {**common(), "pyproject.toml": PROJECT}, tags=("2026.07.22",))
    found = read_repository(root)
    names = ("repository_owner", "repository_name", "testpypi_environment", "pypi_environment")
    steps = next_steps(found, choose_publisher(found), dict.fromkeys(names, "x"), None, unread=False)
    assert "Spell tags as the index spells versions: 2026.7.22, where the newest tag is 2026.07.22." in steps


CHANGES = "# Changes\n\n## 1.0\n\n- One.\n\n## 0.9\n\n- Zero.\n"


RESTRUCTURED = "Demo 1.0 (2026-11-22)\n=====================\n\n* One.\n\n0.9\n===\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"CHANGES.md": CHANGES}, ("CHANGES.md", "changelog", "CHANGES.md")),
        (
            {"NEWS.md": CHANGES, "pyproject.toml": "[tool.towncrier]\nfilename = 'docs/log.md'\n"},
            ("docs/log.md", "towncrier", "docs/log.md, which towncrier writes"),
        ),
        (
            {"CHANGES.rst": RESTRUCTURED, "towncrier.toml": "[tool.towncrier]\n"},
            ("NEWS.rst", "towncrier", "NEWS.rst, which towncrier writes"),
        ),
        (
            {"CHANGES.rst": RESTRUCTURED, "towncrier.toml": "[tool.towncrier]\nfilename = '{version}.md'\n"},
            ("CHANGES.rst", "changelog", "CHANGES.rst"),
        ),
        ({"docs/history.rst": RESTRUCTURED}, ("docs/history.rst", "changelog", "docs/history.rst")),
        ({"plan.md": "## 1.0\n## 0.9\n", "NEWS.txt": RESTRUCTURED}, ("NEWS.txt", "changelog", "NEWS.txt")),
        (
            {"HISTORY.md": "## 0.9\n", "docs/CHANGES.md": "### demo-pkg [1.0]\n"},
            ("docs/CHANGES.md", "changelog", "docs/CHANGES.md"),
        ),
        (
            {"plan.md": "# Plan\n\n## 0.9\n\n## 0.8\n"},
            ("plan.md", "changelog", "plan.md, 2 versions in its headings, none is 1.0"),
        ),
        (
            {"CHANGES.md": "# Changes\n"},
            ("CHANGES.md", "changelog", "CHANGES.md, 0 versions in its headings, none is 1.0"),
        ),
        (
            {"plan.md": CHANGES, ".pre-commit-config.yaml": "repo: .../compilerla/conventional-pre-commit\n"},
            ("", "git-cliff", ".pre-commit-config.yaml wants conventional commits"),
        ),
        ({}, ("", "git-cliff", "1 of the last 1 commit: conventional")),
        # Under other names, in other places, without a suffix.
        ({"NEWS": "1.0\n===\n\n* One.\n"}, ("NEWS", "changelog", "NEWS")),
        ({"docs/whats-new.rst": RESTRUCTURED}, ("docs/whats-new.rst", "changelog", "docs/whats-new.rst")),
        ({"RELNOTES.markdown": CHANGES}, ("RELNOTES.markdown", "changelog", "RELNOTES.markdown")),
        (
            {"docs/source/about/changelog.rst": RESTRUCTURED, "a/b/c/CHANGES.md": CHANGES},
            ("docs/source/about/changelog.rst", "changelog", "docs/source/about/changelog.rst"),
        ),
        (
            {"docs/version_history.md": CHANGES},
            ("docs/version_history.md", "changelog", "docs/version_history.md"),
        ),
        ({"src/demo/NEWS.txt": RESTRUCTURED}, ("src/demo/NEWS.txt", "changelog", "src/demo/NEWS.txt")),
        # A page about releases is no changelog where each version has a page of its own.
        (
            {
                "doc/internal/releases.rst": "Releasing\n=========\n\n* Tag.\n",
                "doc/release-notes/1.0.rst": "1.0\n",
            },
            (
                "",
                "git-cliff",
                "1 of the last 1 commit: conventional; a release does not read doc/release-notes/1.0.rst",
            ),
        ),
        # What a release does not read is said.
        *(
            (
                {name: text},
                ("", "git-cliff", f"1 of the last 1 commit: conventional; a release does not read {name}"),
            )
            for name, text in {
                "CHANGELOG.adoc": "= Changes\n\n== 1.0\n\n* One.\n",
                "docs/releases/1.0.md": "# 1.0\n\n- One.\n",
                "release-notes/v1.0.rst": RESTRUCTURED,
                "ChangeLog": "2026-11-22  Ada\n\n\t* Version 1.0\n",
            }.items()
        ),
    ],
)
def test_notes_come_from_where_the_project_keeps_them(
    files: dict[str, str], expected: tuple[str, str, str], tmp_path: Path
) -> None:
    root = repository(tmp_path / "demo-pkg", {"x.txt": "x", **files}, tags=("v1.0",))
    assert find_changelog(root, "", Tags("v", Version("1.0"), ())) == expected


@pytest.mark.parametrize(
    ("title", "version"),
    [
        *(("1.2", "1.2"), ("v1.2", "1.2"), ("Demo 1.2 (2026-11-22)", "1.2"), ("[1.2]", "1.2"), ("2", "2")),
        *(("Plan 2", "None"), ("Since 1.2", "1.2"), ("", "None"), ("2026-11-22 - 1.2", "1.2")),
        *(("v.1.2", "1.2"), ("demo-pkg-1.2", "1.2"), ("zope.demo==1.2", "1.2"), ("demo/v1.2", "1.2")),
        *(("demo@1.2", "1.2"), ("What's new in 1.2?", "1.2"), ("Version 1.2.", "1.2"), ("_1.2_", "1.2")),
        *(("1.2; a Tuesday", "1.2"), ("1.2|old", "1.2"), ("1.2—2026", "1.2"), ("<1.2>", "1.2")),
        *(('<a name="1.2"></a>1.2 (2026)', "1.2"), ("“Bee” 1.2", "1.2"), ("1!1.2", "1!1.2")),
        *(("1.2rc1 (yanked)", "1.2rc1"), ("Phase-2", "None"), ("1.x", "None")),
    ],
)
def test_a_heading_is_read_as_the_gate_reads_it(title: str, version: str) -> None:
    assert str(version_in(title)) == str(release_notes.version_in(title)) == version


@pytest.mark.parametrize("sign", "-_.+!/v")
def test_a_long_heading_takes_no_time(sign: str) -> None:
    start = time.process_time()
    assert version_in(f"1.2.3 {sign * 20_000}? 1.2.4") == Version("1.2.3")
    assert version_in(f"{sign * 20_000}?") is None
    assert time.process_time() - start < 5  # a minute, where each sign begins the search anew


BODY = "\n\n- One.\n\n  - Of it.\n\n"


WRITTEN = {
    "setext": ("a.md", f"Changes\n=======\n\n1.0 (2026-11-22)\n----------------{BODY}0.9\n---\n"),
    "below a series": ("a.md", f"# Changes\n\n## 1.x\n\n### 1.0{BODY}### 0.9\n"),
    "closing marks": ("a.md", f"# Changes\n\n## 1.0 ##{BODY}## 0.9 ##\n"),
    "front matter": ("a.md", f"---\ntitle: Changes\n---\n\n## 1.0{BODY}"),
    "an anchor": ("a.md", f"(v1)=\n## 1.0 {{ #v1 }}{BODY}"),
    "a link at the end": ("a.md", f"## [1.0] - 2026{BODY}## 0.9\n\n[1.0]: https://demo.example.org/1.0\n"),
    "a mark first of all": ("a.md", f"\ufeff## 1.0{BODY}"),
    "Windows": ("a.md", f"# Changes\n\n## 1.0{BODY}## 0.9\n".replace("\n", "\r\n")),
    "old Mac": ("a.md", f"# Changes\n\n## 1.0{BODY}## 0.9\n".replace("\n", "\r")),
    "no suffix": ("NEWS", f"1.0\n==={BODY}0.9\n===\n"),
    "a role": ("a.rst", f"Changes\n=======\n\n:version:`1.0`\n--------------{BODY}0.9\n---\n"),
    "a short line": ("a.rst", f"History\n=======\n\n1.0 (2026-11-22)\n+++++{BODY}0.9\n+++++\n"),
    "a target": ("a.txt", f".. _v1:\n\n===\n1.0\n==={BODY}===\n0.9\n===\n"),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_notes_are_found_however_they_are_written(way: str, tmp_path: Path) -> None:
    name, text = WRITTEN[way]
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert Version("1.0") in versions_of(path, Tags("v", Version("1.0"), ()))
    notes = release_notes.from_changelog(path, Version("1.0"))
    assert "- One." in notes
    assert "0.9" not in notes


def test_a_configuration_of_towncrier_that_is_no_toml_is_named(tmp_path: Path) -> None:
    root = repository(tmp_path / "demo-pkg", {"towncrier.toml": "[["}, tags=())
    with pytest.raises(AdoptionError, match="configuration of towncrier is not TOML"):
        find_changelog(root, "", Tags("v", None, ()))
