import { APP_ROLE, SYSTEM_ROLE } from '../roles.ts'

/**
 * Which rebuild of its store leaves an erased artifact's bytes behind. It is written down at the rebuild's beginning, artifact by artifact, because the
 * order of two times is no proof of what came first where a clock is set back. Rebuilds are of the installation, not of a tenant.
 */
export const STORE_REBUILDS = `
  CREATE TABLE store_rebuilds (
    id uuid PRIMARY KEY,
    store text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
  );
  CREATE UNIQUE INDEX store_rebuilds_open ON store_rebuilds (store) WHERE finished_at IS NULL;
  GRANT SELECT ON store_rebuilds TO ${APP_ROLE};
  GRANT SELECT, INSERT, UPDATE ON store_rebuilds TO ${SYSTEM_ROLE};
  ALTER TABLE artifacts ADD COLUMN rebuild_id uuid REFERENCES store_rebuilds;
  CREATE INDEX artifacts_erased ON artifacts (store) WHERE erased_at IS NOT NULL AND rebuild_id IS NULL;
  CREATE INDEX artifacts_rebuild ON artifacts (rebuild_id) WHERE rebuild_id IS NOT NULL;
  GRANT UPDATE (rebuild_id) ON artifacts TO ${SYSTEM_ROLE};
  GRANT SELECT (live_revision) ON documents TO ${SYSTEM_ROLE};
  CREATE POLICY of_system ON erasure_items TO ${SYSTEM_ROLE} USING (true);
  GRANT SELECT (request_id, document_id, state) ON erasure_items TO ${SYSTEM_ROLE};
  GRANT SELECT (state), UPDATE (certificate_due_at) ON erasure_requests TO ${SYSTEM_ROLE};
  `
