import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { UploadAccepted } from '../shared/contracts/document.ts'
import { bodyOf } from './bodies.ts'
import type { Sender, Sent } from './ingest.ts'
import { DeliveryError, expectExactly } from './options.ts'
import { cpuMsOf } from './processes.ts'
import { connectAsOwner } from './product.ts'
import type { Figures } from './rounds.ts'
import type { Service, Stack } from './stack.ts'

/** Originals that are read back and compared with what was sent, each round. */
const SAMPLES = 10
const DISPATCH_WAIT_MS = 120_000
const POLL_MS = 10

export interface IngestContender {
  round(count: number, bytes: number): Promise<Figures>
  stop(): Promise<void>
}

export interface IngestProduct extends IngestContender {
  /** From now on the product's dispatcher publishes what is accepted to this engine; null: nothing does, and outbox rows stay. Forgets earlier rows. */
  dispatchTo(engine: 'redis' | 'postgres' | null): Promise<void>
}

/** The product's ingest service over the stack's PostgreSQL. It never touches a queue: that is the dispatcher's, a process of its own. */
export async function startIngestProduct(stack: Stack, send: Sender): Promise<IngestProduct> {
  const owner = await connectAsOwner(stack.postgres.ownerUrl)
  const ingest = await stack.service('ingest')
  const authorization = { authorization: `Bearer ${stack.apiKey}` }
  let dispatcher: Service | null = null
  let pids = [ingest.pid, stack.postgres.pid]
  return {
    dispatchTo: async (engine) => {
      await dispatcher?.stop()
      await owner.query('TRUNCATE outbox')
      // An empty variable counts as unset, and then the queue is PostgreSQL's.
      const env: Record<string, string> = engine === 'postgres' ? { QUEUE_URL: '' } : {}
      dispatcher = engine ? await stack.start(join(import.meta.dirname, 'dispatcher.ts'), env) : null
      pids = [ingest.pid, stack.postgres.pid]
      if (dispatcher) pids.push(dispatcher.pid)
      if (engine === 'redis' && stack.redis) pids.push(stack.redis.pid)
    },
    round: async (count, bytes) => {
      const jobsBefore = await jobsOf(dispatcher)
      const cpuBeforeMs = cpuMsOf(pids)
      const sent = await send({ url: `${ingest.url}/v1/documents`, headers: authorization, count, bytes })
      if (dispatcher) await dispatched(owner)
      const cpuMs = cpuMsOf(pids) - cpuBeforeMs
      const ids = sent.answers.map((answer) => UploadAccepted.parse(answer).document_id)
      await checkRows(owner, ids, dispatcher ? 0 : count)
      await checkFiles(owner, stack.dataDir, ids)
      await checkContent(ingest, authorization, ids, { ...sent, bytes })
      if (dispatcher) expectExactly('jobs in the queue', (await jobsOf(dispatcher)) - jobsBefore, count)
      return { wallMs: sent.wallMs, cpuMs, count }
    },
    stop: async () => {
      await dispatcher?.stop()
      await ingest.stop()
      await owner.end()
    },
  }
}

async function jobsOf(dispatcher: Service | null): Promise<number> {
  return dispatcher ? (await dispatcher.ask<{ jobs: number }>({})).jobs : 0
}

async function dispatched(owner: Client): Promise<void> {
  const deadlineMs = Date.now() + DISPATCH_WAIT_MS
  while ((await count(owner, 'SELECT count(*) FROM outbox', [])) > 0) {
    if (Date.now() > deadlineMs) throw new DeliveryError('the dispatcher did not publish every outbox row')
    await sleep(POLL_MS)
  }
}

/** One row of each kind for each answer. */
async function checkRows(owner: Client, ids: readonly string[], outboxRows: number): Promise<void> {
  expectExactly('documents answered', new Set(ids).size, ids.length)
  const expected = { documents: ids.length, revisions: ids.length, stages: ids.length, artifacts: ids.length, outbox: outboxRows }
  for (const [table, rows] of Object.entries(expected)) {
    const key = table === 'documents' ? 'id' : 'document_id'
    expectExactly(`rows in ${table}`, await count(owner, `SELECT count(*) FROM ${table} WHERE ${key} = ANY ($1)`, [ids]), rows)
  }
  expectExactly('events', await count(owner, 'SELECT count(*) FROM events WHERE document_ids && $1', [ids]), ids.length)
}

/** One file for each answer, and none besides. */
async function checkFiles(owner: Client, dataDir: string, ids: readonly string[]): Promise<void> {
  const entries = await readdir(join(dataDir, 'blobs/objects'), { recursive: true, withFileTypes: true })
  const stored = new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.name))
  expectExactly('files of this round', ids.filter((id) => stored.has(id)).length, ids.length)
  expectExactly('files', stored.size, await count(owner, 'SELECT count(*) FROM documents', []))
}

/** What is stored decrypts to what was sent. */
async function checkContent(
  ingest: Service,
  headers: Record<string, string>,
  ids: readonly string[],
  { first, bytes }: Pick<Sent, 'first'> & { bytes: number },
): Promise<void> {
  for (let sample = 0; sample < SAMPLES; sample++) {
    const index = Math.floor((sample * ids.length) / SAMPLES)
    const response = await fetch(`${ingest.url}/v1/documents/${ids[index]}/content`, { headers })
    const content = Buffer.from(await response.arrayBuffer())
    if (!response.ok || !content.equals(bodyOf(first + index, bytes)))
      throw new DeliveryError(`document ${ids[index]} is not what was sent`)
  }
}

async function count(owner: Client, statement: string, values: unknown[]): Promise<number> {
  const { rows } = await owner.query<{ count: string }>(statement, values)
  return Number(rows[0]?.count)
}
