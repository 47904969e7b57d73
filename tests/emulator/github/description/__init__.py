"""GitHub's published description of its REST API, cut down to what the emulator answers by `cut.py`."""
