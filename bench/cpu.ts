import { join } from 'node:path'
import { migrate } from '../shared/database/migrations.ts'
import { startBareChain } from './bare-chain.ts'
import { PARTS, type PartsDone, type PartsRequest } from './baseline/parts.ts'
import { type BenchDocument, makePdfs, writeDocuments } from './documents.ts'
import { temporaryFolder } from './folder.ts'
import { expectExactly, type Options } from './options.ts'
import { cpuMsOf, startScript } from './processes.ts'
import { connectAsOwner, idle, openProduct, type Product } from './product.ts'
import { compare, type Goal, type Row } from './report.ts'
import { cpuMsEach, type Figures, interleave, median } from './rounds.ts'
import { openStack, type Stack } from './stack.ts'

const CASES: { pages: number; documents: number; documentsQuick: number; goal: Goal }[] = [
  { pages: 2, documents: 40, documentsQuick: 4, goal: { of: 'difference', atMost: 10 } },
  { pages: 40, documents: 5, documentsQuick: 1, goal: { of: 'ratio', atMost: 1.15 } },
]

/**
 * Processor time for one document: the product's, ingest and workers with their children and both engines, from before the first upload until all is
 * quiet again, against the sum of these bare parts, each warm and one document after the other:
 * - the bytes hashed (SHA-256), encrypted (AES-256-GCM), written to one file, fdatasync;
 * - `pdf-parse` in the same process;
 * - type, language and fields by the rules of the builtin provider;
 * - chunks, vectors and tokens, as the product makes them;
 * - the points written to the search store (SQLite, synchronous and in the same process);
 * - the rows that the product leaves in PostgreSQL, the record's events among them, written by plain `pg` in one transaction for the upload and
 *   one for each stage; the database's own time counts;
 * - as many hops through BullMQ as there are stages on the same engine.
 * Not among them, and so overhead: HTTP, authentication, the sandboxed process and the way of the text out of it, leases, fences and states of stages,
 * the outbox, sealing of columns, validation, and everything that looks at a clock.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  const rows: Row[] = []
  for (const queue of ['redis', 'postgres'] as const) {
    for (const { pages, documents, documentsQuick, goal } of CASES) {
      say(`processor time over ${queue}, ${pages} pages`)
      const stack = await openStack(queue)
      const measured = await measure(stack, await makePdfs(quick ? documentsQuick : documents, pages), rounds)
      rows.push(compare({ name: `CPU, ${pages} pages, ${queue}`, unit: 'ms/document', of: cpuMsEach, goal, ...measured }))
      await stack.close()
    }
  }
  return rows
}

async function measure(stack: Stack, documents: readonly BenchDocument[], rounds: number) {
  const ingest = await stack.service('ingest')
  const workers = await stack.service('workers')
  const product = await openProduct({ ...stack, ingestUrl: ingest.url, ownerUrl: stack.postgres.ownerUrl })
  const pids = [ingest.pid, workers.pid, stack.postgres.pid, ...(stack.redis ? [stack.redis.pid] : [])]
  await idle(pids)
  const document_ids = await product.upload(documents)
  await product.finished()
  const bare = await startBareParts(stack, documents, document_ids)
  const measured = await interleave(rounds, { product: () => throughProduct(product, pids, documents), baseline: bare.run })
  await product.close()
  await bare.stop()
  return { measured, note: `${documents.length} documents; bare: ${bare.describe()}` }
}

async function throughProduct(product: Product, pids: readonly number[], documents: readonly BenchDocument[]): Promise<Figures> {
  await idle(pids)
  const cpuBeforeMs = cpuMsOf(pids)
  const startedAtMs = performance.now()
  const ids = await product.upload(documents)
  await product.finished()
  const wallMs = performance.now() - startedAtMs
  // What is started to replace what was used up belongs to these documents as well.
  await idle(pids)
  const cpuMs = cpuMsOf(pids) - cpuBeforeMs
  await product.expectDelivered(ids)
  return { wallMs, cpuMs, count: documents.length }
}

/** The bare parts in a database of their own on the same server, and the chain on the same engine. */
async function startBareParts(stack: Stack, documents: readonly BenchDocument[], document_ids: readonly string[]) {
  const bareUrl = await makeDatabase(stack, 'bare')
  const folder = temporaryFolder()
  const parts = startScript(join(import.meta.dirname, 'baseline/parts.ts'))
  const engine = stack.redis
    ? ({ name: 'redis', url: stack.redis.url, pid: stack.redis.pid } as const)
    : ({ name: 'postgres', url: bareUrl, pid: stack.postgres.pid } as const)
  const chain = await startBareChain(engine)
  const ask = (request: PartsRequest) => parts.ask<PartsDone | null>(request)
  const files = writeDocuments(join(folder.path, 'in'), documents)
  await ask({ kind: 'load', files, folder: join(folder.path, 'out'), bareUrl, productUrl: stack.postgres.ownerUrl, document_ids })
  const rounds: Record<string, number>[] = []
  return {
    run: async (): Promise<Figures> => {
      await ask({ kind: 'clear' })
      const own = cpuMsOf([parts.pid])
      const database = cpuMsOf([stack.postgres.pid])
      const done = await ask({ kind: 'run' })
      if (!done) throw new Error('the bare parts did not answer')
      expectExactly('pages of the bare parts', done.pages, documents.length * (documents[0]?.pages ?? 0))
      const ownMs = cpuMsOf([parts.pid]) - own
      const databaseMs = cpuMsOf([stack.postgres.pid]) - database
      const chained = await chain.run(documents.length)
      rounds.push({ ...done.cpuMs, PostgreSQL: databaseMs, chain: chained.cpuMs })
      return { wallMs: done.wallMs + chained.wallMs, cpuMs: ownMs + databaseMs + chained.cpuMs, count: documents.length }
    },
    describe: () =>
      [...PARTS, 'PostgreSQL', 'chain']
        .map((part) => `${part} ${(median(rounds.slice(1).map((round) => round[part] ?? 0)) / documents.length).toFixed(1)}`)
        .join(', '),
    stop: async () => {
      await parts.stop()
      await chain.stop()
      folder.remove()
    },
  }
}

async function makeDatabase(stack: Stack, name: string): Promise<string> {
  const owner = await connectAsOwner(stack.postgres.ownerUrl)
  await owner.query(`CREATE DATABASE ${name}`)
  await owner.end()
  const url = new URL(stack.postgres.ownerUrl)
  url.pathname = `/${name}`
  await migrate(url.href, stack.postgres.serviceUrl)
  return url.href
}
