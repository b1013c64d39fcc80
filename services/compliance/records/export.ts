import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { AppError, errorCode } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import type { RecordFilters, RecordsExport } from '../../../shared/contracts/records.ts'
import type { Caller } from '../../../shared/database/api-keys.ts'
import { type Tx, withTenant } from '../../../shared/database/connection.ts'
import { appendOrdered } from '../../../shared/database/event-actors.ts'
import { describeDocument } from '../../../shared/database/events.ts'
import { countRecords, readOldestRecords, sequenceOf } from '../../../shared/database/records.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { errorFields, type Log } from '../../../shared/runtime/log.ts'
import { type Access, type AnnexServices, askedOf, beginAccess, readNames, withinAnnexes } from './annex.ts'
import { type ExportPage, TEXT_FORMATS } from './formats.ts'
import { RECORDS_PDF_EVENTS_MAX, writeRecordsPdf } from './pdf.ts'

/** Of one turn; no transaction is open between two. */
const PAGE_EVENTS = 500
/** A page with names is read in one go with the originals that hold their keys. */
const ANNEXED_PAGE_EVENTS = 200

export interface ExportServices extends AnnexServices {
  register: ProcessorRegister
  log: Log
}

export interface RecordsFile {
  mediaType: string
  fileName: string
  body: Readable
}

/**
 * The tenant's events that the filters leave, oldest first, as a file that is written while it is read: a reader that waits makes it wait, one that leaves
 * ends it. Two events bracket it: one before the first byte, and one before the end with the SHA-256 of all bytes, or with what broke it off. What is
 * recorded after the first of them is not in the file. Throws EXPORT_TOO_LARGE, INVALID_REQUEST.
 */
export async function exportRecords(
  services: ExportServices,
  caller: Caller,
  { format, annex, ...filters }: RecordsExport,
  justification: string | null,
): Promise<RecordsFile> {
  const { database } = services
  const { tenantId } = caller
  if (annex === 'true' && format !== 'jsonl') throw new AppError('INVALID_REQUEST', 'names are exported as jsonl alone')
  const access = justification === null ? null : await beginAccess(services, caller, justification)
  const about = { request_ref: access?.id ?? newId(), justification_commit: access?.commit ?? null, purpose: 'accountability' }
  // Whose an access is, is kept with it.
  const by = { tenantId, keyId: access === null ? caller.keyId : null }
  const until = await withTenant(database, tenantId, async (tx) => {
    if (format === 'pdf' && (await countRecords(tx, filters, RECORDS_PDF_EVENTS_MAX + 1)) > RECORDS_PDF_EVENTS_MAX)
      throw new AppError(
        'EXPORT_TOO_LARGE',
        `a PDF holds at most ${RECORDS_PDF_EVENTS_MAX} events; narrow the period, or export another format`,
      )
    const begun = await appendOrdered(tx, by, { ...about, ...(await describe(tx, filters)), ...step('Retrieve'), result: 'ok' })
    return sequenceOf(tx, begun)
  })
  const pages = () => readPages(services, tenantId, filters, until, access)
  const chunks = format === 'pdf' ? await writeRecordsPdf(services, tenantId, filters, pages) : TEXT_FORMATS[format].write(pages())
  const mediaType = format === 'pdf' ? 'application/pdf' : TEXT_FORMATS[format].mediaType
  const closing = (end: Partial<EventDraft>) =>
    withTenant(database, tenantId, (tx) => appendOrdered(tx, by, { ...about, ...step('Transmit'), ...end }))
  return { mediaType, fileName: `records.${format}`, body: Readable.from(bracketed(chunks, closing, services.log), { objectMode: false }) }
}

function step(operation: 'Retrieve' | 'Transmit') {
  return { operation, step: 'records_export', phase: 'completed' } as const
}

/** Of an export about one document its own record tells. */
async function describe(tx: Tx, { document }: RecordFilters): Promise<Partial<EventDraft>> {
  if (document === undefined) return {}
  const row = await tx.selectFrom('documents').selectAll().where('id', '=', document).executeTakeFirst()
  if (!row) return {}
  const { purpose: _, ...described } = describeDocument(row, row.revision)
  return described
}

async function* readPages(
  services: ExportServices,
  tenantId: string,
  filters: RecordFilters,
  until: string,
  access: Access | null,
): AsyncGenerator<ExportPage> {
  const limit = access ? ANNEXED_PAGE_EVENTS : PAGE_EVENTS
  for (let after: string | null = null; ; ) {
    const found = await withTenant(services.database, tenantId, (tx) => readOldestRecords(tx, { filters, limit, after }, until))
    const rows = access ? withinAnnexes(found) : found
    if (rows.length > 0) yield { rows, names: access && (await readNames(services, access, askedOf(rows))) }
    if (found.length < limit && rows.length === found.length) return
    after = rows.at(-1)?.id ?? null
  }
}

/** Passes everything on and hashes it; the closing event is committed before the end is, so that a file that ended is one that is on record. */
async function* bracketed(
  chunks: AsyncIterable<string | Buffer>,
  closing: (end: Partial<EventDraft>) => Promise<unknown>,
  log: Log,
): AsyncGenerator<string | Buffer> {
  const hash = createHash('sha256')
  let broken: Partial<EventDraft> | null = { result: 'failed', error_code: 'EXPORT_ABORTED' }
  try {
    for await (const chunk of chunks) {
      hash.update(chunk)
      yield chunk
    }
    await closing({ result: 'ok', output_hash: hash.digest('hex') })
    broken = null
  } catch (error) {
    broken = { result: 'failed', error_code: errorCode(error) }
    log.warn(errorFields(error), 'an export of records broke off')
    throw error
  } finally {
    // Where this fails as well, the event at the beginning stands alone, and says that an export was begun and not that it ended.
    if (broken) await closing(broken).catch((error) => log.warn(errorFields(error), 'the end of an export is not on record'))
  }
}
