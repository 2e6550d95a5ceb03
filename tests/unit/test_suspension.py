"""How often a suspended step is looked at although nothing woke it."""

from model.suspension import activity_id, calm_of_workloads, calm_seconds, look_of, net_seconds, step_of

_EVENTS_A_LOOK = 11
_MOST_EVENTS = 51_200  # limit.historyCount.error of Temporal


def test_five_thousand_that_never_get_ready_cost_a_few_looks_a_second_in_their_first_hour_and_ever_fewer() -> None:
    at, looks = 0.0, 0
    while at < 3600:
        at += net_seconds(looks)
        looks += 1
    assert looks <= 7
    assert 5000 / net_seconds(looks) < 3


def test_a_day_in_which_a_workload_changes_all_the_time_stays_below_what_a_history_may_hold() -> None:
    at, looks = 0.0, 0
    while at < 86_400:
        at += 1 + calm_of_workloads(looks)
        looks += 1
    assert looks * _EVENTS_A_LOOK < _MOST_EVENTS
    assert calm_of_workloads(30) < 1


def test_the_net_is_never_tighter_than_the_calm_and_ids_read_back() -> None:
    for look in range(20):
        assert calm_seconds(look) < net_seconds(look) <= net_seconds(look + 1)
        assert (step_of(activity_id(7, look)), look_of(activity_id(7, look))) == (7, look)
