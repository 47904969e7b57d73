"""check_tag.py: a tag is a version, spelled as the index spells it, and it may start a release."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import check_tag
import pytest

from release.outcomes import recovery, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from release_lib.settings import Settings

    from release.conftest import RunStep

SEE = recovery("gate")
PREFIXES = ["v", "", "release-", "my-package/v", "pkg@"]


@pytest.mark.requirement("X4", "X7", "P8.6")
@pytest.mark.parametrize(
    ("kind", "ref"), [("push", "refs/tags/v1.2.3"), ("workflow_dispatch", "refs/heads/trunk"), (None, "")]
)
def test_a_push_of_the_tag_or_a_start_by_hand_from_the_default_branch_may_release(
    kind: str | None, ref: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(kind, ref, tmp_path, monkeypatch)
    check_tag.check_trigger("v1.2.3", settings)


@pytest.mark.requirement("X4", "X7")
@pytest.mark.parametrize(
    ("kind", "ref"),
    [
        ("push", "refs/tags/v1.2.4"),
        ("push", "refs/heads/v1.2.3"),
        ("push", "refs/heads/trunk"),
        ("workflow_dispatch", "refs/heads/feature"),
        ("workflow_dispatch", "refs/tags/v1.2.3"),
        ("pull_request", "refs/pull/1/merge"),
        ("pull_request_target", "refs/heads/trunk"),
        ("schedule", "refs/heads/trunk"),
        ("repository_dispatch", "refs/heads/trunk"),
    ],
)
def test_nothing_else_may_release(
    kind: str, ref: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(kind, ref, tmp_path, monkeypatch)
    kept = dataclasses.replace(settings, release_workflow="publish.yml")  # an adopted package keeps its own
    assert refusal(lambda: check_tag.check_trigger("v1.2.3", kept)) == (
        f"This release was started by '{kind}' from '{ref}'",
        "Expected: a push of the tag v1.2.3, or a start by hand from the branch trunk",
        "Fix: gh workflow run publish.yml --ref trunk -f tag=v1.2.3",
        SEE,
    )


def started(kind: str | None, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workflow run have been started in some way, in a repository whose default branch is trunk."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    monkeypatch.setenv("GITHUB_REF", ref)
    if kind:
        monkeypatch.setenv("GITHUB_EVENT_NAME", kind)


@pytest.mark.requirement("P9.3")
@pytest.mark.parametrize("here", ["demo-pkg/new-name", "new-owner/demo-pkg"])
def test_a_repository_that_was_renamed_or_transferred_is_named_before_anything_is_built(
    here: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its trusted publishers would refuse, and the issue would have the old values for their forms."""
    started("push", "refs/tags/v1.2.3", tmp_path, monkeypatch)
    monkeypatch.setenv("GITHUB_REPOSITORY", "Demo-Pkg/demo-pkg")  # GitHub compares without case
    check_tag.check_trigger("v1.2.3", settings)
    monkeypatch.setenv("GITHUB_REPOSITORY", here)
    owner, name = here.split("/")
    assert refusal(lambda: check_tag.check_trigger("v1.2.3", settings)) == (
        f"demo-pkg/demo-pkg is called {here} by now",
        "Expected: its present name in settings.toml, and on both publishers' forms, which compare it",
        (
            f"Fix: uvx copier update --defaults --data repository_owner={owner} "
            f"--data repository_name={name}, then make the tag again"
        ),
        recovery("Making a tag again"),
    )


@pytest.mark.requirement("P4.2", "U5")
@pytest.mark.parametrize("version", ["1.2.3", "1.2.3.post1", "1!2.0", "1.2.3rc1", "1.2.dev0"])
def test_the_tag_of_the_workflow_is_checked(
    version: str, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", f"v{version}")
    done = run_step(check_tag)
    assert (done.status, done.printed) == (0, f"v{version} releases demo-pkg {version}\n")


@pytest.mark.requirement("P4.4")
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_prefix_of_the_settings_counts(
    prefix: str, settings: Settings, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_tag, "load_settings", lambda: dataclasses.replace(settings, tag_prefix=prefix))
    assert run_step(check_tag, f"{prefix}2.0").printed == f"{prefix}2.0 releases demo-pkg 2.0\n"


@pytest.mark.requirement("X7")
def test_the_step_checks_what_started_it(
    run_step: RunStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started("pull_request", "refs/pull/1/merge", tmp_path, monkeypatch)
    done = run_step(check_tag, "v1.0")
    assert done.status == 1
    assert done.lines[0] == "This release was started by 'pull_request' from 'refs/pull/1/merge'"
    assert done.outputs == {}
