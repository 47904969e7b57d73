"""What protects a repository: rulesets, and environments with reviewers and ref policies."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import rules
from .repository import user_json
from .rest import API, Answer, Call, choose, invalid, route
from .store import ApiError, Document, Json, Store, now


def _demand_plan(call: Call, status: int, message: str) -> None:
    """Refuse what a private repository does not have on the plan Free."""
    if call.repo["private"] and call.store.user(call.repo["owner"]).get("plan") == "free":
        raise ApiError(status, message)


_UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."
_BILLING = (
    "Failed to create the environment protection rule. Please ensure the billing plan supports the required "
    "reviewers protection rule."
)

# -- rulesets -------------------------------------------------------------------------------

_RULESET_KEYS = ("name", "target", "enforcement", "bypass_actors", "conditions", "rules")


def ruleset_json(repo: Json, ruleset: Json, *, full: bool) -> Json:
    """Return a ruleset as the REST API shows it; lists leave out what it demands."""
    hidden = () if full else ("bypass_actors", "conditions", "rules")
    return {
        **{key: value for key, value in ruleset.items() if key not in hidden},
        "source_type": "Repository",
        "source": repo["full_name"],
        "node_id": f"RRS_{ruleset['id']}",
        "_links": {"html": {"href": f"https://github.com/{repo['full_name']}/rules/{ruleset['id']}"}},
    }


def _ruleset(call: Call, number: int) -> Json:
    for ruleset in call.repo["rulesets"]:
        if ruleset["id"] == number:
            found: Json = ruleset
            return found
    raise ApiError(404, "Not Found")


def _check_ruleset(data: Json) -> None:
    if not data.get("name"):
        raise invalid("Ruleset", "name", "missing_field")
    if data.get("target", "branch") not in {"branch", "tag", "push"}:
        raise invalid("Ruleset", "target")
    if data.get("enforcement") not in {"active", "disabled", "evaluate"}:
        raise invalid("Ruleset", "enforcement")
    names = (data.get("conditions") or {}).get("ref_name") or {}
    for pattern in [*names.get("include", []), *names.get("exclude", [])]:
        if not pattern.startswith(("~", "refs/")):
            raise ApiError(422, f"Invalid target patterns: '{pattern}'")


@route("GET", "/repos/<owner>/<name>/rulesets")
def list_rulesets(call: Call) -> Answer:
    """List rulesets."""
    _demand_plan(call, 403, _UPGRADE)
    return call.page(ruleset_json(call.repo, item, full=False) for item in call.repo["rulesets"])


@route("GET", "/repos/<owner>/<name>/rulesets/<int:number>")
def get_ruleset(call: Call, number: int) -> Answer:
    """Show a ruleset; who bypasses it is shown to those who may edit it."""
    _demand_plan(call, 403, _UPGRADE)
    data = ruleset_json(call.repo, _ruleset(call, number), full=True)
    user = {} if call.actor.job else call.store.state["users"].get(call.actor.login, {})
    mine = rules.bypasses(data, call.store.role(call.repo, call.actor.login), user.get("id", 0))
    data["current_user_can_bypass"] = "always" if mine and not call.actor.job else "never"
    if not call.can("metadata", "admin"):
        data.pop("bypass_actors")
    return data


@route("POST", "/repos/<owner>/<name>/rulesets", level="admin")
def create_ruleset(call: Call) -> Answer:
    """Make a ruleset."""
    _demand_plan(call, 403, _UPGRADE)
    _check_ruleset(call.body)
    if any(other["name"] == call.body["name"] for other in call.repo["rulesets"]):
        raise ApiError(422, "Validation Failed", [{"message": "Name must be unique"}])
    defaults: Json = {"target": "branch", "bypass_actors": [], "conditions": {}, "rules": []}
    ruleset = {
        "id": call.store.new_id(),
        **defaults,
        **choose(call.body, *_RULESET_KEYS),
        "created_at": now(),
        "updated_at": now(),
    }
    call.repo["rulesets"].append(ruleset)
    call.repo.save()
    return 201, ruleset_json(call.repo, ruleset, full=True)


@route("PUT", "/repos/<owner>/<name>/rulesets/<int:number>", level="admin")
def edit_ruleset(call: Call, number: int) -> Answer:
    """Change a ruleset; keys left out stay as they are."""
    _demand_plan(call, 403, _UPGRADE)
    ruleset = _ruleset(call, number)
    _check_ruleset({**ruleset, **call.body})
    ruleset.update(choose(call.body, *_RULESET_KEYS), updated_at=now())
    call.repo.save()
    return ruleset_json(call.repo, ruleset, full=True)


@route("DELETE", "/repos/<owner>/<name>/rulesets/<int:number>", level="admin")
def delete_ruleset(call: Call, number: int) -> Answer:
    """Delete a ruleset."""
    _demand_plan(call, 403, _UPGRADE)
    call.repo["rulesets"].remove(_ruleset(call, number))
    call.repo.save()
    return None


@route("GET", "/repos/<owner>/<name>/rules/branches/<path:branch>")
def branch_rules(call: Call, branch: str) -> Answer:
    """List the rules in force for a branch."""
    ref = f"refs/heads/{branch}"
    return call.page(
        {**rule, "ruleset_id": ruleset["id"], "ruleset_source_type": "Repository"}
        for ruleset in call.repo["rulesets"]
        if rules.applies(ruleset, ref, call.repo["default_branch"])
        for rule in ruleset["rules"]
    )


# -- environments ---------------------------------------------------------------------------


def new_environment(store: Store, repo: Document, name: str) -> Json:
    """Make an environment without any protection, or return the one of that name.

    GitHub does this too when a job names an environment that is not there.
    """
    environment = find_environment(repo, name)
    if environment is None:
        environment = {
            "id": store.new_id(),
            "name": name,
            "created_at": now(),
            "updated_at": now(),
            "reviewers": [],
            "prevent_self_review": False,
            "wait_timer": 0,
            "can_admins_bypass": True,
            "deployment_branch_policy": None,
            "policies": [],
        }
        repo["environments"][name] = environment
        repo.save()
    return environment


def find_environment(repo: Json, name: str) -> Json | None:
    """Return the environment of that name, whatever its case; None where there is none."""
    for key, environment in repo["environments"].items():
        if key.lower() == name.lower():
            found: Json = environment
            return found
    return None


def environment_json(store: Store, repo: Json, environment: Json) -> Json:
    """Return an environment as the REST API shows it."""
    protection: list[Json] = []
    base = environment["id"] * 10
    if environment["wait_timer"]:
        timer = environment["wait_timer"]
        protection.append({"id": base + 1, "type": "wait_timer", "wait_timer": timer})
    if environment["reviewers"]:
        protection.append(
            {
                "id": base + 2,
                "type": "required_reviewers",
                "prevent_self_review": environment["prevent_self_review"],
                "reviewers": [
                    {"type": "Team", "reviewer": choose(repo["teams"][name[1:]], "id", "slug", "name")}
                    if name.startswith("@")
                    else {"type": "User", "reviewer": user_json(store, name)}
                    for name in environment["reviewers"]
                ],
            }
        )
    if environment["deployment_branch_policy"]:
        protection.append({"id": base + 3, "type": "branch_policy"})
    keys = ("id", "name", "created_at", "updated_at", "can_admins_bypass")
    return {
        **choose(environment, *keys, "deployment_branch_policy"),
        "node_id": f"EN_{environment['id']}",
        "url": f"{API}/repos/{repo['full_name']}/environments/{environment['name']}",
        "protection_rules": protection,
    }


def may_review(repo: Json, environment: Json, login: str) -> bool:
    """Say whether a user is a required reviewer, by name or as a member of a team."""
    names = environment["reviewers"]
    teams = (team for slug, team in repo["teams"].items() if f"@{slug}" in names)
    return login in names or any(login in team["members"] for team in teams)


def _environment(call: Call, name: str) -> Json:
    environment = find_environment(call.repo, name)
    if environment is None:
        raise ApiError(404, "Not Found")
    return environment


@route("GET", "/repos/<owner>/<name>/environments", permission="actions")
def list_environments(call: Call) -> Answer:
    """List environments."""
    _demand_plan(call, 404, "Not Found")
    everything = call.repo["environments"].values()
    items = [environment_json(call.store, call.repo, item) for item in everything]
    return call.page(items, "environments")


@route("GET", "/repos/<owner>/<name>/environments/<env>", permission="actions")
def get_environment(call: Call, env: str) -> Answer:
    """Show an environment."""
    _demand_plan(call, 404, "Not Found")
    return environment_json(call.store, call.repo, _environment(call, env))


@route("PUT", "/repos/<owner>/<name>/environments/<env>", level="admin")
def put_environment(call: Call, env: str) -> Answer:
    """Make or change an environment. Like GitHub's, it resets what the body leaves out."""
    _demand_plan(call, 404, "Not Found")
    body = call.body
    policy = body.get("deployment_branch_policy")
    limited = call.repo["private"] and call.store.user(call.repo["owner"]).get("plan") in {"pro", "team"}
    if limited and (body.get("reviewers") or body.get("wait_timer")):
        raise ApiError(422, _BILLING)
    if policy and policy.get("protected_branches") == policy.get("custom_branch_policies"):
        message = "protected_branches and custom_branch_policies cannot have the same value"
        raise ApiError(422, "Validation Failed", [{"message": message}])
    reviewers = []
    known = {("User", user["id"]): user["login"] for user in call.store.state["users"].values()}
    known |= {("Team", team["id"]): f"@{slug}" for slug, team in call.repo["teams"].items()}
    for entry in body.get("reviewers") or []:
        if (entry.get("type"), entry.get("id")) not in known:
            raise invalid("Environment", "reviewers")
        reviewers.append(known[entry["type"], entry["id"]])
    environment = new_environment(call.store, call.repo, env)
    environment.update(
        reviewers=reviewers,
        prevent_self_review=bool(body.get("prevent_self_review")),
        wait_timer=int(body.get("wait_timer") or 0),
        can_admins_bypass=bool(body.get("can_admins_bypass", True)),
        deployment_branch_policy=policy,
        updated_at=now(),
    )
    if not (policy and policy["custom_branch_policies"]):
        environment["policies"] = []
    call.repo.save()
    return environment_json(call.store, call.repo, environment)


