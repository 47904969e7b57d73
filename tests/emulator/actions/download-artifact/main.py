"""Stand-in for actions/download-artifact v8.0.1 (`download-artifact.ts`)."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import zipfile
from pathlib import Path

from artifacts import artifact_service, request
from toolkit import fail, flag, given, note, output, say

MISSING = (
    "Unable to download artifact(s): Artifact not found for name: {name}\n"
    "        Please ensure that your artifact is not expired and the artifact was uploaded using "
    "a compatible version of toolkit/upload-artifact."
)


def fetch(artifact: dict[str, str], folder: Path) -> None:
    """Download one artifact, compare its digest, unpack it."""
    url = artifact_service("GetSignedArtifactURL", name=artifact["name"])["signed_url"]
    data = request(url, "GET", None, {})
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if digest != artifact["digest"]:
        said = f"Artifact digest validation failed: expected {artifact['digest']}, got {digest}"
        wish = given("digest-mismatch")
        if wish == "error":
            fail(said)
        if wish != "ignore":
            note("warning", said)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    say(f"Artifact {artifact['name']} downloaded to {folder}")


def main() -> None:
    """Download."""
    base = Path(os.environ["GITHUB_WORKSPACE"], given("path") or ".").resolve()
    name, pattern = given("name"), given("pattern")
    try:
        known = artifact_service("ListArtifacts")["artifacts"]
        if name:
            found = [item for item in known if item["name"] == name]
            if not found:
                fail(MISSING.format(name=name))
            fetch(found[0], base)
        else:
            for item in known:
                if fnmatch.fnmatchcase(item["name"], pattern or "*"):
                    fetch(item, base if flag("merge-multiple") else base / item["name"])
    except (RuntimeError, zipfile.BadZipFile) as error:
        fail(f"Unable to download artifact(s): {error}")
    output("download-path", str(base))
