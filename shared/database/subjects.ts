import { sql } from 'kysely'
import { v4 } from 'uuid'
import { hmac } from '../blobs/keys.ts'
import type { FoundIn, IdentifierKind } from '../contracts/subjects.ts'
import type { Tx } from './connection.ts'

const INSERT_ROWS_MAX = 1_000

export interface HashedIdentifier {
  kind: IdentifierKind
  /** HMAC-SHA-256 under the tenant's key, over kind and normalised identifier. */
  hash: Buffer
}

interface Place {
  tenant_id: string
  document_id: string
  revision: number
}

/** Each once, in the order in which rows are locked. */
export function hashIdentifiers(key: Buffer, identifiers: readonly { kind: IdentifierKind; value: string }[]): HashedIdentifier[] {
  const hashed = new Map<string, HashedIdentifier>()
  for (const { kind, value } of identifiers) {
    const hash = hmac(key, kind, value)
    hashed.set(hash.toString('hex'), { kind, hash })
  }
  return [...hashed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, identifier]) => identifier)
}

/**
 * Replaces what a revision names in one place. An identifier is a subject of its own: that two stand in one document does not make them one person (a
 * letter has a sender and a receiver), and to merge them wrongly would disclose one person's data to another (Art. 15(4)).
 */
export async function replaceSubjects(tx: Tx, place: Place, found_in: FoundIn, identifiers: readonly HashedIdentifier[]): Promise<void> {
  await tx
    .deleteFrom('document_subjects')
    .where('document_id', '=', place.document_id)
    .where('revision', '=', place.revision)
    .where('found_in', '=', found_in)
    .execute()
  const { tenant_id, document_id, revision } = place
  for (let from = 0; from < identifiers.length; from += INSERT_ROWS_MAX) {
    const part = identifiers.slice(from, from + INSERT_ROWS_MAX)
    const subjects = await tx
      .insertInto('subject_identifiers')
      .values(part.map(({ kind, hash }) => ({ tenant_id, kind, identifier_hmac: hash, subject_id: v4() })))
      // Holds the row until the commit, so that an erasure elsewhere does not take it away meanwhile.
      .onConflict((conflict) => conflict.columns(['tenant_id', 'identifier_hmac']).doUpdateSet({ kind: sql.ref('excluded.kind') }))
      .returning('subject_id')
      .execute()
    await tx
      .insertInto('document_subjects')
      .values(subjects.map(({ subject_id }) => ({ tenant_id, document_id, revision, subject_id, found_in })))
      .execute()
  }
}

/** Removes what a document's revisions (or those before one) name, and the identifiers that nothing refers to any more. */
export async function deleteSubjects(tx: Tx, documentId: string, beforeRevision?: number): Promise<void> {
  let query = tx.deleteFrom('document_subjects').where('document_id', '=', documentId)
  if (beforeRevision !== undefined) query = query.where('revision', '<', beforeRevision)
  const gone = await query.returning('subject_id').execute()
  const ids = [...new Set(gone.map(({ subject_id }) => subject_id))]
  if (ids.length === 0) return
  // Locked before it is asked who refers to them: the question then sees what was committed until now.
  await sql`SELECT FROM subject_identifiers WHERE subject_id = ANY(${ids}::uuid[]) ORDER BY encode(identifier_hmac, 'hex') FOR UPDATE`.execute(
    tx,
  )
  await sql`DELETE FROM subject_identifiers i WHERE subject_id = ANY(${ids}::uuid[])
    AND NOT EXISTS (SELECT FROM document_subjects d WHERE d.subject_id = i.subject_id)`.execute(tx)
}

/** The random ids that these identifiers have here. */
export async function findSubjectIds(tx: Tx, identifiers: readonly HashedIdentifier[]): Promise<string[]> {
  if (identifiers.length === 0) return []
  const rows = await tx
    .selectFrom('subject_identifiers')
    .select('subject_id')
    .distinct()
    .where(
      'identifier_hmac',
      'in',
      identifiers.map(({ hash }) => hash),
    )
    .orderBy('subject_id')
    .execute()
  return rows.map(({ subject_id }) => subject_id)
}

