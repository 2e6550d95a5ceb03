-- name: upsert_user^
INSERT INTO users (name, admin) VALUES (:name, :admin)
ON CONFLICT (name) DO UPDATE SET admin = users.admin OR excluded.admin
RETURNING name, admin, created_at;

-- name: insert_user^
-- No row for a name that is taken, or was: what its owner did stays told under it, and is not another's to see.
INSERT INTO users (name, admin) SELECT :name, :admin WHERE NOT EXISTS (SELECT FROM operations WHERE actor = :name)
ON CONFLICT DO NOTHING RETURNING name, admin, created_at;

-- name: get_user^
SELECT name, admin, created_at FROM users WHERE name = :name;

-- name: known_to$
-- Whether they are in a project together.
SELECT EXISTS (SELECT FROM members mine JOIN members theirs USING (project_id) JOIN projects p ON p.id = project_id
               WHERE mine.user_name = :actor AND theirs.user_name = :user AND p.status <> 'DELETED');

-- name: list_users
SELECT name, admin, created_at FROM users ORDER BY name;

-- name: delete_user^
-- The last platform admin stays, also where two delete each other at once.
WITH admins AS (SELECT name FROM users WHERE admin ORDER BY name FOR UPDATE)
DELETE FROM users WHERE name = :name AND EXISTS (SELECT FROM admins WHERE name <> :name) RETURNING name;

-- name: insert_token^
-- With a parent it ends with it. The parent is held until the commit, so that it is not revoked beside this.
WITH parent AS (SELECT id, expires_at FROM tokens WHERE hash = :parent FOR SHARE)
INSERT INTO tokens (id, hash, user_name, name, expires_at, parent_id)
SELECT :id, :hash, :user, :name, LEAST(cast(:expires_at AS timestamptz), parent.expires_at), parent.id
FROM (SELECT) AS one LEFT JOIN parent ON true WHERE cast(:parent AS bytea) IS NULL OR parent.id IS NOT NULL
ON CONFLICT DO NOTHING RETURNING id, user_name, name, created_at, expires_at, parent_id;

-- name: token_of_hash^
SELECT id, expires_at FROM tokens WHERE hash = :hash;

-- name: replace_token!
INSERT INTO tokens (id, hash, user_name, name) VALUES (:id, :hash, :user, :name)
ON CONFLICT (user_name, name) DO UPDATE SET hash = excluded.hash;

-- name: list_tokens
SELECT id, user_name, name, created_at, expires_at, parent_id FROM tokens
WHERE cast(:user AS text) IS NULL OR user_name = :user ORDER BY created_at;

-- name: delete_token^
DELETE FROM tokens WHERE id = :id AND (cast(:user AS text) IS NULL OR user_name = :user) RETURNING id;

-- name: actors_of_tokens
SELECT t.hash, u.name, u.admin,
       COALESCE((SELECT jsonb_object_agg(p.name, jsonb_build_array(p.id, m.role))
                 FROM members m JOIN projects p ON p.id = m.project_id
                 WHERE m.user_name = u.name AND p.status <> 'DELETED'), '{}') AS projects,
       ARRAY(SELECT p.id FROM members m JOIN projects p ON p.id = m.project_id
             WHERE m.user_name = u.name AND p.deleted_at > now() - interval '7 days') AS deleted_projects
FROM tokens t JOIN users u ON u.name = t.user_name
WHERE t.hash = ANY (cast(:hashes AS bytea[])) AND (t.expires_at IS NULL OR t.expires_at > now());
