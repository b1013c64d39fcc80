import { type Database, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { listDueCertificates } from '../../../shared/database/erasures.ts'
import { errorFields, type Log } from '../../../shared/runtime/log.ts'
import { type CertificateServices, issueCertificate } from './certificate.ts'

const BATCH = 100

/**
 * Issues the certificates that are due: of erasures that are done, and once more of those that said until when something remained. Two processes at once
 * issue one, because the request's row is locked. What fails for one keeps no other from its turn. Returns how many there were.
 */
export async function issueDueCertificates(services: CertificateServices & { database: Database; log: Log }): Promise<number> {
  const { database, log } = services
  const due = await withSystem(database, (tx) => listDueCertificates(tx, BATCH))
  for (const { id, tenant_id } of due) {
    try {
      await withTenant(database, tenant_id, (tx) => issueCertificate(tx, services, id))
    } catch (error) {
      log.warn({ tenantId: tenant_id, ...errorFields(error) }, 'a certificate of erasure could not be issued; the next pass repeats it')
    }
  }
  return due.length
}
