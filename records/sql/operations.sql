-- name: insert_operation^
-- WAITING where it needs a place and there is none.
INSERT INTO operations (id, kind, project, project_id, target_kind, target_name, target_id, actor, status, cancellable,
                        request, ask, parent_id, workflow_id, pool, has_place, goes_first)
SELECT :id, :kind, :project, :project_id, :target_kind, :target_name, :target_id, :actor,
       CASE WHEN place THEN 'ACCEPTED' ELSE 'WAITING' END, :cancellable, :request, :ask, :parent_id, :workflow_id,
       :pool, place AND cast(:pool AS text) IS NOT NULL, :goes_first
FROM admits(:pool, :project_id, :goes_first) place
RETURNING status;

-- name: take_lock^
INSERT INTO target_locks (project, target_kind, target_name, operation_id)
VALUES (:project, :target_kind, :target_name, :operation_id)
ON CONFLICT DO NOTHING
RETURNING operation_id;

-- name: paused_upgrade^
-- The app's upgrade that is PAUSED, which no control moves until the transaction ends.
SELECT o.id, o.ask, o.pause FROM target_locks l JOIN operations o ON o.id = l.operation_id
WHERE l.project = :project AND l.target_kind = 'app' AND l.target_name = :name AND o.kind = 'app.upgrade' AND o.status = 'PAUSED'
FOR UPDATE OF o;

-- name: tell_scaling^
-- The pause tells the newest number that was asked for in it; the numbers before stand in the record's controls.
WITH op AS (
    UPDATE operations SET seq = seq + 1, pause = pause || jsonb_build_object(
        'message', split_part(pause ->> 'message', ' Scaled since: ', 1) || cast(:words AS text))
    WHERE id = :id AND pause IS NOT NULL
    RETURNING seq
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq, 'control', jsonb_build_object('verb', 'scale', 'actor', cast(:actor AS text), 'status', 'PAUSED') FROM op
)
SELECT pg_notify('operations', :id) FROM op;

-- name: scalings
-- What was scaled in the pauses of an upgrade, the newest first.
SELECT id, kind, status, actor, ask, workflow_id, preempted_by FROM operations
WHERE project = :project AND target_kind = 'app' AND target_name = :name AND id > :id AND ask ->> 'within' = :id
ORDER BY id DESC;

-- name: lock_holder^
-- The row lock keeps it from settling between this look and what the transaction decides. Settling locks the operation
-- first and its target's lock second, so only the operation is locked here.
SELECT o.id, o.kind, o.status, o.actor, o.cancellable, o.finished_at, o.pause
FROM target_locks l JOIN operations o ON o.id = l.operation_id
WHERE l.project = :project AND l.target_kind = :target_kind AND l.target_name = :target_name
FOR UPDATE OF o;

-- name: holder$
SELECT operation_id FROM target_locks WHERE project = :project AND target_kind = :target_kind AND target_name = :target_name;

-- name: move_lock^
UPDATE target_locks SET operation_id = :operation_id
WHERE project = :project AND target_kind = :target_kind AND target_name = :target_name AND operation_id = :holder
RETURNING operation_id;

-- name: mark_preempts!
UPDATE operations SET ask = jsonb_set(ask, '{preempts}', to_jsonb(cast(:victim AS text))) WHERE id = :operation_id;

-- name: request_cancel^
-- Compare-and-set to CANCELLING; no row when the operation has ended or can no longer be cancelled. `actor` (null: another
-- operation takes it over) is recorded the first time; a pause that held or was asked for is over.
WITH was AS (
    SELECT status FROM operations WHERE id = :id FOR UPDATE
), op AS (
    UPDATE operations SET seq = seq + 1, status = 'CANCELLING', pause = NULL, pause_asked = false, has_place = pool IS NOT NULL,
           control_seq = control_seq + CASE WHEN was.status = 'CANCELLING' THEN 0 ELSE 1 END,
           preempted_by = COALESCE(cast(:preempted_by AS text), preempted_by)
    FROM was
    WHERE id = :id AND finished_at IS NULL AND cancellable
    RETURNING seq, workflow_id, run_id, attempt, control_seq, was.status AS before
), ct AS (
    INSERT INTO operation_controls (operation_id, attempt, seq, verb, actor)
    SELECT :id, op.attempt, op.control_seq, :verb, cast(:actor AS text) FROM op
    WHERE cast(:actor AS text) IS NOT NULL AND op.before <> 'CANCELLING'
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq, 'status',
           jsonb_strip_nulls(jsonb_build_object('status', 'CANCELLING', 'verb', cast(:verb AS text), 'actor', cast(:actor AS text)))
    FROM op
)
SELECT workflow_id, run_id, pg_notify('operations', :id) FROM op;

