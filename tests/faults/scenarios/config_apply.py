"""An entry that a running app has as a file is changed."""

from tests.faults.configs import configured as given
from tests.faults.configs import put as when
from tests.faults.configs import shown as then

__all__ = ["given", "then", "when"]
