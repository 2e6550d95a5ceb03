-- Operations are kept for ever: the newest of an app, stack or build project is found by its id, however many there are.

CREATE INDEX operations_newest_of_target ON operations (target_id, id DESC);
DROP INDEX operations_by_target_id;
