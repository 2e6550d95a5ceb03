-- Users, tokens, projects, and operations with their steps, events, locks and idempotency keys.

CREATE TABLE users (
    name       text PRIMARY KEY,
    admin      boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Only the SHA-256 of a token is kept: tokens are 256 random bits, so a slow hash would add nothing.
CREATE TABLE tokens (
    id         text PRIMARY KEY,
    hash       bytea NOT NULL UNIQUE,
    user_name  text NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    UNIQUE (user_name, name)
);

CREATE TABLE projects (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    status      text NOT NULL CHECK (status IN ('CREATING', 'ACTIVE', 'DELETING', 'DELETED')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    deleted_at  timestamptz
);
CREATE UNIQUE INDEX projects_live_name ON projects (name) WHERE status <> 'DELETED';

CREATE TABLE members (
    project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_name  text NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('viewer', 'developer', 'admin')),
    PRIMARY KEY (project_id, user_name)
);
CREATE INDEX members_user ON members (user_name);

-- project is the name at the time: records outlive the project they tell about.
CREATE TABLE operations (
    id           text PRIMARY KEY,
    kind         text NOT NULL,
    project      text NOT NULL,
    project_id   text NOT NULL,
    target_kind  text NOT NULL,
    target_name  text NOT NULL,
    target_id    text,
    actor        text NOT NULL,
    status       text NOT NULL CHECK (status IN ('ACCEPTED', 'RUNNING', 'WAITING', 'PAUSED', 'CANCELLING',
                                                 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    attempt      integer NOT NULL DEFAULT 1,
    cancellable  boolean NOT NULL,
    total        integer NOT NULL DEFAULT 0,
    done         integer NOT NULL DEFAULT 0,
    error        jsonb,
    request      jsonb NOT NULL,
    ask          jsonb NOT NULL,
    result       jsonb,
    parent_id    text REFERENCES operations (id),
    preempted_by text,
    workflow_id  text NOT NULL,
    run_id       text,
    seq          bigint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    accepted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at   timestamptz,
    finished_at  timestamptz
);
CREATE INDEX operations_by_project ON operations (project, id DESC);
CREATE INDEX operations_by_target ON operations (project, target_kind, target_name, id DESC);
CREATE INDEX operations_by_parent ON operations (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX operations_live ON operations (status, accepted_at) WHERE finished_at IS NULL;

CREATE TABLE steps (
    operation_id text NOT NULL REFERENCES operations (id),
    run          integer NOT NULL,
    seq          integer NOT NULL,
    title        text NOT NULL,
    name         text NOT NULL,
    status       text NOT NULL CHECK (status IN ('RUNNING', 'SUCCEEDED', 'UNCHANGED', 'FAILED', 'CANCELLED')),
    attempt      integer NOT NULL DEFAULT 1,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    message      text NOT NULL DEFAULT '',
    PRIMARY KEY (operation_id, run, seq)
);

-- What the SSE stream sends; seq is drawn under the operation's row lock, so that it commits in order.
CREATE TABLE operation_events (
    operation_id text NOT NULL REFERENCES operations (id),
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    type         text NOT NULL,
    data         jsonb NOT NULL,
    PRIMARY KEY (operation_id, seq)
);

CREATE TABLE target_locks (
    project      text NOT NULL,
    target_kind  text NOT NULL,
    target_name  text NOT NULL,
    operation_id text NOT NULL REFERENCES operations (id),
    PRIMARY KEY (project, target_kind, target_name)
);
CREATE INDEX target_locks_operation ON target_locks (operation_id);

CREATE TABLE idempotency_keys (
    actor        text NOT NULL,
    route        text NOT NULL,
    key          text NOT NULL,
    body_hash    bytea NOT NULL,
    operation_id text REFERENCES operations (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, route, key)
);
