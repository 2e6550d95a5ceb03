"""Tests in groups by folder: unit → workflow → replay → integration → e2e → faults; `make test` runs them in that order."""

import pytest

# Their assertions are to show the values too when they fail.
pytest.register_assert_rewrite("tests.platform", "tests.processes", "tests.faults.slot")
