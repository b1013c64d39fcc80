import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { UploadAccepted } from '../../shared/contracts/document.ts'
import type { FaultPoint } from '../../shared/runtime/faults.ts'
import { leavingClient } from '../support/leaving-client.ts'
import { places, type ServiceProcess, type ServiceProcesses, serviceProcesses, takenIn } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { sweptClean, untilCompletedOnce } from './outcomes.ts'
import { letter } from './texts.ts'

const AT_ONCE = 50
const BOUNDARY = '----boundary'
const CHUNK_BYTES = 10_000
/** Sentences of an upload that can be caught halfway. */
const MANY = 8_000
const TEST_MS = 240_000

test('fifty equal uploads at once, through one process or two, with and without an Idempotency-Key: one document, processed once; another body under the key: 409', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const [one, other] = await Promise.all([services.start('ingest'), services.start('ingest'), services.start('workers')])
  const waves: { id: string; keys: Keys; through: string }[] = []
  for (const [through, ingests] of [
    ['one process', [one, one]],
    ['two processes', [one, other]],
  ] as const) {
    for (const keys of ['no key', 'one key', 'a key each'] as const) {
      const id = await takenOnce(services, ingests, keys)
      waves.push({ id, keys, through })
    }
    waves.push({ id: await oneBodyTaken(services, ingests), keys: 'one key', through })
  }
  for (const { id, keys, through } of waves) {
    const which = `${keys}, ${through}`
    await untilCompletedOnce(services, [id], which)
    expect(await services.rows('SELECT stage, starts, epoch FROM stages WHERE document_id = $1 ORDER BY started_at', [id]), which).toEqual(
      ['extract', 'enrich', 'index', 'done'].map((stage) => ({ stage, starts: 1, epoch: 1 })),
    )
    const kept = { 'no key': 0, 'one key': 1, 'a key each': AT_ONCE }[keys]
    expect(await services.rows('SELECT FROM idempotency WHERE document_id = $1', [id]), which).toHaveLength(kept)
  }
  const ids = waves.map(({ id }) => id).sort()
  const found = await places(services)
  expect(found).toMatchObject({ documents: ids, revisions: ids, originals: ids, outbox: [], incoming: [] })
  // The original and the points.
  expect(found.artifacts).toEqual(ids.flatMap((id) => [id, id]))
  expect(new Set(found.events)).toEqual(new Set(ids))
})

type Keys = 'no key' | 'one key' | 'a key each'

/** Fifty times the same at once, through both processes in turn: every answer names one document. Returns its id. */
async function takenOnce(services: ServiceProcesses, ingests: readonly [ServiceProcess, ServiceProcess], keys: Keys): Promise<string> {
  const text = letter()
  const key = randomUUID()
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, at) =>
      upload(services, ingests[at % 2 === 0 ? 0 : 1], {
        ...plain(text),
        key: { 'no key': undefined, 'one key': key, 'a key each': `${key}-${at}` }[keys],
        // Each of these would be a document of its own but for the key.
        query: keys === 'one key' ? '?on_duplicate=new' : '',
      }),
    ),
  )
  const id = answers[0]?.accepted.document_id ?? ''
  const outcomes = answers.map(({ status, code, accepted }) => `${status} ${code ?? accepted.outcome} ${accepted.document_id}`).sort()
  const others = Array.from({ length: AT_ONCE - 1 }, () => (keys === 'one key' ? `202 new ${id}` : `202 returned ${id}`))
  expect(outcomes, keys).toEqual([keys === 'one key' ? `202 new ${id}` : `202 created ${id}`, ...others])
  return id
}

/** Fifty times one key at once, half of them with another body: one body is taken in, and the other refused, each time. Returns the document's id. */
async function oneBodyTaken(services: ServiceProcesses, ingests: readonly [ServiceProcess, ServiceProcess]): Promise<string> {
  const bodies = [letter(), letter()] as const
  const key = randomUUID()
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, at) => {
      const body = bodies[at < AT_ONCE / 2 ? 0 : 1]
      return { body, ...(await upload(services, ingests[at % 2 === 0 ? 0 : 1], { ...plain(body), key })) }
    }),
  )
  const taken = answers.find(({ status }) => status === 202)
  const id = taken?.accepted.document_id ?? ''
  for (const { body, status, code, accepted } of answers) {
    if (body === taken?.body) expect([status, accepted]).toMatchObject([202, { document_id: id, outcome: 'created' }])
    else expect([status, code]).toEqual([409, 'IDEMPOTENCY_CONFLICT'])
  }
  return id
}

/** What the server has seen when the client leaves. `read`: the bytes. `registered`: the original may be written. `stored`: it is written, and there is no document. */
type Seen = 'read' | 'registered' | 'stored'
type Moment = [when: string, encode: (text: string) => Encoded, until: (request: string) => number, seen: Seen]

