-- What runs at once is bounded: an operation of a pool holds a place in it while it works, not while it pauses or stands still. What
-- finds none is WAITING and is admitted later, in order and fair between projects. Operations without a pool need no place: parts of
-- others, and what is to go on in any case.
CREATE TABLE pools (
    name   text PRIMARY KEY,
    places integer NOT NULL CHECK (places > 0)
);
INSERT INTO pools (name, places) VALUES ('control', 32), ('builds', 8);

ALTER TABLE operations
    ADD COLUMN pool text,
    ADD COLUMN has_place boolean NOT NULL DEFAULT false,
    ADD COLUMN goes_first boolean NOT NULL DEFAULT false;
CREATE INDEX operations_places ON operations (pool, project_id) WHERE has_place;
CREATE INDEX operations_in_line ON operations (pool, project_id, accepted_at) WHERE status = 'WAITING';

-- Whether there is a place for one more of a project: what ends something else goes first and has some places of its own; a single
-- project gets three quarters at most, so that another's first operation finds one.
CREATE FUNCTION admits(of_pool text, of_project text, first boolean) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT of_pool IS NULL OR COALESCE((
        SELECT CASE WHEN first THEN held.total < p.places + (p.places + 3) / 4
                    ELSE held.total < p.places AND held.own < p.places - p.places / 4
                         AND NOT EXISTS (SELECT FROM operations WHERE status = 'WAITING' AND pool = of_pool AND project_id = of_project)
               END
        FROM pools p, LATERAL (
            SELECT count(*) AS total, count(*) FILTER (WHERE project_id = of_project) AS own
            FROM operations WHERE has_place AND pool = of_pool
        ) held
        WHERE p.name = of_pool), true)
$$;
