import { APP_ROLE, SYSTEM_ROLE } from '../roles.ts'

/** What all processes know together of model endpoints, and what each tenant has spent of its day (shared/limits). */
export const LIMITS_AND_BUDGETS = `
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
  `