const before = (mark: string) => (request: string) => request.indexOf(mark)
const within = (mark: string) => (request: string) => request.indexOf(mark) + mark.length - 3
const halfway = (request: string) => request.length >> 1

const MOMENTS: Moment[] = [
  ['before the first byte', plain, before('Schreiben'), 'read'],
  ['within the first bytes', plain, within('Schreiben'), 'read'],
  ['halfway', plain, halfway, 'registered'],
  ['before the last byte', plain, (request) => request.length - 1, 'registered'],
  ['halfway through chunks', chunked, halfway, 'registered'],
  ['after the last byte, before the last chunk', chunked, (request) => request.lastIndexOf('0\r\n\r\n'), 'registered'],
  ['before the first byte of a form', form, before(`--${BOUNDARY}\r\n`), 'read'],
  ['in a field before the file of a form', form, within('invoices'), 'read'],
  ['before the first byte of the file of a form', form, before('Schreiben'), 'read'],
  ['halfway through the file of a form', form, halfway, 'registered'],
  ['after the last byte of the file of a form', form, (request) => request.indexOf(`\r\n--${BOUNDARY}`, halfway(request)), 'registered'],
  ['in a field after the file of a form', form, within('confidential'), 'stored'],
  ['before the last boundary of a form ends', form, (request) => request.length - '--\r\n'.length, 'stored'],
]

test('a client that leaves an upload, at whatever moment and however, leaves nothing behind, and the same upload then works', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const ingest = await services.start('ingest')
  const texts = new Map<string, string>()
  const repeat = async ({ text, ...left }: Left, when: string) => {
    await nothingBut(services, [...texts.keys()], when)
    const { status, accepted } = await upload(services, ingest, left)
    expect([status, accepted.outcome], when).toEqual([202, 'created'])
    texts.set(accepted.document_id, text)
  }

  for (const [when, encode, until, seen] of MOMENTS) {
    for (const how of ['closes', 'resets'] as const) {
      const left = toLeave(encode)
      const client = await leavingClient(ingest.url)
      const request = onTheWire(services, left)
      await client.send(request.slice(0, until(request)))
      if (seen !== 'read') await waitUntil(async () => (await underWay(services)) === 1, `the upload to be registered: ${when}`)
      if (seen === 'stored')
        await waitUntil(async () => (await places(services)).originals.length === texts.size + 1, `the original to be stored: ${when}`)
      await client.leave(how)
      await repeat(left, `${when}, the client ${how}`)
    }
  }

  // While the server waits for the database nobody listens to the request.
  for (const encode of [plain, form]) {
    const left = toLeave(encode)
    const request = onTheWire(services, left)
    const lock = await services.lock('artifacts')
    const client = await leavingClient(ingest.url)
    await client.send(request.slice(0, halfway(request)))
    await waitUntil(async () => (await lock.waiting()) === 1, 'the upload to wait for the database')
    await client.leave('closes')
    await lock.release()
    await repeat(left, 'while the place of the original was registered')
  }
  await onlyThese(services, ingest, texts)
})

test('a client that leaves after its last byte and before the answer leaves one whole document, which the same upload finds', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const ingest = await services.start('ingest')
  const texts = new Map<string, string>()
  for (const how of ['closes', 'resets'] as const) {
    for (const encode of [plain, form]) {
      const { text, ...left } = toLeave(encode)
      const lock = await services.lock('documents')
      const client = await leavingClient(ingest.url)
      await client.send(onTheWire(services, left))
      await waitUntil(async () => (await lock.waiting()) === 1, 'the transaction that takes it in to wait')
      await client.leave(how, { answerPending: true })
      await lock.release()
      const repeated = await upload(services, ingest, left)
      const again = await upload(services, ingest, { ...left, key: undefined })
      const id = repeated.accepted.document_id
      expect(repeated.accepted).toMatchObject({ outcome: 'created' })
      expect(again.accepted).toMatchObject({ outcome: 'returned', document_id: id })
      texts.set(id, text)
    }
  }
  await onlyThese(services, ingest, texts)
})

/** Where ingest is killed, and what there is of the upload then. */
const KILLS: [point: FaultPoint, left: { artifacts: number; originals: number; documents: number }][] = [
  ['upload:registered', { artifacts: 1, originals: 0, documents: 0 }],
  ['upload:stored', { artifacts: 1, originals: 1, documents: 0 }],
  ['upload:accepted', { artifacts: 1, originals: 1, documents: 1 }],
]

