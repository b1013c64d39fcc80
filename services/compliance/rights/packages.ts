import { createHash } from 'node:crypto'
import type { Vault } from '../../../shared/blobs/vault.ts'
import { AppError, type ErrorCode, errorCode } from '../../../shared/contracts/errors.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import type { PackageFormat } from '../../../shared/contracts/subjects.ts'
import type { Caller } from '../../../shared/database/api-keys.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import { findStored } from '../../../shared/database/documents.ts'
import { appendOrdered } from '../../../shared/database/event-actors.ts'
import { activeHold } from '../../../shared/database/restrictions.ts'
import {
  findSubjectRequest,
  identifiersOf,
  keepNamedDocuments,
  listErasedOf,
  type SubjectRequestRow,
} from '../../../shared/database/subject-requests.ts'
import { type FoundSubjects, findSubjects } from '../../../shared/database/subjects.ts'
import type { TenantKeys, Tenants } from '../../../shared/database/tenants.ts'
import type { DraftSettings } from '../../../shared/policy/exposure-draft.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { ACCESS_STATEMENTS, describeForSubject } from './access-package.ts'
import { type OwnData, readOwnData } from './own-data.ts'
import { packageCsv } from './package-csv.ts'
import { PORTABILITY_STATEMENTS, portableData } from './portability-package.ts'
import { SUBJECT_DOCUMENTS_MAX } from './subjects.ts'

const GONE: readonly ErrorCode[] = ['DOCUMENT_ERASED', 'ORIGINAL_MISSING']
/** What the index cannot do is said to whoever reads the package. */
const NOTICES = [
  'What rules recognise of other people (addresses of mail, numbers, accounts, names in fields, after a label or a form of address) is masked (Art. 15(4)). Names that stand in running text alone are not recognised: read the package before it is handed over.',
  'A person is found by address of mail, telephone, account and id number wherever they stand in a document, and by name where a field of it holds the name of a person, where a label or a form of address announces it, or where the upload said it. By a name that stands in running text alone, or on a page without text, nobody is found: look for it with a search as well.',
  'Erased documents are listed where their erasure is under way or an earlier package named them; an erasure that is done leaves nothing to find a person by.',
]

export interface PackageServices {
  database: Database
  tenants: Tenants
  vault: Vault
  register: ProcessorRegister
  notification: DraftSettings
}

/**
 * The bytes for the data subject, in one transaction with the event that names their SHA-256. Throws SUBJECT_REQUEST_NOT_FOUND, SUBJECT_REQUEST_WITHOUT_PACKAGE,
 * and NOTHING_PORTABLE, which is on record too.
 */
export async function makePackage(services: PackageServices, caller: Caller, id: string, format: PackageFormat): Promise<Buffer> {
  const { tenantId } = caller
  const keys = await services.tenants.keys(tenantId)
  const made = await withTenant(services.database, tenantId, async (tx) => {
    const request = await findSubjectRequest(tx, id, 'update')
    if (request.kind !== 'access' && request.kind !== 'portability') throw new AppError('SUBJECT_REQUEST_WITHOUT_PACKAGE')
    const identifiers = identifiersOf(request)
    const found = await findSubjects(tx, identifiers, SUBJECT_DOCUMENTS_MAX)
    const head = await headOf(tx, services, request, found)
    const data = await readAll(tx, services, keys, { found, hashes: new Set(identifiers.map(({ hash }) => hash.toString('hex'))) })
    const content = request.kind === 'access' ? await accessContent(tx, services, data) : portabilityContent(data)
    if (request.kind === 'portability' && content.documents.length === 0) {
      await appendOrdered(tx, caller, { ...aboutPackage(request), phase: 'refused', error_code: 'NOTHING_PORTABLE' })
      return { refused: 'left_out' in content ? content.left_out : [] }
    }
    const erased_documents = await listErasedOf(tx, identifiers)
    const whole = { ...head, erased_documents, ...content }
    const bytes = Buffer.from(format === 'csv' ? packageCsv(whole) : JSON.stringify(whole))
    await keepNamedDocuments(tx, id, [...new Set([...request.named_documents, ...data.map(({ row }) => row.id)])])
    await appendOrdered(tx, caller, {
      ...aboutPackage(request),
      phase: 'completed',
      result: 'ok',
      output_hash: createHash('sha256').update(bytes).digest('hex'),
      hits: found.documents
        .filter((one) => content.documents.some(({ document_id }) => document_id === one.document_id))
        .map(({ document_id, revision }) => ({ doc_ref: document_id, revision, page: 0 })),
    })
    return { bytes }
  })
  if ('bytes' in made && made.bytes) return made.bytes
  throw new AppError('NOTHING_PORTABLE', undefined, { extra: { left_out: made.refused } })
}

/** Art. 12(1), 13(1)(a) and (b). */
async function headOf(tx: Tx, { notification }: PackageServices, request: SubjectRequestRow, found: FoundSubjects) {
  const { name } = await tx.selectFrom('tenants').select('name').where('id', '=', request.tenant_id).executeTakeFirstOrThrow()
  return {
    schema: request.kind === 'access' ? 'greffier.access/1' : 'greffier.portability/1',
    request_ref: request.id,
    controller: { ref: request.tenant_id, name, data_protection_contact: notification.dpoContact },
    made_at: new Date().toISOString(),
    /** False: the person is named in more documents than one package holds. */
    complete: found.complete,
    notices: NOTICES,
  }
}

/** Documents under restriction or hold too: that they are kept is what the person asks about. */
async function readAll(
  tx: Tx,
  { vault }: PackageServices,
  keys: TenantKeys,
  { found, hashes }: { found: FoundSubjects; hashes: ReadonlySet<string> },
): Promise<OwnData[]> {
  const data: OwnData[] = []
  for (const match of found.documents) {
    try {
      const row = await findStored(tx, match.document_id)
      const documentKeys = await vault.keys({ tenantKey: keys.documents, tenantId: row.tenant_id, documentId: row.id })
      data.push(await readOwnData(tx, { row, keys: documentKeys, found: match }, { subjectKey: keys.subjects, hashes }))
    } catch (error) {
      // Erased while the package is made: it is then one of the erased ones.
      if (!GONE.includes(errorCode(error))) throw error
    }
  }
  return data
}

async function accessContent(tx: Tx, { register }: PackageServices, data: readonly OwnData[]) {
  const documents = []
  for (const one of data) documents.push(describeForSubject(one, await activeHold(tx, one.row.id), register))
  return { ...ACCESS_STATEMENTS, documents }
}

function portabilityContent(data: readonly OwnData[]) {
  const all = data.map(portableData)
  return {
    ...PORTABILITY_STATEMENTS,
    left_out: all.filter((one) => 'reason' in one),
    documents: all.filter((one) => !('reason' in one)),
  }
}

function aboutPackage({ id, kind }: SubjectRequestRow) {
  return {
    operation: 'Transmit',
    step: kind === 'access' ? 'subject_access' : 'subject_portability',
    purpose: 'data_subject_rights',
    request_ref: id,
  } as const satisfies Partial<EventDraft>
}
