import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DocumentRecord } from '../../shared/contracts/record.ts'
import { runCli } from '../services/cli/run-cli.ts'
import { type DocumentJson, type Greffier, startGreffier } from '../support/greffier.ts'
import { type ModelDouble, startModelDouble } from '../support/model-double.ts'
import { openPolicy, POLICY_FILE, providerConfig, registerWith } from '../support/provider-config.ts'
import { waitUntil } from '../support/wait.ts'

const SPECIAL = { data_classes: 'special' }

let double: ModelDouble
let greffier: Greffier
const folder = mkdtempSync(join(tmpdir(), 'greffier-test-'))
const policyFile = join(folder, 'policy.yaml')

/** Only an outside provider is configured. */
beforeAll(async () => {
  double = await startModelDouble()
  writeFileSync(policyFile, readFileSync(POLICY_FILE))
  greffier = await startGreffier({
    ...providerConfig(double.baseUrl),
    PROVIDERS: ['mistral'],
    PROCESSORS_FILE: registerWith(double.baseUrl),
    POLICY_FILE: policyFile,
  })
})
afterAll(async () => {
  await greffier.close()
  await double.close()
  rmSync(folder, { recursive: true, force: true })
})

test('what the policy refuses is explained, stays refused while the rules stay, and goes on by itself when the policy has changed', async () => {
  const { document_id } = await greffier.upload('REFUSEDMARK: the patient is ill.\n', SPECIAL)
  const refused = await greffier.settled(document_id)
  expect(refused).toMatchObject({
    status: 'refused',
    refusal: { stage: 'enrich', task: 'classify', policy: { name: 'eu-operated', hash: expect.stringMatching(/^[0-9a-f]{64}$/) } },
  })
  const said = refused.refusal?.sentences.join('\n') ?? ''
  expect(said).toContain('The policy eu-operated (rule special-and-criminal-stay-inside) lets special-category data')
  expect(said).toMatch(
    /Mistral AI \(La Plateforme\) was refused because: it must be .*\(self_hosted\), but it is run by somebody else \(hosted\)\./,
  )
  expect(said).not.toContain('REFUSEDMARK')

  const { stdout } = await cli('show', document_id)
  for (const sentence of refused.refusal?.sentences ?? []) expect(stdout).toContain(sentence)
  expect(stdout).toContain(`greffier redrive ${document_id}`)

  const other = await settledUpload('Another letter.\n')
  expect(other).toMatchObject({ status: 'completed', refusal: null })

  await greffier.startAgain({})
  await settledUpload('A letter after the first start.\n')
  expect(await startsOf(document_id)).toBe(startsIn(refused))

  writeFileSync(policyFile, readFileSync(openPolicy()))
  await greffier.startAgain({})
  const completed = await completes(document_id)
  expect(completed).toMatchObject({ status: 'completed', revision: 1, error_code: null, refusal: null })
  expect(double.requests.some((request) => JSON.stringify(request.body).includes('REFUSEDMARK'))).toBe(true)
  const { events } = await greffier.json<DocumentRecord>(`/v1/documents/${document_id}/record`)
  const calls = events.filter((event) => event.recipient !== null && event.model?.task === 'classify')
  expect(calls.map(({ phase, policy }) => [phase, policy?.rule])).toEqual([
    ['refused', 'special-and-criminal-stay-inside'],
    ['intent', 'anything'],
    ['completed', 'anything'],
  ])
  // What was done before the refusal was not done again.
  expect(events.filter(({ step, phase }) => step === 'extract' && phase === 'completed')).toHaveLength(1)

  // Back under the first policy: what is completed stays so, and what comes is refused.
  writeFileSync(policyFile, readFileSync(POLICY_FILE))
  await greffier.startAgain({})
  const late = await settledUpload('Another patient is ill.\n', SPECIAL)
  expect(late.status).toBe('refused')
  expect(await greffier.json(`/v1/documents/${document_id}`)).toMatchObject({ status: 'completed' })
  // A provider that may see it is as good as another policy.
  await greffier.startAgain({ PROVIDERS: ['mistral', 'builtin'] })
  expect(await completes(late.document_id)).toMatchObject({ revision: 1 })
  await greffier.startAgain({})
})

