-- name: set_places!
INSERT INTO pools (name, places) VALUES (:pool, :places) ON CONFLICT (name) DO UPDATE SET places = excluded.places;

-- name: one_at_a_time!
SELECT pg_advisory_xact_lock(hashtext('admission'));

-- name: anybody_waits$
SELECT EXISTS (SELECT FROM operations WHERE status = 'WAITING' AND finished_at IS NULL);

-- name: admit
-- The next in line of each pool that has places: what goes first, then who holds the fewest places, then who came first.
WITH held AS (
    SELECT pool, project_id, count(*) AS own FROM operations WHERE has_place GROUP BY pool, project_id
), free AS (
    SELECT p.name, p.places, p.places - COALESCE((SELECT sum(own) FROM held WHERE held.pool = p.name), 0) AS places_left FROM pools p
), waiting AS (
    SELECT o.id, o.pool, o.goes_first, o.accepted_at, COALESCE(held.own, 0) + row_number() OVER (
               PARTITION BY o.pool, o.project_id ORDER BY o.goes_first DESC, o.accepted_at, o.id) AS turn
    FROM operations o LEFT JOIN held ON held.pool = o.pool AND held.project_id = o.project_id
    WHERE o.status = 'WAITING'
), line AS (
    SELECT w.id, w.goes_first, f.places, f.places_left,
           row_number() OVER (PARTITION BY w.pool ORDER BY w.goes_first DESC, w.turn, w.accepted_at, w.id) AS place
    FROM waiting w JOIN free f ON f.name = w.pool
    WHERE w.goes_first OR w.turn <= f.places - f.places / 4
), op AS (
    UPDATE operations o SET status = 'ACCEPTED', has_place = true, seq = seq + 1, accepted_at = clock_timestamp()
    FROM line
    WHERE o.id = line.id AND o.status = 'WAITING'
      AND line.place <= line.places_left + CASE WHEN line.goes_first THEN (line.places + 3) / 4 ELSE 0 END
    RETURNING o.id, o.kind, o.workflow_id, o.ask, o.seq
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT op.id, op.seq, 'admission', jsonb_build_object('status', 'ACCEPTED') FROM op
)
SELECT id, kind, workflow_id, ask, pg_notify('operations', id) FROM op;

-- name: in_line^
-- Where a WAITING operation stands: how many of its own project's come before it, how many wait in all, how many run at once.
SELECT (SELECT count(*) FROM operations b WHERE b.status = 'WAITING' AND b.pool = o.pool AND b.project_id = o.project_id
            AND (NOT b.goes_first, b.accepted_at, b.id) < (NOT o.goes_first, o.accepted_at, o.id)) AS before,
       (SELECT count(*) FROM operations b WHERE b.status = 'WAITING' AND b.pool = o.pool) AS waiting,
       (SELECT count(*) FROM operations b WHERE b.has_place AND b.pool = o.pool) AS running,
       (SELECT places FROM pools WHERE name = o.pool) AS places
FROM operations o WHERE o.id = :id AND o.status = 'WAITING';
