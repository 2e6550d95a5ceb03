-- Documents with secrets in them are sealed (records/sealing.py); stacks have configuration groups and hosts of their own.

-- A document is in the clear or sealed; both are gone when what it was deployed as is deleted and it had secrets in it.
ALTER TABLE template_versions
    ALTER COLUMN content DROP NOT NULL,
    ADD COLUMN sealed bytea,
    ADD COLUMN secret boolean NOT NULL DEFAULT false,
    ADD CHECK (secret AND content IS NULL OR NOT secret AND sealed IS NULL AND content IS NOT NULL);
ALTER TABLE stack_versions
    ALTER COLUMN content DROP NOT NULL,
    ADD COLUMN sealed bytea,
    ADD COLUMN secret boolean NOT NULL DEFAULT false,
    ADD CHECK (secret AND content IS NULL OR NOT secret AND sealed IS NULL AND content IS NOT NULL);
-- The document of the version that is wanted is that version's.
ALTER TABLE stacks DROP COLUMN content;

-- Who was shown a document that has secrets in it: of a template or a stack, by id.
CREATE TABLE document_reads (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    version integer NOT NULL,
    reader  text NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX document_reads_subject ON document_reads (subject, id DESC);

-- Which group each ConfigMap and Secret of a stack's documents became; `part` is "configmap/name" or "secret/name".
CREATE TABLE stack_groups (
    stack_id text NOT NULL REFERENCES stacks (id),
    part     text NOT NULL,
    group_id text NOT NULL REFERENCES config_groups (id),
    PRIMARY KEY (stack_id, part)
);
CREATE INDEX stack_groups_group ON stack_groups (group_id);

-- The hosts that stacks' Ingresses take requests for: a host is one project's.
CREATE TABLE stack_hosts (
    host       text NOT NULL,
    stack_id   text NOT NULL REFERENCES stacks (id),
    project_id text NOT NULL REFERENCES projects (id),
    PRIMARY KEY (host, stack_id)
);
