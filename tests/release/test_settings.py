"""release_lib.settings: what settings.toml says, and which tags are versions."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from packaging.version import VERSION_PATTERN, Version
from release_lib.settings import Settings, load_settings, read_tag

from release.outcomes import VERSION_TAGS, fix_command, refusal, shell

if TYPE_CHECKING:
    from pathlib import Path

    from support.clones import Repository

KEYS = (
    "checks, distribution, environments, import-name, patience, release-branches, release-notes, repository, "
    "tag-prefix, version-file"
)
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
    "1.0.0dev0": "1.0.0.dev0",
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
    """Versions that a tag may release: no local part, no .devN but .dev0."""
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
        st.none() | st.just(0),
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
    if str(version) == spelling and version.local is None and not version.dev:
        assert read_tag(prefix + spelling, settings) == version
        return
    lines = refusal(lambda: read_tag(prefix + spelling, settings))
    right = lines[2].split()[-1]
    released = read_tag(right, settings)
    assert version.dev or released == Version(version.public)


@pytest.mark.requirement("P4.2", "P4.5")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("1.3.0.dev1", "1.3.0a1"),
        ("1!2.dev7", "1!2a7"),
        ("1.3.0b2.dev1", "1.3.0b2"),
        ("1.3.0.post1.dev3", "1.3.0.post1"),
        ("1.3.0rc1.post1.dev3", "1.3.0rc1.post1"),
    ],
)
def test_a_tag_that_leaves_the_next_commit_unbuildable_is_refused(
    wrong: str, right: str, prefix: str
) -> None:
    lines = refusal(lambda: read_tag(prefix + wrong, made(prefix)))
    assert lines[0] == (
        f"The tag '{prefix}{wrong}' would make every later commit unbuildable: versions between tags are "
        ".devN too"
    )
    assert lines[1] == f"Expected: a pre-release like {prefix}{right}, or .dev0"
    assert lines[2].endswith(f"git push origin {prefix}{right}")
    assert read_tag(prefix + right, made(prefix)) == Version(right)


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


def test_the_settings_of_a_rendered_package_are_read(settings: Settings) -> None:
    assert dataclasses.asdict(settings) == {
        "distribution": "demo-pkg",
        "import_name": "demo_pkg",
        "repository": "demo-pkg/demo-pkg",
        "tag_prefix": "v",
        "release_branches": ("main",),
        "release_notes": "changelog",
        "version_file": "src/demo_pkg/_version.py",
        "environments": {"testpypi": "testpypi", "pypi": "pypi"},
        "patience": 1800,
        "checks": {"lint": ["ruff check", "ruff format --check"], "types": ["mypy"], "test": ["pytest"]},
        "template": {"url": settings.template["url"], "commit": ""},  # rendered from a plain folder
        "release_workflow": "release.yml",
        "ci_workflow": "ci.yml",
        "changelog": "CHANGELOG.md",
        "conventions": "CONTRIBUTING.md",
        "pythons": (),
        "folder": "",
        "file_limit": 100,
        "project_limit": 10240,
        "without_attestations": (),
        "kept_workflows": (),
    }


@pytest.mark.requirement("X13")
def test_indexes_without_attestations_are_named_by_the_maintainer(
    default_package: Path, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    rendered = (default_package / ".github/release/settings.toml").read_text(encoding="utf-8")
    path.write_text(rendered.replace("patience =", 'without-attestations = ["testpypi"]\npatience ='))
    assert load_settings(path).without_attestations == ("testpypi",)


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"[",
        b"\xff\xfe",
        b'distribution = "demo-pkg"\n',
        b"release-branches = 3\n",
    ],
)
def test_settings_that_cannot_be_used_end_in_four_lines(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    if data is not None:
        path.write_bytes(data)
    lines = refusal(lambda: load_settings(path))
    assert lines[0].startswith(f"The settings in {path} cannot be used: ")
    assert lines[1:] == (
        f"Expected: a TOML file with the keys {KEYS}",
        "Fix: uvx copier update --defaults (renders the file again)",
        "See: .github/release/README.md",
    )


def test_settings_may_have_more_keys_than_this_script_knows(default_package: Path, tmp_path: Path) -> None:
    old = (default_package / ".github/release/settings.toml").read_text()
    path = tmp_path / "settings.toml"
    path.write_text('of-a-later-template = "x"\n' + old)
    assert load_settings(path).distribution == "demo-pkg"


@pytest.mark.requirement("P3.7", "P4.4")
@pytest.mark.parametrize(
    ("prefix", "tag", "version"),
    [
        ("v", "v1.2", "1.2"),
        ("v", "v1.2-beta1", "1.2b1"),
        ("v", "1.2", None),
        ("v", "vv1.2", None),
        ("v", "vnext", None),
        ("v", "v1.x", None),
        ("v", "v٣.1", None),
        ("v", "v1.2\u0663", None),
        ("", "1.2", "1.2"),
        ("", "v1.2", None),
        ("", "nightly-3", None),
        ("my-package/v", "my-package/v1!2.0", "1!2.0"),
        ("my-package/v", "other/v1.0", None),
    ],
)
def test_a_tag_stands_for_a_version_or_for_none(
    prefix: str, tag: str, version: str | None, settings: Settings
) -> None:
    chosen = dataclasses.replace(settings, tag_prefix=prefix)
    assert chosen.tagged_version(tag) == (Version(version) if version else None)
    if version:
        assert chosen.tag(Version(version)).startswith(prefix)


@pytest.mark.requirement("P3.7")
@pytest.mark.parametrize("tag", ["v\u0663", "v1\u0663", "v", "v-1", "release-1"])
def test_a_tag_without_a_plain_digit_after_its_prefix_starts_nothing(tag: str, settings: Settings) -> None:
    assert settings.tagged_version(tag) is None