test('redriving a refused document under the same rules refuses it again, in the same revision', async () => {
  const { document_id } = await settledUpload('A third patient is ill.\n', SPECIAL)
  expect(await redrive(document_id)).toMatchObject([202, { document_id, revision: 1, status: 'processing', stage: 'enrich' }])
  expect(await greffier.settled(document_id)).toMatchObject({ status: 'refused', revision: 1, refusal: { stage: 'enrich' } })
})

test('a document that failed for good goes on at the stage that failed', async () => {
  double.scriptFor('/v1/chat/completions', { kind: 'status', status: 400, body: { message: 'no' } })
  const failed = await settledUpload('A letter that the provider rejects once.\n')
  expect(failed).toMatchObject({ status: 'failed', error_code: 'MODEL_REFUSED', refusal: null })
  const done = await cli('redrive', failed.document_id, '--json')
  expect(JSON.parse(done.stdout)).toMatchObject({ document_id: failed.document_id, stage: 'enrich' })
  const completed = await greffier.settled(failed.document_id)
  expect(completed).toMatchObject({ status: 'completed', revision: 1 })
  expect(completed.stages.find(({ stage }) => stage === 'extract')).toEqual(failed.stages.find(({ stage }) => stage === 'extract'))
})

test('what neither failed nor was refused, was erased, or is somebody else’s cannot be redriven', async () => {
  const { document_id } = await settledUpload('A letter that is fine.\n')
  expect(await redrive(document_id)).toMatchObject([409, { code: 'NOTHING_TO_REDRIVE' }])
  const other = await greffier.addTenant()
  const theirs = { authorization: `Bearer ${other.apiKey}` }
  expect(await redrive(document_id, theirs)).toMatchObject([404, { code: 'DOCUMENT_NOT_FOUND' }])
  const reader = await greffier.addTenant(['documents:read'])
  expect(await redrive(document_id, { authorization: `Bearer ${reader.apiKey}` })).toMatchObject([403, { code: 'SCOPE_MISSING' }])
  await greffier.erase(document_id)
  expect(await redrive(document_id)).toMatchObject([410, { code: 'DOCUMENT_ERASED' }])
})

test('the command line redrives every refused document, and says that a call without a document is no call', async () => {
  const ids = []
  for (const at of [1, 2, 3]) ids.push((await settledUpload(`Patient ${at} is ill.\n`, SPECIAL)).document_id)
  const listed = await greffier.json<{ documents: { status: string }[] }>('/v1/documents?status=refused')
  expect(new Set(listed.documents.map(({ status }) => status))).toEqual(new Set(['refused']))
  const before = await Promise.all(ids.map(startsOf))
  const { code, stdout } = await cli('redrive', '--refused', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout).redriven).toEqual(expect.arrayContaining(ids))
  for (const [at, id] of ids.entries()) {
    expect((await greffier.settled(id)).status).toBe('refused')
    expect(await startsOf(id)).toBe((before[at] ?? 0) + 1)
  }
  for (const args of [['redrive'], ['redrive', String(ids[0]), '--refused']]) expect((await cli(...args)).code).toBe(64)
})

async function settledUpload(text: string, query: Record<string, string> = {}) {
  return greffier.settled((await greffier.upload(text, query)).document_id)
}

/** It is made due again some time after a start, and until then is settled as it was. */
async function completes(id: string): Promise<DocumentJson> {
  let document: DocumentJson | undefined
  await waitUntil(async () => {
    document = await greffier.json<DocumentJson>(`/v1/documents/${id}`)
    return document.status === 'completed'
  }, `${id} to be completed`)
  if (!document) throw new Error('no document')
  return document
}

function cli(...args: string[]) {
  return runCli(args, { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
}

async function redrive(id: string, headers: Record<string, string> = {}): Promise<[number, unknown]> {
  const response = await greffier.fetch(`/v1/documents/${id}/redrive`, { method: 'POST', headers })
  return [response.status, await response.json()]
}

/** Every start of the stage that was refused raises its epoch. */
async function startsOf(id: string): Promise<number> {
  const [row] = await greffier.rows<{ epoch: number }>(`SELECT epoch FROM stages WHERE document_id = $1 AND stage = 'enrich'`, [id])
  return row?.epoch ?? 0
}

function startsIn(document: { stages: { stage: string; starts: number }[] }): number {
  return document.stages.find(({ stage }) => stage === 'enrich')?.starts ?? 0
}
