"""The release of a rendered package, executed in the emulator's sandbox, with faults and recoveries.

``maintainer``       a rendered package on the emulated GitHub, and what its maintainer does
``conftest``         the points of a release that scenarios begin at
``test_scenarios``   faults between a tag and its draft release, and the way back
``test_guards``      each guard of the workflow is taken out, and missed
``test_variants``    every distinct workflow that the choices render
``test_commands``    the maintainer's commands, and every command of the runbook
``test_adopted``     packages that existed before
``test_updates``     the scheduled workflow, and the release of an updated package
"""
