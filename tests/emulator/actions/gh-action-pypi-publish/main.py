"""Stand-in for pypa/gh-action-pypi-publish v1.14.2 (`twine-upload.sh`, `attestations.py`).

The upload is the real twine's, which trades the job's identity token for an upload token itself.
Attestations are written, sent and left beside the files, as by the real action, but they carry no
signature: Sigstore's hosts are asked, and sign nothing. So is the registry that the action's image is in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path

from toolkit import fail, flag, given, note, say
from twine.__main__ import main as run_twine

NO_IDENTITY = (
    "Trusted publishing exchange failure: OpenID Connect token retrieval failed: "
    "GitHub: missing or insufficient OIDC token permissions, the "
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN environment variable was unset.\n"
    "This generally indicates a workflow configuration error, such as insufficient permissions. "
    "Make sure that your workflow has `id-token: write` configured at the job level."
)


IMAGE = "pypa/gh-action-pypi-publish"
PULLED = (
    f"https://ghcr.io/v2/{IMAGE}/manifests/v1.14",
    f"https://pkg-containers.githubusercontent.com/{IMAGE}/blobs/layer",
)
TRUST_ROOT = "https://tuf-repo-cdn.sigstore.dev/timestamp.json"
CERTIFICATE = "https://fulcio.sigstore.dev/api/v2/signingCert"
FOR_EACH = (
    "https://timestamp.sigstore.dev/api/v1/timestamp",
    "https://rekor.sigstore.dev/api/v1/log/entries",
)


def ask(url: str, data: bytes | None = None) -> None:
    """Ask a host; without an answer the action ends."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, data), timeout=60).close()
    except OSError as error:
        fail(f"{url}: {error}")


def twine(*args: str) -> None:
    """Run twine, in this process; its failure ends the action."""
    sys.argv[1:] = args
    if run_twine():
        sys.exit(1)


def attest(files: list[Path]) -> list[Path]:
    """Write and return an attestation beside each file; die on those of an earlier run."""
    stale = [file.name for file in files if Path(f"{file}.publish.attestation").exists()]
    if stale:
        fail(f"The following distributions already have publish attestations: {', '.join(stale)}")
    if files:
        ask(TRUST_ROOT)
        ask(CERTIFICATE, b"{}")
    for file in files:
        for url in FOR_EACH:
            ask(url, b"{}")
        digest = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": file.name, "digest": digest}],
            "predicateType": "publish/v1",  # the real one is an address on the index
            "predicate": None,
        }
        envelope = {"statement": base64.b64encode(json.dumps(statement).encode()).decode()}
        envelope["signature"] = ""
        whole = {"version": 1, "verification_material": {}, "envelope": envelope}
        Path(f"{file}.publish.attestation").write_text(json.dumps(whole), encoding="utf-8")
    return [Path(f"{file}.publish.attestation") for file in files]


def main() -> None:
    """Check and upload."""
    for url in PULLED:
        ask(url)
    folder = Path(given("packages-dir"))
    trusted = not given("password")
    if not folder.is_dir():
        fail(f"The folder '{folder}' with distributions to publish does not exist.")
    everything = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    packages = [path for path in everything if path.name.endswith((".whl", ".tar.gz", ".zip"))]
    if not packages:
        said = "It looks like there are no Python distribution packages to publish in the directory"
        note("warning", f"{said} '{folder}/'. Please verify that they are in place.")
    if trusted and not os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        fail(NO_IDENTITY)
    if given("verify-metadata").lower() != "false":
        twine("check", *map(str, everything or [folder / "*"]))
    args = []
    if trusted and given("attestations").lower() != "false":
        everything += attest(packages)
        args = ["--attestations"]
    if flag("print-hash"):
        for file in packages:
            say(f"SHA256: {hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}")
    args += ["--skip-existing"] if flag("skip-existing") else []
    args += ["--verbose"] if flag("verbose") else []
    args += ["--repository-url", given("repository-url")] if given("repository-url") else []
    if not trusted:
        args += ["--username", given("user"), "--password", given("password")]
    twine("upload", "--disable-progress-bar", "--non-interactive", *args, *map(str, everything))
