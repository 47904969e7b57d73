"""The stages of the command `release`: the plan, the commit, CI, the tag, the run, and the GitHub Release."""
