"""Runs a stand-in action: the name of its folder is the argument.

The modules stay here, beside their bytecode: thirty actions run in one release.
"""

import importlib
import sys

importlib.import_module(f"{sys.argv[1]}.main").main()
