"""What the cluster's rules refuse, read off the API server's words: whose rule, which of them, and whether waiting could help.

Each admission plugin words its refusals in one fixed way and gives no other form of them; they are read here only. Sources:
Kubernetes, Validating Admission Policy; Dynamic Admission Control; Resource Quotas; Limit Ranges; Pod Security Admission.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from model.base import Frozen
from model.errors import AdmissionRefused, Evidence, MooringError, NamespaceGone, QuotaExceeded, WebhookUnavailable
from model.quantities import amount

_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']*)' with binding '(?P<binding>[^']*)' denied request: (?P<words>.*)", re.S
)
_WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request(?:: (?P<words>.*)| without explanation)', re.S)
_WEBHOOK_AWAY = re.compile(r'failed calling webhook "(?P<name>[^"]*)": (?P<words>.*)', re.S)
_USED_UP = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>\S+), used: (?P<used>\S+), limited: (?P<limit>\S*[^\s.])"
)
_UNSAID = re.compile(r"failed quota: (?P<name>[^:]+): (?P<words>must specify .*)", re.S)
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<name>[^"]*)": (?P<words>.*)', re.S)
_LIMIT_RANGE = re.compile(
    r"\[?(?P<words>(?:(?:maximum|minimum) \S+ usage|\S+ max limit to request ratio) per (?:Container|Pod) is .*?)\]?$",
    re.S,
)
_ENDING = re.compile(r"unable to create new content in namespace (?P<name>\S+) because it is being terminated")
_NO_NAMESPACE = re.compile(r'^namespaces "(?P<name>[^"]*)" not found$')
# What a rule calls it, and the field of an app's body that sets it.
_FIELDS = {"cpu": "resources.cpu", "memory": "resources.mem", "ephemeral-storage": "resources.disk"}
_LONGEST = 500


class Refused(Frozen):
    """What the cluster's refusal amounts to; `certain` says that the same request is refused however long one waits."""

    model_config = {"arbitrary_types_allowed": True}

    error: MooringError
    certain: bool


def read_refusal(words: str, what: str, evidence: Sequence[Evidence] = ()) -> Refused | None:
    """The error that the words of a refused creation or change of `what` amount to; None where no rule of the cluster speaks."""
    for pattern, told in _TOLD:
        if found := pattern.search(words):
            return told(found, what, evidence)
    return None


def _policy(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    name, rule = found["name"], f"the ValidatingAdmissionPolicy {found['name']!r} (binding {found['binding']!r})"
    return _by_rule(what, rule, found["words"], f"the policy {name!r}", evidence)


def _webhook(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    words = found["words"] or "it gives no reason"
    return _by_rule(what, f"the admission webhook {found['name']!r}", words, f"the webhook {found['name']!r}", evidence)


def _limit_range(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    words = found["words"]
    return _by_rule(what, "a LimitRange of the project's namespace", words, "that LimitRange", evidence, _fields_in(words))


def _unsaid(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    rule, words = f"the ResourceQuota {found['name']!r} of the project's namespace", found["words"]
    return _by_rule(what, rule, words, f"the ResourceQuota {found['name']!r}", evidence, _fields_in(words))


def _pod_security(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    error = AdmissionRefused(
        f"The cluster does not take {what}: it violates PodSecurity {found['name']!r}, the level that the platform sets for every "
        f"project: {_cut(found['words'])}.",
        hint="Leave out what reaches for the host; the message names it.",
        evidence=evidence,
    )
    return Refused(error=error, certain=True)


def _by_rule(what: str, rule: str, words: str, whom: str, evidence: Sequence[Evidence], fields: Sequence[str] = ()) -> Refused:
    change = f"Change {' and '.join(fields)}" if fields else "Change what it names"
    error = AdmissionRefused(
        f"The cluster does not take {what}: {rule} says: {_cut(words)}.",
        hint=f"It is a rule of the cluster, not of Mooring. {change}, or ask who administers the cluster about {whom}; then retry.",
        evidence=evidence,
    )
    return Refused(error=error, certain=True)


def _webhook_away(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    error = WebhookUnavailable(
        f"The cluster's admission webhook {found['name']!r}, which is asked about {what}, does not answer: {_cut(found['words'])}.",
        hint=f"It is tried again by itself until the deadline. If it lasts, ask who administers the cluster about the webhook "
        f"{found['name']!r}; then retry.",
        evidence=evidence,
    )
    return Refused(error=error, certain=False)


def _used_up(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    """Others may free what they use; what is more than the whole quota never fits."""
    asked, limit = _amounts(found["asked"]), _amounts(found["limit"])
    over = [name for name, wanted in asked.items() if name in limit and wanted > limit[name]]
    told = f"exceeded quota: {found['name']}, requested: {found['asked']}, used: {found['used']}, limited: {found['limit']}"
    never = f"; {', '.join(over)} alone is more than the whole quota" if over else ""
    hint = f"Ask for less, or have the ResourceQuota {found['name']!r} raised; then retry." if over else None
    error = QuotaExceeded(f"The cluster does not take {what}: {told}{never}.", hint=hint, evidence=evidence)
    return Refused(error=error, certain=bool(over))


def _namespace(found: re.Match[str], what: str, evidence: Sequence[Evidence]) -> Refused:
    return Refused(error=namespace_gone(found["name"], what, ending=found.re is _ENDING, evidence=evidence), certain=True)


def namespace_gone(name: str, what: str, *, ending: bool, evidence: Sequence[Evidence] = ()) -> NamespaceGone:
    """The error of a project whose namespace is being removed, or is not there, while something works in it."""
    why = "is being removed" if ending else "is not there"
    return NamespaceGone(f"The cluster does not take {what}: the project's namespace {name!r} {why}.", evidence=evidence)


_TOLD: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, Sequence[Evidence]], Refused]], ...] = (
    (_POLICY, _policy),
    (_WEBHOOK, _webhook),
    (_WEBHOOK_AWAY, _webhook_away),
    (_USED_UP, _used_up),
    (_UNSAID, _unsaid),
    (_POD_SECURITY, _pod_security),
    (_LIMIT_RANGE, _limit_range),
    (_ENDING, _namespace),
    (_NO_NAMESPACE, _namespace),
)


def _fields_in(words: str) -> list[str]:
    return [field for name, field in _FIELDS.items() if re.search(rf"(?<![\w-])(?:limits\.|requests\.)?{name}(?![\w-])", words)]


def _amounts(text: str) -> dict[str, Decimal]:
    """`requests.cpu=2,pods=1` by name; what is no amount is left out."""
    found = {}
    for name, _, value in (part.partition("=") for part in text.split(",")):
        try:
            found[name] = amount(value)
        except ValueError:
            continue
    return found


def _cut(words: str) -> str:
    text = " ".join(words.split()).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
