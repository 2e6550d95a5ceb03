-- What a step that was suspended had waited for room, and how far it was then: {since (seconds of the epoch), told}. So the time
-- that its caller gave for that runs on while it is suspended, whichever worker looks at it next.

ALTER TABLE operations ADD COLUMN no_room jsonb;
