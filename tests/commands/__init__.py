"""Tests of the tool's commands, one module for each."""
