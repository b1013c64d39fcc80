import { APP_ROLE } from '../roles.ts'

const TABLES = ['subject_identifiers', 'document_subjects', 'subject_requests'] as const

/**
 * Who is named where (GDPR Art. 15): identifiers as HMACs alone, each for a random id, and the requests of data subjects with the same HMACs
 * and the API key that registered them.
 */
export const SUBJECTS = `
  CREATE TABLE subject_identifiers (
    tenant_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL,
    identifier_hmac bytea NOT NULL,
    subject_id uuid NOT NULL UNIQUE,
    PRIMARY KEY (tenant_id, identifier_hmac)
  );
  CREATE TABLE document_subjects (
    tenant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    revision int NOT NULL,
    subject_id uuid NOT NULL REFERENCES subject_identifiers (subject_id),
    found_in text NOT NULL CHECK (found_in IN ('text', 'field', 'metadata')),
    PRIMARY KEY (document_id, revision, subject_id, found_in),
    FOREIGN KEY (document_id, revision) REFERENCES revisions
  );
  CREATE INDEX document_subjects_subject ON document_subjects (subject_id);
  CREATE TABLE subject_requests (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('access', 'portability', 'rectification', 'restriction', 'objection')),
    identifiers text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    extended_at timestamptz,
    sealed_extension bytea,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'answered')),
    answered_at timestamptz,
    named_documents uuid[] NOT NULL DEFAULT '{}'
  );
  CREATE INDEX subject_requests_newest ON subject_requests (tenant_id, id DESC);
  ${TABLES.map(
    (table) => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON ${table} TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());`,
  ).join('')}
  GRANT SELECT, INSERT, UPDATE, DELETE ON subject_identifiers, document_subjects TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE ON subject_requests TO ${APP_ROLE};
  `
