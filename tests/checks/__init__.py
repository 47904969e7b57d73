"""Tests of the checks that `doctor` makes."""
