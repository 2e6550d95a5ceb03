-- Which images a revision keeps by digest, container by container: those that nobody named again, not only all of a rollback's.
ALTER TABLE app_revisions ADD COLUMN kept jsonb NOT NULL DEFAULT '{}';
UPDATE app_revisions SET kept = digests WHERE pinned;
ALTER TABLE app_revisions DROP COLUMN pinned;
ALTER TABLE app_revisions RENAME COLUMN kept TO pinned;
