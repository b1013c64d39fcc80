import { APP_ROLE, SCHEMA } from '../roles.ts'

/**
 * What the view of the record filters by, beside each event's text. `appendEvent` fills it in; what is inserted otherwise is described by the trigger, which parses
 * the text and so costs what the columns are there to save. One index holds all of it, so that whatever is combined, a filter reads the index alone, and the
 * texts only of what it found.
 *
 * Calls of models are asked for over the whole record, and are the fewer events of it: those that were answered (what they cost and used) by their time, those
 * that were sent by the processor, and in their order those that showed no document. Each has an index of its own.
 *
 * An array's operators are not leak-proof: under row-level security they never reach the index of `document_ids`, and the whole table is read. Hence the
 * function, which is past it and names the tenant itself.
 *
 * Who looked at names, and by whose API key an event was ordered, stands beside the log, whose events name nobody: the id of the key alone, which outlives it.
 * An annex names the API key that uploaded it as it was called then: `find_api_key` says its name with the rest, so that no upload asks for it.
 */
export const RECORDS = `
  ALTER TABLE events ADD COLUMN occurred_at timestamptz, ADD COLUMN operation text, ADD COLUMN outcome text, ADD COLUMN purpose text,
    ADD COLUMN legal_basis text, ADD COLUMN processor text;
  CREATE FUNCTION describe_event() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE event jsonb := NEW.body;
    BEGIN
      NEW.occurred_at := coalesce((event->>'time')::timestamptz, NEW.created_at);
      NEW.operation := event->>'operation';
      NEW.outcome := CASE WHEN NEW.phase = 'completed' AND event->>'result' = 'failed' THEN 'failed' ELSE NEW.phase END;
      NEW.purpose := event->>'purpose';
      NEW.legal_basis := event->>'legal_basis';
      NEW.processor := event->'recipient'->>'processor';
      RETURN NEW;
    END $$;
  CREATE TRIGGER events_described BEFORE INSERT OR UPDATE ON events FOR EACH ROW WHEN (NEW.occurred_at IS NULL) EXECUTE FUNCTION describe_event();
  UPDATE events SET occurred_at = NULL;
  ALTER TABLE events ALTER COLUMN occurred_at SET NOT NULL;
  DROP TRIGGER events_described ON events;
  CREATE TRIGGER events_described BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.occurred_at IS NULL) EXECUTE FUNCTION describe_event();
  CREATE INDEX events_in_time ON events (tenant_id, occurred_at, seq) INCLUDE (operation, outcome, purpose, legal_basis, processor);
  CREATE INDEX events_answered ON events (tenant_id, occurred_at, seq) WHERE phase = 'completed' AND closes IS NOT NULL;
  CREATE INDEX events_sent ON events (tenant_id, processor) WHERE phase = 'intent';
  CREATE INDEX events_sent_alone ON events (tenant_id, seq) WHERE phase = 'intent' AND cardinality(document_ids) = 0;

  CREATE FUNCTION events_of_documents(ids uuid[]) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ${SCHEMA}, pg_temp
    AS $$ SELECT seq FROM events WHERE document_ids && ids AND tenant_id = current_tenant() $$;
  REVOKE ALL ON FUNCTION events_of_documents FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION events_of_documents TO ${APP_ROLE};

  CREATE TABLE record_accesses (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_id uuid NOT NULL,
    sealed_justification bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  ALTER TABLE record_accesses ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON record_accesses TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT ON record_accesses TO ${APP_ROLE};

  DROP FUNCTION find_api_key(uuid);
  CREATE FUNCTION find_api_key(key_id uuid) RETURNS TABLE (tenant_id uuid, secret_hash bytea, scopes text[], name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ${SCHEMA}, pg_temp
    AS $$ SELECT k.tenant_id, k.secret_hash, k.scopes, k.name FROM api_keys k WHERE k.id = key_id AND k.revoked_at IS NULL $$;
  REVOKE ALL ON FUNCTION find_api_key FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION find_api_key TO ${APP_ROLE};
  CREATE TABLE event_actors (
    event_id uuid PRIMARY KEY REFERENCES events (id),
    tenant_id uuid NOT NULL REFERENCES tenants,
    key_id uuid NOT NULL
  );
  ALTER TABLE event_actors ENABLE ROW LEVEL SECURITY;
  CREATE POLICY of_tenant ON event_actors TO ${APP_ROLE} USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
  GRANT SELECT, INSERT ON event_actors TO ${APP_ROLE};
  `
