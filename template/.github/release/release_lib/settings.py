"""What settings.toml says about the project, and how its release tags are written."""

import argparse
import contextlib
import dataclasses
import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.version import Version
from release_lib.step import ReleaseError

PATH = Path(__file__).resolve().parents[1] / "settings.toml"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The keys of settings.toml; those without a default here must be there."""

    distribution: str  # its name on the index
    import_name: str
    repository: str  # owner/name on GitHub
    tag_prefix: str  # may be empty
    release_branches: tuple[str, ...]  # patterns; empty means any commit
    release_notes: str  # changelog, towncrier or git-cliff
    version_file: str  # generated; its path from the root of the source; empty if there is none
    environments: Mapping[str, str]  # of GitHub, by testpypi and pypi
    patience: float  # seconds to wait until an index lists what was uploaded
    checks: Mapping[str, tuple[str, ...]]  # commands, by the name of the check
    template: Mapping[str, str] = dataclasses.field(default_factory=dict)  # url and commit, for tool.py
    release_workflow: str = "release.yml"
    ci_workflow: str | Sequence[str] = "ci.yml"  # whose verdict on a commit counts; empty if there is none
    changelog: str = "CHANGELOG.md"
    conventions: str = "CONTRIBUTING.md"  # the page that describes tags and notes
    pythons: tuple[str, ...] = ()  # to test on; empty means those that the wheel names
    folder: str = ""  # of pyproject.toml, from the root of the repository
    file_limit: int = 100  # MiB, of one file on an index; more where the index has granted it
    project_limit: int = 10240  # MiB, of all files
    kept_workflows: tuple[str, ...] = ()  # that may upload something, and do not publish this package
    without_attestations: tuple[str, ...] = ()  # indexes that have none: testpypi, pypi

    @property
    def ci_workflows(self) -> tuple[str, ...]:
        """The workflows that must have passed on a commit, each of them."""
        named = [self.ci_workflow] if isinstance(self.ci_workflow, str) else self.ci_workflow
        return tuple(filter(None, named))

    def check_tested(self, then: str) -> None:
        """Check that commands test a commit that CI has not passed; `then` ends the fix."""
        if not any(self.checks.values()):
            start = "".join(f"gh workflow run {name} --ref BRANCH, wait, " for name in self.ci_workflows)
            raise ReleaseError(
                f"CI has not passed on this commit: {', '.join(self.ci_workflows) or 'nothing tests it'}",
                expected="a passed run of each workflow, or copier update --data 'ci_commands=[\"COMMAND\"]'",
                fix=start + then if start else "do so, commit, and tag that commit",
                see=".github/release/RECOVERY.md, 'gate'",
            )

    def tag(self, version: Version | str) -> str:
        """The tag that releases a version."""
        return f"{self.tag_prefix}{version}"

    def tagged_version(self, tag: str) -> Version | None:
        """The version that a tag stands for, in any spelling; None if it is no version tag."""
        rest = tag.removeprefix(self.tag_prefix)
        if tag.startswith(self.tag_prefix) and rest[:1].isdecimal() and rest.isascii():  # else no run starts
            with contextlib.suppress(ValueError):
                return Version(rest)
        return None

    def publish_command(self, tag: str, version: Version, tags: Iterable[str]) -> str:
        """What publishes a draft; it leaves "Latest" on GitHub to a higher final version among the tags."""
        finals = [v for v in map(self.tagged_version, tags) if v and not v.is_prerelease]
        behind = version.is_prerelease or any(v > version for v in finals)
        return f"gh release edit {tag} --draft=false" + (" --latest=false" if behind else "")

    def see(self, heading: str) -> str:
        """Where a message sends its reader: a heading of the page that describes conventions."""
        return f"{self.conventions}, '{heading}'"


def load_settings(path: Path = PATH) -> Settings:
    """Read settings.toml."""
    fields = dataclasses.fields(Settings)
    needed = {f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        known = {key.replace("-", "_"): value for key, value in values.items()}
        for name in ("release_branches", "pythons", "without_attestations", "kept_workflows"):
            known[name] = tuple(known.get(name, ()) if name not in needed else known[name])
        if not path.with_name("run_checks.py").is_file():  # nothing would run the commands
            known["checks"] = dict.fromkeys(known["checks"], ())
        return Settings(**{f.name: known[f.name] for f in fields if f.name in known})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(
            f"The settings in {path} cannot be used: {error}",
            expected=f"a TOML file with the keys {', '.join(sorted(needed)).replace('_', '-')}",
            fix="uvx copier update --defaults (renders the file again)",
            see=".github/release/README.md",
        ) from error


def newest_runs(runs: Iterable[dict[str, Any]], commit: str) -> list[dict[str, Any]]:
    """The newest run of each event by which CI tests a commit: a start by hand outweighs no push that failed."""
    counted = {"push", "schedule", "workflow_dispatch"}  # a pull request's run tested a merge
    found = [run for run in runs if run["head_sha"] == commit and run["event"] in counted]
    found.sort(key=lambda run: (run["run_number"], run["run_attempt"]))
    return list({run["event"]: run for run in found}.values())


def add_tag_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the release tag; it is $TAG by default, and required otherwise."""
    default = os.environ.get("TAG")
    parser.add_argument("tag", nargs="?" if default else None, default=default, help="default: $TAG")


