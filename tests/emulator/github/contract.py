"""What a client may ask of GitHub's REST API, and what GitHub answers: its published description.

A request that it refuses is answered 422; an answer of the emulator's own that it does not describe is a
defect, so it ends in 500 and in the journal. Stricter than GitHub: a parameter or key that is not described
is refused too, where GitHub says nothing and does nothing.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .store import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

FILE = Path(__file__).parent / "description/api.github.com.json"

_NAME = "urn:github"  # of the description, in references to it

#: What stands for `<verb>` in a route: one operation each.
VERBS = ("enable", "disable")

#: Paths that GitHub answers and the description leaves out, or has under another form.
UNDESCRIBED = {
    "POST /graphql": None,
    "GET /repos/{}/{}/contents": "GET /repos/{}/{}/contents/{}",
    "GET /repos/{}/{}/actions/artifacts/{}/zip": "GET /repos/{}/{}/actions/artifacts/{}/{}",
}

#: What GitHub takes and gives, and does not describe. Source: google/go-github, `Environment` and
#: `CreateUpdateEnvironment`.
BEYOND = {"can_admins_bypass": {"type": ["boolean", "null"]}}


class Undescribed(AssertionError):  # noqa: N818  (what it is, not what it does)
    """The emulator answered what GitHub would not."""


def key_of(method: str, path: str) -> str:
    """The name of an operation: its method and its path, whatever the parts that vary are called."""
    return f"{method.upper()} {re.sub(r'{[^}]*}|<[^>]*>', '{}', path)}"


class Operation:
    """One operation of the description.

    Args:
        key: as `key_of` makes it.
    """

    def __init__(self, key: str) -> None:
        described = _description()["operations"][key]
        self._key = key
        self._query: dict[str, Any] = described.get("query", {})
        self._parameters = {name: _validator(schema) for name, schema in self._query.items()}
        self._needed: list[str] = described.get("needed", [])
        self._body = _validator(_closed(described["body"])) if "body" in described else None
        self.takes_file: bool = described.get("file", False)
        self._answers = {
            int(status): None if schema is None else _validator(schema)
            for status, schema in described["answers"].items()
        }

    def check_request(self, query: Mapping[str, str], body: Any) -> None:  # noqa: ANN401  (JSON)
        """Refuse a request that the description refuses.

        Args:
            query: the parameters behind the path.
            body: the JSON of the body, None where there is none.

        Raises:
            ApiError: 422, with the first reason.
        """
        for name in self._needed:
            if name not in query:
                raise _refusal(f"The parameter '{name}' is missing.")
        for name, value in query.items():
            if name not in self._query:
                raise _refusal(f"'{name}' is no parameter of {self._key}.")
            self._check(self._parameters[name], _typed(value, self._query[name]), name)
        if body is None:
            return
        if self._body is None:
            raise _refusal(f"{self._key} takes no body.")
        self._check(self._body, body, "")

    @staticmethod
    def _check(validator: Validator, value: Any, where: str) -> None:  # noqa: ANN401  (JSON)
        for error in validator.iter_errors(value):
            place = "/".join(filter(None, [where, *map(str, error.absolute_path)]))
            raise _refusal(f"For '{place}', {error.message}.")

    def check_answer(self, status: int, answer: Any) -> None:  # noqa: ANN401  (JSON)
        """Refuse an answer that the description does not have.

        Args:
            status: of HTTP.
            answer: its JSON, None where there is none.

        Raises:
            Undescribed: with the first reason.
        """
        if status not in self._answers:
            raise Undescribed(f"{self._key} does not answer {status}, but {sorted(self._answers)}")
        validator = self._answers[status]
        if validator is None:
            if answer is not None:
                raise Undescribed(f"{self._key} answers {status} with nothing")
            return
        for error in validator.iter_errors(answer):
            place = "/".join(map(str, error.absolute_path))
            raise Undescribed(f"{self._key} answers {status}, and there, at '{place}': {error.message}")


@functools.cache
def operation(key: str) -> Operation | None:
    """The operation of that name; None where the description has none."""
    found = UNDESCRIBED.get(key, key)
    return None if found is None else Operation(found)


def operation_of(method: str, path: str) -> Operation:
    """The operation that a request is for, by its path as sent, without the query.

    Raises:
        Undescribed: there is none.
    """
    for key in _description()["operations"]:
        verb, _, template = key.partition(" ")
        if verb == method and re.fullmatch(template.replace("{}", "[^/]+"), path):
            return Operation(key)
    raise Undescribed(f"GitHub does not describe {method} {path}")


def _refusal(reason: str) -> ApiError:
    return ApiError(422, f"Invalid request.\n\n{reason}")


def _typed(value: str, schema: Mapping[str, Any]) -> object:
    """A parameter as the type that it should have, where it can be read so."""
    kinds = schema.get("type", "string")
    if "integer" in kinds and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value == "true" if "boolean" in kinds and value in {"true", "false"} else value


@functools.cache
def _description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    environment = found["operations"]["PUT /repos/{}/{}/environments/{}"]["body"]
    for schema in (environment, found["schemas"]["environment"]):
        schema["properties"] |= BEYOND
    found["schemas"] = {name: _closed(schema) for name, schema in found["schemas"].items()}
    for described in found["operations"].values():
        described["answers"] = {
            status: None if schema is None else _closed(schema)
            for status, schema in described["answers"].items()
        }
    return found


def _closed(schema: Any) -> Any:  # noqa: ANN401  (any part of a schema)
    """A schema whose objects have no other keys than those that it names."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": _NAME + schema["$ref"]}
    closed = {
        key: {name: _closed(part) for name, part in value.items()} if key == "properties" else _closed(value)
        for key, value in schema.items()
    }
    return {"additionalProperties": False, **closed} if "properties" in closed else closed


@functools.cache
def _registry() -> Any:  # noqa: ANN401  (imported when a request comes: a second for whoever needs no API)
    from referencing import Registry  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    resource = DRAFT202012.create_resource({"schemas": _description()["schemas"]})
    return Registry().with_resource(_NAME, resource)


def _validator(schema: Mapping[str, Any]) -> Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(schema, registry=_registry())
