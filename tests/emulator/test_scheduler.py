"""The scheduler treats workflows as GitHub documents it, on small samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.developer import PINS, Clone, TrialRepository
from emulator.github.act import assert_faithful, job_copy, literal
from emulator.github.store import ApiError
from emulator.github.triggers import admits, dispatch_inputs, glob, load, permissions, push_starts
from emulator.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ON = "ubuntu-24.04"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests of the module; each makes a repository of its own."""
    with Sandbox(tmp_path_factory.mktemp("scheduler") / "a sandbox") as sandbox:
        yield sandbox


def job(*steps: str | dict[str, Any], **keys: object) -> dict[str, Any]:
    """Return a job; a step given as text is a script."""
    full = [{"run": step} if isinstance(step, str) else step for step in steps]
    return {"runs-on": ON, "steps": full, **keys}


def results(run: dict[str, Any]) -> dict[str, str]:
    """Return the result of each job as later jobs see it."""
    return {key: value["result"] for key, value in run["results"].items()}


class TestJobs:
    """Order, outputs, conditions, matrices."""

    def test_outputs_travel(self, sandbox: Sandbox) -> None:
        """Outputs reach later jobs as they were, whatever is in them."""
        trial = TrialRepository(sandbox, "outputs")
        nasty = 'it\'s ${{ github.actor }} "q" $HOME `x` %0A ü'
        first = job(
            {"id": "s", "env": {"V": literal(nasty)}, "run": 'echo "v=$V" >> "$GITHUB_OUTPUT"'},
            outputs={"v": "${{ steps.s.outputs.v }}", "list": '["a", "b"]'},
        )
        second = job(
            {"env": {"V": "${{ needs.first.outputs.v }}"}, "run": 'echo "got=$V"'},
            needs="first",
            strategy={"matrix": {"x": "${{ fromJSON(needs.first.outputs.list) }}"}},
        )
        trial.workflow({"first": first, "second": second})
        run = trial.result()
        assert run["conclusion"] == "success", trial.sandbox.github.log(run["id"])
        assert run["results"]["first"]["outputs"]["v"] == nasty
        assert [j["name"] for j in run["jobs"]] == ["first", "second (a)", "second (b)"]
        assert all(f"got={nasty}" in j["log"] for j in run["jobs"][1:])

    def test_a_step_has_no_terminal(self, sandbox: Sandbox) -> None:
        """As on GitHub's runners; the end of a terminal would also end ("hangup") what was just started."""
        trial = TrialRepository(sandbox, "terminal")
        asked = "for fd in 0 1 2; do test ! -t $fd || echo a terminal at $fd; done"
        trial.steps({"name": "Ask", "run": f"{asked}; : < /dev/tty || echo none controls it"})
        log = trial.log()
        assert "a terminal at" not in log
        assert "none controls it" in log

    @pytest.mark.requirement("P8.3", "P1.1")
    def test_failure_stops_what_follows(self, sandbox: Sandbox) -> None:
        """What needs a failed job is skipped, on and on, unless it says `always()`."""
        trial = TrialRepository(sandbox, "failure")
        trial.workflow(
            {
                "ok": job("true"),
                "bad": job("exit 7", "echo never", needs="ok"),
                "after": job("echo never", needs="bad"),
                "later": job("echo never", needs="after"),
                "report": job(
                    "echo saw ${{ needs.bad.result }} ${{ needs.later.result }}",
                    needs=["bad", "later"],
                    **{"if": "always()"},
                ),
                "alarm": job("echo alarm", needs="later", **{"if": "failure()"}),
            }
        )
        run = trial.result()
        assert run["conclusion"] == "failure"
        assert results(run) == {
            "ok": "success",
            "bad": "failure",
            "after": "skipped",
            "later": "skipped",
            "report": "success",
            "alarm": "success",
        }
        bad = next(j for j in run["jobs"] if j["key"] == "bad")
        assert [s["conclusion"] for s in bad["steps"]] == [*("success", "failure", "skipped", "success")]
        assert bad["annotations"][0]["message"] == "Process completed with exit code 7."
        assert "saw failure skipped" in sandbox.github.log(run["id"])

    def test_success_looks_at_all_ancestors(self, sandbox: Sandbox) -> None:
        """A job behind one that ran in spite of a failure is skipped all the same."""
        trial = TrialRepository(sandbox, "ancestors")
        trial.workflow(
            {
                "bad": job("false"),
                "anyway": job("true", needs="bad", **{"if": "always()"}),
                "plain": job("true", needs="anyway"),
                "explicit": job("true", needs="anyway", **{"if": "${{ success() }}"}),
                "failed": job("true", needs="anyway", **{"if": "failure()"}),
            }
        )
        assert results(trial.result()) == {
            "bad": "failure",
            "anyway": "success",
            "plain": "skipped",
            "explicit": "skipped",
            "failed": "success",
        }

    def test_matrix_legs_have_their_own_results(self, sandbox: Sandbox) -> None:
        """One bad leg fails the job; the others show what they did."""
        trial = TrialRepository(sandbox, "matrix")
        matrix = {"os": [ON, "windows-2025", "macos-15"], "py": ["3.11"]}
        legs = job(
            "test ${{ matrix.os }} != windows-2025",
            strategy={"fail-fast": False, "matrix": matrix},
            **{"runs-on": "${{ matrix.os }}", "name": "test on ${{ matrix.os }}"},
        )
        trial.workflow({"legs": legs, "next": job("true", needs="legs")})
        run = trial.result()
        assert sandbox.github.conclusions(run["id"]) == {
            "test on ubuntu-24.04": "success",
            "test on windows-2025": "failure",
            "test on macos-15": "success",
            "next": "skipped",
        }
        assert run["jobs"][1]["matrix"] == {"os": "windows-2025", "py": "3.11"}

    def test_step_outcomes_summaries_annotations(self, sandbox: Sandbox) -> None:
        """What a job shows: summaries in order, annotations with titles, masked values."""
        trial = TrialRepository(sandbox, "shown")
        trial.steps(
            {"name": "one", "run": 'echo "# One" >> "$GITHUB_STEP_SUMMARY"'},
            {"name": "two", "run": "exit 1", "continue-on-error": True},
            {"name": "three", "if": "false", "run": "true"},
            {"run": "echo '::error title=Bad tag,file=a.py,line=3::no%0Ayes'"},
            {"run": "echo '::add-mask::hush'; echo hush hush"},
            {"run": 'echo "# Two" >> "$GITHUB_STEP_SUMMARY"; echo ${{ github.token }}'},
        )
        run = trial.result()
        only = run["jobs"][0]
        assert (run["conclusion"], only["summary"]) == ("success", "# One\n# Two\n")
        shown = {step["name"]: step["conclusion"] for step in only["steps"]}
        assert (shown["one"], shown["two"], shown["three"]) == ("success", "success", "skipped")
        note = next(n for n in only["annotations"] if n["title"] == "Bad tag")
        assert (note["message"], note["path"], note["start_line"]) == ("no\nyes", "a.py", 3)
        assert "hush" not in only["log"].replace("::add-mask::hush", "")
        assert "ghs_" not in only["log"]

    def test_unknown_label_is_no_success(self, sandbox: Sandbox) -> None:
        """A label that no runner has fails; act alone would skip it and exit 0."""
        trial = TrialRepository(sandbox, "label")
        trial.workflow({"only": job("true", **{"runs-on": "ubuntu-9999"})})
        assert trial.result()["conclusion"] == "failure"

    def test_time_limit(self, sandbox: Sandbox) -> None:
        """`timeout-minutes` kills the job with all its processes."""
        trial = TrialRepository(sandbox, "limit")
        script = 'sleep 600 & echo "pid=$!"; wait'
        trial.workflow({"only": job(script, **{"timeout-minutes": 0.02})})
        run = trial.result()
        assert run["jobs"][0]["conclusion"] == "cancelled"
        assert "maximum execution time" in run["jobs"][0]["annotations"][-1]["message"]
        assert sandbox.run(["pgrep", "-f", "sleep 600"], check=False).stdout == ""

    def test_defaults_do_not_reach_the_harness(self, sandbox: Sandbox) -> None:
        """`defaults:` of a workflow apply to its own steps, not to what stands in for other jobs."""
        trial = TrialRepository(sandbox, "defaults")
        jobs = {"a": job("pwd", defaults={"run": {"working-directory": "/"}})}
        jobs["b"] = job({"run": "true", "working-directory": "/"}, needs="a")
        defaults = {"run": {"shell": "python", "working-directory": "no/such/folder"}}
        jobs["a"]["defaults"]["run"]["shell"] = jobs["b"]["steps"][0]["shell"] = "bash"
        text = json.dumps({"on": "push", "defaults": defaults, "jobs": jobs})
        trial.clone.commit({".github/workflows/try.yml": text})
        run = trial.result()
        assert run["conclusion"] == "success", sandbox.github.log(run["id"])

    def test_copy_for_act_is_compared_with_its_source(self, tmp_path: Path) -> None:
        """A copy whose job, or whose heading, is not the source's is refused."""
        source = {"on": "push", "jobs": {"a": job("true")}}
        given = tmp_path / "workflow.yml"
        for change in ({"env": {"X": "1"}}, {"jobs": {"a": job("false")}}):
            given.write_text(json.dumps({**source, **change}), encoding="utf-8")
            with pytest.raises(AssertionError, match="differs from its source"):
                assert_faithful(json.dumps(source), given, "a", None, {})
        given.write_text(json.dumps(job_copy(source, "a", {}, None)), encoding="utf-8")
        assert_faithful(json.dumps(source), given, "a", None, {})

    def test_github_context_is_complete(self, sandbox: Sandbox) -> None:
        """Values of the `github` context that act leaves empty are there."""
        trial = TrialRepository(sandbox, "context")
        names = ("workflow_sha", "workflow_ref", "triggering_actor", "sha", "ref", "run_attempt")
        trial.steps({"run": "\n".join(f"echo {n}=${{{{ github.{n} }}}}" for n in names)})
        log = trial.log()
        head = trial.clone.head()
        assert f"workflow_sha={head}" in log
        assert f"sha={head}" in log
        assert "workflow_ref=octo/context/.github/workflows/try.yml@refs/heads/main" in log
        assert "triggering_actor=octo" in log

    @pytest.mark.parametrize(
        ("step", "why"),
        [
            ({"uses": "actions/checkout@v7"}, "not pinned to a full commit SHA"),
            ({"uses": f"some/action@{'0' * 40}"}, "no stand-in for"),
            ({"uses": "$/.github/actions/x"}, "pinned actions"),
            ({"uses": PINS["checkout"], "with": {"depth": 1}}, "no such input"),
        ],
    )
    def test_what_cannot_be_stood_in_for(self, sandbox: Sandbox, step: dict[str, Any], why: str) -> None:
        """An action that the emulator does not know is a sentence, never a silent success."""
        trial = TrialRepository(sandbox, f"unknown-{len(why)}")
        trial.steps(step)
        run = trial.result()
        assert run["conclusion"] == "startup_failure"
        assert why in run["problem"]


