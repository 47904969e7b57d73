"""check_distributions.py: every place that names a version names the tag's; the list of hashes."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import check_distributions
import pytest
from markdown_it import MarkdownIt
from packaging.version import Version
from release_lib.distributions import find_distributions
from release_lib.step import ReleaseError
from support.archives import hashes_of, make_wheel, member, rewrite_sdist, rewrite_wheel

from release.outcomes import recovery, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from release_lib.settings import Settings

    from release.conftest import RunStep
    from release.outcomes import Outcome

WHEEL, SDIST = "demo_pkg-0.1.0-py3-none-any.whl", "demo_pkg-0.1.0.tar.gz"
SEE = recovery("build")
VERSION_FILE = "src/demo_pkg/_version.py"
BUILD_AGAIN = "Fix: uv run .github/release/build_distributions.py"
PLACES = (
    f"the file name {WHEEL}",
    f"the metadata of {WHEEL}",
    f"{VERSION_FILE} in {WHEEL}",
    f"the file name {SDIST}",
    f"the metadata of {SDIST}",
    f"{VERSION_FILE} in {SDIST}",
)


@pytest.fixture(autouse=True)
def _tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Release v0.1.0."""
    monkeypatch.setenv("TAG", "v0.1.0")


@pytest.fixture(autouse=True)
def _findings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run check-wheel-contents only where a test asks for it, because it takes a second."""
    if "check_wheel_contents" not in request.fixturenames:
        monkeypatch.setattr(check_distributions, "findings_in", lambda _: "OK")


@pytest.fixture
def check_wheel_contents() -> None:
    """Let the real check-wheel-contents run."""


def tamper(
    dist: Path, name: str, changes: Mapping[str, bytes | None], *, new_name: str | None = None
) -> None:
    """Replace members of a distribution in a folder, and perhaps its name."""
    rewrite = rewrite_wheel if name.endswith(".whl") else rewrite_sdist
    copy = rewrite(dist / name, dist.parent / "tampered", changes)
    (dist / name).unlink()
    shutil.move(copy, dist / (new_name or name))


def metadata_of(dist: Path, name: str) -> tuple[str, bytes]:
    """Path and contents of a distribution's metadata."""
    path = ".dist-info/METADATA" if name.endswith(".whl") else "PKG-INFO"
    return path, member(dist / name, path)


def place(name: str) -> str:
    """Path of the version file within a distribution."""
    return "demo_pkg/_version.py" if name.endswith(".whl") else VERSION_FILE


@pytest.mark.requirement("P3.3", "P8.7")
def test_what_was_built_is_listed_and_handed_on(dist: Path, tmp_path: Path, run_step: RunStep) -> None:
    done = run_step(check_distributions, dist, "--checksums", tmp_path / "checksums/SHA256SUMS")
    assert done.status == 0, done.errors
    pythons = ["3.11", "3.12", "3.13", "3.14", "3.15"]
    assert done.outputs == {"pythons": json.dumps(pythons), "newest": "3.15"}
    hashes = hashes_of(dist / WHEEL, dist / SDIST)
    listing = "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items())
    assert (tmp_path / "checksums/SHA256SUMS").read_bytes() == listing.encode()
    assert done.summary.startswith(f"## Built demo-pkg 0.1.0\n\n```\n{listing}```\n\n<details>")
    subprocess.run(["sha256sum", "--check", "--strict", "../checksums/SHA256SUMS"], cwd=dist, check=True)


@pytest.mark.usefixtures("check_wheel_contents")
def test_the_summary_shows_what_is_in_both_distributions(dist: Path, run_step: RunStep) -> None:
    """Files with their sizes, the metadata, and what check-wheel-contents finds, which stops nothing."""
    record = member(dist / WHEEL, ".dist-info/RECORD") + b"demo_pkg/old.pyc,sha256=47DEQpj8HBSa,0\n"
    tamper(dist, WHEEL, {"demo_pkg/old.pyc": b"", ".dist-info/RECORD": record})
    done = run_step(check_distributions, dist)
    assert done.status == 0
    wheel, sdist = (folded(done.summary, name) for name in (WHEEL, SDIST))
    files, metadata, findings = (text.splitlines() for text in blocks(wheel))
    size = len(member(dist / WHEEL, "demo_pkg/__init__.py"))
    assert f"{size:,}  demo_pkg/__init__.py" in [line.strip() for line in files]
    assert {"Name: demo-pkg", "Version: 0.1.0"} <= set(metadata)
    assert any(line.startswith("W001: Wheel contains .pyc/.pyo files") for line in findings)
    files, metadata = (text.splitlines() for text in blocks(sdist))
    assert "demo_pkg-0.1.0/pyproject.toml" in [line.split()[-1] for line in files]
    assert "Version: 0.1.0" in metadata


