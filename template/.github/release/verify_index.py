# /// script
# requires-python = ">=3.11.5"
# dependencies = ["packaging==26.3", "pypi-simple==1.8.0", "requests==2.34.2"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Verify that an index serves exactly what this workflow built and uploaded, and that it installs.

Within one stated patience, with growing pauses, every file has to be listed with an attestation by this
repository, this workflow and this environment (PEP 740), to be delivered as built, and to be what an
installer gets, which then imports it. What will not change by waiting stops at once.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import requests
from install_distribution import Environment, fresh_environment
from packaging.utils import canonicalize_name
from packaging.version import Version
from release_lib import distributions
from release_lib import index as indexes
from pypi_simple import DistributionPackage
from release_lib.index import INDEXES, Index, Publisher, State
from release_lib.settings import Settings, load_settings
from release_lib.step import ReleaseError, annotate, step, summary

RERUN = "gh run rerun --failed RUN (the number of this run; nothing is uploaded twice)"
T = TypeVar("T")


class NotYet(ReleaseError):  # noqa: N818  (not an error before the patience has ended)
    """An index does not show something that it may show in a while."""


def late(problem: str, expected: str) -> NotYet:
    """What a re-run finds at last, if the patience ends before."""
    see = ".github/release/RECOVERY.md, 'Uploaded but not listed'"
    return NotYet(problem, expected=expected, fix=RERUN, see=see)


class Patience:
    """The seconds in which an index may still change, for everything that is waited for together."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.end = seconds, time.monotonic() + seconds

    def wait_for(self, ask: Callable[[], T]) -> T:
        """Ask, again and again with growing pauses, until the answer is there or the patience has ended."""
        pause = 1.0
        while True:
            try:
                return ask()
            except NotYet as error:
                left = self.end - time.monotonic()
                if left <= 0:
                    error.problem += f" (after {self.seconds:.0f} seconds)"
                    raise
                print(f"{error.problem}; asking again in {pause:.0f} s", flush=True)
            time.sleep(min(pause, left))
            pause = min(pause * 2, 60.0)


def listed(
    index: Index, project: str, version: Version, built: dict[str, str], publisher: Publisher | None
) -> dict[str, DistributionPackage]:
    """Every built file as the index lists it, uploaded by the publisher (None: by anybody)."""
    try:
        served = indexes.published(index, project, version)
    except ReleaseError as error:
        raise late(error.problem, error.expected) from error
    found = indexes.compare(built, served)
    found.refuse_conflict(index, project, version)
    if found.state is not State.IDENTICAL:
        problem = f"{project} {version} was uploaded, but {index.title} does not list "
        raise late(problem + ", ".join(found.missing), "every file to be listed within minutes")
    if publisher:
        for name, package in sorted(served.items()):
            check_publisher(index, name, package, publisher)
    return served


def check_publisher(index: Index, name: str, package: DistributionPackage, expected: Publisher) -> None:
    """Stop unless an attestation of the file is by the publisher."""
    try:
        found = indexes.publishers_of(package)
    except (requests.RequestException, ValueError) as error:
        raise late(f"{index.title} does not show who uploaded {name}: {error}", str(expected)) from error
    if not any(expected.is_same(other) for other in found):
        said = f"{index.title} has no attestation for {name}: who uploaded it is not known"
        if found:
            said = f"{index.title} says that {name} was uploaded by {', and by '.join(map(str, found))}"
        raise (ReleaseError if found else NotYet)(
            said,
            expected=f"an attestation by {expected}",
            fix="if it is not yours, yank the version and follow the runbook; if it is, correct the "
            "publisher's form on the index, and release the next version",
            see=".github/release/RECOVERY.md, 'A file that this workflow did not upload'",
        )


def download(index: Index, served: dict[str, DistributionPackage], built: dict[str, str], to: Path) -> None:
    """Download every file and compare what arrives with the build's hashes."""
    for name, package in sorted(served.items()):
        try:
            answer = requests.get(package.url, timeout=60.0)
            answer.raise_for_status()
        except requests.RequestException as error:
            problem = f"{index.title} lists {name} but does not deliver it: {error}"
            raise late(problem, "the file") from error
        data = answer.content
        if distributions.sha256_of(data) != built[name]:
            raise ReleaseError(
                f"{index.title} delivers {name} with SHA-256 {distributions.sha256_of(data)}",
                expected=f"the file that was built and tested, SHA-256 {built[name]}",
                fix=RERUN + "; if it stays, yank the version and report it to the index",
                see=".github/release/RECOVERY.md, 'The version is there with other contents'",
            )
        (to / name).write_bytes(data)


def runtime_dependencies(wheel: Path) -> list[str]:
    """What the wheel itself says that it needs, extras left out."""
    required = distributions.read_distribution(wheel).metadata.requires_dist or ()
    return [str(r) for r in required if not (r.marker and "extra ==" in str(r.marker))]


def install(environment: Environment, project: str, version: Version, *arguments: str) -> None:
    """Install; what only says that the index, or the mirror that an installer asks, lags may be repeated."""
    name = canonicalize_name(project)
    lags = ("Failed to fetch", f"no version of {name}=={version}", f"{name} was not found")
    try:
        environment.install(*arguments)
    except ReleaseError as error:
        if not any(words in error.problem for words in lags):
            raise
        raise late(error.problem, "an installer to get what the index lists") from error


def install_from(
    index: Index, settings: Settings, version: Version, folder: Path, patience: Patience
) -> None:
    """Install the version from an index into a fresh environment and import it.

    From TestPyPI comes this package alone (--no-deps): anybody can register a name there that is a
    dependency's name here. The dependencies come from PyPI, as the wheel's own metadata lists them.
    """
    wheels, _ = distributions.find_distributions(folder)
    project = settings.distribution
    installs = [["--refresh-package", project, f"{project}=={version}"]]
    if index is not INDEXES["pypi"]:
        installs[0] += ["--no-deps", "--default-index", index.simple]
        installs.insert(0, runtime_dependencies(wheels[0]))
    with fresh_environment() as environment:
        for arguments in filter(None, installs):
            patience.wait_for(partial(install, environment, project, version, *arguments))
        environment.smoke_test(project, settings.import_name, str(version))


def main() -> None:
    """Verify the version in the list of hashes on one index."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", choices=sorted(INDEXES))
    distributions.add_checksums_argument(parser)
    options = parser.parse_args()
    index, settings = INDEXES[options.index], load_settings()
    version, built = distributions.read_checksums(options.checksums)
    project, patience = settings.distribution, Patience(settings.patience)
    proved_by_nobody = options.index in settings.without_attestations
    publisher = None if proved_by_nobody else indexes.expected_publisher(settings, options.index)
    served = patience.wait_for(partial(listed, index, project, version, built, publisher))
    with tempfile.TemporaryDirectory() as folder:
        patience.wait_for(partial(download, index, served, built, Path(folder)))
        install_from(index, settings, version, Path(folder), patience)
    if publisher:
        proved = f"every file attested by {publisher}"
    else:
        proved = f"**who uploaded them was not checked**: without-attestations in settings.toml has {options.index}"
        annotate("warning", f"No attestations asked of {index.title}", proved.replace("*", ""))
    summary(
        f"**{project} {version} is on {index.title}**: {len(built)} files downloaded, every "
        f"hash as built, installed and imported in a fresh environment; {proved}"
    )


if __name__ == "__main__":
    step(main)
