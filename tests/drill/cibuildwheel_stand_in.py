"""Stand-in for cibuildwheel: it makes the wheels of each platform, of the sdist and of one compiled module.

Where a sandbox runs are no containers of manylinux, no macOS and no Windows. So every wheel has the modules
and metadata of the sdist, and the extension module that was compiled for real for this machine; in each wheel
a file says that. Its source, with `PLAN` and `MODULE` filled in, is served as a distribution.

What it is asked for has to be what the real one understands: the plan without a build; a build from the
unpacked sdist alone with pinned build requirements and without tests; or tests of what the build backend
gives, without repair. Of tests it runs scripts alone, because no wheel of another platform installs here.
`[tool.stand-in]` of the package says what goes wrong.
"""

import base64
import hashlib
import io
import itertools
import os
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

PLAN: dict[str, list[str]] = {}  # identifiers by platform, as the real one plans them
MODULE = ""  # the compiled extension module, in base64
MIB = 1 << 20
TAGS = {
    "manylinux": "manylinux_2_17_{0}.manylinux2014_{0}",
    "musllinux": "musllinux_1_2_{0}",
    "macosx": "macosx_11_0_{0}",
    "win": "win_{0}",
}


def wheels_of(identifiers: list[str]) -> list[str]:
    """The tags of the wheels for some identifiers: one of the stable ABI for all that have it."""
    tags: dict[str, None] = {}
    for identifier in identifiers:
        python, _, place = identifier.partition("-")
        family, _, machine = place.partition("_")
        abi = (python, python) if python.endswith("t") else ("cp311", "abi3")
        tags[f"{abi[0].rstrip('t')}-{abi[1]}-{TAGS[family].format(machine)}"] = None
    return list(tags)


def wheel(source: Path, tag: str, more: bytes) -> tuple[str, bytes]:
    """Name and contents of a wheel."""
    stem = source.name
    info = f"{stem}.dist-info"
    package = next(path for path in (source / "src").iterdir() if (path / "__init__.py").exists())
    tags = "".join(f"Tag: {tag.rpartition('-')[0]}-{place}\n" for place in tag.rpartition("-")[2].split("."))
    files = {
        f"{package.name}/{path.name}": path.read_bytes()
        for path in sorted(package.iterdir())
        if path.is_file() and path.suffix != ".c"
    }
    files[f"{package.name}/_native.abi3.so"] = base64.b64decode(MODULE)
    files[f"{info}/METADATA"] = (source / "PKG-INFO").read_bytes()
    files[f"{info}/licenses/LICENSE"] = (source / "LICENSE").read_bytes()
    files[f"{info}/STAND-IN"] = b"Compiled for Linux on x86-64, and for no other platform." + more
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: stand-in\nRoot-Is-Purelib: false\n{tags}".encode()
    )
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in files.items()
    ]
    files[f"{info}/RECORD"] = "".join(f"{line}\n" for line in [*lines, f"{info}/RECORD,,"]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return f"{stem}-{tag}.whl", packed.getvalue()


def test(source: Path, identifiers: list[str], project: dict, out: Path) -> None:  # type: ignore[type-arg]
    """Take the wheel that the backend gives for each identifier, and run a test command that is a script."""
    system = option_of("--platform").upper()
    for what in ("BEFORE_BUILD", "REPAIR_WHEEL_COMMAND", "AUDIT_COMMAND"):
        assert os.environ[f"CIBW_{what}_{system}"] == ""
    build = project["build-system"]
    assert build["requires"] == []
    call = f"import sys, {build['build-backend']} as b; b.build_wheel(sys.argv[1], None, None)"
    path = os.pathsep.join(str(source / place) for place in build["backend-path"])
    command = project["tool"].get("cibuildwheel", {}).get("test-command", "")
    for identifier in identifiers:
        env = {**os.environ, "CIBUILDWHEEL_BUILD_IDENTIFIER": identifier}
        subprocess.run([sys.executable, "-c", call, str(out)], env={**env, "PYTHONPATH": path}, check=True)
        if command.startswith("python {package}"):
            words = shlex.split(command.replace("{package}", str(source)))
            subprocess.run([sys.executable, *words[1:]], env=env, check=True)
    print(f"A stand-in has tested the wheels for {option_of('--platform')}")


def option_of(name: str) -> str:
    """The value of an option."""
    return sys.argv[sys.argv.index(name) + 1]


def main() -> None:
    """Plan, build or test."""
    words = sys.argv[1:]
    option = dict(itertools.pairwise(words))
    platform, source = f"{option['--platform']}-{option['--archs']}", Path(words[-1])
    planned = PLAN[platform]
    if "--print-build-identifiers" in words:
        print("\n".join(planned))
        return
    frontend = os.environ["CIBW_BUILD_FRONTEND"]
    assert frontend.startswith("uv; args: --no-config --require-hashes --build-constraint '"), frontend
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["constraints.txt", source.name]
    assert int(os.environ["SOURCE_DATE_EPOCH"])
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    settings, out = project["tool"], Path(option["--output-dir"])
    out.mkdir(exist_ok=True)
    if os.environ.get("CIBW_TEST_SKIP") != "*":
        test(source.resolve(), planned, project, out)
        return
    print(f"A stand-in makes the wheels for {platform}")
    fault = settings.get("stand-in", {}).get(platform)
    if fault == "misses one at first" and os.environ["GITHUB_RUN_ATTEMPT"] == "1":
        planned = planned[:-1]
    for tag in wheels_of(planned):
        name, data = wheel(source.resolve(), tag, bytes(MIB) if fault == "too large" else b"")
        (out / name).write_bytes(data)
    if fault == "a tag of this machine":
        for path in out.glob("*manylinux*"):
            path.rename(path.with_name(f"{path.stem}.linux_x86_64.whl"))


if __name__ == "__main__":
    main()