-- name: step_started^
WITH op AS (
    UPDATE operations SET seq = seq + 1, run_id = :run_id, total = greatest(total, :total),
           status = CASE WHEN status = 'ACCEPTED' OR (:forward AND status = 'CANCELLING') THEN 'RUNNING' ELSE status END,
           started_at = COALESCE(started_at, clock_timestamp()),
           cancellable = cancellable AND NOT :forward
    WHERE id = :operation_id AND attempt = :run AND finished_at IS NULL
    RETURNING seq, status, done, total
), st AS (
    INSERT INTO steps (operation_id, run, seq, title, name, status)
    SELECT :operation_id, :run, :seq, :title, :name, 'RUNNING' FROM op
    ON CONFLICT (operation_id, run, seq) DO UPDATE
        SET status = 'RUNNING', attempt = steps.attempt + 1, finished_at = NULL
    RETURNING attempt
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :operation_id, op.seq, 'step',
           jsonb_build_object('seq', cast(:seq AS integer), 'title', cast(:title AS text), 'status', 'RUNNING',
                              'attempt', st.attempt, 'operationStatus', op.status, 'done', op.done, 'total', op.total)
    FROM op, st
)
SELECT op.status, pg_notify('operations', :operation_id) FROM op;

-- name: step_finished^
WITH op AS (
    UPDATE operations SET seq = seq + 1,
           done = done + CASE WHEN :counts AND EXISTS (
               SELECT 1 FROM steps WHERE operation_id = :operation_id AND run = :run AND seq = :seq AND status = 'RUNNING'
           ) THEN 1 ELSE 0 END
    WHERE id = :operation_id AND attempt = :run AND finished_at IS NULL
    RETURNING seq, status, done, total
), st AS (
    UPDATE steps SET status = :status, message = :message, finished_at = clock_timestamp()
    FROM op
    WHERE operation_id = :operation_id AND run = :run AND steps.seq = :seq
    RETURNING steps.attempt, steps.title
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :operation_id, op.seq, 'step',
           jsonb_build_object('seq', cast(:seq AS integer), 'title', st.title, 'status', cast(:status AS text),
                              'message', cast(:message AS text), 'attempt', st.attempt, 'operationStatus', op.status,
                              'done', op.done, 'total', op.total)
    FROM op, st
)
SELECT op.status, pg_notify('operations', :operation_id) FROM op;

-- name: step_message^
WITH op AS (
    UPDATE operations SET seq = seq + 1
    WHERE id = :operation_id AND attempt = :run AND finished_at IS NULL
    RETURNING seq
), st AS (
    UPDATE steps SET message = :message FROM op
    WHERE operation_id = :operation_id AND run = :run AND steps.seq = :seq
    RETURNING steps.attempt, steps.title
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :operation_id, op.seq, 'step',
           jsonb_build_object('seq', cast(:seq AS integer), 'title', st.title, 'status', 'RUNNING',
                              'message', cast(:message AS text), 'attempt', st.attempt)
    FROM op, st
)
SELECT pg_notify('operations', :operation_id) FROM op;

