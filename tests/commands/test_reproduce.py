"""reproduce: what it says of files, places and signatures. tests/drill/test_watch.py executes all of it.

provenance.json is what PyPI serves (PEP 740) for a released file of pypi-attestations, signature included.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import cli
from copier_pypi_release.commands import reproduce
from copier_pypi_release.commands.reproduce import ABSENT, NAMED, NONE, OTHER, SAME, SIGNED, Row
from release_lib.index import INDEXES, Publisher
from release_lib.step import ReleaseError
from support.compiled import FILES, PLAN, SDIST, WHEELS
from support.linting import program
from support.rendering import commit_all, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from release_lib.index import Index

ATTESTED = "pypi_attestations-0.0.19.tar.gz"
SHA256 = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
PUBLISHER = Publisher("GitHub", "demo-pkg/demo-pkg", "release.yml", "pypi")


@pytest.fixture
def provenance() -> dict[str, Any]:
    """Attestations of a file on PyPI."""
    text = Path(__file__).with_name("provenance.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


# ---- Signatures -------------------------------------------------------------------------------------


@pytest.mark.requirement("B12", "X13")
def test_a_real_attestation_is_verified_without_a_network(
    provenance: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert reproduce.signature(provenance, ATTESTED, SHA256) == SIGNED


def other_repository(provenance: dict[str, Any]) -> None:
    provenance["attestation_bundles"][0]["publisher"]["repository"] = "mallory/pypi-attestations"


def other_workflow(provenance: dict[str, Any]) -> None:
    provenance["attestation_bundles"][0]["publisher"]["workflow"] = "evil.yml"


def test_a_provenance_without_an_attestation_verifies_nothing(provenance: dict[str, Any]) -> None:
    for bundle in provenance["attestation_bundles"]:
        bundle["attestations"] = []
    assert reproduce.signature(provenance, ATTESTED, SHA256) == reproduce.NONE
    provenance["attestation_bundles"] = []
    assert reproduce.signature(provenance, ATTESTED, SHA256) == reproduce.NONE


def other_signature(provenance: dict[str, Any]) -> None:
    envelope = provenance["attestation_bundles"][0]["attestations"][0]["envelope"]
    spoiled = bytearray(base64.b64decode(envelope["signature"]))
    spoiled[-1] ^= 1
    envelope["signature"] = base64.b64encode(spoiled).decode()


def no_attestation_at_all(provenance: dict[str, Any]) -> None:
    provenance["attestation_bundles"][0]["attestations"] = [{"version": 1}]


@pytest.mark.requirement("B12", "X13")
@pytest.mark.parametrize("spoil", [other_repository, other_workflow, other_signature, no_attestation_at_all])
def test_a_forged_attestation_is_named(
    provenance: dict[str, Any], spoil: Callable[[dict[str, Any]], None]
) -> None:
    spoil(provenance)
    assert reproduce.signature(provenance, ATTESTED, SHA256).startswith("INVALID: ")


@pytest.mark.requirement("B12", "X13")
@pytest.mark.parametrize(("name", "sha256"), [("other-0.0.19.tar.gz", SHA256), (ATTESTED, "0" * 64)])
def test_an_attestation_of_another_file_is_named(provenance: dict[str, Any], name: str, sha256: str) -> None:
    assert reproduce.signature(provenance, name, sha256).startswith("INVALID: ")


@pytest.mark.requirement("B12", "X13")
def test_publishers_and_signatures_are_judged_on_one_answer(
    provenance: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that answers the right publisher first and another signature then would have two faces."""
    answers = [provenance]
    monkeypatch.setattr(reproduce, "provenance_of", lambda _: answers.pop())
    package: Any = SimpleNamespace(filename=ATTESTED)
    publisher = provenance["attestation_bundles"][0]["publisher"]
    expected = Publisher(*(publisher[k] or "" for k in ("kind", "repository", "workflow", "environment")))
    assert reproduce.attested(package, SHA256, expected) == reproduce.SIGNED
    assert answers == []


