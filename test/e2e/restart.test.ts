import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { isRunning, type ScriptProcess, startScript } from '../support/process.ts'
import { waitUntil } from '../support/wait.ts'

const RUN = resolve(import.meta.dirname, '../../infra/run.mjs')
const DOCUMENTS = 12
const FINAL = ['completed', 'failed', 'refused']

interface Served {
  process: ScriptProcess
  url: string
  key: string
}

/** What `npm start` runs: the supervisor, and below it the server on the pinned Node, and below that PostgreSQL and the extractors. */
async function serve(dataDir: string): Promise<Served> {
  const process = startScript(RUN, ['services/cli/main.ts', 'serve'], { DATA_DIR: dataDir, PORT: '0', npm_lifecycle_event: '' })
  await process.line(/serves http/)
  const local = JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8')) as { url: string; api_key: string }
  return { process, url: local.url, key: local.api_key }
}

async function upload({ url, key }: Served, number: number): Promise<string> {
  const response = await fetch(`${url}/v1/documents?file_name=note-${number}.txt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: `Note ${number}. The lantern in corridor ${number} is replaced every ${number + 2} months.\n`,
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as { document_id: string }).document_id
}

async function statusOf({ url, key }: Served, id: string): Promise<string> {
  const response = await fetch(`${url}/v1/documents/${id}`, { headers: { authorization: `Bearer ${key}` } })
  return ((await response.json()) as { status: string }).status
}

async function eventsOf({ url, key }: Served, id: string): Promise<{ step: string; phase: string; model: unknown }[]> {
  const response = await fetch(`${url}/v1/documents/${id}/record`, { headers: { authorization: `Bearer ${key}` } })
  return ((await response.json()) as { events: { step: string; phase: string; model: unknown }[] }).events
}

async function expectEachDoneOnce(served: Served, ids: readonly string[]): Promise<void> {
  await waitUntil(
    async () => (await Promise.all(ids.map((id) => statusOf(served, id)))).every((status) => FINAL.includes(status)),
    'every document to end',
  )
  for (const id of ids) {
    expect(await statusOf(served, id)).toBe('completed')
    const stages = (await eventsOf(served, id))
      .filter((event) => event.model === null && event.phase === 'completed')
      .map((event) => event.step)
    expect(stages).toEqual(['upload', 'extract', 'enrich', 'index', 'done'])
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

function postmasterOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
}

describe.each([
  ['the supervisor', (served: Served) => served.process.pid],
  ['the server', (served: Served) => childrenOf(served.process.pid)[0] ?? 0],
])('kill -9 of %s while documents arrive', (_name, victimOf) => {
  test('starting again completes every accepted document once', async () => {
    const dataDir = temporaryFolder()
    const first = await serve(dataDir)
    const ids: string[] = []
    for (let number = 0; number < DOCUMENTS; number++) ids.push(await upload(first, number))
    const server = childrenOf(first.process.pid)[0] ?? 0
    process.kill(victimOf(first), 'SIGKILL')
    await waitUntil(() => !isRunning(server), 'the server to end')

    const second = await serve(dataDir)
    expect(second.key).toBe(first.key)
    await expectEachDoneOnce(second, ids)
    await stop(second, dataDir)
  })
})

test('kill -9 of the database server: it comes back by itself, and every accepted document completes once', async () => {
  const dataDir = temporaryFolder()
  const served = await serve(dataDir)
  const ids: string[] = []
  for (let number = 0; number < DOCUMENTS; number++) ids.push(await upload(served, number))
  const postmaster = postmasterOf(dataDir)
  process.kill(postmaster, 'SIGKILL')
  await waitUntil(
    async () => (await fetch(`${served.url}/readyz`)).status === 200 && postmasterOf(dataDir) !== postmaster,
    'the system to be ready again',
  )
  ids.push(await upload(served, DOCUMENTS))
  await expectEachDoneOnce(served, ids)
  await stop(served, dataDir)
})

test('SIGTERM under load: it drains, exits with 0, and leaves no process behind; the rest completes after the next start', async () => {
  const dataDir = temporaryFolder()
  const first = await serve(dataDir)
  const ids: string[] = []
  for (let number = 0; number < DOCUMENTS; number++) ids.push(await upload(first, number))
  await stop(first, dataDir)
  const second = await serve(dataDir)
  await expectEachDoneOnce(second, ids)
  await stop(second, dataDir)
})

async function stop({ process }: Served, dataDir: string): Promise<void> {
  const server = childrenOf(process.pid)[0] ?? 0
  const all = [server, postmasterOf(dataDir), ...childrenOf(server)]
  process.kill('SIGTERM')
  expect((await process.exited).exitCode).toBe(0)
  expect(all.filter(isRunning)).toEqual([])
}
