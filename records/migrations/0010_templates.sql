-- Templates in all their versions, and stacks with theirs: what each version's apps were, so that going back is exact.

CREATE TABLE templates (
    id          text PRIMARY KEY,
    project     text NOT NULL,
    project_id  text NOT NULL REFERENCES projects (id),
    name        text NOT NULL,
    kind        text NOT NULL,
    description text NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by  text NOT NULL,
    deleted_at  timestamptz
);
CREATE UNIQUE INDEX templates_live_name ON templates (project_id, name) WHERE deleted_at IS NULL;

CREATE TABLE template_versions (
    template_id text NOT NULL REFERENCES templates (id),
    number      integer NOT NULL,
    content     text NOT NULL,
    images      text[] NOT NULL,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by  text NOT NULL,
    PRIMARY KEY (template_id, number)
);

-- content stays the document of the version that is wanted.
ALTER TABLE stacks
    ADD COLUMN kind text NOT NULL DEFAULT 'compose',
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN template_id text REFERENCES templates (id);
CREATE INDEX stacks_of_template ON stacks (template_id) WHERE template_id IS NOT NULL;

CREATE TABLE stack_versions (
    stack_id         text NOT NULL REFERENCES stacks (id),
    number           integer NOT NULL,
    content          text NOT NULL,
    template_version integer,
    restores         integer,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by       text NOT NULL,
    PRIMARY KEY (stack_id, number)
);
INSERT INTO stack_versions (stack_id, number, content, created_at, created_by)
SELECT id, 1, content, created_at, created_by FROM stacks;

-- Which revision of which app a version of the stack brought each of its services to.
CREATE TABLE stack_version_apps (
    stack_id text NOT NULL,
    version  integer NOT NULL,
    service  text NOT NULL,
    app_id   text NOT NULL,
    revision integer NOT NULL,
    PRIMARY KEY (stack_id, version, service),
    FOREIGN KEY (stack_id, version) REFERENCES stack_versions (stack_id, number),
    FOREIGN KEY (app_id, revision) REFERENCES app_revisions (app_id, number)
);
