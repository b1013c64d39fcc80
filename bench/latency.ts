import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import type { Stage } from '../shared/contracts/jobs.ts'
import { PROGRESS_CHANNEL } from '../shared/database/stages.ts'
import { type BenchDocument, makePdfs, makeText } from './documents.ts'
import { DeliveryError, type Options } from './options.ts'
import { connectAsOwner, idle, openProduct, type Product } from './product.ts'
import { type Row, single } from './report.ts'
import { median } from './rounds.ts'
import { openStack, type Stack, startStandalone } from './stack.ts'
import { STAGES_OF_A_DOCUMENT } from './stages.ts'

/** Of each kind, one at a time, after one that is not counted. */
const DOCUMENTS = 15
const DOCUMENTS_QUICK = 3
const PAGES = 2
/** A document is found from the commit that ends this stage. */
const SEARCHABLE = 'index' satisfies Stage
/** So that documents do not keep step with anything that runs by a clock. */
const PAUSE_MS_MAX = 200
/** Silence after which somebody looks whether the document is done; not earlier, because looking would take time from it. */
const QUIET_MS = 50
const CLOCK_SAMPLES = 5
const GOAL = { of: 'product', atMost: 2 } as const

type Deployment = 'one process' | 'workers apart'

interface System {
  urls: { ingest: string; retrieval: string }
  apiKey: string
  dataDir: string
  pids: number[]
  stop(): Promise<void>
}

/**
 * On an idle system, one document at a time: from its 202 until a search for a word of it finds it, less the service times of the stages, divided by
 * their number. A stage's service is what its row says, from `started_at` to `finished_at`: from the transaction that claims it to the one that ends
 * it, that last one not included, so what the last one takes counts as idle time too. The note says how long each leg took:
 * `a→b` from the commit that makes b due to b's start, `a ends` the transaction that ends a. Commits are seen as every follower sees them, by the
 * notification that PostgreSQL sends when the commit is durable.
 */
export async function run({ quick, say }: Options): Promise<Row[]> {
  const rows: Row[] = []
  const count = 1 + (quick ? DOCUMENTS_QUICK : DOCUMENTS)
  const kinds = [
    { kind: 'text', documents: Array.from({ length: count }, (_, index) => makeText(index + 1)) },
    { kind: `${PAGES}-page PDF`, documents: await makePdfs(count, PAGES) },
  ]
  for (const queue of ['redis', 'postgres'] as const) {
    for (const deployment of ['one process', 'workers apart'] as const) {
      say(`latency over ${queue}, ${deployment}`)
      const stack = await openStack(queue)
      const system = await start(stack, deployment)
      const product = await openProduct({ ...system, ingestUrl: system.urls.ingest, ownerUrl: stack.postgres.ownerUrl })
      const follower = await follow(stack.postgres.ownerUrl)
      for (const { kind, documents } of kinds) {
        const journeys: Journey[] = []
        for (const document of documents) journeys.push(await travel(system, product, follower, document))
        rows.push(summarise(`idle per stage, ${kind}, ${queue}, ${deployment}`, journeys.slice(1)))
      }
      await follower.close()
      await product.close()
      await system.stop()
      await stack.close()
    }
  }
  return rows
}

async function start(stack: Stack, deployment: Deployment): Promise<System> {
  const engines = [stack.postgres.pid, ...(stack.redis ? [stack.redis.pid] : [])]
  if (deployment === 'workers apart') {
    const ingest = await stack.service('ingest')
    const retrieval = await stack.service('retrieval')
    const workers = await stack.service('workers')
    return {
      urls: { ingest: ingest.url, retrieval: retrieval.url },
      apiKey: stack.apiKey,
      dataDir: stack.dataDir,
      pids: [ingest.pid, retrieval.pid, workers.pid, ...engines],
      stop: async () => undefined,
    }
  }
  const all = await startStandalone({
    DATABASE_URL: stack.postgres.serviceUrl,
    DATABASE_OWNER_URL: stack.postgres.ownerUrl,
    MASTER_KEY: stack.masterKey.toString('base64'),
    ...(stack.redis ? { QUEUE_URL: stack.redis.url } : {}),
  })
  const { url, dataDir, stop } = all
  return { urls: { ingest: url, retrieval: url }, apiKey: stack.apiKey, dataDir, pids: [all.pid, ...engines], stop }
}

/** Stages up to the one that makes a document searchable, in order. */
const STAGES = STAGES_OF_A_DOCUMENT.slice(0, STAGES_OF_A_DOCUMENT.indexOf(SEARCHABLE) + 1)

/** One document's way, in ms. */
interface Journey {
  /** From its 202 to the commit from which it is found. */
  total: number
  service: number
  legs: Record<string, number>
}

