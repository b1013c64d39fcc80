import { APP_ROLE } from '../roles.ts'

const TABLES = ['register_observations', 'register_documents', 'register_cursors'] as const

/**
 * What the register of Art. 30 has observed: a roll-up of the log, by day and purpose, and how far in the log it has come. Both can be made again from the
 * log at any time. A purpose of '' stands for none. `register_documents`: which categories of data the events of a document named.
 */
export const REGISTER = `
  CREATE TABLE register_observations (
    tenant_id uuid NOT NULL REFERENCES tenants,
    day date NOT NULL,
    purpose text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    events bigint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day, purpose, kind, name)
  );
  CREATE TABLE register_documents (
    tenant_id uuid NOT NULL REFERENCES tenants,
    document_id uuid NOT NULL,
    category text NOT NULL,
    PRIMARY KEY (tenant_id, document_id, category)
  );
  CREATE TABLE register_cursors (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    leaves bigint NOT NULL
  );
  CREATE INDEX documents_purpose ON documents (tenant_id, purpose, created_at) WHERE erased_at IS NULL;
  ${TABLES.map(
    (table) => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON ${table} TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT, UPDATE ON ${table} TO ${APP_ROLE};`,
  ).join('')}
  `
