-- name: count_live^
SELECT (SELECT count(*) FROM (SELECT FROM operations WHERE project_id = :project_id AND finished_at IS NULL
                              LIMIT cast(:project_most AS integer)) p) AS of_project,
       (SELECT count(*) FROM (SELECT FROM operations WHERE actor = :person AND finished_at IS NULL
                              LIMIT cast(:person_most AS integer)) q) AS of_person;

-- name: live_by_status
SELECT status, count(*) AS count FROM operations WHERE finished_at IS NULL GROUP BY status;
