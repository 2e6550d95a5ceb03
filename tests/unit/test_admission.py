"""What the cluster's rules refuse is told as whose rule it is, in its words, and whether waiting could help."""

import json
from typing import Any

import pytest

from activities.refusals import Refusals
from clients.kubernetes import refusal
from model.admission import read_refusal
from model.diagnosis import cause_at_deadline, dead_end
from model.errors import AdmissionRefused, Invalid, NamespaceGone, NotFound, QuotaExceeded, WebhookUnavailable
from model.troubles import Seen

POLICY = (
    "pods \"web-7d4b9c-x2x\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'no-latest-everywhere' denied "
    "request: no image may be tagged latest."
)
# The API server's words, what they are told as, whether that is certain, and what must be said of it.
REFUSALS: dict[str, tuple[str, type[Exception], bool, list[str]]] = {
    "policy": (POLICY, AdmissionRefused, True, ["'no-latest'", "'no-latest-everywhere'", "no image may be tagged latest"]),
    "webhook": (
        'admission webhook "deny.example.com" denied the request: no.',
        AdmissionRefused,
        True,
        ["'deny.example.com'", "no"],
    ),
    "mute webhook": ('admission webhook "a.b" denied the request without explanation', AdmissionRefused, True, ["gives no reason"]),
    "webhook away": (
        'Internal error occurred: failed calling webhook "a.b": failed to call webhook: Post "https://10.0.0.9:443/?timeout=10s": '
        "context deadline exceeded",
        WebhookUnavailable,
        False,
        ["'a.b'", "context deadline exceeded"],
    ),
    "quota used up": (
        'pods "web-1" is forbidden: exceeded quota: compute, requested: requests.cpu=1, used: requests.cpu=3500m, '
        "limited: requests.cpu=4",
        QuotaExceeded,
        False,
        ["compute", "used: requests.cpu=3500m"],
    ),
    "more than the quota": (
        'pods "web-1" is forbidden: exceeded quota: compute, requested: requests.cpu=5,pods=1, used: requests.cpu=0,pods=1, '
        "limited: requests.cpu=4,pods=1",
        QuotaExceeded,
        True,
        ["requests.cpu alone is more than the whole quota"],
    ),
    "unsaid": (
        'pods "web-1" is forbidden: failed quota: compute: must specify limits.memory for: web; requests.cpu for: web',
        AdmissionRefused,
        True,
        ["'compute'", "must specify limits.memory", "Change resources.cpu and resources.mem"],
    ),
    "limit range": (
        'pods "web-1" is forbidden: [maximum cpu usage per Container is 500m, but limit is 1, minimum memory usage per Pod is '
        "64Mi, but request is 1Mi]",
        AdmissionRefused,
        True,
        ["LimitRange", "maximum cpu usage per Container is 500m", "Change resources.cpu and resources.mem"],
    ),
    "pod security": (
        'pods "web-1" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
        AdmissionRefused,
        True,
        ["the platform sets", "hostNetwork=true"],
    ),
    "namespace ends": (
        'deployments.apps "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
        NamespaceGone,
        True,
        ["'shop' is being removed"],
    ),
    "namespace gone": ('namespaces "shop" not found', NamespaceGone, True, ["'shop' is not there"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_is_told_whose_rule_it_is_and_whether_waiting_helps(name: str) -> None:
    words, kind, certain, told = REFUSALS[name]
    found = read_refusal(words, "the instances")
    assert found is not None
    assert (type(found.error), found.certain) == (kind, certain)
    assert found.error.fault != "user"
    for piece in told:
        assert piece in f"{found.error.message} {found.error.hint}"


@pytest.mark.parametrize("name", REFUSALS)
def test_pods_that_are_refused_end_the_operation_once_it_is_said_again(name: str) -> None:
    words, kind, certain, _ = REFUSALS[name]
    seen = Seen(pods=[], refusal=words, refused_again=False)
    assert dead_end(seen) is None
    error = dead_end(seen.model_copy(update={"refused_again": True}))
    assert (type(error) is kind) == certain
    assert type(cause_at_deadline(seen, 1)) is kind


@pytest.mark.parametrize("status", [403, 422])
def test_an_object_that_is_refused_is_no_fault_of_the_users_and_named(status: int) -> None:
    error = refusal(status, json.dumps({"message": POLICY}).encode(), "deployments 'web'")
    assert isinstance(error, AdmissionRefused)
    assert "does not take deployments 'web'" in error.message


def test_what_no_rule_refuses_is_told_as_before() -> None:
    wrong = b'{"message": "Deployment.apps \\"web\\" is invalid: spec.replicas: Invalid value: -1"}'
    assert isinstance(refusal(422, wrong), Invalid)
    missing = b'{"message": "namespaces \\"shop\\" not found"}'
    assert isinstance(refusal(404, missing, "namespaces 'shop'"), NotFound)


class FakeWorkloads:
    """Tells one event, which changes when a controller that was asked again is refused again."""

    def __init__(self, refuses: bool) -> None:
        self.refuses, self.asked, self.version = refuses, 0, 1

    async def refused(self, *_: Any) -> Any:
        return {
            "metadata": {"resourceVersion": str(self.version)},
            "message": f"(combined from similar events): Error creating: {POLICY}",
        }

    async def ask_again(self, *_: Any) -> None:
        self.asked += 1
        self.version += self.refuses


@pytest.mark.parametrize("refuses", [True, False])
async def test_an_old_refusal_proves_nothing_until_the_controller_was_asked_again(refuses: bool) -> None:
    workloads: Any = FakeWorkloads(refuses)
    app: Any = None
    refusals = Refusals(workloads, app)
    first = await refusals.look("ReplicaSet", [{}])
    assert (first.words, first.again) == (POLICY, False)
    for _ in range(3):
        assert (await refusals.look("ReplicaSet", [{}])).again is refuses
    assert workloads.asked == 1
