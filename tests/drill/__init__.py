"""The drill: a release is executed in a closed sandbox, against hosts that behave as the real ones.

``sandbox``
    what a test uses: start a sandbox, run commands in it, set faults, read the journal.
``inside``
    the process that lives inside the sandbox: mounts, servers, command loop.
``server``
    HTTPS for every public name, with a journal of requests and faults as data.
``index``
    PyPI and TestPyPI.
``wheelhouse``
    a read-only folder of wheels: "the rest of the index".
``github``, ``runner``, ``actions``
    GitHub's side: its API, its workflow runner and stand-ins for the actions a release uses.
"""
