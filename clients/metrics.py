"""What instances use and what they report: the cluster's pod metrics, and the metrics store (Prometheus query API)."""

import math
import re
from datetime import datetime
from typing import Any

import httpx

from clients.kubernetes import Cluster, Object
from model import quantities
from model.base import Frozen
from model.errors import ClusterUnreachable, Invalid, MetricsUnavailable, NoMetricsStore, NotFound, Problem
from model.manifests import MANAGED

_LONGEST_QUERY = 4096
_PROBE = "vector(1)"
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_NOBODY = "/"  # no project can have this name


class PodUsage(Frozen):
    """What one pod used, averaged over the `window` seconds before `at`; labels are the pod's own.

    `cpu` is in cores, `memory` the working set in bytes, both summed over the containers.
    """

    project: str
    pod: str
    labels: dict[str, str]
    cpu: float
    memory: int
    at: datetime
    window: float


class PodMetrics:
    """The cluster's resource metrics, as metrics-server serves them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def usage(self, selector: str = MANAGED) -> list[PodUsage]:
        """What every pod with these labels uses, in all projects, by one request; a pod younger than a window is not in it.

        Raises MetricsUnavailable (Kubernetes: Resource metrics pipeline, metrics.k8s.io/v1beta1).
        """
        try:
            found = await self._cluster.list("PodMetrics", labelSelector=selector)
        except NotFound as error:
            raise MetricsUnavailable(
                "The cluster serves no pod metrics: it has no metrics-server, or that is not up yet.",
                hint="`make status` shows it on the embedded platform; on your own cluster install metrics-server.",
            ) from error
        except ClusterUnreachable as error:
            raise MetricsUnavailable(f"The cluster's pod metrics cannot be had: {error.message}") from error
        return [_usage(item) for item in found["items"]]


class Metrics:
    """The metrics store. Every call raises NoMetricsStore where the platform has none, MetricsUnavailable while it does not answer.

    Queries come from tenants: the store itself adds the project's namespace to each of their selectors (`extra_filters[]`,
    VictoriaMetrics). A store that does not know that argument would hand out everybody's series, so it is not used.
    """

    def __init__(self, client: httpx.AsyncClient | None) -> None:
        self._client = client
        self._confines = False

    async def query(self, promql: str, project: str) -> float | None:
        """The number that a query has now, of the project's own series only; None where no series answers it.

        Raises Invalid where the store does not accept the query, and where several series answer it.
        """
        reply = await self._ask(promql, project)
        return _number(reply, promql)

    async def check(self, promql: str, field: str = "query") -> None:
        """Return if the store accepts the query; raises Invalid that names the field. No series is read: it is asked about 1970."""
        if not promql.strip() or len(promql.encode()) > _LONGEST_QUERY:
            rule = f"must be a PromQL query of at most {_LONGEST_QUERY} bytes"
            raise Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
        try:
            reply = await self._ask(promql, _NOBODY, time="1")
        except Invalid as error:
            raise Invalid(f"{field}: {error.message}", problems=[Problem(field=field, message=error.message)]) from error
        if reply["resultType"] not in ("scalar", "vector"):
            rule = "must be a number at one moment, not a range: wrap it, for instance in rate(…) or max_over_time(…)"
            raise Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.aclose()

    async def _ask(self, promql: str, project: str, **more: str) -> Object:
        if not self._confines:
            await self._check_it_confines()
        reply = await self._send({"query": promql, "extra_filters[]": f"{{namespace={_quoted(project)}}}", "nocache": "1", **more})
        if reply.status_code in (400, 422):
            raise Invalid(f"The metrics store does not accept the query: {_words(reply)}.", hint="Correct the query.")
        if reply.status_code != 200:
            raise MetricsUnavailable(f"The metrics store answers {reply.status_code}.")
        found: Object = reply.json()["data"]
        return found

    async def _check_it_confines(self) -> None:
        """A store that reads the filter refuses a broken one; one that does not know it answers as if nothing were."""
        reply = await self._send({"query": _PROBE, "extra_filters[]": "{"})
        if reply.status_code == 200:
            raise NoMetricsStore(
                "The metrics store at MOORING_METRICS_URL does not keep projects apart (it ignores extra_filters): it is not used.",
                hint="Have the administrator name a VictoriaMetrics there.",
            )
        if reply.status_code not in (400, 422):
            raise MetricsUnavailable(f"The metrics store answers {reply.status_code}.")
        self._confines = True

    async def _send(self, form: dict[str, str]) -> httpx.Response:
        if self._client is None:
            raise NoMetricsStore("This platform has no metrics store, so nothing can depend on a metric.")
        try:
            return await self._client.post("api/v1/query", data=form)
        except httpx.TransportError as error:
            raise MetricsUnavailable(f"The metrics store does not answer ({type(error).__name__}).") from error


def connect(url: str | None) -> Metrics:
    """A client of the store whose Prometheus API is under `url`, or of none; nothing is sent yet."""
    if not url:
        return Metrics(None)
    return Metrics(httpx.AsyncClient(base_url=f"{url.rstrip('/')}/", timeout=httpx.Timeout(15, connect=3)))


def _usage(item: Object) -> PodUsage:
    metadata, containers = item["metadata"], [container["usage"] for container in item["containers"]]
    return PodUsage(
        project=metadata["namespace"],
        pod=metadata["name"],
        labels=metadata.get("labels", {}),
        cpu=float(sum(quantities.amount(usage["cpu"]) for usage in containers)),
        memory=int(sum(quantities.amount(usage["memory"]) for usage in containers)),
        at=datetime.fromisoformat(item["timestamp"]),
        window=_seconds(item["window"]),
    )


def _seconds(duration: str) -> float:
    """Go's notation of a duration, as windows have it: "10.032s", "1m30s", "845.2ms" for an instance that has just started."""
    return sum(float(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9.]+)([a-zµ]+)", duration))


def _number(found: Object, promql: str) -> float | None:
    """The one number of a scalar or of a vector with one sample (Prometheus: HTTP API, expression query result formats)."""
    kind, result = found["resultType"], found["result"]
    if kind == "scalar":
        return _finite(result)
    if kind != "vector":
        raise Invalid(f"The query {promql!r} gives a range of values, not a number.", hint="Wrap it, for instance in rate(…).")
    if len(result) > 1:
        some = ", ".join(_series(sample["metric"]) for sample in result[:3])
        raise Invalid(
            f"The query {promql!r} is answered by {len(result)} series, not by one: {some}{' …' if len(result) > 3 else ''}.",
            hint="Make it one number, for instance with sum(…), avg(…) or max(…).",
        )
    return _finite(result[0]["value"]) if result else None


def _finite(sample: list[Any]) -> float | None:
    """A sample's value; None for one that is no number (0 / 0)."""
    value = float(sample[1])
    return None if math.isnan(value) else value


def _series(labels: dict[str, str]) -> str:
    name = labels.get("__name__", "")
    return name + "{" + ", ".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__") + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(reply: httpx.Response) -> str:
    """The store's own words about a query."""
    try:
        words = str(reply.json()["error"])
    except (ValueError, KeyError):
        words = reply.text
    return words[:500].rstrip(".")
