"""GitHub's side of a sandbox: what `git`, `gh` and a workflow's job meet behind its host names.

``store``     the state as JSON files; users, tokens, roles
``rest``      the frame of the REST API: routes, rights, pages, errors
``contract``  requests and answers, held against GitHub's published description
``repository``, ``protection``, ``issues``, ``releases``, ``actions_api``   its resources
``queries``   the queries that `gh` sends
``git``       git over HTTPS, and the events a push sets off; ``rules``: rulesets
``services``  identity tokens, artifacts, blobs
``triggers``, ``act``   what a workflow file says; one job executed by act
``handle``    what tests use: `sandbox.github`

Known to differ from GitHub: a job's token needs its permission on public repositories, too (as on a
private one); a push that a ruleset bars is answered "hook declined" beside GitHub's own sentences;
there are no organisations (a team belongs to a repository), branch protection of the old kind, nor
GraphQL fields beyond what `gh` asks for (an unknown field or route is an error that the journal
shows); a role on a bypass list stands for that role alone; wait timers and retention times do not
pass; an artifact's name may be used again by a later attempt of the same run.

The order of things, and all that people do to runs, is in `emulator.scheduler`.
"""

from .handle import HOSTS, GitHub, create_app

__all__ = ["HOSTS", "GitHub", "create_app"]