class TestRights:
    """Per-job credentials."""

    @pytest.mark.requirement("P2.5", "X6")
    def test_permissions_are_enforced(self, sandbox: Sandbox) -> None:
        """A job's token can do what `permissions:` grants it, and nothing else."""
        trial = TrialRepository(sandbox, "rights")
        ask = "gh api -X {} repos/$GITHUB_REPOSITORY/{} 2>&1 || true"
        env = {"env": {"GH_TOKEN": "${{ github.token }}"}}
        asks = {
            "read": ask.format("GET", "contents/x"),
            "write": ask.format("POST", "issues -f title=x"),
            "admin": ask.format("PUT", "immutable-releases"),
        }
        steps = [{"name": name, "run": text, **env} for name, text in asks.items()]
        trial.clone.commit({"x": "1"})
        trial.workflow(
            {
                "none": job(*steps, permissions={}),
                "reader": job(*steps, permissions={"contents": "read"}),
                "writer": job(*steps, permissions={"contents": "read", "issues": "write"}),
            }
        )
        run = trial.result()
        refused = "Resource not accessible by integration"
        counts = {j["key"]: j["log"].count(refused) for j in run["jobs"]}
        # Each refusal is printed twice: as JSON, and as gh's own sentence.
        assert counts == {"none": 6, "reader": 4, "writer": 2}
        assert [issue["author"] for issue in sandbox.github.issues(trial.repo)] == ["github-actions[bot]"]

    def test_token_ends_with_its_job(self, sandbox: Sandbox) -> None:
        """A token that leaks is worth nothing when its job is over."""
        trial = TrialRepository(sandbox, "leak")
        trial.steps({"run": 'echo "token=$(echo ${{ github.token }} | rev)"'})
        run = trial.result()
        token = run["jobs"][0]["log"].partition("token=")[2].split()[0][::-1]
        assert token.startswith("ghs_")
        answer = sandbox.run(["gh", "api", f"repos/{trial.repo}"], env={"GH_TOKEN": token}, check=False)
        assert "Bad credentials" in answer.stderr
        assert sandbox.github.job_tokens() == []

    @pytest.mark.requirement("P2.1", "X1")
    def test_identity_only_with_the_permission(self, sandbox: Sandbox) -> None:
        """The request URL and token are there with `id-token: write` alone; claims are exact."""
        trial = TrialRepository(sandbox, "identity")
        fetch = (
            'test -n "$ACTIONS_ID_TOKEN_REQUEST_URL" || { echo claims=none; exit 0; }\n'
            'curl -sf -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" '
            '"$ACTIONS_ID_TOKEN_REQUEST_URL&audience=pypi" | jq -r .value | cut -d. -f2 '
            "| tr _- /+ | base64 -d 2>/dev/null | sed 's/^/claims=/'; echo"
        )
        trial.workflow(
            {
                "without": job(fetch),
                "with": job(fetch, permissions={"id-token": "write"}, environment="pypi"),
            }
        )
        run = trial.result()
        logs = {j["key"]: j["log"] for j in run["jobs"]}
        assert "claims=none" in logs["without"]
        text = logs["with"].partition("claims=")[2].partition("\n")[0]
        claims = json.loads(text + ("" if text.endswith("}") else "}"))
        file = "octo/identity/.github/workflows/try.yml@refs/heads/main"
        wanted = {
            "aud": "pypi",
            "sub": "repo:octo/identity:environment:pypi",
            "repository_owner_id": str(sandbox.github.ids(trial.repo)["owner"]),
            "job_workflow_ref": file,
            "environment": "pypi",
            "sha": trial.clone.head(),
        }
        assert {key: claims[key] for key in wanted} == wanted

    @pytest.mark.requirement("X4")
    def test_pull_request_from_a_fork(self, sandbox: Sandbox) -> None:
        """A fork's pull request gets a read-only token, no identity and no secrets."""
        trial = TrialRepository(sandbox, "fork")
        sandbox.github.settings(trial.repo, secrets={"KEY": "sesame"})
        show = (
            'echo "key=[${{ secrets.KEY }}] url=[$ACTIONS_ID_TOKEN_REQUEST_URL] $GITHUB_REF"\n'
            "gh api repos/$GITHUB_REPOSITORY/issues -f title=x 2>&1 || true"
        )
        only = job({"run": show, "env": {"GH_TOKEN": "${{ github.token }}"}})
        only["permissions"] = {"id-token": "write", "issues": "write"}
        trial.workflow({"only": only}, on="pull_request")
        trial.clone.push("main")
        trial.clone.git("switch", "--quiet", "--create", "topic")
        trial.clone.commit({"y": "1"})
        trial.clone.push("topic")
        number = sandbox.github.pull_request(trial.repo, "topic", fork=True)
        sandbox.wait_idle(60)
        log = sandbox.github.log(sandbox.github.runs(trial.repo)[-1]["id"])
        assert f"key=[] url=[] refs/pull/{number}/merge" in log
        assert "Resource not accessible by integration" in log

    def test_tokens_trigger_nothing(self, sandbox: Sandbox) -> None:
        """A tag that a job pushes with its own token starts no workflow; a person's tag does."""
        trial = TrialRepository(sandbox, "no-loop")
        trial.steps(
            {"uses": PINS["checkout"]},
            {"run": "git tag v1 && git push origin v1"},
            on={"push": {"branches": ["main"]}},
            permissions={"contents": "write"},
        )
        tagged = {"name": "tagged", "on": {"push": {"tags": ["v*"]}}, "jobs": {"a": job("true")}}
        trial.clone.commit({".github/workflows/tag.yml": json.dumps(tagged)})
        trial.log()
        assert "refs/tags/v1" in sandbox.github.refs(trial.repo)
        assert sandbox.github.runs(trial.repo, workflow="tag.yml") == []
        trial.clone.tag("v2")
        sandbox.wait_idle(60)
        assert len(sandbox.github.runs(trial.repo, workflow="tag.yml")) == 1

    @pytest.mark.requirement("X6")
    def test_a_token_pushes_no_workflow(self, sandbox: Sandbox) -> None:
        """With every right that there is: a commit of a job may change no file of `.github/workflows`."""
        trial = TrialRepository(sandbox, "no-workflows")
        change = (
            "mkdir -p $(dirname $FILE) && echo '# ours' >> $FILE && git add $FILE\n"
            "git -c user.name=x -c user.email=x@example.org commit --quiet --message x\n"
            "git push origin HEAD:refs/heads/$GITHUB_JOB 2>&1 || true"
        )
        files = {"workflow": ".github/workflows/try.yml", "other": ".github/other.yml"}
        jobs = {
            key: job({"uses": PINS["checkout"]}, {"run": change, "env": {"FILE": file}})
            for key, file in files.items()
        }
        trial.workflow({key: {**value, "permissions": "write-all"} for key, value in jobs.items()})
        log = sandbox.github.log(trial.result()["id"])
        refused = "refusing to allow a GitHub App to create or update workflow `.github/workflows/try.yml`"
        assert f"{refused} without `workflows` permission" in log
        assert {"refs/heads/other"} == set(sandbox.github.refs(trial.repo)) - {"refs/heads/main"}

    def test_a_token_opens_pull_requests_where_it_may(self, sandbox: Sandbox) -> None:
        """The repository's setting decides, on top of the job's permission; no workflow starts."""
        trial = TrialRepository(sandbox, "pulls")
        trial.clone.commit({"x": "1"})
        trial.clone.push("main")
        trial.clone.git("switch", "--quiet", "--create", "topic")
        trial.clone.commit({"y": "1"})
        trial.clone.push("topic")
        trial.clone.git("switch", "--quiet", "main")
        ask = "gh api repos/$GITHUB_REPOSITORY/pulls -f head=topic -f base=main -f title=x 2>&1 || true"
        step = {"run": ask, "env": {"GH_TOKEN": "${{ github.token }}"}}
        trial.workflow(
            {
                "without": job(step, permissions={"contents": "write"}),
                "with": job(step, permissions={"pull-requests": "write"}, needs="without"),
            }
        )
        logs = {j["key"]: j["log"] for j in trial.result()["jobs"]}
        assert "Resource not accessible by integration" in logs["without"]
        assert "GitHub Actions is not permitted to create or approve pull requests." in logs["with"]
        actions = sandbox.github.settings(trial.repo)["actions"]
        sandbox.github.settings(trial.repo, actions={**actions, "can_approve_pull_request_reviews": True})
        trial.clone.commit({"x": "2"})
        trial.log()
        (pull,) = sandbox.github.pulls(trial.repo)
        assert (pull["title"], pull["author"], pull["draft"]) == ("x", "github-actions[bot]", False)


