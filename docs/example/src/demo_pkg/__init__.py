"""The public interface of demo_pkg: what is listed in ``__all__``, and nothing else."""

from demo_pkg._version import __version__

__all__ = ["__version__"]