def read_tag(tag: str, settings: Settings) -> Version:
    """The version of a release tag, by the index's parser: spelled canonically (PEP 440), and never local."""
    see, spelled = settings.see("Version tags"), tag.removeprefix(settings.tag_prefix)
    if not tag.startswith(settings.tag_prefix):
        raise ReleaseError(
            f"The tag {tag!r} does not begin with {settings.tag_prefix!r}",
            expected=f"{settings.tag_prefix!r} and then the version, as in {settings.tag('1.2.3')}",
            fix=retag(tag, settings.tag(version_at_end(tag))),
            see=see,
        )
    try:
        version = Version(spelled)
    except ValueError as error:
        raise ReleaseError(
            f"{spelled!r} in the tag {tag!r} is not a version (PEP 440)",
            expected=f"a version after {settings.tag_prefix!r}, as in {settings.tag('1.2.3')}",
            fix=f"{untag(tag)}, then tag a version",
            see=see,
        ) from error
    right = settings.tag(version.public)
    if version.dev:
        base = version.public.rpartition(".dev")[0]
        right = settings.tag(base if version.is_postrelease or version.pre else f"{base}a{version.dev}")
        problem = "would make every later commit unbuildable: versions between tags are .devN too"
        expected = f"a pre-release like {right}, or .dev0"
    elif version.local is not None:
        problem = f"has a local part, +{version.local}, and indexes refuse local versions"
        expected = right
    elif str(version) != spelled:
        problem = f"spells its version {spelled!r}; the index will call it {version}"
        expected = f"the canonical spelling, {right}"
    else:
        return version
    raise ReleaseError(f"The tag {tag!r} {problem}", expected=expected, fix=retag(tag, right), see=see)


def version_at_end(tag: str) -> str:
    """The version that a tag of another convention ends with, like 1.2.3 in ``release-1.2.3``."""
    for start in range(len(tag)):
        with contextlib.suppress(ValueError):
            return Version(tag[start:]).public
    return "1.2.3"


def refuse_moved(tag: str, began: str, now: str, see: str) -> None:
    """Stop if a tag has left the commit that a run was started for."""
    if now != began:
        raise ReleaseError(
            f"The tag {tag} has moved: this run was started for {began[:12]}, now it is on {now[:12]}",
            expected="a tag that stays on its commit",
            fix=f"git tag -f {tag} {began} && git push -f origin {tag}, or release a new version",
            see=see,
        )


def version_word(title: str) -> str:
    """The word of a heading that is its version: the first of all, or one after words that has a dot; or none."""
    words = [word.rstrip("_.!+/-") for word in re.findall(r"[\w.!+/-]+", title)]
    for place, word in enumerate(filter(None, words)):
        version = re.sub(r"^[A-Za-z_.-]*[-_/.](?=v?\d+\.)", "", word)  # of demo-pkg-1.2.3
        with contextlib.suppress(ValueError):
            if place == 0 or "." in version:
                return str(Version(version)) and version
    return ""


def retag(wrong: str, right: str) -> str:
    """The commands that replace a tag nothing was released from."""
    return f"git tag {right} {shlex.quote(wrong + '^{}')} && {untag(wrong)} && git push origin {right}"


def untag(tag: str) -> str:
    """The commands that remove a tag nothing was released from; it may have any name that git allows."""
    return f"git push --delete origin {shlex.quote(tag)} && git tag -d {shlex.quote(tag)}"
