"""The index keeps the rules that PyPI documents; each test is named for the rule it stands for.

The rules are asked of the application itself. The real clients, ``twine``, ``uv``, ``pip`` and
``pypi-simple``, then use it in a sandbox, and the faults are tried one by one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import socket
import ssl
import threading
import time
import zipfile
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypedDict

import jwt
import pytest
import trustme
from werkzeug.datastructures import Headers
from werkzeug.test import Client, EnvironBuilder

from emulator.https import Faults, Journal, Server, oidc_key
from emulator.pypi import ISSUER, Index, Refused
from emulator.sandbox import INDEX_HOSTS, CommandFailed, IndexName, Sandbox
from emulator.wheelhouse import fill, write_sdist, write_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

    from emulator.https import Action

HOSTS = INDEX_HOSTS["pypi"]
SIMPLE_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


class Form(TypedDict):
    """The fields of an index's form for a trusted publisher."""

    owner: str
    owner_id: str
    repository: str
    workflow: str
    environment: str


PUBLISHER: Form = {
    "owner": "octo-org",
    "owner_id": "4711",
    "repository": "Demo",
    "workflow": "release.yml",
    "environment": "pypi",
}


def identity(root: Path, audience: str, **changes: object) -> str:
    """Return an identity token as GitHub gives it to the job of ``PUBLISHER``."""
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": audience,
        "iat": int(time.time()),
        "exp": int(time.time()) + 300,
        "sub": "repo:octo-org/Demo:environment:pypi",
        "repository": "octo-org/Demo",
        "repository_owner": "octo-org",
        "repository_owner_id": "4711",
        "environment": "pypi",
        "event_name": "push",
        "ref": "refs/tags/v1.0.0",
        "job_workflow_ref": "octo-org/Demo/.github/workflows/release.yml@refs/tags/v1.0.0",
    }
    return jwt.encode(claims | changes, oidc_key(root), algorithm="RS256")


