"""What is read out of pod metrics and the metrics store's replies; that no query leaves without its project's filter."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from clients.kubernetes import Cluster
from clients.metrics import Metrics, PodMetrics, connect
from model.errors import ClusterUnreachable, Invalid, MetricsUnavailable, NoMetricsStore, NotFound

Answer = Callable[[dict[str, str]], httpx.Response]


def _store(answer: Answer, confines: bool = True) -> tuple[Metrics, list[dict[str, str]]]:
    asked: list[dict[str, str]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if form["extra_filters[]"] == "{":
            return httpx.Response(400 if confines else 200, json={"status": "error", "error": "cannot parse"})
        asked.append(form)
        return answer(form)

    client = httpx.AsyncClient(base_url="http://store/", transport=httpx.MockTransport(handle))
    return Metrics(client), asked


def _answers(result_type: str, result: Any) -> Answer:
    return lambda form: httpx.Response(200, json={"status": "success", "data": {"resultType": result_type, "result": result}})


def _sample(value: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1, value]}


@pytest.mark.parametrize(
    ("kind", "result", "number"),
    [
        ("vector", [_sample("1.5", __name__="q")], 1.5),
        ("vector", [], None),
        ("vector", [_sample("NaN")], None),
        ("vector", [_sample("+Inf")], float("inf")),
        ("scalar", [1, "7"], 7.0),
    ],
)
async def test_one_number_is_read(kind: str, result: Any, number: float | None) -> None:
    store, _ = _store(_answers(kind, result))
    assert await store.query("q", "shop") == number


async def test_a_query_is_sent_with_its_projects_filter() -> None:
    store, asked = _store(_answers("vector", []))
    await store.query('q{namespace="other"}', 'sh"op')
    assert [form["extra_filters[]"] for form in asked] == ['{namespace="sh\\"op"}']


async def test_several_series_are_told() -> None:
    store, _ = _store(_answers("vector", [_sample("1", __name__="q", pod="a"), _sample("2", __name__="q", pod="b")]))
    with pytest.raises(Invalid, match=r'answered by 2 series, not by one: q\{pod="a"\}, q\{pod="b"\}'):
        await store.query("q", "shop")


async def test_a_query_that_the_store_does_not_accept_names_the_field() -> None:
    store, _ = _store(lambda form: httpx.Response(422, json={"error": "unexpected token"}))
    with pytest.raises(Invalid) as caught:
        await store.check("foo(", "gates[0].query")
    assert caught.value.problems[0].field == "gates[0].query"
    assert "unexpected token" in caught.value.message


@pytest.mark.parametrize("query", ["", "  ", "x" * 5000])
async def test_an_empty_or_huge_query_is_refused_unasked(query: str) -> None:
    store, asked = _store(_answers("vector", []))
    with pytest.raises(Invalid, match="at most 4096 bytes"):
        await store.check(query)
    assert not asked


async def test_a_range_is_refused_at_submission() -> None:
    store, _ = _store(_answers("matrix", []))
    with pytest.raises(Invalid, match="not a range"):
        await store.check("q[5m]")


async def test_a_store_that_does_not_keep_projects_apart_is_not_used() -> None:
    store, asked = _store(_answers("vector", [_sample("1")]), confines=False)
    with pytest.raises(NoMetricsStore, match="does not keep projects apart"):
        await store.query("q", "shop")
    assert not asked


async def test_without_a_store_that_is_said() -> None:
    with pytest.raises(NoMetricsStore, match="has no metrics store"):
        await connect(None).check("q")


async def test_a_store_that_is_away_is_tried_again() -> None:
    store, _ = _store(lambda form: httpx.Response(503))
    with pytest.raises(MetricsUnavailable):
        await store.query("q", "shop")


class _Cluster(Cluster):
    """Answers the list of pod metrics."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def list(self, kind: str, namespace: str | None = None, **query: str) -> Any:
        assert (kind, namespace, query) == ("PodMetrics", None, {"labelSelector": "app.kubernetes.io/managed-by=mooring"})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(("window", "seconds"), [("10.032s", 10.032), ("1m2s", 62.0), ("2m", 120.0), ("15s", 15.0)])
async def test_a_pods_containers_are_summed(window: str, seconds: float) -> None:
    usage = [{"usage": {"cpu": "12500000n", "memory": "1024Ki"}}, {"usage": {"cpu": "1", "memory": "2Mi"}}]
    item = {
        "metadata": {"namespace": "shop", "name": "web-1", "labels": {"mooring.io/app": "web"}},
        "timestamp": "2026-11-23T13:00:00Z",
        "window": window,
        "containers": usage,
    }
    (found,) = await PodMetrics(_Cluster({"items": [item]})).usage()
    assert (found.project, found.pod, found.labels["mooring.io/app"]) == ("shop", "web-1", "web")
    assert (found.cpu, found.memory, found.window) == (1.0125, 3 * 2**20, seconds)


@pytest.mark.parametrize("failure", [NotFound("no such API"), ClusterUnreachable("503")])
async def test_pod_metrics_that_cannot_be_had_are_tried_again(failure: Exception) -> None:
    with pytest.raises(MetricsUnavailable):
        await PodMetrics(_Cluster(failure)).usage()
