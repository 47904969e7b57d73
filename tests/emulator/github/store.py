"""The emulated GitHub's state: JSON documents below one folder, and who may do what.

Every document is a plain file that is rewritten whole on each change, so copying the folder is a
checkpoint and a new process that opens the copy carries on from it.

    ROOT/github/state.json                      users, tokens, the next id
    ROOT/github/repos/OWNER/NAME/repo.json      settings, releases, issues, rulesets, environments
    ROOT/github/repos/OWNER/NAME/git            the bare repository
    ROOT/github/repos/OWNER/NAME/assets/ID      bytes of a release asset
    ROOT/github/repos/OWNER/NAME/runs/ID/       run.json, the workflow, logs, artifacts
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import shutil
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Json = dict[str, Any]

#: Roles of a repository, weakest first. Source: "Repository roles for an organization", GitHub docs.
ROLES = ("none", "read", "triage", "write", "maintain", "admin")

#: The labels GitHub puts into every new repository.
DEFAULT_LABELS = ("bug", "documentation", "duplicate", "enhancement", "good first issue")


class ApiError(Exception):
    """An answer other than success, in the form GitHub's REST API gives it.

    Args:
        status: HTTP status.
        message: GitHub's sentence, as clients print it.
        errors: the entries of the `errors` list, if any.
    """

    def __init__(self, status: int, message: str, errors: list[Json] | None = None) -> None:
        super().__init__(status, message, errors)  # all of it, or it cannot be pickled
        self.status = status
        self.message = message
        self.errors = errors

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message


class Document(dict[str, Any]):
    """A JSON object bound to its file.

    Args:
        path: the file; need not exist yet.
        data: initial content.
    """

    def __init__(self, path: Path, data: Json) -> None:
        super().__init__(data)
        self.path = path

    def save(self) -> None:
        """Write the object to its file; a reader sees the old text or the new, never a part."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f".{self.path.name}.{threading.get_ident()}")
        scratch.write_text(json.dumps(self, indent=1), encoding="utf-8")
        scratch.replace(self.path)


