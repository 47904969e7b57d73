"""Adoption: let a package that exists release by tag."""