class TestTriggers:
    """What starts a workflow."""

    @pytest.mark.parametrize(
        ("pattern", "name", "matches"),
        [
            ("v[0-9]*", "v1.0", True),
            ("v[0-9]*", "v1/x", False),
            ("v[0-9]*", "vx", False),
            ("**", "a/b", True),
            ("*", "a/b", False),
            ("v[0-9]+.[0-9]+", "v10.2", True),
            ("v[0-9]+.[0-9]+", "v10x2", False),
            ("*.jsx?", "page.js", True),
            ("releases/**-alpha", "releases/10-alpha", True),
        ],
    )
    def test_filter_language(self, pattern: str, name: str, *, matches: bool) -> None:
        """The rows of GitHub's cheat sheet."""
        assert bool(glob(pattern).fullmatch(name)) is matches

    def test_exclusion(self) -> None:
        """A later pattern overrules an earlier one."""
        assert admits(["v*", "!v1*"], "v2")
        assert not admits(["v*", "!v1*"], "v1.0")
        assert admits(["v*", "!v1*", "v1.5"], "v1.5")

    @pytest.mark.parametrize(
        ("filters", "ref", "starts"),
        [
            ({}, "refs/heads/x", True),
            ({}, "refs/tags/x", True),
            ({"tags": ["v*"]}, "refs/tags/v1", True),
            ({"tags": ["v*"]}, "refs/tags/nightly-3", False),
            ({"tags": ["v*"]}, "refs/heads/v1", False),
            ({"branches": ["main"]}, "refs/tags/main", False),
            ({"branches-ignore": ["main"]}, "refs/heads/main", False),
            ({"branches-ignore": ["main"]}, "refs/heads/x", True),
            ({"branches": ["main"], "tags": ["v*"]}, "refs/tags/v1", True),
            ({"branches": ["main"], "paths": ["src/**"]}, "refs/heads/main", False),
        ],
    )
    def test_push_filters(self, filters: dict[str, Any], ref: str, *, starts: bool) -> None:
        """A filter on branches bars tags, and the other way round."""
        assert push_starts(filters, ref, ["docs/x"]) is starts

    def test_yaml_is_read_as_1_2(self) -> None:
        """`on` is a key, `no` a word."""
        assert load("on: push\njobs: {a: {name: no}}")["jobs"]["a"]["name"] == "no"

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({}, "Required input 'tag' not provided"),
            ({"tag": "v1", "x": "1"}, 'Unexpected inputs provided: ["x"]'),
            ({"tag": "v1", "dry": "maybe"}, "is not a boolean"),
            ({"tag": "v1", "kind": "c"}, "not in the list of allowed values"),
        ],
    )
    def test_bad_inputs(self, given: dict[str, str], why: str) -> None:
        """Inputs are checked before anything runs."""
        choice = {"type": "choice", "options": ["a", "b"], "default": "a"}
        declared = {"tag": {"required": True}, "dry": {"type": "boolean"}, "kind": choice}
        with pytest.raises(ApiError, match=why.replace("[", r"\[")):
            dispatch_inputs(declared, given)

    def test_default_permissions(self) -> None:
        """A workflow that says nothing gets the repository's default; one that says `{}` nothing."""
        said = {"contents": "read", "packages": "read"}
        assert permissions({}, {}, "read", fork=False) == said
        assert permissions({"permissions": {}}, {}, "write", fork=False) == {}
        assert "id-token" not in permissions({}, {}, "write", fork=False)
        assert permissions({}, {"permissions": "write-all"}, "read", fork=True)["issues"] == "read"

    @pytest.mark.requirement("X4")
    def test_only_the_tag_starts_it(self, sandbox: Sandbox) -> None:
        """With a tag filter, branches and noise tags start nothing; nor does deleting a tag."""
        trial = TrialRepository(sandbox, "tags-only")
        trial.steps({"run": "true"}, on={"push": {"tags": ["v[0-9]*"]}})
        trial.clone.push("main")
        trial.clone.tag("nightly-3")
        assert sandbox.github.runs(trial.repo) == []
        trial.clone.tag("v1.0")
        sandbox.wait_idle(60)
        trial.clone.push(":v1.0")
        runs = sandbox.github.runs(trial.repo)
        assert [(run["ref"], run["sha"]) for run in runs] == [("refs/tags/v1.0", trial.clone.head())]

    @pytest.mark.requirement("P8.6")
    def test_more_than_three_tags_start_nothing(self, sandbox: Sandbox) -> None:
        """Four tags in one push make no run; three make three."""
        trial = TrialRepository(sandbox, "many-tags")
        trial.steps({"run": "true"}, on={"push": {"tags": ["v*"]}})
        trial.clone.push("main")
        for name in ("v1", "v2", "v3", "v4", "v5", "v6", "v7"):
            trial.clone.git("tag", name)
        trial.clone.push("v1", "v2", "v3", "v4")
        assert sandbox.github.runs(trial.repo) == []
        trial.clone.push("v5", "v6", "v7")
        sandbox.wait_idle(60)
        assert len(sandbox.github.runs(trial.repo)) == 3

    @pytest.mark.requirement("P8.6")
    def test_dispatch(self, sandbox: Sandbox) -> None:
        """A dispatch runs the file of the ref it names, with checked inputs."""
        trial = TrialRepository(sandbox, "dispatch")
        on = {"workflow_dispatch": {"inputs": {"tag": {"type": "string", "required": True}}}}
        trial.steps({"run": "echo tag=${{ inputs.tag }} ${{ github.event.inputs.tag }}"}, on=on)
        trial.clone.push("main")
        trial.clone.gh("workflow", "run", "try.yml", "-f", "tag=v1.2.3")
        sandbox.wait_idle(60)
        run = sandbox.github.runs(trial.repo)[-1]
        assert (run["event"], run["ref"], run["conclusion"]) == (
            *("workflow_dispatch", "refs/heads/main"),
            "success",
        )
        assert "tag=v1.2.3 v1.2.3" in sandbox.github.log(run["id"])
        refused = trial.clone.gh("workflow", "run", "try.yml", check=False)
        assert "Required input 'tag' not provided" in refused.stderr

    def test_schedule(self, sandbox: Sandbox) -> None:
        """The clock starts the default branch's file."""
        trial = TrialRepository(sandbox, "schedule")
        trial.steps({"run": "echo ref=$GITHUB_REF"}, on={"schedule": [{"cron": "0 4 * * 1"}]})
        trial.clone.push("main")
        run = sandbox.github.schedule(trial.repo, "try.yml")
        sandbox.wait_idle(60)
        assert "ref=refs/heads/main" in sandbox.github.log(run)

    def test_invalid_workflow(self, sandbox: Sandbox) -> None:
        """A file that is no workflow makes a failed run, as on GitHub."""
        trial = TrialRepository(sandbox, "invalid")
        trial.clone.commit({".github/workflows/bad.yml": "on: push\njobs: ["})
        run = trial.result()
        assert (run["conclusion"], run["jobs"]) == ("startup_failure", [])


