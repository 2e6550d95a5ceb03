-- The whole schema as the migrations leave it, to be read; made by `python -m tests.schema`, run by nobody.

CREATE TABLE app_revisions (
    app_id text NOT NULL,
    copy_of integer,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    digests jsonb NOT NULL DEFAULT '{}'::jsonb,
    number integer NOT NULL,
    pinned jsonb NOT NULL DEFAULT '{}'::jsonb,
    reason text NOT NULL DEFAULT ''::text,
    spec jsonb NOT NULL,
    CONSTRAINT app_revisions_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
    CONSTRAINT app_revisions_pkey PRIMARY KEY (app_id, number)
);

CREATE UNIQUE INDEX app_revisions_pkey ON public.app_revisions USING btree (app_id, number);

CREATE TABLE apps (
    cluster text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamp with time zone,
    id text NOT NULL,
    layout jsonb NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    project text NOT NULL,
    project_id text NOT NULL,
    replicas integer NOT NULL,
    revision integer NOT NULL,
    type text NOT NULL,
    username text NOT NULL,
    CONSTRAINT apps_id_check CHECK ((id ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT apps_phase_check CHECK ((phase = ANY (ARRAY['LIVE'::text, 'STOPPED'::text, 'DELETED'::text]))),
    CONSTRAINT apps_pkey PRIMARY KEY (id),
    CONSTRAINT apps_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id),
    CONSTRAINT apps_replicas_check CHECK ((replicas >= 0))
);

CREATE INDEX apps_by_project ON public.apps USING btree (project_id, name, created_at DESC) WHERE (phase <> 'DELETED'::text);
CREATE UNIQUE INDEX apps_live_name ON public.apps USING btree (project_id, name) WHERE (phase = 'LIVE'::text);
CREATE UNIQUE INDEX apps_pkey ON public.apps USING btree (id);

CREATE TABLE autoscalers (
    app_id text NOT NULL,
    evaluated_at timestamp with time zone,
    evaluation jsonb,
    memory jsonb,
    policy_id bigint NOT NULL,
    run text,
    CONSTRAINT autoscalers_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
    CONSTRAINT autoscalers_pkey PRIMARY KEY (app_id),
    CONSTRAINT autoscalers_policy_id_fkey FOREIGN KEY (policy_id) REFERENCES autoscaling_policies(id)
);

CREATE UNIQUE INDEX autoscalers_pkey ON public.autoscalers USING btree (app_id);

CREATE TABLE autoscaling_policies (
    app_id text NOT NULL,
    id bigint NOT NULL,
    policy jsonb,
    set_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    set_by text NOT NULL,
    CONSTRAINT autoscaling_policies_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
    CONSTRAINT autoscaling_policies_pkey PRIMARY KEY (id)
);

CREATE INDEX autoscaling_policies_by_app ON public.autoscaling_policies USING btree (app_id, id DESC);
CREATE UNIQUE INDEX autoscaling_policies_pkey ON public.autoscaling_policies USING btree (id);

CREATE TABLE build_logs (
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    operation_id text NOT NULL,
    run integer NOT NULL,
    seq bigint NOT NULL,
    stage text NOT NULL,
    text text NOT NULL,
    CONSTRAINT build_logs_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT build_logs_pkey PRIMARY KEY (operation_id, seq),
    CONSTRAINT build_logs_stage_check CHECK ((stage = ANY (ARRAY['fetch'::text, 'build'::text, 'push'::text])))
);

CREATE UNIQUE INDEX build_logs_pkey ON public.build_logs USING btree (operation_id, seq);

CREATE TABLE builds (
    branch text NOT NULL,
    context_path text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    dockerfile_path text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    project_id text NOT NULL,
    repository text,
    scope text NOT NULL,
    tag text,
    CONSTRAINT builds_pkey PRIMARY KEY (id),
    CONSTRAINT builds_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id),
    CONSTRAINT builds_project_id_name_key UNIQUE (project_id, name),
    CONSTRAINT builds_scope_check CHECK ((scope = ANY (ARRAY['project'::text, 'personal'::text])))
);

