"""The frame of the emulated REST API: routes, credentials, rights, pages and error answers.

A handler is declared with the permission a job's token needs for it and the role a user needs;
both are enforced here, before the handler runs:

    @route("GET", "/repos/<owner>/<name>/releases", permission="contents")
    def list_releases(call: Call) -> Answer: ...
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from . import contract
from .git import GitRepo
from .store import ROLES, Actor, ApiError, Document, Json, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from emulator.scheduler import Scheduler

API = "https://api.github.com"

#: Where a job asks for its identity token, and the service its artifacts go to.
OIDC_HOST = "pipelines.actions.githubusercontent.com"
RESULTS_HOST = "results-receiver.actions.githubusercontent.com"

#: What a handler returns: JSON, (status, JSON), nothing (204), or a response of its own.
Answer = Json | list[Any] | tuple[int, Any] | Response | None

_LEVELS = {"none": 0, "read": 1, "write": 2, "admin": 3}


_SLASH = "\ue000"  # stands for %2F while a path is matched


@dataclasses.dataclass(frozen=True)
class Route:
    """One method and path, with the rights it asks for."""

    method: str
    path: str
    handler: Callable[..., Answer]
    permission: str
    level: str
    role: str


ROUTES: list[Route] = []


def route(
    method: str, path: str, *, permission: str = "metadata", level: str = "", role: str = ""
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a handler.

    Args:
        method: HTTP method.
        path: werkzeug rule; `<owner>/<name>` after `/repos/` is resolved to `call.repo`.
        permission: the scope under `permissions:` that a job's token needs.
        level: "read", "write" or "admin" (no job's token has that); by the method if left out.
        role: the role a user needs; by the level if left out.
    """
    level = level or ("read" if method == "GET" else "write")

    def register(handler: Callable[..., Answer]) -> Callable[..., Answer]:
        ROUTES.append(Route(method, path, handler, permission, level, role or level))
        return handler

    return register


