"""The Kubernetes API as plain dicts: few requests, no discovery, its errors turned into ours."""

import contextlib
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client.exceptions import ApiException
from yarl import URL

from clients import apply_patch
from model.admission import read_refusal
from model.errors import ClusterUnreachable, Conflict, Forbidden, Invalid, MooringError, NotFound

FIELD_MANAGER = "mooring"
Object = dict[str, Any]
_ALONE = ("Service", "ConfigMap", "Secret", "Ingress")  # nothing of ours depends on them: they are gone at once
_LONGEST_LOG = 256 * 1024
_NO_LOG = "unable to retrieve container logs for "  # what the kubelet sends in the place of a log that is gone
_LONGEST_SILENCE = 90.0  # bookmarks come about every minute: after that the connection is dead
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


# kind → (API group and version, plural, whether it lives in a namespace)
KINDS: Mapping[str, tuple[str, str, bool]] = {
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "Pod": ("v1", "pods", True),
    "Service": ("v1", "services", True),
    "ConfigMap": ("v1", "configmaps", True),
    "Secret": ("v1", "secrets", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "Event": ("v1", "events", True),
    "Deployment": ("apps/v1", "deployments", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "Job": ("batch/v1", "jobs", True),
    "ServiceCIDR": ("networking.k8s.io/v1", "servicecidrs", False),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "PodMetrics": ("metrics.k8s.io/v1beta1", "pods", True),
}


def resource_of(kind: str) -> str:
    """A kind as its resource and group, as kubectl writes it.

    >>> resource_of("Pod"), resource_of("Deployment")
    ('pods', 'deployments.apps')
    """
    version, plural, _ = KINDS[kind]
    return f"{plural}.{version.partition('/')[0]}" if "/" in version else plural


def path_of(kind: str, namespace: str | None = None, name: str | None = None) -> str:
    """The API path of a collection or an object.

    >>> path_of("Deployment", "shop", "web")
    '/apis/apps/v1/namespaces/shop/deployments/web'
    """
    version, plural, namespaced = KINDS[kind]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{root}{place}/{plural}" + (f"/{name}" if name else "")


class Cluster:
    """One cluster's API. Every call is bounded in time and raises ClusterUnreachable, NotFound, Conflict, Forbidden, Invalid, or
    what model/admission.py reads off a refusal.
    """

    def __init__(self, api: kubernetes_client.ApiClient) -> None:
        self._api = api

    async def apply(self, obj: Object, *, force: bool = True) -> Object:
        """Create or change an object by server-side apply with our field manager; idempotent.

        Without `force` it raises Conflict where others have set a field otherwise (Kubernetes: Server-Side Apply, Conflicts).
        """
        metadata = obj["metadata"]
        path = path_of(obj["kind"], metadata.get("namespace"), metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        return await self._request("PATCH", path, query, apply_patch.written(obj), content_type=apply_patch.MEDIA_TYPE)

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """Read one object; raises NotFound."""
        return await self._request("GET", path_of(kind, namespace, name))

    async def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Read one object, None when there is none."""
        try:
            return await self.get(kind, name, namespace)
        except NotFound:
            return None

    async def list(self, kind: str, namespace: str | None = None, **query: str) -> Object:
        """Read a collection (`labelSelector=`, `fieldSelector=`, `limit=` …): the List with its items and resourceVersion."""
        return await self._request("GET", path_of(kind, namespace), query)

    async def list_metadata(self, kind: str, selector: str) -> Object:
        """Read a collection in all namespaces, of each object its metadata only, however large the objects are."""
        listed = await self._request("GET", path_of(kind), {"labelSelector": selector}, accept=METADATA_LIST)
        return {**listed, "items": listed["items"] or []}  # the API server says null of none, in this form only

    async def patch(self, kind: str, name: str, namespace: str | None, change: Object, *, strategic: bool = False) -> Object:
        """Merge-patch one object (RFC 7386); raises NotFound, and Conflict for another `metadata.uid`.

        `strategic` merges lists by their keys, as containers by name (Kubernetes: strategic merge patch).
        """
        form = "strategic-merge-patch" if strategic else "merge-patch"
        return await self._request("PATCH", path_of(kind, namespace, name), {}, change, content_type=f"application/{form}+json")

    async def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> bool:
        """Delete one object, of that uid where given; False when it is gone already. It goes after what depends on it."""
        body: Object = {"propagationPolicy": "Background" if kind in _ALONE else "Foreground"}
        if uid:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            await self._request("DELETE", path_of(kind, namespace, name), {}, body)
        except NotFound:
            return False
        return True

    async def logs(self, namespace: str, pod: str, container: str, *, tail: int, previous: bool = False, **more: str) -> str:
        """Read the last `tail` lines, at most 256 KiB, of a container, or of the life it had before its last restart.

        `more` is Kubernetes' own: sinceTime, timestamps. "" where the node has let go of the log; raises NotFound, and Invalid
        where the container has not started (Kubernetes: API, read log of the specified Pod).
        """
        query = {"container": container, "tailLines": str(tail), "limitBytes": str(_LONGEST_LOG), **more}
        query |= {"previous": "true"} if previous else {}
        data = await self._send("GET", f"{path_of('Pod', namespace, pod)}/log", query)
        text = data.decode(errors="replace")
        return "" if text.startswith(_NO_LOG) else text

    async def follow(self, namespace: str, pod: str, container: str, *, tail: int, **more: str) -> AsyncGenerator[bytes, None]:
        """Open a container's log from its last `tail` lines; what it yields comes as it is written, until that life has ended.

        Nothing is read ahead of who iterates. Raises as `logs` does, before the first byte; a broken connection ends it.
        """
        query = {"container": container, "tailLines": str(tail), "follow": "true", **more}
        url = f"{path_of('Pod', namespace, pod)}/log?{urlencode(query)}"
        with _translated():
            reply = await self.open("GET", url, timeout=aiohttp.ClientTimeout(total=None, sock_connect=10))
            if reply.status >= 400:
                async with reply:
                    raise refusal(reply.status, await reply.read())
        return _chunks(reply)

    async def ask_pod(self, namespace: str, pod: str, port: int, path: str, seconds: float) -> tuple[int, str]:
        """GET `path` of a pod through the API server's proxy, which reaches it from anywhere: status and up to 500 characters.

        The path is sent as it is, and a redirect is an answer and not followed: a tenant chose both, and must not reach the
        API with the platform's credentials. Where the pod itself answers nothing it is (0, why); what else keeps the API server
        from asking it is raised (Kubernetes: API, pods/proxy).
        """
        url, headers = await self._proxied(f"{path_of('Pod', namespace, pod)}:{port}/proxy{path}")
        rest = self._api.rest_client
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()
        limits = aiohttp.ClientTimeout(total=seconds)
        try:
            async with rest.pool_manager.get(url, headers=headers, timeout=limits, allow_redirects=False) as reply:
                data = await reply.content.read(2000)
                return _unanswered(reply.status, data, port) or (reply.status, data.decode(errors="replace")[:500])
        except TimeoutError:
            return 0, f"no answer on port {port} within {seconds:g} s"
        except aiohttp.ClientConnectorError as error:
            raise ClusterUnreachable(f"The cluster's API does not answer ({type(error).__name__}).") from error
        except aiohttp.ClientError as error:
            return 0, f"no answer on port {port} ({type(error).__name__})"

    async def _proxied(self, path: str) -> tuple[URL, Mapping[str, str]]:
        _, full, headers, _, _ = await self._api.param_serialize("GET", path, header_params={}, auth_settings=["BearerToken"])
        return URL(full, encoded=True), headers

    async def head(self, kind: str, selector: str) -> str:
        """The collection's resourceVersion now, to watch from; costs one object, however many there are."""
        found: str = (await self.list(kind, labelSelector=selector, limit="1"))["metadata"]["resourceVersion"]
        return found

    async def watch(self, kind: str, selector: str, version: str, seconds: int, *, whole: bool) -> AsyncGenerator[Object, None]:
        """Stream what changes after `version` in all namespaces, for at most `seconds`: events, `whole` or of metadata only.

        Bookmarks come too. Ends quietly when the server closes the stream; raises Expired where `version` is too old, and
        ClusterUnreachable, also when nothing comes for 90 s (Kubernetes: API Concepts, Efficient detection of changes).
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "labelSelector": selector, "resourceVersion": version}
        url = f"{path_of(kind)}?{urlencode(query | {'timeoutSeconds': str(seconds)})}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_LONGEST_SILENCE)
        with _translated():
            reply = await self.open("GET", url, accept="application/json" if whole else METADATA_ONLY, timeout=timeout)
            async with reply:
                if reply.status >= 400:
                    raise _watch_refusal(reply.status, await reply.read())
                async for line in reply.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _watch_refusal(event["object"].get("code", 500), line)
                    yield event

    async def ask(self, method: str, path: str, body: Object | None = None, **options: str) -> Object:
        """One request of a path for which there is no method here; `options` are content_type and accept."""
        found: Object = await self._request(method, path, None, body, **options)
        return found

    async def version(self) -> str:
        """The server's version, as proof that it answers."""
        found: str = (await self._request("GET", "/version", timeout=3))["gitVersion"]
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _request(self, method: str, path: str, *rest: Any, **options: Any) -> Any:
        return json.loads(await self._send(method, path, *rest, **options))

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | bytes | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json, */*",
        timeout: float = 20,
    ) -> bytes:
        url = f"{path}?{urlencode(query)}" if query else path
        with _translated():
            limits = aiohttp.ClientTimeout(total=timeout)
            reply = await self.open(method, url, body, content_type=content_type, accept=accept, timeout=limits)
            data: bytes = await reply.read()
        if reply.status >= 400:
            raise refusal(reply.status, data, _thing(path))
        return data

    async def open(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        timeout: aiohttp.ClientTimeout,
        content_type: str = "application/json",
        accept: str = "application/json, */*",
    ) -> aiohttp.ClientResponse:
        """Send a request and return aiohttp's response unread, for streams; errors are not translated."""
        headers = {"Content-Type": content_type, "Accept": accept}
        _, full, headers, body, post = await self._api.param_serialize(
            method, url, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            reply = await self._api.rest_client.request(
                method, full, headers=headers, body=body, post_params=post, _request_timeout=timeout
            )
        except ApiException as error:
            raise ConnectionError(str(error.reason)) from error
        response: aiohttp.ClientResponse = reply.response
        return response


class Expired(Exception):
    """The resourceVersion to watch from is no longer known (410 Gone); read again. Stays inside clients."""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The failures of the connection as ClusterUnreachable."""
    try:
        yield
    except (TimeoutError, aiohttp.ClientError, ConnectionError, ValueError) as error:
        raise ClusterUnreachable(f"The cluster's API does not answer ({type(error).__name__}).") from error


async def _chunks(reply: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    async with reply:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async for chunk in reply.content.iter_any():
                if not chunk.startswith(_NO_LOG.encode()):
                    yield chunk


def _watch_refusal(status: int, data: bytes) -> Exception:
    return Expired() if status == 410 else refusal(status, data)


def _unanswered(status: int, data: bytes, port: int) -> tuple[int, str] | None:
    """(0, why) where the API server answers in the pod's place, by a Status of its own; None for an answer of the pod's.

    Of why the pod could not be asked it has words only, from Go's network library: the last of them are the cause. Raises what
    is not the pod's: refused credentials, an API server that is overloaded.
    """
    if status < 400:
        return None
    try:
        told = json.loads(data)
    except ValueError:
        return None
    if not isinstance(told, dict) or (told.get("kind"), told.get("apiVersion"), told.get("code")) != ("Status", "v1", status):
        return None
    if told.get("reason") == "ServiceUnavailable":
        return 0, f"no answer on port {port} ({str(told.get('message', '')).rpartition(': ')[2]})"
    if told.get("reason") == "NotFound":
        return 0, "it is gone"
    raise refusal(status, data)


def _thing(path: str) -> str:
    """What a path of the API is about, in words.

    >>> _thing("/apis/apps/v1/namespaces/shop/deployments/web"), _thing("/api/v1/namespaces/shop"), _thing("/version")
    ("deployments 'web'", "namespaces 'shop'", 'it')
    """
    parts = path.strip("/").split("/")
    place = parts.index("namespaces") if "namespaces" in parts else len(parts)
    named = parts[place + 2 :] or parts[place:]
    return f"{named[0]} {named[1]!r}" if len(named) > 1 else "it"


def refusal(status: int, data: bytes, what: str = "it") -> MooringError:
    """The error of ours that a Kubernetes Status about `what` stands for (Kubernetes: API conventions, Response Status Kind)."""
    try:
        message = json.loads(data).get("message", "")
    except ValueError:
        message = data.decode(errors="replace")[:500]
    gone = status == 404 and what.startswith("namespaces ")  # the namespace itself was asked for
    if not gone and (refused := read_refusal(message, what)):
        return refused.error
    if status == 404:
        return NotFound(f"The cluster says: {message}")
    if status == 409:
        return Conflict(f"The cluster says: {message}", hint="Retry.")
    if status == 403:
        return Forbidden(f"The cluster refuses: {message}", hint="Ask who administers the cluster.")
    if status in (400, 413, 422):
        return Invalid(f"The cluster refuses: {message}")
    return ClusterUnreachable(f"The cluster's API answers {status}: {message}")


async def connect(kubeconfig: str) -> Cluster:
    """A client of the cluster that `kubeconfig` names; nothing is sent yet."""
    configuration = kubernetes_client.Configuration()
    await kubernetes_config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    configuration.connection_pool_maxsize = 100
    return Cluster(kubernetes_client.ApiClient(configuration))
