-- name: insert_stack^
INSERT INTO stacks (id, project, project_id, name, cluster, content, created_by)
VALUES (:id, :project, :project_id, :name, :cluster, :content, :created_by)
ON CONFLICT DO NOTHING RETURNING *;

-- name: live_stack^
SELECT * FROM stacks WHERE project_id = :project_id AND name = :name AND deleted_at IS NULL;

-- name: hold_stack^
SELECT * FROM stacks WHERE project_id = :project_id AND name = :name AND deleted_at IS NULL FOR UPDATE;

-- name: stack_by_id^
SELECT * FROM stacks WHERE id = :id;

-- name: set_content^
UPDATE stacks SET content = :content WHERE id = :id RETURNING *;

-- name: last_operations
-- Per stack its newest operation.
SELECT o.* FROM unnest(cast(:ids AS text[])) AS stack (id) CROSS JOIN LATERAL (
    SELECT target_id, id, kind, status, error, done, total, created_at, finished_at FROM operations
    WHERE project_id = :project_id AND target_kind = 'stack' AND target_id = stack.id ORDER BY id DESC LIMIT 1
) o;

-- name: list_stacks
SELECT * FROM stacks WHERE project_id = :project_id AND deleted_at IS NULL ORDER BY name LIMIT :size OFFSET :skip;

-- name: count_stacks$
SELECT count(*) FROM stacks WHERE project_id = :project_id AND deleted_at IS NULL;

-- name: put_app!
INSERT INTO stack_apps (stack_id, service, app_id) VALUES (:stack_id, :service, :app_id)
ON CONFLICT (stack_id, service) DO UPDATE SET app_id = excluded.app_id;

-- name: apps_of
SELECT s.service, s.app_id FROM stack_apps s JOIN apps a ON a.id = s.app_id
WHERE s.stack_id = :stack_id AND a.phase <> 'DELETED' ORDER BY s.service;

-- name: delete_stack!
UPDATE stacks SET deleted_at = clock_timestamp() WHERE id = :id AND deleted_at IS NULL;

-- name: delete_stacks_of!
UPDATE stacks SET deleted_at = clock_timestamp() WHERE project_id = :project_id AND deleted_at IS NULL;
