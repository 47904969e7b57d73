"""Issues, comments and labels."""

from __future__ import annotations

from typing import Any

from .repository import user_json
from .rest import API, Answer, Call, choose, invalid, route
from .store import ApiError, Document, Json, Store, now

LONGEST = 65_536  # characters of the body of an issue or a comment


def issue_json(store: Store, repo: Json, issue: Json) -> Json:
    """Return an issue as the REST API shows it; in a list, without who closed it."""
    names = {label["name"]: label for label in repo["labels"]}
    return {
        **{
            key: value
            for key, value in issue.items()
            if key not in {"author", "base", "closed_by", "comments", "fork", "head"}
        },
        "node_id": f"I_{issue['id']}",
        "html_url": f"https://github.com/{repo['full_name']}/issues/{issue['number']}",
        "url": f"{API}/repos/{repo['full_name']}/issues/{issue['number']}",
        "user": user_json(store, issue["author"]),
        "labels": [names.get(name, {"name": name}) for name in issue["labels"]],
        "assignees": [user_json(store, login) for login in issue["assignees"]],
        "comments": len(issue["comments"]),
    }


def find_issue(repo: Json, number: int) -> Json:
    """Return an issue.

    Raises:
        ApiError: 404.
    """
    for issue in repo["issues"]:
        if issue["number"] == number:
            found: Json = issue
            return found
    raise ApiError(404, "Not Found")


def check_length(resource: str, data: Json) -> None:
    """Refuse a text that GitHub does not store."""
    if len(data.get("body") or "") > LONGEST:
        error = {"resource": resource, "field": "body", "code": "custom"}
        raise ApiError(
            422,
            "Validation Failed",
            [{**error, "message": f"body is too long (maximum is {LONGEST} characters)"}],
        )


def new_issue(store: Store, repo: Document, author: str, data: Json) -> Json:
    """File an issue; labels that do not exist are made, as GitHub does for who may write."""
    if not data.get("title"):
        raise invalid("Issue", "title", "missing_field")
    check_length("Issue", data)
    number = repo["next_number"]
    repo["next_number"] = number + 1
    issue: Json = {
        "id": store.new_id(),
        "number": number,
        "title": data["title"],
        "body": data.get("body") or "",
        "state": "open",
        "state_reason": None,
        "author": author,
        "labels": [],
        "assignees": list(data.get("assignees") or []),
        "comments": [],
        "created_at": now(),
        "updated_at": now(),
        "closed_at": None,
    }
    set_labels(store, repo, issue, data.get("labels") or [])
    repo["issues"].append(issue)
    repo.save()
    return issue


def set_labels(store: Store, repo: Document, issue: Json, labels: list[Any]) -> None:
    """Give an issue these labels (names, or objects with a name) and no others."""
    names = [label["name"] if isinstance(label, dict) else str(label) for label in labels]
    known = {label["name"] for label in repo["labels"]}
    for name in names:
        if name not in known:
            record = {"id": store.new_id(), "name": name, "color": "ededed", "description": ""}
            repo["labels"].append(record)
    issue["labels"] = list(dict.fromkeys(names))
    repo.save()


def change_issue(store: Store, repo: Document, issue: Json, data: Json, actor: str = "") -> None:
    """Change title, body, state, labels or assignees of an issue; the actor is who closes it."""
    check_length("Issue", data)
    issue.update(choose(data, "title", "body", "assignees"))
    if "labels" in data:
        set_labels(store, repo, issue, data["labels"])
    if data.get("state") in {"open", "closed"}:
        closed = data["state"] == "closed"
        reason = (data.get("state_reason") or "completed") if closed else "reopened"
        issue |= {"state": data["state"], "state_reason": reason}
        issue["closed_at"] = now() if closed else None
        issue["closed_by"] = (actor or issue["author"]) if closed else None
    issue["updated_at"] = now()
    repo.save()


def add_comment(store: Store, repo: Document, issue: Json, author: str, body: str) -> Json:
    """Add a comment to an issue."""
    check_length("IssueComment", {"body": body})
    comment = {"id": store.new_id(), "author": author, "body": body, "created_at": now()}
    issue["comments"].append(comment)
    issue["updated_at"] = now()
    repo.save()
    return comment


def comment_json(store: Store, repo: Json, issue: Json, comment: Json) -> Json:
    """Return a comment as the REST API shows it."""
    page = f"https://github.com/{repo['full_name']}/issues/{issue['number']}"
    return {
        **{key: value for key, value in comment.items() if key != "author"},
        "node_id": f"IC_{comment['id']}",
        "user": user_json(store, comment["author"]),
        "html_url": f"{page}#issuecomment-{comment['id']}",
    }


