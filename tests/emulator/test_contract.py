"""Requests and answers of the emulated GitHub are held against GitHub's published description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client

from emulator.github import releases
from emulator.github.contract import FILE, UNDESCRIBED, VERBS, Operation, Undescribed, key_of
from emulator.github.description.cut import Cut
from emulator.github.git import GitRepo
from emulator.github.rest import ROUTES, RestApi
from emulator.github.store import ApiError, Store

if TYPE_CHECKING:
    from pathlib import Path

KEY = "{} /repos/{{}}/{{}}/{}"


def operation(method: str, path: str) -> Operation:
    """The operation of a path of a repository, as `releases/{}`."""
    return Operation(KEY.format(method, path))


def test_every_route_is_described_and_nothing_else_is_kept() -> None:
    routes = {key_of(r.method, r.path.replace("<verb>", verb)) for r in ROUTES for verb in VERBS}
    described = set(json.loads(FILE.read_text(encoding="utf-8"))["operations"])
    assert {key for key in routes if UNDESCRIBED.get(key, key) not in {*described, None}} == set()
    assert described == {UNDESCRIBED.get(key, key) for key in routes} - {None}
    assert FILE.stat().st_size <= 150_000
    assert "MIT License" in (FILE.parent / "LICENSE").read_text(encoding="utf-8")


# ---- Requests -----------------------------------------------------------------------------------------

REFUSED: list[tuple[str, str, Any, str]] = [
    ("GET", "/releases?per_page=many", None, "For 'per_page'"),
    ("GET", "/releases?limit=100", None, "'limit' is no parameter"),
    ("GET", "/actions/runs?status=green", None, "For 'status'"),
    ("GET", "/issues?direction=up", None, "For 'direction'"),
    ("POST", "/releases", {"tag": "v1.0"}, "'tag' was unexpected"),
    ("POST", "/releases", {"tag_name": 1}, "For 'tag_name'"),
    ("POST", "/releases", {"tag_name": "v1", "draft": "true"}, "For 'draft'"),
    ("POST", "/releases", {"tag_name": "v1", "make_latest": False}, "For 'make_latest'"),
    ("POST", "/issues", {"body": "without a title"}, "'title' is a required property"),
    ("POST", "/issues", {"title": "A", "labels": "bug"}, "For 'labels'"),
    ("PATCH", "/issues/1", {"state": "done"}, "For 'state'"),
    ("POST", "/rulesets", {"enforcement": "active"}, "'name' is a required property"),
    ("POST", "/rulesets", {"name": "a", "enforcement": "on"}, "For 'enforcement'"),
    ("POST", "/rulesets", {"name": "a", "enforcement": "active", "rules": [{"type": "moving"}]}, "rules/0"),
    ("PUT", "/environments/pypi", {"reviewers": [{"type": "user", "id": 1}]}, "reviewers/0/type"),
    ("PUT", "/environments/pypi", {"deployment_branch_policy": {"custom_branch_policies": True}}, "required"),
    ("PUT", "/environments/pypi", {"branches": ["main"]}, "'branches' was unexpected"),
    ("PUT", "/actions/permissions/workflow", {"default_workflow_permissions": "all"}, "For 'default_"),
    ("POST", "/git/refs", {"ref": "refs/tags/v1"}, "'sha' is a required property"),
    ("PUT", "/immutable-releases", {"enabled": True}, "takes no body"),
]


class Owner:
    """The owner of an empty repository, who asks the API."""

    def __init__(self, root: Path) -> None:
        store = Store(root)
        GitRepo(store, store.create_repo("octo", "demo")).create()
        self._client = Client(RestApi(store, None))  # type: ignore[arg-type]  # nothing runs here
        self._headers = {"Authorization": f"token {store.user('octo')['token']}"}

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        data: dict[str, Any] = {} if body is None else {"json": body}
        answer = self._client.open(f"/repos/octo/demo{path}", method=method, headers=self._headers, **data)
        return answer.status_code, answer.json if answer.is_json else None


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    """A new one for each test."""
    return Owner(tmp_path)


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(("method", "path", "body", "reason"), REFUSED)
def test_a_request_that_github_does_not_describe_is_refused(
    owner: Owner, method: str, path: str, body: object, reason: str
) -> None:
    status, said = owner.ask(method, path, body)
    assert (status, said["status"]) == (422, "422")
    assert said["message"].startswith("Invalid request.\n\n")
    assert reason in said["message"]


@pytest.mark.requirement("B1")
def test_what_is_described_is_answered(owner: Owner) -> None:
    assert owner.ask("GET", "/releases?per_page=100&page=1") == (200, [])
    assert owner.ask("POST", "/issues", {"title": "A", "labels": ["bug"]})[0] == 201
    environment = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    assert owner.ask("PUT", "/environments/pypi", environment)[0] == 200
    assert owner.ask("PUT", "/immutable-releases")[0] == 204


# ---- Answers ------------------------------------------------------------------------------------------

RELEASE = {
    "id": 1,
    "tag_name": "v1",
    "draft": True,
    "assets": [{"name": "a.whl", "uploader": {"login": "o"}}],
}
RUNS = {"total_count": 1, "workflow_runs": [{"id": 1, "status": "queued", "conclusion": None}]}
WRONG: list[tuple[str, str, int, Any, str]] = [
    ("GET", "releases/{}", 200, RELEASE | {"state": "draft"}, "'state' was unexpected"),
    ("GET", "releases/{}", 200, RELEASE | {"id": "1"}, "at 'id'"),
    ("GET", "releases/{}", 200, RELEASE | {"draft": None}, "at 'draft'"),
    ("GET", "releases/{}", 200, RELEASE | {"assets": [{"file": "a.whl"}]}, "at 'assets/0'"),
    ("GET", "releases/{}", 200, RELEASE | {"author": {"name": 1}}, "at 'author/name'"),
    ("GET", "releases/{}", 200, RELEASE | {"author": None}, "at 'author'"),
    ("GET", "releases/{}", 201, RELEASE, "does not answer 201"),
    ("GET", "releases", 200, RELEASE, "at ''"),
    ("DELETE", "releases/{}", 204, {}, "with nothing"),
    ("GET", "actions/runs", 200, RUNS | {"runs": []}, "'runs' was unexpected"),
    ("GET", "actions/runs", 200, RUNS | {"total_count": "1"}, "at 'total_count'"),
    ("GET", "actions/runs", 200, RUNS | {"workflow_runs": [{"jobs": []}]}, "at 'workflow_runs/0'"),
    ("GET", "issues/{}", 200, {"number": 1, "author": "octo"}, "'author' was unexpected"),
]


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(("method", "path", "status", "answer", "reason"), WRONG)
def test_an_answer_that_github_does_not_describe_is_a_defect(
    method: str, path: str, status: int, answer: object, reason: str
) -> None:
    with pytest.raises(Undescribed) as caught:
        operation(method, path).check_answer(status, answer)
    assert reason in str(caught.value)


def test_a_part_of_what_is_described_is_no_defect() -> None:
    operation("GET", "releases/{}").check_answer(200, RELEASE)
    operation("GET", "releases").check_answer(200, [RELEASE, RELEASE | {"body": None}])
    operation("GET", "actions/runs").check_answer(200, RUNS)
    operation("DELETE", "releases/{}").check_answer(204, None)


def test_a_defect_of_the_emulator_reaches_the_test(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers for it: the error passes through, into the journal of a sandbox."""
    monkeypatch.setattr(releases, "release_json", lambda *_: RELEASE | {"tag": "v1"})
    with pytest.raises(Undescribed, match="'tag' was unexpected"):
        owner.ask("POST", "/releases", {"tag_name": "v1", "draft": True})


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(ApiError) as caught:
        operation("POST", "rulesets").check_request({}, {"name": "a", "enforcement": "active", "rules": [1]})
    assert "For 'rules/0'" in caught.value.message