def now() -> str:
    """Return the present time as GitHub writes it (UTC, whole seconds)."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Actor:
    """Whoever sent a request: a user, a workflow's job, or nobody.

    Attributes:
        login: the user's login, "github-actions[bot]" for a job, "" for nobody.
        job: for a job's token its record (`repo`, `run`, `job`, `permissions`), else None.
        scopes: OAuth scopes of a user's token.
    """

    def __init__(self, login: str = "", job: Json | None = None, scopes: str = "") -> None:
        self.login = login
        self.job = job
        self.scopes = scopes

    @property
    def anonymous(self) -> bool:
        """Whether no credential was sent."""
        return not self.login


class Store:
    """All documents, cached in memory and written through.

    `lock` guards every read-modify-write; `changed` is notified after each change of a run, so
    that waiting needs no polling.

    Args:
        root: the sandbox's folder; state lives in `root/github`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root / "github"
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._repos: dict[str, Document] = {}
        self._runs: dict[int, Document] = {}
        #: Called with (repository, name of the event, its payload, who) for each event that may
        #: start workflows. The scheduler puts itself here.
        self.on_event: Callable[[Document, str, Json, Actor], None] | None = None
        self.state = self._load(self.root / "state.json", {"next_id": 1001, "users": {}, "tokens": {}})
        for path in sorted(self.root.glob("repos/*/*/repo.json")):
            repo = self._load(path, {})
            for full_name in [*repo.get("former", []), repo["full_name"]]:
                self._repos[full_name.lower()] = repo
        for path in sorted(self.root.glob("repos/*/*/runs/*/run.json")):
            run = self._load(path, {})
            self._runs[run["id"]] = run

    @staticmethod
    def _load(path: Path, default: Json) -> Document:
        data = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default
        return Document(path, data)

    # -- identity ---------------------------------------------------------------------------

    def new_id(self) -> int:
        """Return an id that nothing else in this sandbox has."""
        with self.lock:
            value: int = self.state["next_id"]
            self.state["next_id"] = value + 1
            self.state.save()
            return value

    def user(self, login: str) -> Json:
        """Return the account of that login, which is made on first mention.

        Each account has one classic personal access token with the scopes `gh auth login` asks
        for.
        """
        with self.lock:
            for name, record in self.state["users"].items():
                if name.lower() == login.lower():
                    found: Json = record
                    return found
            record = {"login": login, "id": self.new_id(), "type": "User"}
            token = f"ghp_{secrets.token_hex(18)}"
            record["token"] = token
            self.state["users"][login] = record
            self.state["tokens"][token] = {
                "kind": "user",
                "login": login,
                "scopes": "gist, read:org, repo, workflow",
            }
            self.state.save()
            return record

    def actor(self, token: str | None) -> Actor:
        """Return whose token this is.

        Raises:
            ApiError: 401, when the token is not (or no longer) valid.
        """
        if not token:
            return Actor()
        record = self.state["tokens"].get(token)
        if record is None:
            raise ApiError(401, "Bad credentials")
        if record["kind"] == "user":
            return Actor(record["login"], scopes=record["scopes"])
        return Actor("github-actions[bot]", job=record)

    def job_token(self, repo: str, run: int, job: int, permissions: dict[str, str]) -> str:
        """Make a token for one job, good until `revoke`.

        Args:
            repo: "owner/name" of the job's repository, the only one the token opens.
            run: the run's id.
            job: the job's id.
            permissions: scope to "read" or "write"; a scope left out is "none".
        """
        with self.lock:
            token = f"ghs_{secrets.token_hex(18)}"
            self.state["tokens"][token] = {
                "kind": "job",
                "repo": repo,
                "run": run,
                "job": job,
                "permissions": permissions,
            }
            self.state.save()
            return token

    def revoke(self, token: str) -> None:
        """Make a token invalid, as GitHub does with a job's when the job ends."""
        with self.lock:
            self.state["tokens"].pop(token, None)
            self.state.save()

    # -- repositories -----------------------------------------------------------------------

    def repositories(self) -> list[Document]:
        """Return every repository, in the order they were made."""
        by_id = {repo["id"]: repo for repo in self._repos.values()}
        return [by_id[key] for key in sorted(by_id)]

    def repo(self, full_name: str) -> Document:
        """Return the repository "owner/name"; case does not matter.

        Raises:
            ApiError: 404, when there is none.
        """
        try:
            return self._repos[full_name.lower()]
        except KeyError:
            raise ApiError(404, "Not Found") from None

    def create_repo(
        self, owner: str, name: str, default_branch: str = "main", *, private: bool = False
    ) -> Document:
        """Make a repository whose owner is its administrator.

        Raises:
            ApiError: 422, when it is there already.
        """
        full_name = f"{owner}/{name}"
        with self.lock:
            if full_name.lower() in self._repos:
                message = "Repository creation failed."
                raise ApiError(422, message, [{"message": "name already exists on this account"}])
            record = self.user(owner)
            repo = Document(
                self.root / "repos" / owner / name / "repo.json",
                {
                    "id": self.new_id(),
                    "full_name": full_name,
                    "owner": record["login"],
                    "name": name,
                    "default_branch": default_branch,
                    "private": private,
                    "fork": False,
                    "archived": False,
                    "description": "",
                    "created_at": now(),
                    "roles": {record["login"]: "admin"},
                    "teams": {},
                    "rulesets": [],
                    "environments": {},
                    "releases": [],
                    "issues": [],
                    "pulls": [],
                    "labels": [
                        {"id": self.new_id(), "name": label, "color": "ededed", "description": ""}
                        for label in DEFAULT_LABELS
                    ],
                    "workflows": {},
                    "statuses": {},
                    "variables": {},
                    "immutable_releases": False,
                    "actions": {
                        "enabled": True,
                        "allowed_actions": "all",
                        "sha_pinning_required": False,
                        "default_workflow_permissions": "read",
                        "can_approve_pull_request_reviews": False,
                    },
                    "next_number": 1,
                    "next_run_number": {},
                },
            )
            repo.save()
            self._repos[full_name.lower()] = repo
            return repo

    def rename(self, repo: Document, name: str) -> Document:
        """Give a repository another name; the old one goes on leading to it, as on GitHub."""
        with self.lock:
            old, new = repo["full_name"], f"{repo['owner']}/{name}"
            repo |= {"full_name": new, "name": name, "former": [*repo.get("former", []), old]}
            repo.save()
            self._repos[new.lower()] = repo
            for run in self._runs.values():
                if run["repository"] == old:
                    run["repository"] = new
                    run.save()
            return repo

    def role(self, repo: Json, login: str) -> str:
        """Return the role of a user in a repository, one of `ROLES`."""
        for name, role in repo["roles"].items():
            if name.lower() == login.lower():
                return str(role)
        return "none" if repo["private"] else "read"

    def folder(self, repo: Document) -> Path:
        """Return the folder all files of this repository live below."""
        return repo.path.parent

    # -- runs -------------------------------------------------------------------------------

    def runs(self, repo: Json) -> list[Document]:
        """Return the workflow runs of a repository, newest first."""
        mine = [run for run in self._runs.values() if run["repository"] == repo["full_name"]]
        return sorted(mine, key=lambda run: -run["id"])

    def all_runs(self) -> Iterator[Document]:
        """Yield the workflow runs of all repositories, oldest first."""
        yield from sorted(self._runs.values(), key=lambda run: run["id"])

    def run(self, run_id: int) -> Document:
        """Return a workflow run.

        Raises:
            ApiError: 404, when there is none.
        """
        try:
            return self._runs[run_id]
        except KeyError:
            raise ApiError(404, "Not Found") from None

    def add_run(self, repo: Document, data: Json) -> Document:
        """File a new run of a repository and return it."""
        with self.lock:
            path = self.folder(repo) / "runs" / str(data["id"]) / "run.json"
            run = Document(path, data)
            run.save()
            self._runs[run["id"]] = run
            return run

    def drop_run(self, run: Document) -> None:
        """Forget a run and delete its files."""
        with self.lock:
            del self._runs[run["id"]]
            shutil.rmtree(run.path.parent)

    def touch(self, run: Document) -> None:
        """Save a run that changed and wake everybody who waits for a change."""
        with self.lock:
            run["updated_at"] = now()
            run.save()
            self.changed.notify_all()

    def emit(self, repo: Document, event: str, payload: Json, actor: Actor) -> None:
        """Tell the scheduler that something happened that may start workflows.

        What a job's own token does starts nothing but dispatches, as on GitHub. Source: "Triggering
        a workflow from a workflow", GitHub docs.
        """
        if actor.job is not None and event not in {"workflow_dispatch", "repository_dispatch"}:
            return
        if self.on_event is not None:
            self.on_event(repo, event, payload, actor)
