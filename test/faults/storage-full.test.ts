import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { places, type ServiceProcess, type ServiceProcesses, serviceProcesses, takenIn } from '../support/service-processes.ts'
import { smallDisk } from '../support/small-disk.ts'
import { waitUntil } from '../support/wait.ts'
import { completed } from './outcomes.ts'

const TEST_MS = 240_000
const DISK_BYTES = 2 * 1024 * 1024
/** What is left by large documents is taken by small ones: at the end not one block is free. */
const SIZES = [300_000, 100_000, 30_000, 10_000, 1_000]
const AT_ONCE = 6
const WAVES_MAX = 20
const FILE_BYTES_MAX = 200_000

interface Upload {
  text: string
  key: string
  form: boolean
}

interface Answered extends Upload {
  status: number
  contentType: string | null
  document_id: string
  code: string | undefined
}

test('a disk that fills while documents arrive: each is taken in whole or refused with 507 and leaves nothing; freed space is used without a restart', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const disk = await smallDisk(join(services.dataDir, 'blobs'), DISK_BYTES)
  const ingest = await services.start('ingest', disk.under)
  const answers: Answered[] = []
  for (const bytes of SIZES) answers.push(...(await untilRefused(services, ingest, bytes)))
  const { taken, refused } = sorted(answers)
  expect(await places(services, disk.folder)).toEqual(takenIn(idsOf(taken)))
  await expectWhole(services, ingest, taken)

  const workers = await services.start('workers', disk.under)
  await completed(services, idsOf(taken), 'what was taken in')
  const largest = taken.toSorted((one, other) => other.text.length - one.text.length)[0]
  const again = refused.find(({ text }) => text.length === largest?.text.length)
  if (!largest || !again) throw new Error('no document to erase, or none of its size to send again')
  await erase(services, ingest, largest.document_id)
  await waitUntil(async () => !(await places(services, disk.folder)).originals.includes(largest.document_id), 'the original to be erased')
  const repeated = await upload(services, ingest, again)
  expect(repeated).toMatchObject({ status: 202 })
  await completed(services, idsOf([repeated]), 'the upload into freed space')
  await expectWhole(services, ingest, [repeated])
  for (const service of [ingest, workers]) {
    service.kill('SIGTERM')
    expect(await service.exited).toEqual({ exitCode: 0, signal: null })
  }
})

test('a limit on the size of files: what is larger is refused with 507 and leaves nothing, the process lives, and a lifted limit is used at once', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const ingest = await services.start('ingest')
  const limit = (bytes: string) => promisify(execFile)('prlimit', ['--pid', String(ingest.pid), `--fsize=${bytes}:`])
  await limit(String(FILE_BYTES_MAX))
  const wave = [...uploadsOf(FILE_BYTES_MAX * 3, AT_ONCE), ...uploadsOf(FILE_BYTES_MAX, 2), ...uploadsOf(FILE_BYTES_MAX / 2, AT_ONCE)]
  const { taken, refused } = sorted(await Promise.all(wave.map((each) => upload(services, ingest, each))))
  // Encrypted, a document is some bytes larger.
  expect(new Set(refused.map(({ text }) => text.length))).toEqual(new Set([FILE_BYTES_MAX * 3, FILE_BYTES_MAX]))
  expect(new Set(taken.map(({ text }) => text.length))).toEqual(new Set([FILE_BYTES_MAX / 2]))
  expect(await places(services)).toEqual(takenIn(idsOf(taken)))

  await limit('unlimited')
  const repeated = await Promise.all(refused.map((each) => upload(services, ingest, each)))
  const all = [...taken, ...repeated]
  expect(new Set(repeated.map(({ status }) => status))).toEqual(new Set([202]))
  expect(await places(services)).toEqual(takenIn(idsOf(all)))
  await expectWhole(services, ingest, all)
  ingest.kill('SIGTERM')
  expect(await ingest.exited).toEqual({ exitCode: 0, signal: null })
})