CREATE UNIQUE INDEX builds_pkey ON public.builds USING btree (id);
CREATE UNIQUE INDEX builds_project_id_name_key ON public.builds USING btree (project_id, name);

CREATE TABLE config_groups (
    applied integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamp with time zone,
    id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    project text NOT NULL,
    project_id text NOT NULL,
    seen text NOT NULL DEFAULT ''::text,
    version integer NOT NULL DEFAULT 0,
    CONSTRAINT config_groups_kind_check CHECK ((kind = ANY (ARRAY['configmap'::text, 'secret'::text]))),
    CONSTRAINT config_groups_pkey PRIMARY KEY (id),
    CONSTRAINT config_groups_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id)
);

CREATE UNIQUE INDEX config_groups_live_name ON public.config_groups USING btree (project_id, kind, name) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX config_groups_pkey ON public.config_groups USING btree (id);

CREATE TABLE config_reads (
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    entries text[] NOT NULL,
    group_id text NOT NULL,
    id bigint NOT NULL,
    reader text NOT NULL,
    version integer NOT NULL,
    CONSTRAINT config_reads_group_id_fkey FOREIGN KEY (group_id) REFERENCES config_groups(id),
    CONSTRAINT config_reads_pkey PRIMARY KEY (id)
);

CREATE INDEX config_reads_group ON public.config_reads USING btree (group_id, id DESC);
CREATE UNIQUE INDEX config_reads_pkey ON public.config_reads USING btree (id);

CREATE TABLE config_values (
    group_id text NOT NULL,
    id text NOT NULL,
    mark text,
    sealed bytea NOT NULL,
    CONSTRAINT config_values_group_id_fkey FOREIGN KEY (group_id) REFERENCES config_groups(id),
    CONSTRAINT config_values_pkey PRIMARY KEY (id)
);

CREATE INDEX config_values_group ON public.config_values USING btree (group_id);
CREATE UNIQUE INDEX config_values_pkey ON public.config_values USING btree (id);

CREATE TABLE config_versions (
    changes jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    entries jsonb NOT NULL,
    group_id text NOT NULL,
    number integer NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    CONSTRAINT config_versions_group_id_fkey FOREIGN KEY (group_id) REFERENCES config_groups(id),
    CONSTRAINT config_versions_pkey PRIMARY KEY (group_id, number)
);

CREATE UNIQUE INDEX config_versions_pkey ON public.config_versions USING btree (group_id, number);

CREATE TABLE document_reads (
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    id bigint NOT NULL,
    reader text NOT NULL,
    subject text NOT NULL,
    version integer NOT NULL,
    CONSTRAINT document_reads_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX document_reads_pkey ON public.document_reads USING btree (id);
CREATE INDEX document_reads_subject ON public.document_reads USING btree (subject, id DESC);

CREATE TABLE idempotency_keys (
    actor text NOT NULL,
    body_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    key text NOT NULL,
    operation_id text,
    route text NOT NULL,
    CONSTRAINT idempotency_keys_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (actor, route, key)
);

CREATE UNIQUE INDEX idempotency_keys_pkey ON public.idempotency_keys USING btree (actor, route, key);

CREATE TABLE layouts (
    app_id text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    id bigint NOT NULL,
    layout jsonb NOT NULL,
    CONSTRAINT layouts_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
    CONSTRAINT layouts_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX layouts_pkey ON public.layouts USING btree (id);

CREATE TABLE members (
    project_id text NOT NULL,
    role text NOT NULL,
    user_name text NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (project_id, user_name),
    CONSTRAINT members_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
    CONSTRAINT members_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'developer'::text, 'admin'::text]))),
    CONSTRAINT members_user_name_fkey FOREIGN KEY (user_name) REFERENCES users(name) ON DELETE CASCADE
);

CREATE UNIQUE INDEX members_pkey ON public.members USING btree (project_id, user_name);
CREATE INDEX members_user ON public.members USING btree (user_name);

