-- A token made with another ends with it: at its time at the latest, and when it is revoked.

ALTER TABLE tokens ADD COLUMN parent_id text REFERENCES tokens (id) ON DELETE CASCADE;
CREATE INDEX tokens_of_parent ON tokens (parent_id) WHERE parent_id IS NOT NULL;
