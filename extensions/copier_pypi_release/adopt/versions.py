"""Versions that are written in the package's own code, beside the tag."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from itertools import takewhile
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from copier_pypi_release.uploads import UNPARSABLE

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

PLACES = {
    "__init__.py",
    "__about__.py",
    "__version__.py",
    "_version.py",
    "about.py",
    "version.py",
    "_about.py",
}
SHORT = 100  # bytes of a file that has a version and nothing else
# A name for the package's version, and none for that of a Python or a protocol that it needs.
OWN_VERSION = re.compile(r"(?!.*(?:python|min|max|protocol|schema)).*version", re.IGNORECASE)
NAMES = {"__version__", "VERSION", "version", "__VERSION__"}


def read_code(path: Path) -> tuple[str, str]:
    """The text of a module, line breaks as they are, and its encoding; what cannot be read has no text."""
    data = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding), encoding
    except (SyntaxError, UnicodeDecodeError):
        return "", "utf-8"


def without_literal(code: str, path: PurePosixPath, version: Version) -> str | None:
    """A module whose written-down version is imported from the generated file instead.

    Args:
        code: The module's source.
        path: Its path; the generated file is beside it.
        version: The version that the project has now.

    Returns:
        The new source, or None if it has no version of its own.
    """
    try:
        tree = ast.parse(code)
    except UNPARSABLE:
        return None
    lines = io.StringIO(code, newline="").readlines()  # where Python sees the end of a line, and nowhere else
    exported = "__all__" in code
    changed = False
    for statement in reversed(tree.body):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [t.id for t in targets if isinstance(t, ast.Name) and t.id in NAMES]
        known = path.name in PLACES or names == ["__version__"]  # elsewhere a name may mean anything
        if not known or len(names) != len(targets) or not _is_version(statement.value, version, path, names):
            continue
        first, last = statement.lineno - 1, (statement.end_lineno or statement.lineno) - 1
        tail = lines[last].encode()[statement.end_col_offset :].decode()
        imports = [
            "from ._version import __version__" + ("" if n == "__version__" and exported else f" as {n}")
            for n in names
        ]
        lines[first : last + 1] = ["\n".join(imports) + tail]
        changed = True
    return "".join(lines) if changed else None


def stated_version(code: bytes) -> str:
    """The text that a module gives to ``__version__``; empty if it is computed, or there is none."""
    if b"__version__" not in code:
        return ""
    try:
        body = ast.parse(code).body
    except UNPARSABLE:
        return ""
    for statement in body:
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        value = getattr(statement, "value", None)
        if any(getattr(t, "id", "") == "__version__" for t in targets) and isinstance(value, ast.Constant):
            return str(value.value)
    return ""


def states(name: str, data: bytes, version: str) -> bool:
    """Whether a file of a package states a version as text, and would go on to do so.

    Args:
        name: Its path.
        data: What is in it.
        version: The version that the project has now.
    """
    if name.endswith(".py"):
        return stated_version(data) == version or has_parts(data, version)
    return len(data) < SHORT and data.decode(errors="replace").strip().removeprefix("v") == version


def has_parts(code: bytes, version: str) -> bool:
    """Whether a module has the numbers of a version as a tuple: ``version_info = (1, 4, 2)``."""
    if b"ersion" not in code and b"VERSION" not in code:
        return False
    try:
        body = ast.parse(code).body
    except UNPARSABLE:
        return False
    release = (*Version(version).release, 0, 0)
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        named = any(OWN_VERSION.match(getattr(target, "id", "")) for target in targets)
        if named and isinstance(statement.value, ast.Tuple | ast.List):  # type: ignore[attr-defined]
            values = [getattr(one, "value", None) for one in statement.value.elts]  # type: ignore[attr-defined]
            numbers = tuple(takewhile(lambda one: type(one) is int, values))
            if len(numbers) > 1 and numbers == release[: len(numbers)] and any(numbers):
                return True
    return False


def _is_version(value: ast.expr, version: Version, path: PurePosixPath, names: list[str]) -> bool:
    """Whether an expression is the project's version, written down."""
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
        return False
    try:
        return (path.name in PLACES and "__version__" in names) or Version(value.value) == version
    except InvalidVersion:
        return False


def only_version(code: str) -> bool:
    """Whether a module does nothing but state a version, so that a generated one can take its place."""
    try:
        body = ast.parse(code).body
    except UNPARSABLE:
        return False
    for statement in body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        plain = isinstance(statement, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom | ast.If)
        if not docstring and not plain:
            return False
    return True
