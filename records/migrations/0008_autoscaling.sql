-- Autoscaling: every policy that was set, and what the loop knows of the apps that have one.

-- policy is null where autoscaling was turned off.
CREATE TABLE autoscaling_policies (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id text NOT NULL REFERENCES apps (id),
    policy jsonb,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX autoscaling_policies_by_app ON autoscaling_policies (app_id, id DESC);

-- One row per app with a policy in force; run is the workflow run that evaluated it last.
CREATE TABLE autoscalers (
    app_id       text PRIMARY KEY REFERENCES apps (id),
    policy_id    bigint NOT NULL REFERENCES autoscaling_policies (id),
    memory       jsonb,
    evaluation   jsonb,
    evaluated_at timestamptz,
    run          text
);
