import { join } from 'node:path'
import { HOPS, startBareChain } from './bare-chain.ts'
import { PARSE_MODES, type Parsed, type ParseRequest } from './baseline/parse.ts'
import { type BenchDocument, makePdfs, writeDocuments } from './documents.ts'
import { temporaryFolder } from './folder.ts'
import { expectExactly, type Options } from './options.ts'
import { cpuMsOf, type Script, startScript } from './processes.ts'
import { idle, openProduct, type Product } from './product.ts'
import { compare, type Row } from './report.ts'
import { type Figures, interleave, median, perSecond } from './rounds.ts'
import { openStack, type Stack } from './stack.ts'

const PAGES = 2
const DOCUMENTS = 100
const DOCUMENTS_QUICK = 10
const GOAL = { of: 'ratio', atLeast: 0.7 } as const

/**
 * Documents per second through the product, ingest and workers in a process each, from the moment at which all of them are due to the last
 * completion: uploading is not in it. Against the slower of two bare parts over the same documents: `pdf-parse` alone in one process, and a chain of
 * BullMQ queues on the same engine with the product's payload and concurrency.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  const documents = await makePdfs(quick ? DOCUMENTS_QUICK : DOCUMENTS, PAGES)
  const folder = temporaryFolder()
  const parser = startScript(join(import.meta.dirname, 'baseline/parse.ts'))
  await parser.ask<Parsed>({ kind: 'load', files: writeDocuments(folder.path, documents) } satisfies ParseRequest)
  const rows: Row[] = []
  for (const queue of ['redis', 'postgres'] as const) {
    say(`pipeline over ${queue}`)
    const stack = await openStack(queue)
    rows.push(await measure(stack, parser, documents, rounds))
    await stack.close()
  }
  await parser.stop()
  folder.remove()
  return rows
}

async function measure(stack: Stack, parser: Script, documents: readonly BenchDocument[], rounds: number): Promise<Row> {
  const engine = stack.redis
    ? ({ name: 'redis', url: stack.redis.url, pid: stack.redis.pid } as const)
    : ({ name: 'postgres', url: stack.postgres.ownerUrl, pid: stack.postgres.pid } as const)
  const chain = await startBareChain(engine)
  const ingest = await stack.service('ingest')
  const workers = await stack.service('workers')
  const product = await openProduct({ ...stack, ingestUrl: ingest.url, ownerUrl: stack.postgres.ownerUrl })
  const pids = [ingest.pid, workers.pid, stack.postgres.pid, ...(stack.redis ? [stack.redis.pid] : [])]
  const parsed: Figures[] = []
  const chained: Figures[] = []
  const measured = await interleave(rounds, {
    product: () => throughProduct(product, pids, documents),
    baseline: async () => {
      const bare = { parse: await throughParser(parser, documents), chain: await chain.run(documents.length) }
      parsed.push(bare.parse)
      chained.push(bare.chain)
      return perSecond(bare.parse) < perSecond(bare.chain) ? bare.parse : bare.chain
    },
  })
  await product.close()
  await chain.stop()
  const middle = (figures: Figures[]) => median(figures.slice(1).map(perSecond)).toFixed(0)
  const note = `${documents.length} documents of ${PAGES} pages; extraction alone ${middle(parsed)}/s, ${HOPS} BullMQ hops alone ${middle(chained)}/s`
  return compare({ name: `pipeline over ${engine.name}`, unit: 'documents/s', measured, of: perSecond, goal: GOAL, note })
}

async function throughProduct(product: Product, pids: readonly number[], documents: readonly BenchDocument[]): Promise<Figures> {
  await product.hold()
  const ids = await product.upload(documents)
  const release = await product.prepareRelease()
  await idle(pids)
  const cpuBeforeMs = cpuMsOf(pids)
  const startedAtMs = performance.now()
  await release()
  await product.finished()
  const wallMs = performance.now() - startedAtMs
  const cpuMs = cpuMsOf(pids) - cpuBeforeMs
  await product.expectDelivered(ids)
  return { wallMs, cpuMs, count: documents.length }
}

/** The faster of both ways to ask for the text. */
async function throughParser(parser: Script, documents: readonly BenchDocument[]): Promise<Figures> {
  const runs: Figures[] = []
  for (const mode of PARSE_MODES) {
    const cpuBeforeMs = cpuMsOf([parser.pid])
    const { wallMs, pages } = await parser.ask<Parsed>({ kind: 'parse', mode } satisfies ParseRequest)
    expectExactly('pages parsed', pages, documents.length * PAGES)
    runs.push({ wallMs, cpuMs: cpuMsOf([parser.pid]) - cpuBeforeMs, count: documents.length })
  }
  return runs.reduce((best, figures) => (perSecond(figures) > perSecond(best) ? figures : best))
}