test('PostgreSQL whose disk is full: 503 and nothing remains, whatever it could not write; later the same upload works', {
  timeout: TEST_MS,
}, async () => {
  const services = await serviceProcesses()
  const ingest = await services.start('ingest')
  const uploads = uploadsOf(FILE_BYTES_MAX, 2)
  await services.rows(
    `CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'No space left on device' USING ERRCODE = 'disk_full'; END $$`,
  )
  for (const table of ['artifacts', 'documents', 'outbox']) {
    await services.rows(`CREATE TRIGGER no_space BEFORE INSERT ON ${table} EXECUTE FUNCTION no_space()`)
    for (const each of uploads) expect(await upload(services, ingest, each), table).toMatchObject({ status: 503, code: 'UNAVAILABLE' })
    await services.rows(`DROP TRIGGER no_space ON ${table}`)
    expect(await places(services), table).toEqual(takenIn([]))
  }
  const taken = await Promise.all(uploads.map((each) => upload(services, ingest, each)))
  expect(await places(services)).toEqual(takenIn(idsOf(taken)))
  await expectWhole(services, ingest, taken)
})

/** Waves of uploads of one size, several at once, until the whole of a wave is refused. */
async function untilRefused(services: ServiceProcesses, ingest: ServiceProcess, bytes: number): Promise<Answered[]> {
  const answers: Answered[] = []
  for (let wave = 0; wave < WAVES_MAX; wave++) {
    const answered = await Promise.all(uploadsOf(bytes, AT_ONCE).map((each) => upload(services, ingest, each)))
    answers.push(...answered)
    if (answered.every(({ status }) => status !== 202)) return answers
  }
  throw new Error(`${WAVES_MAX} waves of ${AT_ONCE} documents of ${bytes} bytes did not fill a disk of ${DISK_BYTES}`)
}

/** HTML that is almost all comment: large on the disk, small for the workers. */
function uploadsOf(bytes: number, count: number): Upload[] {
  return Array.from({ length: count }, (_, at) => {
    const key = randomUUID()
    const start = `<!doctype html><p>Der Keller von Haus ${key} ist trocken.</p><!--`
    return { text: `${start.padEnd(bytes - 3, key)}-->`, key, form: at % 2 === 1 }
  })
}

async function upload({ apiKey }: ServiceProcesses, { url }: ServiceProcess, { text, key, form }: Upload): Promise<Answered> {
  const body = new FormData()
  body.append('purpose', 'storage')
  body.append('file', new Blob([text], { type: 'text/html' }), 'house.html')
  const response = await fetch(`${url}/v1/documents`, {
    method: 'POST',
    body: form ? body : text,
    headers: { authorization: `Bearer ${apiKey}`, 'idempotency-key': key, ...(form ? {} : { 'content-type': 'text/html' }) },
  })
  const answer = (await response.json()) as { document_id: string; code?: string }
  return {
    text,
    key,
    form,
    status: response.status,
    contentType: response.headers.get('content-type'),
    document_id: answer.document_id,
    code: answer.code,
  }
}

/** Each answer is one of two; there are some of both, raw and in a form. */
function sorted(answers: readonly Answered[]): { taken: Answered[]; refused: Answered[] } {
  const taken = answers.filter(({ status }) => status === 202)
  const refused = answers.filter(({ status }) => status !== 202)
  expect(new Set(refused.map(({ status, code, contentType }) => `${status} ${code} ${contentType}`))).toEqual(
    new Set(['507 STORAGE_FULL application/problem+json']),
  )
  for (const some of [taken, refused]) expect(new Set(some.map(({ form }) => form))).toEqual(new Set([true, false]))
  return { taken, refused }
}

async function expectWhole({ apiKey }: ServiceProcesses, { url }: ServiceProcess, documents: readonly Answered[]): Promise<void> {
  for (const { document_id, text } of documents) {
    const content = await fetch(`${url}/v1/documents/${document_id}/content`, { headers: { authorization: `Bearer ${apiKey}` } })
    expect((await content.text()) === text, document_id).toBe(true)
  }
}

function idsOf(documents: readonly Answered[]): string[] {
  return documents.map(({ document_id }) => document_id)
}

async function erase({ apiKey }: ServiceProcesses, { url }: ServiceProcess, documentId: string): Promise<void> {
  const answer = await fetch(`${url}/v1/documents/${documentId}`, { method: 'DELETE', headers: { authorization: `Bearer ${apiKey}` } })
  expect(answer.status).toBe(202)
  await answer.text()
}