class TestConcurrency:
    """Groups; runs that meet in one."""

    HOLD = 'until test -e "$GATE"; do read -rt 0.05 <> <(:) || :; done'

    def trial(self, sandbox: Sandbox, name: str, **concurrency: str) -> tuple[TrialRepository, Path]:
        """Return a trial whose runs last until a file appears."""
        trial = TrialRepository(sandbox, name)
        gate = sandbox.root / "home" / f"gate-{name}"
        jobs = {"only": job({"run": self.HOLD, "env": {"GATE": str(gate)}})}
        text = {"on": {"push": {"tags": ["*"]}}, "concurrency": concurrency, "jobs": jobs}
        trial.clone.commit({".github/workflows/try.yml": json.dumps(text)})
        trial.clone.push("main")
        return trial, gate

    @pytest.mark.requirement("P5.4")
    def test_one_group_one_run(self, sandbox: Sandbox) -> None:
        """A second run of a group waits; a third takes its place; other groups are free."""
        trial, gate = self.trial(sandbox, "group", group="release-${{ github.ref_name }}")
        trial.clone.tag("a", annotated=False)
        for _ in range(2):
            trial.clone.commit({})
            trial.clone.git("tag", "--force", "a")
            trial.clone.push("a", force=True)
        trial.clone.tag("b", annotated=False)
        ids = [run["id"] for run in sandbox.github.runs(trial.repo)]
        sandbox.github.wait_status(ids[1], "completed", patience=30)
        sandbox.github.wait_status(ids[3], "in_progress", patience=30)
        shown = [(run["status"], run["group"]) for run in sandbox.github.runs(trial.repo)]
        assert shown == [
            ("in_progress", "release-a"),
            ("completed", "release-a"),
            ("pending", "release-a"),
            ("in_progress", "release-b"),
        ]
        gate.touch()
        sandbox.wait_idle(60)
        ends = [run["conclusion"] for run in sandbox.github.runs(trial.repo)]
        assert ends == ["success", "cancelled", "success", "success"]

    def test_cancel(self, sandbox: Sandbox) -> None:
        """`gh run cancel` ends a run and its processes."""
        trial, _ = self.trial(sandbox, "cancel", group="x")
        trial.clone.tag("a", annotated=False)
        run = sandbox.github.runs(trial.repo)[0]["id"]
        sandbox.github.wait_status(run, "in_progress", patience=30)
        trial.clone.gh("run", "cancel", str(run))
        ended = sandbox.github.wait_status(run, "completed", patience=30)
        assert (ended["conclusion"], ended["jobs"][0]["conclusion"]) == ("cancelled", "cancelled")


