"""Where the template is, its newest release, and its files."""

from __future__ import annotations

import json
import tomllib
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
from copier_pypi_release import template_source
from release_lib.step import ReleaseError
from support.rendering import ROOT, commit_all, git

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "3d3c42e5aac5ba805825da76410c181273ba90b1"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two releases, a pre-release, and tags that are no version."""
    path = tmp_path / "template"
    path.mkdir()
    for tag in ("v1.9.0", "v1.10.0", "v2.0.0rc1", "nightly-3", "v3.x"):
        (path / "file").write_text(tag, encoding="utf-8")
        commit_all(path, tag=tag)
    return path


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("gh:octo-org/template", "https://github.com/octo-org/template"),
        ("gl:octo-org/template", "https://gitlab.com/octo-org/template"),
        ("git+https://example.org/t", "https://example.org/t"),
        ("git@github.com:octo-org/template.git", "git@github.com:octo-org/template.git"),
        ("gh:/odd", "gh:/odd"),
        ("/home/ada/template", "/home/ada/template"),
    ],
)
def test_addresses_are_what_git_takes(url: str, expected: str) -> None:
    assert template_source.address_for_git(url) == expected


def test_the_newest_release_is_the_highest_final_version(repository: Path) -> None:
    assert template_source.newest_release(str(repository)) == "v1.10.0"
    assert template_source.newest_release(repository.as_uri()) == "v1.10.0"


def test_a_repository_without_a_final_version_has_no_release(repository: Path) -> None:
    git(repository, "tag", "--delete", "v1.9.0", "v1.10.0")
    assert template_source.newest_release(str(repository)) is None


@pytest.mark.parametrize(("ref", "text"), [("v1.9.0", "v1.9.0"), (None, "v3.x")])
def test_files_are_read_at_a_tag_or_at_the_default_branch(
    repository: Path, ref: str | None, text: str
) -> None:
    for url in (str(repository), repository.as_uri()):
        assert template_source.read_files(url, ref, ["file"]) == {"file": text}


def test_a_file_that_is_missing_ends_in_four_lines(repository: Path) -> None:
    with pytest.raises(ReleaseError, match="cannot be read from here"):
        template_source.read_files(str(repository), None, ["missing"])


@pytest.mark.requirement("X17")
def test_an_address_that_looks_like_an_option_is_an_address(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"--upload-pack=touch {tmp_path}/ran;"
    git(repository, "remote", "add", "origin", str(repository))
    monkeypatch.chdir(repository)
    for ask in (template_source.newest_release, lambda url: template_source.read_files(url, None, ["file"])):
        with pytest.raises(ReleaseError) as error:
            ask(address)
        assert error.value.problem.count(address) == 2, "git does not name it as the repository"
    assert not (tmp_path / "ran").exists()


@pytest.mark.requirement("X3")
def test_no_message_shows_the_login_of_an_address() -> None:
    with pytest.raises(ReleaseError) as error:
        template_source.newest_release("https://ada:secret@127.0.0.1:9/t.git")
    assert "https://127.0.0.1:9/t.git" in error.value.problem
    assert "secret" not in "".join(error.value.lines)


def test_waiting_for_a_repository_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    """As behind a firewall that drops packets."""
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=":")
    monkeypatch.setattr(template_source, "SECONDS", 0.2)
    with pytest.raises(ReleaseError, match=r"no answer within 0\.2 seconds"):
        template_source.newest_release(str(repository))


class Installed:
    """A distribution that records where it was installed from."""

    def __init__(self, origin: object) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str:
        """What pip and uv write (PEP 610)."""
        assert name == "direct_url.json"
        return json.dumps(self.origin)


def test_a_tool_from_a_commit_belongs_to_the_template_of_that_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    origin = {
        "url": "https://github.com/octo-org/template",
        "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "v1"},
    }
    monkeypatch.setattr(metadata, "distribution", lambda _: Installed(origin))
    source = template_source.find_source()
    assert source == template_source.Source("git+https://github.com/octo-org/template", COMMIT)
    assert template_source.tool_requirement("adopt") == (
        f"copier-pypi-release[adopt] @ git+https://github.com/octo-org/template@{COMMIT}"
    )


def test_a_tool_in_a_checkout_belongs_to_it() -> None:
    assert template_source.find_source().url == str(ROOT)
    assert template_source.tool_requirement("adopt") == f"copier-pypi-release[adopt] @ {ROOT.as_uri()}"


def test_a_tool_from_an_index_belongs_to_the_tag_of_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the metadata that its wheel gets: of this project, at that version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tmp_path / "copier_pypi_release-1.2.3.dist-info"
    folder.mkdir()
    urls = "".join(f"Project-URL: {name}, {url}\n" for name, url in project["urls"].items())
    metadata_text = f"Metadata-Version: 2.4\nName: copier-pypi-release\nVersion: 1.2.3\n{urls}"
    (folder / "METADATA").write_text(metadata_text, encoding="utf-8")
    monkeypatch.setattr(metadata, "distribution", lambda _: metadata.PathDistribution(folder))
    monkeypatch.setattr(template_source, "__file__", str(tmp_path / "a/b/c/template_source.py"))
    source = template_source.find_source()
    assert source == template_source.Source(f"git+{project['urls']['Source']}", "v1.2.3")
    assert template_source.page_on_github(source.url) == project["urls"]["Source"]
    (folder / "METADATA").write_text(metadata_text.replace("1.2.3", "1.2.4.dev1+g0"), encoding="utf-8")
    with pytest.raises(ReleaseError, match="does not know which template"):
        template_source.find_source()


def test_a_given_address_comes_first() -> None:
    assert template_source.find_source("gh:octo-org/x") == template_source.Source("gh:octo-org/x", "HEAD")
