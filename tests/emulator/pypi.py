"""An index that behaves like PyPI where a release can notice; TestPyPI is a second one.

Uploads, trusted publishing, the simple API (PEP 691, 700, 658, 592, 740), the file host and the
pages a client looks at. What it says in its refusals is what PyPI says, where clients read it.
Known differences: attestations are stored but not verified, names are not checked for likeness,
nothing is ever slow by itself, and the pages of uploaded projects ask to be revalidated each time
(PyPI: cached for ten minutes), because in a sandbox jobs share a cache that on real runners, each a
fresh machine, is empty.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import secrets
import tarfile
import threading
import time
import zipfile
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
from packaging.metadata import InvalidMetadata, Metadata, RawMetadata
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from emulator import wheelhouse
from emulator.https import oidc_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.datastructures import MultiDict

ISSUER = "https://token.actions.githubusercontent.com"
DAY = 86400.0
_RELEASE_CLOSES = 14 * DAY
_PENDING_EXPIRES = 30 * DAY
_TOKEN_LIVES = 15 * 60.0
_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"
_EXTENSIONS = {"sdist": ".tar.gz", "bdist_wheel": ".whl"}
_PLATFORM = re.compile(r"any|win32|win_(amd|arm)64|(macosx|manylinux|musllinux|ios|android).+")
_WORKFLOW = re.compile(r"([^/]+/[^/]+)/[.]github/workflows/([^@]+)@(.+)")


@dataclasses.dataclass(frozen=True)
class Hosts:
    """Public names of an index: its pages, its upload endpoint, its files, its former name."""

    web: str
    upload: str
    files: str
    former: str = ""


@dataclasses.dataclass
class File:
    """A file on the index.

    Attributes:
        filename: its name, unique on the index for ever.
        project: normalised name of its project.
        version: version of its release, normalised.
        packagetype: ``sdist`` or ``bdist_wheel``.
        sha256: digest of its bytes, hexadecimal.
        size: its length in bytes.
        uploaded: seconds since the epoch.
        requires_python: from its metadata, or None.
        yanked: reason, possibly empty, or None for a file that is not yanked.
        attestations: what came with the upload (PEP 740), or None.
        publisher: the trusted publisher of the upload, as a provenance names it; None for a file that
            came with an API token.
        listed_at: when the simple API starts to show it, seconds since the epoch.
        polls_left: how many looks at its project's page do not show it yet.
        proofs_left: how many looks, once it is listed, do not show its provenance yet.
    """

    filename: str
    project: str
    version: str
    packagetype: str
    sha256: str
    size: int
    uploaded: float
    requires_python: str | None = None
    yanked: str | None = None
    attestations: list[Any] | None = None
    publisher: dict[str, Any] | None = None
    listed_at: float = 0.0
    polls_left: int = 0
    proofs_left: int = 0

    @property
    def listed(self) -> bool:
        """Whether the simple API shows it."""
        return time.time() >= self.listed_at and not self.polls_left

    @property
    def proved(self) -> bool:
        """Whether its provenance is shown."""
        return bool(self.attestations) and not self.proofs_left


@dataclasses.dataclass
class Publisher:
    """A trusted publisher of the kind "GitHub Actions", as the index's form has it.

    Attributes:
        project: normalised name of the project it may upload to.
        owner: login of the repository's owner, compared exactly.
        owner_id: its numeric id, as text, compared exactly.
        repository: name of the repository, any case.
        workflow: file name of the workflow, compared exactly.
        environment: name of the environment, any case; empty admits all.
        pending: whether the project is yet to be created by its first token.
        registered: seconds since the epoch.
    """

    project: str
    owner: str
    owner_id: str
    repository: str
    workflow: str
    environment: str = ""
    pending: bool = False
    registered: float = 0.0

    def in_provenance(self) -> dict[str, Any]:
        """Return what the provenance of a file says of the publisher that uploaded it."""
        return {
            "kind": "GitHub",
            "repository": f"{self.owner}/{self.repository}",
            "workflow": self.workflow,
            "environment": self.environment or None,
        }

    def admits(self, claims: dict[str, Any]) -> bool:
        """Tell whether an identity token with these claims is this publisher's."""
        workflow = _WORKFLOW.fullmatch(str(claims.get("job_workflow_ref")))
        repository = f"{self.owner}/{self.repository}"  # by exact name; the form normalises the owner
        return (
            workflow is not None
            and self.owner == claims.get("repository_owner")
            and self.owner_id == str(claims.get("repository_owner_id"))
            and repository == str(claims.get("repository"))
            and repository == workflow[1]
            and self.workflow == workflow[2]
            and workflow[3] in (claims.get("ref"), claims.get("sha"))
            and self.environment.lower() in ("", str(claims.get("environment")).lower())
        )


