"""How often a suspended step is looked at although nothing woke it."""

from model.suspension import activity_id, calm_seconds, look_of, net_seconds, step_of


def test_five_thousand_that_never_get_ready_cost_a_few_looks_a_second_in_their_first_hour_and_ever_fewer() -> None:
    at, looks = 0.0, 0
    while at < 3600:
        at += net_seconds(looks)
        looks += 1
    assert looks <= 7
    assert 5000 / net_seconds(looks) < 3


def test_the_net_is_never_tighter_than_the_calm_and_ids_read_back() -> None:
    for look in range(20):
        assert calm_seconds(look) < net_seconds(look) <= net_seconds(look + 1)
        assert (step_of(activity_id(7, look)), look_of(activity_id(7, look))) == (7, look)
