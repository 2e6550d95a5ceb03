-- name: insert_group^
INSERT INTO config_groups (id, project, project_id, kind, name, created_by)
VALUES (:id, :project, :project_id, :kind, :name, :created_by)
ON CONFLICT DO NOTHING RETURNING *;

-- name: live_group^
SELECT * FROM config_groups WHERE project_id = :project_id AND kind = :kind AND name = :name AND deleted_at IS NULL;

-- name: hold_group^
-- For who changes it: nobody else may change it, or begin to use it, until the transaction ends.
SELECT * FROM config_groups WHERE project_id = :project_id AND kind = :kind AND name = :name AND deleted_at IS NULL FOR UPDATE;

-- name: share_group^
-- For who begins to use it: it stays as it is until the transaction ends.
SELECT * FROM config_groups WHERE project_id = :project_id AND kind = :kind AND name = :name AND deleted_at IS NULL FOR SHARE;

-- name: group_by_id^
SELECT * FROM config_groups WHERE id = :id;

-- name: list_groups
SELECT * FROM config_groups
WHERE project_id = :project_id AND kind = :kind AND deleted_at IS NULL AND strpos(name, :part) > 0
ORDER BY name LIMIT :size OFFSET :skip;

-- name: count_groups$
SELECT count(*) FROM config_groups
WHERE project_id = :project_id AND kind = :kind AND deleted_at IS NULL AND strpos(name, :part) > 0;

-- name: expected_groups
-- What the cluster should show, for the watch over it.
SELECT * FROM config_groups WHERE kind = :kind AND (deleted_at IS NULL OR applied > 0);

-- name: insert_value!
INSERT INTO config_values (id, group_id, sealed, mark) VALUES (:id, :group_id, :sealed, :mark);

-- name: values_marked
SELECT mark, min(id) AS id FROM config_values WHERE group_id = :group_id AND mark = ANY (cast(:marks AS text[])) GROUP BY mark;

-- name: values_of
SELECT id, sealed FROM config_values WHERE id = ANY (cast(:ids AS text[]));

-- name: insert_version^
INSERT INTO config_versions (group_id, number, entries, changes, created_by, reason)
SELECT :group_id, version + 1, :entries, :changes, :created_by, :reason FROM config_groups WHERE id = :group_id
RETURNING *;

-- name: set_version!
UPDATE config_groups SET version = :version WHERE id = :id;

-- name: get_version^
SELECT * FROM config_versions WHERE group_id = :group_id AND number = :number;

-- name: versions_in_force
SELECT v.* FROM config_versions v JOIN config_groups g ON g.id = v.group_id AND g.version = v.number
WHERE g.id = ANY (cast(:ids AS text[]));

-- name: list_versions
SELECT * FROM config_versions WHERE group_id = :group_id ORDER BY number DESC LIMIT :size OFFSET :skip;

-- name: count_versions$
SELECT count(*) FROM (SELECT FROM config_versions WHERE group_id = :group_id LIMIT :bound) AS counted;

-- name: set_applied!
UPDATE config_groups SET applied = :applied, seen = :seen WHERE id = :id;

-- name: delete_group!
-- Its contents go with it; who changed what, and who read it, stays.
WITH gone AS (
    UPDATE config_groups SET deleted_at = clock_timestamp() WHERE id = :id AND deleted_at IS NULL RETURNING id
)
DELETE FROM config_values USING gone WHERE group_id = gone.id;

-- name: delete_groups_of!
-- The namespace has taken the objects along.
WITH gone AS (
    UPDATE config_groups SET deleted_at = COALESCE(deleted_at, clock_timestamp()), applied = 0
    WHERE project_id = :project_id RETURNING id
)
DELETE FROM config_values USING gone WHERE group_id = gone.id;

-- name: insert_read!
INSERT INTO config_reads (group_id, version, entries, reader) VALUES (:group_id, :version, :entries, :reader);