@route("GET", "/repos/<owner>/<name>/issues", permission="issues")
def list_issues(call: Call) -> Answer:
    """List issues by state, labels and author, newest first; pull requests are among them, as on GitHub."""
    args = call.request.args
    state = args.get("state", "open")
    labels = [name for name in args.get("labels", "").split(",") if name]
    creator = args.get("creator", "")
    pulls = [{**pull, "labels": [], "assignees": [], "comments": []} for pull in call.repo["pulls"]]
    return call.page(
        issue_json(call.store, call.repo, issue) | ({"pull_request": {}} if issue in pulls else {})
        for issue in sorted([*call.repo["issues"], *pulls], key=lambda issue: -issue["number"])
        if state in {"all", issue["state"]}
        and set(labels) <= set(issue["labels"])
        and creator in {"", issue["author"]}
    )


@route("POST", "/repos/<owner>/<name>/issues", permission="issues", role="read")
def create_issue(call: Call) -> Answer:
    """File an issue; labels and assignees are dropped for who may not set them."""
    data = dict(call.body)
    if not call.can("issues", "write", "triage"):
        data.pop("labels", None)
    issue = new_issue(call.store, call.repo, call.actor.login, data)
    return 201, issue_json(call.store, call.repo, issue)


@route("GET", "/repos/<owner>/<name>/issues/<int:number>", permission="issues")
def get_issue(call: Call, number: int) -> Answer:
    """Show an issue."""
    issue = find_issue(call.repo, number)
    closer = issue.get("closed_by")
    shown = issue_json(call.store, call.repo, issue)
    return shown | {"closed_by": user_json(call.store, closer) if closer else None}


@route("PATCH", "/repos/<owner>/<name>/issues/<int:number>", permission="issues", role="triage")
def edit_issue(call: Call, number: int) -> Answer:
    """Change an issue."""
    issue = find_issue(call.repo, number)
    change_issue(call.store, call.repo, issue, call.body, call.actor.login)
    return issue_json(call.store, call.repo, issue)


@route("GET", "/repos/<owner>/<name>/issues/<int:number>/comments", permission="issues")
def list_comments(call: Call, number: int) -> Answer:
    """List comments, oldest first."""
    issue = find_issue(call.repo, number)
    comments = issue["comments"]
    return call.page(comment_json(call.store, call.repo, issue, item) for item in comments)


@route("POST", "/repos/<owner>/<name>/issues/<int:number>/comments", permission="issues", role="read")
def create_comment(call: Call, number: int) -> Answer:
    """Comment on an issue."""
    issue = find_issue(call.repo, number)
    body = str(call.body.get("body", ""))
    comment = add_comment(call.store, call.repo, issue, call.actor.login, body)
    return 201, comment_json(call.store, call.repo, issue, comment)


@route("POST", "/repos/<owner>/<name>/issues/<int:number>/labels", permission="issues", role="triage")
def add_labels(call: Call, number: int) -> Answer:
    """Add labels to an issue."""
    issue = find_issue(call.repo, number)
    set_labels(call.store, call.repo, issue, [*issue["labels"], *call.body.get("labels", [])])
    return issue_json(call.store, call.repo, issue)["labels"]  # type: ignore[no-any-return]


@route("GET", "/repos/<owner>/<name>/labels", permission="issues")
def list_labels(call: Call) -> Answer:
    """List the labels of the repository."""
    return call.page(call.repo["labels"])


@route("GET", "/repos/<owner>/<name>/labels/<label>", permission="issues")
def get_label(call: Call, label: str) -> Answer:
    """Show a label."""
    for record in call.repo["labels"]:
        if record["name"].lower() == label.lower():
            found: Json = record
            return found
    raise ApiError(404, "Not Found")


@route("POST", "/repos/<owner>/<name>/labels", permission="issues")
def create_label(call: Call) -> Answer:
    """Make a label."""
    name = str(call.body.get("name", ""))
    if any(label["name"].lower() == name.lower() for label in call.repo["labels"]):
        raise invalid("Label", "name", "already_exists")
    record = {
        "id": call.store.new_id(),
        "name": name,
        "color": call.body.get("color", "ededed"),
        "description": call.body.get("description") or "",
    }
    call.repo["labels"].append(record)
    call.repo.save()
    return 201, record
