"""The repository itself: users, git objects, contents, commits, checks."""

from __future__ import annotations

import base64
import binascii
import subprocess

from werkzeug.wrappers import Response

from . import rules
from .git import GitRepo
from .rest import API, Answer, Call, choose, invalid, route
from .store import ROLES, ApiError, Json, Store, now

# -- users ----------------------------------------------------------------------------------


def user_json(store: Store, login: str) -> Json:
    """Return an account as the REST API shows it; makes none."""
    if login.endswith("[bot]"):
        return {"login": login, "id": 41898282, "type": "Bot", "node_id": "BOT_41898282"}
    record = store.user(login)
    return {
        "login": record["login"],
        "id": record["id"],
        "node_id": f"U_{record['id']}",
        "type": record["type"],
        "url": f"{API}/users/{record['login']}",
        "html_url": f"https://github.com/{record['login']}",
        "name": None,
    }


@route("GET", "/")
def root(call: Call) -> Answer:
    """List entry points; `gh auth status` reads the scopes from the headers."""
    if call.actor.anonymous and call.request.headers.get("Authorization"):
        raise ApiError(401, "Bad credentials")
    return {"current_user_url": f"{API}/user"}


@route("GET", "/meta")
def meta(call: Call) -> Answer:
    """Say which kind of host this is."""
    del call
    return {"verifiable_password_authentication": False}


@route("GET", "/rate_limit")
def rate_limit(call: Call) -> Answer:
    """Show how many requests are left."""
    left = 0 if call.store.state.get("rate_limited") else 4999
    core = {"limit": 5000, "remaining": left, "reset": 4102444800, "used": 5000 - left}
    return {"resources": {"core": core, "graphql": core}, "rate": core}


@route("GET", "/user")
def current_user(call: Call) -> Answer:
    """Show the account of the token."""
    if call.actor.job is not None:
        raise ApiError(403, "Resource not accessible by integration")
    if call.actor.anonymous:
        raise ApiError(401, "Requires authentication")
    plan = {"name": call.store.user(call.actor.login).get("plan", "enterprise")}
    return {**user_json(call.store, call.actor.login), "plan": plan}


@route("GET", "/users/<login>")
def get_user(call: Call, login: str) -> Answer:
    """Show an account."""
    if login.lower() not in {known.lower() for known in call.store.state["users"]}:
        raise ApiError(404, "Not Found")
    return user_json(call.store, login)


# -- the repository -------------------------------------------------------------------------


def permissions(role: str) -> dict[str, bool]:
    """Return the `permissions` object of a repository for a role."""
    held = ROLES.index(role)
    names = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage"}
    flags = {key: held >= ROLES.index(least) for key, least in names.items()}
    return flags | {"pull": held >= ROLES.index("read")}


def repo_json(store: Store, repo: Json, login: str = "") -> Json:
    """Return a repository as the REST API shows it to a user."""
    return {
        "id": repo["id"],
        "node_id": f"R_{repo['id']}",
        "name": repo["name"],
        "full_name": repo["full_name"],
        "private": repo["private"],
        "visibility": "private" if repo["private"] else "public",
        "owner": user_json(store, repo["owner"]),
        "html_url": f"https://github.com/{repo['full_name']}",
        "url": f"{API}/repos/{repo['full_name']}",
        "clone_url": f"https://github.com/{repo['full_name']}.git",
        "description": repo["description"] or None,
        "fork": repo["fork"],
        "archived": repo["archived"],
        "disabled": False,
        "default_branch": repo["default_branch"],
        "has_issues": True,
        "created_at": repo["created_at"],
        "permissions": permissions(store.role(repo, login)),
    }


@route("GET", "/repos/<owner>/<name>")
def get_repo(call: Call) -> Answer:
    """Show the repository."""
    return repo_json(call.store, call.repo, call.actor.login)


@route("PATCH", "/repos/<owner>/<name>", level="admin")
def edit_repo(call: Call) -> Answer:
    """Change settings of the repository."""
    call.repo.update(choose(call.body, "default_branch", "description", "private", "archived"))
    call.repo.save()
    return repo_json(call.store, call.repo, call.actor.login)