class TestEnvironments:
    """Reviewers, ref policy, and environments that are not there."""

    def trial(self, sandbox: Sandbox, name: str, **keys: object) -> TrialRepository:
        """Return a trial with jobs before, in and behind the environment `pypi`."""
        trial = TrialRepository(sandbox, name)
        trial.workflow(
            {
                "build": job("echo built"),
                "publish": job("echo published", needs="build", environment="pypi", **keys),
                "after": job("echo after", needs="publish"),
                "report": job("true", needs="publish", **{"if": "always()"}),
            },
            on={"push": {"tags": ["*"]}, "workflow_dispatch": {}},
        )
        trial.clone.push("main")
        return trial

    def test_missing_environment_is_made_unprotected(self, sandbox: Sandbox) -> None:
        """A job that names an environment that is not there creates it, without protection."""
        trial = self.trial(sandbox, "made")
        assert trial.log(ref="HEAD:refs/tags/v1")
        made = sandbox.github.environments(trial.repo)["pypi"]
        assert (made["reviewers"], made["deployment_branch_policy"]) == ([], None)

    @pytest.mark.requirement("P2.3", "X2")
    @pytest.mark.parametrize("reviewer", ["rita", "@releasers"])
    def test_reviewers_hold_the_job(self, sandbox: Sandbox, reviewer: str) -> None:
        """The run waits before the job; an approval, by name or as a member of a team, lets it go on."""
        trial = self.trial(sandbox, f"approved-by-{reviewer.strip('@')}")
        sandbox.github.add_collaborator(trial.repo, "rita", "write")
        sandbox.github.add_team(trial.repo, "releasers", "rita")
        sandbox.github.set_environment(trial.repo, "pypi", reviewers=(reviewer,))
        run = trial.result("HEAD:refs/tags/v1")
        assert run["status"] == "waiting"
        assert results(run) == {"build": "success"}
        rita = Clone(sandbox, trial.repo, "rita")
        path = f"repos/{trial.repo}/actions/runs/{run['id']}/pending_deployments"
        asked = json.loads(rita.gh("api", path).stdout)
        assert asked[0]["current_user_can_approve"] is True
        number = asked[0]["environment"]["id"]
        args = ["-F", f"environment_ids[]={number}", "-f", "state=approved", "-f", "comment=ok"]
        refused = trial.clone.gh("api", path, *args, check=False)
        assert "not a required reviewer" in refused.stdout
        rita.gh("api", path, *args)
        sandbox.wait_idle(60)
        assert sandbox.github.run(run["id"])["conclusion"] == "success"

    def test_rejection_fails_the_job(self, sandbox: Sandbox) -> None:
        """After a rejection the job has failed and what needs it is skipped."""
        trial = self.trial(sandbox, "rejected")
        sandbox.github.set_environment(trial.repo, "pypi", reviewers=("octo",))
        run = trial.result("HEAD:refs/tags/v1")["id"]
        sandbox.github.reject(run, "pypi", comment="not today")
        sandbox.wait_idle(60)
        ended = sandbox.github.run(run)
        assert results(ended) == {
            "build": "success",
            "publish": "failure",
            "after": "skipped",
            "report": "success",
        }
        assert "published" not in sandbox.github.log(run)
        sandbox.github.rerun(run, failed=True)
        sandbox.wait_idle(60)
        assert sandbox.github.run(run)["status"] == "waiting"
        sandbox.github.approve(run, "pypi")
        sandbox.wait_idle(60)
        assert sandbox.github.run(run)["conclusion"] == "success"

    def test_self_review_can_be_prevented(self, sandbox: Sandbox) -> None:
        """`prevent_self_review` locks out who started the run."""
        trial = self.trial(sandbox, "self")
        sandbox.github.set_environment(trial.repo, "pypi", reviewers=("octo",), prevent_self_review=True)
        run = trial.result("HEAD:refs/tags/v1")["id"]
        with pytest.raises(ApiError, match="may not review it"):
            sandbox.github.approve(run, "pypi")

    @pytest.mark.requirement("X7")
    def test_ref_policy(self, sandbox: Sandbox) -> None:
        """A ref that the environment does not admit fails the job, before anything in it runs."""
        trial = self.trial(sandbox, "policy")
        sandbox.github.set_environment(trial.repo, "pypi", tags=("v*",), reviewers=("octo",))
        run = sandbox.github.dispatch(trial.repo, "try.yml")
        sandbox.wait_idle(60)
        publish = sandbox.github.run(run)["jobs"][1]
        assert publish["conclusion"] == "failure"
        assert 'Branch "main" is not allowed to deploy to pypi' in publish["log"]
        assert "published" not in publish["log"]
        assert trial.result("HEAD:refs/tags/v1")["status"] == "waiting"

    def test_condition_comes_before_review(self, sandbox: Sandbox) -> None:
        """A job that its `if:` skips asks nobody."""
        trial = self.trial(sandbox, "skipped", **{"if": "github.ref_name == 'other'"})
        sandbox.github.set_environment(trial.repo, "pypi", reviewers=("octo",))
        run = trial.result("HEAD:refs/tags/v1")
        assert (run["status"], results(run)["publish"]) == ("completed", "skipped")

    def test_waiting_survives_a_checkpoint(self, tmp_path: Path) -> None:
        """A copy of the sandbox goes on from where the original waits."""
        with Sandbox(tmp_path / "one") as one:
            trial = self.trial(one, "copied")
            one.github.set_environment(trial.repo, "pypi", reviewers=("octo",))
            run = trial.result("HEAD:refs/tags/v1")["id"]
            one.checkpoint(tmp_path / "saved")
        with Sandbox.from_checkpoint(tmp_path / "saved", tmp_path / "two") as two:
            two.github.approve(run, "pypi")
            two.wait_idle(60)
            assert two.github.run(run)["conclusion"] == "success"