@dataclasses.dataclass
class Pypi:
    """PyPI's application with a client: no sandbox, no network."""

    root: Path
    index: Index
    files: Path

    def ask(
        self,
        path: str,
        *,
        host: str = HOSTS.web,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        json: dict[str, str] | None = None,
        data: dict[str, Any] | None = None,
    ) -> TestResponse:
        """Make a request."""
        request = EnvironBuilder(
            path, f"https://{host}", method=method, headers=Headers(headers), json=json, data=data
        )
        return Client(self.index).open(request)

    def mint(self, **changes: object) -> TestResponse:
        """Ask for an upload token."""
        token = identity(self.root, "pypi", **changes)
        return self.ask("/_/oidc/mint-token", method="POST", json={"token": token})

    def token(self) -> str:
        """Return an upload token."""
        answer = self.mint().get_json()
        return str(answer["token"])

    def upload(
        self, path: Path, *, token: str | None = None, name: str = "demo", **form: str
    ) -> TestResponse:
        """Upload a file as clients do; ``form`` replaces fields."""
        content = path.read_bytes()
        sdist = path.name.endswith(".tar.gz")
        stem = path.name.removesuffix(".tar.gz")
        fields = {
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": "2.5",
            "name": name,
            "version": stem.split("-")[1],
            "filetype": "sdist" if sdist else "bdist_wheel",
            "sha256_digest": hashlib.sha256(content).hexdigest(),
        }
        login = b64encode(f"__token__:{token or self.token()}".encode()).decode()
        return self.ask(
            "/legacy/",
            host=HOSTS.upload,
            method="POST",
            headers={"Authorization": f"Basic {login}"},
            data={**fields, **form, "content": (BytesIO(content), form.get("file", path.name))},
        )

    def listed(self, name: str = "demo") -> list[dict[str, Any]]:
        """Return the files that the simple API shows."""
        page = self.ask(f"/simple/{name}/", headers=SIMPLE_JSON)
        return list(page.get_json()["files"]) if page.status_code == 200 else []


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root folder whose key is made already, which takes a while."""
    root = tmp_path_factory.mktemp("key")
    oidc_key(root)
    return root / "github"


@pytest.fixture
def pypi(tmp_path: Path, signing: Path) -> Pypi:
    """Return a PyPI with the project ``demo`` and its trusted publisher."""
    shutil.copytree(signing, tmp_path / "root" / "github")
    index = Index(tmp_path / "root", "pypi", HOSTS)
    index.add_publisher("demo", **PUBLISHER)
    files = tmp_path / "files"
    files.mkdir()
    return Pypi(tmp_path / "root", index, files)


# --- uploads -------------------------------------------------------------------------------------


@pytest.mark.requirement("P5.3")
def test_identical_bytes_are_accepted_again(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    assert [pypi.upload(wheel).status_code for _ in range(2)] == [200, 200]
    assert len(pypi.listed()) == 1


@pytest.mark.requirement("P5.2", "R8")
def test_other_bytes_under_a_known_name_are_refused(pypi: Pypi) -> None:
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    before = pypi.listed()
    answer = pypi.upload(write_wheel(pypi.files, "demo", "1.0", code="other = True\n"))
    assert answer.status.startswith("400 File already exists ('demo-1.0-py3-none-any.whl', with ")
    assert "#file-name-reuse" in answer.text
    assert pypi.listed() == before


@pytest.mark.requirement("R8")
def test_the_name_of_a_deleted_file_is_never_free_again(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    pypi.upload(wheel)
    pypi.index.delete(wheel.name)
    assert pypi.listed() == []
    answer = pypi.upload(wheel)
    assert answer.status.startswith("400 This filename has already been used, use a different")


@pytest.mark.requirement("R8")
def test_a_rejected_upload_spends_nothing(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    assert pypi.upload(wheel, sha256_digest="0" * 64).status_code == 400
    other = write_wheel(pypi.files, "demo", "1.0", code="mended = True\n")
    assert pypi.upload(other).status_code == 200


@pytest.mark.requirement("B1")
def test_a_release_has_one_sdist_only(pypi: Pypi) -> None:
    assert pypi.upload(write_sdist(pypi.files, "demo", "1.0")).status_code == 200
    answer = pypi.upload(write_sdist(pypi.files, "demo", "1.0.0"))
    assert answer.status == "400 Only one sdist may be uploaded per release."
    assert pypi.upload(write_sdist(pypi.files, "demo", "1.1")).status_code == 200


@pytest.mark.requirement("P5.6")
def test_a_release_older_than_14_days_takes_no_new_files(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    sdist = write_sdist(pypi.files, "demo", "1.0")
    pypi.upload(wheel)
    pypi.index.age_release("demo", "1.0", days=15)
    answer = pypi.upload(sdist)
    assert answer.status == "400 New files cannot be added to a release older than 14 days."
    assert pypi.upload(wheel).status_code == 200, "identical bytes are no new file"
    pypi.index.age_release("demo", "1.0", days=13)
    assert pypi.upload(sdist).status_code == 200


@pytest.mark.requirement("P4.5")
def test_local_versions_are_refused(pypi: Pypi) -> None:
    answer = pypi.upload(write_wheel(pypi.files, "demo", "1.0+g1234567"))
    assert answer.status.startswith("400 The use of local versions in")


@pytest.mark.requirement("P4.3", "R9")
@pytest.mark.parametrize("version", ["one", "1.0-", "v"])
def test_versions_must_be_pep_440(pypi: Pypi, version: str) -> None:
    answer = pypi.upload(write_wheel(pypi.files, "demo", "1.0"), version=version)
    assert answer.status_code == 400
    assert repr(version) in answer.status


@pytest.mark.requirement("R3")
def test_the_file_name_agrees_with_the_metadata(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    answer = pypi.upload(wheel, version="1.1")
    assert answer.status == "400 Version in filename should be '1.1' not '1.0'."
    answer = pypi.upload(write_wheel(pypi.files, "other", "1.0"))
    assert answer.status == "400 Start filename for 'demo' with 'demo'."


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"filetype": "bdist_egg"}, "Invalid value for filetype. Error: Use a known file type."),
        ({"filetype": "sdist"}, "Invalid file extension: Use .tar.gz or .whl extension."),
        ({":action": "submit"}, "Unknown protocol version."),
        ({"sha256_digest": ""}, "Include at least one message digest."),
        ({"sha256_digest": "0" * 64}, "The digest supplied does not match"),
        ({"metadata_version": "9.9"}, "'9.9' is not a valid metadata version"),
        ({"requires_python": ">>3"}, "'>>3' is invalid for 'requires-python'"),
        ({"attestations": "{"}, "Invalid attestations supplied during upload: malformed"),
        ({"file": "demo-1.0.whl"}, "Invalid wheel filename"),
        ({"file": "a/demo-1.0-py3-none-any.whl"}, "Cannot upload a file with '/'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_forms_that_are_not_right_are_refused(pypi: Pypi, change: dict[str, str], sentence: str) -> None:
    answer = pypi.upload(write_wheel(pypi.files, "demo", "1.0"), **change)
    assert answer.status_code == 400
    assert sentence in answer.status
    assert pypi.index.files("demo") == {}


@pytest.mark.requirement("S1")
def test_wheels_for_one_linux_only_are_refused(pypi: Pypi) -> None:
    answer = pypi.upload(write_wheel(pypi.files, "demo", "1.0", tag="linux_x86_64"))
    assert "has an unsupported platform tag 'linux_x86_64'." in answer.status
    fine = write_wheel(pypi.files, "demo", "1.0", tag="manylinux_2_28_x86_64")
    assert pypi.upload(fine).status_code == 200


@pytest.mark.requirement("B1")
@pytest.mark.parametrize("write", [write_wheel, write_sdist])
def test_bytes_that_are_no_distribution_are_refused(pypi: Pypi, write: Callable[..., Path]) -> None:
    path = write(pypi.files, "demo", "1.0")
    path.write_bytes(path.read_bytes()[:-30])
    assert pypi.upload(path).status.startswith("400 Invalid distribution file.")


@pytest.mark.requirement("B1")
def test_a_wheel_without_its_metadata_is_refused(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo.py", "")
    assert "does not contain the required file demo-1.0.dist-info/METADATA" in pypi.upload(wheel).status


# --- who may upload ------------------------------------------------------------------------------


@pytest.mark.requirement("X1", "T2")
@pytest.mark.parametrize("token", ["pypi-AgEIcHlwaS5vcmc", "wrong"])
def test_a_token_that_was_not_minted_is_refused(pypi: Pypi, token: str) -> None:
    answer = pypi.upload(write_wheel(pypi.files, "demo", "1.0"), token=token)
    assert answer.status.startswith("403 Invalid or non-existent authentication information.")


@pytest.mark.requirement("X1")
def test_a_minted_token_lives_15_minutes_and_is_bound_to_its_project(pypi: Pypi) -> None:
    answer = pypi.mint().get_json()
    assert 0 <= time.time() + 15 * 60 - answer["expires"] < 5
    token = answer["token"]
    pypi.index.create_project("other")
    answer = pypi.upload(write_wheel(pypi.files, "other", "1.0"), token=token, name="other")
    assert answer.status.startswith("403 Invalid API Token: OIDC scoped token is not valid for")
    wheel = write_wheel(pypi.files, "demo", "1.0")
    assert pypi.upload(wheel, token=token).status_code == 200
    pypi.index.expire_tokens()
    assert pypi.upload(wheel, token=token).status_code == 403


@pytest.mark.requirement("X1")
def test_a_burnt_token_is_worth_nothing(pypi: Pypi) -> None:
    token = pypi.token()
    answer = pypi.ask("/_/oidc/burn-token", method="POST", json={"token": token})
    assert answer.status_code == 202
    assert pypi.upload(write_wheel(pypi.files, "demo", "1.0"), token=token).status_code == 403


@pytest.mark.requirement("P9.1", "P9.3", "R4")
@pytest.mark.parametrize(
    "claims",
    [
        {"repository_owner": "Octo-Org"},
        {"repository_owner_id": "4712"},
        {"repository": "octo-org/other"},
        {"environment": "testpypi"},
        {"environment": None},
        {"job_workflow_ref": "octo-org/Demo/.github/workflows/Release.yml@refs/tags/v1.0.0"},
        {"job_workflow_ref": "octo-org/Demo/.github/workflows/publish.yml@refs/tags/v1.0.0"},
        {"job_workflow_ref": "octo-org/shared/.github/workflows/release.yml@refs/tags/v1.0.0"},
        {"job_workflow_ref": "octo-org/Demo/.github/workflows/release.yml@refs/heads/main"},
        {"event_name": "pull_request_target"},
    ],
    ids=str,
)
def test_claims_that_differ_are_an_invalid_publisher(pypi: Pypi, claims: dict[str, str]) -> None:
    answer = pypi.mint(**claims)
    assert answer.status_code == 422
    body = answer.get_json()
    assert body["message"] == "Token request failed"
    assert body["errors"][0]["code"] == "invalid-publisher"
    assert pypi.mint().status_code == 200


@pytest.mark.requirement("P9.1")
def test_the_environment_compares_without_case_and_the_repository_does_not(pypi: Pypi) -> None:
    assert pypi.mint(environment=PUBLISHER["environment"].upper()).status_code == 200
    pypi.index.remove_publishers("demo")
    other: Form = {**PUBLISHER, "repository": PUBLISHER["repository"].swapcase()}
    pypi.index.add_publisher("demo", **other)
    assert (pypi.mint().json or {})["errors"][0]["code"] == "invalid-publisher"


@pytest.mark.requirement("P9.1")
def test_a_blank_environment_admits_any(pypi: Pypi) -> None:
    pypi.index.remove_publishers("demo")
    blank: Form = {**PUBLISHER, "environment": ""}
    pypi.index.add_publisher("demo", **blank)
    assert pypi.mint(environment="whatever").status_code == 200
    assert pypi.mint(environment=None).status_code == 200


@pytest.mark.requirement("P2.1", "X1")
@pytest.mark.parametrize(
    "claims",
    [{"aud": "testpypi"}, {"iss": "https://example.com"}, {"exp": 1}],
    ids=["audience", "issuer", "expired"],
)
def test_a_token_for_somebody_else_is_invalid(pypi: Pypi, claims: dict[str, object]) -> None:
    answer = pypi.mint(**claims)
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "invalid-token")


@pytest.mark.requirement("X1")
def test_a_token_signed_by_another_key_is_invalid(pypi: Pypi, tmp_path: Path) -> None:
    forged = identity(tmp_path / "elsewhere", "pypi")
    answer = pypi.ask("/_/oidc/mint-token", method="POST", json={"token": forged})
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "invalid-token")


@pytest.mark.requirement("X1")
def test_an_identity_token_is_used_once(pypi: Pypi) -> None:
    assert pypi.mint(jti="a").status_code == 200
    assert pypi.mint(jti="a").get_json()["errors"][0]["code"] == "invalid-reuse-token"


@pytest.mark.requirement("P9.3")
def test_a_pending_publisher_creates_its_project_with_the_first_token(pypi: Pypi) -> None:
    pypi.index.remove_publishers("demo")
    pypi.index.add_publisher("novel", **PUBLISHER, pending=True)
    assert pypi.ask("/simple/novel/").status_code == 404
    wheel = write_wheel(pypi.files, "novel", "1.0")
    assert pypi.upload(wheel, token=pypi.token(), name="novel").status_code == 200
    assert "novel" in pypi.index.projects()
    assert not pypi.index.publishers()[0].pending


@pytest.mark.requirement("R4")
@pytest.mark.parametrize("why", ["somebody was faster", "30 days passed"])
def test_a_pending_publisher_reserves_nothing_and_expires(pypi: Pypi, why: str) -> None:
    pypi.index.remove_publishers("demo")
    late = 31.0 if why == "30 days passed" else 0.0
    pypi.index.add_publisher("novel", **PUBLISHER, pending=True, days_ago=late)
    if not late:
        pypi.index.create_project("Novel")
    code = "invalid-publisher" if late else "invalid-pending-publisher"
    answer = pypi.mint()
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, code)


# --- what installers see -------------------------------------------------------------------------


@pytest.mark.requirement("P8.7")
def test_the_simple_api_has_hash_size_and_time_of_every_file(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0", headers="Requires-Python: >=3.11\n")
    pypi.upload(wheel, requires_python=">=3.11")
    page = pypi.ask("/simple/demo/", headers=SIMPLE_JSON)
    assert page.content_type == SIMPLE_JSON["Accept"]
    body = page.get_json()
    assert body["versions"] == ["1.0"]
    (file,) = body["files"]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert file["filename"] == wheel.name
    assert (file["hashes"], file["size"]) == ({"sha256": digest}, wheel.stat().st_size)
    assert (file["requires-python"], file["yanked"]) == (">=3.11", False)
    assert file["upload-time"].startswith(time.strftime("%Y-", time.gmtime()))
    assert file["url"].startswith(f"https://{HOSTS.files}/packages/")
    download = pypi.ask(file["url"].partition(HOSTS.files)[2], host=HOSTS.files)
    assert download.data == wheel.read_bytes()
    metadata = pypi.ask(download.request.path + ".metadata", host=HOSTS.files).data
    assert file["core-metadata"] == {"sha256": hashlib.sha256(metadata).hexdigest()}


@pytest.mark.requirement("P8.2")
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/html"),
        ("text/html", "text/html"),
        ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+html"),
        (
            "application/vnd.pypi.simple.v1+json, text/html;q=0.1",
            "application/vnd.pypi.simple.v1+json",
        ),
    ],
)
def test_the_simple_api_negotiates_its_content(pypi: Pypi, accept: str, kind: str) -> None:
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    page = pypi.ask("/simple/demo/", headers={"Accept": accept})
    assert page.content_type.partition(";")[0] == kind
    assert "demo-1.0-py3-none-any.whl" in page.text


@pytest.mark.requirement("P8.2")
def test_a_page_that_did_not_change_is_not_sent_again(pypi: Pypi) -> None:
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    first = pypi.ask("/simple/demo/")
    headers = {"If-None-Match": first.headers["ETag"]}
    assert pypi.ask("/simple/demo/", headers=headers).status_code == 304
    pypi.upload(write_sdist(pypi.files, "demo", "1.0"))
    assert pypi.ask("/simple/demo/", headers=headers).status_code == 200


@pytest.mark.requirement("B1")
def test_names_are_normalised(pypi: Pypi) -> None:
    pypi.index.create_project("Some.Thing")
    answer = pypi.ask("/simple/Some_Thing/")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/simple/some-thing/")
    assert pypi.ask("/simple/nothing/").status_code == 404


@pytest.mark.requirement("R1", "U6")
def test_a_yanked_release_is_still_listed_with_its_reason(pypi: Pypi) -> None:
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    pypi.index.yank("demo", "1.0", "wrong files")
    assert pypi.listed()[0]["yanked"] == "wrong files"
    assert 'data-yanked="wrong files"' in pypi.ask("/simple/demo/").text
    assert pypi.ask("/pypi/demo/1.0/json").get_json()["info"]["yanked_reason"] == "wrong files"
    pypi.index.yank("demo", "1.0", None)
    assert pypi.listed()[0]["yanked"] is False


@pytest.mark.requirement("P8.2")
@pytest.mark.parametrize("delay", [{"polls": 2}, {"seconds": 3600.0}], ids=str)
def test_the_simple_api_lists_late_and_the_json_page_is_ahead(pypi: Pypi, delay: dict[str, Any]) -> None:
    pypi.index.set_delay(**delay)
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    assert pypi.ask("/pypi/demo/json").get_json()["info"]["version"] == "1.0"
    seen = [pypi.ask("/simple/demo/").status_code for _ in range(3)]
    assert seen == [404, 404, 200 if "polls" in delay else 404]


@pytest.mark.requirement("P8.2")
def test_what_was_listed_stays_listed_while_more_comes(pypi: Pypi) -> None:
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    pypi.index.set_delay(polls=1)
    pypi.upload(write_sdist(pypi.files, "demo", "1.0"))
    assert [len(pypi.listed()) for _ in range(2)] == [1, 2]


@pytest.mark.requirement("U7")
def test_the_page_for_people_exists_when_something_was_released(pypi: Pypi) -> None:
    assert pypi.ask("/project/demo/").status_code == 404
    pypi.upload(write_wheel(pypi.files, "demo", "1.0"))
    pages = ["/project/demo/", "/project/demo/1.0/", "/project/demo/2.0/"]
    assert [pypi.ask(page).status_code for page in pages] == [200, 200, 404]


ATTESTED = json.dumps([{"version": 1}])


def provenance(pypi: Pypi, filename: str) -> TestResponse:
    """Ask for the provenance of a file of demo 1.0."""
    return pypi.ask(f"/integrity/demo/1.0/{filename}/provenance")


@pytest.mark.requirement("X5", "X13")
def test_the_provenance_names_who_uploaded_whatever_is_registered_later(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    pypi.upload(wheel, attestations=ATTESTED)
    pypi.index.remove_publishers("demo")
    blank: Form = {**PUBLISHER, "environment": ""}
    pypi.index.add_publisher("demo", **blank)
    where = pypi.listed()[0]["provenance"].partition(HOSTS.web)[2]
    (bundle,) = pypi.ask(where).get_json()["attestation_bundles"]
    assert bundle["attestations"] == [{"version": 1}]
    assert bundle["publisher"] == {
        "kind": "GitHub",
        "repository": "octo-org/Demo",
        "workflow": "release.yml",
        "environment": "pypi",
    }
    sdist = write_sdist(pypi.files, "demo", "1.0")
    pypi.upload(sdist, attestations=ATTESTED)
    (bundle,) = provenance(pypi, sdist.name).get_json()["attestation_bundles"]
    assert bundle["publisher"]["environment"] is None, "the form has none"


@pytest.mark.requirement("X5", "X13")
def test_a_token_uploads_files_without_provenance(pypi: Pypi) -> None:
    """The pattern of the attacks of 2026: whoever has a token needs no workflow."""
    wheel, sdist = write_wheel(pypi.files, "demo", "1.0"), write_sdist(pypi.files, "demo", "1.0")
    token = pypi.index.create_token("demo")
    assert pypi.upload(wheel, token=token).status_code == 200
    assert pypi.listed()[0]["provenance"] is None
    assert provenance(pypi, wheel.name).status_code == 404
    answer = pypi.upload(sdist, token=token, attestations=ATTESTED)
    assert answer.status.startswith("400 Invalid attestations supplied during upload: Attestations are only")
    assert pypi.upload(write_wheel(pypi.files, "other", "1.0"), token=token, name="other").status_code == 403


@pytest.mark.requirement("X13", "P8.2")
def test_a_provenance_can_be_shown_later_than_its_file(pypi: Pypi) -> None:
    wheel = write_wheel(pypi.files, "demo", "1.0")
    pypi.index.set_delay(polls=1, proofs=2)
    pypi.upload(wheel, attestations=ATTESTED)
    seen = []
    for _ in range(4):
        there = [file["provenance"] is not None for file in pypi.listed()]
        seen.append((there, provenance(pypi, wheel.name).status_code))
    assert seen == [([], 404), ([False], 404), ([False], 200), ([True], 200)]


@pytest.mark.requirement("B1")
def test_uploads_go_to_the_upload_host_only_and_files_come_from_theirs(pypi: Pypi) -> None:
    assert pypi.ask("/legacy/", method="POST").status_code in (404, 405)
    assert pypi.ask("/simple/demo/", host=HOSTS.files).status_code == 404


@pytest.mark.requirement("B1")
def test_the_former_name_leads_to_the_present_one(pypi: Pypi) -> None:
    """Twine asks for ``/pypi/NAME/json`` there when it is told to skip what exists."""
    answer = pypi.ask("/pypi/demo/json", host=HOSTS.former)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{HOSTS.web}/pypi/demo/json"


@pytest.mark.requirement("B1")
def test_its_state_is_in_files_and_nowhere_else(pypi: Pypi) -> None:
    wheel, sdist = (write(pypi.files, "demo", "1.0") for write in (write_wheel, write_sdist))
    token = pypi.mint(jti="spent").get_json()["token"]
    pypi.index.set_delay(polls=1)
    pypi.upload(wheel, token=token)
    pypi.upload(sdist, token=token)
    pypi.index.delete(wheel.name)
    files = pypi.index.files("demo")
    again = dataclasses.replace(pypi, index=Index(pypi.root, "pypi", HOSTS))
    assert again.index.files("demo") == files
    assert again.index.publishers() == pypi.index.publishers()
    assert again.upload(sdist, token=token).status_code == 200
    assert again.upload(wheel, token=token).status_code == 400, "deleted"
    assert again.mint(jti="spent").status_code == 422
    assert [len(again.listed()) for _ in range(2)] == [0, 1]


@pytest.mark.requirement("B1")
def test_a_scene_is_set_by_the_same_rules(pypi: Pypi) -> None:
    pypi.index.put(write_sdist(pypi.files, "demo", "1.0"), days_ago=20)
    assert [file["filename"] for file in pypi.listed()] == ["demo-1.0.tar.gz"]
    with pytest.raises(Refused, match="older than 14 days"):
        pypi.index.put(write_wheel(pypi.files, "demo", "1.0"))


# --- the real clients ----------------------------------------------------------------------------


@dataclasses.dataclass
class Scene:
    """An index of a sandbox with a project of its own and a client to publish it."""

    sandbox: Sandbox
    index_name: IndexName
    client: str
    project: str
    files: Path

    def publish(self, *files: Path, check: bool = True, **claims: object) -> str:
        """Publish files with trusted publishing and return what the client said.

        The identity token is handed over as GitLab does it, by a variable that both clients know:
        asking for one is between them and GitHub.
        """
        hosts = self.sandbox.hosts(self.index_name)
        token = identity(self.sandbox.root, self.index_name, **claims)
        url = f"https://{hosts.upload}/legacy/"
        command = {
            "twine": ["twine", "upload", "--disable-progress-bar", "--repository-url", url],
            "uv": ["uv", "publish", "--trusted-publishing", "always", "--publish-url", url],
        }[self.client]
        done = self.sandbox.run(
            [*command, *map(str, files)],
            env={
                "GITLAB_CI": "true",
                f"{self.index_name.upper()}_ID_TOKEN": token,
                "UV_HTTP_RETRIES": "0",
            },
            check=check,
        )
        return done.stdout + done.stderr


@pytest.fixture(params=["twine", "uv"])
def scene(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Scene]:
    """Set a scene on PyPI for each client."""
    project = f"demo-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    sandbox.index("pypi").add_publisher(project, **PUBLISHER)
    yield Scene(sandbox, "pypi", request.param, project, tmp_path)
    for name in ("pypi", "testpypi"):
        sandbox.index(name).remove_publishers(project)
    sandbox.index("pypi").set_delay()
    sandbox.clear_faults()


@pytest.mark.requirement("X1", "P5.3")
def test_clients_publish_and_publish_again(scene: Scene) -> None:
    wheel = write_wheel(scene.files, scene.project, "1.0")
    sdist = write_sdist(scene.files, scene.project, "1.0")
    for _ in range(2):
        scene.publish(wheel, sdist)
    files = scene.sandbox.index("pypi").files(scene.project)
    assert {name: file.sha256 for name, file in files.items()} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, sdist)
    }


@pytest.mark.requirement("P5.2", "R8")
def test_clients_say_that_other_bytes_are_refused(scene: Scene) -> None:
    scene.publish(write_wheel(scene.files, scene.project, "1.0"))
    other = write_wheel(scene.files, scene.project, "1.0", code="other = True\n")
    with pytest.raises(CommandFailed, match="File already exists"):
        scene.publish(other)


@pytest.mark.requirement("P9.3", "R4")
def test_clients_say_that_the_publisher_is_wrong(scene: Scene) -> None:
    wheel = write_wheel(scene.files, scene.project, "1.0")
    with pytest.raises(CommandFailed, match="invalid-publisher"):
        scene.publish(wheel, environment="production")


@pytest.mark.requirement("P10.1")
def test_clients_publish_to_the_test_index_by_its_own_audience(scene: Scene) -> None:
    scene.index_name = "testpypi"
    scene.sandbox.index("testpypi").add_publisher(scene.project, **PUBLISHER)
    scene.publish(write_wheel(scene.files, scene.project, "1.0"))
    assert len(scene.sandbox.index("testpypi").files(scene.project)) == 1
    assert scene.sandbox.index("pypi").files(scene.project) == {}


@pytest.mark.requirement("P5.1", "P5.2")
def test_skip_existing_of_twine_never_looks_at_bytes(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.index("pypi").add_publisher("skipped", **PUBLISHER)
    sandbox.index("pypi").put(write_wheel(tmp_path, "skipped", "1.0"))
    other = write_wheel(tmp_path, "skipped", "1.0", code="other = True\n")
    done = sandbox.run(
        ["twine", "upload", "--disable-progress-bar", "--skip-existing", str(other)],
        env={"GITLAB_CI": "true", "PYPI_ID_TOKEN": identity(sandbox.root, "pypi")},
    )
    sandbox.index("pypi").remove_publishers("skipped")
    assert "Skipping skipped-1.0-py3-none-any.whl" in done.stdout


def install(sandbox: Sandbox, client: str, target: Path, *what: str) -> None:
    """Install from the index that a client uses when nobody says otherwise."""
    pip = ["python", "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    command = {"pip": pip, "uv": ["uv", "pip", "install", "--no-cache"]}[client]
    sandbox.run([*command, "--target", str(target), *what])


@pytest.mark.requirement("P10.3")
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_installers_take_a_release_and_the_rest_of_the_index(
    sandbox: Sandbox, tmp_path: Path, client: str
) -> None:
    needs = "Requires-Dist: packaging\n"
    name = f"needy-{client}"
    sandbox.index("pypi").put(write_wheel(tmp_path, name, "1.0", headers=needs))
    install(sandbox, client, tmp_path / "target", name)
    installed = {path.name for path in (tmp_path / "target").iterdir()}
    assert {f"needy_{client}.py", "packaging"} <= installed


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_installers_pass_over_a_yanked_release_unless_pinned(
    sandbox: Sandbox, tmp_path: Path, client: str
) -> None:
    name = f"yanked-{client}"
    index = sandbox.index("pypi")
    for version in ("1.0", "1.1"):
        index.put(write_wheel(tmp_path, name, version, code=f"version = {version!r}\n"))
    index.yank(name, "1.1", "wrong")
    install(sandbox, client, tmp_path / "any", name)
    install(sandbox, client, tmp_path / "pinned", f"{name}==1.1")
    module = name.replace("-", "_") + ".py"
    installed = [(tmp_path / which / module).read_text("utf-8") for which in ("any", "pinned")]
    assert installed == ["version = '1.0'\n", "version = '1.1'\n"]


@pytest.mark.requirement("P10.1")
def test_the_test_index_has_nothing_of_the_rest(sandbox: Sandbox) -> None:
    url = "https://{}/simple/packaging/"
    ask = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    codes = [sandbox.run([*ask, url.format(sandbox.hosts(name).web)]).stdout for name in ("pypi", "testpypi")]
    assert codes == ["200", "404"]


@pytest.mark.requirement("P8.2")
def test_pypi_simple_reads_everything_it_knows(sandbox: Sandbox, tmp_path: Path) -> None:
    index = sandbox.index("pypi")
    wheel = write_wheel(tmp_path, "readable", "1.0", headers="Requires-Python: >=3.11\n")
    index.put(wheel)
    index.yank("readable", "1.0", "why not")
    script = (
        "from pypi_simple import PyPISimple\n"
        "p = PyPISimple().get_project_page('readable').packages[0]\n"
        "print(p.filename, p.digests['sha256'], p.size, p.requires_python, p.is_yanked,"
        " p.yanked_reason, p.upload_time.tzinfo is not None, p.has_metadata, sep='|')\n"
    )
    said = sandbox.run(["python", "-c", script]).stdout.strip().split("|")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    size = str(wheel.stat().st_size)
    assert said == [wheel.name, digest, size, ">=3.11", "True", "why not", "True", "True"]


# --- the wheelhouse ------------------------------------------------------------------------------


@pytest.mark.requirement("B1")
def test_a_list_of_requirements_is_downloaded_once(
    wheelhouse: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", wheelhouse.as_uri())  # blanks in the variable part addresses
    folder = fill(["packaging"], tmp_path)
    assert [wheel.name.split("-")[0] for wheel in folder.glob("*.whl")] == ["packaging"]
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert fill(["packaging"], tmp_path) == folder
    with pytest.raises(RuntimeError, match="the wheels for ruff could not be had"):
        fill(["ruff"], tmp_path)


# --- faults --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Download:
    """How a download went: curl's exit code, what was saved, how long it took."""

    code: int
    content: bytes | None
    seconds: float


