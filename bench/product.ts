import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { OUTBOX_CHANNEL } from '../shared/database/outbox.ts'
import { SCHEMA } from '../shared/database/roles.ts'
import { createSqliteSearch } from '../shared/search/sqlite.ts'
import { atEnd } from './cleanup.ts'
import type { BenchDocument } from './documents.ts'
import { DeliveryError, expectExactly } from './options.ts'
import { cpuMsOf } from './processes.ts'

const UPLOADS_IN_FLIGHT = 8
/** How often somebody asks whether all is done. Asking costs the database a third of a millisecond. */
const LOOK_MS = 20
const COMPLETION_MS_MAX = 120_000
const STEPS = ['upload', 'extract', 'enrich', 'index', 'done'] as const
/** A system that spends less than a tenth of a core in this window does nothing but look at its clocks. */
const IDLE_WINDOW_MS = 200
const IDLE_CPU_MS_MAX = 20
const IDLE_WAIT_MS_MAX = 20_000

/** The running product as these programs use it: over HTTP as a client does, and past it, as the owner of its database. */
export interface Product {
  readonly owner: Client
  /** Uploads as new documents, whatever was uploaded before; resolves with their ids, in the order of `documents`. */
  upload(documents: readonly BenchDocument[]): Promise<string[]>
  /** From now on what is uploaded waits in the outbox, until `release` makes all of it due at once. */
  hold(): Promise<void>
  /** Ends `hold`; what waits is due when the function that this resolves with is called. */
  prepareRelease(): Promise<() => Promise<void>>
  /** Resolves when no stage of any document is left to do. */
  finished(): Promise<void>
  /** Throws DeliveryError unless each document is completed, with one completed event a step, and has as many points as chunks, and some. */
  expectDelivered(documentIds: readonly string[]): Promise<void>
  close(): Promise<void>
}

export async function openProduct(at: { ingestUrl: string; apiKey: string; ownerUrl: string; dataDir: string }): Promise<Product> {
  const owner = await connectAsOwner(at.ownerUrl)
  const search = createSqliteSearch({ path: join(at.dataDir, 'search.sqlite') })
  return {
    owner,
    upload: (documents) => uploadAll(at, documents),
    hold: async () => {
      await owner.query(`CREATE OR REPLACE FUNCTION bench_hold() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.due_at := now() + interval '1 day'; RETURN NEW; END $$`)
      await owner.query('CREATE TRIGGER bench_hold BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION bench_hold()')
    },
    prepareRelease: async () => {
      await owner.query('DROP TRIGGER bench_hold ON outbox')
      return async () => {
        await owner.query(`UPDATE outbox SET due_at = now(); NOTIFY ${OUTBOX_CHANNEL}`)
      }
    },
    finished: () => finished(owner),
    expectDelivered: async (documentIds) => {
      await expectRows(owner, documentIds)
      const { rows } = await owner.query<{ tenant_id: string; document_id: string; chunks: number }>(
        'SELECT tenant_id, document_id, count(*)::int AS chunks FROM chunks WHERE document_id = ANY ($1) GROUP BY 1, 2',
        [documentIds],
      )
      expectExactly('documents with chunks', rows.length, documentIds.length)
      for (const { chunks, ...document } of rows) expectExactly('points of a document', await search.countDocument(document), chunks)
    },
    close: async () => {
      await search.close()
      await owner.end()
    },
  }
}

/** Sees every tenant's rows. It is closed at the end of the run, if nobody closes it before. */
export async function connectAsOwner(ownerUrl: string): Promise<Client> {
  const client = new Client({ connectionString: ownerUrl, options: `-c search_path=${SCHEMA}` })
  // The next query on a lost connection fails and says why; unheard, the event would end the process before everything is stopped.
  client.on('error', () => undefined)
  await client.connect()
  const { done } = atEnd(() => client.end())
  client.once('end', done)
  return client
}

/** Resolves when the processes have next to nothing to do: children that are being replaced have started, what was put off is done. */
export async function idle(pids: readonly number[]): Promise<void> {
  const deadlineMs = performance.now() + IDLE_WAIT_MS_MAX
  for (let before = cpuMsOf(pids); ; ) {
    await sleep(IDLE_WINDOW_MS)
    const now = cpuMsOf(pids)
    if (now - before <= IDLE_CPU_MS_MAX) return
    if (performance.now() > deadlineMs) throw new Error(`the system was never idle in ${IDLE_WAIT_MS_MAX} ms`)
    before = now
  }
}

async function uploadAll(at: { ingestUrl: string; apiKey: string }, documents: readonly BenchDocument[]): Promise<string[]> {
  const ids: string[] = []
  let next = 0
  const uploadInTurn = async () => {
    for (let document = documents[next]; document; document = documents[next]) {
      const index = next++
      ids[index] = await upload(at, document)
    }
  }
  await Promise.all(Array.from({ length: UPLOADS_IN_FLIGHT }, uploadInTurn))
  return ids
}

async function upload({ ingestUrl, apiKey }: { ingestUrl: string; apiKey: string }, document: BenchDocument): Promise<string> {
  const query = new URLSearchParams({ file_name: document.name, on_duplicate: 'new' })
  const response = await fetch(`${ingestUrl}/v1/documents?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': document.mediaType },
    body: new Uint8Array(document.bytes),
  })
  if (response.status !== 202) throw new DeliveryError(`an upload was answered with ${response.status}: ${await response.text()}`)
  return ((await response.json()) as { document_id: string }).document_id
}

/** The next stage becomes due in the transaction that ends the one before, so there is no moment without one before the last. */
async function finished(owner: Client): Promise<void> {
  const deadlineMs = performance.now() + COMPLETION_MS_MAX
  while (performance.now() < deadlineMs) {
    const { rows } = await owner.query(`SELECT FROM stages WHERE status IN ('pending', 'running') LIMIT 1`)
    if (rows.length === 0) return
    await sleep(LOOK_MS)
  }
  throw new DeliveryError(`not every document was finished within ${COMPLETION_MS_MAX} ms`)
}

async function expectRows(owner: Client, documentIds: readonly string[]): Promise<void> {
  const completed = await owner.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM documents WHERE id = ANY ($1) AND status = 'completed'`,
    [documentIds],
  )
  expectExactly('documents completed', completed.rows[0]?.n ?? 0, documentIds.length)
  // An event that closes an intent is that of a model call inside a stage; the stage's own closes none.
  const steps = await owner.query<{ step: string; events: number; documents: number }>(
    `SELECT body::jsonb->>'step' AS step, count(*)::int AS events, count(DISTINCT document_ids)::int AS documents FROM events
     WHERE document_ids && $1::uuid[] AND phase = 'completed' AND closes IS NULL GROUP BY 1`,
    [documentIds],
  )
  for (const step of STEPS) {
    const found = steps.rows.find((row) => row.step === step)
    expectExactly(`documents with a completed event of step ${step}`, found?.documents ?? 0, documentIds.length)
    expectExactly(`completed events of step ${step}`, found?.events ?? 0, documentIds.length)
  }
}
