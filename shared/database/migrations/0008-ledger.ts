import { APP_ROLE, SYSTEM_ROLE } from '../roles.ts'

const TENANT_TABLES = [
  'ledger_queue',
  'ledger_leaves',
  'ledger_logs',
  'ledger_tiles',
  'ledger_checkpoints',
  'ledger_keys',
  'ledger_pushes',
] as const

/**
 * The log of each tenant (decision 0013). What a checkpoint has once said cannot be taken back: leaves, checkpoints and the files
 * that events name are never updated or deleted by any role of the services. Hashes and signatures do not compress, so tiles are stored as they are.
 */
export const LEDGER = `
  CREATE TABLE ledger_queue (
    tenant_id uuid NOT NULL,
    event_seq bigint NOT NULL,
    PRIMARY KEY (tenant_id, event_seq)
  );
  -- Without foreign keys: the event was read in the same transaction, no role of the services can delete one, and the checks took as long as all the rest.
  CREATE TABLE ledger_leaves (
    tenant_id uuid NOT NULL,
    leaf_index bigint NOT NULL,
    event_seq bigint NOT NULL UNIQUE,
    PRIMARY KEY (tenant_id, leaf_index)
  );
  CREATE TABLE ledger_logs (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    size bigint NOT NULL,
    edge bytea NOT NULL
  );
  CREATE TABLE ledger_tiles (
    tenant_id uuid NOT NULL REFERENCES tenants,
    level smallint NOT NULL,
    index bigint NOT NULL,
    hashes bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (tenant_id, level, index)
  );
  ALTER TABLE ledger_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
  CREATE TABLE ledger_keys (
    tenant_id uuid NOT NULL REFERENCES tenants,
    generation int NOT NULL,
    vkey text NOT NULL,
    sealed_seed bytea,
    rotation text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, generation)
  );
  CREATE TABLE ledger_checkpoints (
    tenant_id uuid NOT NULL REFERENCES tenants,
    size bigint NOT NULL,
    note text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, size)
  );
  CREATE TABLE ledger_pushes (
    tenant_id uuid NOT NULL REFERENCES tenants,
    target text NOT NULL,
    size bigint NOT NULL,
    attempted_at timestamptz NOT NULL,
    succeeded_at timestamptz,
    PRIMARY KEY (tenant_id, target)
  );
  -- The files that events name by their hash: an auditor needs the bytes of every one that was ever in force.
  CREATE TABLE rule_files (
    kind text NOT NULL CHECK (kind IN ('policy', 'processors', 'activities')),
    hash text NOT NULL GENERATED ALWAYS AS (encode(sha256(bytes), 'hex')) STORED,
    bytes bytea NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, hash)
  );
  CREATE INDEX events_recorded ON events USING brin (created_at);

  ${TENANT_TABLES.map(
    (table) => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON ${table} TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());`,
  ).join('')}
  CREATE POLICY of_system ON ledger_queue TO ${SYSTEM_ROLE} USING (true) WITH CHECK (true);
  GRANT SELECT ON ledger_queue TO ${SYSTEM_ROLE};
  CREATE POLICY of_system ON ledger_logs TO ${SYSTEM_ROLE} USING (true);
  CREATE POLICY of_system ON ledger_pushes TO ${SYSTEM_ROLE} USING (true);
  GRANT SELECT (tenant_id, size) ON ledger_logs TO ${SYSTEM_ROLE};
  GRANT SELECT ON ledger_pushes TO ${SYSTEM_ROLE};
  GRANT SELECT, INSERT, DELETE ON ledger_queue TO ${APP_ROLE};
  GRANT SELECT, INSERT ON ledger_leaves, ledger_checkpoints TO ${APP_ROLE};
  GRANT SELECT, INSERT (kind, bytes) ON rule_files TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE (size, edge) ON ledger_logs TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE (hashes) ON ledger_tiles TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE (size, attempted_at, succeeded_at) ON ledger_pushes TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE (sealed_seed) ON ledger_keys TO ${APP_ROLE};

  INSERT INTO ledger_queue (tenant_id, event_seq) SELECT tenant_id, seq FROM events;
  `
