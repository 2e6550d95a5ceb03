-- name: insert_stack^
INSERT INTO stacks (id, project, project_id, name, cluster, kind, template_id, created_by)
VALUES (:id, :project, :project_id, :name, :cluster, :kind, :template_id, :created_by)
ON CONFLICT DO NOTHING RETURNING *;

-- name: live_stack^
SELECT * FROM stacks WHERE project_id = :project_id AND name = :name AND deleted_at IS NULL;

-- name: hold_stack^
SELECT * FROM stacks WHERE project_id = :project_id AND name = :name AND deleted_at IS NULL FOR UPDATE;

-- name: stack_by_id^
SELECT * FROM stacks WHERE id = :id;

-- name: insert_version$
INSERT INTO stack_versions (stack_id, number, content, sealed, secret, template_version, restores, created_by)
SELECT :stack_id, COALESCE(max(number), 0) + 1, :content, cast(:sealed AS bytea), :secret, :template_version, :restores, :created_by
FROM stack_versions WHERE stack_id = :stack_id
RETURNING number;

-- name: set_version^
UPDATE stacks SET version = v.number FROM stack_versions v
WHERE stacks.id = :id AND v.stack_id = stacks.id AND v.number = :number RETURNING stacks.*;

-- name: get_version^
SELECT v.*, last.status FROM stack_versions v JOIN stacks s ON s.id = v.stack_id
LEFT JOIN LATERAL (
    SELECT o.status FROM operations o
    WHERE o.project = s.project AND o.target_kind = 'stack' AND o.target_name = s.name AND o.target_id = s.id
      AND o.kind IN ('stack.deploy', 'stack.upgrade') AND COALESCE(cast(o.ask ->> 'version' AS integer), 1) = v.number
    ORDER BY o.id DESC LIMIT 1
) last ON true
WHERE v.stack_id = :stack_id AND v.number = :number;

-- name: list_versions
SELECT v.*, last.status FROM stack_versions v JOIN stacks s ON s.id = v.stack_id
LEFT JOIN LATERAL (
    SELECT o.status FROM operations o
    WHERE o.project = s.project AND o.target_kind = 'stack' AND o.target_name = s.name AND o.target_id = s.id
      AND o.kind IN ('stack.deploy', 'stack.upgrade') AND COALESCE(cast(o.ask ->> 'version' AS integer), 1) = v.number
    ORDER BY o.id DESC LIMIT 1
) last ON true
WHERE v.stack_id = :stack_id ORDER BY v.number DESC LIMIT :size OFFSET :skip;

-- name: count_versions$
SELECT count(*) FROM (SELECT FROM stack_versions WHERE stack_id = :stack_id LIMIT :bound) AS counted;

-- name: put_version_app!
INSERT INTO stack_version_apps (stack_id, version, service, app_id, revision)
SELECT :stack_id, number, :service, :app_id, :revision FROM stack_versions WHERE stack_id = :stack_id AND number = :version
ON CONFLICT (stack_id, version, service) DO UPDATE SET app_id = excluded.app_id, revision = excluded.revision;

-- name: version_apps
-- What the version's apps were, with the images that were found for them, or that they were to keep.
SELECT v.service, v.app_id, v.revision, r.pinned || r.digests AS digests FROM stack_version_apps v
JOIN app_revisions r ON r.app_id = v.app_id AND r.number = v.revision
WHERE v.stack_id = :stack_id AND v.version = :version;

