"""A document with a ConfigMap and a Secret, and an app that reads them."""

from tests.faults.configs import deploy as when
from tests.faults.configs import stack_shown as then
from tests.faults.configs import template as given

__all__ = ["given", "then", "when"]
