-- name: take_seat^
-- A free number of those the person may have; none where another process takes the same one at this moment.
WITH free AS (
    SELECT n FROM generate_series(1, cast(:each AS integer)) n
    WHERE NOT EXISTS (SELECT FROM seats WHERE kind = :kind AND person = :person AND number = n)
    ORDER BY random() LIMIT 1
), taken AS (
    INSERT INTO seats (kind, person, number, process) SELECT :kind, :person, n, :process FROM free
    ON CONFLICT DO NOTHING RETURNING number
)
SELECT (SELECT number FROM taken) AS number, EXISTS (SELECT FROM free) AS was_free;

-- name: settle_seats!
WITH gone AS (
    DELETE FROM seats
    WHERE kind = :kind AND person = :person AND process = :process AND NOT number = ANY (cast(:numbers AS integer[]))
)
INSERT INTO seats (kind, person, number, process)
SELECT :kind, :person, n, :process FROM unnest(cast(:numbers AS integer[])) n
ON CONFLICT DO NOTHING;

-- name: sweep_seats$
-- A process holds a lock of its own for as long as it lives: whose lock can be had is gone.
WITH dead AS MATERIALIZED (
    SELECT process FROM (SELECT DISTINCT process FROM seats WHERE process <> :process) known
    WHERE pg_try_advisory_xact_lock(cast(:space AS integer), process)
), gone AS (
    DELETE FROM seats USING dead WHERE seats.process = dead.process RETURNING seats.number
)
SELECT count(*) FROM gone;
