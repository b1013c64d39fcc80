import { SYSTEM_ROLE } from '../roles.ts'

/** Locking a row asks for this; the sweeper changes nothing in it. */
export const LOCK_ARTIFACTS = `GRANT UPDATE (registered_at) ON artifacts TO ${SYSTEM_ROLE}`
