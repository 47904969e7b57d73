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
        said = f"Digest validation failed for artifact(s): {artifact['name']}."
        wish = given("digest-mismatch")
        if wish == "error":
            hint = "Use 'digest-mismatch: warn' to continue on mismatch."
            fail(f"Unable to download artifact(s): {said} {hint}")
        if wish != "ignore":
            note("warning", said)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    say(f"Artifact {artifact['name']} downloaded to {folder}")


def chosen(known: list[dict[str, str]], ids: str) -> list[dict[str, str]]:
    """Return the artifacts with the given ids; those that are gone are warned of, unless all are."""
    wanted = [part.strip() for part in ids.split(",") if part.strip()]
    if not wanted:
        fail("Unable to download artifact(s): No valid artifact IDs provided in 'artifact-ids' input")
    strange = [part for part in wanted if not part.isdecimal()]
    if strange:
        fail(f"Unable to download artifact(s): Invalid artifact ID: '{strange[0]}'. Must be a number.")
    found = [item for item in known if item["database_id"] in wanted]
    if not found:
        fail("Unable to download artifact(s): None of the provided artifact IDs were found")
    gone = set(wanted) - {item["database_id"] for item in found}
    if gone:
        note("warning", f"Could not find the following artifact IDs: {', '.join(sorted(gone))}")
    return found


def main() -> None:
    """Download."""
    base = Path(os.environ["GITHUB_WORKSPACE"], given("path") or ".").resolve()
    name, ids, pattern = given("name"), given("artifact-ids"), given("pattern")
    try:
        known = artifact_service("ListArtifacts")["artifacts"]
        if name:
            found = [item for item in known if item["name"] == name]
            if not found:
                fail(MISSING.format(name=name))
        elif ids:  # an empty text is no choice: everything, as by the real action
            found = chosen(known, ids)
        else:
            found = [item for item in known if fnmatch.fnmatchcase(item["name"], pattern or "*")]
        straight = name or flag("merge-multiple") or len(found) == 1
        for item in found:
            fetch(item, base if straight else base / item["name"])
    except (RuntimeError, zipfile.BadZipFile) as error:
        fail(f"Unable to download artifact(s): {error}")
    output("download-path", str(base))
