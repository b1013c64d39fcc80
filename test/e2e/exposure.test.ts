import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { ExposureReport } from '../../shared/contracts/exposure.ts'
import { startCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { type ModelDouble, startModelDouble } from '../support/model-double.ts'
import { providerConfig, registerWith } from '../support/provider-config.ts'

let double: ModelDouble
let greffier: Greffier
let sent: string
let inside: string
const from = new Date().toISOString()
const interval = () => ({ from, to: new Date().toISOString() })

beforeAll(async () => {
  double = await startModelDouble()
  greffier = await startGreffier({
    ...providerConfig(double.baseUrl),
    PROVIDERS: ['mistral', 'builtin'],
    PROCESSORS_FILE: registerWith(double.baseUrl),
    DPO_CONTACT: 'dpo@example.org',
  })
  sent = (await greffier.upload('The heron letter.\nThe heron stands in the reeds.\n', { file_name: 'heron.txt' })).document_id
  inside = (await greffier.upload('The stork report.\n', { file_name: 'stork.txt', data_classes: 'special' })).document_id
  for (const id of [sent, inside]) await greffier.settled(id)
  await greffier.erase(sent)
})
afterAll(async () => {
  await greffier.close()
  await double.close()
})

const ask = (processor: string) => greffier.json<ExposureReport>(`/v1/exposure?${new URLSearchParams({ processor, ...interval() })}`)
const cli = (args: string[]) =>
  startCli(['exposure', ...args], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } }).exited

test('what a provider held is the documents that were sent to it, erased since or not, and never those that stayed inside', async () => {
  const { documents, totals, paths, uses } = await ask('mistral')
  expect(documents.map(({ document_id }) => document_id)).toEqual([sent])
  expect(documents[0]?.erased_at).not.toBeNull()
  expect(totals).toMatchObject({ documents: 1, documents_erased: 1, documents_special: 0, calls: 3, calls_under_another_register: 0 })
  expect(paths).toMatchObject([{ processor: 'mistral', endpoint: double.origin, region: 'eu', subprocessor: null, documents: 1 }])
  expect(uses.map(({ task }) => task).sort()).toEqual(['classify', 'embed', 'extract'])
  expect((await ask('Scaleway')).paths).toMatchObject([{ processor: 'mistral', subprocessor: 'Scaleway', countries: ['FR'] }])
})

test('a name that the register does not hold is refused, and never answered with nothing', async () => {
  const response = await greffier.fetch(`/v1/exposure?${new URLSearchParams({ processor: 'mistrall', ...interval() })}`)
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([404, 'PROCESSOR_NOT_FOUND'])
  const { to } = interval()
  const backwards = new URLSearchParams({ processor: 'mistral', from: to, to: from })
  for (const path of ['/v1/exposure', '/v1/exposure/draft']) expect((await greffier.fetch(`${path}?${backwards}`)).status).toBe(400)
})

test('each report is on record with the hash of what it said', async () => {
  const { report_id } = await ask('mistral')
  const rows = await greffier.rows<{ body: string }>(`SELECT body FROM events WHERE body::jsonb->>'step' = 'exposure'`)
  const event = rows.map(({ body }) => JSON.parse(body)).find(({ request_ref }) => request_ref === report_id)
  expect(event).toMatchObject({ operation: 'Retrieve', phase: 'completed', output_hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
})

test('the command line prints it, as CSV too, and writes the draft of a notification', async () => {
  const { to } = interval()
  const question = ['--processor', 'mistral', '--from', from, '--to', to]
  const draft = join(mkdtempSync(join(tmpdir(), 'greffier-exposure-')), 'draft.md')
  const shown = await cli([...question, '--draft', draft, '--aware-at', to])
  expect([shown.stderr, shown.code]).toEqual(['', 0])
  expect(shown.stdout).toMatch(/calls by masking/)
  expect(shown.stdout).toMatch(/unmasked 3/)
  expect(shown.stdout).toMatch(/data categories: /)
  expect(shown.stdout).toContain('mistral held 1 document of an unknown number of data subjects')
  const text = readFileSync(draft, 'utf8')
  expect(text).toContain('contact point: dpo@example.org')
  expect(text).toContain('data subjects: not known: all of these documents are erased')
  expect(text).toMatch(/Hours left of 72: 7[12]/)
  const csv = await cli([...question, '--csv'])
  const [head, line] = csv.stdout.split('\n')
  expect(head).toMatch(/^document_id,erased_at,/)
  expect(line).toContain(sent)
})

test('a breach at a processor that was left since is answered from the record, and nobody was aware of it in the future', async () => {
  const register = parse(readFileSync(registerWith(double.baseUrl), 'utf8'))
  register.processors = register.processors.filter(({ key }: { key: string }) => key !== 'mistral')
  const path = join(mkdtempSync(join(tmpdir(), 'greffier-exposure-')), 'processors.yaml')
  writeFileSync(path, stringify(register))
  await greffier.startAgain({ PROVIDERS: ['builtin'], MISTRAL_API_KEY: undefined, PROCESSORS_FILE: path })
  const { totals, paths, documents } = await ask('Mistral')
  expect(documents.map(({ document_id }) => document_id)).toEqual([sent])
  expect(paths).toMatchObject([{ processor: 'mistral', subprocessor: null, known_then: true, known_now: false, documents: 1 }])
  expect(totals).toMatchObject({ calls: 3, calls_under_another_register: 3 })
  expect((await greffier.fetch(`/v1/exposure?${new URLSearchParams({ processor: 'mistrall', ...interval() })}`)).status).toBe(404)
  const draft = (aware_at: string) =>
    greffier.fetch(`/v1/exposure/draft?${new URLSearchParams({ processor: 'mistral', ...interval(), aware_at })}`)
  expect(await (await draft(new Date().toISOString())).text()).toContain('not in today’s register any more')
  expect((await draft(new Date(Date.now() + 86_400_000).toISOString())).status).toBe(400)
})
