"""What tests of several folders use."""

import pytest

pytest.register_assert_rewrite(*(f"support.{name}" for name in ("building", "combinations", "linting")))