def test_without_the_library_it_is_said(provenance: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypi_attestations", None)
    assert reproduce.signature(provenance, ATTESTED, SHA256) == NAMED


# ---- The verdict ------------------------------------------------------------------------------------


@pytest.mark.requirement("B12")
@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Row("a.whl", SAME, SAME, SAME, SIGNED), ""),
        (Row("a.whl", SAME, ABSENT, ABSENT, NAMED), ""),
        (Row("SHA256SUMS", "", "", SAME, ""), ""),
        (Row("a.whl", OTHER, SAME, SAME, SIGNED), "PyPI serves other contents than the tag builds"),
        (Row("a.whl", SAME, OTHER, SAME, SIGNED), "TestPyPI serves other contents"),
        (Row("SHA256SUMS", "", "", OTHER, ""), "the GitHub Release serves other contents"),
        (Row("a.whl", ABSENT, SAME, SAME, ""), "PyPI does not have it"),
        (Row("a.whl", SAME, SAME, SAME, NONE), "no attestation; expected: release.yml of demo-pkg/demo-pkg"),
        (Row("a.whl", SAME, SAME, SAME, "by evil.yml of mallory/x"), "an attestation by evil.yml"),
        (Row("a.whl", SAME, SAME, SAME, "INVALID: no"), "an attestation INVALID"),
    ],
)
def test_what_must_not_be_is_a_sentence(row: Row, problem: str) -> None:
    found = list(reproduce.find_problems([row], PUBLISHER))
    assert len(found) == bool(problem)
    assert all(problem in text for text in found)


@pytest.mark.requirement("B12")
def test_a_list_of_hashes_is_compared_by_what_it_says() -> None:
    built = {"demo_pkg-1.2.3.tar.gz": "0" * 64, "demo_pkg-1.2.3-py3-none-any.whl": "1" * 64}
    text = "".join(f"{sha256}  {name}\n" for name, sha256 in reversed(built.items()))
    assert reproduce.compared_sums(text.encode(), built) == SAME
    assert reproduce.compared_sums(text.replace("1", "2", 1).encode(), built) == OTHER
    assert reproduce.compared_sums(b"\xff", built) == OTHER
    assert reproduce.compared_sums(None, built) == ABSENT


# ---- A compiled package ------------------------------------------------------------------------------

SUMS = "".join(f"{sha256}  {name}\n" for name, sha256 in FILES.items()).encode()


def reproduced(
    compiled_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    pypi: dict[str, str],
    testpypi: dict[str, str] | None = None,
) -> int:
    """Compare with files that are served; the clone, the build and the network are stood in for."""

    def clone(_: str, __: str, folder: Path) -> str:
        shutil.copytree(compiled_package, folder)
        return "c" * 40

    contents = {"pypi": pypi, "testpypi": FILES if testpypi is None else testpypi}

    def published(index: Index, *_: object) -> dict[str, Any]:
        key = next(key for key, one in INDEXES.items() if one == index)
        return {name: SimpleNamespace(url=f"{key}/{name}") for name in contents[key]}

    def digest(address: str) -> str | None:
        key, _, name = address.rpartition("/")
        return contents.get(key, FILES).get(name)

    built = {SDIST: FILES[SDIST]}
    monkeypatch.setattr(reproduce, "clone", clone)
    monkeypatch.setattr(reproduce, "build_sdist", lambda *_: (built, PLAN))
    monkeypatch.setattr(reproduce, "published", published)
    monkeypatch.setattr(reproduce, "digest", digest)
    monkeypatch.setattr(reproduce, "download", lambda _: SUMS)
    monkeypatch.setattr(reproduce, "attested", lambda *_: SIGNED)
    monkeypatch.setattr(reproduce, "github_verdict", lambda *_, **__: "")
    return cli.main(["reproduce", "v1.2.3", "octo-org/demo-pkg"])