@pytest.mark.usefixtures("check_wheel_contents")
def test_a_sound_wheel_is_found_to_be_so(dist: Path, run_step: RunStep) -> None:
    assert blocks(folded(run_step(check_distributions, dist).summary, WHEEL))[-1] == "OK"


@pytest.mark.requirement("X10", "X17")
def test_names_and_metadata_cannot_become_markup_or_commands(
    dist: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    path, text = metadata_of(dist, WHEEL)
    evil = "```\n</details>\n::error::gotcha\n\x1b[31m\u202e.py"
    header = "\nAuthor: \x1b[31m\u202e\nLicense: x\n  ```\n  </details>\n  ::error::gotcha\n".encode()
    tamper(dist, WHEEL, {evil: b"", path: re.sub(rb"\nAuthor(-email)?: .*\n", header, text)})
    done = run_step(check_distributions, dist)
    assert done.status == 0, done.errors
    tokens = MarkdownIt().parse(done.summary)
    html = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert [h for h in html if not h.startswith("<details><summary>demo_pkg-0.1.0")] == ["</details>"] * 2
    assert len(html) == 4
    assert [t.content for t in tokens if t.type == "inline" and "gotcha" in t.content] == []
    commands = [line for line in done.printed.splitlines() if line.startswith("::")]
    assert [line.partition("::stop-commands::")[0] for line in commands[::2]] == [""] * 3
    assert "\x1b" not in done.printed
    assert "\u202e" not in done.printed


def test_a_long_list_of_files_is_cut(dist: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_distributions, "SHOWN_FILES", 2)
    done = run_step(check_distributions, dist)
    assert blocks(folded(done.summary, WHEEL))[0].splitlines()[2].startswith("and ")


def folded(summary: str, name: str) -> str:
    """The part of a job summary that is about a distribution."""
    return summary.partition(f"<details><summary>{name}: ")[2].partition("</details>")[0]


def blocks(markdown: str) -> list[str]:
    """The code blocks of a text."""
    return [t.content.rstrip("\n") for t in MarkdownIt().parse(markdown) if t.type == "fence"]


@pytest.mark.requirement("P3.3", "P3.5")
def test_without_a_tag_it_is_enough_that_all_places_agree(
    dist: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAG")
    assert run_step(check_distributions, dist).summary.startswith("## Built demo-pkg 0.1.0\n")
    tamper(dist, WHEEL, {place(WHEEL): b"__version__ = '0.1.1'\n"})
    assert run_step(check_distributions, dist).lines[0] == (
        f"The built version is not 0.1.0: {VERSION_FILE} in {WHEEL} says 0.1.1"
    )


@pytest.mark.requirement("P3.3", "T7", "R3")
def test_another_tag_than_the_built_version_is_refused_at_every_place(
    dist: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", "v0.2.0")
    done = run_step(check_distributions, dist)
    assert done.lines == (
        f"The built version is not 0.2.0: {'; '.join(f'{p} says 0.1.0' for p in PLACES)}",
        "Expected: 0.2.0 in all 6 places",
        "Fix: git describe --tags --long (shows what the version was made from)",
        SEE,
    )
    assert done.outputs == {}


@pytest.mark.requirement("P3.3", "P4.5")
@pytest.mark.parametrize("wrong", ["0.1.1", "0.1.0.dev1", "0.1.0rc1", "0.1.0+g1a2b3c4"])
@pytest.mark.parametrize("name", [WHEEL, SDIST])
@pytest.mark.parametrize("where", ["metadata", "version file", "file name"])
def test_one_place_with_another_version_is_refused_by_name(
    where: str, name: str, wrong: str, dist: Path, run_step: RunStep
) -> None:
    renamed = name.replace("0.1.0", wrong)
    if where == "metadata":
        path, text = metadata_of(dist, name)
        tamper(dist, name, {path: text.replace(b"\nVersion: 0.1.0\n", f"\nVersion: {wrong}\n".encode())})
        place_named = f"the metadata of {name}"
    elif where == "version file":
        code = member(dist / name, place(name)).replace(b"'0.1.0'", f"'{wrong}'".encode())
        tamper(dist, name, {place(name): code})
        place_named = f"{VERSION_FILE} in {name}"
    elif name == WHEEL:
        (dist / name).rename(dist / renamed)
        place_named = f"the file name {renamed}"
    else:  # its top folder has to have the same name
        folder = dist.parent / SDIST.replace("0.1.0", wrong).removesuffix(".tar.gz")
        shutil.unpack_archive(dist / SDIST, dist.parent / "unpacked", filter="data")
        (dist.parent / "unpacked" / SDIST.removesuffix(".tar.gz")).rename(folder)
        subprocess.run(["tar", "czf", str(dist / renamed), folder.name], cwd=dist.parent, check=True)
        (dist / SDIST).unlink()
        place_named = f"the file name {renamed}"
    done = run_step(check_distributions, dist)
    assert done.lines == (
        f"The built version is not 0.1.0: {place_named} says {wrong}",
        "Expected: 0.1.0 in all 6 places",
        "Fix: git describe --tags --long (shows what the version was made from)",
        SEE,
    )


@pytest.mark.requirement("P3.3")
@pytest.mark.parametrize("same", ["0.1", "0.1.0.0", "v0.1.0"])
def test_versions_are_compared_as_versions_and_not_as_text(same: str, dist: Path, run_step: RunStep) -> None:
    tamper(dist, WHEEL, {place(WHEEL): f"__version__ = '{same}'\n".encode()})
    assert run_step(check_distributions, dist).status == 0


@pytest.mark.requirement("P3.3", "P6.1")
@pytest.mark.parametrize("name", [WHEEL, SDIST])
@pytest.mark.parametrize("missing", ["version file", "metadata"])
def test_a_distribution_without_its_version_file_or_metadata_is_refused(
    missing: str, name: str, dist: Path, run_step: RunStep
) -> None:
    tamper(dist, name, {place(name) if missing == "version file" else metadata_of(dist, name)[0]: None})
    done = run_step(check_distributions, dist)
    assert done.lines[0].startswith(f"{name} cannot be read as a distribution: ")
    assert done.lines[1:] == (
        f"Expected: valid metadata, and {VERSION_FILE}",
        BUILD_AGAIN,
        SEE,
    )


@pytest.mark.requirement("P3.3", "B11")
def test_a_package_without_a_version_file_is_read_by_its_metadata(dist: Path, settings: Settings) -> None:
    plain = dataclasses.replace(settings, version_file="")
    tamper(dist, SDIST, {place(SDIST): None})
    for name in (WHEEL, SDIST):
        assert list(check_distributions.versions_of(dist / name, plain).values()) == ["0.1.0", "0.1.0"]
    found = check_distributions.versions_of(dist / WHEEL, plain)
    with pytest.raises(ReleaseError, match=r"The built version is not 0\.2\.0"):
        check_distributions.check_versions(found, Version("0.2.0"))


@pytest.mark.requirement("P3.3")
@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"version = '0.1.0'\n",
        b"__version__: str\n",
        b"__version__ = get()\n",
        b"__version__ = None\n",
        b"__version__ = 'unknown'\n",
        b"def (",
        b"\x00\xff",
    ],
)
def test_a_version_file_that_states_no_version_is_refused(code: bytes, dist: Path, run_step: RunStep) -> None:
    tamper(dist, WHEEL, {place(WHEEL): code})
    assert run_step(check_distributions, dist).lines == (
        f"{VERSION_FILE} in {WHEEL} does not set __version__ to a version",
        "Expected: the file that hatch-vcs writes",
        f"Fix: git rm --cached --ignore-unmatch {VERSION_FILE}",
        SEE,
    )


@pytest.mark.requirement("P3.3")
@pytest.mark.parametrize(("file", "metadata"), [(True, False), (False, True), (True, True)])
def test_a_distribution_of_another_project_is_refused(
    dist: Path, run_step: RunStep, *, file: bool, metadata: bool
) -> None:
    changes = {}
    if metadata:
        path, text = metadata_of(dist, WHEEL)
        changes[path] = text.replace(b"\nName: demo-pkg\n", b"\nName: other\n")
    named = WHEEL.replace("demo_pkg", "other") if file else WHEEL
    tamper(dist, WHEEL, changes, new_name=named)
    assert run_step(check_distributions, dist).lines == (
        f"{named} is a distribution of {'other' if file and metadata else 'demo-pkg, other'}",
        "Expected: the project demo-pkg",
        "Fix: make the name in pyproject.toml and in .github/release/settings.toml the same",
        SEE,
    )


@pytest.mark.requirement("P3.3")
def test_the_projects_name_may_be_spelled_in_many_ways(dist: Path, settings: Settings) -> None:
    other = dataclasses.replace(settings, distribution="Demo.Pkg")
    assert set(check_distributions.versions_of(dist / WHEEL, other).values()) == {"0.1.0"}


@pytest.mark.requirement("P1.4", "P3.3")
@pytest.mark.parametrize(
    ("add", "remove", "listed"),
    [
        ((), (WHEEL, SDIST), "nothing"),
        ((), (SDIST,), WHEEL),
        ((), (WHEEL,), SDIST),
        (("demo_pkg-0.0.9.tar.gz",), (), f"demo_pkg-0.0.9.tar.gz, {WHEEL}, {SDIST}"),
        (("notes.txt",), (), f"{WHEEL}, {SDIST}, notes.txt"),
        (("x.whl.publish.attestation",), (), f"{WHEEL}, {SDIST}, x.whl.publish.attestation"),
        (("demo_pkg-0.1.0.zip",), (SDIST,), f"{WHEEL}, demo_pkg-0.1.0.zip"),
    ],
)
def test_anything_but_wheels_and_one_sdist_is_refused(
    add: tuple[str, ...], remove: tuple[str, ...], listed: str, dist: Path, run_step: RunStep
) -> None:
    for name in add:
        (dist / name).touch()
    for name in remove:
        (dist / name).unlink()
    assert run_step(check_distributions, dist).lines == (
        f"The folder {dist} contains {listed}",
        "Expected: at least one wheel, exactly one sdist (.tar.gz), and nothing else",
        BUILD_AGAIN,
        SEE,
    )


@pytest.mark.requirement("P1.4")
def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(lambda: find_distributions(tmp_path / "none"))[0] == (
        f"The folder {tmp_path / 'none'} contains nothing"
    )


@pytest.mark.requirement("S1")
def test_wheels_of_several_platforms_are_checked_each(dist: Path, run_step: RunStep) -> None:
    native = WHEEL.replace("py3-none-any", "cp311-cp311-win_amd64")
    shutil.copy(dist / WHEEL, dist / native)
    assert run_step(check_distributions, dist).status == 0
    tamper(dist, native, {place(native): b"__version__ = '9'\n"})
    assert run_step(check_distributions, dist).lines[0] == (
        f"The built version is not 0.1.0: {VERSION_FILE} in {native} says 9"
    )


@pytest.mark.requirement("P3.3")
@pytest.mark.parametrize("name", [WHEEL, SDIST])
@pytest.mark.parametrize("garbage", ["empty", "text", "binary", "cut", "changed inside", "folder"])
def test_a_broken_archive_ends_in_four_lines(garbage: str, name: str, dist: Path, run_step: RunStep) -> None:
    path = dist / name
    data = path.read_bytes()
    middle = len(data) // 3
    broken = {
        "empty": b"",
        "text": b"<html>not found</html>\n",
        "binary": bytes(range(256)) * 9,
        "cut": data[: len(data) // 2],
        "changed inside": data[:middle] + bytes(300) + data[middle + 300 :],
        "folder": None,
    }[garbage]
    path.unlink()
    if broken is None:
        path.mkdir()
    else:
        path.write_bytes(broken)
    done = run_step(check_distributions, dist)
    assert done.lines[0].startswith(f"{name} cannot be read as a distribution: "), done.errors
    assert done.lines[1:] == (
        f"Expected: valid metadata, and {VERSION_FILE}",
        BUILD_AGAIN,
        SEE,
    )


@pytest.mark.requirement("P3.3")
@pytest.mark.parametrize(
    "named",
    [
        "demo-pkg.whl",
        "demo_pkg-0.1.0-py3.whl",
        "demo_pkg-x-py3-none-any.whl",
        "demo_pkg-0.1_.0-py3-none-any.whl",
    ],
)
def test_a_file_name_that_no_index_accepts_is_refused(named: str, dist: Path, run_step: RunStep) -> None:
    (dist / WHEEL).rename(dist / named)
    done = run_step(check_distributions, dist)
    assert done.lines[0].startswith(f"{named} is not a file name that an index accepts")
    assert done.lines[1:] == (
        "Expected: a name as the build backend gives it",
        BUILD_AGAIN,
        SEE,
    )


def say(done: Outcome) -> str:
    """The first line of a refusal."""
    assert done.status == 1
    assert len(done.lines) == 4
    return done.lines[0]


@pytest.mark.requirement("P3.3")
def test_metadata_that_breaks_the_standard_is_refused_with_every_reason(
    dist: Path, run_step: RunStep
) -> None:
    path, text = metadata_of(dist, WHEEL)
    tamper(
        dist, WHEEL, {path: text.replace(b"\nVersion: 0.1.0\n", b"\nVersion: one\nRequires-Python: new\n")}
    )
    said = say(run_step(check_distributions, dist))
    assert "'one'" in said
    assert "'requires-python'" in said


@pytest.mark.requirement("P3.3", "B4")
@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            b"Description-Content-Type: text/markdown",
            b"Description-Content-Type: text/x-rst",
            "syntax errors",
        ),
        (b"\nDescription-Content-Type: text/markdown", b"", "description"),
    ],
)
def test_what_twine_would_warn_of_is_refused(
    old: bytes, new: bytes, complaint: str, dist: Path, run_step: RunStep
) -> None:
    for name in (WHEEL, SDIST):
        path, text = metadata_of(dist, name)
        head, blank, _ = text.partition(b"\n\n")
        assert old in head
        tamper(dist, name, {path: head.replace(old, new) + blank + b"A `broken\n==\n\n.. nothing::\n"})
    done = run_step(check_distributions, dist)
    assert "twine check --strict" in say(done)
    assert complaint in say(done), say(done)
    assert done.outputs == {}


