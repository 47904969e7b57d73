"""reproduce: what it says of files, places and signatures. tests/drill/test_watch.py executes all of it.

provenance.json is what PyPI serves (PEP 740) for a released file of pypi-attestations, signature included.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from copier_pypi_release import cli
from copier_pypi_release.commands import reproduce
from copier_pypi_release.commands.reproduce import ABSENT, NAMED, NONE, OTHER, SAME, SIGNED, Row
from release_lib.index import Publisher
from support.linting import program

if TYPE_CHECKING:
    from collections.abc import Callable

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
