import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { pushOnce } from '../../../services/compliance/ledger/checkpoint-push.ts'
import { openCheckpointTargets } from '../../../services/compliance/ledger/checkpoint-targets.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { readHead, sequenceEvents } from '../../../shared/database/ledger.ts'
import { readConfig } from '../../../shared/runtime/config.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { startScript } from '../../support/process.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { waitUntil } from '../../support/wait.ts'
import { close, trickle } from '../../support/wire-server.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const TOKEN = 'a-secret-of-the-witness'
const PUSHER = join(import.meta.dirname, 'checkpoint-pusher.ts')

let bench: Workbench
let tenantId: string
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
/** A log of its own for each test; those of the others are forgotten. */
beforeEach(async () => {
  await bench.query('TRUNCATE greffier.ledger_pushes')
  await bench.query('UPDATE greffier.ledger_logs SET size = 0')
  tenantId = await bench.tenants.create('of this test')
  await grow()
})

async function grow(of: string = tenantId): Promise<string> {
  const keys = await bench.tenants.keys(of)
  await withTenant(bench.database, of, (tx) => appendEvent(tx, of, { operation: 'Store', step: 'test', phase: 'completed' }))
  await withTenant(bench.database, of, (tx) => sequenceEvents(tx, of, keys))
  return (await withTenant(bench.database, of, (tx) => readHead(tx, of, keys))).checkpoint
}

function pusher(places: { CHECKPOINT_DIR?: string; CHECKPOINT_URL?: string }) {
  const { targets, close } = openCheckpointTargets(readConfig({ ...places, CHECKPOINT_TOKEN: TOKEN }))
  onTestFinished(close)
  const metrics = createMetrics()
  const { log, lines } = recordingLog()
  const push = (signal = new AbortController().signal) => pushOnce({ database: bench.database, targets, metrics, log }, signal)
  return { push, lines, metrics: () => metrics.registry.metrics() }
}

/** Says nothing, as long as somebody listens. */
const holdOn = (): void => undefined

/** What is being written lies beside them. */
const logsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name !== '.incoming')
    .sort()

interface Posted {
  headers: IncomingHttpHeaders
  body: string
}

