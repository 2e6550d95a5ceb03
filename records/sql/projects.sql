-- name: insert_project^
-- One whose creation has not succeeded is taken as it is; where that still runs, the target's lock says so.
INSERT INTO projects (id, name, description, status, created_by) VALUES (:id, :name, :description, 'CREATING', :created_by)
ON CONFLICT (name) WHERE status <> 'DELETED' DO UPDATE SET description = excluded.description, created_by = excluded.created_by
WHERE projects.status = 'CREATING' RETURNING *;

-- name: project_by_name^
SELECT * FROM projects WHERE name = :name AND status <> 'DELETED';

-- name: lock_project^
-- Share: many may deploy into a project at once, none while it is being deleted.
SELECT * FROM projects WHERE name = :name AND status <> 'DELETED' FOR SHARE;

-- name: list_projects
SELECT * FROM projects
WHERE status <> 'DELETED' AND (cast(:ids AS text[]) IS NULL OR id = ANY (cast(:ids AS text[])))
ORDER BY name LIMIT :size OFFSET :skip;

-- name: count_projects$
SELECT count(*) FROM projects WHERE status <> 'DELETED' AND (cast(:ids AS text[]) IS NULL OR id = ANY (cast(:ids AS text[])));

-- name: set_project_status^
UPDATE projects SET status = :status, deleted_at = CASE WHEN :status = 'DELETED' THEN now() END
WHERE name = :name AND status <> 'DELETED' RETURNING id;

-- name: members_of
SELECT user_name, role FROM members WHERE project_id = :project_id ORDER BY user_name;

-- name: put_member!
INSERT INTO members (project_id, user_name, role) VALUES (:project_id, :user, :role)
ON CONFLICT (project_id, user_name) DO UPDATE SET role = excluded.role;

-- name: delete_member^
DELETE FROM members WHERE project_id = :project_id AND user_name = :user RETURNING user_name;