@pytest.mark.requirement("B2")
def test_a_project_without_a_readme_is_not_refused(dist: Path, run_step: RunStep) -> None:
    for name in (WHEEL, SDIST):
        path, text = metadata_of(dist, name)
        head = text.partition(b"\n\n")[0].replace(b"\nDescription-Content-Type: text/markdown", b"")
        tamper(dist, name, {path: head + b"\n\n"})
    done = run_step(check_distributions, dist)
    assert done.status == 0, done.errors


@pytest.mark.requirement("S2")
@pytest.mark.parametrize(
    ("head", "pythons"),
    [
        (
            (
                "Classifier: Programming Language :: Python :: 3.12\n"
                "Classifier: Programming Language :: Python :: 3.9\n"
            ),
            ["3.9", "3.12"],
        ),
        (
            "Classifier: Programming Language :: Python :: 3 :: Only\nRequires-Python: >=3.13\n",
            ["3.13", "3.14", "3.15"],
        ),
        ("Requires-Python: >=3.11,!=3.12.*,<3.14\n", ["3.11", "3.13"]),
        ("", ["3.11", "3.12", "3.13", "3.14", "3.15"]),
    ],
)
def test_the_pythons_to_test_on_are_those_that_the_wheel_states(
    head: str, pythons: list[str], dist: Path, settings: Settings
) -> None:
    text = f"Metadata-Version: 2.1\nName: demo-pkg\nVersion: 0.1.0\n{head}".encode()
    tamper(dist, WHEEL, {"METADATA": text})
    assert check_distributions.pythons_of(dist / WHEEL, settings) == pythons