@route("DELETE", "/repos/<owner>/<name>/environments/<env>", level="admin")
def delete_environment(call: Call, env: str) -> Answer:
    """Delete an environment."""
    del call.repo["environments"][_environment(call, env)["name"]]
    call.repo.save()
    return None


_POLICIES = "/repos/<owner>/<name>/environments/<env>/deployment-branch-policies"


@route("GET", _POLICIES, permission="actions")
def list_policies(call: Call, env: str) -> Answer:
    """List which refs may deploy."""
    return call.page(_environment(call, env)["policies"], "branch_policies")


@route("POST", _POLICIES, level="admin")
def create_policy(call: Call, env: str) -> Answer:
    """Admit the refs that match a pattern."""
    environment = _environment(call, env)
    if not (environment["deployment_branch_policy"] or {}).get("custom_branch_policies"):
        raise ApiError(404, "Not Found")
    wanted = {"name": call.body.get("name"), "type": call.body.get("type", "branch")}
    if not wanted["name"] or wanted["type"] not in {"branch", "tag"}:
        raise invalid("DeploymentBranchPolicy", "name")
    for policy in environment["policies"]:
        if policy["name"] == wanted["name"] and policy["type"] == wanted["type"]:
            return Response(status=303)
    policy = {"id": call.store.new_id(), **wanted}
    environment["policies"].append(policy)
    call.repo.save()
    return policy


@route("DELETE", f"{_POLICIES}/<int:number>", level="admin")
def delete_policy(call: Call, env: str, number: int) -> Answer:
    """Take a pattern away."""
    policies = _environment(call, env)["policies"]
    for policy in policies:
        if policy["id"] == number:
            policies.remove(policy)
            call.repo.save()
            return None
    raise ApiError(404, "Not Found")
