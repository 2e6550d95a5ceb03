-- What people hold open in the processes of the API, a numbered seat each. Unlogged: what is open ends with its process anyway.

CREATE UNLOGGED TABLE seats (
    kind    text NOT NULL,
    person  text NOT NULL,
    number  integer NOT NULL,
    process integer NOT NULL,
    PRIMARY KEY (kind, person, number)
);
CREATE INDEX seats_of_process ON seats (process);
