-- name: insert_template^
INSERT INTO templates (id, project, project_id, name, kind, description, created_by)
VALUES (:id, :project, :project_id, :name, :kind, :description, :created_by)
ON CONFLICT DO NOTHING RETURNING id;

-- name: insert_version!
INSERT INTO template_versions (template_id, number, content, sealed, secret, images, reason, created_by)
VALUES (:id, :number, :content, cast(:sealed AS bytea), :secret, :images, :reason, :created_by);

-- name: hold_template^
SELECT id, version FROM templates WHERE project_id = :project_id AND name = :name AND deleted_at IS NULL FOR UPDATE;

-- name: named_template^
SELECT t.*, v.images, v.created_at AS changed_at, v.created_by AS changed_by
FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.number = t.version
WHERE t.project_id = :project_id AND t.name = :name AND t.deleted_at IS NULL;

-- name: template_by_id^
SELECT t.*, v.images, v.created_at AS changed_at, v.created_by AS changed_by
FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.number = t.version
WHERE t.id = :id;

-- name: change_template!
UPDATE templates SET version = :version, description = COALESCE(cast(:description AS text), description) WHERE id = :id;

-- name: get_version^
SELECT * FROM template_versions WHERE template_id = :id AND number = :number;

-- name: list_versions
SELECT * FROM template_versions WHERE template_id = :id ORDER BY number DESC LIMIT :size OFFSET :skip;

-- name: list_templates
-- Of all projects or those given; `search` is part of the name, the description, or an image.
SELECT t.*, v.images, v.created_at AS changed_at, v.created_by AS changed_by
FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.number = t.version
WHERE t.deleted_at IS NULL
  AND (cast(:project_ids AS text[]) IS NULL OR t.project_id = ANY (cast(:project_ids AS text[])))
  AND (cast(:kind AS text) IS NULL OR t.kind = :kind)
  AND (cast(:author AS text) IS NULL OR t.created_by = :author)
  AND (cast(:search AS text) IS NULL
       OR strpos(lower(t.name || ' ' || t.description || ' ' || array_to_string(v.images, ' ')), lower(:search)) > 0)
ORDER BY t.project, t.name LIMIT :size OFFSET :skip;

-- name: count_templates$
SELECT count(*)
FROM templates t JOIN template_versions v ON v.template_id = t.id AND v.number = t.version
WHERE t.deleted_at IS NULL
  AND (cast(:project_ids AS text[]) IS NULL OR t.project_id = ANY (cast(:project_ids AS text[])))
  AND (cast(:kind AS text) IS NULL OR t.kind = :kind)
  AND (cast(:author AS text) IS NULL OR t.created_by = :author)
  AND (cast(:search AS text) IS NULL
       OR strpos(lower(t.name || ' ' || t.description || ' ' || array_to_string(v.images, ' ')), lower(:search)) > 0);

-- name: delete_template!
-- Its secrets go with it, unless deployments of it stay, which can be brought to its versions.
WITH gone AS (
    UPDATE templates SET deleted_at = clock_timestamp() WHERE id = :id AND deleted_at IS NULL RETURNING id
)
UPDATE template_versions SET sealed = NULL FROM gone
WHERE template_id = gone.id AND secret
  AND NOT EXISTS (SELECT FROM stacks WHERE stacks.template_id = gone.id AND stacks.deleted_at IS NULL);

-- name: delete_templates_of!
WITH gone AS (
    UPDATE templates SET deleted_at = COALESCE(deleted_at, clock_timestamp()) WHERE project_id = :project_id RETURNING id
)
UPDATE template_versions SET sealed = NULL FROM gone WHERE template_id = gone.id AND secret;

-- name: operations_of
-- What was done to the deployments of a template, deleted ones too, newest first.
SELECT o.* FROM stacks s, LATERAL (
    SELECT id, kind, status, actor, target_name, ask, created_at, finished_at FROM operations
    WHERE target_kind = 'stack' AND target_id = s.id ORDER BY id DESC LIMIT cast(:size AS bigint) + cast(:skip AS bigint)
) o
WHERE s.template_id = :id ORDER BY o.id DESC LIMIT cast(:size AS bigint) OFFSET cast(:skip AS bigint);

-- name: count_operations$
SELECT count(*) FROM (
    SELECT FROM stacks s JOIN operations o ON o.target_kind = 'stack' AND o.target_id = s.id
    WHERE s.template_id = :id LIMIT :bound
) AS counted;
