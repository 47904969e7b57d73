"""Projects that setuptools builds, from pyproject.toml, setup.cfg or setup.py."""

from __future__ import annotations

import ast
import configparser
import re

import tomlkit

from copier_pypi_release.adopt.convert.conversion import Conversion, Project, refuse, static_keys
from copier_pypi_release.adopt.repository import read_text
from copier_pypi_release.adopt.versions import read_code
from copier_pypi_release.console import counted
from copier_pypi_release.uploads import UNPARSABLE

# Arguments of setup() that the version or the description come from; the wheel shows what they amount to.
COMPUTED = {"version", "long_description", "use_scm_version"}
# Arguments that say which files belong to the package; the wheel lists them.
FINDERS = {"find_packages", "find_namespace_packages"}
REFUSED = {"ext_modules", "cmdclass", "data_files", "scripts", "cffi_modules", "rust_extensions", "distclass"}
SECTIONS = re.compile(r"(?:metadata|options(?:\..+)?|bdist_wheel|sdist|egg_info)\Z")
FROM_FILE = ("install_requires", "extras_require", "entry_points", "classifiers", "keywords")


def convert(project: Project) -> Conversion:
    """Say what of a setuptools project goes.

    Raises:
        AdoptionError: Something is computed while it builds, compiled, or read by setuptools alone.
    """
    document = project.document
    conversion = Conversion(
        remove=[("tool", "setuptools"), ("tool", "setuptools_scm"), ("tool", "setuptools-scm")]
    )
    scm = document.get("tool", "setuptools_scm") or document.get("tool", "setuptools-scm") or {}
    for key in ("version_file", "write_to"):
        conversion.version_file = conversion.version_file or str(scm.get(key, ""))
    if document.get("tool", "versioneer") or (project.folder / "versioneer.py").is_file():
        raise refuse(
            "The version comes from versioneer, whose files live inside the package",
            expected="a version from setuptools_scm, or a plain one",
            fix="remove versioneer and what it has written",
        )
    script, config = project.folder / "setup.py", project.folder / "setup.cfg"
    written: list[object] = []
    if script.is_file():
        arguments = read_setup(read_code(script)[0])
        scm_options = arguments.get("use_scm_version")
        if isinstance(scm_options, dict):
            conversion.version_file = str(
                scm_options.get("write_to") or scm_options.get("version_file") or ""
            )
        written.append(arguments.get("long_description"))
        conversion.files["setup.py"] = None
    if config.is_file():
        text = read_text(config)
        written.append(check_config(text))
        rest = without_sections(text)
        if rest != text:
            conversion.files["setup.cfg"] = rest if rest.strip() else None
    if document.get("project"):
        refuse_files(project)
        conversion.static = static_keys(project, {"description", "readme", "classifiers"})
    else:
        conversion.whole = True
        if not project.readme and (readme := written_readme(project, written)):
            conversion.override["readme"] = readme
    if (project.folder / "MANIFEST.in").is_file():
        conversion.notes.append(
            "Delete MANIFEST.in: it is not read any more, and [tool.hatch.build.targets.sdist] says the same."
        )
    return conversion


def written_readme(project: Project, written: list[object]) -> dict[str, str]:
    """The readme of a description that is written out for setuptools; empty if the wheel's is not."""
    fields = project.wheel.metadata
    text, kind = fields.get("description", ""), fields.get("description_content_type", "")
    if not text.strip() or _plain(text) not in [_plain(each) for each in written if isinstance(each, str)]:
        return {}
    # What says nothing is shown as reStructuredText by the index; parameters say what is so anyway.
    kind = kind.partition(";")[0].strip().lower() or "text/x-rst"
    return {"text": tomlkit.string(text, multiline="\n" in text), "content-type": kind}


def _plain(text: str) -> list[str]:
    """The lines of a text as any configuration can say them."""
    return [line.strip() for line in text.strip().splitlines()]


def refuse_files(project: Project) -> None:
    """Refuse a readme that is joined from several files.

    Raises:
        AdoptionError: It is.
    """
    readme = project.document.get("tool", "setuptools", "dynamic", "readme")
    if readme and not project.readme:
        raise refuse(
            f"The readme is put together by setuptools: {readme}",
            expected="one file",
            fix='write readme = "README.md" into [project]',
        )


def _decides_nothing(statement: ast.stmt) -> bool:
    """Whether a statement imports what there is, or only ends the script in some cases, as a guard does."""
    if isinstance(statement, ast.Try):
        parts = [*statement.body, *statement.orelse, *(s for one in statement.handlers for s in one.body)]
        return all(isinstance(s, ast.Import | ast.ImportFrom | ast.Pass) for s in parts)
    if not isinstance(statement, ast.If):
        return False
    goes_on = [block for block in (statement.body, statement.orelse) if block and not _ends(block)]
    ends = any(block and _ends(block) for block in (statement.body, statement.orelse))
    return ends and all(isinstance(s, ast.Assign) for block in goes_on for s in block)


