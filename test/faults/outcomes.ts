import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { createFilesystemBlobs } from '../../shared/blobs/filesystem.ts'
import { createVault } from '../../shared/blobs/vault.ts'
import { chunkId } from '../../shared/contracts/ids.ts'
import { STAGES, type Stage } from '../../shared/contracts/jobs.ts'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { openDatabase } from '../../shared/database/connection.ts'
import { sweepOnce } from '../../shared/queue/sweeper.ts'
import { unheard } from '../support/pools.ts'
import { places, type ServiceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'

export type Rows = ServiceProcesses['rows']
/** Where documents leave something. */
type Stores = Pick<ServiceProcesses, 'rows' | 'dataDir'>

const PIPELINE = ['extract', 'enrich', 'index', 'done'] as const
/** Steps that change a document; it may be read as often as somebody likes. */
const CHANGES: readonly string[] = ['upload', ...STAGES]

interface DocumentState {
  status: string
  error_code: string | null
  revision: number
  completed_at: Date | null
}

export async function documentOf({ rows }: Pick<Stores, 'rows'>, documentId: string): Promise<DocumentState> {
  const [row] = await rows<DocumentState>('SELECT status, error_code, revision, completed_at FROM documents WHERE id = $1', [documentId])
  if (!row) throw new Error(`no document ${documentId}`)
  return row
}

export interface StageState {
  stage: Stage
  status: string
  starts: number
  epoch: number
  finished_at: Date | null
}

/** The newest revision's, in their order. */
export async function stagesOf({ rows }: Pick<Stores, 'rows'>, documentId: string): Promise<StageState[]> {
  const found = await rows<StageState>(
    `SELECT s.stage, s.status, s.starts, s.epoch, s.finished_at FROM stages s JOIN documents d ON d.id = s.document_id
     WHERE d.id = $1 AND s.revision = d.revision`,
    [documentId],
  )
  return found.sort((one, other) => STAGES.indexOf(one.stage) - STAGES.indexOf(other.stage))
}

/** What the pipeline makes of a document, without what differs from revision to revision. */
export async function contentOf({ rows }: Pick<Stores, 'rows'>, documentId: string) {
  return {
    document: await rows('SELECT type, language FROM documents WHERE id = $1', [documentId]),
    pages: await rows('SELECT number, method, characters, reason FROM pages WHERE document_id = $1 ORDER BY number', [documentId]),
    fields: await rows('SELECT name, status FROM fields WHERE document_id = $1 ORDER BY name', [documentId]),
    chunks: await rows('SELECT ordinal, page, start, "end" FROM chunks WHERE document_id = $1 ORDER BY ordinal', [documentId]),
    artifacts: await rows('SELECT kind, store FROM artifacts WHERE document_id = $1 ORDER BY kind', [documentId]),
  }
}
export type Content = Awaited<ReturnType<typeof contentOf>>

/** What the search store holds of a document, over all revisions: the id of each point, and whether there is a vector to it. */
export function pointsOf({ dataDir }: Pick<Stores, 'dataDir'>, documentId: string): { id: string; vector: boolean }[] {
  const store = new DatabaseSync(join(dataDir, 'search.sqlite'), { readOnly: true })
  try {
    const points = store.prepare('SELECT rowid, id, dimension FROM points WHERE document_id = ? ORDER BY id').all(documentId)
    return points.map(({ rowid, id, dimension }) => ({
      id: String(id),
      vector:
        dimension !== null &&
        store.prepare(`SELECT 1 FROM vectors_${Number(dimension)}_rowids WHERE rowid = ?`).get(Number(rowid)) !== undefined,
    }))
  } finally {
    store.close()
  }
}

/** The document's record, oldest first. */
export async function recordOf({ rows }: Pick<Stores, 'rows'>, documentId: string): Promise<ProcessingEvent[]> {
  const events = await rows<{ body: string }>('SELECT body FROM events WHERE $1 = ANY (document_ids) ORDER BY seq', [documentId])
  return events.map(({ body }) => JSON.parse(body) as ProcessingEvent)
}

/** The record of a document's steps, model calls aside: they have events of their own. */
export async function stepsOf(stores: Pick<Stores, 'rows'>, documentId: string): Promise<ProcessingEvent[]> {
  return (await recordOf(stores, documentId)).filter(({ model }) => model === null)
}

/** Resolves when all of them are. */
export async function completed({ rows }: Pick<Stores, 'rows'>, documentIds: readonly string[], what: string): Promise<void> {
  const done = async () => (await rows(`SELECT FROM documents WHERE id = ANY ($1) AND status = 'completed'`, [documentIds])).length
  await waitUntil(async () => (await done()) === documentIds.length, `${documentIds.length} documents to complete: ${what}`)
}

/**
 * What "completed exactly once" means. The document was taken in by one upload. Of its newest revision each stage is completed, with one event, which
 * says so, and nothing else was done. There are the chunks and the points that this revision always gets, each point with its vector, and of no other
 * revision any. The content is what an undisturbed run gives: `like`, where the test knows it.
 */
export async function expectCompletedOnce(stores: Stores, documentId: string, where: string, like?: Content): Promise<void> {
  const { revision, status } = await documentOf(stores, documentId)
  expect([status, ...(await stagesOf(stores, documentId)).map((row) => `${row.stage} ${row.status}`)], where).toEqual([
    'completed',
    ...PIPELINE.map((stage) => `${stage} completed`),
  ])
  const steps = (await stepsOf(stores, documentId)).filter((event) => CHANGES.includes(event.step))
  expect(
    steps
      .filter((event) => event.step === 'upload' || event.revision === revision)
      .map((event) => `${event.step} ${event.phase} ${event.result}`),
    where,
  ).toEqual(['upload', ...PIPELINE].map((step) => `${step} completed ok`))
  const content = await contentOf(stores, documentId)
  expect(content.chunks.length, where).toBeGreaterThan(0)
  if (like) expect(content, where).toEqual(like)
  const ids = content.chunks.map((_, ordinal) => chunkId(documentId, revision, ordinal)).sort()
  const stored = await stores.rows<{ id: string }>('SELECT id FROM chunks WHERE document_id = $1 ORDER BY id', [documentId])
  expect(
    stored.map(({ id }) => id),
    where,
  ).toEqual(ids)
  expect(pointsOf(stores, documentId), where).toEqual(ids.map((id) => ({ id, vector: true })))
}

/** Resolves when all are completed, each exactly once. */
export async function untilCompletedOnce(stores: Stores, documentIds: readonly string[], what: string): Promise<void> {
  await completed(stores, documentIds, what)
  for (const id of documentIds) await expectCompletedOnce(stores, id, `${id}, ${what}`)
}

/**
 * A sweep after which no upload is young, and again while another sweeper is at it. Resolves when there are the originals of these documents,
 * and no other file and no other artifact.
 */
export async function sweptClean(services: ServiceProcesses, documentIds: readonly string[]): Promise<void> {
  const ids = [...documentIds].sort()
  const database = openDatabase(services.serviceUrl, unheard)
  const blobs = createFilesystemBlobs(join(services.dataDir, 'blobs'))
  try {
    await waitUntil(async () => {
      await sweepOnce(database, createVault(blobs), blobs, 0)
      const { originals, artifacts, incoming } = await places(services)
      return isDeepStrictEqual([originals, [...new Set(artifacts)], incoming], [ids, ids, []])
    }, 'the sweeper to leave what belongs to documents and nothing else')
  } finally {
    await database.destroy()
  }
}

export const NOTHING = { content: 0, annex: 0, idempotency: 0, points: 0, originals: 0 }

/** Everything of a document that an erasure has to remove, counted in each store. */
export async function traces(services: ServiceProcesses, documentId: string): Promise<typeof NOTHING> {
  const count = async (table: string, condition = 'true') =>
    (await services.rows(`SELECT FROM ${table} WHERE document_id = $1 AND ${condition}`, [documentId])).length
  const [row] = await services.rows<Record<string, Buffer | null>>(
    'SELECT sealed_annex, content_commit, dedupe_hmac FROM documents WHERE id = $1',
    [documentId],
  )
  return {
    content: (await count('pages')) + (await count('fields')) + (await count('chunks')),
    annex: Object.values(row ?? {}).filter((column) => column !== null).length,
    idempotency: await count('idempotency'),
    points: pointsOf(services, documentId).length,
    originals: (await places(services)).originals.filter((name) => name === documentId).length,
  }
}
