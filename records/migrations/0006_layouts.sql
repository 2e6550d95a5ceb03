-- Which versions an app's instances have: what is wanted now, and the snapshots operations go to and back to.
-- apps.replicas and apps.revision are derived from it, for queries.
ALTER TABLE apps ADD COLUMN layout jsonb;
UPDATE apps SET layout = jsonb_build_object(
    'type', type, 'revision', revision,
    'workloads', jsonb_build_array(jsonb_build_object('track', '', 'revision', revision, 'replicas', replicas, 'restart', '')));
ALTER TABLE apps ALTER COLUMN layout SET NOT NULL;

CREATE TABLE layouts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id text NOT NULL REFERENCES apps (id),
    layout jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