-- name: settle^
-- Once per attempt: no row when it is settled already or a newer attempt owns the record. A child's end moves its running
-- parent's progress and shows on its stream. What was scaled in its pause and still runs has the app from then on: whoever comes
-- next meets it there.
WITH op AS (
    UPDATE operations SET seq = seq + 1, status = :status, error = :error, result = :result, cancellable = false, pause = NULL,
           has_place = false, finished_at = clock_timestamp(), started_at = COALESCE(started_at, clock_timestamp()),
           done = CASE WHEN :status = 'SUCCEEDED' THEN greatest(total, done) ELSE done END
    WHERE id = :operation_id AND attempt = :attempt AND finished_at IS NULL
    RETURNING seq, status, error, kind, target_name, parent_id
), st AS (
    UPDATE steps SET status = CASE WHEN :status = 'CANCELLED' THEN 'CANCELLED' ELSE 'FAILED' END,
           finished_at = clock_timestamp(),
           message = CASE WHEN message = '' THEN 'did not report before the operation ended' ELSE message END
    FROM op
    WHERE operation_id = :operation_id AND run = :attempt AND steps.status = 'RUNNING'
), woken AS (
    DELETE FROM suspended_steps USING op WHERE operation_id = :operation_id
), scaling AS (
    SELECT s.id FROM target_locks l JOIN operations s ON s.id = l.operation_id
    WHERE l.target_kind = 'app.scale' AND s.ask ->> 'within' = :operation_id AND s.finished_at IS NULL
    FOR UPDATE OF s
), handed AS (
    UPDATE target_locks SET operation_id = scaling.id FROM op, scaling WHERE operation_id = :operation_id
), lk AS (
    DELETE FROM target_locks USING op WHERE operation_id = :operation_id AND NOT EXISTS (SELECT FROM scaling)
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :operation_id, op.seq, 'status', jsonb_build_object('status', op.status, 'error', op.error) FROM op
), up AS (
    UPDATE operations p SET seq = p.seq + 1, done = CASE WHEN op.status = 'SUCCEEDED' THEN least(p.total, p.done + 1) ELSE p.done END
    FROM op WHERE p.id = op.parent_id AND p.finished_at IS NULL
    RETURNING p.id, p.seq, p.done, p.total
), upev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT up.id, up.seq, 'child', jsonb_build_object('operationId', cast(:operation_id AS text), 'kind', op.kind,
           'target', op.target_name, 'status', op.status, 'done', up.done, 'total', up.total)
    FROM op, up
)
SELECT op.status, pg_notify('operations', :operation_id), (SELECT pg_notify('operations', up.id) FROM up),
       pg_notify('admission', '') FROM op;

-- name: reopen^
-- Retry: compare-and-set FAILED | CANCELLED → ACCEPTED with the next attempt. What it took the target from is waited for
-- again where that still runs.
WITH op AS (
    UPDATE operations SET seq = seq + 1, status = CASE WHEN admits(pool, project_id, goes_first) THEN 'ACCEPTED' ELSE 'WAITING' END,
           has_place = pool IS NOT NULL AND admits(pool, project_id, goes_first), attempt = attempt + 1, error = NULL, result = NULL,
           done = 0, cancellable = :cancellable, preempted_by = NULL, run_id = NULL, accepted_at = clock_timestamp(),
           started_at = NULL, finished_at = NULL, control_seq = 0, control_told = 0, pause_asked = false, promoted = false,
           ask = ask || jsonb_build_object(
               'attempt', attempt + 1,
               'deadline_seconds', COALESCE(to_jsonb(cast(:deadline_seconds AS integer)), ask -> 'deadline_seconds'),
               'preempts', (SELECT v.id FROM operations v WHERE v.id = operations.ask ->> 'preempts' AND v.finished_at IS NULL))
    WHERE id = :id AND attempt = :attempt AND status IN ('FAILED', 'CANCELLED')
    RETURNING seq, operations.attempt, operations.status
), ct AS (
    INSERT INTO operation_controls (operation_id, attempt, seq, verb, actor)
    SELECT :id, op.attempt, 0, 'retry', cast(:actor AS text) FROM op WHERE cast(:actor AS text) IS NOT NULL
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq, 'status',
           jsonb_strip_nulls(jsonb_build_object('status', op.status, 'actor', cast(:actor AS text))) FROM op
)
SELECT seq, pg_notify('operations', :id) FROM op;

-- name: newest_on_target$
-- What was scaled in a pause is a part of what paused.
SELECT id FROM operations
WHERE project = :project AND project_id = :project_id AND target_kind = :target_kind AND target_name = :target_name
  AND ask ->> 'within' IS NULL
ORDER BY id DESC LIMIT 1;

-- name: lock_attempt^
-- One try of a step at a time decides about the operation's children, and only while the attempt lasts.
SELECT id FROM operations WHERE id = :id AND attempt = :attempt AND finished_at IS NULL FOR UPDATE;

-- name: newest_child^
SELECT * FROM operations
WHERE parent_id = :parent_id AND target_kind = :target_kind AND target_name = :target_name ORDER BY id DESC LIMIT 1;

-- name: children_of
SELECT id, kind, target_kind, target_name, target_id, status, error FROM operations WHERE parent_id = :parent_id ORDER BY id;

-- name: live_children
SELECT id, kind, workflow_id, ask FROM operations WHERE parent_id = :parent_id AND finished_at IS NULL ORDER BY id;