@route("POST", "/user/repos")
def create_repo(call: Call) -> Answer:
    """Make a repository of the token's user."""
    if call.actor.anonymous or call.actor.job is not None:
        raise ApiError(401, "Requires authentication")
    body = call.body
    repo = call.store.create_repo(
        call.actor.login, str(body.get("name", "")), private=bool(body.get("private"))
    )
    GitRepo(call.store, repo).create()
    return 201, repo_json(call.store, repo, call.actor.login)


@route("GET", "/repos/<owner>/<name>/collaborators/<login>/permission", role="read")
def collaborator(call: Call, login: str) -> Answer:
    """Show what a user may do here."""
    role = call.store.role(call.repo, login)
    legacy = {"maintain": "write", "triage": "read"}.get(role, role)
    return {
        "permission": legacy,
        "role_name": role,
        "user": user_json(call.store, login) | {"permissions": permissions(role)},
    }


@route("GET", "/repos/<owner>/<name>/collaborators", role="write")
def collaborators(call: Call) -> Answer:
    """List everybody with a role of their own."""
    return call.page(
        user_json(call.store, login) | {"role_name": role, "permissions": permissions(role)}
        for login, role in call.repo["roles"].items()
    )


@route("GET", "/repos/<owner>/<name>/teams", role="read")
def teams(call: Call) -> Answer:
    """List the teams that have access."""
    return call.page(choose(team, "id", "slug", "name") for team in call.repo["teams"].values())


@route("GET", "/repos/<owner>/<name>/topics")
def topics(call: Call) -> Answer:
    """List topics: none."""
    del call
    return {"names": []}


# -- git objects ----------------------------------------------------------------------------


def commit_json(git: GitRepo, commit: str) -> Json:
    """Return a commit as the REST API shows it."""
    fields = "%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
    values = git.text("log", "-1", f"--format={fields}", commit).split("\0")
    tree, parents, author, email, date, committer, other_email, other_date, message = values
    base = f"{API}/repos/{git.repo['full_name']}"
    return {
        "sha": commit,
        "node_id": f"C_{commit}",
        "html_url": f"https://github.com/{git.repo['full_name']}/commit/{commit}",
        "url": f"{base}/commits/{commit}",
        "commit": {
            "author": {"name": author, "email": email, "date": date},
            "committer": {"name": committer, "email": other_email, "date": other_date},
            "message": message.rstrip("\n"),
            "tree": {"sha": tree},
            "verification": {"verified": False, "reason": "unsigned"},
        },
        "author": None,
        "committer": None,
        "parents": [{"sha": parent} for parent in parents.split()],
    }


def resolve(call: Call, revision: str) -> str:
    """Return the commit a revision names: object name, branch or tag.

    Raises:
        ApiError: 422 "No commit found for SHA", GitHub's answer.
    """
    for candidate in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
        commit = call.git.resolve(candidate)
        if commit is not None:
            return commit
    raise ApiError(422, f"No commit found for SHA: {revision}")


@route("GET", "/repos/<owner>/<name>/commits", permission="contents")
def list_commits(call: Call) -> Answer:
    """List the commits reachable from `sha`."""
    start = resolve(call, call.request.args.get("sha") or call.repo["default_branch"])
    command = ["rev-list", "--max-count=1000", start]
    if path := call.request.args.get("path"):
        command += ["--", path]
    return call.page(commit_json(call.git, sha) for sha in call.git.text(*command).splitlines())


@route("GET", "/repos/<owner>/<name>/commits/<path:ref>", permission="contents")
def get_commit(call: Call, ref: str) -> Answer:
    """Show one commit; as bare object name when the client accepts only that."""
    commit = resolve(call, ref)
    if "vnd.github.sha" in call.request.headers.get("Accept", ""):
        return Response(commit, content_type="text/plain")
    return commit_json(call.git, commit)


