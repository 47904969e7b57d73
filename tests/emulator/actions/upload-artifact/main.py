"""Stand-in for actions/upload-artifact v7.0.1 (`upload.ts`, and `search.ts` for the layout)."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import os
import re
import zipfile
from pathlib import Path

from artifacts import artifact_service, request
from toolkit import fail, flag, given, note, output, say


def search_path(pattern: str) -> Path:
    """Return the part of a pattern before its first wildcard, absolute."""
    parts = Path(pattern).parts
    for index, part in enumerate(parts):
        if re.search(r"[*?\[]", part):
            return Path(os.path.abspath(Path(*parts[:index]) if index else "."))  # noqa: PTH100 - as written: links stay links
    return Path(os.path.abspath(pattern))  # noqa: PTH100 - as written: links stay links


def search(patterns: list[str], *, hidden: bool) -> tuple[list[Path], Path]:
    """Return the files the patterns select, and the folder their names are relative to.

    A folder stands for all files in it; a pattern with a leading "!" takes files away.
    """
    files: dict[Path, None] = {}
    roots = []
    for pattern in patterns:
        barred = pattern.startswith("!")
        text = os.path.expanduser(pattern.removeprefix("!"))  # noqa: PTH111 - a pattern is no path
        root = search_path(text)
        roots += [] if barred else [root]
        for match in glob.glob(text, recursive=True, include_hidden=True):  # noqa: PTH207 - patterns may be absolute
            path = Path(os.path.abspath(match))  # noqa: PTH100 - links stay links
            below = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            for file in below:
                names = (root.name, *file.relative_to(root).parts)
                if barred:
                    files.pop(file, None)
                elif hidden or not any(name.startswith(".") for name in names):
                    files[file] = None
    if len(roots) > 1:
        return sorted(files), Path(os.path.commonpath(roots))
    if roots and list(files) == roots:
        return list(files), roots[0].parent
    return sorted(files), roots[0] if roots else Path()


def main() -> None:
    """Upload."""
    name = given("name")
    patterns = [line.strip() for line in given("path").splitlines() if line.strip()]
    files, root = search(patterns, hidden=flag("include-hidden-files"))
    if not files:
        said = f"No files were found with the provided path: {given('path')}. "
        said += "No artifacts will be uploaded."
        wish = given("if-no-files-found")
        if wish == "error":
            fail(said)
        if wish == "ignore":
            say(said)
        else:
            note("warning", said)
        return
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            # A fixed date and mode: permissions are not kept, by the real action neither.
            archive.writestr(zipfile.ZipInfo(file.relative_to(root).as_posix()), file.read_bytes())
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    try:
        if flag("overwrite"):
            with contextlib.suppress(RuntimeError):
                artifact_service("DeleteArtifact", name=name)
        where = artifact_service("CreateArtifact", name=name, version=4)["signed_upload_url"]
        request(where, "PUT", data, {"Content-Type": "application/zip"})
        facts = {"size": str(len(data)), "hash": f"sha256:{digest}"}
        days = int(given("retention-days") or 0)
        done = artifact_service("FinalizeArtifact", name=name, retention_days=days, **facts)
    except RuntimeError as error:
        fail(str(error))
    say(f"Artifact {name} has been successfully uploaded! {len(files)} file(s), sha256 {digest}")
    number = done["artifact_id"]
    base = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
    output("artifact-id", number)
    output("artifact-digest", digest)
    output("artifact-url", f"{base}/actions/runs/{os.environ['GITHUB_RUN_ID']}/artifacts/{number}")
