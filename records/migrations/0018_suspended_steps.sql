-- Steps that stand still: no activity runs for them. Each is in the care of the worker that suspended it, which wakes it when what
-- it waits for changes. A worker that is not seen any more has its steps taken over by another.
CREATE TABLE workers (
    id      text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE suspended_steps (
    operation_id text PRIMARY KEY REFERENCES operations (id),
    attempt      integer NOT NULL,
    workflow_id  text NOT NULL,
    worker       text NOT NULL,
    since        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX suspended_steps_by_worker ON suspended_steps (worker);
