"""ConfigMap, Secret and Ingress documents, and references to groups from pods: meant exactly, or refused with their line."""

import pytest

from model.blueprints import Blueprint, Route
from model.config_mounts import ConfigUse
from model.config_references import MOST_TAKEN, References
from model.configs import MOST_ENTRIES, ConfigKind
from model.errors import Invalid, Problem
from model.relations import graph
from model.stack_documents import Kind, read_blueprint

SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {LEVEL: "1", app.ini: "x = 1"}
binaryData: {logo: //79}
"""
KEYS = """apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {PASSWORD: czNjcjN0}
stringData: {USER: ann}
"""
POD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: x
"""
FRONT = """apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {port: 53, protocol: udp}]}
"""
SITE = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: site}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /a, pathType: Exact, backend: {service: {name: front, port: {name: http}}}}
      - {path: /, pathType: Prefix, backend: {service: {name: front, port: {number: 80}}}}
"""
KNOWN = References({(ConfigKind.CONFIGMAP, "shared"): {"A": True, "logo": False}, (ConfigKind.SECRET, "empty"): {}}, strict=True)


def read(*documents: str, references: References | None = None) -> Blueprint:
    return read_blueprint(Kind.KUBERNETES, "---\n".join(documents), "dep", references=references)


def problems_of(*documents: str, references: References = KNOWN) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        read(*documents, references=references)
    return refused.value.problems


def web(*lines: str) -> str:
    return POD + "".join(f"        {line}\n" for line in lines)


def test_a_group_is_named_as_apps_are_and_comes_before_who_uses_it() -> None:
    one = web("envFrom: [{secretRef: {name: keys}}]").replace("web", "api")
    found = read(web("env: [{name: L, valueFrom: {configMapKeyRef: {name: settings, key: LEVEL}}}]"), one, SETTINGS, KEYS)
    assert {g.part: (g.group, g.content) for g in found.groups} == {
        "configmap/settings": ("dep-settings", {"LEVEL": b"1", "app.ini": b"x = 1", "logo": b"\xff\xfe\xfd"}),
        "secret/keys": ("dep-keys", {"PASSWORD": b"s3cr3t", "USER": b"ann"}),
    }
    assert found.has_secrets
    assert not read(POD, SETTINGS).has_secrets
    assert found.dependencies() == {
        "configmap/settings": (),
        "secret/keys": (),
        "web": ("configmap/settings",),
        "api": ("secret/keys",),
    }
    assert found.dependents()["configmap/settings"] == ("web",)
    assert found.levels() == {"web": 1, "api": 1}, "columns are of apps"
    assert "s3cr3t" not in repr(found)


def test_references_become_the_apps_own_uses() -> None:
    (member,) = read(
        SETTINGS,
        KEYS,
        web(
            "env:",
            "- {name: LOG, valueFrom: {configMapKeyRef: {name: settings, key: LEVEL}}}",
            "- {name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: LEVEL}}}",
            "- {name: USER, value: bob}",
            "envFrom: [{secretRef: {name: keys}}, {prefix: A_, configMapRef: {name: shared-text}}]",
            "volumeMounts: [{name: all, mountPath: /etc/all}, {name: one, mountPath: /etc/one}, {name: tmp, mountPath: /tmp/x}]",
        )
        + "      volumes:\n      - {name: all, secret: {secretName: keys}}\n      - {name: tmp, emptyDir: }\n"
        + "      - {name: one, projected: {sources: [{configMap: {name: settings, items: [{key: app.ini, path: conf}]}}]}}\n",
        references=References({(ConfigKind.CONFIGMAP, "shared-text"): {"B": True}}, strict=True),
    ).members
    (container,) = member.spec.containers
    assert container.config_map == (
        ConfigUse(type="Env", name="shared-text", key=("B",), names={"B": "A_B"}),
        ConfigUse(type="Env", name="dep-settings", key=("LEVEL",), names={"LEVEL": "LOG"}),
        ConfigUse(type="Env", name="dep-settings", key=("LEVEL",)),
        ConfigUse(type="Volume", name="dep-settings", key=("app.ini",), mount_path="/etc/one", names={"app.ini": "conf"}),
    )
    assert container.secret == (
        ConfigUse(type="Env", name="dep-keys", key=("PASSWORD",)),
        ConfigUse(type="Volume", name="dep-keys", key=("PASSWORD", "USER"), mount_path="/etc/all"),
    )
    assert [(e.name, e.value) for e in container.env] == [("USER", "bob")], "what env says wins over envFrom"
    assert [m.path for m in container.mounts] == ["/tmp/x"]
    assert [v.name for v in member.spec.volumes] == ["tmp"]


VOLUME = "      volumes: [{name: v, "
MOUNT = "volumeMounts: [{name: v, mountPath: /v}]"


@pytest.mark.parametrize(
    ("document", "line", "field", "words"),
    [
        (SETTINGS.replace("LEVEL", "a/b"), 4, "ConfigMap/settings.data.a/b", "letters, digits"),
        (SETTINGS.replace("//79", "no base64!"), 5, "ConfigMap/settings.binaryData.logo", "must be base64"),
        (SETTINGS.replace("logo", "LEVEL"), 5, "ConfigMap/settings.binaryData.LEVEL", "a second time"),
        (SETTINGS + "immutable: true\n", 6, "ConfigMap.immutable", "no meaning"),
        (
            SETTINGS.replace("settings", "Settings"),
            3,
            "ConfigMap/Settings.metadata.name",
            "its ConfigMap would be called dep-Settings",
        ),
        (SETTINGS.replace("data: {LEVEL", "data: {LEVEL: , x"), 4, "ConfigMap.data.LEVEL", "has no value"),
        (KEYS.replace("czNjcjN0", "s3cr3t!"), 4, "Secret/keys.data.PASSWORD", "must be base64"),
        (KEYS + "type: kubernetes.io/tls\n", 6, "Secret.type", "Opaque"),
        (KEYS.replace("czNjcjN0", "*s3cr3t"), 4, "content", "an alias (*)"),
        (KEYS.replace("czNjcjN0", "!s3cr3t x"), 4, "content", "a tag (!)"),
        (KEYS.replace("czNjcjN0", "[s3cr3t]"), 4, "Secret.data.PASSWORD", "must be text"),
    ],
)
def test_a_group_that_cannot_be_is_refused_without_its_contents(document: str, line: int, field: str, words: str) -> None:
    found = problems_of(document, POD)
    assert (line, field, True) in [(p.line, p.field, words in p.message) for p in found]
    assert not [p for p in found if "s3cr3t" in f"{p.message} {p.field}" or p.line != line]


@pytest.mark.parametrize(
    ("pod", "line", "words"),
    [
        (web("envFrom: [{configMapRef: {name: zz}}]"), 12, "names the ConfigMap 'zz', and neither"),
        (web("envFrom: [{secretRef: {name: shared}}]"), 12, "names the Secret 'shared'"),
        (web("envFrom: [{secretRef: {name: empty}}]"), 12, "has none"),
        (web("envFrom: [{configMapRef: {name: shared}}]"), 12, "binary and cannot be a variable"),
        (web("envFrom: [{configMapRef: {name: settings}}]"), 12, "whose variable must contain only letters"),
        (web("envFrom: [{configMapRef: {name: shared, optional: true}}]"), 12, "has to be there"),
        (web("envFrom: [{}]"), 12, "one of configMapRef and secretRef"),
        (
            web("env: [{name: A, valueFrom: {configMapKeyRef: {name: shared, key: B}}}]"),
            12,
            "names the entry 'B', and the ConfigMap",
        ),
        (web("env: [{name: A, valueFrom: {configMapKeyRef: {name: shared, key: logo}}}]"), 12, "is binary"),
        (web("env: [{name: A, valueFrom: {configMapKeyRef: {name: settings}}}]"), 12, "is required"),
        (web("env: [{name: A, valueFrom: {}}]"), 12, "one of fieldRef"),
        (web(MOUNT) + VOLUME + "configMap: {name: zz}}]\n", 13, "names the ConfigMap 'zz'"),
        (web(MOUNT) + VOLUME + "secret: {name: keys}}]\n", 13, "is required"),
        (web(MOUNT) + VOLUME + "configMap: {name: shared, defaultMode: 0400}}]\n", 13, "readable by all"),
        (web(MOUNT) + VOLUME + "configMap: {name: shared, items: [{key: A, path: a/b}]}}]\n", 13, "letters, digits"),
        (
            web(MOUNT) + VOLUME + "configMap: {name: shared, items: [{key: A, path: x}, {key: logo, path: x}]}}]\n",
            13,
            "second time",
        ),
        (web(MOUNT) + VOLUME + "configMap: {name: shared}, emptyDir: {}}]\n", 13, "must have one of"),
        (web(MOUNT) + VOLUME + "projected: {sources: [{serviceAccountToken: {path: t}}]}}]\n", 13, "no instance acts"),
        (web(MOUNT) + VOLUME + "projected: {sources: [{downwardAPI: {items: [a]}}]}}]\n", 13, "not carried out"),
        (web(MOUNT.replace("/v}", "/v, subPath: A}")) + VOLUME + "configMap: {name: shared}}]\n", 12, "not carried out"),
        (
            web(MOUNT.replace("/v}", "/v}, {name: w, mountPath: /v/w}"))
            + VOLUME
            + "configMap: {name: shared}}, {name: w, emptyDir: }]\n",
            12,
            "read-only",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_at_its_line(pod: str, line: int, words: str) -> None:
    found = problems_of(pod, SETTINGS)
    assert (line, True) in [(p.line, words in p.message) for p in found], found


def test_few_lines_do_not_mean_entries_without_end() -> None:
    everything = {f"E{number}": True for number in range(MOST_ENTRIES)}
    mounts = ", ".join(f"{{name: v, mountPath: /{number}}}" for number in range(100))
    variables = ", ".join(f"{{prefix: P{number}_, configMapRef: {{name: much}}}}" for number in range(100))
    for said in (f"volumeMounts: [{mounts}]", f"envFrom: [{variables}]"):
        document = f"{POD}        {said}\n      volumes: [{{name: v, configMap: {{name: much}}}}]\n"
        with pytest.raises(Invalid, match="beyond 20000 in all") as refused:
            read(document, references=References({(ConfigKind.CONFIGMAP, "much"): everything}, strict=True))
        assert {problem.line for problem in refused.value.problems} == {12}
        there = read(document, references=References({(ConfigKind.CONFIGMAP, "much"): everything}))
        uses = there.member("web").spec.containers[0].config_map
        assert sum(len(use.key) for use in uses) <= MOST_TAKEN, "what is drawn or deleted is bounded too"


def test_what_was_deployed_is_read_although_its_groups_are_gone() -> None:
    gone = web("env: [{name: A, valueFrom: {configMapKeyRef: {name: zz, key: B}}}]", "envFrom: [{secretRef: {name: zz}}]")
    (member,) = read(gone).members
    assert [(use.name, use.key) for _, _, use in member.spec.containers[0].uses] == [("zz", ("B",))]


def test_an_ingress_leads_to_a_port_of_a_service() -> None:
    found = read(POD, FRONT, SITE)
    (site,) = found.entrances
    assert (site.ingress, site.class_name, site.routes) == (
        "dep-site",
        "nginx",
        (
            Route(host="shop.example.com", path="/a", exact=True, service="front", port=80),
            Route(host="shop.example.com", path="/", exact=False, service="front", port=80),
        ),
    )
    assert (found.hosts, [m.name for m in found.linked()]) == (["shop.example.com"], ["web"])


TLS = "  tls: [{hosts: [shop.example.com], secretName: keys}]\n"


@pytest.mark.parametrize(
    ("site", "line", "words"),
    [
        (SITE.replace("shop.example", "'*.example"), 24, "a wildcard would take"),
        (SITE.replace("host: shop.example.com", "host: Shop.example.com"), 24, "host in lower case"),
        (SITE.replace("host: shop.example.com", "host: 10.0.0.1"), 24, "host in lower case"),
        (SITE.replace("  - host: shop.example.com\n    http", "  - http"), 24, "is required"),
        (SITE.replace("name: front, port: {name", "name: back, port: {name"), 27, "no Service of the document"),
        (SITE.replace("{number: 80}", "{number: 81}"), 28, "no TCP port"),
        (SITE.replace("{number: 80}", "{number: 53}"), 28, "no TCP port"),
        (SITE.replace("{number: 80}", "{}"), 28, "no TCP port"),
        (SITE.replace("path: /a, pathType: Exact", "path: /, pathType: Prefix"), 28, "a second time"),
        (SITE.replace("pathType: Exact", "pathType: ImplementationSpecific"), 27, "'Prefix' or 'Exact'"),
        (SITE.replace("path: /a", "path: '/a;proxy_pass x'"), 27, "must be a path of letters"),
        (
            SITE.replace("{name: site}", "{name: site, annotations: {nginx.ingress.kubernetes.io/configuration-snippet: x}}"),
            20,
            "refused",
        ),
        (SITE.replace("  rules:", "  defaultBackend: {service: {name: front}}\n  rules:"), 23, "other projects"),
        (SITE + TLS, 29, "names the Secret 'keys', and neither"),
        (SITE + TLS.replace("keys", "empty"), 29, "names the entry 'tls.crt'"),
        (SITE + TLS.replace("[shop", "[x"), 29, "no host of the rules"),
    ],
)
def test_an_ingress_that_reaches_further_is_refused_at_its_line(site: str, line: int, words: str) -> None:
    found = problems_of(POD, FRONT, site.replace("'*.example.com", "'*.example.com'"))
    assert (line, True) in [(p.line, words in p.message) for p in found], found


def test_the_graph_has_groups_services_and_ingresses() -> None:
    store = POD.replace("web", "store")
    linking = POD.replace("{name: web}", "{name: web, annotations: {mooring.io/depends-on: store}}", 1)
    linking += "        envFrom: [{secretRef: {name: keys}}]\n"
    drawn = graph(read(linking, store, FRONT, FRONT.replace("front", "db").replace("web", "store"), SITE, SETTINGS, KEYS))
    nodes = {node["id"]: node for node in drawn["nodes"]}
    assert {id: node["type"] for id, node in nodes.items() if node["type"] != "app"} == {
        "secret:dep-keys": "secret",
        "configmap:dep-settings": "configmap",
        "service:front": "service",
        "service:db": "service",
        "ingress:site": "ingress",
    }
    assert (nodes["secret:dep-keys"]["document"], nodes["secret:dep-keys"]["entries"]) == ("keys", ["PASSWORD", "USER"])
    assert nodes["service:front"]["level"] == 2
    edges = {(e["from"], e["to"], e["type"]) for e in drawn["edges"]}
    assert edges == {
        ("app:web", "app:store", "link"),
        ("app:web", "secret:dep-keys", "config"),
        ("service:front", "app:web", "service"),
        ("service:db", "app:store", "service"),
        ("app:web", "service:db", "service"),
        ("ingress:site", "service:front", "service"),
    }
    assert "s3cr3t" not in str(drawn)