CREATE TABLE operation_controls (
    actor text NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    attempt integer NOT NULL,
    operation_id text NOT NULL,
    seq integer NOT NULL,
    verb text NOT NULL,
    CONSTRAINT operation_controls_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT operation_controls_pkey PRIMARY KEY (operation_id, attempt, seq),
    CONSTRAINT operation_controls_verb_check CHECK ((verb = ANY (ARRAY['pause'::text, 'resume'::text, 'promote'::text, 'rollback'::text, 'cancel'::text, 'retry'::text])))
);

CREATE UNIQUE INDEX operation_controls_pkey ON public.operation_controls USING btree (operation_id, attempt, seq);

CREATE TABLE operation_events (
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    data jsonb NOT NULL,
    operation_id text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    CONSTRAINT operation_events_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT operation_events_pkey PRIMARY KEY (operation_id, seq)
);

CREATE UNIQUE INDEX operation_events_pkey ON public.operation_events USING btree (operation_id, seq);

CREATE TABLE operations (
    accepted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    ask jsonb NOT NULL,
    attempt integer NOT NULL DEFAULT 1,
    cancellable boolean NOT NULL,
    control_seq integer NOT NULL DEFAULT 0,
    control_told integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    done integer NOT NULL DEFAULT 0,
    error jsonb,
    finished_at timestamp with time zone,
    goes_first boolean NOT NULL DEFAULT false,
    has_place boolean NOT NULL DEFAULT false,
    id text NOT NULL,
    kind text NOT NULL,
    no_room jsonb,
    parent_id text,
    pause jsonb,
    pause_asked boolean NOT NULL DEFAULT false,
    pool text,
    preempted_by text,
    project text NOT NULL,
    project_id text NOT NULL,
    promoted boolean NOT NULL DEFAULT false,
    request jsonb NOT NULL,
    result jsonb,
    run_id text,
    seq bigint NOT NULL DEFAULT 0,
    started_at timestamp with time zone,
    status text NOT NULL,
    target_id text,
    target_kind text NOT NULL,
    target_name text NOT NULL,
    total integer NOT NULL DEFAULT 0,
    workflow_id text NOT NULL,
    CONSTRAINT operations_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES operations(id),
    CONSTRAINT operations_pkey PRIMARY KEY (id),
    CONSTRAINT operations_status_check CHECK ((status = ANY (ARRAY['ACCEPTED'::text, 'RUNNING'::text, 'WAITING'::text, 'PAUSED'::text, 'CANCELLING'::text, 'SUCCEEDED'::text, 'FAILED'::text, 'CANCELLED'::text])))
);

