"""The next version: by the notes, by the calendar, pre- and post-releases; and the notes in the changelog."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release.next_version import History, suggest
from copier_pypi_release.notes import newest_section, nothing_to_release, roll, where_to_write, with_section
from packaging.version import Version
from release_lib.settings import Settings
from release_lib.step import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path

TODAY = dt.date(2026, 11, 27)
BREAKING, FEATURES, FIXES = ("Breaking changes", "Features"), ("features", "Fixes"), ("Fixes",)


def history(merged: str, *, elsewhere: str = "", day: dt.date = dt.date(2025, 3, 9)) -> History:
    """Versions that are released, some of them on other branches; all on one day."""
    here = [Version(text) for text in merged.split()]
    return History(dict.fromkeys([*here, *map(Version, elsewhere.split())], day), here)


@pytest.mark.requirement("B8", "P3.2")
@pytest.mark.parametrize(
    ("released", "sections", "wanted"),
    [
        ("", FEATURES, "0.1.0"),
        ("1.2.3", BREAKING, "2.0.0"),
        ("1.2.3", ("Migration",), "2.0.0"),
        ("1.2.3", FEATURES, "1.3.0"),
        ("1.2.3", FIXES, "1.2.4"),
        ("1.2.3", (), "1.2.4"),
        ("0.4.2", BREAKING, "0.5.0"),
        ("0.4.2", FEATURES, "0.5.0"),
        ("0.4.2", FIXES, "0.4.3"),
        ("1.2", FEATURES, "1.3"),
        ("1.2", FIXES, "1.2.1"),
        ("1!1.2.3", FIXES, "1!1.2.4"),
        ("1.2.3 1.2.3.post1", FIXES, "1.2.4"),
        ("1.2.3 1.3.0rc1", FIXES, "1.3.0"),  # its pre-release has begun
        ("1.2.3 1.3.0rc1", BREAKING, "2.0.0"),
        ("0.1.0a1", FEATURES, "0.1.0"),
    ],
)
def test_the_notes_decide(released: str, sections: tuple[str, ...], wanted: str) -> None:
    assert suggest(history(released), sections, TODAY).version == Version(wanted)


@pytest.mark.requirement("B8")
@pytest.mark.parametrize(
    ("released", "options", "wanted"),
    [
        ("1.2.3", {"pre": "rc"}, "1.3.0rc1"),
        ("1.2.3 1.3.0rc1", {"pre": "rc"}, "1.3.0rc2"),
        ("1.2.3 1.3.0b2", {"pre": "rc"}, "1.3.0rc1"),
        ("", {"pre": "a"}, "0.1.0a1"),
        ("1.2.3", {"post": True}, "1.2.3.post1"),
        ("1.2.3 1.2.3.post1", {"post": True}, "1.2.3.post2"),
    ],
)
def test_pre_and_post_releases(released: str, options: dict[str, Any], wanted: str) -> None:
    assert suggest(history(released), FEATURES, TODAY, **options).version == Version(wanted)


def test_nothing_is_there_for_a_post_release() -> None:
    with pytest.raises(ReleaseError, match="nothing to make a post-release of"):
        suggest(history(""), FIXES, TODAY, post=True)


@pytest.mark.requirement("B8")
def test_a_series_beside_a_newer_one_stays_in_its_series() -> None:
    kept = history("1.2.3", elsewhere="1.3.0 2.0.0")
    assert suggest(kept, FEATURES, TODAY).version == Version("1.2.4")
    assert suggest(kept, FIXES, TODAY).version == Version("1.2.4")


@pytest.mark.requirement("B8")
@pytest.mark.parametrize(
    ("released", "day", "wanted"),
    [
        ("2025.3", dt.date(2025, 3, 9), "2026.11"),
        ("2026.11", dt.date(2026, 11, 2), "2026.11.1"),
        ("2026.11.1", dt.date(2026, 11, 2), "2026.11.2"),
        ("2026.11.2", dt.date(2026, 11, 2), "2026.11.27"),  # a day
        ("2025.2", dt.date(2025, 3, 9), "2026.1"),
        ("2026.4", dt.date(2026, 9, 9), "2026.5"),
        ("2025.3.9", dt.date(2025, 3, 9), "2026.11.27"),
        ("26.1", dt.date(2026, 9, 9), "26.2"),  # one version does not tell: by its notes
    ],
)
def test_the_calendar_goes_on(released: str, day: dt.date, wanted: str) -> None:
    assert suggest(history(released, day=day), FEATURES, TODAY).version == Version(wanted)


def test_two_versions_tell_that_short_years_are_years() -> None:
    days = {Version("25.3"): dt.date(2025, 6, 1), Version("26.1"): dt.date(2026, 2, 3)}
    assert suggest(History(days, list(days)), BREAKING, TODAY).version == Version("26.2")


CHANGELOG = """# Changelog

## Unreleased

### Fixes

- It starts again.

```markdown
## 9.9.9 is no heading
```

