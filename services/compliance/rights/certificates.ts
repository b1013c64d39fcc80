import { type Database, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { listDueCertificates } from '../../../shared/database/erasure-certificates.ts'
import { errorFields, type Log } from '../../../shared/runtime/log.ts'
import { type CertificateServices, issueCertificate } from './certificate.ts'

const BATCH = 100

type Services = CertificateServices & { database: Database; log: Log }

/**
 * Issues the certificates that are due, a batch at each call: of erasures that are done, and once more of those that said until when something remained.
 * Two processes at once issue one, because the request's row is locked. Says `again` where more may be due behind this batch.
 */
export function createCertificates(services: Services): () => Promise<'again' | 'done'> {
  let after: string | null = null
  return async () => {
    after = await issueDue(services, after)
    return after === null ? 'done' : 'again'
  }
}

/** What fails for one keeps no other from its turn. Returns after which request the next batch begins: null where this one came to the end. */
async function issueDue(services: Services, after: string | null): Promise<string | null> {
  const { database, log } = services
  const due = await withSystem(database, (tx) => listDueCertificates(tx, BATCH, after))
  const failed = new Map<string, { count: number; error: unknown }>()
  for (const { id, tenant_id } of due) {
    try {
      await withTenant(database, tenant_id, (tx) => issueCertificate(tx, services, id))
    } catch (error) {
      failed.set(tenant_id, { count: (failed.get(tenant_id)?.count ?? 0) + 1, error })
    }
  }
  for (const [tenantId, { count, error }] of failed)
    log.warn({ tenantId, count, ...errorFields(error) }, 'certificates of erasure could not be issued; a later pass repeats it')
  return due.length === BATCH ? (due.at(-1)?.id ?? null) : null
}
