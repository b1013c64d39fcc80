import { APP_ROLE, SYSTEM_ROLE } from '../roles.ts'

/**
 * When each document is due by which rule, for its events and to find it; whether it is, is computed again from the rules when it is erased. The clock that
 * this rests on, and since when the rules are the same, are of the whole installation; who vouched for that clock is a tenant's.
 */
export const RETENTION = `
  ALTER TABLE documents ADD COLUMN retention_rule text, ADD COLUMN erase_after timestamptz, ADD COLUMN held_until timestamptz;
  CREATE INDEX documents_due ON documents (erase_after) WHERE erased_at IS NULL AND erase_after IS NOT NULL;
  GRANT SELECT (erase_after) ON documents TO ${SYSTEM_ROLE};
  CREATE TABLE retention_clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    looks bigint NOT NULL,
    broken_look bigint NOT NULL,
    observed_at timestamptz NOT NULL,
    steady_ms bigint NOT NULL,
    vouched_ms bigint NOT NULL,
    trusted_at timestamptz,
    jumped_at timestamptz,
    jumped_ms bigint,
    rules_hash text NOT NULL,
    rules_ms bigint NOT NULL
  );
  GRANT SELECT, INSERT, UPDATE ON retention_clock TO ${SYSTEM_ROLE};
  CREATE TABLE retention_confirmations (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    confirmed_at timestamptz NOT NULL,
    vouched_ms bigint NOT NULL
  );
  ALTER TABLE retention_confirmations ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON retention_confirmations TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT, UPDATE ON retention_confirmations TO ${APP_ROLE};
  `