-- name: last_operations
-- Per stack its newest operation, with the paused children that it waits for, and what of the version that is wanted is gone or
-- stands still: apps, and groups that went after that operation had ended.
SELECT o.*, COALESCE((
    SELECT jsonb_agg(jsonb_build_object('operation_id', p.id, 'kind', p.kind, 'target', p.target_name, 'pause', p.pause) ORDER BY p.id)
    FROM operations p WHERE p.parent_id = o.id AND p.status = 'PAUSED' AND o.finished_at IS NULL
), '[]') AS waits_for, COALESCE((
    SELECT jsonb_agg(jsonb_build_object('part', g.part, 'kind', g.kind, 'name', g.name, 'status', g.status) ORDER BY g.part) FROM (
        SELECT v.service AS part, 'app' AS kind, a.name, a.phase AS status
        FROM stacks s JOIN stack_version_apps v ON v.stack_id = s.id AND v.version = s.version JOIN apps a ON a.id = v.app_id
        WHERE s.id = o.target_id AND a.phase <> 'LIVE'
        UNION ALL
        SELECT b.part, c.kind, c.name, 'DELETED' FROM stack_groups b JOIN config_groups c ON c.id = b.group_id
        WHERE b.stack_id = o.target_id AND c.deleted_at > o.finished_at
    ) g
), '[]') AS gone FROM unnest(cast(:ids AS text[])) AS stack (id) CROSS JOIN LATERAL (
    SELECT target_id, id, kind, status, error, result, COALESCE(cast(ask ->> 'version' AS integer), 1) AS version, done, total,
           created_at, finished_at FROM operations
    WHERE project_id = :project_id AND target_kind = 'stack' AND target_id = stack.id ORDER BY id DESC LIMIT 1
) o;

-- name: list_stacks
SELECT * FROM stacks
WHERE project_id = :project_id AND deleted_at IS NULL
  AND (cast(:kind AS text) IS NULL OR kind = :kind) AND (cast(:template_id AS text) IS NULL OR template_id = :template_id)
ORDER BY name LIMIT :size OFFSET :skip;

-- name: count_stacks$
SELECT count(*) FROM stacks
WHERE project_id = :project_id AND deleted_at IS NULL
  AND (cast(:kind AS text) IS NULL OR kind = :kind) AND (cast(:template_id AS text) IS NULL OR template_id = :template_id);

-- name: put_app!
INSERT INTO stack_apps (stack_id, service, app_id) VALUES (:stack_id, :service, :app_id)
ON CONFLICT (stack_id, service) DO UPDATE SET app_id = excluded.app_id;

-- name: apps_of
SELECT s.service, s.app_id FROM stack_apps s JOIN apps a ON a.id = s.app_id
WHERE s.stack_id = :stack_id AND a.phase <> 'DELETED' ORDER BY s.service;

-- name: standing
-- The stack's apps as they are, stopped ones too: the revision in force, and how the newest operation on each ended.
SELECT s.service, a.id AS app_id, a.name AS app, a.layout, a.phase = 'STOPPED' AS stopped, r.spec, r.digests,
       last.id AS operation_id, last.kind, last.status, last.actor, last.cancellable,
       EXISTS (SELECT FROM autoscalers WHERE app_id = a.id) AS autoscaled,
       (SELECT cast(p.policy ->> 'targetCPUUtilization' AS integer) FROM autoscalers u JOIN autoscaling_policies p ON p.id = u.policy_id
        WHERE u.app_id = a.id) AS cpu_target,
       last.status = 'FAILED' AND (last.kind = 'app.create' AND a.revision = 1
           OR last.kind = 'app.upgrade' AND last.revision = a.revision) IS TRUE AS failed
FROM stack_apps s JOIN apps a ON a.id = s.app_id JOIN app_revisions r ON r.app_id = a.id AND r.number = a.revision
LEFT JOIN LATERAL (
    SELECT o.id, o.kind, o.status, o.actor, o.cancellable, cast(o.ask ->> 'revision' AS integer) AS revision FROM operations o
    WHERE o.project = a.project AND o.target_kind = 'app' AND o.target_name = a.name AND o.target_id = a.id
      AND o.ask ->> 'within' IS NULL
    ORDER BY o.id DESC LIMIT 1
) last ON true
WHERE s.stack_id = :stack_id AND a.phase <> 'DELETED';

-- name: app_names
-- Deleted ones too.
SELECT s.service, a.name FROM stack_apps s JOIN apps a ON a.id = s.app_id WHERE s.stack_id = :stack_id;

-- name: put_group!
INSERT INTO stack_groups (stack_id, part, group_id) VALUES (:stack_id, :part, :group_id)
ON CONFLICT (stack_id, part) DO UPDATE SET group_id = excluded.group_id;

