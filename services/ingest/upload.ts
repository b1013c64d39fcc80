import { Readable } from 'node:stream'
import { hmac } from '../../shared/blobs/keys.ts'
import type { BlobStore } from '../../shared/blobs/port.ts'
import type { Vault } from '../../shared/blobs/vault.ts'
import type { MediaType, UploadAccepted, UploadOptions } from '../../shared/contracts/document.ts'
import { AppError, ERRORS } from '../../shared/contracts/errors.ts'
import { newId } from '../../shared/contracts/ids.ts'
import { sealAnnex } from '../../shared/database/annex.ts'
import { forgetArtifact, keepOriginal } from '../../shared/database/artifacts.ts'
import { type Database, type Tx, withTenant } from '../../shared/database/connection.ts'
import { acceptDocument } from '../../shared/database/documents.ts'
import { appendEvent, describeDocument } from '../../shared/database/events.ts'
import { expectUsableSchema } from '../../shared/database/extraction-schemas.ts'
import { claimIdempotencyKey, isAnswered, keepIdempotentAnswer } from '../../shared/database/idempotency.ts'
import { assignRetention } from '../../shared/database/retention.ts'
import type { TenantKeys, Tenants } from '../../shared/database/tenants.ts'
import type { RetentionRules } from '../../shared/policy/retention.ts'
import type { PassPoint } from '../../shared/runtime/faults.ts'
import { errorFields, type Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { createRegistrar } from './registrar.ts'
import { SNIFF_BYTES, sniff } from './sniff.ts'

export interface UploadServices {
  database: Database
  vault: Vault
  blobs: BlobStore
  tenants: Tenants
  metrics: Metrics
  log: Log
  passPoint: PassPoint
  retention: RetentionRules
  uploadBytesMax: number
}

export interface IncomingDocument {
  tenantId: string
  /** The API key that sends it. */
  key: { key_id: string; name: string }
  source: AsyncIterable<Buffer>
  hints: { fileName?: string; contentType?: string }
  /** As far as it is known before the bytes. */
  schemaName: string | undefined
  /** Read when the bytes are stored: the fields of a form may follow its file. */
  options: () => UploadOptions | Promise<UploadOptions>
  idempotencyKey: string | undefined
}

/** Takes one document in: sniff, then stream → count → hash → encrypt → blob, then one transaction for document, event and outbox row. */
export type Upload = (incoming: IncomingDocument) => Promise<UploadAccepted>

export function createUpload(services: UploadServices): Upload {
  const { database, vault, tenants, passPoint } = services
  const register = createRegistrar(database)
  return async (incoming) => {
    const { tenantId } = incoming
    const documentId = newId()
    const tenantKeys = await tenants.keys(tenantId)
    if (incoming.schemaName !== undefined) await expectSchema(database, incoming, tenantKeys)
    const { mediaType, bytes } = await recognise(incoming, services.uploadBytesMax)
    await register({
      tenant_id: tenantId,
      document_id: documentId,
      kind: 'original',
      store: services.blobs.name,
      locator: vault.locator(tenantId, documentId),
    })
    passPoint('upload:registered', documentId)
    let committing = false
    try {
      const stored = await vault.write({ tenantKey: tenantKeys.documents, tenantId, documentId, source: bytes })
      passPoint('upload:stored', documentId)
      const options = await incoming.options()
      committing = true
      const accepted = await withTenant(database, tenantId, (tx) =>
        accept(tx, { incoming, documentId, tenantKeys, mediaType, stored, options, retention: services.retention }),
      )
      passPoint('upload:accepted', documentId)
      services.metrics.uploadedBytes.inc(stored.bytes)
      if (accepted.document_id !== documentId) await discard(services, tenantId, documentId)
      return accepted
    } catch (error) {
      // A lost connection leaves open whether the transaction was committed: the bytes then stay, and the sweeper removes them if it was not.
      if (!committing || isRolledBack(error)) await discard(services, tenantId, documentId)
      throw error
    }
  }
}

interface Stored {
  incoming: IncomingDocument
  documentId: string
  tenantKeys: TenantKeys
  mediaType: MediaType
  stored: Awaited<ReturnType<Vault['write']>>
  options: UploadOptions
  retention: RetentionRules
}

async function accept(
  tx: Tx,
  { incoming, documentId, tenantKeys, mediaType, stored, options, retention }: Stored,
): Promise<UploadAccepted> {
  const { tenantId, idempotencyKey } = incoming
  const classes = [...new Set(options.data_classes)].sort()
  const keyHmac = hmacOfKey(tenantKeys, idempotencyKey)
  const requestHmac = hmac(tenantKeys.requests, 'request', stored.sha256, JSON.stringify({ ...options, data_classes: classes }))
  if (keyHmac) {
    const answered = await claimIdempotencyKey(tx, keyHmac, requestHmac)
    if (answered) return answered
  }
  if (options.schema !== undefined) await expectUsableSchema(tx, options.schema)
  await keepOriginal(tx, documentId)
  const contentCommit = hmac(stored.keys.commitment, stored.sha256)
  const annex = sealAnnex(stored.keys, documentId, {
    file_name: options.file_name ?? null,
    metadata: options.metadata,
    uploaded_by: incoming.key,
  })
  const accepted = await acceptDocument(tx, {
    id: documentId,
    tenant_id: tenantId,
    media_type: mediaType,
    bytes: stored.bytes,
    options: { ...options, data_classes: classes },
    dedupeHmac: hmac(tenantKeys.requests, 'duplicate', stored.sha256, options.purpose, options.sensitivity, classes.join(',')),
    contentCommit,
    sealedAnnex: annex.sealed,
  })
  if (accepted.outcome !== 'returned') {
    const assigned = await assignRetention(tx, retention, { tenant_id: tenantId, document_id: accepted.document_id })
    const taken = {
      ...assigned,
      id: accepted.document_id,
      purpose: options.purpose,
      sensitivity: options.sensitivity,
      data_classes: classes,
    }
    // A further revision has the key and the annex of the first.
    const isFirst = accepted.document_id === documentId
    await appendEvent(tx, tenantId, {
      operation: 'Collect',
      step: 'upload',
      phase: 'completed',
      result: 'ok',
      ...describeDocument({ ...taken, content_commit: isFirst ? contentCommit : null }, accepted.revision),
      annex_commit: isFirst ? annex.commit : null,
      provenance: 'provided',
    })
  }
  if (keyHmac) await keepIdempotentAnswer(tx, tenantId, keyHmac, requestHmac, accepted)
  return accepted
}

/** Before a byte is stored. A request that is repeated gets the answer that it got, whatever became of its schema since. */
async function expectSchema(database: Database, incoming: IncomingDocument, tenantKeys: TenantKeys): Promise<void> {
  const { tenantId, schemaName, idempotencyKey } = incoming
  const keyHmac = hmacOfKey(tenantKeys, idempotencyKey)
  await withTenant(database, tenantId, async (tx) => {
    const repeated = keyHmac !== null && (await isAnswered(tx, keyHmac))
    if (schemaName !== undefined && !repeated) await expectUsableSchema(tx, schemaName)
  })
}

function hmacOfKey(tenantKeys: TenantKeys, idempotencyKey: string | undefined): Buffer | null {
  return idempotencyKey === undefined ? null : hmac(tenantKeys.requests, 'idempotency-key', idempotencyKey)
}

/** Decides the type by the first bytes and the name, and returns a stream of all bytes that fails past the limit. */
async function recognise(incoming: IncomingDocument, bytesMax: number): Promise<{ mediaType: MediaType; bytes: Readable }> {
  const rest = limitBytes(incoming.source, bytesMax)
  const head = await readHead(rest)
  const mediaType = sniff(head, incoming.hints)
  return { mediaType, bytes: Readable.from(join(head, rest), { objectMode: false }) }
}

async function* limitBytes(source: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let bytes = 0
  try {
    for await (const chunk of source) {
      bytes += chunk.length
      if (bytes > bytesMax) throw new AppError('DOCUMENT_TOO_LARGE', `more than ${bytesMax} bytes`)
      yield chunk
    }
  } catch (error) {
    throw error instanceof AppError ? error : new AppError('UPLOAD_ABORTED', undefined, { cause: error })
  }
}

/** At least SNIFF_BYTES, unless there are fewer. */
async function readHead(source: AsyncGenerator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  while (bytes < SNIFF_BYTES) {
    const { value, done } = await source.next()
    if (done) break
    parts.push(value)
    bytes += value.length
  }
  return Buffer.concat(parts)
}

async function* join(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  yield* rest
}

/** Nothing was committed: the error is one of ours, or PostgreSQL answered with it and lived on (its Error and Notice Message Fields: severity). */
function isRolledBack(error: unknown): boolean {
  if (error instanceof AppError && ERRORS[error.code].status < 500) return true
  const answered = error instanceof AppError ? error.cause : error
  return answered instanceof Error && 'severity' in answered && answered.severity === 'ERROR'
}

/** Removes an original that did not become a document; when this fails as well, the sweeper finds it on the list of artifacts. */
async function discard({ database, vault, log }: UploadServices, tenantId: string, documentId: string): Promise<void> {
  try {
    await vault.destroy({ tenantId, documentId })
    await withTenant(database, tenantId, (tx) => forgetArtifact(tx, documentId))
  } catch (error) {
    log.warn({ documentId, ...errorFields(error) }, 'the original of an upload that became no document stays until it is swept')
  }
}
