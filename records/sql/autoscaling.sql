-- name: set_policy$
-- What was remembered under the policy before no longer holds.
WITH made AS (
    INSERT INTO autoscaling_policies (app_id, policy, set_by) VALUES (:app_id, :policy, :set_by) RETURNING id
)
INSERT INTO autoscalers (app_id, policy_id) SELECT :app_id, id FROM made
ON CONFLICT (app_id) DO UPDATE
    SET policy_id = EXCLUDED.policy_id, memory = NULL, evaluation = NULL, evaluated_at = NULL, run = NULL
RETURNING policy_id;

-- name: turn_off$
-- Null when there was none.
WITH gone AS (
    DELETE FROM autoscalers WHERE app_id = :app_id RETURNING app_id
)
INSERT INTO autoscaling_policies (app_id, policy, set_by) SELECT app_id, NULL, :set_by FROM gone RETURNING id;

-- name: in_force
SELECT s.app_id, p.policy, p.set_by, p.set_at, s.evaluation, s.evaluated_at
FROM autoscalers s JOIN autoscaling_policies p ON p.id = s.policy_id
WHERE s.app_id = ANY (cast(:ids AS text[]));

-- name: changes
SELECT policy, set_by, set_at FROM autoscaling_policies WHERE app_id = :app_id ORDER BY id DESC LIMIT :size;

-- name: decisions
SELECT id, status, request, error, created_at, finished_at FROM operations
WHERE target_id = :app_id AND actor = :actor ORDER BY id DESC LIMIT :size;

-- name: to_evaluate
-- Live apps with a policy that this pass has not evaluated yet: with the operation that holds each, and the newest on it.
SELECT s.app_id, s.policy_id, s.memory, p.policy,
       h.id AS holder_id, h.kind AS holder_kind, h.actor AS holder_actor, h.status AS holder_status,
       o.id AS newest_id, o.kind AS newest_kind, o.actor AS newest_actor, o.status AS newest_status,
       o.finished_at AS newest_finished_at
FROM autoscalers s
JOIN autoscaling_policies p ON p.id = s.policy_id
JOIN apps a ON a.id = s.app_id AND a.phase = 'LIVE'
LEFT JOIN target_locks l ON l.project = a.project AND l.target_kind = 'app' AND l.target_name = a.name
LEFT JOIN target_locks w ON w.project = a.project AND w.target_kind = 'app.scale' AND w.target_name = a.name
LEFT JOIN operations h ON h.id = COALESCE(w.operation_id, l.operation_id)
LEFT JOIN LATERAL (
    SELECT id, kind, actor, status, finished_at FROM operations
    WHERE target_id = a.id AND ask ->> 'within' IS NULL ORDER BY id DESC LIMIT 1
) o ON true
WHERE s.run IS DISTINCT FROM cast(:run AS text)
ORDER BY s.app_id;

-- name: note!
-- What a pass found, of many apps at once; not where the policy was set anew meanwhile, and once in a pass.
UPDATE autoscalers s
SET memory = n.memory, evaluation = n.evaluation, evaluated_at = :at, run = :run
FROM jsonb_to_recordset(:notes) AS n (app_id text, policy_id bigint, memory jsonb, evaluation jsonb)
WHERE s.app_id = n.app_id AND s.policy_id = n.policy_id AND s.run IS DISTINCT FROM cast(:run AS text);

-- name: claim^
-- As note, of one app, for the transaction that accepts an operation: no row when another try of the pass was here before.
UPDATE autoscalers SET memory = :memory, evaluation = :evaluation, evaluated_at = :at, run = :run
WHERE app_id = :app_id AND policy_id = :policy_id AND run IS DISTINCT FROM cast(:run AS text)
RETURNING app_id;
