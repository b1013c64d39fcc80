import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished } from 'vitest'
import { FINAL_STATUSES, type UploadAccepted } from '../../shared/contracts/document.ts'
import { chunkId } from '../../shared/contracts/ids.ts'
import { jobId, STAGES, type Stage } from '../../shared/contracts/jobs.ts'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { startEmbeddedPostgres } from '../../shared/database/embedded.ts'
import { openPostgresQueues, openRedisQueues, type QueueBackend } from '../../shared/queue/backend.ts'
import { temporaryFolder } from '../support/folder.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { startScript } from '../support/process.ts'
import { testRedis } from '../support/redis.ts'
import { type ServiceProcess, type ServiceProcesses, serviceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'

export const BACKENDS = ['postgres', 'redis'] as const
/** Dozens of processes of one program start in these tests: what one of them compiled is read by the others. */
const VARIABLES = { NODE_COMPILE_CACHE: join(tmpdir(), 'compile-cache') }
const WORKERS = resolve(import.meta.dirname, '../../services/workers/main.ts')
const PIPELINE = ['extract', 'enrich', 'index', 'done'] as const

let serial = 0

/** Ingest as a process, and as many workers as a test starts, over one database and one queue. All of it ends with the test. */
export interface Pipeline extends ServiceProcesses {
  readonly backend: (typeof BACKENDS)[number]
  /** A workers process that listens; `faultAt` is its FAULT_AT. */
  worker(faultAt?: string): Promise<ServiceProcess>
  /** A text of its own, of several chunks and with fields. */
  upload(): Promise<string>
  /** Resolves with the number of the new revision. */
  reprocess(documentId: string): Promise<number>
  erase(documentId: string): Promise<void>
  /** Nothing of the document is due, queued or at work: whoever had its last job is done with that as well. */
  atRest(documentId: string): Promise<boolean>
  /** Resolves when the document has come to its end, well or not, and is at rest. */
  settled(documentId: string): Promise<void>
}

export async function startPipeline(backend: Pipeline['backend']): Promise<Pipeline> {
  await compile()
  const redis = backend === 'redis' ? await testRedis() : undefined
  if (redis) onTestFinished(() => redis.close())
  const services = redis
    ? await serviceProcesses({ ...VARIABLES, QUEUE_URL: redis.url })
    : await serviceProcesses(VARIABLES, await ownServer())
  const ingest = await services.start('ingest')
  const queues = await openQueues(services, redis?.url)
  const request = async <Answer>(method: string, path: string, body?: string): Promise<Answer> => {
    const headers = { authorization: `Bearer ${services.apiKey}`, 'content-type': 'text/plain' }
    const response = await fetch(`${ingest.url}/v1/documents${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return (await response.json()) as Answer
  }
  const atRest = async (documentId: string) => {
    const due = await services.rows(
      `SELECT FROM outbox WHERE document_id = $1
       UNION ALL SELECT FROM stages s JOIN documents d ON d.id = s.document_id
         WHERE d.id = $1 AND s.revision = d.revision AND s.status IN ('pending', 'running') AND (d.erased_at IS NULL OR s.stage = 'erase')`,
      [documentId],
    )
    if (due.length > 0) return false
    const revisions = await services.rows<{ revision: number }>('SELECT revision FROM revisions WHERE document_id = $1', [documentId])
    for (const { revision } of revisions) {
      for (const stage of STAGES) if (await queues.holds(stage, documentId, revision)) return false
    }
    return true
  }
  return {
    ...services,
    backend,
    worker: (faultAt) => services.start('workers', [], faultAt === undefined ? {} : { FAULT_AT: faultAt }),
    upload: async () => (await request<UploadAccepted>('POST', '', uniqueText())).document_id,
    reprocess: async (documentId) => (await request<UploadAccepted>('POST', `/${documentId}/reprocess`, '')).revision,
    erase: async (documentId) => void (await request('DELETE', `/${documentId}`)),
    atRest,
    settled: (documentId) =>
      waitUntil(
        async () => FINAL_STATUSES.includes((await documentOf(services, documentId)).status as never) && (await atRest(documentId)),
        `${documentId} to settle over ${backend}`,
      ),
  }
}

let compiled: Promise<unknown> | undefined
/** The cache is written at an orderly end alone: this process loads everything and refuses its configuration. */
async function compile(): Promise<void> {
  compiled ??= startScript(WORKERS, [], { ...VARIABLES, FAULT_AT: 'nowhere' }).exited
  await compiled
}

/** A worker whose queue is in PostgreSQL holds about 15 connections: several would take the run's server from the tests beside this one. */
async function ownServer(): Promise<Pick<TestDatabase, 'ownerUrl' | 'serviceUrl'>> {
  const server = await startEmbeddedPostgres({ dataDir: temporaryFolder(), durable: false })
  onTestFinished(() => server.stop())
  return server
}

interface Queues {
  holds(stage: Stage, documentId: string, revision: number): Promise<boolean>
}

/** The same queues as the workers', to look into. */
async function openQueues({ ownerUrl, serviceUrl, tenantId }: ServiceProcesses, redisUrl: string | undefined): Promise<Queues> {
  // Where a connection fails, so does what asks over it.
  const unheard = () => undefined
  const backend: QueueBackend = redisUrl ? openRedisQueues(redisUrl, unheard) : await openPostgresQueues(ownerUrl, serviceUrl, unheard)
  const queues = new Map(STAGES.map((stage) => [stage, backend.openQueue(stage)]))
  onTestFinished(async () => {
    for (const queue of queues.values()) await queue.close()
    await backend.close()
  })
  return {
    holds: async (stage, document_id, revision) =>
      (await queues.get(stage)?.getJob(jobId(stage, { v: 1, tenant_id: tenantId, document_id, revision }))) !== undefined,
  }
}

interface DocumentState {
  status: string
  error_code: string | null
  revision: number
  completed_at: Date | null
}

export async function documentOf({ rows }: ServiceProcesses, documentId: string): Promise<DocumentState> {
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
export async function stagesOf({ rows }: ServiceProcesses, documentId: string): Promise<StageState[]> {
  const found = await rows<StageState>(
    `SELECT s.stage, s.status, s.starts, s.epoch, s.finished_at FROM stages s JOIN documents d ON d.id = s.document_id
     WHERE d.id = $1 AND s.revision = d.revision`,
    [documentId],
  )
  return found.sort((one, other) => STAGES.indexOf(one.stage) - STAGES.indexOf(other.stage))
}

/** What the pipeline makes of a document, without what differs from revision to revision. */
export async function contentOf({ rows }: ServiceProcesses, documentId: string) {
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
export function pointsOf({ dataDir }: ServiceProcesses, documentId: string): { id: string; vector: boolean }[] {
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

/** The record of a document's steps, model calls aside: they have events of their own. */
export async function stepsOf({ rows }: ServiceProcesses, documentId: string): Promise<ProcessingEvent[]> {
  const events = await rows<{ body: string }>('SELECT body FROM events WHERE $1 = ANY (document_ids) ORDER BY seq', [documentId])
  return events.map(({ body }) => JSON.parse(body) as ProcessingEvent).filter(({ model }) => model === null)
}

/**
 * The newest revision is completed, with one completed event for each step and the content, chunks and points that an undisturbed run gives, and with
 * nothing besides.
 */
export async function expectCompletedOnce(services: ServiceProcesses, documentId: string, like: Content, where: string): Promise<void> {
  const { revision, status } = await documentOf(services, documentId)
  expect([status, ...(await stagesOf(services, documentId)).map((row) => `${row.stage} ${row.status}`)], where).toEqual([
    'completed',
    ...PIPELINE.map((stage) => `${stage} completed`),
  ])
  const steps = (await stepsOf(services, documentId)).filter((event) => event.revision === revision && event.step !== 'upload')
  expect(
    steps.map(({ step, phase, result }) => `${step} ${phase} ${result}`),
    where,
  ).toEqual(PIPELINE.map((stage) => `${stage} completed ok`))
  expect(await contentOf(services, documentId), where).toEqual(like)
  const ids = like.chunks.map((_, ordinal) => chunkId(documentId, revision, ordinal)).sort()
  expect(
    (await services.rows<{ id: string }>('SELECT id FROM chunks WHERE document_id = $1 ORDER BY id', [documentId])).map(({ id }) => id),
    where,
  ).toEqual(ids)
  expect(pointsOf(services, documentId), where).toEqual(ids.map((id) => ({ id, vector: true })))
}

function uniqueText(): string {
  // Always as long, so that what the pipeline makes of one is what it makes of each.
  const number = String(++serial).padStart(4, '0')
  const sentence = `Im Protokoll ${number} steht, dass die Sitzung um neun Uhr begann und alle da waren. `
  return `Rechnung\n\nRechnungsnummer: R-${number}\nRechnungsdatum: 01.02.2026\nGesamtbetrag: 119,00 EUR\n\n${sentence.repeat(40)}\n`
}
