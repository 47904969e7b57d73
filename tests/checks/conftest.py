"""Fixtures of the tests of checks."""

from __future__ import annotations

from commands.local_github import desk, set_up_desk

__all__ = ["desk", "set_up_desk"]
