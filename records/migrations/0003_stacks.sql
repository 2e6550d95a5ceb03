-- Stacks: deployed documents, and which app each of their services became.

CREATE TABLE stacks (
    id         text PRIMARY KEY,
    project    text NOT NULL,
    project_id text NOT NULL REFERENCES projects (id),
    name       text NOT NULL,
    cluster    text NOT NULL,
    content    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamptz
);
CREATE UNIQUE INDEX stacks_live_name ON stacks (project_id, name) WHERE deleted_at IS NULL;

CREATE TABLE stack_apps (
    stack_id text NOT NULL REFERENCES stacks (id),
    service  text NOT NULL,
    app_id   text NOT NULL REFERENCES apps (id),
    PRIMARY KEY (stack_id, service)
);