/** Keeps every post, and answers as `answer` says. */
async function startWitness() {
  const posts: Posted[] = []
  const keeps = (response: ServerResponse): void => void response.writeHead(200).end('kept')
  const witness = { answer: keeps, posts, url: '', atOnce: 0, atOnceMax: 0 }
  const server = createServer((request, response) => {
    witness.atOnceMax = Math.max(witness.atOnceMax, ++witness.atOnce)
    response.on('close', () => witness.atOnce--)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      posts.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      witness.answer(response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => close(server))
  witness.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/checkpoints?key=${TOKEN}`
  return witness
}

test('a folder keeps one whole file for each size that a log had at a round, and is left alone while no log grows', async () => {
  const folder = temporaryFolder()
  const { push, lines, metrics } = pusher({ CHECKPOINT_DIR: folder })
  await push()
  const second = await grow()
  const third = await grow()
  await push()
  expect(readdirSync(join(folder, tenantId)).sort()).toEqual(['0000000000000001.checkpoint', '0000000000000003.checkpoint'])
  expect(readFileSync(join(folder, tenantId, '0000000000000003.checkpoint'), 'utf8')).toBe(third)
  expect(third).not.toBe(second)
  expect(lines.map(({ fields }) => fields.pushed)).toEqual([1, 1])
  expect(lines.at(-1)).toMatchObject({ level: 'info', fields: { target: 'folder', behind: 0, ageSeconds: expect.any(Number) } })
  await push()
  expect(lines).toHaveLength(2)
  expect(readdirSync(join(folder, '.incoming'))).toEqual([])
  const age =
    Date.now() / 1_000 - Number(/^greffier_checkpoint_success_timestamp_seconds\{target="folder"\} (.+)$/m.exec(await metrics())?.[1])
  expect(age).toBeGreaterThanOrEqual(0)
  expect(age).toBeLessThan(60)
})

test('another checkpoint of the same size is never written over, and is an error of its own', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, tenantId))
  const path = join(folder, tenantId, '0000000000000001.checkpoint')
  writeFileSync(path, 'of the log before it was rewritten')
  const { push, lines } = pusher({ CHECKPOINT_DIR: folder })
  await push()
  expect(readFileSync(path, 'utf8')).toBe('of the log before it was rewritten')
  expect(lines).toMatchObject([
    { level: 'error', fields: { tenantId, code: 'CHECKPOINT_CONFLICT' } },
    { fields: { behind: 1, ageSeconds: null } },
  ])
})

test('what a killed push left is removed an hour later, and not before', async () => {
  const folder = temporaryFolder()
  const left = (name: string) => join(folder, '.incoming', name)
  mkdirSync(join(folder, '.incoming'))
  for (const name of ['old', 'new']) writeFileSync(left(name), 'half a note')
  utimesSync(left('old'), new Date(), new Date(Date.now() - 61 * 60_000))
  await pusher({ CHECKPOINT_DIR: folder }).push()
  expect(readdirSync(join(folder, '.incoming'))).toEqual(['new'])
})

test('a folder that is not there is not made: a disk that is not mounted must not become a folder on this one', async () => {
  const { push, lines } = pusher({ CHECKPOINT_DIR: join(temporaryFolder(), 'not mounted') })
  await push()
  expect(lines).toMatchObject([{ level: 'warn', fields: { code: 'ENOENT' } }, { fields: { behind: 1 } }])
})

test('a witness is sent the signed note as text, with the token, and no line names the token or the address', async () => {
  const witness = await startWitness()
  const { push, lines } = pusher({ CHECKPOINT_URL: witness.url })
  const note = await grow()
  await push()
  expect(witness.posts).toHaveLength(1)
  expect(witness.posts[0]).toMatchObject({
    body: note,
    headers: { 'content-type': 'text/plain; charset=utf-8', authorization: `Bearer ${TOKEN}` },
  })
  witness.answer = (response) => void response.writeHead(500).end()
  await grow()
  await push()
  expect(lines.map(({ level }) => level)).toEqual(['info', 'warn', 'warn'])
  expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${TOKEN}|127\\.0\\.0\\.1`))
  expect(JSON.stringify(await bench.query('SELECT * FROM greffier.ledger_pushes'))).not.toMatch(new RegExp(`${TOKEN}|127\\.0\\.0\\.1`))
})

test.each<[what: string, answer: (response: ServerResponse) => void, status: number | undefined]>([
  ['an error', (response) => void response.writeHead(500).end(), 500],
  ['a redirect', (response) => void response.writeHead(307, { location: '/elsewhere' }).end(), 307],
  ['a connection that breaks', (response) => void response.destroy(), undefined],
  ['a head that never ends', (response) => void response.writeHead(200, { long: 'x'.repeat(100_000) }).end(), undefined],
])('a witness that answers with %s has not kept the checkpoint: it gets it again in the next round', async (_what, answer, status) => {
  const witness = await startWitness()
  witness.answer = answer
  const { push, lines, metrics } = pusher({ CHECKPOINT_URL: witness.url })
  await push()
  expect(lines[0]).toMatchObject({ level: 'warn', fields: { tenantId, code: 'UNAVAILABLE' } })
  expect(lines[0]?.fields.status).toBe(status)
  expect(await metrics()).toContain('greffier_checkpoint_logs_behind{target="url"} 1')
  witness.answer = (response) => void response.writeHead(204).end()
  await push()
  expect(witness.posts).toHaveLength(2)
  expect(witness.posts[1]?.body).toBe(witness.posts[0]?.body)
  expect(await metrics()).toContain('greffier_checkpoint_logs_behind{target="url"} 0')
})

test('of an answer that never ends nothing is read: its status counts', async () => {
  const witness = await startWitness()
  let gone = false
  const endless = trickle('x', 'text/plain', () => {
    gone = true
  })
  witness.answer = (response) => endless({ method: '', path: '', headers: {}, body: {} }, response)
  const { push, lines } = pusher({ CHECKPOINT_URL: witness.url })
  await push()
  expect(lines).toMatchObject([{ level: 'info', fields: { pushed: 1, behind: 0 } }])
  await waitUntil(() => gone, 'the answer to be broken off')
})