CREATE INDEX operations_by_parent ON public.operations USING btree (parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX operations_by_project ON public.operations USING btree (project, id DESC);
CREATE INDEX operations_by_target ON public.operations USING btree (project, target_kind, target_name, id DESC);
CREATE INDEX operations_in_line ON public.operations USING btree (pool, project_id, accepted_at) WHERE (status = 'WAITING'::text);
CREATE INDEX operations_live ON public.operations USING btree (status, accepted_at) WHERE (finished_at IS NULL);
CREATE INDEX operations_live_of_actor ON public.operations USING btree (actor) WHERE (finished_at IS NULL);
CREATE INDEX operations_live_of_project ON public.operations USING btree (project_id) WHERE (finished_at IS NULL);
CREATE INDEX operations_newest_of_target ON public.operations USING btree (target_id, id DESC);
CREATE INDEX operations_not_succeeded ON public.operations USING btree (status, id DESC) WHERE (status = ANY (ARRAY['FAILED'::text, 'CANCELLED'::text]));
CREATE INDEX operations_of_actor ON public.operations USING btree (actor, id DESC);
CREATE INDEX operations_of_kind ON public.operations USING btree (kind, id DESC);
CREATE INDEX operations_of_name ON public.operations USING btree (target_name, id DESC);
CREATE INDEX operations_of_project ON public.operations USING btree (project_id, id DESC);
CREATE UNIQUE INDEX operations_pkey ON public.operations USING btree (id);
CREATE INDEX operations_places ON public.operations USING btree (pool, project_id) WHERE has_place;

CREATE TABLE pools (
    name text NOT NULL,
    places integer NOT NULL,
    CONSTRAINT pools_pkey PRIMARY KEY (name),
    CONSTRAINT pools_places_check CHECK ((places > 0))
);

CREATE UNIQUE INDEX pools_pkey ON public.pools USING btree (name);

CREATE TABLE projects (
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    deleted_at timestamp with time zone,
    description text NOT NULL DEFAULT ''::text,
    id text NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    CONSTRAINT projects_pkey PRIMARY KEY (id),
    CONSTRAINT projects_status_check CHECK ((status = ANY (ARRAY['CREATING'::text, 'ACTIVE'::text, 'DELETING'::text, 'DELETED'::text])))
);

CREATE UNIQUE INDEX projects_live_name ON public.projects USING btree (name) WHERE (status <> 'DELETED'::text);
CREATE UNIQUE INDEX projects_pkey ON public.projects USING btree (id);

CREATE TABLE schema_migrations (
    at timestamp with time zone NOT NULL DEFAULT now(),
    name text NOT NULL,
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);

CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (name);

CREATE TABLE seats (
    kind text NOT NULL,
    number integer NOT NULL,
    person text NOT NULL,
    process integer NOT NULL,
    CONSTRAINT seats_pkey PRIMARY KEY (kind, person, number)
);

CREATE INDEX seats_of_process ON public.seats USING btree (process);
CREATE UNIQUE INDEX seats_pkey ON public.seats USING btree (kind, person, number);

CREATE TABLE shells (
    actor text NOT NULL,
    alive_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    app_id text NOT NULL,
    command text NOT NULL,
    container text NOT NULL,
    ended_at timestamp with time zone,
    exit_code integer,
    id text NOT NULL,
    instance text NOT NULL,
    message text,
    opened_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    project_id text NOT NULL,
    reason text,
    CONSTRAINT shells_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
    CONSTRAINT shells_pkey PRIMARY KEY (id),
    CONSTRAINT shells_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id)
);

CREATE INDEX shells_of_instance ON public.shells USING btree (project_id, instance, id DESC);
CREATE UNIQUE INDEX shells_pkey ON public.shells USING btree (id);

