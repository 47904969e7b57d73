"""Hosts that behave as the real ones, in a closed network: README.md tells how they fit together."""