class TestReruns:
    """Re-run failed, re-run all."""

    def trial(self, sandbox: Sandbox, name: str) -> TrialRepository:
        """Return a trial whose middle job fails until a file is there."""
        trial = TrialRepository(sandbox, name)
        flag = sandbox.root / "home" / f"flag-{name}"
        build = job(
            {"id": "s", "run": 'echo "stamp=$RANDOM$RANDOM" | tee -a "$GITHUB_OUTPUT" > out'},
            {"uses": PINS["upload"], "with": {"name": "dist", "path": "out"}},
            outputs={"stamp": "${{ steps.s.outputs.stamp }}"},
        )
        publish = job(
            {"uses": PINS["download"], "with": {"name": "dist"}},
            {"run": 'echo "seen=${{ needs.build.outputs.stamp }} try=$GITHUB_RUN_ATTEMPT"; cat out'},
            {"run": f"test -e '{flag}'"},
            needs="build",
        )
        report = job("true", needs="publish", **{"if": "always()"})
        trial.workflow({"build": build, "publish": publish, "report": report})
        return trial

    @pytest.mark.requirement("P8.3", "P5.1", "P1.4")
    def test_failed_jobs_only(self, sandbox: Sandbox) -> None:
        """Same run, next attempt: the build is not repeated, its outputs and artifact are used."""
        trial = self.trial(sandbox, "again")
        first = trial.result()
        assert results(first) == {"build": "success", "publish": "failure", "report": "success"}
        (sandbox.root / "home" / "flag-again").touch()
        trial.clone.gh("run", "rerun", str(first["id"]), "--failed")
        sandbox.wait_idle(60)
        second = sandbox.github.run(first["id"])
        assert (second["attempt"], second["conclusion"]) == (2, "success")
        stamp = first["results"]["build"]["outputs"]["stamp"]
        publish = next(j for j in second["jobs"] if j["key"] == "publish")
        assert f"seen={stamp} try=2" in publish["log"]
        assert f"stamp={stamp}" in publish["log"]
        attempts = {j["key"]: j["attempt"] for j in second["jobs"]}
        assert attempts == {"build": 1, "publish": 2, "report": 2}
        assert [a["id"] for a in second["artifacts"]] == [a["id"] for a in first["artifacts"]]

    @pytest.mark.requirement("P3.6")
    def test_everything(self, sandbox: Sandbox) -> None:
        """Re-run all: original commit, original file, artifacts made anew."""
        trial = self.trial(sandbox, "all")
        first = trial.result()
        head = trial.clone.head()
        (sandbox.root / "home" / "flag-all").touch()
        trial.steps({"run": "echo other"}, on={"push": {"tags": ["x"]}})
        trial.clone.push("main")
        trial.clone.gh("run", "rerun", str(first["id"]))
        sandbox.wait_idle(60)
        second = sandbox.github.run(first["id"])
        assert (second["attempt"], second["conclusion"], second["sha"]) == (2, "success", head)
        assert second["results"]["build"] != first["results"]["build"]
        assert [a["id"] for a in second["artifacts"]] != [a["id"] for a in first["artifacts"]]
        assert [past["conclusion"] for past in second["previous"]] == ["failure"]

    def test_one_leg(self, sandbox: Sandbox) -> None:
        """Of a matrix only the failed legs are repeated; the outputs of all legs are one, kept ones too."""
        trial = TrialRepository(sandbox, "leg")
        flag = sandbox.root / "home" / "flag-leg"
        legs = job(
            {
                "id": "s",
                "run": 'echo "n${{ matrix.n }}=$GITHUB_RUN_ATTEMPT" >> "$GITHUB_OUTPUT"\n'
                f"test ${{{{ matrix.n }}}} = 1 -o -e '{flag}'",
            },
            strategy={"matrix": {"n": [1, 2]}},
            outputs={name: f"${{{{ steps.s.outputs.{name} }}}}" for name in ("n1", "n2")},
        )
        said = "echo seen=${{ needs.legs.outputs.n1 }},${{ needs.legs.outputs.n2 }}"
        trial.workflow({"legs": legs, "next": job(said, needs="legs")})
        run = trial.result()["id"]
        flag.touch()
        sandbox.github.rerun(run, failed=True)
        sandbox.wait_idle(60)
        ended = sandbox.github.run(run)
        assert {j["name"]: j["attempt"] for j in ended["jobs"]} == {
            "legs (1)": 1,
            "legs (2)": 2,
            "next": 2,
        }
        assert ended["conclusion"] == "success"
        assert "seen=1,2" in next(j for j in ended["jobs"] if j["key"] == "next")["log"]

    def test_what_cannot_be_repeated(self, sandbox: Sandbox) -> None:
        """A run with nothing failed, and one older than 30 days."""
        trial = TrialRepository(sandbox, "old")
        trial.steps({"run": "true"})
        run = str(trial.result()["id"])
        nothing = trial.clone.gh("run", "rerun", run, "--failed", check=False)
        assert nothing.returncode == 1
        sandbox.github.age_run(int(run), 31)
        late = trial.clone.gh("run", "rerun", run, check=False)
        assert "cannot be rerun" in late.stderr or "over a month ago" in late.stderr