@pytest.mark.requirement("P1.3")
def test_a_wheel_that_no_python_can_be_tested_on_is_refused(dist: Path, settings: Settings) -> None:
    tamper(
        dist,
        WHEEL,
        {"METADATA": b"Metadata-Version: 2.1\nName: demo-pkg\nVersion: 0.1.0\nRequires-Python: <3.10\n"},
    )
    assert refusal(lambda: check_distributions.pythons_of(dist / WHEEL, settings)) == (
        f"{WHEEL} is tested on no Python, but requires Python <3.10",
        "Expected: tests on Pythons that it admits, one of 3.11, 3.12, 3.13, 3.14, 3.15 if none is named",
        "Fix: correct requires-python and the classifiers in pyproject.toml, and `pythons` in settings.toml",
        SEE,
    )


OF_310_AND_312 = "".join(f"Classifier: Programming Language :: Python :: 3.{n}\n" for n in (10, 12))


@pytest.mark.requirement("P1.3", "P1.6")
@pytest.mark.parametrize(
    ("requires", "classifiers", "pythons", "refused", "untested"),
    [
        (">=3.10", OF_310_AND_312, (), "", ""),
        (">=3.10.2", OF_310_AND_312, ("3.10", "3.12"), "", ""),
        (">=3.11", OF_310_AND_312, (), "3.10, 3.12", ""),
        (">=3.11", "", ("3.10", "3.11"), "3.10, 3.11", ""),
        (">=3.9", OF_310_AND_312, (), "", "3.9"),
        (">=3.10", OF_310_AND_312, ("3.12",), "", "3.10, 3.11"),
        (">=3.12", OF_310_AND_312, ("3.12",), "", "3.10"),
        ("!=3.9.*,>=3.9", OF_310_AND_312, ("3.12",), "", "3.10, 3.11"),
    ],
)
def test_pythons_that_disagree_are_named(
    *,
    requires: str,
    classifiers: str,
    pythons: tuple[str, ...],
    refused: str,
    untested: str,
    dist: Path,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Requires-Python, the classifiers, and what is tested on; what cannot be installed stops the build."""
    head = f"Metadata-Version: 2.1\nName: demo-pkg\nVersion: 0.1.0\nRequires-Python: {requires}\n"
    tamper(dist, WHEEL, {"METADATA": (head + classifiers).encode()})
    asked = dataclasses.replace(settings, pythons=pythons)
    ask = partial(check_distributions.pythons_of, dist / WHEEL, asked)
    if refused:
        assert refusal(ask)[0] == f"{WHEEL} is tested on {refused}, but requires Python {requires}"
        return
    assert ask()
    said = capsys.readouterr().err
    assert (f"{WHEEL} claims {untested} (Requires-Python {requires}; " in said) is bool(untested)
    assert bool(said) is bool(untested)


@pytest.mark.requirement("P3.3")
def test_a_flat_layout_has_its_version_file_at_the_same_path_in_both(
    tmp_path: Path, settings: Settings
) -> None:
    flat = dataclasses.replace(settings, version_file="demo_pkg/_version.py")
    wheel = make_wheel(tmp_path, "demo-pkg", "3.0")
    assert list(check_distributions.versions_of(wheel, flat).values()) == ["3.0", "3.0", "3.0"]


@pytest.mark.requirement("P4.2")
def test_a_tag_that_is_not_canonical_is_refused_here_too(
    dist: Path, run_step: RunStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", "v0.1.0-final")
    assert (
        say(run_step(check_distributions, dist))
        == "'0.1.0-final' in the tag 'v0.1.0-final' is not a version (PEP 440)"
    )


def test_all_places_together_name_one_version() -> None:
    assert check_distributions.check_versions({"here": "1.0", "there": "1"}, None) == Version("1.0")
