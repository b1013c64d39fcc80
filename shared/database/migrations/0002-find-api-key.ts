import { APP_ROLE, SCHEMA } from '../roles.ts'

/** Who is calling is asked before a tenant is known, at every request: this is one statement where a change of role takes a transaction. */
export const FIND_API_KEY = `
  CREATE FUNCTION find_api_key(key_id uuid) RETURNS TABLE (tenant_id uuid, secret_hash bytea, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ${SCHEMA}, pg_temp
    AS $$ SELECT k.tenant_id, k.secret_hash, k.scopes FROM api_keys k WHERE k.id = key_id AND k.revoked_at IS NULL $$;
  REVOKE ALL ON FUNCTION find_api_key FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION find_api_key TO ${APP_ROLE};
  `
