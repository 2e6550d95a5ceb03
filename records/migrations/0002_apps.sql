-- Apps, one row per life, and their revisions.

CREATE TABLE apps (
    id         text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{64}$'),
    project    text NOT NULL,
    project_id text NOT NULL REFERENCES projects (id),
    name       text NOT NULL,
    type       text NOT NULL,
    cluster    text NOT NULL,
    phase      text NOT NULL CHECK (phase IN ('LIVE', 'STOPPED', 'DELETED')),
    replicas   integer NOT NULL CHECK (replicas >= 0),
    revision   integer NOT NULL,
    username   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamptz
);
-- A name is taken by the one life that is LIVE; stopped ones of the same name may be many.
CREATE UNIQUE INDEX apps_live_name ON apps (project_id, name) WHERE phase = 'LIVE';
CREATE INDEX apps_by_project ON apps (project_id, name, created_at DESC) WHERE phase <> 'DELETED';

CREATE TABLE app_revisions (
    app_id     text NOT NULL REFERENCES apps (id),
    number     integer NOT NULL,
    spec       jsonb NOT NULL,
    digests    jsonb NOT NULL DEFAULT '{}',
    pinned     boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    reason     text NOT NULL DEFAULT '',
    PRIMARY KEY (app_id, number)
);
