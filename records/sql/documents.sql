-- name: insert_read!
INSERT INTO document_reads (subject, version, reader) VALUES (:subject, :version, :reader);

-- name: list_reads
SELECT version, reader, at FROM document_reads WHERE subject = :subject ORDER BY id DESC LIMIT :size OFFSET :skip;

-- name: count_reads$
SELECT count(*) FROM (SELECT FROM document_reads WHERE subject = :subject LIMIT :bound) AS counted;

-- name: sealed_of_templates
SELECT template_id AS id, number FROM template_versions WHERE sealed IS NOT NULL ORDER BY template_id, number;

-- name: get_sealed_of_template$
SELECT sealed FROM template_versions WHERE template_id = :id AND number = :number;

-- name: replace_sealed_of_template!
-- One that was removed meanwhile stays so.
UPDATE template_versions SET sealed = :sealed WHERE template_id = :id AND number = :number AND sealed IS NOT NULL;

-- name: sealed_of_stacks
SELECT stack_id AS id, number FROM stack_versions WHERE sealed IS NOT NULL ORDER BY stack_id, number;

-- name: get_sealed_of_stack$
SELECT sealed FROM stack_versions WHERE stack_id = :id AND number = :number;

-- name: replace_sealed_of_stack!
UPDATE stack_versions SET sealed = :sealed WHERE stack_id = :id AND number = :number AND sealed IS NOT NULL;
