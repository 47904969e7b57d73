"""Build a release again from its tag, and compare it with what both indexes and the GitHub Release serve.

Anyone can do it, without a login: the repository is cloned at the tag and built as in its release workflow,
which runs that project's own build code. Files are downloaded, not only their listed hashes; the
attestations on PyPI must be those of the repository's release workflow, signature included.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from packaging.utils import parse_wheel_filename
from release_lib.distributions import hashes_of, parse_checksums, sha256_of
from release_lib.index import INDEXES, expected_publisher, provenance_of, published, publishers_in
from release_lib.settings import add_tag_argument, load_settings, read_tag
from release_lib.step import ReleaseError
from release_lib.step import run as program
from release_lib.wheels import covers

from copier_pypi_release.commands.rehearse import read_plan
from copier_pypi_release.console import console, counted, lines, paragraph, table
from copier_pypi_release.contents import fetched_by
from copier_pypi_release.distributions_shown import FEW, told
from copier_pypi_release.repository import SETTINGS, find_root, find_settings
from copier_pypi_release.template_source import tool_requirement
from copier_pypi_release.watching import patiently
from copier_pypi_release.workflow_files import load_release

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from pypi_simple import DistributionPackage
    from release_lib.index import Publisher
    from release_lib.settings import Settings

SITE = "https://github.com"
REPOSITORY = re.compile(
    r"(?:https://github\.com/|git@github\.com:)?([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?"
)
SUMS = "SHA256SUMS"
SAME, OTHER, ABSENT = "same", "OTHER", "absent"
LISTED = "listed"  # a wheel of another platform: the same everywhere, and not built here
SIGNED, NAMED, NONE = "verified", "not checked", "none"
SEE = "README.md, 'Verify what you installed'"
QUIETLY = {"GIT_TERMINAL_PROMPT": "0"}  # a repository that needs a login is an error, not a question


@dataclasses.dataclass(frozen=True)
class Row:
    """A file: what each place serves under its name, and how it was attested."""

    name: str
    pypi: str
    testpypi: str
    github: str
    attestation: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_tag_argument(parser)
    parser.add_argument(
        "repository",
        nargs="?",
        help="OWNER/NAME on GitHub, or its address; default: the repository of the current folder",
    )


def run(options: argparse.Namespace) -> int:
    """Build, compare, and print one table."""
    repository = find_repository(options.repository)
    with tempfile.TemporaryDirectory(prefix="reproduce-") as name:
        folder = Path(name)
        commit = clone(repository, options.tag, folder / "clone")
        settings = find_cloned_settings(folder / "clone", repository)
        fetch_contents(folder / "clone", settings)
        version = read_tag(options.tag, settings)
        plan: dict[str, list[str]] = {}
        if platforms := load_release(folder / "clone", settings).platforms:
            built, plan = build_sdist(folder / "clone", settings, folder / "dist", platforms)
        else:
            built = build(folder / "clone", settings, folder / "dist")
    served = {key: published(index, settings.distribution, version) for key, index in INDEXES.items()}
    contents = {key: {n: digest(p.url) for n, p in files.items()} for key, files in served.items()}
    sums = download(asset_address(repository, options.tag, SUMS))
    listed = listed_wheels(sums, contents["pypi"], built) if plan else {}
    expected = {**listed, **built}
    names = sorted({*expected, *contents["pypi"], *contents["testpypi"]})
    assets = {name: digest(asset_address(repository, options.tag, name)) for name in names}
    publisher = expected_publisher(settings, "pypi")

    def state(place: Mapping[str, str | None], name: str) -> str:
        found = compared(place.get(name), expected.get(name))
        return LISTED if found == SAME and name in listed else found

    rows = [
        Row(
            name,
            state(contents["pypi"], name),
            state(contents["testpypi"], name),
            state(assets, name),
            attested(served["pypi"].get(name), contents["pypi"].get(name), publisher),
        )
        for name in names
    ]
    rows.append(Row(SUMS, "", "", compared_sums(sums, expected), ""))
    problems = [*find_problems(rows, publisher), *missing_wheels(contents["pypi"], plan)]
    show(rows, f"{settings.distribution} {version}, built again from {commit[:12]} of {repository}")
    to = console()
    lines(to, [f"{sha256}  {name}" for name, sha256 in sorted(built.items())])
    paragraph(to, github_verdict(repository, options.tag, published=sums is not None))
    if any(row.attestation == NAMED for row in rows):
        command = f"copier-pypi-release reproduce {options.tag} {repository}"
        paragraph(to, "No signature was checked: pypi-attestations is not installed. With it:")
        lines(to, [f'  uvx --from "{tool_requirement("reproduce")}" {command}'], style="cyan")
    for problem in ("", *(f"FAIL {problem}" for problem in problems)):
        paragraph(to, problem, style="bold red", rest="  ")
    if listed:
        paragraph(
            to,
            f"Not built here, but by the runners of their platforms: {counted(len(listed), 'wheel')}. Their "
            "contents are those that the GitHub Release lists.",
        )
    if not problems:
        paragraph(to, f"PyPI serves what {options.tag} of {repository} builds.", style="bold")
    return int(bool(problems))


# ---- The build --------------------------------------------------------------------------------------


def find_repository(given: str | None) -> str:
    """``owner/name`` of an argument, or of the current folder.

    Raises:
        ReleaseError: The argument is no repository on GitHub.
    """
    if given is None:
        return find_settings(find_root()).repository
    found = REPOSITORY.fullmatch(given)
    if found is None:
        raise ReleaseError(
            f"{given!r} is no repository on GitHub",
            expected="OWNER/NAME, or https://github.com/OWNER/NAME",
            fix="copy the address of the repository's page",
            see=SEE,
        )
    return found[1]


def clone(repository: str, tag: str, folder: Path) -> str:
    """Clone a repository with its history, check a tag out, and return its commit.

    Raises:
        ReleaseError: There is no such repository, or no such tag.
    """
    address = f"{SITE}/{repository}"
    try:
        program("git", "clone", "--quiet", "--no-checkout", "--", address, folder, env=QUIETLY)
        # By its full name: a branch of that name would come first otherwise.
        program("git", "checkout", "--quiet", "--detach", f"refs/tags/{tag}", cwd=folder, env=QUIETLY)
        return program("git", "rev-parse", "HEAD", cwd=folder)
    except ReleaseError as error:
        said = error.problem.partition(": ")[2].removeprefix("fatal: ")
        raise ReleaseError(
            f"The tag {tag!r} of {address} was not fetched: {said}",
            expected="a public repository with that tag",
            fix=f"git ls-remote --tags {address} shows the tags",
            see=SEE,
        ) from error


def find_cloned_settings(root: Path, repository: str) -> Settings:
    """The settings of a clone, for the repository that was asked for, whatever the clone says.

    Raises:
        ReleaseError: There are none at that tag.
    """
    if not (root / SETTINGS).is_file():
        raise ReleaseError(
            f"{repository} has no {SETTINGS} at this tag",
            expected="a release that the pipeline of this template made",
            fix="give a newer tag",
            see=SEE,
        )
    return dataclasses.replace(load_settings(root / SETTINGS), repository=repository)


def fetch_contents(root: Path, settings: Settings) -> None:
    """Fetch into a clone what the release workflow fetches besides the commit's own files.

    Raises:
        ReleaseError: It cannot be had.
    """
    fetched = fetched_by(load_release(root, settings))
    all_levels = ["--recursive"] if fetched.depth > 1 else []
    commands = [["submodule", "--quiet", "update", "--init", *all_levels]] if fetched.depth else []
    commands += [["lfs", "install", "--local", "--skip-repo"], ["lfs", "pull"]] if fetched.lfs else []
    try:
        for words in commands:
            program("git", *words, cwd=root, env=QUIETLY)
    except ReleaseError as error:
        raise ReleaseError(
            f"What the release fetches besides its commit cannot be had: {error.problem.split(': ', 1)[-1]}",
            expected="submodules, and files of Git LFS, that anybody can fetch",
            fix="git lfs version (shows whether it is installed); for what needs a login, ask the project",
            see=SEE,
        ) from error


def build(root: Path, settings: Settings, out: Path) -> dict[str, str]:
    """Build as the release workflow does, with the scripts and pins of the tag; SHA-256 by file name."""
    script = root / ".github/release/build_distributions.py"
    command = (os.environ.get("UV") or "uv", "run", "--no-config", script, "--out", out)
    # TAG and COMMIT of a caller would be held against this clone.
    program(*command, cwd=root / settings.folder, env={"TAG": "", "COMMIT": ""})
    return hashes_of(sorted(path for path in out.iterdir() if not path.name.startswith(".")))


def build_sdist(
    root: Path, settings: Settings, out: Path, platforms: list[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Build the sdist of a compiled package, and plan its wheels, with the scripts and pins of the tag."""
    script = root / ".github/release/build_sdist.py"
    command: list[str | Path] = [os.environ.get("UV") or "uv", "run", "--no-config", script, "--out", out]
    printed = program(*command, *platforms, cwd=root / settings.folder, env={"TAG": "", "COMMIT": ""})
    return hashes_of(sorted(path for path in out.iterdir() if not path.name.startswith("."))), read_plan(
        printed
    )


