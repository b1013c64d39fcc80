import type { DocumentKeys, Vault } from '../../shared/blobs/vault.ts'
import type { DataClass, Sensitivity } from '../../shared/contracts/document.ts'
import { AppError } from '../../shared/contracts/errors.ts'
import type { Correction } from '../../shared/contracts/rectification.ts'
import type { SearchHit, SearchRequest } from '../../shared/contracts/retrieval.ts'
import { type Database, type Tx, withTenant } from '../../shared/database/connection.ts'
import { readPages } from '../../shared/database/content.ts'
import { appendEvent } from '../../shared/database/events.ts'
import { listCorrected, readCorrections } from '../../shared/database/field-reviews.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import { detectLanguage } from '../../shared/inference/builtin/language.ts'
import { findSensitive } from '../../shared/inference/builtin/sensitive.ts'
import type { Embedder } from '../../shared/inference/embedder.ts'
import type { CallSubject } from '../../shared/inference/gateway.ts'
import { raise } from '../../shared/policy/raise.ts'
import type { SearchStore, SearchStoreHit } from '../../shared/search/port.ts'
import { tokenHasher, tokenize } from '../../shared/search/tokens.ts'
import { concerning } from './corrections.ts'

/** Candidates asked of the store for each hit wanted: some belong to revisions that are no longer live. */
const CANDIDATES_PER_HIT = 3
const CANDIDATES_MIN = 30

export interface SearchServices {
  database: Database
  vault: Vault
  tenants: Tenants
  embedder: Embedder
  search: SearchStore
}

/** A hit with what the policy must know of its document. */
export interface Candidate extends SearchHit {
  sensitivity: Sensitivity
  data_classes: DataClass[]
  purpose: string
}

export interface Query extends Pick<SearchRequest, 'query' | 'limit' | 'document_ids'> {
  tenantId: string
  step: 'search' | 'answer'
  signal: AbortSignal
}

/** A question is personal data until somebody says otherwise: it may name people. */
const QUESTION: CallSubject = {
  document_id: null,
  revision: null,
  page: null,
  sensitivity: 'internal',
  data_classes: ['personal'],
  purpose: 'question_answering',
}

/** The question as the policy sees it: rules here may raise its class, as they do a document's. */
export function questionSubject(question: string): CallSubject {
  const found = findSensitive([{ number: 1, method: 'plain', text: question, reason: null }])
  return { ...QUESTION, ...raise(QUESTION, found.data_classes), data_categories: found.data_categories }
}

/**
 * Hybrid search: the question's vector and its token hashes, fused by the store. A candidate is served only when it joins a live revision in the
 * catalogue, whatever a store still holds. One event per question names its hits.
 */
export async function findPassages(services: SearchServices, query: Query): Promise<Candidate[]> {
  const { database, tenants, embedder, search } = services
  const { tenantId } = query
  const language = detectLanguage(query.query)
  const keys = await tenants.keys(tenantId)
  const context = {
    tenant_id: tenantId,
    step: query.step,
    subjects: [questionSubject(query.query)],
    language,
    prompt_keys: [keys.requests],
    signal: query.signal,
  }
  const vector = await embedder.embedQuestion(context, query.query)
  const candidates = await search.query({
    tenant_id: tenantId,
    vector,
    tokens: tokenHasher(keys.tokens)(tokenize(query.query, language)),
    limit: Math.max(query.limit * CANDIDATES_PER_HIT, CANDIDATES_MIN),
    document_ids: query.document_ids,
  })
  return withTenant(database, tenantId, async (tx) => {
    const hits = await readLive(services, tx, tenantId, candidates, query.limit)
    await appendEvent(tx, tenantId, {
      operation: 'Retrieve',
      step: query.step,
      phase: 'completed',
      result: 'ok',
      purpose: QUESTION.purpose,
      hits: hits.map((hit) => ({ doc_ref: hit.document_id, revision: hit.revision, page: hit.page })),
    })
    return hits
  })
}

async function readLive(
  services: SearchServices,
  tx: Tx,
  tenantId: string,
  candidates: readonly SearchStoreHit[],
  limit: number,
): Promise<Candidate[]> {
  if (candidates.length === 0) return []
  const rows = await tx
    .selectFrom('chunks')
    .innerJoin('documents', (join) =>
      join.onRef('documents.id', '=', 'chunks.document_id').onRef('documents.live_revision', '=', 'chunks.revision'),
    )
    .select([
      'chunks.id',
      'chunks.document_id',
      'chunks.revision',
      'chunks.page',
      'chunks.start',
      'chunks.end',
      'sensitivity',
      'data_classes',
      'purpose',
    ])
    .where('documents.erased_at', 'is', null)
    .where('documents.restricted_at', 'is', null)
    .where(
      'chunks.id',
      'in',
      candidates.map((candidate) => candidate.id),
    )
    .execute()
  const live = new Map(rows.map((row) => [row.id, row]))
  const read = await createReader(services, tx, tenantId, await listCorrected(tx, [...new Set(rows.map((row) => row.document_id))]))
  const hits: Candidate[] = []
  for (const { id, score } of candidates) {
    const row = live.get(id)
    // A piece may be found twice, by itself and by a correction of it.
    if (!row || hits.length === limit || hits.some((hit) => samePiece(hit, row))) continue
    const found = await read(row)
    if (found !== null) hits.push({ ...row, ...found, score })
  }
  return hits
}

type Piece = Pick<Candidate, 'document_id' | 'revision' | 'page' | 'start' | 'end'>

function samePiece(one: Piece, other: Piece): boolean {
  return one.document_id === other.document_id && one.page === other.page && one.start === other.start && one.end === other.end
}

/** Reads pieces of pages with what was corrected in them, each document's key once; null when an erasure got in between. */
async function createReader({ vault, tenants }: SearchServices, tx: Tx, tenantId: string, corrected: ReadonlySet<string>) {
  const tenantKey = (await tenants.keys(tenantId)).documents
  const keysOf = new Map<string, DocumentKeys | null>()
  const textOf = new Map<string, string>()
  const correctionsOf = new Map<string, Correction[]>()
  return async (at: Piece): Promise<Pick<SearchHit, 'text' | 'corrections'> | null> => {
    if (!keysOf.has(at.document_id)) keysOf.set(at.document_id, await keysUnlessErased(vault, tenantKey, tenantId, at.document_id))
    const keys = keysOf.get(at.document_id)
    if (!keys) return null
    const place = `${at.document_id}/${at.page}`
    const key = { tenant_id: tenantId, document_id: at.document_id, revision: at.revision }
    if (!textOf.has(place)) {
      const [page] = await readPages(tx, key, keys, [at.page])
      textOf.set(place, page?.text ?? '')
    }
    if (corrected.has(at.document_id) && !correctionsOf.has(at.document_id))
      correctionsOf.set(at.document_id, await readCorrections(tx, key, keys))
    const text = textOf.get(place)?.slice(at.start, at.end) ?? ''
    return { text, corrections: concerning(correctionsOf.get(at.document_id) ?? [], at) }
  }
}

/** A document's keys; null when an erasure got in between. */
export async function keysUnlessErased(
  vault: Vault,
  tenantKey: Buffer,
  tenantId: string,
  documentId: string,
): Promise<DocumentKeys | null> {
  try {
    return await vault.keys({ tenantKey, tenantId, documentId })
  } catch (error) {
    if (error instanceof AppError && error.code === 'ORIGINAL_MISSING') return null
    throw error
  }
}
