-- name: insert_build^
INSERT INTO builds (id, project_id, name, repository, branch, dockerfile_path, context_path, tag, scope, created_by)
VALUES (:id, :project_id, :name, :repository, :branch, :dockerfile_path, :context_path, :tag, :scope, :created_by)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: update_build^
UPDATE builds SET repository = :repository, branch = :branch, dockerfile_path = :dockerfile_path,
       context_path = :context_path, tag = :tag, scope = :scope
WHERE project_id = :project_id AND name = :name
RETURNING *;

-- name: get_build^
SELECT b.*, o.id AS last_id, o.status AS last_status, o.created_at AS last_created_at, o.finished_at AS last_finished_at
FROM builds b LEFT JOIN LATERAL (
    SELECT id, status, created_at, finished_at FROM operations
    WHERE target_kind = 'build' AND target_id = b.id ORDER BY id DESC LIMIT 1
) o ON true
WHERE b.project_id = :project_id AND b.name = :name;

-- name: lock_build^
-- Shared: builds may start side by side with readers, but the build project is not deleted under them.
SELECT id FROM builds WHERE project_id = :project_id AND name = :name FOR SHARE;

-- name: lock_build_alone^
SELECT id FROM builds WHERE project_id = :project_id AND name = :name FOR UPDATE;

-- name: running_build^
SELECT id, status FROM operations WHERE target_kind = 'build' AND target_id = :id AND finished_at IS NULL;

-- name: delete_build!
DELETE FROM builds WHERE id = :id;

-- name: count_builds$
SELECT count(*) FROM builds WHERE project_id = :project_id;

-- name: list_builds
SELECT b.*, o.id AS last_id, o.status AS last_status, o.created_at AS last_created_at, o.finished_at AS last_finished_at
FROM builds b LEFT JOIN LATERAL (
    SELECT id, status, created_at, finished_at FROM operations
    WHERE target_kind = 'build' AND target_id = b.id ORDER BY id DESC LIMIT 1
) o ON true
WHERE b.project_id = :project_id ORDER BY b.name LIMIT :size OFFSET :skip;

-- name: count_records$
SELECT count(*) FROM (SELECT FROM operations WHERE target_kind = 'build' AND target_id = :id LIMIT :bound) AS counted;

-- name: list_records
SELECT id, status, actor, attempt, ask, result, error, created_at, started_at, finished_at FROM operations
WHERE target_kind = 'build' AND target_id = :id ORDER BY id DESC LIMIT :size OFFSET :skip;

-- name: append_log!
-- Whoever waits for the operation to move also learns of new log lines.
WITH line AS (
    INSERT INTO build_logs (operation_id, run, stage, text) VALUES (:operation_id, :run, :stage, :text)
)
SELECT pg_notify('operations', :operation_id);

-- name: log_size$
SELECT COALESCE(sum(octet_length(text)), 0)::bigint FROM build_logs
WHERE operation_id = :operation_id AND run = :run AND stage = :stage;

-- name: logs_after
SELECT seq, run, stage, text FROM build_logs
WHERE operation_id = :operation_id AND seq > :after AND (cast(:stage AS text) IS NULL OR stage = :stage)
  AND (cast(:run AS integer) IS NULL OR run = :run)
ORDER BY seq LIMIT 50;

-- name: images_made
SELECT ask->>'image' AS image, array_remove(array_agg(DISTINCT result->>'digest'), NULL) AS digests
FROM operations WHERE project_id = :project_id AND kind = 'image.build' GROUP BY 1;
