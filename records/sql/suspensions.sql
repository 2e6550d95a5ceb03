-- name: suspend^
-- What stands still needs no place. No row when the attempt is over: then there is nobody to wake.
WITH op AS (
    UPDATE operations SET has_place = false, no_room = CASE WHEN cast(:waited AS double precision) IS NOT NULL THEN
        jsonb_build_object('since', extract(epoch FROM clock_timestamp()) - :waited, 'told', cast(:told AS text)) END
    WHERE id = :id AND attempt = :attempt AND finished_at IS NULL RETURNING id
), st AS (
    INSERT INTO suspended_steps (operation_id, attempt, workflow_id, worker) SELECT :id, :attempt, :workflow_id, :worker FROM op
    ON CONFLICT (operation_id) DO UPDATE SET attempt = excluded.attempt, worker = excluded.worker, since = clock_timestamp()
)
SELECT id, pg_notify('admission', '') FROM op;

-- name: no_room^
SELECT extract(epoch FROM clock_timestamp()) - cast(no_room ->> 'since' AS double precision) AS waited, no_room ->> 'told' AS told
FROM operations WHERE id = :id AND no_room IS NOT NULL;

-- name: remove!
WITH op AS (UPDATE operations SET has_place = pool IS NOT NULL AND status <> 'WAITING' WHERE id = :id AND finished_at IS NULL)
DELETE FROM suspended_steps WHERE operation_id = :id;

-- name: resume^
WITH gone AS (DELETE FROM suspended_steps WHERE operation_id = :id)
UPDATE operations SET has_place = pool IS NOT NULL
WHERE id = :id AND attempt = :attempt AND finished_at IS NULL
RETURNING status;

-- name: worker_seen!
INSERT INTO workers (id) VALUES (:worker) ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp();

-- name: worker_gone!
DELETE FROM workers WHERE id = :worker;

-- name: forget_workers!
DELETE FROM workers WHERE seen_at < clock_timestamp() - make_interval(secs => :after);

-- name: take_over
-- Steps of workers that are not there any more, a bounded number at once.
UPDATE suspended_steps s SET worker = :worker
FROM (
    SELECT operation_id FROM suspended_steps
    WHERE worker NOT IN (SELECT id FROM workers)
    ORDER BY since LIMIT :size
    FOR UPDATE SKIP LOCKED
) left_behind
WHERE s.operation_id = left_behind.operation_id
RETURNING s.operation_id, s.workflow_id;