/** Documents that are here and name one of these subjects in any revision that is still stored; by their ids, at most `limit`. */
export async function listDocumentsNaming(tx: Tx, subjectIds: readonly string[], limit: number): Promise<string[]> {
  if (subjectIds.length === 0) return []
  const rows = await naming(tx, subjectIds).orderBy('s.document_id').limit(limit).execute()
  return rows.map(({ document_id }) => document_id)
}

/** The one meaning of "documents that name a person", whether they are shown, packed or erased. */
function naming(tx: Tx, subjectIds: readonly string[]) {
  return tx
    .selectFrom('document_subjects as s')
    .innerJoin('documents as d', 'd.id', 's.document_id')
    .select('s.document_id')
    .distinct()
    .where('s.subject_id', 'in', [...subjectIds])
    .where('d.erased_at', 'is', null)
}

export interface FoundSubjects {
  subjects: { subject_id: string; by: IdentifierKind }[]
  documents: { document_id: string; revision: number; matches: { subject_id: string; by: IdentifierKind; found_in: FoundIn }[] }[]
  complete: boolean
}

/**
 * The documents that name one of the identifiers in any revision that is still stored, as an erasure by person takes them; newest first, at most
 * `documentsMax`. Of each the live revision where that names the person, else the newest one that does: a reading that is not over, or failed, may know more.
 */
export async function findSubjects(tx: Tx, identifiers: readonly HashedIdentifier[], documentsMax: number): Promise<FoundSubjects> {
  if (identifiers.length === 0) return { subjects: [], documents: [], complete: true }
  const rows = await tx
    .selectFrom('subject_identifiers')
    .select(['subject_id', 'kind as by'])
    .where(
      'identifier_hmac',
      'in',
      identifiers.map(({ hash }) => hash),
    )
    .orderBy('subject_id')
    .execute()
  const subjects = rows.map(({ subject_id, by }) => ({ subject_id, by: by as IdentifierKind }))
  if (subjects.length === 0) return { subjects, documents: [], complete: true }
  const kinds = new Map(subjects.map(({ subject_id, by }) => [subject_id, by]))
  const found = await naming(tx, [...kinds.keys()])
    .orderBy('s.document_id', 'desc')
    .limit(documentsMax + 1)
    .execute()
  const ids = found.slice(0, documentsMax).map(({ document_id }) => document_id)
  const documents = new Map<string, FoundSubjects['documents'][number]>()
  for (const { document_id, revision, subject_id, found_in } of await readMatches(tx, [...kinds.keys()], ids)) {
    const document = documents.get(document_id) ?? { document_id, revision, matches: [] }
    const by = kinds.get(subject_id)
    if (by) document.matches.push({ subject_id, by, found_in })
    documents.set(document_id, document)
  }
  return { subjects, documents: [...documents.values()], complete: found.length <= documentsMax }
}

interface Match {
  document_id: string
  revision: number
  subject_id: string
  found_in: FoundIn
}

/** Of the one revision of each document that is shown. */
async function readMatches(tx: Tx, subjectIds: readonly string[], documentIds: readonly string[]): Promise<Match[]> {
  const { rows } = await sql<Match>`
    SELECT document_id, revision, subject_id, found_in FROM (
      SELECT s.document_id, s.revision, s.subject_id, s.found_in, rank() OVER (
        PARTITION BY s.document_id ORDER BY (s.revision = coalesce(d.live_revision, d.revision)) DESC, s.revision DESC) AS place
      FROM document_subjects s JOIN documents d ON d.id = s.document_id
      WHERE s.subject_id = ANY(${subjectIds}::uuid[]) AND s.document_id = ANY(${documentIds}::uuid[])
    ) AS ranked WHERE place = 1 ORDER BY document_id DESC, found_in, subject_id`.execute(tx)
  return rows
}