class Refused(Exception):  # noqa: N818  # it reads as the answer it becomes
    """A request is refused: an HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        """Refuse with ``status``, saying ``sentence``."""
        super().__init__(status, sentence)
        self.status, self.sentence = status, sentence


class Index:
    """An index: a WSGI application for its hosts, and the hands of a test on what it holds."""

    def __init__(self, root: Path, name: str, hosts: Hosts, rest: Path | None = None) -> None:
        """Continue the index below ``root``, or start an empty one.

        Args:
            root: root folder of the sandbox; the index lives in ``index/NAME`` below it.
            name: ``pypi`` or ``testpypi``; also the audience of its identity tokens.
            hosts: its public names.
            rest: folder of wheels it serves beside what is uploaded.
        """
        self._root, self._name, self._hosts, self._rest = root, name, hosts, rest
        self._folder = root / "index" / name
        (self._folder / "files").mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._projects: set[str] = set()
        self._files: dict[str, File] = {}
        self._deleted: set[str] = set()
        self._publishers: list[Publisher] = []
        self._tokens: dict[str, dict[str, Any]] = {}
        self._spent: set[str] = set()
        self._delay = {"seconds": 0.0, "polls": 0, "proofs": 0}
        self._load()
        known = wheelhouse.catalogue(rest) if rest else {}
        self._others = {key: File(**value) for key, value in known.items()}  # type: ignore[arg-type]
        self._other_projects = {file.project for file in self._others.values()}

    # --- for tests -------------------------------------------------------------------------------

    def files(self, project: str) -> dict[str, File]:
        """Return the uploaded files of a project by name, listed by the simple API or not yet."""
        wanted = canonicalize_name(project)
        with self._lock:
            return {name: file for name, file in self._files.items() if file.project == wanted}

    def content(self, filename: str) -> bytes:
        """Return the bytes of an uploaded file."""
        return (self._folder / "files" / filename).read_bytes()

    def projects(self) -> list[str]:
        """Return the names of the projects that exist here beside the wheelhouse's."""
        return sorted(self._projects)

    def create_project(self, name: str) -> None:
        """Let somebody own a project of that name."""
        with self._lock:
            self._projects.add(canonicalize_name(name))
            self._save()

    def put(self, path: Path, *, days_ago: float = 0.0) -> None:
        """Store a distribution as if its owner had uploaded it, by the same rules.

        Args:
            path: an sdist or a wheel.
            days_ago: how long ago that was.

        Raises:
            Refused: by a rule of the index.
        """
        sdist = path.name.endswith(_EXTENSIONS["sdist"])
        parse = parse_sdist_filename if sdist else parse_wheel_filename
        name, version = parse(path.name)[:2]
        raw = _sdist_metadata(path) if sdist else wheelhouse.wheel_metadata(path)
        python = Metadata.from_email(raw, validate=False).requires_python
        with self._lock:
            self._projects.add(name)
            self._store(
                File(
                    filename=path.name,
                    project=name,
                    version=str(version),
                    packagetype="sdist" if sdist else "bdist_wheel",
                    sha256="",
                    size=0,
                    uploaded=time.time() - days_ago * DAY,
                    requires_python=None if python is None else str(python),
                ),
                path.read_bytes(),
            )

    def yank(self, project: str, version: str, reason: str | None = "") -> None:
        """Yank a release with a reason; the reason None takes it back."""
        with self._lock:
            for file in self._existing(project, version):
                file.yanked = reason
            self._save()

    def delete(self, filename: str) -> None:
        """Delete a file; its name stays spent for ever."""
        with self._lock:
            del self._files[filename]
            self._deleted.add(filename)
            self._save()

    def age_release(self, project: str, version: str, days: float) -> None:
        """Move a release into the past, as if its first file had been uploaded ``days`` ago."""
        with self._lock:
            files = self._existing(project, version)
            shift = min(file.uploaded for file in files) - (time.time() - days * DAY)
            for file in files:
                file.uploaded -= shift
            self._save()

    def set_delay(self, *, seconds: float = 0.0, polls: int = 0, proofs: int = 0) -> None:
        """Let files uploaded from now on be listed late.

        Args:
            seconds: the simple API shows them only after so long.
            polls: so many looks at the project's page do not show them.
            proofs: so many looks, once they are listed, do not show their provenance.
        """
        with self._lock:
            self._delay = {"seconds": seconds, "polls": polls, "proofs": proofs}
            self._save()

    def list_now(self) -> None:
        """Let the simple API show every file at once, whatever delay was set for it."""
        with self._lock:
            for file in self._files.values():
                file.listed_at, file.polls_left, file.proofs_left = 0.0, 0, 0
            self._save()

    def create_token(self, project: str) -> str:
        """Return an API token of a project, as an owner makes one, and as thieves use it."""
        token = f"pypi-{secrets.token_urlsafe(32)}"
        with self._lock:
            self._tokens[token] = {"projects": [canonicalize_name(project)], "expires": time.time() + DAY}
            self._save()
        return token

    def change_provenance(self, project: str, **publisher: str | None) -> None:
        """Let the provenance of every file of a project name another publisher."""
        with self._lock:
            for file in self.files(project).values():
                file.publisher = {**(file.publisher or {}), **publisher}
            self._save()

    def add_publisher(
        self,
        project: str,
        *,
        owner: str,
        owner_id: str,
        repository: str,
        workflow: str,
        environment: str = "",
        pending: bool = False,
        days_ago: float = 0.0,
    ) -> None:
        """Register a trusted publisher, of an existing project or a pending one.

        Args:
            project: name of the project.
            owner: login of the repository's owner.
            owner_id: its numeric id, as text.
            repository: name of the repository.
            workflow: file name of the workflow.
            environment: name of the environment; empty admits all.
            pending: the project does not exist yet and is created by the first token.
            days_ago: how long ago it was registered; a pending one expires after 30 days.
        """
        name = canonicalize_name(project)
        registered = time.time() - days_ago * DAY
        with self._lock:
            self._publishers.append(
                Publisher(name, owner, owner_id, repository, workflow, environment, pending, registered)
            )
            if not pending:
                self._projects.add(name)
            self._save()

    def publishers(self) -> list[Publisher]:
        """Return the trusted publishers."""
        with self._lock:
            return list(self._publishers)

    def remove_publishers(self, project: str) -> None:
        """Remove the trusted publishers of a project."""
        wanted = canonicalize_name(project)
        with self._lock:
            self._publishers = [entry for entry in self._publishers if entry.project != wanted]
            self._save()

    def expire_tokens(self) -> None:
        """Let 15 minutes pass for every upload token."""
        with self._lock:
            for token in self._tokens.values():
                token["expires"] -= _TOKEN_LIVES
            self._save()

    # --- the application -------------------------------------------------------------------------

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request to any of the hosts."""
        request = _Request(environ)
        response: WSGIApplication
        if request.host == self._hosts.former:
            elsewhere = f"https://{self._hosts.web}{request.full_path.removesuffix('?')}"
            return redirect(elsewhere, 301)(environ, start_response)
        try:
            endpoint, values = self._routes(request.host).bind_to_environ(environ).match()
            response = getattr(self, f"_answer_{endpoint}")(request, **values)
        except Refused as refusal:
            response = _refusal(request, refusal)
        except HTTPException as error:
            response = error
        return response(environ, start_response)

    def _routes(self, host: str) -> Map:
        if host == self._hosts.files:
            return _FILE_ROUTES
        return _UPLOAD_ROUTES if host == self._hosts.upload else _ROUTES

    def _answer_upload(self, request: Request) -> Response:
        """Take an upload, by the rules of the legacy API and in their order."""
        form = request.form
        with self._lock:
            token = self._authenticate(request)
            if form.get(":action") != "file_upload" or form.get("protocol_version") != "1":
                raise Refused(400, "Unknown protocol version.")
            if form.get("filetype") not in _EXTENSIONS:
                raise Refused(400, "Invalid value for filetype. Error: Use a known file type.")
            metadata = self._metadata(request)
            project = canonicalize_name(metadata.name)
            if project not in self._projects or project not in token["projects"]:
                scope = f"OIDC scoped token is not valid for project '{metadata.name}'"
                raise Refused(403, f"Invalid API Token: {scope}")
            upload = request.files.get("content")
            if upload is None:
                raise Refused(400, "Upload payload does not have a file.")
            content = upload.stream.read()
            _check_digests(form, content)
            attestations = _attestations(form.get("attestations"))
            publisher = token.get("publishers", {}).get(project)
            if attestations and publisher is None:
                trouble = "Attestations are only supported when using Trusted Publishing"
                raise Refused(400, f"Invalid attestations supplied during upload: {trouble}")
            python = metadata.requires_python
            self._store(
                File(
                    filename=upload.filename or "",
                    project=project,
                    version=str(metadata.version),
                    packagetype=form["filetype"],
                    sha256="",
                    size=0,
                    uploaded=time.time(),
                    requires_python=None if python is None else str(python),
                    attestations=attestations,
                    publisher=publisher,
                ),
                content,
            )
        return Response()

    def _authenticate(self, request: Request) -> dict[str, Any]:
        """Return the upload token of the request, a minted one or an API token."""
        login = request.authorization
        token = None
        if login is not None and login.type == "basic" and login.username == "__token__":
            token = self._tokens.get(login.password or "")
        if token is None:
            anchor = f"https://{self._hosts.web}/help/#invalid-auth"
            trouble = "Invalid or non-existent authentication information."
            raise Refused(403, f"{trouble} See {anchor} for more information.")
        if token["expires"] <= time.time():
            raise Refused(403, "Invalid API Token: token is expired")
        return token

    def _metadata(self, request: Request) -> Metadata:
        """Return the metadata sent as form fields, validated as the index does."""
        form = request.form
        single = ("metadata_version", "name", "version", "summary", "requires_python")
        raw: dict[str, Any] = {key: form[key] for key in single if form.get(key)}
        raw["requires_dist"] = form.getlist("requires_dist")
        try:
            metadata = Metadata.from_raw(RawMetadata(**raw))  # type: ignore[typeddict-item]
        except ExceptionGroup as group:
            error = group.exceptions[0]
            field = error.field if isinstance(error, InvalidMetadata) else "metadata"
            spec = "https://packaging.python.org/specifications/core-metadata"
            raise Refused(400, f"{error}: see {spec} for more information. ({field})") from None
        if metadata.version.local:
            raise Refused(400, f"The use of local versions in {metadata.version!r} is not allowed.")
        return metadata

    def _store(self, file: File, content: bytes) -> None:
        """Store a file of a project that may be uploaded to, or refuse it."""
        file.sha256, file.size = hashlib.sha256(content).hexdigest(), len(content)
        _check_name(file)
        _check_content(file, content)
        help_page = f"https://{self._hosts.web}/help/#file-name-reuse"
        for known in self._files.values():
            if known.filename == file.filename and known.sha256 == file.sha256:
                return
            if file.filename == known.filename or file.sha256 == known.sha256:
                blake = hashlib.blake2b(content, digest_size=32).hexdigest()
                trouble = f"File already exists ('{file.filename}', with blake2_256 hash '{blake}')."
                raise Refused(400, f"{trouble} See {help_page} for more information.")
        if file.filename in self._deleted:
            trouble = "This filename has already been used, use a different version."
            raise Refused(400, f"{trouble} See {help_page} for more information.")
        release = self._release(file.project, file.version)
        if file.packagetype == "sdist" and any(f.packagetype == "sdist" for f in release):
            raise Refused(400, "Only one sdist may be uploaded per release.")
        if release and min(f.uploaded for f in release) < time.time() - _RELEASE_CLOSES:
            raise Refused(400, "New files cannot be added to a release older than 14 days.")
        file.version = release[0].version if release else file.version
        target = self._folder / "files" / file.filename
        target.write_bytes(content)
        if file.packagetype == "bdist_wheel":
            metadata = wheelhouse.wheel_metadata(target)
            target.with_name(f"{target.name}.metadata").write_bytes(metadata)
        file.listed_at = file.uploaded + self._delay["seconds"]
        file.polls_left = int(self._delay["polls"])
        file.proofs_left = int(self._delay["proofs"])
        self._files[file.filename] = file
        self._save()

    def _answer_audience(self, _: Request) -> Response:
        return _json({"audience": self._name})

    def _answer_mint(self, request: Request) -> Response:
        """Exchange an identity token for an upload token."""
        try:
            token = json.loads(request.get_data())["token"]
        except (ValueError, KeyError, TypeError):
            return _not_minted("invalid-payload", "the body is not JSON with a token")
        try:
            claims = jwt.decode(
                token,
                oidc_key(self._root).public_key(),
                algorithms=["RS256"],
                audience=self._name,
                issuer=ISSUER,
                options={"require": ["iss", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError:
            return _not_minted("invalid-token", "malformed or invalid token")
        with self._lock:
            return self._mint(claims)

    def _mint(self, claims: dict[str, Any]) -> Response:
        if claims.get("jti") in self._spent:
            return _not_minted("invalid-reuse-token", "invalid token: already used")
        now = time.time()
        candidates = [entry for entry in self._publishers if entry.admits(claims)]
        for entry in candidates:
            if not entry.pending or entry.registered < now - _PENDING_EXPIRES:
                continue
            if entry.project in self._projects | self._other_projects:
                trouble = "valid token, but project already exists"
                return _not_minted("invalid-pending-publisher", trouble)
            entry.pending = False
            self._projects.add(entry.project)
        active = [entry for entry in candidates if not entry.pending]
        exact = [entry for entry in active if entry.environment] or active
        if not exact or claims.get("event_name") == "pull_request_target":
            trouble = "Publisher with matching claims was not found"
            if exact:
                trouble = "Publishing from a pull_request_target event is not supported"
            return _not_minted(
                "invalid-publisher", f"valid token, but no corresponding publisher ({trouble})"
            )
        token = f"pypi-{secrets.token_urlsafe(32)}"
        expires = now + _TOKEN_LIVES
        self._tokens[token] = {
            "projects": [entry.project for entry in exact],
            "publishers": {entry.project: entry.in_provenance() for entry in exact},
            "expires": expires,
        }
        if "jti" in claims:
            self._spent.add(claims["jti"])
        self._save()
        return _json({"success": True, "token": token, "expires": int(expires)})

    def _answer_burn(self, request: Request) -> Response:
        """Forget an upload token that a client (uv does) has no more use for."""
        with self._lock:
            self._tokens.pop(str(request.get_json()["token"]), None)
            self._save()
        return Response(status=202)

    def _answer_simple(self, request: Request, name: str) -> Response:
        """Show the page of a project that installers read."""
        project = canonicalize_name(name)
        if project != name:
            return redirect(f"/simple/{project}/", 301)
        with self._lock:
            files = self._known(project)
            shown = [dataclasses.replace(file) for file in files if file.listed]
            if any(file.polls_left or file.proofs_left for file in files):
                for file in files:
                    file.proofs_left = max(0, file.proofs_left - file.listed)
                    file.polls_left = max(0, file.polls_left - 1)
                self._save()
        if files and not shown:
            raise NotFound
        accepted = request.accept_mimetypes.best_match(["text/html", _JSON, _HTML], "text/html")
        if accepted == _JSON:
            body = json.dumps(self._simple_json(project, shown))
        else:
            body = self._simple_html(project, shown)
        response = Response(body, content_type=accepted)
        response.vary.add("Accept")
        if project in self._projects:
            response.cache_control.max_age = 0
            response.cache_control.must_revalidate = True
        else:
            response.cache_control.max_age = 600
            response.cache_control.public = True
        response.add_etag()
        return response.make_conditional(request)

    def _answer_simple_root(self, _: Request) -> Response:
        names = sorted(self._projects | self._other_projects)
        body = {"meta": {"api-version": "1.4"}, "projects": [{"name": name} for name in names]}
        return _json(body, _JSON)

    def _simple_json(self, project: str, files: list[File]) -> dict[str, Any]:
        return {
            "meta": {"api-version": "1.4", "_last-serial": len(self._files)},
            "name": project,
            "project-status": {"status": "active"},
            "alternate-locations": [],
            "versions": _versions(files),
            "files": [self._simple_file(file) for file in files],
        }

    def _simple_file(self, file: File) -> dict[str, Any]:
        digest = self._metadata_digest(file)
        metadata = {"sha256": digest} if digest else False
        uploaded = datetime.fromtimestamp(file.uploaded, UTC)
        return {
            "filename": file.filename,
            "url": self._url(file),
            "hashes": {"sha256": file.sha256},
            "requires-python": file.requires_python,
            "size": file.size,
            "upload-time": uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "yanked": False if file.yanked is None else file.yanked or True,
            "core-metadata": metadata,
            "data-dist-info-metadata": metadata,
            "provenance": self._provenance_url(file),
        }

    def _simple_html(self, project: str, files: list[File]) -> str:
        links = []
        for file in files:
            attributes = {"href": f"{self._url(file)}#sha256={file.sha256}"}
            if file.requires_python:
                attributes["data-requires-python"] = file.requires_python
            if file.yanked is not None:
                attributes["data-yanked"] = file.yanked
            if digest := self._metadata_digest(file):
                attributes["data-core-metadata"] = f"sha256={digest}"
            written = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
            links.append(f"<a {written}>{escape(file.filename)}</a><br />\n")
        return (
            '<!DOCTYPE html>\n<html>\n<head><meta name="pypi:repository-version" content="1.4">'
            f"<title>Links for {project}</title></head>\n<body>\n{''.join(links)}</body>\n</html>\n"
        )

    def _answer_json(self, _: Request, name: str, version: str | None = None) -> Response:
        """Show a project or release as JSON; this page is ahead of the simple API."""
        project = canonicalize_name(name)
        files = self._known(project)
        versions = _versions(files)
        shown = version or (versions[-1] if versions else None)
        if shown not in versions:
            raise NotFound
        releases = {v: [self._legacy_file(f) for f in files if f.version == v] for v in versions}
        reasons = [file.yanked for file in files if file.version == shown]
        yanked = all(reason is not None for reason in reasons)
        info = {
            "name": project,
            "version": shown,
            "yanked": yanked,
            "yanked_reason": (reasons[0] or None) if yanked else None,
        }
        ownership = {"organization": None, "roles": [{"role": "Owner", "user": "maintainer"}]}
        body = {"info": info, "ownership": ownership, "urls": releases[shown]}
        body |= {} if version else {"releases": releases}
        return _json(body)

    def _legacy_file(self, file: File) -> dict[str, Any]:
        return {
            "filename": file.filename,
            "url": self._url(file),
            "digests": {"sha256": file.sha256},
            "size": file.size,
            "packagetype": file.packagetype,
            "requires_python": file.requires_python,
            "yanked": file.yanked is not None,
            "yanked_reason": file.yanked or None,
        }

    def _answer_page(self, _: Request, name: str, version: str | None = None) -> Response:
        """Show the page for people."""
        project = canonicalize_name(name)
        versions = _versions(self._known(project))
        if not versions or version not in (None, *versions):
            raise NotFound
        return Response(f"<h1>{project} {version or versions[-1]}</h1>\n", mimetype="text/html")

    def _answer_provenance(self, _: Request, name: str, version: str, filename: str) -> Response:
        file = self._files.get(filename)
        found = file is not None and (file.project, file.version) == (name, version)
        if file is None or not found or not file.proved:
            raise NotFound
        bundle = {"publisher": file.publisher, "attestations": file.attestations}
        return _json({"version": 1, "attestation_bundles": [bundle]})

    def _answer_file(self, request: Request, sha256: str, filename: str) -> Response:
        """Serve the bytes of a file, or its metadata; parts of it, if asked."""
        wheel = filename.removesuffix(".metadata")
        file = self._files.get(wheel) or self._others.get(wheel)
        if file is None or file.sha256 != sha256:
            raise NotFound
        path = self._path(file).with_name(filename)
        if not path.exists():
            raise NotFound
        content = path.read_bytes()
        response = Response(content, mimetype="application/octet-stream")
        response.cache_control.max_age = 365000000
        response.cache_control.immutable = True
        response.cache_control.public = True
        response.set_etag(sha256)
        return response.make_conditional(request, accept_ranges=True, complete_length=len(content))

    # --- state -----------------------------------------------------------------------------------

    def _known(self, project: str) -> list[File]:
        """Return every file of a project, by version and name.

        Raises:
            NotFound: no such project.
        """
        if project not in self._projects | self._other_projects:
            raise NotFound
        everything = [*self._files.values(), *self._others.values()]
        files = [file for file in everything if file.project == project]
        return sorted(files, key=lambda file: (Version(file.version), file.filename))

    def _release(self, project: str, version: str) -> list[File]:
        """Return the uploaded files of a release, however its version is spelt (1.0 is 1.0.0)."""
        wanted = Version(version)
        return [file for file in self.files(project).values() if Version(file.version) == wanted]

    def _existing(self, project: str, version: str) -> list[File]:
        """Return the uploaded files of a release that a test takes for granted.

        Raises:
            KeyError: there are none.
        """
        files = self._release(project, version)
        if not files:
            raise KeyError(f"{self._name} has no release {version} of {project}")
        return files

    def _path(self, file: File) -> Path:
        if file.filename in self._files or self._rest is None:
            return self._folder / "files" / file.filename
        return self._rest / file.filename

    def _url(self, file: File) -> str:
        return f"https://{self._hosts.files}/packages/{file.sha256}/{quote(file.filename)}"

    def _provenance_url(self, file: File) -> str | None:
        if not file.proved:
            return None
        where = f"{file.project}/{file.version}/{quote(file.filename)}"
        return f"https://{self._hosts.web}/integrity/{where}/provenance"

    def _metadata_digest(self, file: File) -> str | None:
        path = self._path(file)
        beside = path.with_name(f"{path.name}.metadata")
        return hashlib.sha256(beside.read_bytes()).hexdigest() if beside.exists() else None

    def _save(self) -> None:
        """Write the state; the caller holds the lock."""
        state = {
            "projects": sorted(self._projects),
            "files": [dataclasses.asdict(file) for file in self._files.values()],
            "deleted": sorted(self._deleted),
            "publishers": [dataclasses.asdict(entry) for entry in self._publishers],
            "tokens": self._tokens,
            "spent": sorted(self._spent),
            "delay": self._delay,
        }
        draft = self._folder / "state.json.part"
        draft.write_text(json.dumps(state, indent=1), "utf-8")
        draft.replace(self._folder / "state.json")

    def _load(self) -> None:
        path = self._folder / "state.json"
        if not path.exists():
            return
        state = json.loads(path.read_text("utf-8"))
        self._projects = set(state["projects"])
        self._files = {entry["filename"]: File(**entry) for entry in state["files"]}
        self._deleted = set(state["deleted"])
        self._publishers = [Publisher(**entry) for entry in state["publishers"]]
        self._tokens = state["tokens"]
        self._spent = set(state["spent"])
        self._delay = state["delay"]


class _Request(Request):
    """A request with forms of any size: the server has read it whole already."""

    max_form_memory_size = 1 << 40
    max_form_parts = 1 << 40


_ROUTES = Map(
    [
        Rule("/simple/", endpoint="simple_root", methods=["GET"]),
        Rule("/simple/<name>/", endpoint="simple", methods=["GET"]),
        Rule("/pypi/<name>/json", endpoint="json", methods=["GET"]),
        Rule("/pypi/<name>/<version>/json", endpoint="json", methods=["GET"]),
        Rule("/project/<name>/", endpoint="page", methods=["GET"]),
        Rule("/project/<name>/<version>/", endpoint="page", methods=["GET"]),
        Rule(
            "/integrity/<name>/<version>/<filename>/provenance",
            endpoint="provenance",
            methods=["GET"],
        ),
        Rule("/_/oidc/audience", endpoint="audience", methods=["GET"]),
        Rule("/_/oidc/mint-token", endpoint="mint", methods=["POST"]),
        Rule("/_/oidc/burn-token", endpoint="burn", methods=["POST"]),
    ]
)
_UPLOAD_ROUTES = Map(
    [
        *(rule.empty() for rule in _ROUTES.iter_rules()),
        Rule("/legacy/", endpoint="upload", methods=["POST"]),
    ]
)
_FILE_ROUTES = Map([Rule("/packages/<sha256>/<filename>", endpoint="file", methods=["GET"])])


def _json(body: object, content_type: str = "application/json") -> Response:
    return Response(json.dumps(body), content_type=content_type)


def _refusal(request: Request, refusal: Refused) -> Response:
    """Say no as the index does: the sentence is in the reason of the status line and in the body."""
    status = f"{refusal.status} {refusal.sentence}"
    if request.accept_mimetypes.accept_html:
        page = f"<html>\n <head><title>{escape(status)}</title></head>\n <body>\n  <h1>{{}}</h1>\n"
        body = page.format(escape(status)) + " </body>\n</html>\n"
        return Response(body, status=status, mimetype="text/html")
    return Response(f"{status}\n", status=status, mimetype="text/plain")


def _not_minted(code: str, description: str) -> Response:
    body = {
        "message": "Token request failed",
        "errors": [{"code": code, "description": description}],
    }
    response = _json(body)
    response.status_code = 422
    return response


def _versions(files: Iterable[File]) -> list[str]:
    return sorted({file.version for file in files}, key=Version)


def _check_digests(form: MultiDict[str, str], content: bytes) -> None:
    """Compare the digests a client sent with the bytes it sent."""
    actual = {
        "md5_digest": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    sent = {key: form[key].lower() for key in actual if form.get(key)}
    if not sent:
        raise Refused(400, "Include at least one message digest.")
    if not sent.items() <= actual.items():
        trouble = "The digest supplied does not match a digest calculated from the uploaded file."
        raise Refused(400, trouble)


def _attestations(field: str | None) -> list[Any] | None:
    """Parse the attestations of an upload; they are not verified."""
    if not field:
        return None
    try:
        attestations = json.loads(field)
    except ValueError:
        attestations = None
    if not isinstance(attestations, list) or not attestations:
        raise Refused(400, "Invalid attestations supplied during upload: malformed")
    return attestations


def _check_name(file: File) -> None:
    """Refuse a file name that does not agree with the metadata."""
    extension = _EXTENSIONS[file.packagetype]
    if "/" in file.filename or "\\" in file.filename:
        raise Refused(400, "Cannot upload a file with '/' or '\\' in its name.")
    if not file.filename.endswith(extension):
        raise Refused(400, "Invalid file extension: Use .tar.gz or .whl extension.")
    try:
        if file.packagetype == "sdist":
            name, version = parse_sdist_filename(file.filename)
            platforms: set[str] = set()
        else:
            name, version, _, tags = parse_wheel_filename(file.filename)
            platforms = {tag.platform for tag in tags}
    except (InvalidSdistFilename, InvalidWheelFilename) as error:
        raise Refused(400, str(error)) from None
    spelling = file.project.replace("-", "_")
    if name != file.project or not file.filename.startswith(f"{spelling}-"):
        raise Refused(400, f"Start filename for {file.project!r} with {spelling!r}.")
    if version != Version(file.version):
        raise Refused(400, f"Version in filename should be '{file.version}' not '{version}'.")
    for platform in platforms:
        if not _PLATFORM.fullmatch(platform):
            trouble = f"has an unsupported platform tag '{platform}'."
            raise Refused(400, f"Binary wheel '{file.filename}' {trouble}")


def _check_content(file: File, content: bytes) -> None:
    """Refuse bytes that are not the distribution they claim to be."""
    stem = file.filename.removesuffix(_EXTENSIONS[file.packagetype])
    try:
        if file.packagetype == "sdist":
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as sdist:
                names = set(sdist.getnames())
            required = {f"{stem}/PKG-INFO"}
        else:
            with zipfile.ZipFile(io.BytesIO(content)) as wheel:
                names = set(wheel.namelist()) if wheel.testzip() is None else set()
            info = "-".join(stem.split("-")[:2]) + ".dist-info"
            required = {f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"}
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError):
        raise Refused(400, "Invalid distribution file.") from None
    if missing := required - names:
        trouble = f"does not contain the required file {min(missing)}"
        raise Refused(400, f"Invalid distribution file. '{file.filename}' {trouble}.")


def _sdist_metadata(path: Path) -> bytes:
    """Return the PKG-INFO of an sdist."""
    member = f"{path.name.removesuffix(_EXTENSIONS['sdist'])}/PKG-INFO"
    with tarfile.open(path) as archive:
        file = archive.extractfile(member)
        return file.read() if file else b""
