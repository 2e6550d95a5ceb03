"""Autoscaling policies: what is refused at the door, and when schedules are open."""

import doctest
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model import autoscaling, cron
from model.app_bodies import NewApp, spec_of
from model.apps import AppSpec, ContainerSpec, Resources
from model.autoscaling import Scale, Schedule, check_by_hand, check_requests, check_still_asks
from model.errors import Invalid

MANUAL = {"minReplicas": 1, "maxReplicas": 10, "targetCPUUtilization": 50}
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def schedule(**more):
    return Schedule.model_validate({"cron": "0 8 * * mon-fri", "minReplicas": 4, "minutes": 60, **more})


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(cron).failed == doctest.testmod(autoscaling).failed == 0


def test_the_manuals_body_is_shown_as_it_came():
    assert Scale.model_validate(MANUAL).shown() == MANUAL


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"minReplicas": 0}, ("minReplicas",), "greater than or equal to 1"),
        ({"maxReplicas": 1001}, ("maxReplicas",), "less than or equal to 1000"),
        ({"minReplicas": 11}, ("maxReplicas",), "must not be less than minReplicas"),
        ({"targetCPUUtilization": 0}, ("targetCPUUtilization",), "greater than or equal to 1"),
        ({"targetCPUUtilization": None}, (), "what to scale by"),
        ({"targetCpuUtilization": 50}, ("targetCpuUtilization",), "not permitted"),
        ({"metrics": [{"query": "", "target": 1}]}, ("metrics", 0, "query"), "at least 1 character"),
        ({"metrics": [{"query": "up", "target": 0}]}, ("metrics", 0, "target"), "greater than 0"),
        ({"schedules": [{"cron": "0 8 * *", "minReplicas": 2, "minutes": 1}]}, ("schedules", 0, "cron"), "five fields"),
        ({"schedules": [{"cron": "0 8 30 2 *", "minReplicas": 2, "minutes": 1}]}, ("schedules", 0, "cron"), "never comes"),
        ({"schedules": [{"cron": "61 8 * * *", "minReplicas": 2, "minutes": 1}]}, ("schedules", 0, "cron"), "from 0 to 59"),
        ({"schedules": [{"cron": "* * * * *", "minReplicas": 2}]}, ("schedules", 0), "either minutes"),
        ({"schedules": [{"cron": "* * * * *", "minReplicas": 2, "until": "25:00"}]}, ("schedules", 0, "until"), "time of day"),
        ({"schedules": [{"cron": "* * * * *", "minReplicas": 11, "minutes": 1}]}, ("schedules",), "maxReplicas"),
        (
            {"schedules": [{"cron": "* * * * *", "minReplicas": 2, "minutes": 1, "timezone": "Mars/Base"}]},
            ("schedules", 0, "timezone"),
            "time zone",
        ),
        ({"stabilizationSeconds": 3601}, ("stabilizationSeconds",), "less than or equal to 3600"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_field(change, field, rule):
    with pytest.raises(ValidationError) as refused:
        Scale.model_validate({**MANUAL, **change})
    (problem,) = refused.value.errors()
    assert problem["loc"] == field
    assert rule in problem["msg"]


def test_cpu_needs_a_request_on_every_container():
    without = spec_of(NewApp.model_validate({"name": "web", "imageRef": "busybox"}))
    with_cpu = spec_of(NewApp.model_validate({"name": "web", "imageRef": "busybox", "resources": {"cpu": "0.1"}}))
    check_requests(Scale.model_validate(MANUAL), with_cpu)
    with pytest.raises(Invalid, match="'web' has none"):
        check_requests(Scale.model_validate(MANUAL), without)


@pytest.mark.parametrize(("count", "refused"), [(0, True), (3, True), (4, False), (10, False), (11, True)])
def test_a_count_set_by_hand_has_to_be_within_the_bounds_of_the_moment(count, refused):
    scale = Scale.model_validate({**MANUAL, "schedules": [{"cron": "0 8 * * *", "minReplicas": 4, "until": "18:00"}]})
    if refused:
        with pytest.raises(Invalid, match="4 to 10"):
            check_by_hand(scale, count, MONDAY, "/v2/applications/shop/web")
    else:
        check_by_hand(scale, count, MONDAY, "/v2/applications/shop/web")


@pytest.mark.parametrize(
    ("given", "now", "ends"),
    [
        ({}, "2026-11-23T07:59:59+00:00", None),
        ({}, "2026-11-23T08:00:00+00:00", "2026-11-23T09:00:00+00:00"),
        ({}, "2026-11-23T08:59:59+00:00", "2026-11-23T09:00:00+00:00"),
        ({}, "2026-11-23T09:00:00+00:00", None),
        ({}, "2026-11-22T08:30:00+00:00", None),  # a Sunday
        ({"timezone": "Asia/Shanghai"}, "2026-11-23T00:30:00+00:00", "2026-11-23T01:00:00+00:00"),
        ({"cron": "0 22 * * *", "minutes": None, "until": "06:00"}, "2026-11-23T05:00:00+00:00", "2026-11-23T06:00:00+00:00"),
        ({"cron": "0 0 * * mon", "minutes": 7 * 24 * 60}, "2026-11-22T23:59:00+00:00", "2026-11-23T00:00:00+00:00"),
        ({"cron": "0 12 1 * fri"}, "2026-12-01T12:30:00+00:00", "2026-12-01T13:00:00+00:00"),  # a Tuesday: by its date
        ({"cron": "0 12 1 * fri"}, "2026-11-27T12:30:00+00:00", "2026-11-27T13:00:00+00:00"),  # a Friday: by its weekday
        ({"cron": "*/20 8-9 * * 7", "minutes": 10}, "2026-11-22T09:45:00+00:00", "2026-11-22T09:50:00+00:00"),
        # The clock jumps from 2:00 to 3:00: what begins in the missing hour begins, by the clock before the jump.
        (
            {"cron": "30 2 * * *", "timezone": "Europe/Berlin"},
            "2026-03-29T01:45:00+00:00",
            "2026-03-29T02:30:00+00:00",
        ),
    ],
)
def test_a_window_is_open_from_its_beginning_to_its_end(given, now, ends):
    found = schedule(**given).open_until(datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(ends) if ends else None)


_NUMBERS = st.one_of(st.just("*"), st.builds("*/{}".format, st.integers(1, 7)), st.builds("{0}".format, st.integers(1, 6)))


@given(
    text=st.builds("{} {} {} {} {}".format, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS),
    now=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
)
def test_the_latest_time_is_the_one_a_walk_back_by_minutes_finds(text, now):
    read, here = cron.parse(text), now.replace(tzinfo=ZoneInfo("UTC"))
    minute = here.replace(second=0, microsecond=0)
    back = next(
        (
            at
            for n in range(2 * 24 * 60)
            if read.on(at := minute - timedelta(minutes=n)) and at.hour in read.hours and at.minute in read.minutes
        ),
        None,
    )
    if back is not None:
        assert read.latest(here, 8) == back


def test_a_change_that_leaves_no_cpu_to_scale_by_is_refused_with_what_to_do() -> None:
    by_cpu = Scale.model_validate({"minReplicas": 1, "maxReplicas": 3, "targetCPUUtilization": 50})
    plain, asking = ContainerSpec(name="a", image="x"), ContainerSpec(name="b", image="x", resources=Resources(cpu_request="0.1"))
    with pytest.raises(Invalid, match=r"resources\.cpu: no container would ask for cpu") as refused:
        check_still_asks(by_cpu, AppSpec(containers=(plain,)), "/v2/applications/shop/web")
    for words in ("POST /v2/applications/shop/web/scale?type=auto", "DELETE /v2/applications/shop/web/autoscaling"):
        assert words in refused.value.message
    check_still_asks(by_cpu, AppSpec(containers=(plain, asking)), "/v2/applications/shop/web")
    timed = Scale.model_validate(
        {"minReplicas": 1, "maxReplicas": 3, "schedules": [{"cron": "0 8 * * *", "minReplicas": 2, "minutes": 5}]}
    )
    check_still_asks(timed, AppSpec(containers=(plain,)), "/v2/applications/shop/web")
