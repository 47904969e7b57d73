"""Cut the operations that the emulator answers out of GitHub's published OpenAPI description.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    PYTHONPATH=tests uv run python -m emulator.github.description.cut package

What stays of an operation is what a validator needs: query, body, answers. An answer loses what is demanded
of it, since the emulator gives a part of GitHub's; what it does give has to be described.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from emulator.github.contract import FILE, UNDESCRIBED, VERBS, key_of
from emulator.github.handle import RESOURCES
from emulator.github.rest import ROUTES

Schema = dict[str, Any]

VALUES = {"type", "enum", "const", "$ref", "additionalProperties"}
LIMITS = {"required", "pattern", "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength"}
METHODS = ("get", "post", "put", "patch", "delete")


class Cut:
    """One description, and what of it is taken."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._all = description
        self.schemas: dict[str, Schema] = {}

    def resolved(self, thing: Schema) -> Schema:
        """A parameter, body or answer itself, where only its place was named."""
        while "$ref" in thing:
            found: Any = self._all
            for part in thing["$ref"].split("/")[1:]:
                found = found[part]
            thing = found
        return thing

    def operation(self, path: str, method: str) -> dict[str, Any]:
        """What stays of an operation."""
        item = self._all["paths"][path]
        found: dict[str, Any] = item[method]
        taken: dict[str, Any] = {}
        parameters = [self.resolved(p) for p in (*item.get("parameters", []), *found.get("parameters", []))]
        query = [p for p in parameters if p["in"] == "query"]
        if query:
            taken["query"] = {p["name"]: self.asked(p["schema"]) for p in query}
            taken["needed"] = [p["name"] for p in query if p.get("required")]
        body = self.resolved(found.get("requestBody", {}))
        if "application/json" in body.get("content", {}):
            taken["body"] = self.asked(body["content"]["application/json"]["schema"])
        elif body.get("content"):
            taken["file"] = True
        answers = {code: self.resolved(answer) for code, answer in found["responses"].items()}
        taken["answers"] = {
            code: self.answered(content["schema"]) if content else None
            for code, answer in answers.items()
            if code[0] in "23"
            for content in [answer.get("content", {}).get("application/json")]
        }
        return taken

    def asked(self, schema: Schema) -> Schema:
        """A schema of a request, whole, with nothing left to look up."""
        schema = self.resolved(schema)
        taken = {key: value for key, value in schema.items() if key in VALUES | LIMITS}
        return self._children(taken, schema, self.asked)

    def answered(self, schema: Schema) -> Schema:
        """A schema of an answer; the named ones are kept once, beside the operations."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in self.schemas:
                self.schemas[name] = {}  # it may contain itself
                self.schemas[name] = self.answered(self.resolved(schema))
            return {"$ref": f"#/schemas/{name}"}
        if "allOf" in schema:  # one object in parts: a key that one part lacks is no error
            parts = [self.resolved(part) for part in schema["allOf"]]
            properties = {name: p for part in parts for name, p in part.get("properties", {}).items()}
            schema = {"type": "object", "properties": properties} | {
                key: value for key, value in schema.items() if key in {"nullable", "additionalProperties"}
            }
        taken = {key: value for key, value in schema.items() if key in VALUES}
        return self._children(taken, schema, self.answered)

    @staticmethod
    def _children(taken: Schema, schema: Schema, how: Any) -> Schema:  # noqa: ANN401  (one of the two above)
        if "properties" in schema:
            taken["properties"] = {name: how(child) for name, child in schema["properties"].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                taken[key] = how(schema[key])
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                taken["allOf" if key == "allOf" else "anyOf"] = [how(child) for child in schema[key]]
        if not schema.get("nullable"):
            return taken
        if "enum" in taken:
            taken["enum"] = [*taken["enum"], None]
        if "type" in taken:
            return taken | {"type": [taken["type"], "null"]}
        return {"anyOf": [{"type": "null"}, taken]} if taken else {}


def main(package: Path) -> None:
    """Write the cut and its licence."""
    assert RESOURCES
    description = json.loads((package / "generated/api.github.com.json").read_text(encoding="utf-8"))
    cut = Cut(description)
    there = {
        key_of(method, path): (path, method)
        for path, item in description["paths"].items()
        for method in METHODS
        if method in item
    }
    wanted = {key_of(r.method, r.path.replace("<verb>", verb)) for r in ROUTES for verb in VERBS}
    wanted |= {key for key in UNDESCRIBED.values() if key}
    operations = {key: cut.operation(*there[key]) for key in sorted(wanted & set(there))}
    version = description["info"]["version"]
    parts = [f'{{"source":{json.dumps(f"@octokit/openapi {version}")}']
    for name, table in (("operations", operations), ("schemas", dict(sorted(cut.schemas.items())))):
        rows = (f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in table.items())
        parts.append(f'"{name}":{{\n' + ",\n".join(rows) + "\n}")
    FILE.write_text(",\n".join(parts) + "}\n", encoding="utf-8")
    shutil.copy(package / "LICENSE", FILE.parent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
