"""What actions ask of hosts that are neither an index nor GitHub's services.

uv's archives, as setup-uv looks for them; Sigstore, which the publish action asks to sign its attestations;
the registry that this action's container image comes from. They answer so that whoever needs them goes on,
and that the journal has them; nothing here signs anything.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What the pinned setup-uv knows of the newest uv that it knows.
KNOWN: dict[str, Any] = json.loads((Path(__file__).parent / "actions/setup-uv/known.json").read_text("utf-8"))
#: The list of uv's versions, and the mirror of uv's releases that is asked before GitHub.
VERSIONS_HOST, MIRROR_HOST = "raw.githubusercontent.com", "releases.astral.sh"
#: Trust root, certificates, timestamps, transparency log. Compared with sigstore's own settings by a test.
SIGSTORE_HOSTS = (
    "tuf-repo-cdn.sigstore.dev",
    "fulcio.sigstore.dev",
    "timestamp.sigstore.dev",
    "rekor.sigstore.dev",
)
#: The container image of the publish action: its manifest and its layers.
IMAGE_HOSTS = ("ghcr.io", "pkg-containers.githubusercontent.com")
HOSTS = (VERSIONS_HOST, MIRROR_HOST, *SIGSTORE_HOSTS, *IMAGE_HOSTS)

_VERSIONS = "/astral-sh/versions/main/v1/uv.ndjson"
_ARCHIVE = re.compile(r"(?:/github/uv|/astral-sh/uv)/releases/download/([\w.]+)/uv-([\w-]+)\.(?:tar\.gz|zip)")


class Outside:
    """WSGI application of `HOSTS`, and of github.com, where the releases of uv are.

    Args:
        root: the sandbox's root folder. `root/outside/uv.tar.gz` is served as the archive of uv, if it is
            there; a stand-in needs only what stands for it.
        github: answers everything else at github.com.
    """

    def __init__(self, root: Path, github: WSGIApplication) -> None:
        self._archive = root / "outside/uv.tar.gz"
        self._github = github

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if request.host == "github.com" and not _ARCHIVE.fullmatch(request.path):
            return self._github(environ, start_response)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.host in {*SIGSTORE_HOSTS, *IMAGE_HOSTS}:
            return Response("{}", 201 if request.method == "POST" else 200, content_type="application/json")
        if request.host == VERSIONS_HOST and request.path == _VERSIONS:
            return Response(versions(), content_type="text/plain")
        found = _ARCHIVE.fullmatch(request.path)
        if found is None or found[1] != KNOWN["newest"] or found[2] not in KNOWN["checksums"]:
            return Response("404: Not Found", 404)
        if self._archive.is_file():
            return Response(self._archive.read_bytes(), content_type="application/octet-stream")
        return Response(json.dumps({"sha256": KNOWN["checksums"][found[2]]}), content_type="application/json")


def versions() -> str:
    """The list of uv's versions, newest first. Source: github.com/astral-sh/versions, "Format"."""
    release = f"https://github.com/astral-sh/uv/releases/download/{KNOWN['newest']}"
    artifacts = [
        {
            "platform": platform,
            "variant": "default",
            "url": f"{release}/uv-{platform}.{kind}",
            "archive_format": kind,
            "sha256": digest,
        }
        for platform, digest in KNOWN["checksums"].items()
        for kind in ["zip" if "windows" in platform else "tar.gz"]
    ]
    return json.dumps({"version": KNOWN["newest"], "artifacts": artifacts}) + "\n"
