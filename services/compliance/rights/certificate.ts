import { createHash } from 'node:crypto'
import {
  type CertificateStatus,
  ErasureCertificate,
  type IssuedCertificate,
  type Residual,
} from '../../../shared/contracts/erasure-certificate.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Tx } from '../../../shared/database/connection.ts'
import {
  type Disclosure,
  type EmptiedStore,
  keepCertificate,
  readDisclosures,
  readEmptiedStores,
  readErased,
} from '../../../shared/database/erasure-certificates.ts'
import { type ErasureRow, findErasure, listRefusedStill, viewErasure } from '../../../shared/database/erasures.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { readRebuilt } from '../../../shared/database/store-rebuilds.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { fromUtf8 } from '../../../shared/ledger/bytes.ts'
import { canonicalBytes } from '../../../shared/ledger/canonical.ts'
import { NOTE_BYTES_MAX, parseNote } from '../../../shared/ledger/note.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { signByLog } from './certificate-signature.ts'

const DAY_MS = 86_400_000
/** Room for the signatures. */
const CERTIFICATE_BYTES_MAX = NOTE_BYTES_MAX - 10_000

/** How each store gives up what it held; `soft`: bytes stay until it compacts, and nobody can tell when, or until it is `rebuilt`. */
const METHODS: Record<string, { method: string; soft: boolean; rebuilt?: string }> = {
  postgres: { method: 'key destroyed, rows deleted', soft: false },
  filesystem: { method: 'head with the wrapped key overwritten, file removed', soft: false },
  sqlite: { method: 'overwritten (secure_delete, FTS5 secure-delete), write-ahead log emptied', soft: false },
  qdrant: {
    method: 'deleted softly',
    soft: true,
    rebuilt: 'deleted softly, then left behind when the collection was built anew and the old one dropped',
  },
}
const UNKNOWN_METHOD: (typeof METHODS)[string] = { method: 'deleted', soft: true }

const KEPT = [
  'the processing record, which holds no content and no names (Art. 5(2))',
  'the id of the API key by which an operation was ordered, beside that record',
  'what people wrote to justify a look at names or to extend a term, under keys of the tenant',
  'in dead rows and the write-ahead log of the database until it reuses them: columns that no key opens, and digests under keys of the tenant',
]

export interface CertificateServices {
  tenants: Tenants
  register: ProcessorRegister
  /** How long the operator keeps backups of the data folder and the database; 0: there are none. */
  backupRetentionDays: number
}

/**
 * The certificate of a request that is done: signed, kept, and its hash an event of the record. It is issued again when it is due again: after the day
 * until which something remained, when what was refused has been erased after all, and when a store that deletes softly was rebuilt. Throws ERASURE_NOT_FOUND, ERASURE_NOT_DONE.
 */
export async function issueCertificate(tx: Tx, services: CertificateServices, id: string): Promise<IssuedCertificate> {
  const row = await findErasure(tx, id, 'update')
  if (row.state !== 'done') throw new AppError('ERASURE_NOT_DONE')
  const now = new Date()
  const due = row.certificate_due_at !== null && row.certificate_due_at <= now
  if (row.certificate !== null && row.certificate_event !== null && !due)
    return { ...readNote(row.certificate), event_id: row.certificate_event }
  const certificate = await certify(tx, services, row, now)
  const text = `${fromUtf8(canonicalBytes(certificate, CERTIFICATE_BYTES_MAX), 'NOT_CANONICAL')}\n`
  const issued = readNote(await signByLog(tx, services.tenants, row.tenant_id, text))
  const event_id = await appendEvent(tx, row.tenant_id, {
    operation: 'Erase',
    step: 'certificate',
    phase: 'completed',
    result: 'ok',
    request_ref: id,
    output_hash: issued.hash,
  })
  const { status } = certificate
  await keepCertificate(tx, id, {
    note: issued.note,
    eventId: event_id,
    againAt: status.state === 'residual_until' ? new Date(status.until) : null,
  })
  return { ...issued, event_id }
}

