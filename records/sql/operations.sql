-- name: insert_operation!
INSERT INTO operations (id, kind, project, project_id, target_kind, target_name, target_id, actor, status, cancellable,
                        request, ask, parent_id, workflow_id)
VALUES (:id, :kind, :project, :project_id, :target_kind, :target_name, :target_id, :actor, 'ACCEPTED', :cancellable,
        :request, :ask, :parent_id, :workflow_id);

-- name: take_lock^
INSERT INTO target_locks (project, target_kind, target_name, operation_id)
VALUES (:project, :target_kind, :target_name, :operation_id)
ON CONFLICT DO NOTHING
RETURNING operation_id;

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
    UPDATE operations SET seq = seq + 1, status = 'CANCELLING', pause = NULL, pause_asked = false,
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
-- parent's progress and shows on its stream.
WITH op AS (
    UPDATE operations SET seq = seq + 1, status = :status, error = :error, result = :result, cancellable = false, pause = NULL,
           finished_at = clock_timestamp(), started_at = COALESCE(started_at, clock_timestamp()),
           done = CASE WHEN :status = 'SUCCEEDED' THEN greatest(total, done) ELSE done END
    WHERE id = :operation_id AND attempt = :attempt AND finished_at IS NULL
    RETURNING seq, status, error, kind, target_name, parent_id
), st AS (
    UPDATE steps SET status = CASE WHEN :status = 'CANCELLED' THEN 'CANCELLED' ELSE 'FAILED' END,
           finished_at = clock_timestamp(),
           message = CASE WHEN message = '' THEN 'did not report before the operation ended' ELSE message END
    FROM op
    WHERE operation_id = :operation_id AND run = :attempt AND steps.status = 'RUNNING'
), lk AS (
    DELETE FROM target_locks USING op WHERE operation_id = :operation_id
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
SELECT op.status, pg_notify('operations', :operation_id), (SELECT pg_notify('operations', up.id) FROM up) FROM op;

-- name: reopen^
-- Retry: compare-and-set FAILED | CANCELLED → ACCEPTED with the next attempt. What it took the target from is waited for
-- again where that still runs.
WITH op AS (
    UPDATE operations SET seq = seq + 1, status = 'ACCEPTED', attempt = attempt + 1, error = NULL, result = NULL,
           done = 0, cancellable = :cancellable, preempted_by = NULL, run_id = NULL, accepted_at = clock_timestamp(),
           started_at = NULL, finished_at = NULL, control_seq = 0, control_told = 0, pause_asked = false, promoted = false,
           ask = ask || jsonb_build_object(
               'attempt', attempt + 1,
               'deadline_seconds', COALESCE(to_jsonb(cast(:deadline_seconds AS integer)), ask -> 'deadline_seconds'),
               'preempts', (SELECT v.id FROM operations v WHERE v.id = operations.ask ->> 'preempts' AND v.finished_at IS NULL))
    WHERE id = :id AND attempt = :attempt AND status IN ('FAILED', 'CANCELLED')
    RETURNING seq, operations.attempt
), ct AS (
    INSERT INTO operation_controls (operation_id, attempt, seq, verb, actor)
    SELECT :id, op.attempt, 0, 'retry', cast(:actor AS text) FROM op WHERE cast(:actor AS text) IS NOT NULL
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq, 'status',
           jsonb_strip_nulls(jsonb_build_object('status', 'ACCEPTED', 'actor', cast(:actor AS text))) FROM op
)
SELECT seq, pg_notify('operations', :id) FROM op;

-- name: newest_on_target$
SELECT id FROM operations
WHERE project = :project AND project_id = :project_id AND target_kind = :target_kind AND target_name = :target_name
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
       COALESCE((SELECT jsonb_agg(to_jsonb(c) - 'operation_id' - 'seq' ORDER BY c.at) FROM operation_controls c
                 WHERE c.operation_id = o.id), '[]') AS controls,
       COALESCE((SELECT jsonb_agg(jsonb_build_object('operation_id', p.id, 'kind', p.kind, 'target', p.target_name, 'pause', p.pause)
                                  ORDER BY p.id) FROM operations p
                 WHERE p.parent_id = o.id AND p.status = 'PAUSED' AND o.finished_at IS NULL), '[]') AS waits_for
FROM operations o WHERE o.id = :id;

-- name: list_operations
-- Newest first; `before` is the cursor. project_ids limits what the actor may see, null means everything.
SELECT * FROM operations
WHERE (cast(:project_ids AS text[]) IS NULL OR project_id = ANY (cast(:project_ids AS text[])) OR actor = :viewer)
  AND (cast(:project AS text) IS NULL OR project = :project)
  AND (cast(:target AS text) IS NULL OR target_name = :target)
  AND (cast(:kind AS text) IS NULL OR kind = :kind)
  AND (cast(:status AS text) IS NULL OR status = :status)
  AND (cast(:actor AS text) IS NULL OR actor = :actor)
  AND (cast(:parent AS text) IS NULL OR parent_id = :parent)
  AND (cast(:since AS timestamptz) IS NULL OR created_at >= :since)
  AND (cast(:until AS timestamptz) IS NULL OR created_at < :until)
  AND (cast(:before AS text) IS NULL OR id < :before)
ORDER BY id DESC LIMIT :size;

-- name: count_operations$
SELECT count(*) FROM operations
WHERE (cast(:project_ids AS text[]) IS NULL OR project_id = ANY (cast(:project_ids AS text[])) OR actor = :viewer)
  AND (cast(:project AS text) IS NULL OR project = :project)
  AND (cast(:target AS text) IS NULL OR target_name = :target)
  AND (cast(:kind AS text) IS NULL OR kind = :kind)
  AND (cast(:status AS text) IS NULL OR status = :status)
  AND (cast(:actor AS text) IS NULL OR actor = :actor)
  AND (cast(:parent AS text) IS NULL OR parent_id = :parent)
  AND (cast(:since AS timestamptz) IS NULL OR created_at >= :since)
  AND (cast(:until AS timestamptz) IS NULL OR created_at < :until);

-- name: events_after
SELECT seq, at, type, data FROM operation_events
WHERE operation_id = :id AND seq > :after ORDER BY seq LIMIT 500;

-- name: unsettled_operations
-- Live records that have not moved for a while: not started, cancelling, not told of a control, and last, for they are many,
-- those that run or pause with a workflow that may be gone. stop: who cancelled it or rolled it back.
-- parent_lives: the child's parent starts it; orphaned: its parent ended after accepting and before starting it.
SELECT o.id, o.kind, o.workflow_id, o.run_id, o.attempt, o.status, o.ask, o.project, o.project_id, o.target_kind, o.target_name,
       o.actor, o.cancellable, o.control_seq, o.control_told, o.pause_asked, o.promoted,
       (SELECT jsonb_build_object('verb', c.verb, 'actor', c.actor) FROM operation_controls c
        WHERE c.operation_id = o.id AND c.attempt = o.attempt AND c.verb IN ('cancel', 'rollback')
        ORDER BY c.seq LIMIT 1) AS stop,
       p.id IS NOT NULL AND p.finished_at IS NULL AS parent_lives,
       COALESCE(p.finished_at > o.accepted_at, false) AS orphaned
FROM operations o LEFT JOIN operations p ON p.id = o.parent_id
WHERE o.finished_at IS NULL AND o.accepted_at < clock_timestamp() - make_interval(secs => :older_than)
ORDER BY o.status IN ('RUNNING', 'PAUSED') AND o.control_seq = o.control_told, o.accepted_at LIMIT 500;

-- name: live_in_project
SELECT id, kind, workflow_id, status FROM operations WHERE project_id = :project_id AND finished_at IS NULL AND id <> :except_id ORDER BY id;

-- name: claim_key^
INSERT INTO idempotency_keys (actor, route, key, body_hash) VALUES (:actor, :route, :key, :body_hash)
ON CONFLICT DO NOTHING RETURNING key;

-- name: find_key^
SELECT body_hash, operation_id FROM idempotency_keys WHERE actor = :actor AND route = :route AND key = :key;

-- name: release_key!
DELETE FROM idempotency_keys WHERE actor = :actor AND route = :route AND key = :key AND operation_id IS NULL;

-- name: bind_key!
UPDATE idempotency_keys SET operation_id = :operation_id WHERE actor = :actor AND route = :route AND key = :key;
