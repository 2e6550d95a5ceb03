-- A content that a group held before is found again by its keyed mark, and keeps its id: what reads it is not replaced for nothing.
ALTER TABLE config_values ADD COLUMN IF NOT EXISTS mark text;
