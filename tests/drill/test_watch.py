"""What no workflow made is noticed, and what it made can be made again: `watch` and `reproduce`."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from emulator.wheelhouse import write_wheel

from drill.maintainer import NAME, REPOSITORY, TOOL

if TYPE_CHECKING:
    import subprocess

    from drill.maintainer import Maintainer

WATCH = "release-watch.yml"
THEIRS = f"{NAME.replace('-', '_')}-9.9.9-py3-none-any.whl"


def look(project: Maintainer) -> list[dict[str, Any]]:
    """Let the clock strike for the workflow, which is green, and return the open issues."""
    run = project.sandbox.github.schedule(REPOSITORY, WATCH)
    project.wait()
    found = project.sandbox.github.run(run)
    printed = "\n".join(job["log"] + job["summary"] for job in found["jobs"])
    assert found["conclusion"] == "success", printed
    assert "is unknown" not in printed, printed
    return [issue for issue in project.sandbox.github.issues(REPOSITORY) if issue["state"] == "open"]


@pytest.mark.requirement("X14")
def test_a_file_uploaded_with_a_stolen_token_is_noticed(released: Maintainer) -> None:
    """All is well after a release; a file that no workflow made opens an issue; its deletion closes it."""
    assert look(released) == []
    pypi = released.index("pypi")
    pypi.put(write_wheel(released.clone.parent, NAME, "9.9.9", code="import os"))
    (issue,) = look(released)
    assert f"`{THEIRS}` on PyPI has no attestation" in issue["body"]
    said = released.shell(f"{TOOL} watch", check=False)
    assert f"`{THEIRS}` on PyPI has no attestation" in said
    pypi.delete(THEIRS)
    assert look(released) == []


@pytest.mark.requirement("B12", "U7")
def test_a_released_package_is_built_again_by_a_stranger(released: Maintainer) -> None:
    """Without a login, outside of any clone: the same files on both indexes and in the GitHub Release."""
    released.shell(f"gh release edit {released.tag} --draft=false")
    done = reproduce(released)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PyPI serves what {released.tag} of {REPOSITORY} builds." in done.stdout
    for name, sha256 in released.built().items():
        assert f"{sha256}  {name}" in done.stdout.splitlines()
    assert "OTHER" not in done.stdout
    assert "absent" not in done.stdout


@pytest.mark.requirement("B12")
def test_an_index_that_serves_other_contents_is_named(released: Maintainer) -> None:
    """Before the GitHub Release is published; the index lists the right hash and delivers other contents."""
    (wheel,) = (name for name in released.served("pypi") if name.endswith(".whl"))
    stored = released.sandbox.root / "index/pypi/files" / wheel
    stored.write_bytes(stored.read_bytes() + b"\0")
    done = reproduce(released)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"FAIL {wheel}: PyPI serves other contents than the tag builds" in " ".join(done.stdout.split())
    assert done.stdout.count("FAIL") == 1


def reproduce(project: Maintainer) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody who has the template's address and no login."""
    settings = tomllib.loads((project.clone / ".github/release/settings.toml").read_text(encoding="utf-8"))
    url, commit = settings["template"]["url"].removeprefix("git+"), settings["template"]["commit"]
    source = url if "://" in url else f"file://{url}"
    tool = ["uvx", "--from", f"copier-pypi-release @ git+{source}@{commit}", "copier-pypi-release"]
    return project.sandbox.run([*tool, "reproduce", project.tag, REPOSITORY], check=False)