@pytest.fixture
def served(sandbox: Sandbox, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """Put a file on the index and return its URL and bytes."""
    wheel = write_wheel(tmp_path, "served", "1.0")
    sandbox.index("pypi").put(wheel)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    yield f"https://{sandbox.hosts('pypi').files}/packages/{digest}/{wheel.name}", wheel.read_bytes()
    sandbox.clear_faults()


def download(sandbox: Sandbox, url: str, target: Path) -> Download:
    """Download with curl, which says exactly what happened by its exit code."""
    target.unlink(missing_ok=True)
    started = time.monotonic()
    done = sandbox.run(["curl", "--silent", "--fail", "--output", str(target), url], check=False)
    content = target.read_bytes() if target.exists() else None
    return Download(done.returncode, content, time.monotonic() - started)


_HTTP_ERROR, _RECEIVE_ERROR, _PARTIAL = 22, 56, 18


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("status", _HTTP_ERROR),
        ("reset", _RECEIVE_ERROR),
        ("reset_after", _RECEIVE_ERROR),
        ("reset_mid", _RECEIVE_ERROR),
        ("corrupt", 0),
        ("truncate", 0),
        ("delay", 0),
    ],
)
def test_a_fault_hits_a_download_as_it_says(
    sandbox: Sandbox, served: tuple[str, bytes], tmp_path: Path, action: Action, code: int
) -> None:
    url, content = served
    sandbox.fault(action, host=sandbox.hosts("pypi").files, path=r"[.]whl$", seconds=0.2)
    hit = download(sandbox, url, tmp_path / "hit")
    assert hit.code == code
    entry = sandbox.journal()[-1]
    assert entry["fault"] == action
    if action == "corrupt":
        assert hit.content is not None
        assert len(hit.content) == len(content)
        assert sum(a != b for a, b in zip(hit.content, content, strict=True)) == 1
    elif action == "truncate":
        assert hit.content == content[: len(content) // 2]
    elif action == "delay":
        assert hit.seconds >= 0.2
        assert hit.content == content
    elif action == "reset_mid":
        assert entry["sent"] == len(content) // 2
    assert sandbox.faults()[0].hits == 1
    assert download(sandbox, url, tmp_path / "next").content == content, "it hits once"


@pytest.mark.requirement("B1")
def test_a_fault_is_about_what_it_says_and_counts(
    sandbox: Sandbox, served: tuple[str, bytes], tmp_path: Path
) -> None:
    url, _ = served
    sandbox.fault("status", host="elsewhere.example")
    sandbox.fault("status", method="POST")
    sandbox.fault("status", path="[.]tar[.]gz$")
    sandbox.fault("status", host="files.*", skip=1, times=2, status=502)
    codes = [download(sandbox, url, tmp_path / "file").code for _ in range(5)]
    assert codes == [0, _HTTP_ERROR, _HTTP_ERROR, 0, 0]
    assert [fault.hits for fault in sandbox.faults()] == [0, 0, 0, 2]
    assert [r["status"] for r in sandbox.journal()[-5:]] == [200, 502, 502, 200, 200]


@pytest.mark.requirement("B1")
def test_a_fault_without_end_lasts_until_it_is_taken_away(
    sandbox: Sandbox, served: tuple[str, bytes], tmp_path: Path
) -> None:
    url, _ = served
    sandbox.fault("reset", host=sandbox.hosts("pypi").files, times=None)
    assert [download(sandbox, url, tmp_path / "file").code for _ in range(3)] == [_RECEIVE_ERROR] * 3
    sandbox.clear_faults()
    assert download(sandbox, url, tmp_path / "file").code == 0


@pytest.mark.requirement("P5.1", "P8.3")
@pytest.mark.parametrize(
    ("action", "stored"),
    [("status", False), ("reset", False), ("reset_mid", False), ("reset_after", True)],
)
@pytest.mark.parametrize("scene", ["uv"], indirect=True)
def test_a_fault_hits_an_upload_as_it_says(scene: Scene, action: Action, stored: bool) -> None:
    """A request that was never understood stores nothing; a lost answer hides what is stored."""
    wheel = write_wheel(scene.files, scene.project, "1.0", code="x = 1\n" * 100_000)
    scene.sandbox.fault(action, method="POST", path="^/legacy/", status=403, times=None)
    scene.publish(wheel, check=False)
    entry = [entry for entry in scene.sandbox.journal() if entry["path"] == "/legacy/"][-1]
    assert entry["fault"] == action
    assert entry["status"] == (403 if action == "status" else 0)
    assert bool(scene.sandbox.index("pypi").files(scene.project)) is stored
    scene.sandbox.clear_faults()
    scene.publish(wheel)
    assert list(scene.sandbox.index("pypi").files(scene.project)) == [wheel.name]


@pytest.mark.requirement("B1")
def test_a_body_that_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    """As twine does after a reset in the middle: it sends the head again, the body is used up."""
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    journal = Journal(tmp_path / "journal")
    server = Server({}, theirs, journal=journal, faults=Faults(), port=0, patience=0.1)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    started = time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        ours.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        with connection.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 408 ")
            assert answer.read().endswith(b"408: fault of the emulator\n"), "and the end"
    assert time.monotonic() - started < 2
    server.shutdown()
    thread.join()
    server.server_close()
    assert [entry["status"] for entry in journal.read()] == [408]


@pytest.mark.requirement("B1")
def test_a_connection_is_kept_for_several_requests(sandbox: Sandbox, served: tuple[str, bytes]) -> None:
    url, _ = served
    ask = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{num_connects} "]
    second = ["--next", *ask[1:], url, "--range", "0-9", "--dump-header", "-"]
    said = sandbox.run([*ask, url, *second]).stdout
    assert said.startswith("1 ")
    assert said.endswith("\n0 ")
    assert "206 PARTIAL CONTENT" in said
    assert "Content-Length: 10\r" in said or "Content-Length: 10\n" in said


@pytest.mark.requirement("B1")
def test_chunked_uploads_arrive_whole(sandbox: Sandbox) -> None:
    url = f"https://{sandbox.hosts('pypi').web}/_/oidc/mint-token"
    body = json.dumps({"token": "x" * 200_000})
    chunked = ["--header", "Transfer-Encoding: chunked", "--data-binary", "@-"]
    answer = sandbox.run(["curl", "--silent", *chunked, url], stdin=body)
    assert json.loads(answer.stdout)["errors"][0]["code"] == "invalid-token"
    assert sandbox.journal()[-1]["received"] == len(body)
