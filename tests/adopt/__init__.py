"""Tests of adopting a package that exists."""
