"""The bodies of copies and of several deletions."""

import pytest
from pydantic import ValidationError

from model.app_copies import MOST_AT_ONCE, CopyApp, DeleteApps


def test_names_and_lives_are_taken_together() -> None:
    life = "a" * 64
    apps = DeleteApps.model_validate({"apps": ["web", {"name": "db", "app_id": life}]}).apps
    assert [(app.name, app.app_id) for app in apps] == [("web", None), ("db", life)]


@pytest.mark.parametrize(
    "apps",
    [[], ["web", "web"], ["web", {"name": "web"}], [1], "web", [{"name": "web", "app_id": "x"}], [""], ["x"] * (MOST_AT_ONCE + 1)],
)
def test_what_names_no_apps_is_refused(apps: object) -> None:
    with pytest.raises(ValidationError):
        DeleteApps.model_validate({"apps": apps})


@pytest.mark.parametrize("body", [{}, {"name": "Web"}, {"name": "copy"}, {"name": "web", "instanceNum": -1}, {"name": "w", "x": 1}])
def test_a_copy_needs_a_legal_name(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CopyApp.model_validate(body)
