"""What the cluster's rules refuse ends as soon as that is certain, told as whose rule it is; once the rule is gone, retry helps."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.errors import AdmissionRefused, MooringError
from model.operations import OperationRecord, Status
from tests.platform import Platform, eventually, unique

RULES = "/apis/admissionregistration.k8s.io/v1"
WEB = {"imageRef": "busybox", "cmd": "sleep 600", "terminationGracePeriodSeconds": 0, "deadlineSeconds": 120}
SOON = 30.0  # seconds; the deadline is far


@contextlib.asynccontextmanager
async def made(cluster: Cluster, plural: str, body: dict[str, Any]) -> AsyncIterator[None]:
    """A rule of the whole cluster, for a while."""
    await cluster.ask("POST", f"{RULES}/{plural}", body)
    try:
        yield
    finally:
        await cluster.ask("DELETE", f"{RULES}/{plural}/{body['metadata']['name']}")


def rules(group: str, resource: str) -> list[dict[str, Any]]:
    return [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}]


def within(project: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": project}}


@contextlib.asynccontextmanager
async def policy(cluster: Cluster, project: str, group: str, resource: str) -> AsyncIterator[str]:
    """A ValidatingAdmissionPolicy that refuses all of a resource in the project, in force; its name."""
    name = unique("no-entry")
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules(group, resource)},
        "validations": [{"expression": "false", "message": "nothing comes in here today"}],
    }
    meta = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": within(project)}}
    async with (
        made(cluster, "validatingadmissionpolicies", {**meta, "kind": "ValidatingAdmissionPolicy", "spec": spec}),
        made(cluster, "validatingadmissionpolicybindings", {**meta, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound}),
    ):
        await eventually(lambda: refuses(cluster, project, group, resource), f"the policy {name} is in force")
        yield name

    async def lets_in() -> bool:
        return not await refuses(cluster, project, group, resource)

    await eventually(lets_in, f"the policy {name} is no longer in force")


async def refuses(cluster: Cluster, project: str, group: str, resource: str) -> bool:
    """Whether the cluster refuses such an object now."""
    kind = {"pods": "Pod", "configmaps": "ConfigMap", "deployments": "Deployment"}[resource]
    pod = {"containers": [{"name": "a", "image": "x"}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod}
    specs = {"Pod": {"spec": pod}, "Deployment": {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}}
    version = f"{group}/v1" if group else "v1"
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "probe"}, **specs.get(kind, {})}
    place = f"/apis/{version}" if group else "/api/v1"
    try:
        await cluster.ask("POST", f"{place}/namespaces/{project}/{resource}?dryRun=All", body)
    except AdmissionRefused:
        return True
    except MooringError:
        return False
    return False


async def refused(platform: Platform, project: str, **fields: Any) -> OperationRecord:
    """The record of an app's creation that has failed, and soon."""
    operation = await platform.submit("POST", f"/v2/applications/{project}", {**WEB, "name": unique("app"), **fields})
    record = await platform.wait(operation, Status.FAILED, seconds=SOON)
    assert record.error is not None
    assert record.error.fault != "user"
    return record


@pytest.mark.parametrize("kind", ["Deployment", "TApp", "Job"])
async def test_pods_that_a_policy_refuses_end_it_soon_and_a_retry_helps_when_it_is_gone(
    platform: Platform, cluster: Cluster, project: str, kind: str
) -> None:
    fields = {"cmd": "true"} if kind == "Job" else {}
    async with policy(cluster, project, "", "pods") as name:
        record = await refused(platform, project, type=kind, **fields)
        assert record.error is not None
        assert record.error.reason == "AdmissionRefused"
        assert name in record.error.message
        assert "nothing comes in here today" in record.error.message
        assert name in record.error.hint
        if kind != "Job":
            listed = (await platform.get(f"/v2/applications/{project}"))["applications"]
            (message,) = (one["message"] for one in listed if one["Name"] == record.target.name)
            assert name in message
    await platform.retry(record.id)


async def test_an_object_that_a_policy_refuses_ends_it_at_once(platform: Platform, cluster: Cluster, project: str) -> None:
    async with policy(cluster, project, "apps", "deployments") as name:
        record = await refused(platform, project)
        assert record.error is not None
        assert (record.error.reason, name in record.error.message) == ("AdmissionRefused", True)