class Call:
    """One request, as its handler sees it.

    Attributes:
        api: the application; gives the store and the scheduler.
        request: the HTTP request.
        actor: who sent it.
    """

    def __init__(self, api: RestApi, request: Request, actor: Actor) -> None:
        self.api = api
        self.store: Store = api.store
        self.request = request
        self.actor = actor
        self._repo: Document | None = None

    @property
    def repo(self) -> Document:
        """The repository of the path."""
        if self._repo is None:
            raise ApiError(404, "Not Found")
        return self._repo

    @functools.cached_property
    def git(self) -> GitRepo:
        """The git repository of the path."""
        return GitRepo(self.store, self.repo)

    @functools.cached_property
    def body(self) -> Json:
        """The JSON object in the request's body; empty when there is no body.

        Raises:
            ApiError: 400, when it is not a JSON object.
        """
        raw = self.request.get_data()
        try:
            data = json.loads(raw) if raw else {}
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise ApiError(400, "Problems parsing JSON")
        return data

    def can(self, permission: str, level: str, role: str = "") -> bool:
        """Say whether the sender has a permission (job) or role (user) here."""
        if self.actor.job is not None:
            if self.actor.job["repo"] != self.repo["full_name"] or level == "admin":
                return False
            held = self.actor.job["permissions"].get(permission, "none")
            return permission == "metadata" or _LEVELS[held] >= _LEVELS[level]
        if self.actor.anonymous:
            return level == "read" and not self.repo["private"]
        have = self.store.role(self.repo, self.actor.login)
        return ROLES.index(have) >= ROLES.index(role or level)

    def enter(self, full_name: str, wanted: Route) -> None:
        """Resolve the repository and refuse a sender without the rights.

        Raises:
            ApiError: 404 where the sender may not know the repository, 401 and 403 otherwise.
        """
        self._repo = self.store.repo(full_name)
        if not self.actor.job and not self.can("metadata", "read"):
            raise ApiError(404, "Not Found")
        if self.can(wanted.permission, wanted.level, wanted.role):
            return
        if self.actor.job is not None:
            raise ApiError(403, "Resource not accessible by integration")
        if self.actor.anonymous:
            raise ApiError(401, "Requires authentication")
        if wanted.role == "admin":
            raise ApiError(403, "Must have admin rights to Repository.")
        raise ApiError(403, f"Must have {wanted.role} access to Repository.")

    def page(self, items: Iterable[Any], key: str = "", **extra: object) -> Response:
        """Answer with the page of a list that the query asks for, with Link headers.

        Args:
            items: the whole list.
            key: where GitHub wraps the list in an object, the list's key; `total_count` is added.
            extra: further keys of that object.
        """
        everything = list(items)
        size = max(1, min(int(self.request.args.get("per_page", 30)), 100))
        number = max(1, int(self.request.args.get("page", 1)))
        last = max(1, -(-len(everything) // size))
        part = everything[(number - 1) * size : number * size]
        response = reply(200, {"total_count": len(everything), **extra, key: part} if key else part)
        links = {}
        if number < last:
            links = {"next": number + 1, "last": last}
        if number > 1:
            links |= {"prev": number - 1, "first": 1}
        if links:
            response.headers["Link"] = ", ".join(
                f'<{self._page_url(page)}>; rel="{relation}"' for relation, page in links.items()
            )
        return response

    def _page_url(self, page: int) -> str:
        query = re.sub(r"&?\bpage=\d+", "", self.request.query_string.decode()).strip("&")
        return f"{API}{self.request.path}?{query}&page={page}".replace("?&", "?")


def answered(result: Answer) -> Response:
    """Return what a handler returned as a response."""
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status=204)
    return reply(*result) if isinstance(result, tuple) else reply(200, result)


def reply(status: int, data: object) -> Response:
    """Return a JSON response."""
    return Response(json.dumps(data), status, content_type="application/json; charset=utf-8")


def failure(error: ApiError) -> Response:
    """Return the JSON that GitHub answers an error with."""
    data: Json = {"message": error.message}
    if error.errors is not None:
        data["errors"] = error.errors
    data |= {"documentation_url": "https://docs.github.com/rest", "status": str(error.status)}
    return reply(error.status, data)


def choose(data: Json, *keys: str) -> Json:
    """Return the entries of `data` under those of the keys that are there."""
    return {key: data[key] for key in keys if key in data}


def invalid(resource: str, field: str, code: str = "invalid") -> ApiError:
    """Return the error for a value that GitHub refuses."""
    return ApiError(422, "Validation Failed", [{"resource": resource, "field": field, "code": code}])


class RestApi:
    """WSGI application of api.github.com and uploads.github.com.

    Args:
        store: the state.
        scheduler: starts, approves and repeats workflow runs (see `emulator.scheduler.Scheduler`).
    """

    def __init__(self, store: Store, scheduler: Scheduler) -> None:
        self.store = store
        self.scheduler = scheduler
        self._map = Map(
            [Rule(r.path, methods=[r.method], endpoint=r) for r in ROUTES],
            strict_slashes=False,
            redirect_defaults=False,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        response = self.answer(request)
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        response.headers["X-GitHub-Request-Id"] = "D111:0000:000000:000000:00000000"
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer one request; every refusal is JSON."""
        try:
            actor = self.store.actor(credential(request))
            if self.store.state.get("rate_limited") and request.path != "/rate_limit":
                who = f"user ID {self.store.user(actor.login)['id']}" if actor.login else "you"
                response = failure(ApiError(403, f"API rate limit exceeded for {who}."))
                response.headers["X-RateLimit-Remaining"] = "0"
                response.headers["X-RateLimit-Reset"] = "4102444800"
                return response
            response = self._dispatch(request, actor)
            if actor.scopes:
                response.headers["X-OAuth-Scopes"] = actor.scopes
        except ApiError as error:
            return failure(error)
        except HTTPException:
            return failure(ApiError(404, "Not Found"))
        return response

    def _dispatch(self, request: Request, actor: Actor) -> Response:
        # A slash inside a name travels as %2F and does not part the path.
        raw = str(request.environ.get("REQUEST_URI", request.path)).partition("?")[0]
        path = unquote(re.sub("%2f", _SLASH, raw, flags=re.IGNORECASE))
        adapter = self._map.bind("api.github.com", path_info=path)
        method = "GET" if request.method == "HEAD" else request.method
        found, values = adapter.match(method=method)
        args = {
            key: value.replace(_SLASH, "/") if isinstance(value, str) else value
            for key, value in values.items()
        }
        if not isinstance(found, Route):
            raise NotFound
        call = Call(self, request, actor)
        described = contract.operation(
            contract.key_of(method, found.path.replace("<verb>", args.get("verb", "")))
        )
        with self.store.lock:
            if found.path.startswith("/repos/<owner>/<name>"):
                call.enter(f"{args.pop('owner')}/{args.pop('name')}", found)
            if described:
                sent = request.get_data() and not described.takes_file
                described.check_request(request.args, call.body if sent else None)
            response = answered(found.handler(call, **args))
        if described and response.status_code < 400:
            described.check_answer(response.status_code, response.json if response.is_json else None)
        return response


def credential(request: Request) -> str | None:
    """Return the token in the Authorization header, None where there is none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() in {"token", "bearer"} else None
