"""What a failure is told as once an operation's time is up."""

from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import RetryState as Retried
from temporalio.exceptions import TimeoutError as StepTimeout

from model.errors import ClusterUnreachable, Conflict, MooringError, WebhookUnavailable
from workflows.ending import why


def timed_out(last: MooringError | None) -> ActivityError:
    """A step that was tried until its time was up, the last time with that failure."""
    timeout = StepTimeout("activity timeout", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])
    if last:
        timeout.__cause__ = ApplicationError(last.message, last.as_error(), type=last.reason)
    error = ActivityError(
        "activity error",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="app.move",
        activity_id="1",
        retry_state=Retried.TIMEOUT,
    )
    error.__cause__ = timeout
    return error


def test_a_cluster_that_was_away_until_the_deadline_is_the_cause() -> None:
    for last in (ClusterUnreachable("The cluster's API does not answer."), WebhookUnavailable("The webhook 'a' does not answer.")):
        told = why(timed_out(last))
        assert (told.reason, told.fault) == (last.reason, "cluster")
        assert told.message == f"It did not get done in time: {last.message}"
        assert told.hint == last.hint


def test_what_was_no_outage_is_told_beside_the_deadline() -> None:
    assert why(timed_out(None)).reason == "DeadlineExceeded"
    told = why(timed_out(Conflict("Somebody is quicker.")))
    assert (told.reason, told.message) == ("DeadlineExceeded", "It did not get done in time. Last: Somebody is quicker.")