@pytest.mark.requirement("B10", "B12")
def test_wheels_of_other_platforms_are_one_row(
    compiled_package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduced(compiled_package, monkeypatch, pypi=FILES) == 0
    shown = capsys.readouterr().out
    table = shown.partition(SDIST)[0]
    assert max(map(len, table.splitlines())) <= 80
    assert table.count("listed") == 3
    assert len(shown.splitlines()) < 30
    assert "24 wheels" in shown


@pytest.mark.requirement("B10", "B12")
@pytest.mark.parametrize(
    ("served", "said"),
    [
        (
            {n: h for n, h in FILES.items() if n != WHEELS[2]},
            "PyPI lacks the wheel of linux-x86_64 for cp315t",
        ),
        (FILES | {WHEELS[2]: "0" * 64}, f"{WHEELS[2]}: PyPI serves other contents"),
        (FILES | {SDIST: "0" * 64}, f"{SDIST}: PyPI serves other contents"),
        (FILES | {WHEELS[2].replace("cp315", "cp399"): "0" * 64}, "PyPI serves other contents"),
    ],
    ids=["missing", "another wheel", "another sdist", "one more"],
)
def test_one_of_many_files_is_named(
    compiled_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    served: dict[str, str],
    said: str,
) -> None:
    assert reproduced(compiled_package, monkeypatch, pypi=served) == 1
    assert said in " ".join(capsys.readouterr().out.split())


# ---- What strangers give ----------------------------------------------------------------------------


@pytest.mark.requirement("B12")
@pytest.mark.parametrize(
    "given",
    [
        "octo-org/demo-pkg",
        "https://github.com/octo-org/demo-pkg",
        "https://github.com/octo-org/demo-pkg.git",
        "https://github.com/octo-org/demo-pkg/",
        "git@github.com:octo-org/demo-pkg.git",
    ],
)
def test_a_repository_is_named_in_any_of_its_forms(given: str) -> None:
    assert reproduce.find_repository(given) == "octo-org/demo-pkg"


@pytest.mark.requirement("B12", "X17")
@pytest.mark.parametrize(
    "given", ["--upload-pack=touch", "https://example.org/a/b", "demo-pkg", "ext::sh -c id", "a/b/c", "a/b\n"]
)
def test_anything_else_is_four_lines(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", "v1.2.3", "--", given]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 4


@pytest.mark.requirement("B12")
def test_a_repository_that_nobody_may_read_is_four_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce, "SITE", tmp_path.as_uri())
    assert cli.main(["reproduce", "v1.2.3", "octo-org/demo-pkg"]) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert "The tag 'v1.2.3' of file:///" in errors[0]
    assert len(errors) == 4


@pytest.mark.parametrize(
    ("name", "stored"), [("a-1.0.tar.gz", "a-1.0.tar.gz"), ("a-1!2.0.tar.gz", "a-1.2.0.tar.gz")]
)
def test_github_has_its_own_names_of_files(name: str, stored: str) -> None:
    address = reproduce.asset_address("o/r", "pkg/v1", name)
    assert address == f"{reproduce.SITE}/o/r/releases/download/pkg%2Fv1/{stored}"


# ---- What is rendered -------------------------------------------------------------------------------


@pytest.mark.requirement("U7", "B12")
def test_the_readme_leads_with_reproduce_and_with_githubs_own_verification(default_package: Path) -> None:
    """Each command is one that its program has."""
    text = (default_package / "README.md").read_text(encoding="utf-8")
    section = text.split("## Verify what you installed\n")[1].split("\n## ")[0]
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()
    ]
    first = next(n for n, line in enumerate(commands) if "tool.py" in line)
    assert commands[first].split()[3:] == ["reproduce", "v1.2.3"]
    assert commands[first].split()[3] in cli.COMMANDS
    gh = [shlex.split(line) for line in commands[first + 1 :] if line.startswith("gh ")]
    assert [words[2] for words in gh] == ["verify", "verify-asset"]
    for words in gh:
        done = subprocess.run(
            [program("gh"), *words[1:3], "--help"], capture_output=True, text=True, check=True
        )
        assert f"gh release {words[2]} [<tag>]" in done.stdout
        assert "--repo" in done.stdout


@pytest.mark.requirement("B12", "P3.11")
@pytest.mark.parametrize(("line", "there"), [("submodules: recursive", True), ("lfs: false", False)])
def test_submodules_are_there_as_in_the_release(
    line: str, there: bool, default_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    root, inner, clone = tmp_path / "root", tmp_path / "inner", tmp_path / "clone"
    shutil.copytree(default_package, root, symlinks=True)
    inner.mkdir()
    (inner / "europe.txt").write_text("", encoding="utf-8")
    commit_all(inner)
    git(root, "submodule", "--quiet", "add", str(inner), "src/demo_pkg/zones")
    workflow = root / ".github/workflows/release.yml"
    text = workflow.read_text(encoding="utf-8")
    place = "          path: source\n"
    workflow.write_text(text.replace(place, f"{place}          {line}\n"), encoding="utf-8")
    commit_all(root)
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    settings = reproduce.find_cloned_settings(clone, "demo-pkg/demo-pkg")
    reproduce.fetch_contents(clone, settings)
    assert (clone / "src/demo_pkg/zones/europe.txt").exists() is there
    shutil.rmtree(clone)
    inner.rename(tmp_path / "gone")
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    if there:
        with pytest.raises(ReleaseError, match=r"fetches besides its commit cannot be had: .*inner"):
            reproduce.fetch_contents(clone, settings)