CREATE TABLE source_pieces (
    content bytea NOT NULL,
    number integer NOT NULL,
    source_id text NOT NULL,
    CONSTRAINT source_pieces_pkey PRIMARY KEY (source_id, number),
    CONSTRAINT source_pieces_source_id_fkey FOREIGN KEY (source_id) REFERENCES sources(id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX source_pieces_pkey ON public.source_pieces USING btree (source_id, number);

CREATE TABLE sources (
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    digest text NOT NULL,
    id text NOT NULL,
    project_id text NOT NULL,
    size bigint NOT NULL,
    used_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT sources_pkey PRIMARY KEY (id),
    CONSTRAINT sources_project_id_digest_key UNIQUE (project_id, digest),
    CONSTRAINT sources_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id)
);

CREATE UNIQUE INDEX sources_pkey ON public.sources USING btree (id);
CREATE UNIQUE INDEX sources_project_id_digest_key ON public.sources USING btree (project_id, digest);

CREATE TABLE stack_apps (
    app_id text NOT NULL,
    service text NOT NULL,
    stack_id text NOT NULL,
    CONSTRAINT stack_apps_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
    CONSTRAINT stack_apps_pkey PRIMARY KEY (stack_id, service),
    CONSTRAINT stack_apps_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

CREATE UNIQUE INDEX stack_apps_pkey ON public.stack_apps USING btree (stack_id, service);

CREATE TABLE stack_entrances (
    name text NOT NULL,
    project_id text NOT NULL,
    secrets text[] NOT NULL,
    stack_id text NOT NULL,
    CONSTRAINT stack_entrances_pkey PRIMARY KEY (project_id, name),
    CONSTRAINT stack_entrances_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id),
    CONSTRAINT stack_entrances_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

CREATE UNIQUE INDEX stack_entrances_pkey ON public.stack_entrances USING btree (project_id, name);
CREATE INDEX stack_entrances_stack ON public.stack_entrances USING btree (stack_id);

CREATE TABLE stack_groups (
    group_id text NOT NULL,
    part text NOT NULL,
    stack_id text NOT NULL,
    CONSTRAINT stack_groups_group_id_fkey FOREIGN KEY (group_id) REFERENCES config_groups(id),
    CONSTRAINT stack_groups_pkey PRIMARY KEY (stack_id, part),
    CONSTRAINT stack_groups_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

CREATE INDEX stack_groups_group ON public.stack_groups USING btree (group_id);
CREATE UNIQUE INDEX stack_groups_pkey ON public.stack_groups USING btree (stack_id, part);

CREATE TABLE stack_hosts (
    host text NOT NULL,
    project_id text NOT NULL,
    stack_id text NOT NULL,
    CONSTRAINT stack_hosts_pkey PRIMARY KEY (host, stack_id),
    CONSTRAINT stack_hosts_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id),
    CONSTRAINT stack_hosts_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

CREATE UNIQUE INDEX stack_hosts_pkey ON public.stack_hosts USING btree (host, stack_id);

CREATE TABLE stack_version_apps (
    app_id text NOT NULL,
    revision integer NOT NULL,
    service text NOT NULL,
    stack_id text NOT NULL,
    version integer NOT NULL,
    CONSTRAINT stack_version_apps_app_id_revision_fkey FOREIGN KEY (app_id, revision) REFERENCES app_revisions(app_id, number),
    CONSTRAINT stack_version_apps_pkey PRIMARY KEY (stack_id, version, service),
    CONSTRAINT stack_version_apps_stack_id_version_fkey FOREIGN KEY (stack_id, version) REFERENCES stack_versions(stack_id, number)
);

CREATE UNIQUE INDEX stack_version_apps_pkey ON public.stack_version_apps USING btree (stack_id, version, service);

CREATE TABLE stack_versions (
    content text,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    number integer NOT NULL,
    restores integer,
    sealed bytea,
    secret boolean NOT NULL DEFAULT false,
    stack_id text NOT NULL,
    template_version integer,
    CONSTRAINT stack_versions_check CHECK (((secret AND (content IS NULL)) OR ((NOT secret) AND (sealed IS NULL) AND (content IS NOT NULL)))),
    CONSTRAINT stack_versions_pkey PRIMARY KEY (stack_id, number),
    CONSTRAINT stack_versions_stack_id_fkey FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

CREATE UNIQUE INDEX stack_versions_pkey ON public.stack_versions USING btree (stack_id, number);

CREATE TABLE stacks (
    cluster text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamp with time zone,
    id text NOT NULL,
    kind text NOT NULL DEFAULT 'compose'::text,
    name text NOT NULL,
    project text NOT NULL,
    project_id text NOT NULL,
    template_id text,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT stacks_pkey PRIMARY KEY (id),
    CONSTRAINT stacks_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id),
    CONSTRAINT stacks_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id)
);

CREATE UNIQUE INDEX stacks_live_name ON public.stacks USING btree (project_id, name) WHERE (deleted_at IS NULL);
CREATE INDEX stacks_of_template ON public.stacks USING btree (template_id) WHERE (template_id IS NOT NULL);
CREATE UNIQUE INDEX stacks_pkey ON public.stacks USING btree (id);

CREATE TABLE steps (
    attempt integer NOT NULL DEFAULT 1,
    finished_at timestamp with time zone,
    message text NOT NULL DEFAULT ''::text,
    name text NOT NULL,
    operation_id text NOT NULL,
    run integer NOT NULL,
    seq integer NOT NULL,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    status text NOT NULL,
    title text NOT NULL,
    CONSTRAINT steps_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT steps_pkey PRIMARY KEY (operation_id, run, seq),
    CONSTRAINT steps_status_check CHECK ((status = ANY (ARRAY['RUNNING'::text, 'SUCCEEDED'::text, 'UNCHANGED'::text, 'FAILED'::text, 'CANCELLED'::text])))
);

CREATE UNIQUE INDEX steps_pkey ON public.steps USING btree (operation_id, run, seq);

CREATE TABLE suspended_steps (
    attempt integer NOT NULL,
    operation_id text NOT NULL,
    since timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    worker text NOT NULL,
    workflow_id text NOT NULL,
    CONSTRAINT suspended_steps_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT suspended_steps_pkey PRIMARY KEY (operation_id)
);

CREATE INDEX suspended_steps_by_worker ON public.suspended_steps USING btree (worker);
CREATE UNIQUE INDEX suspended_steps_pkey ON public.suspended_steps USING btree (operation_id);

CREATE TABLE target_locks (
    operation_id text NOT NULL,
    project text NOT NULL,
    target_kind text NOT NULL,
    target_name text NOT NULL,
    CONSTRAINT target_locks_operation_id_fkey FOREIGN KEY (operation_id) REFERENCES operations(id),
    CONSTRAINT target_locks_pkey PRIMARY KEY (project, target_kind, target_name)
);

CREATE INDEX target_locks_operation ON public.target_locks USING btree (operation_id);
CREATE UNIQUE INDEX target_locks_pkey ON public.target_locks USING btree (project, target_kind, target_name);

CREATE TABLE template_versions (
    content text,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    images text[] NOT NULL,
    number integer NOT NULL,
    reason text NOT NULL,
    sealed bytea,
    secret boolean NOT NULL DEFAULT false,
    template_id text NOT NULL,
    CONSTRAINT template_versions_check CHECK (((secret AND (content IS NULL)) OR ((NOT secret) AND (sealed IS NULL) AND (content IS NOT NULL)))),
    CONSTRAINT template_versions_pkey PRIMARY KEY (template_id, number),
    CONSTRAINT template_versions_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id)
);

CREATE UNIQUE INDEX template_versions_pkey ON public.template_versions USING btree (template_id, number);

CREATE TABLE templates (
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    deleted_at timestamp with time zone,
    description text NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    project text NOT NULL,
    project_id text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT templates_pkey PRIMARY KEY (id),
    CONSTRAINT templates_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id)
);

