-- Sources: archives of directories that are built as they were sent, in pieces, and build projects that have no repository.

CREATE TABLE sources (
    id         text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects (id),
    digest     text NOT NULL,
    size       bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    used_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, digest)
);

CREATE TABLE source_pieces (
    source_id text NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    number    integer NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (source_id, number)
);
-- They are compressed already.
ALTER TABLE source_pieces ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE builds ALTER COLUMN repository DROP NOT NULL;
