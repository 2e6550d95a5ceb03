-- Configuration groups, their versions, their sealed contents, and who read secrets.

CREATE TABLE config_groups (
    id         text PRIMARY KEY,
    project    text NOT NULL,
    project_id text NOT NULL REFERENCES projects (id),
    kind       text NOT NULL CHECK (kind IN ('configmap', 'secret')),
    name       text NOT NULL,
    version    integer NOT NULL DEFAULT 0,
    -- The version that the cluster was last brought to, and the object's resourceVersion then: any other is somebody else's doing.
    applied    integer NOT NULL DEFAULT 0,
    seen       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamptz
);
CREATE UNIQUE INDEX config_groups_live_name ON config_groups (project_id, kind, name) WHERE deleted_at IS NULL;

-- One content of one entry, for all versions that have it; sealed (records/sealing.py), never in the clear.
CREATE TABLE config_values (
    id       text PRIMARY KEY,
    group_id text NOT NULL REFERENCES config_groups (id),
    sealed   bytea NOT NULL
);
CREATE INDEX config_values_group ON config_values (group_id);

CREATE TABLE config_versions (
    group_id   text NOT NULL REFERENCES config_groups (id),
    number     integer NOT NULL,
    entries    jsonb NOT NULL,
    changes    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    reason     text NOT NULL DEFAULT '',
    PRIMARY KEY (group_id, number)
);

CREATE TABLE config_reads (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id text NOT NULL REFERENCES config_groups (id),
    version  integer NOT NULL,
    entries  text[] NOT NULL,
    reader   text NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX config_reads_group ON config_reads (group_id, id DESC);
