import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCheckpoint } from '../../shared/ledger/checkpoint.ts'
import { verifiersAt, verifyKeyChain } from '../../shared/ledger/key-rotation.ts'
import { parseNote } from '../../shared/ledger/note.ts'
import { verifierOf } from '../../shared/ledger/note-keys.ts'
import { runCli } from '../services/cli/run-cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

test('what happens to a document comes under a signed checkpoint, which a key pinned before an exchange still opens', async () => {
  const pinned = await greffier.json<{ origin: string; vkey: string }>('/v1/ledger/key')
  const { document_id } = await greffier.upload('A letter.', { file_name: 'letter.txt' })
  await greffier.settled(document_id)
  const authorization = `Bearer ${greffier.apiKey}`
  const rotated = await fetch(`${greffier.url}/v1/ledger/rotate-key`, { method: 'POST', headers: { authorization } })
  expect(rotated.status).toBe(200)
  const another = await greffier.upload('Another letter.', { file_name: 'another.txt' })
  const { rotations } = await greffier.json<{ rotations: string[] }>('/v1/ledger/key')
  const { size: rotatedAt = 0 } = verifyKeyChain(pinned.vkey, rotations, pinned.origin).rotations[0] ?? {}
  await waitUntil(async () => {
    const answer = await fetch(`${greffier.url}/v1/ledger/checkpoint`, { headers: { authorization } })
    expect(answer.headers.get('content-type')).toContain('text/plain')
    const chain = verifyKeyChain(pinned.vkey, rotations, pinned.origin)
    const note = await answer.text()
    const size = Number(note.split('\n')[1])
    return openCheckpoint(note, pinned.origin, verifiersAt(chain, size)).size > rotatedAt
  }, 'the log to grow past the exchange of its key')
  await greffier.settled(another.document_id)
})

test('the newest checkpoint is kept in a folder outside, as the key opens it, and the metrics say when', async () => {
  const folder = temporaryFolder()
  await greffier.startAgain({ CHECKPOINT_DIR: folder, CHECKPOINT_EVERY_SECONDS: 1 })
  const { origin, vkey, rotations } = await greffier.json<{ origin: string; vkey: string; rotations: string[] }>('/v1/ledger/key')
  const tenants = () => readdirSync(folder).filter((name) => name !== '.incoming')
  const logs = () => tenants().map((tenant) => join(folder, tenant))
  await waitUntil(() => logs().some((log) => readdirSync(log).some((name) => name.endsWith('.checkpoint'))), 'a checkpoint to be kept')
  const [log = ''] = logs()
  const newest = readdirSync(log)
    .filter((name) => name.endsWith('.checkpoint'))
    .sort()
    .at(-1)
  const note = readFileSync(join(log, newest ?? ''), 'utf8')
  const chain = verifyKeyChain(firstKey(vkey, rotations), rotations, origin)
  expect(openCheckpoint(note, origin, verifiersAt(chain, Number(note.split('\n')[1]))).size).toBe(Number.parseInt(newest ?? '', 10))
  await waitUntil(
    async () => /^greffier_checkpoint_success_timestamp_seconds\{target="folder"\} \d{10}/m.test(await metrics()),
    'the metric to tell of it',
  )
})

test('the command line prints the checkpoint as it is, writes it whole, shows the key, and exchanges it only when told so', async () => {
  const run = (...args: string[]) => runCli(['ledger', ...args], { url: greffier.url, env: { GREFFIER_API_KEY: greffier.apiKey } })
  const file = join(temporaryFolder(), 'checkpoint')
  await waitUntil(async () => (await greffier.rows('SELECT FROM ledger_queue')).length === 0, 'the log to be at rest')
  expect((await run('checkpoint', '--out', file)).stdout).toMatch(/the log greffier\/[0-9a-f-]{36} at [\d,]+ events/)
  expect((await run('checkpoint')).stdout).toBe(readFileSync(file, 'utf8'))
  const before = JSON.parse((await run('key', '--json')).stdout)
  expect(before).toEqual(await greffier.json('/v1/ledger/key'))
  const hesitant = await run('rotate-key')
  expect([hesitant.code, hesitant.stderr]).toEqual([64, expect.stringContaining('--yes')])
  expect(await greffier.json('/v1/ledger/key')).toEqual(before)
  const exchanged = JSON.parse((await run('rotate-key', '--yes', '--json')).stdout)
  expect(await greffier.json('/v1/ledger/key')).toMatchObject({
    vkey: exchanged.vkey,
    rotations: [...before.rotations, exchanged.rotation],
  })
  expect((await run('key')).stdout).toContain('the key after 2 exchanges')
  const newAlone = [verifierOf(exchanged.vkey)]
  await waitUntil(async () => {
    const note = (await run('checkpoint')).stdout
    return (
      parseNote(note).signatures.every(({ keyId }) => keyId === newAlone[0]?.keyId) &&
      openCheckpoint(note, before.origin, newAlone).size > 0
    )
  }, 'the checkpoint of a quiet log to be signed by the new key')
  expect((await run('checkpoint', '--out', join(file, 'in a file'))).code).toBe(66)
})

/** What was pinned before the exchange of the first test. */
function firstKey(vkey: string, rotations: readonly string[]): string {
  return rotations[0]?.split('\n')[4] ?? vkey
}

async function metrics(): Promise<string> {
  return (await fetch(`${greffier.url}/metrics`)).text()
}