# ---- The cut ------------------------------------------------------------------------------------------

DESCRIPTION: dict[str, Any] = {
    "paths": {
        "/things/{id}": {
            "parameters": [{"in": "path", "name": "id"}],
            "put": {
                "parameters": [{"$ref": "#/components/parameters/page"}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}
                },
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}
                    },
                    "204": {"description": "Nothing."},
                    "404": {"description": "Nowhere."},
                },
            },
        }
    },
    "components": {
        "parameters": {"page": {"in": "query", "name": "page", "schema": {"type": "integer", "default": 1}}},
        "schemas": {
            "thing": {
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "nullable": True, "example": "A"},
                    "within": {"$ref": "#/components/schemas/whole"},
                },
            },
            "whole": {
                "allOf": [{"properties": {"a": {"type": "integer"}}}, {"$ref": "#/components/schemas/part"}]
            },
            "part": {"properties": {"b": {"enum": ["x"], "type": "string", "nullable": True}}},
        },
    },
}


def test_of_an_operation_stays_what_a_validator_needs() -> None:
    cut = Cut(DESCRIPTION)
    asked = {"a": {"type": "integer"}}, {"b": {"enum": ["x", None], "type": ["string", "null"]}}
    name = {"type": ["string", "null"]}
    assert cut.operation("/things/{id}", "put") == {
        "query": {"page": {"type": "integer"}},
        "needed": [],
        "body": {
            "required": ["name"],
            "properties": {"name": name, "within": {"allOf": [{"properties": p} for p in asked]}},
        },
        "answers": {"200": {"$ref": "#/schemas/thing"}, "204": None},
    }
    assert cut.schemas == {
        "thing": {"properties": {"name": name, "within": {"$ref": "#/schemas/whole"}}},
        "whole": {"type": "object", "properties": asked[0] | asked[1]},
    }
