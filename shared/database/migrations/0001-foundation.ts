import { APP_ROLE, SCHEMA, SYSTEM_ROLE } from '../roles.ts'

const TENANT_TABLES = [
  'api_keys',
  'documents',
  'revisions',
  'stages',
  'pages',
  'fields',
  'chunks',
  'events',
  'open_intents',
  'artifacts',
  'outbox',
  'idempotency',
] as const

export const FOUNDATION = `
  DO $$ BEGIN CREATE ROLE ${APP_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; WHEN unique_violation THEN NULL; END $$;
  DO $$ BEGIN CREATE ROLE ${SYSTEM_ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; WHEN unique_violation THEN NULL; END $$;

  CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    wrapped_key bytea NOT NULL,
    embedder text,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
  );
  CREATE TABLE documents (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    status text NOT NULL CHECK (status IN ('received', 'processing', 'completed', 'failed', 'refused', 'erased')),
    error_code text,
    revision int NOT NULL DEFAULT 1,
    live_revision int,
    media_type text NOT NULL,
    bytes bigint NOT NULL,
    sensitivity text NOT NULL,
    data_classes text[] NOT NULL,
    purpose text NOT NULL,
    content_commit bytea,
    dedupe_hmac bytea,
    sealed_annex bytea,
    type text,
    language text,
    created_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    erased_at timestamptz
  );
  CREATE UNIQUE INDEX documents_dedupe ON documents (tenant_id, dedupe_hmac) WHERE dedupe_hmac IS NOT NULL;
  CREATE INDEX documents_newest ON documents (tenant_id, id DESC);
  CREATE TABLE revisions (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents,
    revision int NOT NULL,
    cause text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    PRIMARY KEY (document_id, revision)
  );
  CREATE TABLE stages (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision int NOT NULL,
    stage text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    epoch int NOT NULL DEFAULT 0,
    starts int NOT NULL DEFAULT 0,
    queued_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    error_code text,
    PRIMARY KEY (document_id, revision, stage),
    FOREIGN KEY (document_id, revision) REFERENCES revisions
  );
  CREATE INDEX stages_due ON stages (queued_at) WHERE status IN ('pending', 'running');
  CREATE TABLE pages (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision int NOT NULL,
    number int NOT NULL,
    method text NOT NULL,
    characters int NOT NULL,
    reason text,
    sealed_text bytea NOT NULL,
    PRIMARY KEY (document_id, revision, number),
    FOREIGN KEY (document_id, revision) REFERENCES revisions
  );
  CREATE TABLE fields (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision int NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    sealed_content bytea NOT NULL,
    PRIMARY KEY (document_id, revision, name),
    FOREIGN KEY (document_id, revision) REFERENCES revisions
  );
  CREATE TABLE chunks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision int NOT NULL,
    ordinal int NOT NULL,
    page int NOT NULL,
    start int NOT NULL,
    "end" int NOT NULL,
    FOREIGN KEY (document_id, revision) REFERENCES revisions
  );
  CREATE INDEX chunks_document ON chunks (document_id, revision);
  CREATE TABLE events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    tenant_id uuid NOT NULL REFERENCES tenants,
    document_ids uuid[] NOT NULL,
    phase text NOT NULL,
    closes uuid UNIQUE REFERENCES events (id),
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX events_documents ON events USING gin (document_ids);
  CREATE TABLE open_intents (
    event_id uuid PRIMARY KEY REFERENCES events (id),
    tenant_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE artifacts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    document_id uuid NOT NULL,
    kind text NOT NULL,
    store text NOT NULL,
    locator text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    PRIMARY KEY (document_id, store, locator)
  );
  CREATE INDEX artifacts_registered ON artifacts (registered_at) WHERE erased_at IS NULL;
  CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision int NOT NULL,
    stage text NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX outbox_turn ON outbox (tenant_id, stage, due_at, id);
  CREATE INDEX outbox_document ON outbox (document_id, revision, stage);
  CREATE TABLE idempotency (
    tenant_id uuid NOT NULL REFERENCES tenants,
    document_id uuid NOT NULL,
    key_hmac bytea NOT NULL,
    request_hmac bytea NOT NULL,
    answer text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key_hmac)
  );

  CREATE INDEX idempotency_age ON idempotency (created_at);

  CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

  GRANT USAGE ON SCHEMA ${SCHEMA} TO ${APP_ROLE}, ${SYSTEM_ROLE};
  ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON tenants TO ${APP_ROLE} USING (id = current_tenant()) WITH CHECK (id = current_tenant());
  CREATE POLICY of_system ON tenants TO ${SYSTEM_ROLE} USING (true) WITH CHECK (true);
  GRANT SELECT, UPDATE (embedder) ON tenants TO ${APP_ROLE};
  GRANT SELECT, INSERT ON tenants TO ${SYSTEM_ROLE};

  ${TENANT_TABLES.map(
    (table) => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON ${table} TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  CREATE POLICY of_system ON ${table} TO ${SYSTEM_ROLE} USING (true) WITH CHECK (true);`,
  ).join('')}

  GRANT SELECT, INSERT, UPDATE ON api_keys, documents, revisions, stages, artifacts TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE, DELETE ON pages, fields, chunks, outbox, idempotency TO ${APP_ROLE};
  GRANT DELETE ON artifacts TO ${APP_ROLE};
  GRANT SELECT, INSERT ON events TO ${APP_ROLE};
  GRANT SELECT, INSERT ON api_keys TO ${SYSTEM_ROLE};
  GRANT SELECT (id, tenant_id, revision, status, erased_at) ON documents TO ${SYSTEM_ROLE};
  GRANT SELECT ON stages, artifacts TO ${SYSTEM_ROLE};
  GRANT UPDATE (queued_at) ON stages TO ${SYSTEM_ROLE};
  GRANT DELETE ON artifacts TO ${SYSTEM_ROLE};
  GRANT SELECT, INSERT, DELETE ON open_intents TO ${APP_ROLE};
  GRANT SELECT ON open_intents TO ${SYSTEM_ROLE};
  GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO ${SYSTEM_ROLE};
  GRANT SELECT (created_at), DELETE ON idempotency TO ${SYSTEM_ROLE};
  `
