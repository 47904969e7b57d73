"""Fixtures of the emulator's own tests."""

from emulator.fixtures import package, sandbox, uv_cache, wheelhouse

__all__ = ["package", "sandbox", "uv_cache", "wheelhouse"]