test('a log that a place does not take keeps no other log from it, and a place that is away no other place', async () => {
  const witness = await startWitness()
  const others = [await bench.tenants.create('second'), await bench.tenants.create('third')]
  for (const other of others) await grow(other)
  witness.answer = (response) => {
    const refused = witness.posts.at(-1)?.body.startsWith(`greffier/${tenantId}\n`)
    response.writeHead(refused ? 403 : 200).end()
  }
  const folder = temporaryFolder()
  const { push } = pusher({ CHECKPOINT_DIR: folder, CHECKPOINT_URL: witness.url })
  await push()
  expect(logsIn(folder)).toEqual([tenantId, ...others].sort())
  expect(witness.posts).toHaveLength(3)
  await push()
  expect(witness.posts).toHaveLength(4)
})

test('the place of a checkpoint moves: the new one gets it although the log has not grown', async () => {
  const [first, second] = [temporaryFolder(), temporaryFolder()]
  await pusher({ CHECKPOINT_DIR: first }).push()
  await pusher({ CHECKPOINT_DIR: second }).push()
  expect(readdirSync(join(second, tenantId))).toEqual(readdirSync(join(first, tenantId)))
})

test('of many processes one pushes at a time, and each checkpoint once', async () => {
  const witness = await startWitness()
  const others = await Promise.all(['a', 'b', 'c', 'd'].map((name) => bench.tenants.create(name)))
  for (const other of others) await grow(other)
  await Promise.all(Array.from({ length: 6 }, () => pusher({ CHECKPOINT_URL: witness.url }).push()))
  await pusher({ CHECKPOINT_URL: witness.url }).push()
  expect(witness.posts.map(({ body }) => body.split('\n')[0]).sort()).toEqual([tenantId, ...others].map((id) => `greffier/${id}`).sort())
  expect(witness.atOnceMax).toBe(1)
})

test('killed with -9 while the witness holds the checkpoint: the next process pushes it again', async () => {
  const witness = await startWitness()
  witness.answer = holdOn
  const first = startScript(PUSHER, [bench.serviceUrl, witness.url])
  await waitUntil(() => witness.posts.length === 1, 'the witness to be asked')
  first.kill('SIGKILL')
  await first.exited
  witness.answer = (response) => void response.writeHead(200).end()
  const next = startScript(PUSHER, [bench.serviceUrl, witness.url])
  await waitUntil(
    async () => (await bench.query('SELECT FROM greffier.ledger_pushes WHERE size = 1')).length === 1,
    'the push to be remembered',
  )
  expect(witness.posts.map(({ body }) => body)).toEqual([witness.posts[0]?.body, witness.posts[0]?.body])
  const note = await grow()
  await waitUntil(() => witness.posts.length === 3, 'the grown log to be pushed')
  expect(witness.posts[2]?.body).toBe(note)
  next.kill('SIGKILL')
  await next.exited
})

test('a closing process breaks off what it was pushing, and has not pushed it', async () => {
  const witness = await startWitness()
  witness.answer = holdOn
  const { push } = pusher({ CHECKPOINT_URL: witness.url })
  const closing = new AbortController()
  const running = push(closing.signal)
  await waitUntil(() => witness.posts.length === 1, 'the witness to be asked')
  closing.abort()
  await running
  witness.answer = (response) => void response.writeHead(200).end()
  await push()
  expect(witness.posts).toHaveLength(2)
})

test('a disk that hangs holds nobody up who closes', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, tenantId))
  const pipe = join(folder, tenantId, '0000000000000001.checkpoint')
  // Opening it waits for somebody at its other end.
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
  const { push } = pusher({ CHECKPOINT_DIR: folder })
  const closing = new AbortController()
  const running = push(closing.signal)
  await waitUntil(async () => (await pushing()) === 1, 'the push to begin')
  closing.abort()
  await running
  expect(await pushing()).toBe(0)
  closeSync(openSync(pipe, 'r+'))
})

/** Transactions that hold the lock of all pushes. */
async function pushing(): Promise<number> {
  const held = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = x'636b70'::int`
  return (await bench.query(held)).length
}