## {title}

- Old.
"""


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize(
    ("earlier", "wanted"),
    [
        ("0.1.0", "0.2.0 - 2026-11-27"),
        ("0.1.0 - 2026-01-02", "0.2.0 - 2026-11-27"),
        ("[0.1.0] - 2026-01-02", "[0.2.0] - 2026-11-27"),
        ("v0.1.0 (2026-01-02)", "v0.2.0 (2026-11-27)"),
        ("[0.1.0](https://example.org/0.1.0) (2026-01-02)", "0.2.0 - 2026-11-27"),
        ("Demo 0.1.0 (2026-01-02)", "Demo 0.2.0 (2026-11-27)"),
        ("2026-01-02 - 0.1.0", "2026-11-27 - 0.2.0"),
    ],
)
def test_the_unreleased_section_gets_the_title_of_a_version(earlier: str, wanted: str) -> None:
    text = CHANGELOG.format(title=earlier)
    rolled = with_section(text, Version("0.2.0"), TODAY)
    assert rolled == text.replace("## Unreleased\n", f"## Unreleased\n\n## {wanted}\n")
    assert with_section(rolled, Version("0.2.0"), TODAY) == rolled  # the section left is empty


def test_a_changelog_without_anything_to_tell_stays() -> None:
    for text in ("", "# Changelog\n\n## 0.1.0\n\n- Old.\n", "## Unreleased\n\n### Features\n\n## 0.1.0\n"):
        assert with_section(text, Version("0.2.0"), TODAY) == text


def rst(title: str, sign: str, *, over: bool = False) -> str:
    """A title in reStructuredText."""
    line = sign * len(title)
    return f"{line}\n{title}\n{line}\n" if over else f"{title}\n{line}\n"


@pytest.mark.requirement("P7.2")
@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize(
    ("earlier", "wanted"),
    [("0.1.0", "0.2.0 - 2026-11-27"), ("v0.1.0 (2026-01-02)", "v0.2.0 (2026-11-27)")],
)
def test_an_unreleased_section_in_restructured_text_gets_the_title_of_a_version(
    earlier: str, wanted: str, tmp_path: Path, *, over: bool
) -> None:
    """With a line below, or above too, as the other titles have it; nothing else of the file changes."""
    head = rst("Changelog", "=", over=True) + "\n"
    unreleased, fixes = rst("Unreleased", "-", over=over), rst("Fixes", "~")
    body = f"\n{fixes}\n- It starts again::\n\n      0.9.9\n      -----\n\n"
    rest = f"{rst(earlier, '-', over=over)}\n- Old.\n"
    path = tmp_path / "CHANGES.rst"
    path.write_text(head + unreleased + body + rest, encoding="utf-8")
    settings = Settings("demo", "demo", "o/d", "v", (), "changelog", "", {}, 1, {}, changelog=path.name)
    assert roll(tmp_path, settings, Version("0.2.0"), TODAY)
    rolled = f"{head}{unreleased}\n{rst(wanted, '-', over=over)}{body}{rest}"
    assert path.read_text(encoding="utf-8") == rolled
    assert newest_section(tmp_path, settings) == Version("0.2.0")
    assert not roll(tmp_path, settings, Version("0.2.0"), TODAY)
    assert not roll(tmp_path, settings, Version("0.3.0"), TODAY)  # the section left is empty


@pytest.mark.parametrize("below", ["", "..\n   A comment.\n", rst("Fixes", "~")])
def test_a_restructured_changelog_without_anything_to_tell_stays(below: str, tmp_path: Path) -> None:
    text = f"{rst('Changelog', '=')}\n{rst('Unreleased', '-')}\n{below}\n{rst('0.1.0', '-')}\n- Old.\n"
    (tmp_path / "CHANGES.rst").write_text(text, encoding="utf-8")
    settings = Settings("demo", "demo", "o/d", "v", (), "changelog", "", {}, 1, {}, changelog="CHANGES.rst")
    assert not roll(tmp_path, settings, Version("0.2.0"), TODAY)


@pytest.mark.requirement("R6")
def test_the_folder_of_fragments_is_towncriers(tmp_path: Path) -> None:
    (tmp_path / "towncrier.toml").write_text("[tool.towncrier]\ndirectory = 'docs/news'\n", encoding="utf-8")
    settings = Settings("demo", "demo", "o/d", "v", (), "towncrier", "", {}, 1, {}, changelog="NEWS.rst")
    assert "docs/news/ISSUE.KIND.rst" in where_to_write(tmp_path, settings)
    said = nothing_to_release(tmp_path, settings, None)
    assert said.problem == "There is nothing to release: docs/news/ has no fragment"


def test_the_newest_section_is_found(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(title="[0.1.0]"), encoding="utf-8")
    settings = Settings("demo", "demo", "o/demo", "v", (), "changelog", "", {}, 1, {})
    assert newest_section(tmp_path, settings) == Version("0.1.0")
