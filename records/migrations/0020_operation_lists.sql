-- Lists of operations are read off an index from its end, by whatever they are filtered by, however many there are. Nothing is
-- written to operations while these are made: about ten seconds for a million rows.

CREATE INDEX operations_of_project ON operations (project_id, id DESC);
CREATE INDEX operations_of_kind ON operations (kind, id DESC);
CREATE INDEX operations_of_actor ON operations (actor, id DESC);
CREATE INDEX operations_of_name ON operations (target_name, id DESC);
-- Those that succeeded are met soon wherever one begins to read; of the live ones there is an index.
CREATE INDEX operations_not_succeeded ON operations (status, id DESC) WHERE status IN ('FAILED', 'CANCELLED');
