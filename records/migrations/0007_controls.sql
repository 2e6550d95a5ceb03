-- Pause, resume, promote, rollback (and who cancelled or retried). control_seq numbers what was asked for in an attempt,
-- control_told is as far as the workflow was told; the reconciler tells the rest. `pause` is the one that holds now.

ALTER TABLE operations
    ADD COLUMN control_seq integer NOT NULL DEFAULT 0,
    ADD COLUMN control_told integer NOT NULL DEFAULT 0,
    ADD COLUMN pause_asked boolean NOT NULL DEFAULT false,
    ADD COLUMN promoted boolean NOT NULL DEFAULT false,
    ADD COLUMN pause jsonb;

CREATE TABLE operation_controls (
    operation_id text NOT NULL REFERENCES operations (id),
    attempt integer NOT NULL,
    seq integer NOT NULL,
    verb text NOT NULL CHECK (verb IN ('pause', 'resume', 'promote', 'rollback', 'cancel', 'retry')),
    actor text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (operation_id, attempt, seq)
);
