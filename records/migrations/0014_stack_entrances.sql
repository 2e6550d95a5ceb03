-- The Ingresses of a stack: a name in a project is one stack's, and the Secrets that have its certificates are in use.
-- Stacks of before are in it from their next operation on.
CREATE TABLE IF NOT EXISTS stack_entrances (
    project_id text   NOT NULL REFERENCES projects (id),
    name       text   NOT NULL,
    stack_id   text   NOT NULL REFERENCES stacks (id),
    secrets    text[] NOT NULL,
    PRIMARY KEY (project_id, name)
);
CREATE INDEX IF NOT EXISTS stack_entrances_stack ON stack_entrances (stack_id);
