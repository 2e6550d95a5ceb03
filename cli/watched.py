"""An operation as its stream of events tells it: a fold, so that what is shown needs no second look at the API."""

from dataclasses import dataclass, field
from datetime import datetime

from cli.api import TERMINAL, Event, Record
from cli.words import moment

OPEN = "RUNNING"


@dataclass
class Step:
    """One step of the running attempt; `attempt` counts its tries, `news` is whether its last event brought new words."""

    title: str
    status: str
    attempt: int
    started_at: datetime
    finished_at: datetime | None = None
    message: str = ""
    news: bool = False


@dataclass
class Watched:
    """What is known of one operation; `seq` is the last event heard, `trouble` why none can be heard just now."""

    id: str
    kind: str
    target: str
    parent: str | None = None
    status: str = "ACCEPTED"
    attempt: int = 1
    done: int = 0
    total: int = 0
    created_at: datetime | None = None
    finished_at: datetime | None = None
    steps: dict[int, Step] = field(default_factory=dict)
    seq: int = 0
    trouble: str = ""

    @classmethod
    def begin(cls, record: Record) -> "Watched":
        """The operation before its first event."""
        return cls(
            id=record["id"],
            kind=record["kind"],
            target=f"{record['project']}/{record['target']['name']}",
            parent=record["parentId"],
            status="WAITING" if record["status"] == "WAITING" else "ACCEPTED",
            created_at=moment(record["createdAt"]),
        )

    @classmethod
    def of(cls, record: Record) -> "Watched":
        """The operation as its record with steps tells it: the steps of the newest attempt."""
        known = cls.begin(record)
        known.status, known.attempt = record["status"], record["attempt"]
        known.done, known.total = record["progress"]["done"], record["progress"]["total"]
        known.finished_at = moment(record["finishedAt"])
        for step in record["steps"]:
            if step["run"] == record["attempt"]:
                known.steps[step["seq"]] = Step(
                    title=step["title"],
                    status=step["status"],
                    attempt=step["attempt"],
                    started_at=datetime.fromisoformat(step["startedAt"]),
                    finished_at=moment(step["finishedAt"]),
                    message=step["message"],
                )
        return known

    def see(self, record: Record) -> None:
        """Take in what the record tells, where there is no stream of its events; those that come later are heard all the same."""
        now = Watched.of(record)
        self.status, self.attempt, self.done, self.total = now.status, now.attempt, now.done, now.total
        self.steps, self.finished_at = now.steps, now.finished_at

    @property
    def ended(self) -> bool:
        """Whether it has reached an end, which a retry can still open again."""
        return self.status in TERMINAL

    def hear(self, event: Event) -> None:
        """Take one event in; one that was heard before changes nothing."""
        if event.seq <= self.seq:
            return
        self.seq = event.seq
        at = datetime.fromisoformat(event.data["at"])
        if event.type == "step":
            self._hear_step(event.data, at)
        elif event.type == "admission":
            self.status = event.data["status"]
        elif event.type in ("status", "control"):
            self._hear_status(event.data["status"], at)

    def _hear_status(self, status: str, at: datetime) -> None:
        if status in ("ACCEPTED", "WAITING"):  # retried: a new attempt, whose steps are numbered anew
            self.attempt += 1
            self.steps, self.done, self.created_at = {}, 0, at
        self.status = status
        self.finished_at = at if self.ended else None

    def _hear_step(self, data: Record, at: datetime) -> None:
        self.status = data.get("operationStatus", self.status)
        self.done, self.total = data.get("done", self.done), data.get("total", self.total)
        step = self.steps.get(data["seq"])
        if step is None:
            step = self.steps[data["seq"]] = Step(data["title"], OPEN, data["attempt"], at)
        step.status, step.attempt = data["status"], data["attempt"]
        words = data.get("message") or step.message
        step.message, step.news = words, words != step.message
        step.finished_at = None if data["status"] == OPEN else at
