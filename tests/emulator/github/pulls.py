"""Pull requests, as far as a workflow and its maintainer open, refresh and close them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .git import GitRepo
from .repository import user_json
from .rest import API, Answer, Call, choose, invalid, route
from .store import Actor, ApiError, Document, Json, Store, now

if TYPE_CHECKING:
    from collections.abc import Mapping


def pull_json(store: Store, repo: Json, pull: Json) -> Json:
    """Return a pull request as the REST API shows it."""
    page = f"https://github.com/{repo['full_name']}/pull/{pull['number']}"
    return {
        **choose(pull, "id", "number", "title", "body", "state", "draft", "created_at"),
        "node_id": f"PR_{pull['id']}",
        "html_url": page,
        "url": f"{API}/repos/{repo['full_name']}/pulls/{pull['number']}",
        "user": user_json(store, pull["author"]),
        "labels": [label_json(name) for name in pull.get("labels", [])],
        "head": {"ref": pull["head"], "label": f"{repo['owner']}:{pull['head']}"},
        "base": {"ref": pull["base"], "label": f"{repo['owner']}:{pull['base']}"},
    }


def label_json(name: str) -> Json:
    """Return a label as the REST API shows it; only its name is told apart."""
    known: Json = {"id": 1, "node_id": "LA_1", "url": API, "description": "", "color": "ededed"}
    return {**known, "name": name, "default": False}


def find_pull(repo: Json, number: int) -> Json:
    """Return a pull request.

    Raises:
        ApiError: 404.
    """
    for pull in repo["pulls"]:
        if pull["number"] == number:
            found: Json = pull
            return found
    raise ApiError(404, "Not Found")


def open_pull(store: Store, repo: Document, data: Mapping[str, object], actor: Actor) -> Json:
    """Open a pull request of a branch, which starts workflows unless a job's token does it.

    Args:
        store: the state.
        repo: the repository.
        data: `head`, and any of `base`, `title`, `body`, `draft`, `fork` (whether to treat the branch as
            an outsider's).
        actor: who opens it.
    """
    git = GitRepo(store, repo)
    head, base = str(data["head"]), str(data.get("base") or repo["default_branch"])
    with store.lock:
        number = repo["next_number"]
        repo["next_number"] = number + 1
        title = data.get("title") or git.text("log", "-1", "--format=%s", f"refs/heads/{head}")
        pull = {
            "id": store.new_id(),
            "number": number,
            "title": title,
            "body": data.get("body") or "",
            "state": "open",
            "draft": bool(data.get("draft")),
            "head": head,
            "base": base,
            "fork": bool(data.get("fork")),
            "author": actor.login,
            "created_at": now(),
        }
        repo["pulls"].append(pull)
        repo.save()
        sha, merged = git.resolve(f"refs/heads/{head}"), git.merge(base, head)
        git.run("update-ref", f"refs/pull/{number}/merge", merged)
        git.run("update-ref", f"refs/pull/{number}/head", str(sha))
        of = {"repo": {"full_name": repo["full_name"], "fork": pull["fork"]}}
        sides = {
            "head": {"ref": head, "sha": sha, **of},
            "base": {"ref": base, "sha": git.resolve(f"refs/heads/{base}"), **of},
        }
        payload = {
            "action": "opened",
            "number": number,
            "ref": f"refs/pull/{number}/merge",
            "sha": merged,
            "head_sha": sha,
            "head_branch": head,
            "fork": pull["fork"],
            "pull_request": {**choose(pull, "id", "number", "title"), **sides},
        }
        store.emit(repo, "pull_request", payload, actor)
    return pull


@route("GET", "/repos/<owner>/<name>/pulls", permission="pull-requests")
def list_pulls(call: Call) -> Answer:
    """List pull requests by state and head, newest first."""
    args = call.request.args
    state, head = args.get("state", "open"), args.get("head", "")
    return call.page(
        pull_json(call.store, call.repo, pull)
        for pull in sorted(call.repo["pulls"], key=lambda pull: -pull["number"])
        if state in {"all", pull["state"]} and head in {"", f"{call.repo['owner']}:{pull['head']}"}
    )


@route("POST", "/repos/<owner>/<name>/pulls", permission="pull-requests")
def create_pull(call: Call) -> Answer:
    """Open a pull request; a job's token may do so only where the repository allows it."""
    actions = call.repo["actions"]
    if call.actor.job is not None and not actions["can_approve_pull_request_reviews"]:
        raise ApiError(403, "GitHub Actions is not permitted to create or approve pull requests.")
    head, base = call.body.get("head"), call.body.get("base")
    for field, branch in (("head", head), ("base", base)):
        if not branch or call.git.resolve(f"refs/heads/{branch}") is None:
            raise invalid("PullRequest", field)
    if any((p["head"], p["base"], p["state"]) == (head, base, "open") for p in call.repo["pulls"]):
        message = f"A pull request already exists for {call.repo['owner']}:{head}."
        raise ApiError(422, "Validation Failed", [{"resource": "PullRequest", "message": message}])
    return 201, pull_json(call.store, call.repo, open_pull(call.store, call.repo, call.body, call.actor))


@route("PATCH", "/repos/<owner>/<name>/pulls/<int:number>", permission="pull-requests")
def edit_pull(call: Call, number: int) -> Answer:
    """Change title, body or state; whether it is a draft cannot be changed here, as on GitHub."""
    pull = find_pull(call.repo, number)
    pull.update(choose(call.body, "title", "body", "state"))
    call.repo.save()
    return pull_json(call.store, call.repo, pull)


@route("GET", "/repos/<owner>/<name>/pulls/<int:number>/commits", permission="pull-requests")
def list_commits(call: Call, number: int) -> Answer:
    """List the commits of a pull request, oldest first."""
    pull = find_pull(call.repo, number)
    span = f"refs/heads/{pull['base']}..refs/heads/{pull['head']}"
    lines = call.git.text("log", "--reverse", "--format=%H %T %ae", span).splitlines()
    return call.page(
        {"sha": sha, "commit": {"tree": {"sha": tree}, "author": {"email": email}}}
        for sha, tree, email in (line.split(" ", 2) for line in lines)
    )
