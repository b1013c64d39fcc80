import { join } from 'node:path'
import { startIngestBaseline } from './ingest-baseline.ts'
import { startIngestProduct } from './ingest-product.ts'
import type { Load, LoadDone } from './load.ts'
import { DeliveryError, type Options } from './options.ts'
import { type Script, startScript } from './processes.ts'
import { compare, type Row } from './report.ts'
import { interleave, perSecond } from './rounds.ts'
import { openStack } from './stack.ts'

/** From here on neither side gets much faster (measured from 4 to 64). */
const IN_FLIGHT = 32
const GOAL = { of: 'ratio', atLeast: 0.8 } as const
const QUICK_SHARE = 0.1
const NOTE = 'nothing dispatches: the job is the outbox row, as where the workers run on other machines'

/** Uncounted, before the first round: from here on V8 has compiled what it will (measured over 8,000). */
const WARM_UP = { product: 4_000, baseline: 4_000, bytes: 10_000 }

/** `dispatcher`: the engine to which the product's dispatcher publishes meanwhile, its costs included. Requests are those of one round. */
const CASES = [
  { name: 'ingest, 10 kB', bytes: 10_000, dispatcher: null, productRequests: 600, baselineRequests: 4_000 },
  { name: 'ingest, 200 kB', bytes: 200_000, dispatcher: null, productRequests: 400, baselineRequests: 1_500 },
  { name: 'ingest, 10 kB, to Redis', bytes: 10_000, dispatcher: 'redis', productRequests: 600, baselineRequests: 4_000 },
  { name: 'ingest, 10 kB, to PostgreSQL', bytes: 10_000, dispatcher: 'postgres', productRequests: 600, baselineRequests: 4_000 },
] as const

/**
 * Durable requests per second: the product's ingest service over PostgreSQL against a bare server that hashes, writes with fdatasync and adds a job
 * on Redis. Processor time counts the server, the dispatcher and the engines, not the client.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  const stack = await openStack('redis')
  const load = startScript(join(import.meta.dirname, 'load.ts'))
  const sender = createSender(load)
  const product = await startIngestProduct(stack, sender)
  const baseline = await startIngestBaseline(stack, sender)
  const requests = (full: number) => Math.round(full * (quick ? QUICK_SHARE : 1))
  say('ingest, warming up')
  await product.round(requests(WARM_UP.product), WARM_UP.bytes)
  await baseline.round(requests(WARM_UP.baseline), WARM_UP.bytes)
  const rows: Row[] = []
  for (const { name, bytes, dispatcher, productRequests, baselineRequests } of CASES) {
    say(name)
    await product.dispatchTo(dispatcher)
    const measured = await interleave(rounds, {
      product: () => product.round(requests(productRequests), bytes),
      baseline: () => baseline.round(requests(baselineRequests), bytes),
    })
    rows.push(compare({ name, unit: 'requests/s', measured, of: perSecond, goal: GOAL, ...(dispatcher ? {} : { note: NOTE }) }))
  }
  await product.stop()
  await baseline.stop()
  await load.stop()
  await stack.close()
  return rows
}

export interface Sent {
  wallMs: number
  /** Index of the first body. */
  first: number
  /** What was answered, in the order of the bodies. */
  answers: unknown[]
}

/** Sends documents that were never sent before. Throws DeliveryError when one is refused. */
export type Sender = (to: Pick<Load, 'url' | 'headers' | 'count' | 'bytes'>) => Promise<Sent>

function createSender(load: Script): Sender {
  let next = 0
  return async (to) => {
    const first = next
    next += to.count
    const { wallMs, answers, refused } = await load.ask<LoadDone>({ ...to, first, inFlight: IN_FLIGHT } satisfies Load)
    if (refused !== null) throw new DeliveryError(`${to.url} answered ${refused}`)
    return { wallMs, first, answers: answers.map((answer) => JSON.parse(answer)) }
  }
}