@route("GET", "/repos/<owner>/<name>/compare/<path:span>", permission="contents")
def compare(call: Call, span: str) -> Answer:
    """Compare BASE...HEAD: which of the two is ahead, and by which commits."""
    base, _, head = span.partition("...")
    old, new = resolve(call, base), resolve(call, head)
    ahead = call.git.text("rev-list", "--reverse", f"{old}..{new}").split()
    behind = call.git.text("rev-list", f"{new}..{old}").split()
    both = "diverged" if behind else "ahead"
    state = both if ahead else ("behind" if behind else "identical")
    return {
        "status": state,
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "merge_base_commit": {"sha": call.git.text("merge-base", old, new)},
        "commits": [commit_json(call.git, sha) for sha in ahead[:250]],
    }


def ref_json(call: Call, ref: str, name: str) -> Json:
    """Return a ref as the REST API shows it."""
    kind = call.git.text("cat-file", "-t", name)
    base = f"{API}/repos/{call.repo['full_name']}/git"
    return {
        "ref": ref,
        "node_id": f"REF_{call.repo['id']}_{ref}",
        "url": f"{base}/{ref}",
        "object": {"sha": name, "type": kind, "url": f"{base}/{kind}s/{name}"},
    }


@route("GET", "/repos/<owner>/<name>/git/ref/<path:ref>", permission="contents")
def get_ref(call: Call, ref: str) -> Answer:
    """Show one ref, given as `tags/v1` or `heads/main`."""
    full = f"refs/{ref.removeprefix('refs/')}"
    name = call.git.refs().get(full)
    if name is None:
        raise ApiError(404, "Not Found")
    return ref_json(call, full, name)


@route("GET", "/repos/<owner>/<name>/git/matching-refs/<path:ref>", permission="contents")
def matching_refs(call: Call, ref: str) -> Answer:
    """List the refs that start with a name."""
    found = call.git.refs().items()
    return call.page(ref_json(call, full, name) for full, name in found if full.startswith(f"refs/{ref}"))


@route("POST", "/repos/<owner>/<name>/git/refs", permission="contents")
def create_ref(call: Call) -> Answer:
    """Make a ref."""
    ref, name = str(call.body.get("ref", "")), str(call.body.get("sha", ""))
    if not ref.startswith("refs/") or call.git.resolve(name) is None:
        raise ApiError(422, "Object does not exist")
    if ref in call.git.refs():
        raise ApiError(422, "Reference already exists")
    call.git.update_ref(ref, name, call.actor)
    return 201, ref_json(call, ref, name)


@route("PATCH", "/repos/<owner>/<name>/git/refs/<path:ref>", permission="contents")
def move_ref(call: Call, ref: str) -> Answer:
    """Move a ref, forwards only unless `force`."""
    full, name = f"refs/{ref}", str(call.body.get("sha", ""))
    old = call.git.refs().get(full)
    if old is None:
        raise ApiError(422, "Reference does not exist")
    if not call.body.get("force") and not call.git.is_fast_forward(old, name):
        raise ApiError(422, "Update is not a fast forward")
    call.git.update_ref(full, name, call.actor)
    return ref_json(call, full, name)


@route("DELETE", "/repos/<owner>/<name>/git/refs/<path:ref>", permission="contents")
def delete_ref(call: Call, ref: str) -> Answer:
    """Delete a ref."""
    if f"refs/{ref}" not in call.git.refs():
        raise ApiError(422, "Reference does not exist")
    call.git.update_ref(f"refs/{ref}", rules.ZERO, call.actor)
    return None


@route("GET", "/repos/<owner>/<name>/git/tags/<sha>", permission="contents")
def get_tag_object(call: Call, sha: str) -> Answer:
    """Show an annotated tag's object."""
    try:
        head, _, message = call.git.text("cat-file", "tag", sha).partition("\n\n")
    except subprocess.CalledProcessError:
        raise ApiError(404, "Not Found") from None
    fields = dict(line.split(" ", 1) for line in head.splitlines())
    signed = "-----BEGIN" in message
    reason = "unknown_key" if signed else "unsigned"
    return {
        "sha": sha,
        "tag": fields["tag"],
        "message": message,
        "tagger": {"name": fields.get("tagger", "").partition(" <")[0]},
        "object": {"sha": fields["object"], "type": fields["type"]},
        "verification": {"verified": False, "reason": reason},
    }


