"""check_tag.py: a tag is a version, spelled as the index spells it, and it may start a release."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

import check_tag
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from packaging.version import VERSION_PATTERN, Version
from release_lib.settings import Settings, read_tag

from release.outcomes import VERSION_TAGS, WHEN_IT_STOPS, fix_command, refusal, shell

if TYPE_CHECKING:
    from pathlib import Path

    from support.clones import Repository

    from release.conftest import RunStep

EFFORT = effort(max_examples=100, database=None, deadline=None)
PREFIXES = ["v", "", "release-", "my-package/v", "pkg@"]
SPELLINGS = {  # wrong: what the index would call it
    "1.0.0-beta1": "1.0.0b1",
    "1.0.0-beta.1": "1.0.0b1",
    "1.0.0beta1": "1.0.0b1",
    "1.0.0.b1": "1.0.0b1",
    "1.0.0b": "1.0.0b0",
    "1.0.0-rc1": "1.0.0rc1",
    "1.0.0RC1": "1.0.0rc1",
    "1.0.0c1": "1.0.0rc1",
    "1.0.0-alpha": "1.0.0a0",
    "1.0.0-preview2": "1.0.0rc2",
    "1.0-1": "1.0.post1",
    "1.0post1": "1.0.post1",
    "1.0.rev3": "1.0.post3",
    "1.0.0-dev": "1.0.0.dev0",
    "1.0.0dev3": "1.0.0.dev3",
    "01.0.0": "1.0.0",
    "1.02": "1.2",
    "2026.01.02": "2026.1.2",
    "0!1.0": "1.0",
    "1!01.0": "1!1.0",
    "1.0.0a01": "1.0.0a1",
    "v1.0.0": "1.0.0",
}


def made(prefix: str) -> Settings:
    """Settings with a tag prefix."""
    return Settings(
        "demo-pkg", "demo_pkg", "o/r", prefix, ("main",), "changelog", "demo_pkg/_version.py", {}, 1.0, {}
    )


def versions() -> st.SearchStrategy[Version]:
    """Versions without a local part."""
    number = st.integers(0, 3000)
    return st.builds(
        lambda epoch, release, pre, post, dev: Version(
            f"{f'{epoch}!' if epoch else ''}{'.'.join(map(str, release))}{pre or ''}"
            f"{'' if post is None else f'.post{post}'}{'' if dev is None else f'.dev{dev}'}"
        ),
        st.integers(0, 2),
        st.lists(number, min_size=1, max_size=5),
        st.none() | st.builds("{}{}".format, st.sampled_from(["a", "b", "rc"]), number),
        st.none() | number,
        st.none() | number,
    )


@pytest.mark.requirement("P4.2", "P4.3", "P4.4")
@EFFORT
@given(versions(), st.sampled_from(PREFIXES))
def test_every_version_in_its_canonical_spelling_is_accepted_after_every_prefix(
    version: Version, prefix: str
) -> None:
    assert read_tag(f"{prefix}{version}", made(prefix)) == version


@pytest.mark.requirement("P4.2", "P4.3", "P4.5")
@EFFORT
@given(
    st.from_regex(re.compile(VERSION_PATTERN, re.VERBOSE | re.IGNORECASE | re.ASCII), fullmatch=True),
    st.sampled_from(PREFIXES),
)
def test_every_other_spelling_is_refused_with_a_tag_that_is_accepted(spelling: str, prefix: str) -> None:
    settings, version = made(prefix), Version(spelling)
    if str(version) == spelling and version.local is None:
        assert read_tag(prefix + spelling, settings) == version
        return
    lines = refusal(lambda: read_tag(prefix + spelling, settings))
    right = lines[2].split()[-1]
    assert read_tag(right, settings) == Version(version.public)


@pytest.mark.requirement("P4.2", "P4.4")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("wrong", SPELLINGS)
def test_a_tag_in_another_spelling_is_refused_with_the_right_one(wrong: str, prefix: str) -> None:
    bad, right = f"{prefix}{wrong}", f"{prefix}{SPELLINGS[wrong]}"
    quoted = f"'{bad}'" if "!" in bad else bad
    assert refusal(lambda: read_tag(bad, made(prefix))) == (
        f"The tag '{bad}' spells its version '{wrong}'; the index will call it {SPELLINGS[wrong]}",
        f"Expected: the canonical spelling, {right}",
        (
            f"Fix: git tag {right} '{bad}^{{}}' && git push --delete origin {quoted} && "
            f"git tag -d {quoted} && git push origin {right}"
        ),
        VERSION_TAGS,
    )


@pytest.mark.requirement("P4.5")
@pytest.mark.parametrize("local", ["linux", "linux.1", "g1a2b3c4.d20261122"])
def test_a_local_version_is_refused_with_the_public_one(local: str) -> None:
    bad = f"v1.0.0rc1+{local}"
    assert refusal(lambda: read_tag(bad, made("v"))) == (
        f"The tag '{bad}' has a local part, +{local}, and indexes refuse local versions",
        "Expected: v1.0.0rc1",
        (
            f"Fix: git tag v1.0.0rc1 '{bad}^{{}}' && git push --delete origin {bad} && "
            f"git tag -d {bad} && git push origin v1.0.0rc1"
        ),
        VERSION_TAGS,
    )


@pytest.mark.requirement("P4.2", "P4.3")
@pytest.mark.parametrize("rest", ["", "next", "1.x", "1..2", "1.2.3-", "1.2.3.final", "2026-nightly", "1.0_"])
def test_a_tag_that_is_no_version_is_refused(rest: str) -> None:
    bad = f"v{rest}"
    assert refusal(lambda: read_tag(bad, made("v"))) == (
        f"'{rest}' in the tag '{bad}' is not a version (PEP 440)",
        "Expected: a version after 'v', as in v1.2.3",
        f"Fix: git push --delete origin {bad} && git tag -d {bad}, then tag a version",
        VERSION_TAGS,
    )


@pytest.mark.requirement("P4.2")
@pytest.mark.parametrize("rest", ["１.0", "1.0\n", "1.0\x00", "1.0 ", "1.٢", "💥", "1" * 5000 + ".x"])  # noqa: RUF001
def test_a_tag_of_strange_characters_is_refused(rest: str) -> None:
    refusal(lambda: read_tag(f"v{rest}", made("v")))


@pytest.mark.requirement("P4.2", "P4.4")
@pytest.mark.parametrize(
    ("prefix", "bad", "right"),
    [
        ("release-", "v1.2.3", "release-1.2.3"),
        ("v", "release-1.2.3", "v1.2.3"),
        ("v", "1.2.3-beta1", "v1.2.3b1"),
        ("v", "my-package/1.2.3+local", "v1.2.3"),
        ("my-package/v", "v1.2.3", "my-package/v1.2.3"),
        ("pkg@", "other@1.0.post1", "pkg@1.0.post1"),
        ("v", "banana", "v1.2.3"),
    ],
)
def test_a_tag_of_another_convention_is_refused_with_the_right_one(prefix: str, bad: str, right: str) -> None:
    lines = refusal(lambda: read_tag(bad, made(prefix)))
    assert lines == (
        f"The tag '{bad}' does not begin with '{prefix}'",
        f"Expected: '{prefix}' and then the version, as in {prefix}1.2.3",
        (
            f"Fix: git tag {right} '{bad}^{{}}' && git push --delete origin {bad} && "
            f"git tag -d {bad} && git push origin {right}"
        ),
        VERSION_TAGS,
    )
    assert read_tag(right, made(prefix))


@pytest.mark.requirement("P4.2")
@pytest.mark.parametrize(
    "options", [(), ("--annotate", "--message", "wrong")], ids=["lightweight", "annotated"]
)
@pytest.mark.parametrize(
    ("bad", "right"), [("v1.0.0-beta1", "v1.0.0b1"), ("release/1.0", "v1.0"), ("v1!01.0", "v1!1.0")]
)
def test_the_command_in_the_message_replaces_the_tag(
    bad: str, right: str, options: tuple[str, ...], repository: Repository
) -> None:
    repository.tag(bad, *options)
    tagged = repository.git("rev-parse", "HEAD")
    repository.commit()
    shell(fix_command(refusal(lambda: read_tag(bad, made("v")))), repository.folder)
    assert repository.git("tag") == right
    assert repository.remote_tags() == {right}
    assert repository.git("rev-parse", right) == tagged
    assert read_tag(right, made("v"))


@pytest.mark.requirement("X10")
@pytest.mark.parametrize("bad", ["v1;touch${IFS}harm", "v$(touch${IFS}harm)", "v1'\"`touch${IFS}harm`"])
def test_the_command_in_the_message_runs_nothing_that_the_tag_says(bad: str, repository: Repository) -> None:
    repository.tag(bad)
    shell(fix_command(refusal(lambda: read_tag(bad, made("v")))), repository.folder)
    assert repository.remote_tags() == set()
    assert not (repository.folder / "harm").exists()


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
        WHEN_IT_STOPS,
    )


def started(kind: str | None, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workflow run have been started in some way, in a repository whose default branch is trunk."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    monkeypatch.setenv("GITHUB_REF", ref)
    if kind:
        monkeypatch.setenv("GITHUB_EVENT_NAME", kind)


@pytest.mark.requirement("P4.2", "U5")
@pytest.mark.parametrize(
    ("version", "prerelease"),
    [
        ("1.2.3", "false"),
        ("1.2.3.post1", "false"),
        ("1!2.0", "false"),
        ("1.2.3rc1", "true"),
        ("1.2.dev1", "true"),
    ],
)
def test_the_version_and_whether_it_is_a_prerelease_are_handed_on(
    version: str, prerelease: str, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", f"v{version}")
    done = run_step(check_tag)
    assert (done.status, done.outputs) == (0, {"version": version, "prerelease": prerelease})


@pytest.mark.requirement("P4.4")
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_prefix_of_the_settings_counts(
    prefix: str, settings: Settings, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_tag, "load_settings", lambda: dataclasses.replace(settings, tag_prefix=prefix))
    assert run_step(check_tag, f"{prefix}2.0").outputs["version"] == "2.0"


@pytest.mark.requirement("X7")
def test_the_step_checks_what_started_it(run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_REF", "refs/pull/1/merge")
    done = run_step(check_tag, "v1.0")
    assert done.status == 1
    assert done.lines[0] == "This release was started by 'pull_request' from 'refs/pull/1/merge'"
    assert done.outputs == {}
