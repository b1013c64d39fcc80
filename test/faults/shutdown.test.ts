import { expect, test } from 'vitest'
import type { UploadAccepted } from '../../shared/contracts/document.ts'
import { JOBS, STAGES, type Stage } from '../../shared/contracts/jobs.ts'
import { isRunning } from '../support/process.ts'
import { childrenOf } from '../support/process-tree.ts'
import { places, type ServiceProcess, type ServiceProcesses, serviceProcesses, takenIn } from '../support/service-processes.ts'
import { type SlowAnswer, slowUpload } from '../support/slow-upload.ts'
import { waitUntil } from '../support/wait.ts'
import { heldModel } from './held-model.ts'
import { NOTHING, sweptClean, traces, untilCompletedOnce } from './outcomes.ts'
import { type OverQueue, overPostgres, overRedis, type QueueEngine } from './queues.ts'
import { send, upload } from './requests.ts'
import { letter } from './texts.ts'

const TEST_MS = 240_000
/** Of the stages that take many starts at once, so many are as good as all. */
const STARTS_MAX = 8
const busyStarts = (stage: Stage) => Math.min(JOBS[stage].concurrency, STARTS_MAX)
/** What Kubernetes gives a process by default before it kills it. Ours needs 17 s at the most. */
const END_MS_MAX = 30_000

/** A document is completed by nobody while somebody holds this table. */
const GATE_BEFORE_COMPLETION = `
  CREATE TABLE completion_gate ();
  CREATE FUNCTION pass_completion_gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = greffier
    AS $$ BEGIN LOCK TABLE completion_gate IN ROW EXCLUSIVE MODE; RETURN NEW; END $$;
  CREATE TRIGGER completion_gate BEFORE UPDATE OF completed_at ON revisions FOR EACH ROW EXECUTE FUNCTION pass_completion_gate();`

test('SIGTERM while a worker is busy with every stage: what can end ends, the rest is handed back uncounted, it exits with 0 in time, and another one completes everything once', {
  timeout: TEST_MS,
}, async () => {
  await Promise.all([stopBusyWorker(overPostgres), stopBusyWorker(overRedis)])
})

async function stopBusyWorker(over: (variables: Record<string, string>) => Promise<OverQueue<QueueEngine>>): Promise<void> {
  const model = await modelWithGates()
  const { engine, services } = await over(model.variables)
  const ingest = await services.start('ingest')
  const documents = await uploadForEachStage(services, ingest)
  await services.rows(GATE_BEFORE_COMPLETION)
  const held = [await services.lock('completion_gate')]
  const worker = await services.start('workers')
  const busyWith = async (stage: Stage) => {
    await release(services, documents[stage])
    await waitUntil(
      async () => (await services.rows(`SELECT FROM stages WHERE stage = $1 AND status = 'running'`, [stage])).length === busyStarts(stage),
      `${engine.name}: as many starts of ${stage} as there are documents for it`,
    )
  }
  await busyWith('done')
  await busyWith('index')
  await busyWith('enrich')
  const extractors = childrenOf(worker.pid)
  for (const pid of extractors) process.kill(pid, 'SIGSTOP')
  await busyWith('extract')
  held.push(await services.lock('artifacts', 'SHARE'))
  await busyWith('erase')

  await waitUntil(
    async () => (await services.rows(`SELECT FROM stages WHERE status = 'running'`)).length === Object.values(documents).flat().length,
    `${engine.name}: a start for every document at once`,
  )
  const before = await startsOf(services)
  worker.kill('SIGTERM')
  const stoppedAtMs = performance.now()
  await waitUntil(() => worker.stderr().includes('service stops'), `${engine.name}: the worker to hear it`)
  // These can end. The model never answers the others, and an extractor that stands still reads nothing.
  model.answer('index')
  for (const lock of held) await lock.release()
  extractors.push(...childrenOf(worker.pid))
  expect(await worker.exited, engine.name).toEqual({ exitCode: 0, signal: null })
  expect(performance.now() - stoppedAtMs, engine.name).toBeLessThan(END_MS_MAX)
  expect(extractors.filter(isRunning), engine.name).toEqual([])
  expect(await engine.jobs(), engine.name).toMatchObject({ active: [] })
  const after = await startsOf(services)
  for (const stage of STAGES) {
    const handedBack = stage === 'extract' || stage === 'enrich'
    for (const id of documents[stage])
      expect(after.get(`${stage} ${id}`), `${engine.name} ${stage}`).toEqual(
        handedBack
          ? { status: 'pending', starts: (before.get(`${stage} ${id}`)?.starts ?? 0) - 1 }
          : { status: 'completed', starts: before.get(`${stage} ${id}`)?.starts },
      )
  }

  model.answer('enrich')
  await services.start('workers')
  await untilCompletedOnce(services, [...documents.extract, ...documents.enrich, ...documents.index, ...documents.done], engine.name)
  for (const id of documents.erase) expect(await traces(services, id), engine.name).toEqual(NOTHING)
}