CREATE UNIQUE INDEX templates_live_name ON public.templates USING btree (project_id, name) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX templates_pkey ON public.templates USING btree (id);

CREATE TABLE tokens (
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    expires_at timestamp with time zone,
    hash bytea NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    parent_id text,
    user_name text NOT NULL,
    CONSTRAINT tokens_hash_key UNIQUE (hash),
    CONSTRAINT tokens_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES tokens(id) ON DELETE CASCADE,
    CONSTRAINT tokens_pkey PRIMARY KEY (id),
    CONSTRAINT tokens_user_name_fkey FOREIGN KEY (user_name) REFERENCES users(name) ON DELETE CASCADE,
    CONSTRAINT tokens_user_name_name_key UNIQUE (user_name, name)
);

CREATE UNIQUE INDEX tokens_hash_key ON public.tokens USING btree (hash);
CREATE INDEX tokens_of_parent ON public.tokens USING btree (parent_id) WHERE (parent_id IS NOT NULL);
CREATE UNIQUE INDEX tokens_pkey ON public.tokens USING btree (id);
CREATE UNIQUE INDEX tokens_user_name_name_key ON public.tokens USING btree (user_name, name);

CREATE TABLE users (
    admin boolean NOT NULL DEFAULT false,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    name text NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (name)
);

CREATE UNIQUE INDEX users_pkey ON public.users USING btree (name);

CREATE TABLE workers (
    id text NOT NULL,
    seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT workers_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX workers_pkey ON public.workers USING btree (id);
