"""The template: where this tool and a package have it from, its newest release, its files.

Addresses, tags and files are other people's text. git is asked without a prompt and for a limited time, and
an address is shown without the login that it may contain.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.version import InvalidVersion, Version
from release_lib.step import FOREIGN, ReleaseError

from copier_pypi_release.answers_file import Answers, find_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTRIBUTION = "copier-pypi-release"
SHORT_FORMS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}  # Copier's
GITHUB_ADDRESS = re.compile(
    r"(?:(?:git\+)?https://github\.com/|gh:|(?:ssh://)?git@github\.com[:/])([\w-]+/[\w.-]+?)(?:\.git)?/?"
)
LOCAL = re.compile(r"[/\\.~]|[A-Za-z]:[/\\]|(?:git\+)?file:")
SECONDS = 120  # for one question to a repository
SILENT = {  # whatever would ask for a password or a passphrase fails at once
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "force",
}
SEE = "RELEASING.md, 'Template updates'"


@dataclass(frozen=True)
class Source:
    """A template.

    Attributes:
        url: What Copier is given, and what later updates read.
        ref: The commit or tag to render.
    """

    url: str
    ref: str


def find_source(given: str | None = None) -> Source:
    """The template that belongs to this tool.

    It is the repository and the commit that the tool was installed from (PEP 610), the checkout that it
    runs in, or the repository and the release tag that the metadata of a tool from an index name.

    Args:
        given: An address to use instead.

    Raises:
        ReleaseError: The tool was installed from somewhere else.
    """
    if given:
        return Source(given, "HEAD")
    installed = recorded = None
    with suppress(importlib.metadata.PackageNotFoundError):
        installed = importlib.metadata.distribution(DISTRIBUTION)
        recorded = installed.read_text("direct_url.json")
    origin = json.loads(recorded) if recorded else {}
    if "vcs_info" in origin:
        return Source(f"git+{origin['url']}", origin["vcs_info"]["commit_id"])
    places = [Path(__file__).resolve().parents[2]]
    if origin.get("url", "").startswith("file:"):
        places.append(Path(url2pathname(urlsplit(origin["url"]).path)))
    for place in places:
        if (place / "copier.yml").is_file() and (place / "template").is_dir():
            return Source(str(place), "HEAD")
    if installed and not recorded:  # from an index, where this template's release put it
        addresses = installed.metadata.get_all("Project-URL") or []
        named = dict(address.split(", ", 1) for address in addresses)
        if "Source" in named and not Version(installed.version).local:
            return Source(f"git+{named['Source']}", f"v{installed.version}")
    raise ReleaseError(
        "This copy of the tool does not know which template it belongs to",
        expected="a tool that was installed from the template's repository",
        fix=f"uvx --from git+ADDRESS_OF_THE_TEMPLATE {DISTRIBUTION} adopt",
        see="docs/adopting.md of the template",
    )


def tool_requirement(extra: str) -> str:
    """What to install to get this very tool with one of its extras (PEP 508)."""
    try:
        source = find_source()
    except ReleaseError:
        return f"{DISTRIBUTION}[{extra}] @ git+ADDRESS_OF_THE_TEMPLATE"
    if source.url.startswith("git+"):
        return f"{DISTRIBUTION}[{extra}] @ {source.url}@{source.ref}"
    return f"{DISTRIBUTION}[{extra}] @ {Path(source.url).as_uri()}"


# ---- What a package records -------------------------------------------------------------------------


def recorded_template(root: Path) -> Answers:
    """The answers of a package, which name the address and the version of its template.

    Raises:
        ReleaseError: The repository has no answers to this template's questions, or they name no address.
    """
    answers = find_answers(root)
    if answers is None or not answers.url:
        problem = f"{answers.path.name} does not say" if answers else f"No answers file in {root} says"
        raise ReleaseError(
            f"{problem} where this package has the template from",
            expected="the file that this template has written, with _src_path and _commit",
            fix="cd FOLDER_OF_THE_PACKAGE, or git log --all -- '.copier-answers*' to find it again",
            see=SEE,
        )
    return answers


def version_of(recorded: str) -> Version | None:
    """The release in what Copier records: a tag, or ``git describe`` after one; None for a bare commit."""
    return tagged_version(re.sub(r"-\d+-g[0-9a-f]+\Z", "", recorded))


def tagged_version(tag: str) -> Version | None:
    """The version that a tag of the template stands for."""
    if not tag.isascii():
        return None
    try:
        return Version(tag)
    except InvalidVersion:
        return None


# ---- Addresses --------------------------------------------------------------------------------------


def address_for_git(url: str) -> str:
    """An address as git takes it, from one as Copier takes it."""
    url = url.removeprefix("git+")
    for short, whole in SHORT_FORMS.items():
        if url.startswith(short) and not url.startswith(f"{short}/"):
            return whole + url.removeprefix(short)
    return str(Path(url).expanduser()) if url.startswith("~") else url


def without_login(text: str) -> str:
    """A text whose addresses show neither a user name nor a password."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def is_local(url: str) -> bool:
    """Whether an address is a folder of the machine on which it was recorded."""
    return bool(LOCAL.match(url))


def page_on_github(url: str) -> str:
    """Address of the template's page, for people; empty where it is not on GitHub."""
    found = GITHUB_ADDRESS.fullmatch(url)
    return f"https://github.com/{found[1]}" if found else ""


# ---- What the template's repository says ------------------------------------------------------------


def newest_release(url: str) -> str | None:
    """The tag of the newest final release, which a plain update takes, too; None if there is none.

    Raises:
        ReleaseError: The repository cannot be read from here.
    """
    listed = _git("ls-remote", "--tags", "--refs", "--", address_for_git(url), url=url)
    tags = re.findall(r"\trefs/tags/(\S+)$", listed, re.MULTILINE)
    releases = {tag: version for tag in tags if (version := tagged_version(tag))}
    return max(
        (tag for tag, version in releases.items() if not version.is_prerelease),
        key=lambda tag: releases[tag],
        default=None,
    )


def read_files(url: str, ref: str | None, paths: Sequence[str]) -> dict[str, str]:
    """Files of the template at a tag, or at its default branch; no code of it runs.

    Raises:
        ReleaseError: The repository cannot be read from here, or lacks one of the files.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Of a folder git takes everything, and warns: harmless, and quick.
        clone = ["clone", "--quiet", "--bare", "--depth=1", "--filter=blob:none"]
        branch = [f"--branch={ref}"] if ref else []
        _git(*clone, *branch, "--", address_for_git(url), folder, url=url)
        return {path: _git("-C", folder, "show", f"HEAD:{path}", url=url) for path in paths}


def _git(*arguments: str, url: str) -> str:
    """Ask git about the template.

    Raises:
        ReleaseError: git failed, or took too long.
    """
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    reason = f"no answer within {SECONDS} seconds"
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            ["git", *arguments],
            env=variables | SILENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.strip().partition("\n\n")[0]  # what follows is git's general advice
        reason = " | ".join(said.splitlines()[-3:])
    raise ReleaseError(
        f"The template at {without_login(url)} cannot be read from here: {without_login(reason)}",
        expected="an address that is reached without a password",
        fix=f"git ls-remote --tags -- {without_login(address_for_git(url))} (shows why)",
        see=SEE,
    )