-- name: list_reads
SELECT version, entries, reader, at FROM config_reads WHERE group_id = :group_id ORDER BY id DESC LIMIT :size OFFSET :skip;

-- name: count_reads$
SELECT count(*) FROM (SELECT FROM config_reads WHERE group_id = :group_id LIMIT :bound) AS counted;

-- name: all_values
SELECT id, sealed FROM config_values WHERE id > :after ORDER BY id LIMIT 100;

-- name: replace_value!
UPDATE config_values SET sealed = :sealed WHERE id = :id;

-- name: specs_wanted
-- What runs or is about to, by the record: of live apps the versions in their layout, and those that an operation moves between.
SELECT a.id, a.name, r.spec FROM apps a JOIN app_revisions r ON r.app_id = a.id
WHERE a.project_id = :project_id
  AND jsonb_path_exists(r.spec, '$.containers[*].*[*] ? (exists (@.key))')
  AND (a.phase = 'LIVE' AND (r.number = a.revision OR a.layout -> 'workloads' @> jsonb_build_array(jsonb_build_object('revision', r.number)))
       OR EXISTS (
           SELECT 1 FROM operations o
           JOIN layouts l ON l.app_id = a.id AND l.id IN (cast(o.ask ->> 'before' AS bigint), cast(o.ask ->> 'after' AS bigint))
           WHERE o.target_id = a.id AND o.target_kind = 'app' AND o.finished_at IS NULL
             AND (cast(l.layout ->> 'revision' AS integer) = r.number
                  OR l.layout -> 'workloads' @> jsonb_build_array(jsonb_build_object('revision', r.number)))));

-- name: outdated
-- Of entries that were read at some time those that the cluster has otherwise by now.
SELECT r.* FROM unnest(cast(:kinds AS text[]), cast(:names AS text[]), cast(:keys AS text[]), cast(:ats AS timestamptz[]))
    AS r (kind, name, key, at)
JOIN config_groups g ON g.project_id = :project_id AND g.kind = r.kind AND g.name = r.name AND g.deleted_at IS NULL
JOIN config_versions now ON now.group_id = g.id AND now.number = g.applied AND now.created_at > r.at
CROSS JOIN LATERAL (
    SELECT v.entries FROM config_versions v WHERE v.group_id = g.id AND v.number < g.applied AND v.created_at <= r.at
    ORDER BY v.number DESC LIMIT 1
) was
WHERE was.entries -> r.key ->> 'value' IS DISTINCT FROM now.entries -> r.key ->> 'value';

-- name: certificate_of
-- The stacks whose Ingresses take their certificate from a Secret.
SELECT DISTINCT s.name FROM stack_entrances e JOIN stacks s ON s.id = e.stack_id
WHERE e.project_id = :project_id AND :secret = ANY (e.secrets) AND e.stack_id <> :without ORDER BY s.name;

-- name: app_ids
SELECT id, name FROM apps WHERE project_id = :project_id AND left(id, 32) = ANY (cast(:labels AS text[]));

-- name: secrets_ever
SELECT g.name, v.entries FROM config_groups g JOIN config_versions v ON v.group_id = g.id
WHERE g.project_id = :project_id AND g.kind = 'secret' AND g.deleted_at IS NULL AND g.name = ANY (cast(:names AS text[]));

-- name: known_groups
SELECT g.kind, g.name, v.entries FROM config_groups g JOIN config_versions v ON v.group_id = g.id AND v.number = g.version
WHERE g.project_id = :project_id AND g.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM stack_groups s WHERE s.group_id = g.id AND s.stack_id = :stack_id);

-- name: groups_of_stack
SELECT s.part, g.*, v.entries FROM stack_groups s JOIN config_groups g ON g.id = s.group_id
JOIN config_versions v ON v.group_id = g.id AND v.number = g.version
WHERE s.stack_id = :stack_id AND g.deleted_at IS NULL ORDER BY s.part;
