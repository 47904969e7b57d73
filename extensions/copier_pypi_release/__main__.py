"""``python -m copier_pypi_release``."""

import sys

from copier_pypi_release.cli import main

sys.exit(main())
