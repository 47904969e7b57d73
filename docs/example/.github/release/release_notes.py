# /// script
# requires-python = ">=3.11.5"
# dependencies = ["markdown-it-py==4.3.0", "packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Write the notes of one version: Breaking changes first, then Migration, Features, Fixes, Known issues.

The notes come from CHANGELOG.md (kept by hand or joined by towncrier), or from conventional commits by
git-cliff, as settings.toml says; what only one of them needs is rendered where it is chosen. No notes, no
release. Run it from the root of the source.
"""

import argparse
import re
from importlib import import_module, util
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from packaging.version import Version
from release_lib.settings import Settings, add_tag_argument, load_settings, read_tag, version_word
from release_lib.step import ReleaseError, step, summary

SECTIONS = ("Breaking changes", "Migration", "Features", "Fixes", "Known issues")
LONGEST = 125_000  # characters that the body of a GitHub Release can have


def release_notes(tag: str, version: Version, settings: Settings) -> str:
    """The notes of a version, in Markdown, empty sections left out."""
    if settings.release_notes == "git-cliff":
        text = part("commits").notes_of(tag, version, settings)
        fix = "git commit --allow-empty -m 'fix: what users notice', and make the tag again"
        wanted = f"at least one feat:, fix:, migration: or known-issue: commit since the tag before {tag}"
    else:
        section = f"a section '## {version}' in {settings.changelog}"
        fix = f"write {section}, commit, make the tag again"
        if settings.release_notes == "towncrier":
            fix = part("fragments").check(version, settings)
        text = from_changelog(Path(settings.changelog), version)
        wanted = f"{section} with at least one entry"
    notes = arrange(text)
    if not notes:
        problem = f"There are no release notes for {version}"
        raise ReleaseError(problem, expected=wanted, fix=fix, see=settings.see("Release notes"))
    if len(notes) >= LONGEST:  # the file has a line end more
        begun = notes[: LONGEST - 200].rpartition("\n")[0]
        place = "the commits" if settings.release_notes == "git-cliff" else settings.changelog
        notes = f"{begun}\n\nGitHub takes {LONGEST:,} characters of {len(notes):,}; the rest is in {place} of {tag}."
    return notes


def part(name: str) -> Any:  # noqa: ANN401  (a module)
    """What reads one source of notes."""
    if util.find_spec(f"release_lib.{name}"):
        return import_module(f"release_lib.{name}")
    raise ReleaseError(
        f"The notes that settings.toml names are read by release_lib/{name}.py, which is not here",
        expected="the source of notes that this package was rendered with",
        fix="put release-notes and changelog back, or copier update --data release_notes=SOURCE",
        see=".github/release/README.md",
    )


def from_changelog(path: Path, version: Version) -> str:
    """What stands below the heading of a version, down to the next one as high; empty if there is none.

    The highest heading that names the version first: ``## 1.2.3``, ``### [1.2.3] - 2026-11-22``,
    ``# demo-pkg v1.2.3 (2026-11-22)``. What is below it counts as if the heading were of the second level.
    """
    try:
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    except ValueError as error:
        wrong, fix = f"{path} is not text in UTF-8: {error}", "save it as UTF-8, commit, make the tag again"
        raise ReleaseError(wrong, expected="UTF-8", fix=fix, see="RELEASING.md, 'Steps'") from error
    if path.suffix in {".rst", ".txt"}:
        text = part("restructured").markdown(text)
    for level in range(1, 4):
        found = [body for title, body in sections(text, level) if version_in(title) == version]
        if len(found) > 1:
            raise ReleaseError(
                f"{path} has {len(found)} sections of {version}",
                expected=f"one '## {version}', or nobody knows which one is released",
                fix="make them one, commit, make the tag again",
                see="RELEASING.md, 'Steps'",
            )
        if found:
            lines = found[0].split("\n")
            for top, end, depth, title in reversed(headings(found[0]) if level != 2 else []):
                lines[top:end] = [f"{'#' * max(3, depth + 2 - level)} {title}"]
            return linked("\n".join(lines), text)
    return ""


def linked(part: str, text: str) -> str:
    """A part of a text, with the targets of its links that stand elsewhere, as ``[#7]: https://...``."""
    known: dict[str, Any] = {}
    MarkdownIt().parse(text, known)
    targets = {f"[{label}]": found["href"] for label, found in known.get("references", {}).items()}
    said = part.upper()  # as labels are compared
    used = [f"{name}: {href}" for name, href in targets.items() if name in said and f"{name}:" not in said]
    return "\n".join([part.rstrip(), "", *used])


def headings(text: str) -> list[tuple[int, int, int, str]]:
    """First line, end, level and title of every heading, as Markdown has them: a ``#`` in code is none."""
    return [
        (opening.map[0], opening.map[1], int(opening.tag[1]), inline.content)
        for opening, inline in pairwise(MarkdownIt().parse(text))
        if opening.type == "heading_open" and opening.level == 0 and opening.map
    ]


def sections(text: str, level: int) -> list[tuple[str, str]]:
    """Title and body of each part that a heading of this level or above opens.

    The first one has no title: it stands above all headings.
    """
    lines = text.split("\n")
    opened = [(0, 0, 0, ""), *(heading for heading in headings(text) if heading[2] <= level)]
    ends = [*(begin for begin, *_ in opened[1:]), len(lines)]
    return [(title, "\n".join(lines[top:end])) for (_, top, _, title), end in zip(opened, ends, strict=True)]


def version_in(title: str) -> Version | None:
    """The version that a heading names; see `version_word`."""
    return Version(word) if (word := version_word(title)) else None


def arrange(text: str) -> str:
    """Put third-level sections in the order of `SECTIONS`, others after them, and drop empty ones."""
    known = {name.casefold(): name for name in SECTIONS}
    bodies: dict[str, str] = dict.fromkeys(("", *SECTIONS), "")
    for title, body in sections(text, level=3):
        name = known.get(re.sub(r"^\W+|\W+$", "", title).casefold(), title)  # "⚠ BREAKING CHANGES", "Fixes:"
        bodies[name] = f"{bodies.get(name, '')}\n\n{without_comments(body)}".strip()
    return "\n\n".join(f"### {name}\n\n{body}" if name else body for name, body in bodies.items() if body)


def without_comments(text: str) -> str:
    """The text that a reader sees: HTML comments, but none in code, and outer blank lines removed."""
    lines = text.split("\n")
    for token in reversed(MarkdownIt().parse(text)):
        if token.type == "html_block" and token.map:
            block = slice(*token.map)
            lines[block] = [re.sub(r"<!--.*?-->", "", "\n".join(lines[block]), flags=re.DOTALL)]
    return "\n".join(lines).strip()


def main() -> None:
    """Write the notes of the tag's version to a file and the job summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    parser.add_argument("--output", type=Path, help="file to write; only shown by default")
    options, settings = parser.parse_args(), load_settings()
    version = read_tag(options.tag, settings)
    notes = release_notes(options.tag, version, settings)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(notes + "\n", encoding="utf-8")
    summary(f"## {settings.distribution} {version}\n\n{notes}")
    cliff = settings.release_notes == "git-cliff"
    if left := cliff and part("commits").left_out(options.tag, version, settings):
        summary(left)


if __name__ == "__main__":
    step(main)
