import { APP_ROLE, SYSTEM_ROLE } from '../roles.ts'

const TENANT_TABLES = ['holds', 'erasure_requests', 'erasure_items'] as const

/**
 * Erasure on request, what stands against it, and the restriction of Art. 18, each with the API key that ordered it: the id alone, which outlives its
 * revocation. An erasure without one is the work of a rule. Of a stage, which starts may still be at work; of those that began just before this nobody knows.
 */
export const RIGHTS = `
  ALTER TABLE stages ADD COLUMN open_epochs int[] NOT NULL DEFAULT '{}';
  UPDATE stages SET open_epochs = ARRAY[epoch] WHERE started_at > now() - interval '1 hour';
  ALTER TABLE documents ADD COLUMN restricted_at timestamptz, ADD COLUMN restriction_ground text, ADD COLUMN restricted_by uuid;
  GRANT SELECT (restricted_at) ON documents TO ${SYSTEM_ROLE};
  CREATE TABLE holds (
    document_id uuid PRIMARY KEY REFERENCES documents,
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_id uuid NOT NULL,
    reason text NOT NULL,
    until timestamptz,
    sealed_text bytea,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE erasure_requests (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_id uuid,
    ground text,
    scope text NOT NULL,
    retention_rule text,
    received_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    extended_at timestamptz,
    sealed_extension bytea,
    state text NOT NULL DEFAULT 'erasing' CHECK (state IN ('erasing', 'done')),
    completed_at timestamptz,
    certificate text,
    certificate_event uuid,
    certificate_due_at timestamptz
  );
  CREATE INDEX erasure_requests_newest ON erasure_requests (tenant_id, id DESC);
  CREATE INDEX erasure_requests_certificates ON erasure_requests (certificate_due_at) WHERE certificate_due_at IS NOT NULL;
  CREATE TABLE erasure_items (
    request_id uuid NOT NULL REFERENCES erasure_requests,
    document_id uuid NOT NULL REFERENCES documents,
    tenant_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('erasing', 'erased', 'refused')),
    refusal text,
    hold_until timestamptz,
    erased_at timestamptz,
    PRIMARY KEY (request_id, document_id)
  );
  CREATE INDEX erasure_items_document ON erasure_items (document_id);
  ${TENANT_TABLES.map(
    (table) => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON ${table} TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT, UPDATE ON ${table} TO ${APP_ROLE};`,
  ).join('')}
  GRANT DELETE ON holds TO ${APP_ROLE};
  CREATE POLICY of_system ON erasure_requests TO ${SYSTEM_ROLE} USING (true);
  GRANT SELECT (id, tenant_id, certificate_due_at) ON erasure_requests TO ${SYSTEM_ROLE};
  `