async def test_an_app_does_not_wait_for_a_group_that_the_cluster_refused(
    platform: Platform, cluster: Cluster, project: str
) -> None:
    async with policy(cluster, project, "", "configmaps") as name:
        reply = await platform.ask(
            "POST", f"/v2/configmaps/{project}", {"name": "kept-out", "data": {"A": "1"}}, expect=202, wait=0
        )
        group = await platform.wait(reply["OperationID"], Status.FAILED, seconds=SOON)
        assert group.error is not None
        assert (group.error.reason, name in group.error.message) == ("AdmissionRefused", True)
        use = [{"type": "Env", "name": "kept-out", "key": ["A"]}]
        record = await refused(platform, project, configMap=use)
        assert record.error is not None
        assert record.error.reason == "AdmissionRefused"
        assert "configmap/kept-out" in record.error.message
        assert name in record.error.message
    await platform.retry(group.id)
    await platform.retry(record.id)


@contextlib.asynccontextmanager
async def in_namespace(cluster: Cluster, project: str, plural: str, kind: str, spec: dict[str, Any]) -> AsyncIterator[str]:
    """A rule of the project's namespace, for a while."""
    name, place = unique("rule"), f"/api/v1/namespaces/{project}/{plural}"
    await cluster.ask("POST", place, {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    try:
        yield name
    finally:
        await cluster.ask("DELETE", f"{place}/{name}")


async def test_a_limit_range_is_told_with_the_field(platform: Platform, cluster: Cluster, project: str) -> None:
    spec = {"limits": [{"type": "Container", "max": {"cpu": "20m"}}]}
    async with in_namespace(cluster, project, "limitranges", "LimitRange", spec):
        record = await refused(platform, project, resources={"cpu": "0.05"})
        assert record.error is not None
        assert record.error.reason == "AdmissionRefused"
        assert "maximum cpu usage per Container is 20m" in record.error.message
        assert "resources.cpu" in record.error.hint


async def test_more_than_the_whole_quota_is_certain(platform: Platform, cluster: Cluster, project: str) -> None:
    async with in_namespace(cluster, project, "resourcequotas", "ResourceQuota", {"hard": {"requests.cpu": "20m"}}) as name:

        async def reckoned() -> bool:
            found = await cluster.ask("GET", f"/api/v1/namespaces/{project}/resourcequotas/{name}")
            return "requests.cpu" in found.get("status", {}).get("hard", {})

        await eventually(reckoned, f"the quota {name} is in force")
        record = await refused(platform, project, resources={"cpu": "0.05"})
        assert record.error is not None
        assert (record.error.reason, record.error.fault) == ("QuotaExceeded", "quota")
        assert "alone is more than the whole quota" in record.error.message
        assert name in record.error.message


async def test_a_webhook_that_does_not_answer_is_waited_for_and_told_as_that(
    platform: Platform, cluster: Cluster, project: str
) -> None:
    name = f"{unique('away')}.example.com"
    webhook = {
        "name": name,
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": rules("", "pods"),
        "namespaceSelector": within(project),
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"],
    }
    meta = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name}}
    async with made(cluster, "validatingwebhookconfigurations", {**meta, "webhooks": [webhook]}):
        operation = await platform.submit(
            "POST", f"/v2/applications/{project}", {**WEB, "name": unique("app"), "deadlineSeconds": 30}
        )
        record = await platform.wait(operation, Status.FAILED, seconds=60)
        assert record.error is not None
        assert record.error.reason == "WebhookUnavailable"
        assert name in record.error.message
        assert "connection refused" in record.error.message
    await platform.retry(operation)


async def test_a_namespace_that_is_removed_in_the_middle_of_a_deploy_is_told(platform: Platform, cluster: Cluster) -> None:
    project = await platform.project()
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1}
    body = {**WEB, "name": "web", "readinessProbe": probe}
    operation = await platform.submit("POST", f"/v2/applications/{project}", body)

    async def runs() -> bool:
        return bool((await cluster.list("Pod", project))["items"])

    await eventually(runs, "its pod is there")
    await cluster.delete("Namespace", project)
    record = await platform.wait(operation, Status.FAILED, seconds=SOON)
    assert record.error is not None
    assert (record.error.reason, record.error.fault) == ("NamespaceGone", "cluster")
    assert project in record.error.message