async function certify(tx: Tx, services: CertificateServices, row: ErasureRow, now: Date): Promise<ErasureCertificate> {
  const erased = await readErased(tx, row.id)
  // A late write has been found out: what the stores hold is known when they have been read back again.
  if (erased.some(({ again }) => again)) throw new AppError('ERASURE_NOT_DONE')
  const ids = erased.map(({ document_id }) => document_id)
  const { refusals, scope } = await viewErasure(tx, row)
  const disclosures = (await readDisclosures(tx, ids)).filter(({ processor }) => deploymentOf(services, processor) !== 'in_process')
  const emptied = await readEmptiedStores(tx, ids)
  const rebuilt = await readRebuilt(tx, ids)
  const logicalAt = latest(erased.map((one) => one.logical_at))
  const physicalAt = latest(erased.map((one) => one.physical_at))
  const residuals = [
    ...disclosures.flatMap((disclosure) => providerResidual(services, disclosure)),
    // A backup of the moment before the last bytes were gone, such as a snapshot of a collection that was dropped since, holds them.
    ...backupResidual(services, latest([physicalAt, ...rebuilt.values()])),
    ...softStores(emptied.filter(({ store }) => !rebuilt.has(store))),
    // The end of a hold erases nothing: it remains until somebody asks again.
    ...(await listRefusedStill(tx, row.id)).map((documentId): Residual => ({ holder: 'hold', name: documentId, until: null })),
  ].filter(({ until }) => until === null || new Date(until) > now)
  return ErasureCertificate.parse({
    schema: 'greffier.erasure-certificate/1',
    erasure_id: row.id,
    controller_ref: row.tenant_id,
    ground: row.ground,
    retention_rule: row.retention_rule,
    scope,
    received_at: row.received_at.toISOString(),
    due_at: row.due_at.toISOString(),
    issued_at: now.toISOString(),
    status: statusOf(residuals),
    documents: ids,
    stores: emptied.map(({ store, kind, count, remaining }) => {
      const { method, goneAt } = methodOf(store, physicalAt, rebuilt)
      const times = { logical_at: logicalAt.toISOString(), physical_at: goneAt?.toISOString() ?? null }
      return { store, kind, method, count, probe: { remaining }, ...times }
    }),
    destroyed_keys: ids.map((documentId) => `document/${documentId}`),
    notices: disclosures.map(({ retention: _retention, retained_until: _until, ...notice }) => notice),
    residuals,
    refusals,
    kept: KEPT,
  } satisfies ErasureCertificate)
}

/** Never `complete` while something remains. */
export function statusOf(residuals: readonly Residual[]): CertificateStatus {
  if (residuals.length === 0) return { state: 'complete' }
  const ends = residuals.flatMap(({ until }) => until ?? [])
  if (ends.length < residuals.length) return { state: 'logical_only' }
  return { state: 'residual_until', until: latest(ends.map((end) => new Date(end))).toISOString() }
}

/** What the events say goes before what the register says of those that say nothing; where neither knows, nobody does. */
function providerResidual(services: CertificateServices, { processor, last_sent_at, retention, retained_until }: Disclosure): Residual[] {
  const residual = (until: string | null): Residual[] => [{ holder: 'provider', name: processor, until }]
  if (retention === 'unknown') return residual(null)
  if (retention === 'stated') return retained_until === null ? [] : residual(retained_until)
  const days = services.register.processors.find(({ key }) => key === processor)?.retention.days ?? null
  if (days === null) return residual(null)
  const ends = [new Date(last_sent_at).getTime() + days * DAY_MS, ...(retained_until === null ? [] : [Date.parse(retained_until)])]
  return residual(new Date(Math.max(...ends)).toISOString())
}

function backupResidual({ backupRetentionDays }: CertificateServices, physicalAt: Date): Residual[] {
  if (backupRetentionDays === 0) return []
  return [{ holder: 'backup', name: 'backups', until: new Date(physicalAt.getTime() + backupRetentionDays * DAY_MS).toISOString() }]
}

function softStores(emptied: readonly EmptiedStore[]): Residual[] {
  const soft = new Set(emptied.map(({ store }) => store).filter((store) => (METHODS[store] ?? UNKNOWN_METHOD).soft))
  return [...soft].map((store) => ({ holder: 'store', name: store, until: null }))
}

/** `goneAt`: when its bytes were gone; null: they are not, as far as anybody knows. */
function methodOf(store: string, physicalAt: Date, rebuiltAt: ReadonlyMap<string, Date>): { method: string; goneAt: Date | null } {
  const { method, soft, rebuilt = method } = METHODS[store] ?? UNKNOWN_METHOD
  if (!soft) return { method, goneAt: physicalAt }
  const goneAt = rebuiltAt.get(store) ?? null
  return { method: goneAt ? rebuilt : method, goneAt }
}

function deploymentOf({ register }: CertificateServices, processor: string): string {
  return register.processors.find(({ key }) => key === processor)?.deployment ?? 'unknown'
}

function latest(times: readonly Date[]): Date {
  return new Date(Math.max(0, ...times.map((time) => time.getTime())))
}

function readNote(note: string): Omit<IssuedCertificate, 'event_id'> {
  const certificate = ErasureCertificate.parse(JSON.parse(parseNote(note).text))
  return { certificate, note, hash: createHash('sha256').update(note).digest('hex') }
}
