"""The hosts that a release talks to, emulated on this machine; README.md beside this file is the way in."""
