-- name: insert_app^
-- No row when a live app has the name, or when the id is there already (a parent's step that is tried again).
INSERT INTO apps (id, project, project_id, name, type, cluster, phase, replicas, revision, layout, username, created_by)
VALUES (:id, :project, :project_id, :name, :type, :cluster, 'LIVE', :replicas, 1, :layout, :username, :created_by)
ON CONFLICT DO NOTHING RETURNING *;

-- name: insert_revision^
INSERT INTO app_revisions (app_id, number, spec, pinned, created_by, reason, copy_of)
SELECT :app_id, COALESCE(max(number), 0) + 1, :spec, :pinned, :created_by, :reason, :copy_of
FROM app_revisions WHERE app_id = :app_id
RETURNING *;

-- name: app_by_id^
SELECT * FROM apps WHERE id = :id;

-- name: apps_by_id
SELECT * FROM apps WHERE id = ANY (cast(:ids AS text[]));

-- name: named_app^
-- The life an app_id names; without one the live one, else the newest stopped one.
SELECT * FROM apps
WHERE project_id = :project_id AND name = :name AND phase <> 'DELETED'
  AND (cast(:app_id AS text) IS NULL OR id = :app_id)
ORDER BY phase = 'LIVE' DESC, created_at DESC LIMIT 1;

-- name: hold_apps
-- Serialises what is submitted on one name: its lives cannot change until the transaction ends.
SELECT id FROM apps WHERE project_id = :project_id AND name = :name AND phase <> 'DELETED' ORDER BY id FOR UPDATE;

-- name: running_on^
SELECT o.id, o.kind, o.status, o.target_id
FROM target_locks l JOIN operations o ON o.id = l.operation_id
WHERE l.project = :project AND l.target_kind = 'app' AND l.target_name = :name;

-- name: newest_operations
-- Per app its newest operation, for its status.
SELECT o.* FROM unnest(cast(:ids AS text[])) AS app (id) CROSS JOIN LATERAL (
    SELECT target_id, id, kind, status, error,
           (SELECT cast(layout ->> 'revision' AS integer) FROM layouts WHERE layouts.id = cast(ask ->> 'before' AS bigint)) AS leaves,
           cast(ask ->> 'revision' AS integer) AS revision FROM operations
    WHERE project = :project AND target_kind = 'app' AND target_id = app.id AND ask ->> 'within' IS NULL ORDER BY id DESC LIMIT 1
) o;

-- name: list_apps
SELECT * FROM apps WHERE project_id = :project_id AND phase <> 'DELETED'
ORDER BY name, created_at DESC LIMIT :size OFFSET :skip;

-- name: count_apps$
SELECT count(*) FROM apps WHERE project_id = :project_id AND phase <> 'DELETED';

-- name: live_apps
SELECT * FROM apps WHERE project_id = :project_id AND phase = 'LIVE' ORDER BY name;

-- name: get_revision^
SELECT * FROM app_revisions WHERE app_id = :app_id AND number = :number;

-- name: deployed_before^
-- Only what was in force once: an update of one instance, new instances with an image of their own, and a rollout that failed
-- before it changed anything make revisions that never were. Those that were are what operations began from; before the first
-- layout there were no others. Where it has to have `worked`, one is passed over that
-- no operation has brought about that ended well, or may yet.
SELECT * FROM app_revisions r WHERE app_id = :app_id AND number < :number AND digests <> '{}' AND (
    EXISTS (
        SELECT FROM operations o JOIN layouts l ON l.id = cast(o.ask ->> 'before' AS bigint)
        WHERE o.project = :project AND o.target_kind = 'app' AND o.target_name = :name AND o.target_id = r.app_id
          AND l.layout ->> 'revision' = cast(r.number AS text))
    OR number < (SELECT min(cast(layout ->> 'revision' AS integer)) FROM layouts WHERE app_id = :app_id))
  AND (NOT cast(:worked AS boolean)
    OR (SELECT coalesce(bool_or(o.status NOT IN ('FAILED', 'CANCELLED')), true) FROM operations o
        WHERE o.project = :project AND o.target_kind = 'app' AND o.target_name = :name AND o.target_id = r.app_id
          AND o.ask -> 'resolve' @> to_jsonb(r.number))
    OR EXISTS (
        SELECT FROM operations o JOIN layouts l ON l.id = cast(o.ask ->> 'after' AS bigint)
        WHERE o.project = :project AND o.target_kind = 'app' AND o.target_name = :name AND o.target_id = r.app_id
          AND o.status = 'SUCCEEDED' AND l.layout ->> 'revision' = cast(r.number AS text)))
ORDER BY number DESC LIMIT 1;

-- name: completed_run^
-- What an operation that SUCCEEDED went to, and ran for it.
SELECT l.layout FROM operations o JOIN layouts l ON l.id = cast(o.ask ->> 'after' AS bigint)
WHERE o.project = :project AND o.target_kind = 'app' AND o.target_name = :name AND o.target_id = :app_id AND o.status = 'SUCCEEDED'
  AND l.layout ->> 'revision' = cast(cast(:number AS integer) AS text)
  AND l.layout #>> '{workloads,0,runs}' IS DISTINCT FROM 'false'
ORDER BY o.id DESC LIMIT 1;

-- name: newest_upgrade^
SELECT id, kind, status, cancellable, ask, pause FROM operations
WHERE project = :project AND target_kind = 'app' AND target_name = :name AND target_id = :app_id AND kind = 'app.upgrade'
ORDER BY id DESC LIMIT 1;

-- name: outcomes
-- Of each revision how the newest operation ended that its images were looked up for; one that SUCCEEDED stands for all.
SELECT DISTINCT ON (n.number) n.number, o.id, o.kind, o.status, o.error
FROM unnest(cast(:numbers AS integer[])) AS n (number) JOIN operations o ON o.ask -> 'resolve' @> to_jsonb(n.number)
WHERE o.project = :project AND o.target_kind = 'app' AND o.target_name = :name AND o.target_id = :app_id
ORDER BY n.number, o.status = 'SUCCEEDED' DESC, o.id DESC;

-- name: brought_by$
SELECT id FROM operations
WHERE project = :project AND target_kind = 'app' AND target_name = :name AND target_id = :app_id AND status = 'SUCCEEDED'
  AND (kind = 'app.create' AND cast(:number AS integer) = 1
       OR kind = 'app.upgrade' AND cast(ask ->> 'revision' AS integer) = cast(:number AS integer))
ORDER BY id DESC LIMIT 1;

-- name: revisions_of_layouts
-- Per app the revisions its instances have, and the one in force.
SELECT r.* FROM app_revisions r JOIN apps a ON a.id = r.app_id
WHERE a.id = ANY (cast(:ids AS text[])) AND (r.number = a.revision OR r.number IN (
    SELECT cast(w ->> 'revision' AS integer) FROM jsonb_array_elements(a.layout -> 'workloads') w));

-- name: numbered_revisions
SELECT * FROM app_revisions WHERE app_id = :app_id AND number = ANY (cast(:numbers AS integer[]));

-- name: list_revisions
SELECT * FROM app_revisions WHERE app_id = :app_id ORDER BY number DESC LIMIT :size OFFSET :skip;

-- name: count_revisions$
SELECT count(*) FROM (SELECT FROM app_revisions WHERE app_id = :app_id LIMIT :bound) AS counted;

-- name: set_digests!
UPDATE app_revisions SET digests = :digests WHERE app_id = :app_id AND number = :number;

-- name: pin_revisions!
UPDATE app_revisions SET pinned = digests WHERE app_id = :app_id AND number = ANY (cast(:numbers AS integer[])) AND digests <> '{}';

-- name: set_phase^
UPDATE apps SET phase = :phase, deleted_at = CASE WHEN :phase = 'DELETED' THEN clock_timestamp() END
WHERE id = :id AND (phase <> 'DELETED' OR :phase = 'DELETED') RETURNING id;

-- name: set_layout!
UPDATE apps SET layout = :layout, replicas = :replicas, revision = :revision WHERE id = :id;

-- name: keep_layout$
INSERT INTO layouts (app_id, layout) VALUES (:app_id, :layout) RETURNING id;

-- name: get_layout^
SELECT layout FROM layouts WHERE id = :id;

-- name: hold_names
-- Serialises what takes a name in the project: two that stand in each other's way do not see each other until one is committed.
SELECT pg_advisory_xact_lock(hashtextextended('app names of ' || cast(:project_id AS text), 0));

-- name: names_in_the_way
-- Live apps whose objects would have the name of one of this app's: a TApp's instances are <name>-<index>, a Deployment app's
-- further versions <name>-r<revision>, or <name>-r<revision>-2 where that is taken.
SELECT name FROM apps
WHERE project_id = :project_id AND phase = 'LIVE' AND name <> :name AND (
    (type = 'TApp' AND :name ~ ('^' || name || '-[0-9]+$')) OR (type = 'Deployment' AND :name ~ ('^' || name || '-r[0-9]+(-[0-9]+)?$'))
    OR (:type = 'TApp' AND name ~ ('^' || :name || '-[0-9]+$')) OR (:type = 'Deployment' AND name ~ ('^' || :name || '-r[0-9]+(-[0-9]+)?$')))
ORDER BY name LIMIT 1;

-- name: deleted_by$
-- The operation that deletes the live app of that name just now.
SELECT o.id FROM target_locks l JOIN operations o ON o.id = l.operation_id
WHERE l.project = :project AND l.target_kind = 'app' AND l.target_name = :name AND o.kind = 'app.delete';

-- name: delete_apps_of!
UPDATE apps SET phase = 'DELETED', deleted_at = clock_timestamp() WHERE project_id = :project_id AND phase <> 'DELETED';
