import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { providerConfig, registerWith } from '../test/support/provider-config.ts'
import { makePdfs, makeText } from './documents.ts'
import type { ModelLoad, ModelRequest } from './model-server.ts'
import { DeliveryError, type Options } from './options.ts'
import { cpuMsOf, type Script, startScript } from './processes.ts'
import { openProduct, type Product } from './product.ts'
import { type Row, single } from './report.ts'
import { openStack } from './stack.ts'

/** The provider's: it answers after so long, allows so many at once, and answers 429 above. */
const ANSWER_MS = 800
const AT_ONCE = 128
const WORKERS = [1, 3] as const
/** Letters of a page, so that calls are measured and not the reading of long texts: a call to classify and one to extract each. */
const TEXTS = 2_400
const TEXT_PAGES = 1
/** Long documents for the extractors, so that they have work all the while. */
const PDFS = 20
const PDF_PAGES = 40
const PDF_COPIES = 15
const QUICK_SHARE = 0.1
/** As long as so many documents wait for their model there is work for every slot. */
const BACKLOG = 2 * AT_ONCE
const SAMPLE_MS = 100
const WAIT_MS_MAX = 240_000
const GOAL = { of: 'product', atLeast: 95 } as const

/**
 * How much of what the provider allows is in use while there is work for all of it: the time that its slots were taken, counted by the provider
 * itself. Beside the calls, extractors read long PDFs. What comes after the model (index) waits, so that only calls and extraction are measured. The
 * first documents of each system find the provider's limit; they are not in the figure, and the note says how long that took.
 */
export async function run({ quick, say }: Options): Promise<Row[]> {
  const rows: Row[] = []
  for (const queue of ['redis', 'postgres'] as const) {
    for (const workers of WORKERS) {
      say(`calls in flight over ${queue}, ${workers === 1 ? 'one worker' : `${workers} workers`}`)
      rows.push(await measure(queue, workers, quick ? QUICK_SHARE : 1))
    }
  }
  return rows
}

async function measure(queue: 'redis' | 'postgres', workers: number, share: number): Promise<Row> {
  const stack = await openStack(queue)
  const model = startScript(join(import.meta.dirname, 'model-server.ts'))
  const { baseUrl } = await tell(model, { kind: 'limit', answerAfterMs: ANSWER_MS, atOnce: AT_ONCE })
  const environment = { ...providerConfig(baseUrl), PROCESSORS_FILE: registerWith(baseUrl), PROVIDERS_EMBED: 'builtin' }
  const ingest = await stack.service('ingest', environment)
  const services = await Promise.all(Array.from({ length: workers }, () => stack.service('workers', environment)))
  const product = await openProduct({ ...stack, ingestUrl: ingest.url, ownerUrl: stack.postgres.ownerUrl })
  await readTexts(product, share)
  await product.hold()
  const pdfs = await makePdfs(Math.ceil(PDFS * share), PDF_PAGES)
  await product.upload(Array.from({ length: PDF_COPIES }, () => pdfs).flat())
  const release = await product.prepareRelease()
  await product.owner.query('DROP TRIGGER bench_wait ON outbox')
  await product.owner.query(`CREATE FUNCTION bench_stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`)
  await product.owner.query(
    `CREATE TRIGGER bench_stop BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.stage = 'index') EXECUTE FUNCTION bench_stop()`,
  )
  const startedAtMs = performance.now()
  await release()
  const { used, foundAfterMs, windowMs, turnedAway, extractorCores } = await watch(
    product,
    model,
    services.map((service) => service.pid),
    startedAtMs,
  )
  await product.close()
  for (const service of services) await service.stop()
  await model.stop()
  await stack.close()
  const note =
    `over ${(windowMs / 1_000).toFixed(0)} s in which at least ${BACKLOG} documents waited for their model; the limit was found ${(foundAfterMs / 1_000).toFixed(1)} s after ` +
    `the first document was due; ${turnedAway} calls were answered 429; workers and extractors used ${extractorCores.toFixed(2)} cores`
  return single({
    name: `calls in flight, ${queue}, ${workers === 1 ? 'one worker' : `${workers} workers`}`,
    unit: `% of ${AT_ONCE}`,
    product: used * 100,
    goal: GOAL,
    note,
  })
}

interface Watched {
  used: number
  foundAfterMs: number
  windowMs: number
  turnedAway: number
  extractorCores: number
}

/** From the first moment at which nine tenths of the slots were taken until work for all of them runs out. */
async function watch(product: Product, model: Script, pids: readonly number[], startedAtMs: number): Promise<Watched> {
  let foundAfterMs: number | null = null
  let first: ModelLoad | undefined
  let last: ModelLoad | undefined
  let cpu = { firstMs: 0, lastMs: 0 }
  const deadlineMs = performance.now() + WAIT_MS_MAX
  while (performance.now() < deadlineMs) {
    const [load, waiting] = await Promise.all([tell(model, { kind: 'load' }), backlog(product)])
    if (foundAfterMs === null && waiting >= BACKLOG && load.inFlight >= AT_ONCE * 0.9) {
      foundAfterMs = performance.now() - startedAtMs
      await tell(model, { kind: 'reset' })
      first = await tell(model, { kind: 'load' })
      cpu = { firstMs: cpuMsOf(pids), lastMs: 0 }
    } else if (foundAfterMs !== null && waiting < BACKLOG) break
    else if (foundAfterMs !== null) {
      last = load
      cpu.lastMs = cpuMsOf(pids)
    }
    await sleep(SAMPLE_MS)
  }
  if (foundAfterMs === null || !first || !last) throw new DeliveryError(`the provider's limit was not reached within ${WAIT_MS_MAX} ms`)
  const windowMs = last.elapsedMs - first.elapsedMs
  return {
    used: (last.inFlightMs - first.inFlightMs) / (AT_ONCE * windowMs),
    foundAfterMs,
    windowMs,
    turnedAway: last.turnedAway,
    extractorCores: (cpu.lastMs - cpu.firstMs) / windowMs,
  }
}

/** Documents that wait for their model, or are at it. */
async function backlog({ owner }: Product): Promise<number> {
  const { rows } = await owner.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM stages WHERE stage = 'enrich' AND status IN ('pending', 'running')`,
  )
  return rows[0]?.n ?? 0
}

/** Until all of them wait for their model. */
async function readTexts(product: Product, share: number): Promise<void> {
  await product.owner.query(`CREATE FUNCTION bench_wait() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.due_at := now() + interval '1 day'; RETURN NEW; END $$`)
  await product.owner.query(
    `CREATE TRIGGER bench_wait BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.stage = 'enrich') EXECUTE FUNCTION bench_wait()`,
  )
  const texts = Array.from({ length: Math.ceil(TEXTS * share) }, (_, index) => makeText(index + 1, TEXT_PAGES))
  await product.upload(texts)
  const deadlineMs = performance.now() + WAIT_MS_MAX
  while ((await backlog(product)) < texts.length) {
    if (performance.now() > deadlineMs) throw new DeliveryError(`the texts were not read within ${WAIT_MS_MAX} ms`)
    await sleep(SAMPLE_MS)
  }
}

function tell(model: Script, request: ModelRequest): Promise<ModelLoad> {
  return model.ask<ModelLoad>(request)
}
