# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Check that a tag is a version, spelled as the index will spell it, and that it may start a release.

The first step of a release: it needs nothing but the name of the tag.
"""

import argparse
import json
import os
from pathlib import Path

from release_lib.settings import Settings, add_tag_argument, load_settings, read_tag
from release_lib.step import ReleaseError, step

RUNBOOK = ".github/release/RECOVERY.md"


def check_trigger(tag: str, settings: Settings) -> None:
    """Check that this run was started by the tag itself, or by hand from the default branch.

    A workflow file of any other branch is not the one that was reviewed.
    """
    kind = os.environ.get("GITHUB_EVENT_NAME")
    if kind is None:  # by hand, in a clone
        return
    here = os.environ.get("GITHUB_REPOSITORY") or settings.repository
    if here.casefold() != settings.repository.casefold():  # renamed, or transferred
        problem, (owner, name) = f"{settings.repository} is called {here} by now", here.split("/")
        wanted = "its present name in settings.toml, and on both publishers' forms, which compare it"
        data = f"--data repository_owner={owner} --data repository_name={name}"
        fix = f"uvx copier update --defaults {data}, then make the tag again"
        raise ReleaseError(problem, expected=wanted, fix=fix, see=f"{RUNBOOK}, 'Making a tag again'")
    ref = os.environ.get("GITHUB_REF", "")
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    default = event["repository"]["default_branch"]
    allowed = {"push": f"refs/tags/{tag}", "workflow_dispatch": f"refs/heads/{default}"}
    if ref != allowed.get(kind):
        problem = f"This release was started by {kind!r} from {ref!r}"
        wanted = f"a push of the tag {tag}, or a start by hand from the branch {default}"
        fix = f"gh workflow run {settings.release_workflow} --ref {default} -f tag={tag}"
        raise ReleaseError(problem, expected=wanted, fix=fix, see=f"{RUNBOOK}, 'gate'")


def main() -> None:
    """Check the tag."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_tag_argument(parser)
    tag, settings = parser.parse_args().tag, load_settings()
    print(f"{tag} releases {settings.distribution} {read_tag(tag, settings)}")
    check_trigger(tag, settings)


if __name__ == "__main__":
    step(main)
