-- name: control^
-- Compare-and-set of what is asked (pause, resume, promote); no row when that would change nothing or makes no sense now.
-- Resume and promote end a pause that holds, and close its step.
WITH was AS (
    SELECT status FROM operations WHERE id = :id FOR UPDATE
), op AS (
    UPDATE operations SET seq = seq + CASE WHEN was.status = 'PAUSED' THEN 2 ELSE 1 END, control_seq = control_seq + 1,
           pause_asked = cast(:verb AS text) = 'pause', promoted = promoted OR cast(:verb AS text) = 'promote',
           status = CASE WHEN was.status = 'PAUSED' THEN 'RUNNING' ELSE was.status END, pause = NULL,
           has_place = CASE WHEN was.status = 'PAUSED' THEN pool IS NOT NULL ELSE has_place END
    FROM was
    WHERE id = :id AND finished_at IS NULL AND was.status <> 'CANCELLING'
      AND CASE cast(:verb AS text)
          WHEN 'pause' THEN NOT pause_asked AND was.status <> 'PAUSED'
          WHEN 'resume' THEN pause_asked OR was.status = 'PAUSED'
          ELSE NOT promoted OR pause_asked OR was.status = 'PAUSED' END
    RETURNING seq, operations.status, attempt, control_seq, pause_asked, promoted, workflow_id, done, total, was.status AS before,
              kind, target_name, parent_id
), ct AS (
    INSERT INTO operation_controls (operation_id, attempt, seq, verb, actor)
    SELECT :id, op.attempt, op.control_seq, :verb, :actor FROM op
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq - CASE WHEN op.before = 'PAUSED' THEN 1 ELSE 0 END, 'control',
           jsonb_build_object('verb', cast(:verb AS text), 'actor', cast(:actor AS text), 'status', op.status)
    FROM op
), st AS (
    UPDATE steps SET status = 'SUCCEEDED', finished_at = clock_timestamp(), message = :words
    FROM op
    WHERE operation_id = :id AND run = op.attempt AND name = 'operation.hold' AND steps.status = 'RUNNING' AND op.before = 'PAUSED'
    RETURNING steps.seq, steps.title, steps.attempt
), stev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq, 'step',
           jsonb_build_object('seq', st.seq, 'title', st.title, 'status', 'SUCCEEDED', 'message', cast(:words AS text),
                              'attempt', st.attempt, 'operationStatus', op.status, 'done', op.done, 'total', op.total)
    FROM op, st
), up AS (
    UPDATE operations p SET seq = p.seq + 1 FROM op WHERE p.id = op.parent_id AND p.finished_at IS NULL AND op.before = 'PAUSED'
    RETURNING p.id, p.seq, p.done, p.total
), upev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT up.id, up.seq, 'child', jsonb_build_object('operationId', cast(:id AS text), 'kind', op.kind, 'target', op.target_name,
           'status', op.status, 'done', up.done, 'total', up.total)
    FROM op, up
)
SELECT workflow_id, attempt, control_seq, pause_asked, promoted, pg_notify('operations', :id),
       (SELECT pg_notify('operations', up.id) FROM up) FROM op;

-- name: control_told!
UPDATE operations SET control_told = greatest(control_told, :seq) WHERE id = :id AND attempt = :attempt;

-- name: newest_control^
SELECT verb, actor FROM operation_controls
WHERE operation_id = :id AND attempt = :attempt AND (cast(:verb AS text) IS NULL OR verb = :verb)
ORDER BY seq DESC LIMIT 1;

-- name: hold^
-- RUNNING → PAUSED, unless something was asked that the workflow does not know of yet. The pause is a step that stays open
-- until it is over. A child's pause shows on its parent's stream.
WITH op AS (
    UPDATE operations SET seq = seq + 2, status = 'PAUSED', pause_asked = false, has_place = false, run_id = :run_id,
           started_at = COALESCE(started_at, clock_timestamp()),
           pause = jsonb_build_object('title', cast(:title AS text), 'message', cast(:message AS text),
                                      'since', clock_timestamp(), 'until', cast(:until AS timestamptz),
                                      'batch', cast(:batch AS integer))
    WHERE id = :id AND attempt = :attempt AND status IN ('ACCEPTED', 'RUNNING') AND control_seq = :version
    RETURNING seq, done, total, kind, target_name, parent_id
), st AS (
    INSERT INTO steps (operation_id, run, seq, title, name, status, message)
    SELECT :id, :attempt, :seq, :title, 'operation.hold', 'RUNNING', :message FROM op
), stev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq - 1, 'step',
           jsonb_build_object('seq', cast(:seq AS integer), 'title', cast(:title AS text), 'status', 'RUNNING',
                              'message', cast(:message AS text), 'attempt', 1, 'operationStatus', 'PAUSED',
                              'done', op.done, 'total', op.total)
    FROM op
), ev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT :id, op.seq, 'status', jsonb_build_object('status', 'PAUSED', 'message', cast(:message AS text)) FROM op
), up AS (
    UPDATE operations p SET seq = p.seq + 1 FROM op WHERE p.id = op.parent_id AND p.finished_at IS NULL
    RETURNING p.id, p.seq, p.done, p.total
), upev AS (
    INSERT INTO operation_events (operation_id, seq, type, data)
    SELECT up.id, up.seq, 'child', jsonb_build_object('operationId', cast(:id AS text), 'kind', op.kind, 'target', op.target_name,
           'status', 'PAUSED', 'message', cast(:message AS text), 'done', up.done, 'total', up.total)
    FROM op, up
)
SELECT op.seq, pg_notify('operations', :id), (SELECT pg_notify('operations', up.id) FROM up), pg_notify('admission', '') FROM op;

-- name: held^
-- Whether the attempt goes on, and whether an earlier try of this pause was written.
SELECT o.attempt = :attempt AND o.finished_at IS NULL AS lives,
       EXISTS (SELECT 1 FROM steps WHERE operation_id = :id AND run = :attempt AND seq = :seq) AS held
FROM operations o WHERE o.id = :id;
