import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd } from './cleanup.ts'
import { DeliveryError, type Options } from './options.ts'
import { startScript } from './processes.ts'
import { type Row, single } from './report.ts'
import { openStack } from './stack.ts'

const LATENCY_MS = 800
const AT_ONCE = 128
/** From the first call on; the search for the limit takes some seconds of it. */
const MEASURED_MS = 60_000
const MEASURED_MS_QUICK = 10_000
/** When the limit has been found. */
const SETTLED_MS = 10_000
/** Retry-After in seconds, as the header has it: nobody calls meanwhile. */
const CASES = [
  { processes: 1, retryAfter: null },
  { processes: 3, retryAfter: null },
  { processes: 3, retryAfter: '1' },
] as const
const GOAL = { of: 'product', atLeast: 0.95 } as const
const WORKER = join(import.meta.dirname, 'limits-worker.ts')

/**
 * How many of a provider's slots are in use, time × slots, while there is always more work than slots: a server that answers in 800 ms, serves 128 calls at
 * once and answers 429 above. The processes share what they know over each store, and know nothing when they begin.
 */
export async function run({ quick, say }: Options): Promise<Row[]> {
  const rows: Row[] = []
  const measuredMs = quick ? MEASURED_MS_QUICK : MEASURED_MS
  const stack = await openStack('redis')
  const stores = [
    ['redis', stack.redis?.url ?? ''],
    ['postgres', stack.postgres.serviceUrl],
  ] as const
  for (const [store, url] of stores) {
    for (const { processes, retryAfter } of CASES) {
      say(`slots in use, ${processes} over ${store}${retryAfter ? ', with Retry-After' : ''}`)
      rows.push(await measure({ store, url, processes, retryAfter, measuredMs }))
    }
  }
  await stack.close()
  return rows
}

interface Case {
  store: 'redis' | 'postgres'
  url: string
  processes: number
  retryAfter: string | null
  measuredMs: number
}

async function measure({ store, url, processes, retryAfter, measuredMs }: Case): Promise<Row> {
  const provider = await startProvider(retryAfter)
  const workers = Array.from({ length: processes }, () => startScript(WORKER, [provider.url, store, url]))
  await provider.called
  const fromFirst = provider.measure()
  await sleep(Math.min(SETTLED_MS, measuredMs / 2))
  const settled = provider.measure()
  await sleep(measuredMs - Math.min(SETTLED_MS, measuredMs / 2))
  const [all, late] = [fromFirst(), settled()]
  for (const worker of workers) await worker.stop()
  await provider.stop()
  if (all.answered === 0) throw new DeliveryError('no call was answered')
  const processesInWords = processes === 1 ? 'one process' : `${processes} processes`
  return single({
    name: `slots in use, ${processesInWords}, ${store}${retryAfter ? `, 429 with Retry-After ${retryAfter}` : ''}`,
    unit: 'of 128',
    product: all.share,
    goal: GOAL,
    note: `first ${measuredMs / 1_000} s, search included; from ${SETTLED_MS / 1_000} s on ${late.share.toFixed(3)}; ${all.answered} calls answered, ${all.refused} refused, ${late.refused} of these after ${SETTLED_MS / 1_000} s`,
  })
}

interface Measured {
  /** Mean of the slots in use, of all that there are. */
  share: number
  answered: number
  refused: number
}

interface Provider {
  readonly url: string
  /** The first call has come. */
  readonly called: Promise<void>
  /** Measures from now until the answer is called. */
  measure(): () => Measured
  stop(): Promise<void>
}

async function startProvider(retryAfter: string | null): Promise<Provider> {
  const { promise: called, resolve: begin } = Promise.withResolvers<void>()
  const total = { servingMs: 0, answered: 0, refused: 0 }
  let [serving, countedAtMs] = [0, performance.now()]
  const change = (by: number) => {
    const nowMs = performance.now()
    total.servingMs += serving * (nowMs - countedAtMs)
    countedAtMs = nowMs
    serving += by
  }
  const serve = (response: ServerResponse) => {
    change(1)
    setTimeout(() => {
      change(-1)
      total.answered++
      response.end('{}')
    }, LATENCY_MS)
  }
  const server = createServer((request, response) => {
    begin()
    request.resume()
    if (serving < AT_ONCE) return serve(response)
    total.refused++
    response.writeHead(429, retryAfter === null ? {} : { 'retry-after': retryAfter }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cleanup = atEnd(async () => void server.closeAllConnections())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    called,
    measure: () => {
      change(0)
      const [from, fromMs] = [{ ...total }, performance.now()]
      return () => {
        change(0)
        const slotsMs = AT_ONCE * (performance.now() - fromMs)
        return {
          share: (total.servingMs - from.servingMs) / slotsMs,
          answered: total.answered - from.answered,
          refused: total.refused - from.refused,
        }
      }
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      cleanup.done()
    },
  }
}
