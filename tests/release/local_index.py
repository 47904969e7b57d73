"""A small index on this machine: the simple API in JSON (PEP 691, PEP 700), and files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from release_lib.distributions import version_of
from release_lib.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


class LocalIndex:
    """The state of an index, to be changed by a test at any time.

    Attributes:
        files: Contents of the files that it lists, by file name.
        delivered: Contents that it delivers instead of those that it lists.
        uploaded: When a file was uploaded (ISO 8601).
        hidden: How many more times a file is left out of the list.
        status: The project's status, and why (PEP 792).
        yanked: Why files were yanked, by file name.
        sizes: Sizes that it lists instead of the right ones.
        ownership: Who owns its projects, in their JSON; None where it does not say so.
        publishers: Who uploaded a file, as its provenance says (PEP 740); no provenance without an entry.
        unproved: How many more times a file is listed without its provenance.
        troubles: Statuses of its next answers to paths that begin so, by their beginning.
        failures: Statuses of its next answers, before it answers well.
        twice: Files that it lists a second time, with other contents first.
        asked: Paths it was asked for, oldest first.
        index: What the release scripts know of it.
    """

    def __init__(self, title: str, port: int) -> None:
        self.files: dict[str, bytes] = {}
        self.delivered: dict[str, bytes] = {}
        self.uploaded: dict[str, str] = {}
        self.hidden: dict[str, int] = {}
        self.status: dict[str, str] = {}
        self.yanked: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.ownership: Any = None
        self.publishers: dict[str, Any] = {}
        self.unproved: dict[str, int] = {}
        self.troubles: dict[str, list[int]] = {}
        self.failures: list[int] = []
        self.twice: list[str] = []
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{port}"
        self.index = Index(title, f"{self.address}/simple/")

    def add(self, *paths: Path, uploaded: str = "2026-11-20T12:00:00Z") -> None:
        """Upload some files."""
        for path in paths:
            self.files[path.name] = path.read_bytes()
            self.uploaded[path.name] = uploaded
            self.publishers[path.name] = {
                "kind": "GitHub",
                "repository": "demo-pkg/demo-pkg",
                "workflow": "release.yml",
                "environment": self.index.title.lower(),
            }

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer to a request."""
        self.asked.append(path)
        if self.failures:
            return self.failures.pop(0), "text/plain", b"not now"
        for beginning, statuses in self.troubles.items():
            if path.startswith(beginning) and statuses:
                return statuses.pop(0), "text/plain", b"not now"
        kind, *rest = PurePosixPath(path).parts[1:]
        if kind == "files" and rest[0] in self.files:
            return 200, "application/octet-stream", self.delivered.get(rest[0], self.files[rest[0]])
        if kind == "integrity" and rest[0] in self.publishers:
            bundle = {"publisher": self.publishers[rest[0]], "attestations": [{"version": 1}]}
            return (
                200,
                "application/json",
                json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode(),
            )
        names = [n for n in self.files if kind in {"simple", "pypi"} and project_of(n) == rest[0]]
        if not names:
            return 404, "text/plain", b"nothing here"
        shown: dict[str, Any] = {"info": {"name": rest[0]}, "ownership": self.ownership}
        if kind == "simple":
            shown = self.page(rest[0], names)
        return 200, SIMPLE_JSON if kind == "simple" else "application/json", json.dumps(shown).encode()

    def page(self, project: str, names: list[str]) -> dict[str, object]:
        """A project's page."""
        listed = []
        for name in names:
            if self.hidden.get(name, 0) > 0:
                self.hidden[name] -= 1
                continue
            data = self.files[name]
            hides = self.unproved.get(name, 0) > 0
            self.unproved[name] = self.unproved.get(name, 0) - hides
            proved = name in self.publishers and not hides
            listed.append(
                {
                    "filename": name,
                    "url": f"{self.address}/files/{name}",
                    "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                    "size": self.sizes.get(name, len(data)),
                    "upload-time": self.uploaded[name],
                    "yanked": self.yanked.get(name, False),
                    "provenance": f"{self.address}/integrity/{name}" if proved else None,
                }
            )
        other = [file | {"hashes": {"sha256": "0" * 64}} for file in listed if file["filename"] in self.twice]
        listed = other + listed
        versions = sorted({str(version_of(n)) for n in names})
        return {
            "meta": {"api-version": "1.4"},
            "name": project,
            "project-status": self.status,
            "versions": versions,
            "files": listed,
        }


def project_of(filename: str) -> str:
    """The project that a file belongs to."""
    if filename.endswith(".whl"):
        return str(parse_wheel_filename(filename)[0])
    if not filename.endswith((".tar.gz", ".zip")):  # an egg, an installer, ...
        return str(canonicalize_name(filename.partition("-1.")[0]))
    return str(canonicalize_name(parse_sdist_filename(filename)[0]))


@contextlib.contextmanager
def serving(title: str) -> Iterator[LocalIndex]:
    """An index that answers until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = local.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815  (named by the standard library)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        local = LocalIndex(title, server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield local
        finally:
            server.shutdown()
            thread.join()