@route("GET", "/repos/<owner>/<name>/tags", permission="contents")
def list_tags(call: Call) -> Answer:
    """List tags, newest version first."""
    names = call.git.text("tag", "--list", "--sort=-version:refname").splitlines()
    return call.page(
        {"name": name, "commit": {"sha": call.git.resolve(f"refs/tags/{name}")}} for name in names
    )


@route("GET", "/repos/<owner>/<name>/branches", permission="contents")
def list_branches(call: Call) -> Answer:
    """List branches."""
    found = [ref for ref in call.git.refs() if ref.startswith("refs/heads/")]
    return call.page(_branch(call, ref.removeprefix("refs/heads/")) for ref in found)


def _branch(call: Call, name: str) -> Json:
    commit = call.git.resolve(f"refs/heads/{name}")
    return {"name": name, "commit": {"sha": commit}, "protected": name in call.repo.get("protections", {})}


@route("GET", "/repos/<owner>/<name>/branches/<path:branch>/protection", level="admin")
def get_protection(call: Call, branch: str) -> Answer:
    """Show a branch protection of the older kind: nobody makes one here but a test."""
    found: Json | None = call.repo.get("protections", {}).get(branch)
    if found is None:
        raise ApiError(404, "Branch not protected")
    return found


@route("GET", "/repos/<owner>/<name>/branches/<path:branch>", permission="contents")
def get_branch(call: Call, branch: str) -> Answer:
    """Show a branch."""
    if f"refs/heads/{branch}" not in call.git.refs():
        raise ApiError(404, "Branch not found")
    return _branch(call, branch)


# -- contents -------------------------------------------------------------------------------


@route("GET", "/repos/<owner>/<name>/contents", permission="contents")
@route("GET", "/repos/<owner>/<name>/contents/<path:path>", permission="contents")
def get_contents(call: Call, path: str = "") -> Answer:
    """Show a file (base64, or raw on request) or list a folder."""
    revision = resolve(call, call.request.args.get("ref") or call.repo["default_branch"])
    data = call.git.file(revision, path) if path else None
    if data is None:
        inside = f"{path}/" if path else ""
        listing = call.git.text("ls-tree", "-l", revision, *([inside] if inside else []))
        if not listing:
            raise ApiError(404, "Not Found")
        return [_entry(line) for line in listing.splitlines()]
    if "raw" in call.request.headers.get("Accept", ""):
        return Response(data, content_type="application/octet-stream")
    return _file(call, revision, path, data)


def _file(call: Call, revision: str, path: str, data: bytes) -> Json:
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": call.git.text("rev-parse", f"{revision}:{path}"),
        "content": base64.encodebytes(data).decode(),
    }


def _entry(line: str) -> Json:
    meta, _, path = line.partition("\t")
    _, kind, sha, size = meta.split()
    names = {"blob": "file", "tree": "dir"}
    length = int(size) if size.isdigit() else 0
    name = path.rpartition("/")[2]
    return {"type": names[kind], "path": path, "name": name, "sha": sha, "size": length}


@route("PUT", "/repos/<owner>/<name>/contents/<path:path>", permission="contents")
def put_contents(call: Call, path: str) -> Answer:
    """Commit one file to a branch."""
    git, body = call.git, call.body
    branch = body.get("branch") or call.repo["default_branch"]
    parent = git.resolve(f"refs/heads/{branch}")
    known = parent and git.file(parent, path) is not None
    if known and body.get("sha") != git.text("rev-parse", f"{parent}:{path}"):
        raise ApiError(409 if "sha" in body else 422, f"{path} does not match {body.get('sha')}")
    try:
        data = base64.b64decode(body["content"])
    except (KeyError, binascii.Error):
        raise ApiError(422, "content is not valid Base64") from None
    blob = git.run("hash-object", "-w", "--stdin", data=data).decode().strip()
    tree = _with_file(git, f"{parent}^{{tree}}" if parent else None, path.split("/"), blob)
    parents = ["-p", parent] if parent else []
    message = str(body.get("message") or f"Update {path}")
    commit = git.text("commit-tree", tree, *parents, "-m", message)
    git.update_ref(f"refs/heads/{branch}", commit, call.actor)
    answer = {"content": _file(call, commit, path, data), "commit": {"sha": commit}}
    return 200 if known else 201, answer