test('ingest killed with -9 before an original is written, before its document is, and before the answer: the same upload under its key gives one document, and nothing else is left', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const start = (variables = {}) => services.start('ingest', [], variables)
  const [ingest, ...dying] = await Promise.all([start(), ...KILLS.map(([point]) => start({ FAULT_AT: `${point}:kill` }))])
  const texts = new Map<string, string>()
  for (const [at, [point, left]] of KILLS.entries()) {
    const killed = dying[at]
    if (!killed) throw new Error(`no process for ${point}`)
    const before = await places(services)
    const text = letter()
    // Nothing but the key makes these one document.
    const request = { ...plain(text), key: randomUUID(), query: '?on_duplicate=new' }
    await expect(upload(services, killed, request), point).rejects.toThrow('fetch failed')
    expect(await killed.exited, point).toEqual({ exitCode: null, signal: 'SIGKILL' })
    const after = await places(services)
    const added = (place: keyof typeof left) => after[place].filter((id) => !before[place].includes(id))
    expect(
      { artifacts: added('artifacts').length, originals: added('originals').length, documents: added('documents').length },
      point,
    ).toEqual(left)

    const answers = [await upload(services, ingest, request), await upload(services, ingest, request)]
    const id = added('documents')[0] ?? answers[0]?.accepted.document_id ?? ''
    expect(answers, point).toMatchObject(answers.map(() => ({ status: 202, accepted: { document_id: id, outcome: 'new' } })))
    texts.set(id, text)
  }
  await sweptClean(services, [...texts.keys()])
  await onlyThese(services, ingest, texts)
})

interface Encoded {
  headers: Record<string, string>
  body: string
}

/** How a document's text travels. */
function plain(text: string): Encoded {
  return { headers: { 'content-type': 'text/plain' }, body: text }
}

function chunked(text: string): Encoded {
  return { headers: { 'transfer-encoding': 'chunked' }, body: text }
}

function form(text: string): Encoded {
  const part = (disposition: string, content: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`
  const parts = [
    part('name="purpose"', 'invoices'),
    part('name="file"; filename="a.txt"', text),
    part('name="sensitivity"', 'confidential'),
  ]
  return { headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }, body: `${parts.join('')}--${BOUNDARY}--\r\n` }
}

interface Upload extends Encoded {
  key?: string | undefined
  query?: string
}

type Left = Upload & { text: string }

function toLeave(encode: (text: string) => Encoded): Left {
  const text = letter(MANY)
  return { ...encode(text), text, key: randomUUID() }
}

/** The bytes of a whole request. */
function onTheWire({ apiKey }: ServiceProcesses, { headers, body, key = '' }: Upload): string {
  const inChunks = headers['transfer-encoding'] !== undefined
  const all = { host: 'a', authorization: `Bearer ${apiKey}`, 'idempotency-key': key, ...headers }
  const head = Object.entries(inChunks ? all : { ...all, 'content-length': String(body.length) })
  return `POST /v1/documents HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${inChunks ? toChunks(body) : body}`
}

function toChunks(body: string): string {
  const pieces = Array.from({ length: Math.ceil(body.length / CHUNK_BYTES) }, (_, at) =>
    body.slice(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES),
  )
  return `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`
}

async function upload({ apiKey }: ServiceProcesses, { url }: ServiceProcess, { headers, body, key, query = '' }: Upload) {
  const { 'transfer-encoding': _byFetchItself, ...own } = headers
  const keyed = key === undefined ? {} : { 'idempotency-key': key }
  const response = await fetch(`${url}/v1/documents${query}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${apiKey}`, ...own, ...keyed },
  })
  const answer = (await response.json()) as UploadAccepted & { code?: string }
  return { status: response.status, code: answer.code, accepted: answer }
}

/** Uploads that have a place for their original and are no document yet. */
async function underWay({ rows }: ServiceProcesses): Promise<number> {
  return (await rows('SELECT FROM artifacts a WHERE NOT EXISTS (SELECT FROM documents d WHERE d.id = a.document_id)')).length
}

async function nothingBut(services: ServiceProcesses, documentIds: Iterable<string>, when: string): Promise<void> {
  const expected = takenIn([...documentIds])
  const tidy = async () => JSON.stringify(await places(services)) === JSON.stringify(expected)
  await waitUntil(tidy, `nothing of the upload to be left: ${when}`)
}

/** Nothing came late, and each document gives its text back. */
async function onlyThese(services: ServiceProcesses, { url }: ServiceProcess, texts: Map<string, string>): Promise<void> {
  expect(await places(services)).toEqual(takenIn([...texts.keys()]))
  for (const [id, text] of texts) {
    const content = await fetch(`${url}/v1/documents/${id}/content`, { headers: { authorization: `Bearer ${services.apiKey}` } })
    expect(await content.text()).toBe(text)
  }
}
