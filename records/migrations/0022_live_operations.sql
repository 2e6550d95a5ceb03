-- How many operations of a project and of a person have not ended is counted whenever one is accepted.

CREATE INDEX operations_live_of_project ON operations (project_id) WHERE finished_at IS NULL;
CREATE INDEX operations_live_of_actor ON operations (actor) WHERE finished_at IS NULL;