def listed_wheels(
    sums: bytes | None, served: Mapping[str, str | None], built: Mapping[str, str]
) -> dict[str, str]:
    """Hashes of the wheels that are not built here: of the GitHub Release, or as PyPI serves them."""
    known: Mapping[str, str | None] = served
    if sums is not None:
        try:
            known = parse_checksums(sums.decode())[1]
        except (ReleaseError, ValueError):
            known = {}
    return {n: h for n, h in known.items() if h and n.endswith(".whl") and n not in built}


def missing_wheels(served: Mapping[str, str | None], plan: Mapping[str, list[str]]) -> Iterable[str]:
    """Each platform of the plan that PyPI lacks a wheel for, in sentences."""
    tags = [tag for name in served if name.endswith(".whl") for tag in parse_wheel_filename(name)[3]]
    for platform, identifiers in plan.items():
        if missing := [one for one in identifiers if not any(covers(tag, one) for tag in tags)]:
            yield f"PyPI lacks the wheel of {platform} for {', '.join(missing)}"


# ---- What is served ---------------------------------------------------------------------------------


def asset_address(repository: str, tag: str, name: str) -> str:
    """Where anybody gets a file of a published GitHub Release, which has no other characters in names."""
    stored = re.sub("[^A-Za-z0-9_+@.-]", ".", name)
    return f"{SITE}/{repository}/releases/download/{quote(tag, safe='')}/{stored}"