-- name: groups_of
SELECT s.part, g.kind, g.name FROM stack_groups s JOIN config_groups g ON g.id = s.group_id
WHERE s.stack_id = :stack_id AND g.deleted_at IS NULL ORDER BY s.part;

-- name: group_names
-- Deleted ones too.
SELECT s.part, g.kind, g.name FROM stack_groups s JOIN config_groups g ON g.id = s.group_id WHERE s.stack_id = :stack_id;

-- name: lock_hosts!
-- Who claims hosts waits for who claims hosts, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('mooring stack hosts'));

-- name: share_secrets
-- For who begins to use them: they stay as they are until the transaction ends.
SELECT id FROM config_groups
WHERE project_id = :project_id AND kind = 'secret' AND name = ANY (cast(:names AS text[])) AND deleted_at IS NULL
ORDER BY id FOR SHARE;

-- name: with_entries
-- Which of the Secrets have all of the entries; a query of its own, as it is to see what the one before has waited for.
SELECT g.name FROM config_groups g JOIN config_versions v ON v.group_id = g.id AND v.number = g.version
WHERE g.project_id = :project_id AND g.kind = 'secret' AND g.name = ANY (cast(:names AS text[])) AND g.deleted_at IS NULL
  AND v.entries ?& cast(:entries AS text[]);

-- name: hosts_of_others
SELECT DISTINCT host FROM stack_hosts WHERE host = ANY (cast(:hosts AS text[])) AND project_id <> :project_id ORDER BY host;

-- name: put_hosts!
INSERT INTO stack_hosts (host, stack_id, project_id) SELECT host, :stack_id, :project_id FROM unnest(cast(:hosts AS text[])) AS host
ON CONFLICT DO NOTHING;

-- name: entrances_of_others
SELECT e.name, s.name AS stack FROM stack_entrances e JOIN stacks s ON s.id = e.stack_id
WHERE e.project_id = :project_id AND e.name = ANY (cast(:names AS text[])) AND e.stack_id <> :stack_id ORDER BY e.name;

-- name: put_entrance!
-- While a stack is on its way, the certificates of both versions are in use.
INSERT INTO stack_entrances (project_id, name, stack_id, secrets)
VALUES (:project_id, :name, :stack_id, cast(:secrets AS text[]))
ON CONFLICT (project_id, name) DO UPDATE
SET secrets = ARRAY(SELECT DISTINCT unnest(stack_entrances.secrets || excluded.secrets));

-- name: drop_entrances!
DELETE FROM stack_entrances WHERE stack_id = :stack_id;

-- name: hosts_of
SELECT host FROM stack_hosts WHERE stack_id = :stack_id ORDER BY host;

-- name: keep_hosts!
DELETE FROM stack_hosts WHERE stack_id = :stack_id AND host <> ALL (cast(:hosts AS text[]));

-- name: delete_stack!
-- Its secrets go with it, those of its template too where that was deleted and nothing else is of it; its hosts are free.
WITH gone AS (
    UPDATE stacks SET deleted_at = clock_timestamp() WHERE id = :id AND deleted_at IS NULL RETURNING id, template_id
), emptied AS (
    UPDATE stack_versions SET sealed = NULL FROM gone WHERE stack_id = gone.id AND secret
), left_over AS (
    UPDATE template_versions v SET sealed = NULL
    FROM gone JOIN templates t ON t.id = gone.template_id
    WHERE v.template_id = t.id AND v.secret AND t.deleted_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM stacks s WHERE s.template_id = t.id AND s.deleted_at IS NULL AND s.id <> gone.id)
), closed AS (
    DELETE FROM stack_entrances USING gone WHERE stack_id = gone.id
)
DELETE FROM stack_hosts USING gone WHERE stack_id = gone.id;

-- name: delete_stacks_of!
WITH gone AS (
    UPDATE stacks SET deleted_at = clock_timestamp() WHERE project_id = :project_id AND deleted_at IS NULL RETURNING id
), emptied AS (
    UPDATE stack_versions SET sealed = NULL FROM gone WHERE stack_id = gone.id AND secret
), closed AS (
    DELETE FROM stack_entrances USING gone WHERE stack_id = gone.id
)
DELETE FROM stack_hosts USING gone WHERE stack_id = gone.id;