async function travel(system: System, product: Product, follower: Follower, document: BenchDocument): Promise<Journey> {
  await idle(system.pids)
  await sleep(Math.random() * PAUSE_MS_MAX)
  const clockAheadMs = await clockOfDatabase(product.owner)
  const [documentId = ''] = await product.upload([document])
  const acceptedAtMs = nowMs()
  await follower.quietAfter(
    async () =>
      (await product.owner.query('SELECT FROM documents WHERE id = $1 AND completed_at IS NOT NULL', [documentId])).rowCount === 1,
  )
  await product.expectDelivered([documentId])
  await expectFound(system, documentId, document.word)

  const { rows } = await product.owner.query<{ stage: Stage; started: number; finished: number }>(
    `SELECT stage, extract(epoch FROM started_at)::float8 * 1000 AS started, extract(epoch FROM finished_at)::float8 * 1000 AS finished
     FROM stages WHERE document_id = $1`,
    [documentId],
  )
  const commits = follower.take(documentId)
  const legs: Record<string, number> = {}
  let dueAtMs = acceptedAtMs
  let before = '202'
  let service = 0
  for (const stage of STAGES) {
    const row = rows.find((candidate) => candidate.stage === stage)
    if (!row) throw new DeliveryError(`there is no stage ${stage}`)
    const startedAtMs = row.started - clockAheadMs
    const finishedAtMs = row.finished - clockAheadMs
    // `finished_at` is when the transaction that ends the stage began: the next notification is of its commit.
    const committedAtMs = commits.find((atMs) => atMs > finishedAtMs)
    if (committedAtMs === undefined) throw new DeliveryError(`nobody was told that ${stage} ended`)
    legs[`${before}→${stage}`] = startedAtMs - dueAtMs
    legs[`${stage} ends`] = committedAtMs - finishedAtMs
    service += finishedAtMs - startedAtMs
    dueAtMs = committedAtMs
    before = stage
  }
  return { total: dueAtMs - acceptedAtMs, service, legs }
}

function summarise(name: string, journeys: readonly Journey[]): Row {
  const middle = (of: (journey: Journey) => number) => median(journeys.map(of))
  const legs = Object.keys(journeys[0]?.legs ?? {}).map((leg) => `${leg} ${middle((journey) => journey.legs[leg] ?? 0).toFixed(1)}`)
  const handOver = middle(
    ({ legs }) =>
      sum(
        Object.entries(legs)
          .filter(([leg]) => leg.includes('→'))
          .map(([, ms]) => ms),
      ) / STAGES.length,
  )
  return single({
    name,
    unit: 'ms',
    product: middle(({ total, service }) => (total - service) / STAGES.length),
    goal: GOAL,
    note: `searchable after ${middle(({ total }) => total).toFixed(1)} ms, service ${middle(({ service }) => service).toFixed(1)} ms; from commit to start alone ${handOver.toFixed(1)} ms a stage; ${legs.join(', ')}`,
  })
}

interface Follower {
  /** Resolves when `done` says so, asked when no notification came for a while. */
  quietAfter(done: () => Promise<boolean>): Promise<void>
  /** When the document's commits were heard, in order; they are forgotten. */
  take(documentId: string): number[]
  close(): Promise<void>
}

async function follow(ownerUrl: string): Promise<Follower> {
  const heard = new Map<string, number[]>()
  let lastAtMs = 0
  const client = await connectAsOwner(ownerUrl)
  client.on('notification', ({ payload = '' }) => {
    lastAtMs = nowMs()
    heard.set(payload, [...(heard.get(payload) ?? []), lastAtMs])
  })
  await client.query(`LISTEN ${PROGRESS_CHANNEL}`)
  return {
    quietAfter: async (done) => {
      for (;;) {
        await sleep(QUIET_MS)
        if (nowMs() - lastAtMs >= QUIET_MS && (await done())) return
      }
    },
    take: (documentId) => {
      const times = heard.get(documentId) ?? []
      heard.delete(documentId)
      return times
    },
    close: () => client.end(),
  }
}

async function expectFound({ urls, apiKey }: System, documentId: string, word: string): Promise<void> {
  const response = await fetch(`${urls.retrieval}/v1/search`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: word, limit: 1 }),
  })
  const { hits } = (await response.json()) as { hits?: { document_id: string }[] }
  if (hits?.[0]?.document_id !== documentId)
    throw new DeliveryError(`a search for a word of a document does not find it first (${response.status})`)
}

/** How far PostgreSQL's clock is ahead of ours, in ms: by the quickest of a few questions, so to within half of what that one took. */
async function clockOfDatabase(owner: Client): Promise<number> {
  let best = { tookMs: Number.POSITIVE_INFINITY, aheadMs: 0 }
  for (let sample = 0; sample < CLOCK_SAMPLES; sample++) {
    const askedAtMs = nowMs()
    const { rows } = await owner.query<{ at: number }>('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at')
    const tookMs = nowMs() - askedAtMs
    if (tookMs < best.tookMs) best = { tookMs, aheadMs: (rows[0]?.at ?? 0) - (askedAtMs + tookMs / 2) }
  }
  return best.aheadMs
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