def digest(address: str) -> str | None:
    """SHA-256 of what an address serves; see `download`."""
    data = download(address)
    return None if data is None else sha256_of(data)


def download(address: str) -> bytes | None:
    """What an address serves; None if it has nothing.

    Raises:
        ReleaseError: It does not answer.
    """

    def ask() -> bytes | None:
        answer = requests.get(address, timeout=60.0)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        return answer.content

    return patiently(ask)


def compared(served: str | None, built: str | None) -> str:
    """What one place serves beside what was built."""
    return ABSENT if served is None else SAME if served == built else OTHER


def compared_sums(served: bytes | None, built: Mapping[str, str]) -> str:
    """SHA256SUMS of the GitHub Release beside what was built."""
    if served is None:
        return ABSENT
    try:
        return SAME if parse_checksums(served.decode())[1] == built else OTHER
    except (ReleaseError, ValueError):
        return OTHER


def attested(package: DistributionPackage | None, sha256: str | None, expected: Publisher) -> str:
    """Whether a file's attestations are those of the release workflow."""
    if package is None or sha256 is None:
        return ""

    def ask() -> tuple[dict[str, Any], list[Publisher]]:
        answer = provenance_of(package)
        return answer, publishers_in(package, answer)

    # Once: publishers and signatures are judged on the same answer.
    provenance, found = patiently(ask)
    if not found:
        return NONE
    foreign = [str(publisher) for publisher in found if not publisher.is_same(expected)]
    return f"by {foreign[0]}" if foreign else signature(provenance, package.filename, sha256)


def signature(provenance: Mapping[str, object], name: str, sha256: str) -> str:
    """Whether every attestation was signed by the publisher that it names, for a file of these contents."""
    try:
        from pypi_attestations import AttestationError, Distribution, Provenance  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError:
        return NAMED
    try:
        bundles = Provenance.model_validate(provenance).attestation_bundles
        if not any(bundle.attestations for bundle in bundles):
            return NONE  # the index named its publishers a moment ago
        for bundle in bundles:
            for attestation in bundle.attestations:
                # Offline: by the trust root that the library brings; no further host is asked.
                attestation.verify(bundle.publisher, Distribution(name=name, digest=sha256), offline=True)
    except (AttestationError, ValueError) as error:
        return f"INVALID: {error}"
    return SIGNED


def github_verdict(repository: str, tag: str, *, published: bool) -> str:
    """What GitHub's own attestation of an immutable release says."""
    command = f"gh release verify {tag} --repo {repository}"
    if not published:
        return "The GitHub Release is not published, or this is a private repository."
    try:
        if shutil.which("gh") is None:
            return f"GitHub's own attestation of the release was not asked for; with gh: {command}"
        program(*command.split())
    except ReleaseError as error:
        return f"`{command}` does not confirm the release: {error.problem.split(': ', 1)[-1]}"
    return f"`{command}` confirms the release."


# ---- The verdict ------------------------------------------------------------------------------------


def find_problems(rows: Iterable[Row], publisher: Publisher) -> Iterable[str]:
    """What must not be, in sentences. TestPyPI and a draft may lack files: nobody installs from there."""
    for row in rows:
        places = {"PyPI": row.pypi, "TestPyPI": row.testpypi, "the GitHub Release": row.github}
        for place, state in places.items():
            if state == OTHER:
                yield f"{row.name}: {place} serves other contents than the tag builds"
        if row.pypi == ABSENT:
            yield f"{row.name}: PyPI does not have it"
        if row.attestation not in {"", SIGNED, NAMED}:
            said = "no attestation" if row.attestation == NONE else f"an attestation {row.attestation}"
            yield f"{row.name}: {said}; expected: {publisher}"


def show(rows: Iterable[Row], title: str) -> None:
    """Print the table; wheels of which there is nothing to tell are one row."""
    to = console()
    paragraph(to, title)
    shown = table("", "File", "PyPI", "TestPyPI", "GitHub", "Signature")
    every = list(rows)
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in every:
        states = dataclasses.astuple(row)[1:]
        alike = states if len(every) > FEW + 1 and LISTED in states else (*states, row.name)
        groups.setdefault(alike, []).append(row.name)
    for alike, names in groups.items():
        name = names[0] if len(names) == 1 else told(names)
        shown.add_row(name, *(value.split(":")[0] for value in alike[:4]))
    to.print(shown)
