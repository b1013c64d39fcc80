import { Client } from 'pg'

/** Serialises migrations of processes that start together ("grf" in ASCII); arbitrary, but fixed for ever. */
const MIGRATION_LOCK = 0x677266
export const APP_ROLE = 'greffier_app'
export const SYSTEM_ROLE = 'greffier_system'
export const SCHEMA = 'greffier'

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

/**
 * Brings the database to the newest version, as its owner, under an advisory lock. Safe to run from every process at every start.
 *
 * Two plain roles use what it makes. `greffier_app` sees one tenant at a time: row-level security compares each row with the setting
 * `app.tenant_id`, and without the setting there are no rows. `greffier_system` serves the dispatcher, the sweeper and authentication, which
 * work across tenants: it reads and writes identifiers, times and states, and has no grant on any sealed column.
 */
export async function migrate(ownerUrl: string, serviceUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl })
  // What goes wrong while it works fails the statement; while it is between two, this event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`)
    await client.query(`SET search_path = ${SCHEMA}`)
    await client.query('CREATE TABLE IF NOT EXISTS migrations (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())')
    const { rows } = await client.query<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM migrations')
    const current = rows[0]?.version ?? 0
    for (const [index, statements] of MIGRATIONS.entries()) {
      if (index + 1 > current) await apply(client, index + 1, statements)
    }
    await admit(client, serviceUrl)
  } finally {
    await client.end()
  }
}

async function apply(client: Client, version: number, statements: string): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(statements)
    await client.query('INSERT INTO migrations (version) VALUES ($1)', [version])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

/** The login of the services becomes a member of both roles; it may be the owner itself, who then still works as the plain role. */
async function admit(client: Client, serviceUrl: string): Promise<void> {
  const login = decodeURIComponent(new URL(serviceUrl).username)
  const member = login === '' ? 'current_user' : client.escapeIdentifier(login)
  await client.query(`GRANT ${APP_ROLE}, ${SYSTEM_ROLE} TO ${member}`)
}

const MIGRATIONS = [
  `
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
  `,
  // Who is calling is asked before a tenant is known, at every request: this is one statement where a change of role takes a transaction.
  `
  CREATE FUNCTION find_api_key(key_id uuid) RETURNS TABLE (tenant_id uuid, secret_hash bytea, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ${SCHEMA}, pg_temp
    AS $$ SELECT k.tenant_id, k.secret_hash, k.scopes FROM api_keys k WHERE k.id = key_id AND k.revoked_at IS NULL $$;
  REVOKE ALL ON FUNCTION find_api_key FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION find_api_key TO ${APP_ROLE};
  `,
  // Locking a row asks for this; the sweeper changes nothing in it.
  `GRANT UPDATE (registered_at) ON artifacts TO ${SYSTEM_ROLE}`,
  // What an organisation assumes of documents whose upload does not say.
  `
  ALTER TABLE tenants ADD COLUMN default_sensitivity text, ADD COLUMN default_data_classes text[];
  GRANT UPDATE (default_sensitivity, default_data_classes) ON tenants TO ${APP_ROLE};
  `,
  // What all processes know together of model endpoints, and what each tenant has spent of its day (shared/limits).
  `
  CREATE TABLE endpoint_limits (endpoint text PRIMARY KEY, version bigint NOT NULL, state text NOT NULL);
  GRANT SELECT, INSERT, UPDATE ON endpoint_limits TO ${SYSTEM_ROLE};

  CREATE TABLE budget_days (
    tenant_id uuid NOT NULL REFERENCES tenants,
    day date NOT NULL,
    tokens bigint NOT NULL DEFAULT 0,
    micro_eur bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, day)
  );
  CREATE TABLE budget_reservations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    tokens bigint NOT NULL,
    micro_eur bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, day) REFERENCES budget_days ON DELETE CASCADE
  );
  CREATE INDEX budget_reservations_day ON budget_reservations (tenant_id, day);
  ${['budget_days', 'budget_reservations']
    .map(
      (table) => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON ${table} TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${APP_ROLE};`,
    )
    .join('')}
  `,
  // From how many pages the fields of a revision were read: null until they were.
  `ALTER TABLE revisions ADD COLUMN pages_read int`,
  // Schemas of an organisation's own, each version for good; and under which rules a stage was refused, so that it is tried again under others.
  `
  CREATE TABLE extraction_schemas (
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    version int NOT NULL,
    document_type text,
    json_schema text NOT NULL,
    hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, name, version)
  );
  ALTER TABLE extraction_schemas ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON extraction_schemas TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT, UPDATE (deleted_at) ON extraction_schemas TO ${APP_ROLE};
  ALTER TABLE documents ADD COLUMN schema_name text;
  ALTER TABLE revisions ADD COLUMN schema_name text, ADD COLUMN schema_version int, ADD COLUMN schema_hash text;
  ALTER TABLE stages ADD COLUMN refused_under text[] NOT NULL DEFAULT '{}';
  CREATE INDEX documents_refused ON documents (id) WHERE status = 'refused';
  `,
] as const
