# /// script
# requires-python = ">=3.11.5"
# dependencies = ["check-wheel-contents==0.6.3", "packaging==26.3", "twine==7.0.0"]
# tool.uv.exclude-newer = "2026-11-15T00:00:00Z"
# ///
"""Check that every place in the built distributions that names a version names the tag's, and list hashes.

The places: both file names, the core metadata of wheel and sdist, and the generated version file in each.
In a release the files are compared with what the build listed ($HASHES). The job summary shows their hashes and
what is in both distributions, for whoever approves the upload.
"""

import argparse
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import VERSION_PATTERN, Version
from release_lib import distributions
from release_lib.distributions import BUILD, SUPPORTED_PYTHONS, hashes_of, listed, read_distribution, refusal
from release_lib.settings import Settings, load_settings, read_tag
from release_lib.step import annotate, fenced, output, run, step, summary, visible

SHOWN_FILES = 1000  # of one distribution; a summary takes 1 MiB
STATED = re.compile(rf"__version__\s=\s(?:version\s=\s)?(['\"])({VERSION_PATTERN})\1", re.X | re.I)


def versions_of(path: Path, settings: Settings) -> dict[str, str]:
    """Every version that a distribution names, by the place that names it."""
    found = distributions.name_and_version(path.name)
    if found is None:
        problem = f"{path.name} is not a file name that an index accepts"
        raise refusal(problem, expected="a name as the build backend gives it", fix=BUILD)
    name, version = found
    distribution = read_distribution(path, settings.version_file)
    names = {canonicalize_name(distribution.metadata.name), name}
    if names != {canonicalize_name(settings.distribution)}:
        problem = f"{path.name} is a distribution of {', '.join(sorted(names))}"
        fix = "make the name in pyproject.toml and in .github/release/settings.toml the same"
        raise refusal(problem, expected=f"the project {settings.distribution}", fix=fix)
    stated = {f"the file name {path.name}": str(version)}
    stated[f"the metadata of {path.name}"] = str(distribution.metadata.version)
    if settings.version_file:
        place = f"{settings.version_file} in {path.name}"
        stated[place] = version_in(distribution.member, path.name, settings)
    return stated


def version_in(code: bytes, name: str, settings: Settings) -> str:
    """The value that a version file gives to ``__version__``, found without running it."""
    if found := next(filter(None, map(STATED.match, code.decode(errors="replace").splitlines())), None):
        return found[2]
    problem = f"{settings.version_file} in {name} does not set __version__ to a version"
    fix = f"git rm --cached --ignore-unmatch {settings.version_file}"
    raise refusal(problem, expected="the file that hatch-vcs writes", fix=fix)


def check_versions(found: dict[str, str], expected: Version | None) -> Version:
    """Check that all places agree, by PEP 440 equality, and agree with the tag if there is one."""
    wanted = expected if expected is not None else Version(next(iter(found.values())))
    if wrong := [f"{place} says {text}" for place, text in found.items() if Version(text) != wanted]:
        raise refusal(
            f"The built version is not {wanted}: {'; '.join(wrong)}",
            expected=f"{wanted} in all {len(found)} places",
            fix="git describe --tags --long (shows what the version was made from)",
        )
    return wanted


def pythons_of(path: Path, settings: Settings) -> list[str]:
    """The Pythons of the settings; without any, of the file's classifiers, or of Requires-Python; sorted."""
    metadata = read_distribution(path).metadata
    allowed = metadata.requires_python or SpecifierSet()
    pattern = re.compile(r"Programming Language :: Python :: (3\.\d+)")
    named = [m[1] for c in metadata.classifiers or () if (m := pattern.fullmatch(c))]

    def admitted(versions: Iterable[str]) -> set[str]:
        return {v for v in versions if any(allowed.contains(f"{v}.{patch}") for patch in (0, 99))}

    tested = sorted(settings.pythons or named or admitted(SUPPORTED_PYTHONS), key=Version)
    if not tested or set(tested) - admitted(tested):
        raise refusal(
            f"{path.name} is tested on {', '.join(tested) or 'no Python'}, but requires Python {allowed}",
            expected=f"tests on Pythons that it admits, one of {', '.join(SUPPORTED_PYTHONS)} if none is named",
            fix="correct requires-python and the classifiers in pyproject.toml, and `pythons` in settings.toml",
        )
    older = [f"3.{minor}" for minor in range(int(tested[0][2:]))] if metadata.requires_python else []
    if untested := sorted({*named, *admitted(older)} - set(tested), key=Version):
        why = f"Requires-Python {allowed}; classifiers {', '.join(named) or 'none'}"
        claimed = f"{', '.join(untested)} ({why})"
        annotate("warning", "Untested Pythons", f"{path.name} claims {claimed}, and no test runs on it")
    return tested


def description_of(path: Path) -> str:
    """What is in a distribution, as a part of the job summary that is folded up."""
    found = read_distribution(path)
    files = [f"{size:>11,}  {visible(name)}" for name, size in sorted(found.files.items())]
    if len(files) > SHOWN_FILES:
        files[SHOWN_FILES:] = [f"and {len(files) - SHOWN_FILES} more"]
    size = sum(found.files.values())
    title = html.escape(f"{path.name}: {len(found.files)} files, {size:,} bytes unpacked")
    parts = [f"<details><summary>{visible(title)}</summary>", fenced("\n".join(files)), fenced(found.header)]
    if path.suffix == ".whl":
        parts += ["check-wheel-contents says:", fenced(findings_in(path))]
    return "\n\n".join([*parts, "</details>"])


def findings_in(wheel: Path) -> str:
    """What check-wheel-contents says of a wheel; it is for people to judge, and stops nothing."""
    command = [sys.executable, "-I", "-m", "check_wheel_contents", "--no-config", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return (done.stdout or done.stderr).replace(f"{wheel}: ", "").strip()


def main() -> None:
    """Check the distributions in a folder; with $TAG, against its version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"), help="default: dist")
    parser.add_argument("--checksums", type=Path, help="file to write the list of hashes to")
    options = parser.parse_args()
    settings, tag = load_settings(), os.environ.get("TAG")
    wheels, sdist = distributions.find_distributions(options.folder)
    found = {k: v for path in (*wheels, sdist) for k, v in versions_of(path, settings).items()}
    version = check_versions(found, read_tag(tag, settings) if tag else None)
    # An index takes a project without a README; twine would warn of nothing else then.
    strict = ["--strict"] if read_distribution(wheels[0]).metadata.description else []
    run(sys.executable, "-I", "-m", "twine", "check", *strict, *wheels, sdist)
    hashes = hashes_of([*wheels, sdist])
    if options.checksums:
        distributions.write_checksums(options.checksums, hashes)
    pythons = pythons_of(wheels[0], settings)
    output(pythons=json.dumps(pythons), newest=pythons[-1])
    summary(f"## Built {settings.distribution} {version}\n\n{fenced(listed(hashes).strip())}")
    for path in (*wheels, sdist):
        summary(description_of(path))


if __name__ == "__main__":
    step(main)
