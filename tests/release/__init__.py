"""Tests of the rendered release scripts, one module a script."""
