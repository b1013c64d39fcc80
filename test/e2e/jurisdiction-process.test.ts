import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startModelDouble } from '../support/model-double.ts'
import { testDatabase } from '../support/postgres.ts'
import { type ScriptProcess, startScript } from '../support/process.ts'
import { API_KEY, POLICY_FILE, providerConfig, registerWith } from '../support/provider-config.ts'
import { waitUntil } from '../support/wait.ts'

const CLI = resolve(import.meta.dirname, '../../services/cli/main.ts')
const RETRIEVAL = resolve(import.meta.dirname, '../../services/retrieval/main.ts')

test('a process that dies during a call leaves an intent, the sweeper closes it as of unknown outcome, and another call completes the document', async () => {
  const double = await startModelDouble()
  onTestFinished(() => double.close())
  const database = await testDatabase()
  const owner = new Client({ connectionString: database.ownerUrl, options: '-c search_path=greffier' })
  await owner.connect()
  const masterKey = randomBytes(32).toString('base64')
  const dataDir = temporaryFolder()
  const environment = {
    ...providerConfig(double.baseUrl),
    PROCESSORS_FILE: registerWith(double.baseUrl),
    PROVIDERS: 'mistral',
    DATABASE_URL: database.serviceUrl,
    DATABASE_OWNER_URL: database.ownerUrl,
    MASTER_KEY: masterKey,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'debug',
  }
  const serve = async () => {
    const child = startScript(CLI, ['serve'], environment)
    await child.line(/serves http/)
    return { child, local: JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8')) as { url: string; api_key: string } }
  }
  const get = async <Found>({ local }: { local: { url: string; api_key: string } }, path: string) =>
    (await (await fetch(`${local.url}${path}`, { headers: { authorization: `Bearer ${local.api_key}` } })).json()) as Found

  const first = await serve()
  const failing = { kind: 'status', status: 503, body: { message: 'CRASHMARK' } } as const
  double.scriptFor('/v1/chat/completions', failing, failing, failing, { kind: 'hang' })
  const { url, api_key } = first.local
  const uploaded = await fetch(`${url}/v1/documents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api_key}` },
    body: 'CRASHMARK is a ferry.\n',
  })
  const { document_id } = (await uploaded.json()) as { document_id: string }
  await waitUntil(() => double.requests.filter(({ method }) => method === 'POST').length === 4, 'the second call to reach the double')
  first.child.kill('SIGKILL')
  await first.child.exited
  const left = await owner.query<{ event_id: string }>('SELECT event_id FROM open_intents')
  expect(left.rows).toHaveLength(1)
  // Time passes.
  await owner.query("UPDATE open_intents SET created_at = now() - interval '1 hour'")

  const second = await serve()
  await waitUntil(
    async () => (await get<{ status: string }>(second, `/v1/documents/${document_id}`)).status === 'completed',
    'the document',
  )
  await waitUntil(async () => (await owner.query('SELECT FROM open_intents')).rowCount === 0, 'the sweeper')
  const { events } = await get<{ events: ProcessingEvent[] }>(second, `/v1/documents/${document_id}/record`)
  const calls = events.filter((event) => event.model?.task === 'classify')
  const outcomes = calls
    .filter((event) => event.phase === 'intent')
    .map(({ event_id }) => calls.filter((event) => event.parent_events.includes(event_id)).map(({ phase, result }) => [phase, result]))
  expect(outcomes).toEqual([[['completed', 'failed']], [['outcome_unknown', null]], [['completed', 'ok']]])
  const unknown = calls.find((event) => event.phase === 'outcome_unknown')
  expect(unknown).toMatchObject({ parent_events: [left.rows[0]?.event_id], doc_ref: document_id, recipient: { endpoint: double.origin } })

  second.child.kill('SIGTERM')
  await second.child.exited
  const written = first.child.stderr() + second.child.stderr()
  expect(written).toContain('stage failed and will be repeated')
  expect(written).not.toMatch(/CRASHMARK|ferry/)
  for (const secret of [API_KEY, masterKey]) expect(written).not.toContain(secret)
  await owner.end()
  await database.close()
})

test.each([
  [
    'a field that nobody knows',
    (policy: string) => policy.replace('require:', 'requires:'),
    /:\d+:\d+: rules\.0: Unrecognized key: "requires"/,
  ],
  ['text that is not YAML', () => 'name: [\n', /:\d+:\d+: /],
  ['a tag that would change a value', (policy: string) => policy.replace('allow: true', 'allow: !maybe true'), /:\d+:\d+: Unresolved tag/],
  ['nothing at all', () => '', /:\d+:\d+: /],
])('a policy file with %s stops the start with one line that says where, before anything is opened', async (_, change, expected) => {
  const file = join(temporaryFolder(), 'policy.yaml')
  writeFileSync(file, change(readFileSync(POLICY_FILE, 'utf8')))
  const { stderr, exitCode } = await ended(startScript(CLI, ['serve'], unreachable(file)))
  const lines = stderr.trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(file)
  expect(lines[0]).toMatch(expected)
  expect(lines[0]).toMatch(/\(CONFIGURATION\)$/)
  expect(exitCode).not.toBe(0)
})

test('a service of its own does not start with a policy file that it cannot read', async () => {
  const { stderr, exitCode } = await ended(startScript(RETRIEVAL, [], unreachable(join(temporaryFolder(), 'missing.yaml'))))
  expect(stderr.trim()).toMatch(/^greffier retrieval: .*missing\.yaml: cannot be read$/)
  expect(exitCode).toBe(78)
})

async function ended(script: ScriptProcess): Promise<{ stderr: string; exitCode: number | null }> {
  const { exitCode } = await script.exited
  return { stderr: script.stderr(), exitCode }
}

/** Nothing answers on port 1: who comes so far as to ask the database says that, and not what is wrong with the file. */
function unreachable(policyFile: string): Record<string, string> {
  return {
    POLICY_FILE: policyFile,
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    MASTER_KEY: randomBytes(32).toString('base64'),
    DATA_DIR: temporaryFolder(),
    PORT: '0',
  }
}
