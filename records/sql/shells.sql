-- name: insert_shell!
INSERT INTO shells (id, project_id, app_id, instance, container, command, actor)
VALUES (:id, :project_id, :app_id, :instance, :container, :command, :actor);

-- name: touch_shell!
UPDATE shells SET alive_at = clock_timestamp() WHERE id = :id AND ended_at IS NULL;

-- name: end_shell!
UPDATE shells SET ended_at = clock_timestamp(), reason = :reason, message = :message, exit_code = :exit_code
WHERE id = :id AND ended_at IS NULL;

-- name: list_shells
-- One that nobody has vouched for in a while ended with the process that carried it.
SELECT id, container, command, actor, opened_at, exit_code,
       CASE WHEN lost THEN alive_at ELSE ended_at END AS ended_at,
       CASE WHEN lost THEN 'Lost' ELSE reason END AS reason,
       CASE WHEN lost THEN 'The API process that carried it ended.' ELSE message END AS message
FROM (SELECT *, ended_at IS NULL AND alive_at < clock_timestamp() - cast(:silence AS interval) AS lost FROM shells) s
WHERE project_id = :project_id AND instance = :instance
ORDER BY id DESC LIMIT :size OFFSET :skip;

-- name: count_shells$
SELECT count(*) FROM (SELECT FROM shells WHERE project_id = :project_id AND instance = :instance LIMIT :bound) AS counted;