-- name: expect!
UPDATE operations SET total = :total, done = :done WHERE id = :id AND attempt = :attempt AND finished_at IS NULL;

-- name: get_operation^
SELECT * FROM operations WHERE id = :id;

-- name: get_steps
SELECT * FROM steps WHERE operation_id = :id ORDER BY run, seq;

-- name: get_operation_with_steps^
SELECT o.*, COALESCE((SELECT jsonb_agg(to_jsonb(s) - 'operation_id' ORDER BY s.run, s.seq) FROM steps s
                      WHERE s.operation_id = o.id), '[]') AS steps,
       COALESCE((SELECT jsonb_agg(c.control ORDER BY c.at) FROM (
           SELECT at, to_jsonb(k) - 'operation_id' - 'seq' AS control FROM operation_controls k WHERE operation_id = o.id
           UNION ALL
           SELECT s.created_at, jsonb_build_object('attempt', o.attempt, 'verb', 'scale', 'actor', s.actor, 'at', s.created_at,
                  'words', format('from %s to %s: %s', s.ask ->> 'came_from', s.ask ->> 'replicas', s.id)) FROM operations s
           WHERE o.ask ? 'gray' AND s.project = o.project AND s.target_kind = 'app' AND s.target_name = o.target_name AND s.id > o.id
             AND s.ask ->> 'within' = o.id
       ) c), '[]') AS controls,
       COALESCE((SELECT jsonb_agg(jsonb_build_object('operation_id', p.id, 'kind', p.kind, 'target', p.target_name, 'pause', p.pause)
                                  ORDER BY p.id) FROM operations p
                 WHERE p.parent_id = o.id AND p.status = 'PAUSED' AND o.finished_at IS NULL), '[]') AS waits_for
FROM operations o WHERE o.id = :id;

-- name: events_after
SELECT seq, at, type, data FROM operation_events
WHERE operation_id = :id AND seq > :after ORDER BY seq LIMIT 500;

-- name: unsettled_operations
-- Live records that have not moved for a while: not started, cancelling, not told of a control; and some of those that run or
-- pause, whose workflow may be gone: :size at a time, by chance, for they may be thousands. stop: who cancelled it or rolled it back.
-- parent_lives: the child's parent starts it; orphaned: its parent ended after accepting and before starting it.
SELECT o.id, o.kind, o.workflow_id, o.run_id, o.attempt, o.status, o.ask, o.project, o.project_id, o.target_kind, o.target_name,
       o.actor, o.cancellable, o.control_seq, o.control_told, o.pause_asked, o.promoted,
       (SELECT jsonb_build_object('verb', c.verb, 'actor', c.actor) FROM operation_controls c
        WHERE c.operation_id = o.id AND c.attempt = o.attempt AND c.verb IN ('cancel', 'rollback')
        ORDER BY c.seq LIMIT 1) AS stop,
       p.id IS NOT NULL AND p.finished_at IS NULL AS parent_lives,
       COALESCE(p.finished_at > o.accepted_at, false) AS orphaned
FROM operations o LEFT JOIN operations p ON p.id = o.parent_id
WHERE o.finished_at IS NULL AND o.status <> 'WAITING' AND o.accepted_at < clock_timestamp() - make_interval(secs => :older_than)
  AND (o.status NOT IN ('RUNNING', 'PAUSED') OR o.control_seq <> o.control_told
       OR random() * (SELECT count(*) FROM operations WHERE finished_at IS NULL AND status IN ('RUNNING', 'PAUSED')) < :size)
ORDER BY o.status IN ('RUNNING', 'PAUSED') AND o.control_seq = o.control_told, o.accepted_at LIMIT 200;

-- name: live_in_project
SELECT id, kind, workflow_id, run_id, parent_id, status, ask FROM operations WHERE project_id = :project_id AND finished_at IS NULL AND id <> :except_id ORDER BY id;

-- name: claim_key^
INSERT INTO idempotency_keys (actor, route, key, body_hash) VALUES (:actor, :route, :key, :body_hash)
ON CONFLICT DO NOTHING RETURNING key;

-- name: find_key^
SELECT body_hash, operation_id FROM idempotency_keys WHERE actor = :actor AND route = :route AND key = :key;

-- name: release_key!
DELETE FROM idempotency_keys WHERE actor = :actor AND route = :route AND key = :key AND operation_id IS NULL;

-- name: bind_key!
UPDATE idempotency_keys SET operation_id = :operation_id WHERE actor = :actor AND route = :route AND key = :key;
