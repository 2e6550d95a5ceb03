-- Web shells opened into containers: who, when, where, and how they ended. Never what passed through them.

CREATE TABLE shells (
    id         text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects (id),
    app_id     text NOT NULL REFERENCES apps (id),
    instance   text NOT NULL,
    container  text NOT NULL,
    command    text NOT NULL,
    actor      text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The API process that carries the session says so every half minute: one that died can write no end.
    alive_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    reason     text,
    message    text,
    exit_code  integer
);
CREATE INDEX shells_of_instance ON shells (project_id, instance, id DESC);