def _ends(block: list[ast.stmt]) -> bool:
    """Whether a block ends the script."""
    last = block[-1]
    called = (
        ast.unparse(last.value.func)
        if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)
        else ""
    )
    return isinstance(last, ast.Raise) or called.rpartition(".")[2] in {"exit", "_exit", "quit"}


def read_setup(text: str) -> dict[str, object]:
    """The arguments of ``setup()`` in setup.py; a computed one that is allowed is None.

    Raises:
        AdoptionError: The file computes what goes into the wheel.
    """
    try:
        tree = ast.parse(text)
    except UNPARSABLE as error:
        raise refuse(
            f"setup.py is not Python: {error}",
            expected="a script that builds the package",
            fix="correct setup.py",
        ) from error
    names: dict[str, object] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            value = literal(statement.value, names)
            if value is not Ellipsis:
                names[statement.targets[0].id] = value
    body = [s for s in tree.body if not _is_main(s)]
    body += [inner for s in tree.body if _is_main(s) for inner in s.body]  # type: ignore[attr-defined]
    calls = [s.value for s in body if isinstance(s, ast.Expr) and _is_setup(s.value)]
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.With, ast.FunctionDef, ast.Expr)
    odd = next((s for s in body if not isinstance(s, allowed) and not _decides_nothing(s)), None)
    if len(calls) == 1 and not calls[0].keywords and not calls[0].args:  # type: ignore[attr-defined]
        # A bare setup() says nothing: what stands around it, such as a guard, decides no file and no field.
        return {}
    if odd is not None or len(calls) != 1:
        where = f"line {odd.lineno}" if odd is not None else f"{counted(len(calls), 'call')} of setup()"
        raise refuse(
            f"setup.py decides while it runs what is built ({where})",
            expected="one call of setup() with values written out",
            fix="write the values out",
        )
    call = calls[0]
    assert isinstance(call, ast.Call)  # noqa: S101  (_is_setup)
    return {k.arg or "**": _argument(k, names) for k in call.keywords}


def _argument(keyword: ast.keyword, names: dict[str, object]) -> object:
    """The value of one argument of ``setup()``."""
    name = keyword.arg or "**"
    if name in REFUSED:
        raise refuse(
            f"setup.py has {name}, which hatchling builds in another way or not at all",
            expected="a package of pure Python and its data",
            fix=f"take {name} out of setup.py if it is not needed",
        )
    value = literal(keyword.value, names)
    computed = isinstance(keyword.value, ast.Call) and _called(keyword.value) in FINDERS
    if value is Ellipsis and name not in COMPUTED and not computed:
        raise refuse(
            f"setup.py computes {name} (line {keyword.value.lineno})",
            expected="a value that is written out, because a copy of today's would be wrong tomorrow",
            fix=f"write {name} out in setup.py or pyproject.toml",
        )
    return None if value is Ellipsis else value


def _called(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _is_setup(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and _called(value) == "setup"


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__main__" in ast.dump(statement.test)


def literal(value: ast.expr, names: dict[str, object]) -> object:
    """The value of a literal, names of other literals included; Ellipsis if it is computed."""

    class Known(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            if node.id in names and isinstance(node.ctx, ast.Load):
                return ast.parse(repr(names[node.id]), mode="eval").body
            return node

    try:
        copied = ast.parse(ast.unparse(value), mode="eval").body
        return ast.literal_eval(Known().visit(copied))
    except (*UNPARSABLE, TypeError):
        return Ellipsis


def check_config(text: str) -> str | None:
    """Check that setup.cfg has no value that only setuptools can find; return the description if it has it.

    Raises:
        AdoptionError: It cannot be read, or has one.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise refuse(
            f"setup.cfg cannot be read: {error}".replace("\n", " "),
            expected="a file of sections",
            fix="correct setup.cfg",
        ) from error
    for section in parser.sections():
        for key, value in parser[section].items():
            name = key.replace("-", "_")
            odd = (section == "options" and name in REFUSED) or section == "options.data_files"
            from_file = section in {"metadata", "options"} and name in FROM_FILE
            from_file = from_file and value.strip().startswith(("file:", "attr:"))
            if odd or from_file:
                raise refuse(
                    f"setup.cfg has {key} = {value.strip()!r} in [{section}], for setuptools alone",
                    expected="values that are written out",
                    fix=f"write {key} out in setup.cfg or pyproject.toml",
                )
    stated = parser["metadata"] if parser.has_section("metadata") else {}
    return next((stated[key] for key in ("long_description", "long-description") if key in stated), None)


def without_sections(text: str) -> str:
    """The text of setup.cfg without the sections that describe the distribution."""
    kept: list[str] = []
    keeping = True
    for line in text.splitlines(keepends=True):
        if match := re.match(r"\[([^\]]+)\]", line):
            keeping = not SECTIONS.match(match[1].strip())
        if keeping:
            kept.append(line)
    return "".join(kept)