def _with_file(git: GitRepo, tree: str | None, parts: list[str], blob: str) -> str:
    """Return a copy of a tree in which one path holds a blob."""
    lines = git.text("ls-tree", tree).splitlines() if tree else []
    entries = {line.partition("\t")[2]: line.partition("\t")[0] for line in lines}
    name, rest = parts[0], parts[1:]
    if rest:
        inner = entries.get(name, "").split()
        below = inner[2] if inner and inner[1] == "tree" else None
        entries[name] = f"040000 tree {_with_file(git, below, rest, blob)}"
    else:
        entries[name] = f"100644 blob {blob}"
    text = "".join(f"{meta}\t{path}\n" for path, meta in entries.items())
    return git.run("mktree", data=text.encode()).decode().strip()


# -- checks ---------------------------------------------------------------------------------


def check_runs(call: Call, commit: str) -> list[Json]:
    """Return the check runs of a commit: one for each job of its workflow runs."""
    runs = [run for run in call.store.runs(call.repo) if run["head_sha"] == commit]
    return [check_json(call.repo, run, job) for run in runs for job in run["jobs"]]


def check_json(repo: Json, run: Json, job: Json) -> Json:
    """Return a job as the check run it reports."""
    return {
        "id": job["id"],
        "name": job["name"],
        "head_sha": run["head_sha"],
        "status": job["status"],
        "conclusion": job["conclusion"],
        "started_at": job["started_at"],
        "completed_at": job["completed_at"],
        "html_url": f"https://github.com/{repo['full_name']}/actions/runs/{run['id']}",
        "app": {"slug": "github-actions", "name": "GitHub Actions"},
        "output": {"title": None, "summary": None, "annotations_count": len(job["annotations"])},
    }


@route("GET", "/repos/<owner>/<name>/commits/<path:ref>/check-runs", permission="checks")
def list_check_runs(call: Call, ref: str) -> Answer:
    """List the check runs of a commit."""
    return call.page(check_runs(call, resolve(call, ref)), "check_runs")


@route("GET", "/repos/<owner>/<name>/commits/<path:ref>/status", permission="statuses")
def combined_status(call: Call, ref: str) -> Answer:
    """Show the newest status of each context and what they amount to."""
    commit = resolve(call, ref)
    newest = {entry["context"]: entry for entry in call.repo["statuses"].get(commit, [])}
    states = {entry["state"] for entry in newest.values()}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    statuses = list(newest.values())
    return {"state": state, "sha": commit, "total_count": len(statuses), "statuses": statuses}


@route("GET", "/repos/<owner>/<name>/commits/<path:ref>/statuses", permission="statuses")
def list_statuses(call: Call, ref: str) -> Answer:
    """List the statuses of a commit, newest first."""
    return call.page(reversed(call.repo["statuses"].get(resolve(call, ref), [])))


@route("POST", "/repos/<owner>/<name>/statuses/<sha>", permission="statuses")
def create_status(call: Call, sha: str) -> Answer:
    """Report a status of a commit."""
    commit = resolve(call, sha)
    if call.body.get("state") not in {"error", "failure", "pending", "success"}:
        raise invalid("Status", "state")
    entry = {
        "id": call.store.new_id(),
        "state": call.body["state"],
        "context": call.body.get("context", "default"),
        "description": call.body.get("description"),
        "target_url": call.body.get("target_url"),
        "created_at": now(),
    }
    call.repo["statuses"].setdefault(commit, []).append(entry)
    call.repo.save()
    return 201, entry
