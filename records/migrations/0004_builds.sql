-- Build projects, and the logs of their builds' stages. The builds themselves are operations (target kind "build").

CREATE TABLE builds (
    id              text PRIMARY KEY,
    project_id      text NOT NULL REFERENCES projects (id),
    name            text NOT NULL,
    repository      text NOT NULL,
    branch          text NOT NULL,
    dockerfile_path text NOT NULL,
    context_path    text NOT NULL,
    tag             text,
    scope           text NOT NULL CHECK (scope IN ('project', 'personal')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    UNIQUE (project_id, name)
);

-- One step writes at a time, so seq is in the order of commits within an operation.
CREATE TABLE build_logs (
    operation_id text NOT NULL REFERENCES operations (id),
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    run          integer NOT NULL,
    stage        text NOT NULL CHECK (stage IN ('fetch', 'build', 'push')),
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    text         text NOT NULL,
    PRIMARY KEY (operation_id, seq)
);
CREATE INDEX operations_by_target_id ON operations (target_id, id DESC) WHERE target_kind = 'build';
