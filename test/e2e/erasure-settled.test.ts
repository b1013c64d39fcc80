import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../services/cli/run-cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startGreffier } from '../support/greffier.ts'
import { startModelDouble } from '../support/model-double.ts'
import { openPool } from '../support/pools.ts'
import { testDatabase } from '../support/postgres.ts'
import { startScript } from '../support/process.ts'
import { providerConfig, registerWith } from '../support/provider-config.ts'
import { waitUntil } from '../support/wait.ts'

const CLI = resolve(import.meta.dirname, '../../services/cli/main.ts')
/** As often as one start asks before it gives up. */
const TRIES = 3

test('a document whose stage failed and was repeated, and that was reprocessed, is erased in one pass: no start of it is waited for', async () => {
  const double = await startModelDouble()
  onTestFinished(() => double.close())
  const greffier = await startGreffier({
    ...providerConfig(double.baseUrl),
    PROVIDERS: ['mistral'],
    PROCESSORS_FILE: registerWith(double.baseUrl),
  })
  onTestFinished(() => greffier.close())
  double.scriptFor('/v1/chat/completions', ...Array.from({ length: TRIES }, () => ({ kind: 'status', status: 503 }) as const))
  const { document_id: id } = await greffier.upload('A letter about a ferry.\n')
  expect((await greffier.settled(id)).status).toBe('completed')
  await greffier.json(`/v1/documents/${id}/reprocess`, {})
  expect(await greffier.settled(id)).toMatchObject({ status: 'completed', revision: 2 })
  const [enrich] = await greffier.rows(`SELECT epoch, starts FROM stages WHERE document_id = $1 AND revision = 1 AND stage = 'enrich'`, [
    id,
  ])
  expect(enrich).toEqual({ epoch: 2, starts: 2 })

  const { code, stdout, stderr } = await runCli(['erase', id], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
  expect([code, stdout, stderr]).toEqual([0, expect.stringContaining(`${id}  erased from `), ''])
  expect((await greffier.record(id)).filter(({ step }) => step === 'erase')).toHaveLength(1)
  expect(await greffier.rows(`SELECT status, epoch FROM stages WHERE document_id = $1 AND stage = 'erase'`, [id])).toEqual([
    { status: 'completed', epoch: 1 },
  ])
  expect(await greffier.rows('SELECT FROM outbox WHERE document_id = $1', [id])).toEqual([])
})

test('a key that may erase and not read what became of it is told no more than it may know', async () => {
  const greffier = await startGreffier()
  onTestFinished(() => greffier.close())
  const { apiKey } = await greffier.addTenant(['documents:write', 'documents:erase'])
  const { document_id: id } = await greffier.upload('A letter about a ferry.\n', {}, { authorization: `Bearer ${apiKey}` })
  const { code, stdout, stderr } = await runCli(['erase', id], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: apiKey } })
  expect([code, stdout, stderr]).toEqual([
    0,
    `${id}  erased: no read finds it any more; this key may not read when every store was found empty\n`,
    '',
  ])
})

test('where a start was killed, the command line says that the stores are empty and when they are read back once more; then the erasure is done', async () => {
  const database = await testDatabase()
  onTestFinished(() => database.close())
  const owner = openPool({ connectionString: database.ownerUrl, options: '-c search_path=greffier', max: 1 })
  onTestFinished(() => owner.end())
  const dataDir = temporaryFolder()
  const environment = {
    DATABASE_URL: database.serviceUrl,
    DATABASE_OWNER_URL: database.ownerUrl,
    MASTER_KEY: randomBytes(32).toString('base64'),
    DATA_DIR: dataDir,
    PORT: '0',
  }
  const serve = async (fault: Record<string, string> = {}) => {
    const child = startScript(CLI, ['serve'], { ...environment, ...fault })
    await child.line(/serves http/)
    return { child, local: JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8')) as { url: string; api_key: string } }
  }
  const first = await serve({ FAULT_AT: 'index:worked:kill' })
  const uploaded = await fetch(`${first.local.url}/v1/documents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${first.local.api_key}` },
    body: 'A letter about a ferry.\n',
  })
  const { document_id: id } = (await uploaded.json()) as { document_id: string }
  expect(await first.child.exited).toEqual({ exitCode: null, signal: 'SIGKILL' })
  const { local } = await serve()
  const cli = (...args: string[]) => runCli(args, { env: { GREFFIER_URL: local.url, GREFFIER_API_KEY: local.api_key } })
  await waitUntil(
    async () => (await owner.query(`SELECT FROM documents WHERE id = $1 AND status = 'completed'`, [id])).rowCount === 1,
    'the document to be completed',
  )

  let said = await cli('erase', id, '--wait', '0')
  await waitUntil(async () => {
    const emptied = said.stderr === ''
    if (!emptied) said = await cli('erase', id, '--wait', '0')
    return emptied
  }, 'the stores to be empty')
  const times = `SELECT max(started_at) + interval '250 seconds' AS settles_at FROM stages WHERE document_id = $1 AND stage = 'index'`
  const { rows } = await owner.query<{ settles_at: Date }>(times, [id])
  expect(said.code).toBe(75)
  expect(said.stdout).toMatch(new RegExp(`^${id}  erased from .*; one of its stages has not said that it ended, .*\n$`))
  expect(said.stdout).toContain(`may write until ${rows[0]?.settles_at.toISOString()}; the stores are read back once more by then`)
  const erasureId = said.stdout.match(/greffier erasures certificate (\S+)/)?.[1] ?? ''
  expect((await cli('erasures', 'show', erasureId)).stdout).toContain('read back once more by')
  expect((await cli('erasures', 'certificate', erasureId)).stderr).toContain('ERASURE_NOT_DONE')

  await owner.query(`UPDATE stages SET started_at = started_at - interval '1 hour' WHERE document_id = $1`, [id])
  await owner.query(`UPDATE outbox SET due_at = due_at - interval '1 hour' WHERE document_id = $1`, [id])
  const done = await cli('erase', id)
  expect([done.code, done.stdout]).toEqual([0, expect.stringContaining(`${id}  erased from `)])
  expect((await cli('erasures', 'certificate', erasureId)).code).toBe(0)
})
