"""The hosts a job talks to beside the API: identity tokens, artifacts, and stored blobs."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

import jwt
from werkzeug.wrappers import Request, Response

from emulator.https import oidc_key

from .actions_api import BLOB_HOST, find_job
from .releases import ASSET_HOST
from .repository import user_json
from .rest import OIDC_HOST, RESULTS_HOST, credential, reply
from .store import ApiError, Document, Json, Store, now

if TYPE_CHECKING:
    from pathlib import Path

#: The issuer in the tokens, with the keys to verify them.
ISSUER_HOST = "token.actions.githubusercontent.com"

_KEY_ID = "emulator"
_TWIRP_CODES = {400: "invalid_argument", 401: "unauthenticated", 404: "not_found", 409: "already_exists"}
_TWIRP = "/twirp/github.actions.results.api.v1.ArtifactService/"


def claims(store: Store, run: Json, job: Json, audience: str) -> Json:
    """Return the claims of a job's identity token. Source: "OpenID Connect reference".

    Args:
        store: the state.
        run: the run.
        job: the job's record.
        audience: who the token is for.
    """
    repo = store.repo(run["repository"])
    owner = user_json(store, repo["owner"])
    environment = job["environment"]
    where = f"environment:{environment}" if environment else f"ref:{run['ref']}"
    if not environment and run["event"] == "pull_request":
        where = "pull_request"
    file = f"{repo['full_name']}/{run['path']}@{run['ref']}"
    seconds = int(time.time())
    found = {
        "jti": str(uuid.uuid4()),
        "sub": f"repo:{repo['full_name']}:{where}",
        "aud": audience,
        "iss": f"https://{ISSUER_HOST}",
        "iat": seconds,
        "nbf": seconds - 300,
        "exp": seconds + 300,
        "ref": run["ref"],
        "ref_type": "tag" if run["ref"].startswith("refs/tags/") else "branch",
        "ref_protected": "false",
        "sha": run["sha"],
        "repository": repo["full_name"],
        "repository_id": str(repo["id"]),
        "repository_owner": repo["owner"],
        "repository_owner_id": str(owner["id"]),
        "repository_visibility": "private" if repo["private"] else "public",
        "run_id": str(run["id"]),
        "run_number": str(run["number"]),
        "run_attempt": str(run["attempt"]),
        "actor": run["actor"],
        "actor_id": str(user_json(store, run["actor"])["id"]),
        "event_name": run["event"],
        "workflow": run["name"],
        "workflow_ref": file,
        "workflow_sha": run["sha"],
        "job_workflow_ref": file,
        "job_workflow_sha": run["sha"],
        "head_ref": "",
        "base_ref": "",
        "runner_environment": "github-hosted",
    }
    return found | ({"environment": environment} if environment else {})


class Services:
    """WSGI-ready answers of those hosts; `HOSTS` maps each to its method.

    Args:
        store: the state.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._key = oidc_key(store.root.parent)
        self.hosts = {
            OIDC_HOST: self.identity,
            ISSUER_HOST: self.issuer,
            RESULTS_HOST: self.artifacts,
            BLOB_HOST: self.blob,
            ASSET_HOST: self.blob,
        }

    def _pass(self, request: Request, kind: str) -> tuple[Document, Json]:
        """Return the run and job of the credential in a request.

        Raises:
            ApiError: 401, when it is not one of that kind, or its job has ended.
        """
        record = self.store.state["tokens"].get(credential(request) or "")
        if record is None or record["kind"] != kind:
            raise ApiError(401, "Bad credentials")
        return find_job(self.store, self.store.repo(record["repo"]), record["job"])

    def identity(self, request: Request) -> Response:
        """Give a job with `id-token: write` its identity token."""
        run, job = self._pass(request, "oidc")
        audience = request.args.get("audience") or f"https://github.com/{run['repository']}"
        found = claims(self.store, run, job, audience)
        token = jwt.encode(found, self._key, algorithm="RS256", headers={"kid": _KEY_ID})
        return reply(200, {"value": token})

    def issuer(self, request: Request) -> Response:
        """Publish the issuer's metadata and public key."""
        base = f"https://{ISSUER_HOST}"
        if request.path == "/.well-known/openid-configuration":
            return reply(200, {"issuer": base, "jwks_uri": f"{base}/.well-known/jwks"})
        if request.path == "/.well-known/jwks":
            key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
            return reply(200, {"keys": [{**key, "kid": _KEY_ID, "alg": "RS256", "use": "sig"}]})
        raise ApiError(404, "Not Found")

    # -- artifacts --------------------------------------------------------------------------

    def artifacts(self, request: Request) -> Response:
        """Serve the artifact service of a run: create, finalize, list, sign, delete.

        The shape is that of the real service (Twirp, JSON), errors included. An attempt may use a name once;
        a later attempt takes the name over.
        """
        try:
            return self._artifacts(request)
        except ApiError as error:
            answer = reply(error.status, {"code": _TWIRP_CODES.get(error.status), "msg": error.message})
            answer.status = f"{error.status} {HTTPStatus(error.status).phrase}"  # clients print the phrase
            return answer

    def _artifacts(self, request: Request) -> Response:
        run, _ = self._pass(request, "runtime")
        method = request.path.removeprefix(_TWIRP)
        body = json.loads(request.get_data() or b"{}")
        with self.store.lock:
            answer = {
                "CreateArtifact": self._create,
                "FinalizeArtifact": self._finalize,
                "ListArtifacts": self._list,
                "GetSignedArtifactURL": self._sign,
                "DeleteArtifact": self._delete,
            }.get(method)
            if answer is None:
                raise ApiError(404, "Not Found")
            return reply(200, answer(run, body))

    def _file(self, run: Document, artifact: Json) -> Path:
        return run.path.parent / "artifacts" / str(artifact["id"])

    def _url(self, run: Document, artifact: Json) -> str:
        inside = self._file(run, artifact).relative_to(self.store.root)
        return f"https://{BLOB_HOST}/{inside}?sig=emulator"

    def _create(self, run: Document, body: Json) -> Json:
        name = str(body.get("name", ""))
        if not name or re.search(r'[":<>|*?\r\n\\/]', name):
            raise ApiError(400, f"The artifact name is not valid: {name}")
        for item in run["artifacts"]:
            if item["name"] == name and item["attempt"] == run["attempt"]:
                why = "an artifact with this name already exists on the workflow run"
                raise ApiError(409, why)
        artifact = {"id": self.store.new_id(), "name": name, "attempt": run["attempt"]}
        run.setdefault("uploads", {})[name] = artifact
        self.store.touch(run)
        return {"ok": True, "signed_upload_url": self._url(run, artifact)}

    def _finalize(self, run: Document, body: Json) -> Json:
        artifact = run.get("uploads", {}).pop(body.get("name"), None)
        if artifact is None or not self._file(run, artifact).is_file():
            raise ApiError(404, "no such upload")
        data = self._file(run, artifact).read_bytes()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if body.get("hash") not in {None, digest}:
            raise ApiError(400, "the hash does not match what was uploaded")
        days = int(body.get("retention_days") or 90)
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        artifact |= {"size": len(data), "digest": digest, "created_at": now(), "updated_at": now()}
        artifact["expires_at"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        others = [item for item in run["artifacts"] if item["name"] != artifact["name"]]
        run["artifacts"] = [*others, artifact]
        self.store.touch(run)
        return {"ok": True, "artifact_id": str(artifact["id"])}

    def _list(self, run: Document, body: Json) -> Json:
        keys = ("name", "size", "digest", "created_at")
        name, number = body.get("name_filter"), body.get("id_filter")
        items = [
            item
            for item in run["artifacts"]
            if name in {None, item["name"]} and number in {None, str(item["id"])}
        ]
        return {
            "artifacts": [
                {"database_id": str(item["id"]), **{key: item[key] for key in keys}} for item in items
            ]
        }

    def _sign(self, run: Document, body: Json) -> Json:
        for item in run["artifacts"]:
            if item["name"] == body.get("name"):
                return {"signed_url": self._url(run, item)}
        raise ApiError(404, "no such artifact")

    def _delete(self, run: Document, body: Json) -> Json:
        for item in run["artifacts"]:
            if item["name"] == body.get("name"):
                run["artifacts"].remove(item)
                self.store.touch(run)
                return {"ok": True, "artifact_id": str(item["id"])}
        raise ApiError(404, "no such artifact")

    def blob(self, request: Request) -> Response:
        """Store or serve bytes below the state's folder; the address is the permission."""
        path = (self.store.root / request.path.lstrip("/")).resolve()
        served = {"blobs", "artifacts", "assets"} & set(path.parts)
        if not path.is_relative_to(self.store.root) or not served:
            raise ApiError(404, "Not Found")
        if request.method == "PUT":
            path.parent.mkdir(parents=True, exist_ok=True)
            return _stored(path, request)
        if not path.is_file():
            raise ApiError(404, "Not Found")
        kind = "application/zip" if path.parent.name == "artifacts" else "application/octet-stream"
        return Response(path.read_bytes(), content_type=kind)


def _stored(path: Path, request: Request) -> Response:
    """Store a blob: at once, or block by block and then their list. Source: Azure's "Put Block List"."""
    kind, blocks = request.args.get("comp"), path.with_name(f"{path.name}.blocks")
    if kind == "block":
        blocks.mkdir(exist_ok=True)
        (blocks / request.args["blockid"].encode().hex()).write_bytes(request.get_data())
    elif kind == "blocklist":
        ids = re.findall(r"<(?:Latest|Uncommitted)>([^<]*)</", request.get_data(as_text=True))
        path.write_bytes(b"".join((blocks / one.encode().hex()).read_bytes() for one in ids))
        shutil.rmtree(blocks)
    else:
        path.write_bytes(request.get_data())
    return Response(status=201)
