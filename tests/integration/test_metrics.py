"""What pods use and report, read from the real metrics-server and metrics store; a query sees nothing of another project."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from clients.kubernetes import Cluster, Object
from clients.metrics import Metrics, PodMetrics, connect
from model.errors import Invalid
from tests.platform import eventually, unique

SECRET = 424242
MINE = 5
# Two or three rounds of what is measured each ten seconds, on a machine with other things to do.
_MEASURED_SECONDS = 90


@dataclass(frozen=True)
class Projects:
    """Two namespaces with an instance each: ours reports 5 orders, the other's 424242, and that under our name as well."""

    ours: str
    other: str


def _instance(namespace: str, reports: str) -> Object:
    serve = f"mkdir /tmp/www; printf '{reports}' > /tmp/www/figures; exec httpd -f -p 8080 -h /tmp/www"
    labels = {"app.kubernetes.io/managed-by": "mooring", "mooring.io/app": "web", "mooring.io/track": "r7"}
    container = {
        "name": "main",
        "image": "localhost:5000/public/busybox:latest",
        "command": ["sh", "-c", serve],
        # Two ports, of which one is asked: it is still one target.
        "ports": [{"containerPort": 8080}, {"containerPort": 9090, "protocol": "TCP"}],
    }
    annotations = {"mooring.io/metrics-port": "8080", "mooring.io/metrics-path": "/figures"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": namespace, "labels": labels, "annotations": annotations},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }


@pytest.fixture(scope="module")
async def metrics() -> AsyncIterator[Metrics]:
    """The metrics store of `make up`."""
    assert "MOORING_METRICS_URL" in os.environ, "no metrics store: run `make up`"
    found = connect(os.environ["MOORING_METRICS_URL"])
    yield found
    await found.close()


@pytest.fixture(scope="module")
async def projects(cluster: Cluster, metrics: Metrics) -> AsyncIterator[Projects]:
    """Both instances, once the store has what they report."""
    made = Projects(unique("metrics-ours"), unique("metrics-other"))
    pretended = f'orders_total{{namespace="{made.ours}"}} {SECRET}\\norders_total {SECRET}\\nsecret {SECRET}\\n'
    reports = {made.ours: f"orders_total {MINE}\\n", made.other: pretended}
    for namespace, said in reports.items():
        await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        await cluster.apply(_instance(namespace, said))
    try:
        for namespace in reports:

            async def reported(project: str = namespace) -> bool:
                return await metrics.query("max(orders_total)", project) is not None

            await eventually(reported, f"the store has what {namespace} reports", _MEASURED_SECONDS)
        yield made
    finally:
        for namespace in reports:
            await cluster.delete("Namespace", namespace)


async def test_a_project_s_own_number_is_read_with_the_labels_the_platform_gives(metrics: Metrics, projects: Projects) -> None:
    query = f'orders_total{{namespace="{projects.ours}", app="web", instance="web-1", track="r7", revision="7"}}'
    assert await metrics.query(query, projects.ours) == MINE
    assert await metrics.query("scalar(sum(orders_total)) * 2", projects.ours) == 2 * MINE
    assert await metrics.query("no_such_metric", projects.ours) is None


async def test_an_instance_cannot_report_for_another_project(metrics: Metrics, projects: Projects) -> None:
    assert await metrics.query("sum(orders_total)", projects.ours) == MINE
    assert await metrics.query("sum(orders_total)", projects.other) == 2 * SECRET


@pytest.mark.parametrize(
    "query",
    [
        "secret",
        'secret{namespace="%s"}',
        'sum(orders_total{namespace="%s"})',
        'max({namespace=~".+"} == 424242)',
        'max({__name__=~".+"} == 424242)',
        'max({namespace="%s" or namespace="x"})',
        'max({__name__="secret" or namespace!=""} == 424242)',
        'WITH (theirs = {namespace="%s"}) max(secret{theirs})',
        "max(secret) or max(orders_total)",
        'max_over_time(sum(secret{namespace="%s"})[5m:5s])',
        "max(last_over_time(secret[5m]))",
        "max(last_over_time(secret[5m] offset 5s))",
        "max(secret @ end())",
        'max(label_replace(secret, "namespace", "x", "", ""))',
        'max(label_set(secret, "namespace", "x"))',
        "max(union(secret, orders_total))",
        "max(sort(secret keep_metric_names))",
        "absent(secret) * 0 or secret",
        'max(secret{namespace="%s"} * on() group_left() vector(1))',
        'max({"secret"})',
        "max(rollup(secret[1m]))",
        'count(count_values("value", secret)) * 424242',
        'secret"}} or vector(1',
        "secret#",
    ],
)
async def test_no_query_reaches_another_project(metrics: Metrics, projects: Projects, query: str) -> None:
    asked = query % projects.other if "%s" in query else query
    try:
        told = str(await metrics.query(asked, projects.ours))
    except Invalid as refused:
        told = refused.message.replace(asked, "")
    assert str(SECRET) not in told
    assert projects.other not in told


async def test_what_one_project_has_asked_is_not_answered_to_another(metrics: Metrics, projects: Projects) -> None:
    for query in ("max(orders_total)", "max(max_over_time(orders_total[4h]))"):
        answers = [await metrics.query(query, project) for project in (projects.other, projects.ours) * 3]
        assert answers == [SECRET, MINE] * 3


@pytest.mark.parametrize("query", ["sum(", "no_such_function(up)", "up[5m]", "sum by", "quantile(2)"])
async def test_a_query_that_means_nothing_is_refused_at_submission(metrics: Metrics, query: str) -> None:
    with pytest.raises(Invalid) as caught:
        await metrics.check(query, "gates[0].query")
    assert caught.value.problems[0].field == "gates[0].query"


@pytest.mark.parametrize(
    "query", ["up", "sum(rate(errors_total[30s])) / sum(rate(requests_total[30s]))", "histogram_quantile(0.9, x)"]
)
async def test_a_query_that_has_no_data_yet_is_accepted(metrics: Metrics, query: str) -> None:
    await metrics.check(query)


async def test_what_every_pod_uses_comes_by_one_request(cluster: Cluster, metrics: Metrics, projects: Projects) -> None:
    async def measured() -> bool:
        return {projects.ours, projects.other} <= {usage.project for usage in await PodMetrics(cluster).usage()}

    await eventually(measured, "metrics-server has measured both instances", _MEASURED_SECONDS)
    usage = next(usage for usage in await PodMetrics(cluster).usage() if usage.project == projects.ours)
    assert (usage.pod, usage.labels["mooring.io/app"]) == ("web-1", "web")
    assert 0 <= usage.cpu < 1
    assert 10_000 < usage.memory < 100_000_000
    assert 0 < usage.window <= 60


async def test_the_store_has_what_the_kubelet_measures(metrics: Metrics, projects: Projects) -> None:
    async def kept() -> bool:
        return await metrics.query('sum(container_memory_working_set_bytes{instance="web-1"})', projects.ours) is not None

    await eventually(kept, "the store has the memory of the instance", _MEASURED_SECONDS)
