import { APP_ROLE } from '../roles.ts'

/**
 * What people made of fields (GDPR Art. 16; AI Act Art. 14), over all revisions of a document: what was read again changes nothing of it. Values, what they
 * replaced and reasons are sealed under the document's key; `reviewed_by` is an API key.
 */
export const RECTIFICATION = `
  CREATE TABLE field_reviews (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    document_id uuid NOT NULL REFERENCES documents,
    revision int NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('corrected', 'confirmed', 'rejected')),
    reviewed_by uuid NOT NULL,
    event_id uuid NOT NULL,
    sealed_content bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX field_reviews_field ON field_reviews (document_id, name, id);
  CREATE INDEX field_reviews_event ON field_reviews (event_id);
  ALTER TABLE field_reviews ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON field_reviews TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT, DELETE ON field_reviews TO ${APP_ROLE};
  `
