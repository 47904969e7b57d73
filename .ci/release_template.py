# /// script
# requires-python = ">=3.11.5"
# dependencies = ["markdown-it-py==4.3.0", "packaging==26.3"]
# [tool.uv]
# exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Release the template itself: check a tag and its notes, or draft its GitHub Release.

The checks are those of a rendered package, by the same scripts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "template/.github/release"))

from check_commit import check_branch, check_complete, check_tagged
from draft_release import create_draft, find_releases
from release_lib.settings import Settings, read_tag
from release_lib.step import ReleaseError, step, summary
from release_notes import release_notes

SETTINGS = Settings(
    distribution="copier-pypi-release",
    import_name="copier_pypi_release",
    repository="",
    tag_prefix="v",
    release_branches=("main",),
    release_notes="changelog",
    version_file="",
    environments={},
    patience=0,
    checks={},
)
SEE = "CONTRIBUTING.md, 'Releasing the template'"


def release(tag: str, *, draft: bool) -> None:
    """Check a tag, show its notes, and draft its GitHub Release if that is wanted and missing.

    Raises:
        ReleaseError: The tag is no canonical version, not here, moved, not alone, or not on main; its
            version has no notes; GitHub refused.
    """
    version = read_tag(tag, SETTINGS)
    check_complete(SETTINGS)
    check_tagged(tag, SETTINGS, None)
    check_branch(SETTINGS)
    notes = release_notes(tag, version, SETTINGS)
    summary(f"## {SETTINGS.distribution} {version}\n\n{notes}")
    if draft and tag not in find_releases(tag):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "notes.md"
            file.write_text(notes + "\n", encoding="utf-8")
            create_draft(tag, version, f"{SETTINGS.distribution} {version}", file, [])


def main() -> None:
    """Check the tag, or draft its release too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tag", help="such as v1.2.3, checked out")
    parser.add_argument("--draft", action="store_true", help="draft the GitHub Release, if there is none")
    options = parser.parse_args()
    try:
        release(options.tag, draft=options.draft)
    except ReleaseError as error:  # the headings of a rendered package are not ours
        error.see = SEE
        raise


if __name__ == "__main__":
    step(main)
