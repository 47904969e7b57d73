"""One module for each command; `cli` imports the one that runs."""
