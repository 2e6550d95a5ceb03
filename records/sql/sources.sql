-- name: insert_source^
-- Whoever sends the same archive at the same time waits here for the first, and finds it.
INSERT INTO sources (id, project_id, digest, size, created_by) VALUES (:id, :project_id, :digest, :size, :created_by)
ON CONFLICT (project_id, digest) DO UPDATE SET used_at = now()
RETURNING *, xmax = 0 AS fresh;

-- name: insert_piece!
INSERT INTO source_pieces (source_id, number, content) VALUES (:source_id, :number, :content);

-- name: use_source^
UPDATE sources SET used_at = now() WHERE project_id = :project_id AND digest = :digest RETURNING *;

-- name: find_source^
SELECT * FROM sources WHERE project_id = :project_id AND digest = :digest;

-- name: get_piece$
SELECT content FROM source_pieces WHERE source_id = :source_id AND number = :number;

-- name: lock_superfluous
-- Beyond the newest of a project, or not used for long; one that is being sent or built just now is locked and stays.
SELECT id FROM sources s
WHERE (cast(:project_id AS text) IS NULL OR project_id = :project_id)
  AND (used_at < :before OR id IN (
      SELECT id FROM sources n WHERE n.project_id = s.project_id ORDER BY n.used_at DESC, n.id DESC OFFSET :kept
  ))
FOR UPDATE SKIP LOCKED;

-- name: delete_unused
-- In a statement of its own, which sees the builds that were accepted before the rows were locked.
DELETE FROM sources s WHERE id = ANY (cast(:ids AS text[])) AND NOT EXISTS (
    SELECT 1 FROM operations o WHERE o.project_id = s.project_id AND o.target_kind = 'build' AND o.finished_at IS NULL
      AND o.ask ->> 'source' = s.digest
) RETURNING id;
