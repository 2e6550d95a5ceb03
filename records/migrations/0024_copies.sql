-- Which revision a rollback went back to, by its first number: the next rollback goes to one before that, and not back and forth.

ALTER TABLE app_revisions ADD COLUMN copy_of integer;
