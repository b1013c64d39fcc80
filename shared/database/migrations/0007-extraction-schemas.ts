import { APP_ROLE } from '../roles.ts'

/** Schemas of an organisation's own, each version for good; and under which rules a stage was refused, so that it is tried again under others. */
export const EXTRACTION_SCHEMAS = `
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
  `