/** For each stage as many documents as one worker takes of it at once, or STARTS_MAX, marked with its name. None of them is due until it is released. */
async function uploadForEachStage(services: ServiceProcesses, ingest: ServiceProcess): Promise<Record<Stage, string[]>> {
  const uploadFor = (stage: Stage) =>
    Promise.all(Array.from({ length: busyStarts(stage) }, () => upload(services, ingest, `${letter()} ${markOf(stage)}`)))
  const documents = {
    extract: await uploadFor('extract'),
    enrich: await uploadFor('enrich'),
    index: await uploadFor('index'),
    done: await uploadFor('done'),
    erase: await uploadFor('erase'),
  }
  for (const id of documents.erase) expect((await send(services, ingest, 'DELETE', `/v1/documents/${id}`)).status).toBe(202)
  await services.rows(`UPDATE outbox SET due_at = now() + interval '1 hour'`)
  return documents
}

async function release({ rows }: ServiceProcesses, documentIds: readonly string[]): Promise<void> {
  await rows('UPDATE outbox SET due_at = now() WHERE document_id = ANY ($1)', [documentIds])
}

const markOf = (stage: Stage) => `Ablage ${stage}.`

/** A model that keeps two kinds of questions waiting until it is told to answer: embeddings for documents of `index`, all else of those of `enrich`. */
async function modelWithGates() {
  const gates = { index: Promise.withResolvers<void>(), enrich: Promise.withResolvers<void>() }
  const variables = await heldModel(async (piece) => {
    if (piece.includes(markOf('index')) && piece.includes('"input"')) await gates.index.promise
    if (piece.includes(markOf('enrich'))) await gates.enrich.promise
  })
  return { variables, answer: (which: keyof typeof gates) => gates[which].resolve() }
}

/** By stage and document. */
async function startsOf({ rows }: ServiceProcesses): Promise<Map<string, { status: string; starts: number }>> {
  const found = await rows<{ key: string; status: string; starts: number }>(
    `SELECT stage || ' ' || document_id AS key, status, starts FROM stages`,
  )
  return new Map(found.map(({ key, status, starts }) => [key, { status, starts }]))
}

const CLIENTS = 4
const QUICK_MIN = 20
const SLOW = 8
/** Sentences of an upload that can be caught halfway. */
const MANY = 10_000
const UUID = /^[0-9a-f-]{36}$/

test('SIGTERM while ingest receives uploads: what it accepted is there, the others hear an error or lose their connection, and it exits with 0 in time', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const ingest = await services.start('ingest')
  const slow = Array.from({ length: SLOW }, () => {
    const request = slowUpload(services, ingest, letter(MANY))
    return { ...request, outcome: outcomeOf(request.answer) }
  })
  for (const one of slow) one.sendHalf()
  await waitUntil(async () => (await places(services)).incoming.length === SLOW, 'uploads to be halfway')
  const quick: string[] = []
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (quick.at(-1) !== 'ECONNREFUSED') quick.push(await outcomeOf(quickAnswer(services, ingest)))
  })
  await waitUntil(() => quick.length > QUICK_MIN, 'uploads to be accepted')

  ingest.kill('SIGTERM')
  const stoppedAtMs = performance.now()
  await waitUntil(() => ingest.stderr().includes('service stops'), 'ingest to hear it')
  const [finishing, stalled] = [slow.slice(0, SLOW / 2), slow.slice(SLOW / 2)]
  for (const one of finishing) one.sendRest()
  expect(await ingest.exited).toEqual({ exitCode: 0, signal: null })
  expect(performance.now() - stoppedAtMs).toBeLessThan(END_MS_MAX)
  await Promise.all(clients)
  const accepted = [...quick, ...(await Promise.all(finishing.map(({ outcome }) => outcome)))].filter((outcome) => UUID.test(outcome))
  expect(await Promise.all(finishing.map(({ outcome }) => outcome))).toEqual(finishing.map(() => expect.stringMatching(UUID)))
  expect(await Promise.all(stalled.map(({ outcome }) => outcome))).toEqual(stalled.map(() => 'ECONNRESET'))
  const others = quick.filter((outcome) => !UUID.test(outcome))
  expect(others.filter((outcome) => !OTHER_OUTCOMES.test(outcome))).toEqual([])

  // A connection may be lost between the commit and the answer.
  const { documents } = await places(services)
  expect(documents).toEqual(expect.arrayContaining(accepted))
  expect(documents.length - accepted.length).toBeLessThanOrEqual(
    others.filter((outcome) => /^(ECONNRESET|UND_ERR_SOCKET)$/.test(outcome)).length,
  )
  await sweptClean(services, documents)
  expect(await places(services)).toEqual({ ...takenIn(documents), idempotency: [] })
})

/** That it is stopping, or how the connection ended: undici's name for a lost one is its own. */
const OTHER_OUTCOMES = /^(503 application\/problem\+json 1 UNAVAILABLE|ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)$/

async function quickAnswer(services: ServiceProcesses, ingest: ServiceProcess): Promise<SlowAnswer> {
  const response = await send(services, ingest, 'POST', '/v1/documents?file_name=a.txt', letter())
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
}

/** The id of the document, what was said instead, or how the connection ended. */
async function outcomeOf(answering: Promise<SlowAnswer>): Promise<string> {
  try {
    const { status, headers, body } = await answering
    if (status === 202) return (JSON.parse(body) as UploadAccepted).document_id
    return `${status} ${headers['content-type']} ${headers['retry-after']} ${/"code":"(\w+)"/.exec(body)?.[1]}`
  } catch (error) {
    // Of a request that fetch made, the cause says it.
    const { code, cause } = error as { code?: string; cause?: { code: string } }
    return cause?.code ?? String(code)
  }
}
