import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSamples } from '../../samples/read.ts'
import type { Drift, RegisterEntry, RegisterReport } from '../../shared/policy/register-report.ts'
import { startCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { type ModelDouble, startModelDouble } from '../support/model-double.ts'
import { openPolicy, providerConfig, registerWith } from '../support/provider-config.ts'

const SHIPPED = resolve(import.meta.dirname, '../../infra/activities.yaml')
const folder = mkdtempSync(join(tmpdir(), 'greffier-register-'))

let double: ModelDouble
let greffier: Greffier
/** Contracts are read on behalf of two others; nobody declares what the notes are for. */
beforeAll(async () => {
  double = await startModelDouble()
  const activities = readFileSync(SHIPPED, 'utf8').replace(
    /(id: contracts[\s\S]*?)role: controller/,
    '$1role: processor\n    controllers: [{ name: "=Alder GmbH", contact: dpo@alder.example }, { name: Brook Ltd, contact: dpo@brook.example }]',
  )
  const path = join(folder, 'activities.yaml')
  writeFileSync(path, activities)
  greffier = await startGreffier({
    ...providerConfig(double.baseUrl),
    PROVIDERS: ['mistral', 'builtin'],
    PROCESSORS_FILE: registerWith(double.baseUrl),
    POLICY_FILE: openPolicy(),
    ACTIVITIES_FILE: path,
  })
  const { documents } = await readSamples()
  const sent = documents.filter(({ file }) => /^(invoice-2026|service-agreement|lettre-rh)/.test(file))
  const ids = []
  for (const { path: file, options } of sent) {
    const query = {
      purpose: options.purpose,
      sensitivity: options.sensitivity,
      data_classes: options.data_classes.join(','),
      file_name: options.file_name ?? '',
    }
    ids.push((await greffier.upload(readFileSync(file), query)).document_id)
  }
  ids.push((await greffier.upload('A note on the heron.\n', { file_name: 'note.txt', purpose: 'bird_watching' })).document_id)
  const special = { file_name: 'sick.txt', purpose: 'personnel_administration', data_classes: 'special' }
  ids.push((await greffier.upload('She was ill for a week.\n', special)).document_id)
  for (const id of ids) await greffier.settled(id)
})
afterAll(async () => {
  await greffier.close()
  await double.close()
})

const ask = (query: Record<string, string> = {}) => greffier.json<RegisterReport>(`/v1/register?${new URLSearchParams(query)}`)
const entry = (report: RegisterReport, id: string | null): RegisterEntry => {
  const found = report.activities.find((activity) => activity.id === id)
  if (!found) throw new Error(`no activity ${id}`)
  return found
}
const driftsOf = ({ fields }: RegisterEntry): Drift[] => Object.values(fields).flatMap(({ drift }) => drift)
const cli = (args: string[]) =>
  startCli(['register', ...args], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } }).exited

test('what was declared stands beside what was done, and a recipient, a country and a purpose that nobody declared are named', async () => {
  const report = await ask()
  const invoices = entry(report, 'invoices')
  expect(invoices).toMatchObject({ documents_uploaded: 1, documents_live: 1, events_under_another_register: 0 })
  expect(invoices.fields.legal_basis).toMatchObject({ declared: 'A6-1-c', observed: [{ name: 'A6-1-c' }], drift: [] })
  expect(invoices.fields.recipients.observed.map(({ name }) => name)).toContain('mistral')
  expect(invoices.fields.recipients.drift).toContainEqual(expect.objectContaining({ kind: 'undeclared_recipient', name: 'mistral' }))
  expect(invoices.fields.third_countries.drift).toMatchObject([{ kind: 'undeclared_country', name: 'CH' }])
  expect(invoices.fields.data_categories.observed.length).toBeGreaterThan(0)
  const birds = entry(report, null)
  expect(birds).toMatchObject({ name: 'bird_watching', documents_live: 1, fields: { purposes: { declared: null } } })
  expect(driftsOf(birds)).toContainEqual(expect.objectContaining({ kind: 'undeclared_purpose', name: 'bird_watching' }))
  expect(report.drifts).toBe(report.activities.flatMap(driftsOf).filter(({ severity }) => severity === 'drift').length)
  expect(entry(report, 'security').fields.purposes.drift).toMatchObject([{ kind: 'never_observed', severity: 'note' }])
})

test('the events of a document name its activity from the upload on, those of an undeclared purpose the register alone', async () => {
  const rows = await greffier.rows<{ body: string }>('SELECT body FROM events ORDER BY seq')
  const events = rows.map(({ body }) => JSON.parse(body))
  const { register_hash } = await ask()
  const of = (purpose: string) => events.filter((event) => event.purpose === purpose)
  expect(new Set(of('personnel_administration').map(({ step }) => step))).toEqual(new Set(['upload', 'extract', 'enrich', 'index', 'done']))
  for (const event of of('personnel_administration'))
    expect(event).toMatchObject({
      activity_ref: 'personnel',
      legal_basis: 'A6-1-b',
      art9_basis: event.special ? 'A9-2-b' : null,
      role: 'controller',
      register_hash,
    })
  expect(new Set(of('personnel_administration').map(({ special }) => special))).toEqual(new Set([true, false]))
  for (const event of of('contract_management'))
    expect(event).toMatchObject({ activity_ref: 'contracts', role: 'processor', art9_basis: null })
  for (const event of of('bird_watching')) expect(event).toMatchObject({ activity_ref: null, legal_basis: null, register_hash })
})

test('each call to a model proves its prompt: never before it was sent, and never alike for two documents with the same text', async () => {
  const events = []
  for (const purpose of ['accounting', 'customer_support']) {
    const { document_id } = await greffier.upload('Two letters alike.\n', { file_name: 'alike.txt', purpose })
    await greffier.settled(document_id)
    events.push((await greffier.record(document_id)).filter(({ model, step }) => model?.task === 'classify' && step === 'enrich'))
  }
  const [first = [], second = []] = events.map((list) => list.map(({ phase, model }) => ({ phase, mac: model?.prompt_hmac })))
  expect(first).toEqual([
    { phase: 'intent', mac: null },
    { phase: 'completed', mac: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ])
  expect(second[1]?.mac).not.toBe(first[1]?.mac)
  await greffier.json('/v1/answers', { question: 'What do the letters say?' })
  const [asked] = await greffier.rows<{ mac: string | null }>(
    `SELECT body::jsonb->'model'->>'prompt_hmac' AS mac FROM events WHERE body::jsonb->'model'->>'task' = 'answer' AND phase = 'completed' ORDER BY seq DESC LIMIT 1`,
  )
  expect(asked?.mac).toMatch(/^[0-9a-f]{64}$/)
})

test('an answer hands the documents that it used to its recipient, for their own purpose', async () => {
  const before = entry(await ask(), null).calls
  await greffier.json('/v1/answers', { question: 'What does the note say of the heron?' })
  const report = await ask()
  expect(entry(report, null).calls).toBeGreaterThan(before)
  expect(entry(report, 'questions').fields.recipients.observed.map(({ name }) => name)).toContain('mistral')
})

test('a document older than its limit is an overrun, until it is erased', async () => {
  const { document_id } = await greffier.upload('An old bill.\n', { file_name: 'bill.txt', purpose: 'accounting' })
  await greffier.settled(document_id)
  await greffier.rows(`UPDATE documents SET created_at = now() - interval '3651 days' WHERE id = $1`, [document_id])
  const kinds = async () => entry(await ask(), 'invoices').fields.erasure.drift.map(({ kind }) => kind)
  expect(new Set(await kinds())).toEqual(new Set(['retention_overrun']))
  await greffier.erase(document_id)
  expect(await kinds()).toEqual([])
})

test('the processor’s view has what is done for others, by controller, and nothing of the organisation’s own', async () => {
  const report = await ask({ view: 'processor' })
  expect(report.activities.map(({ id }) => id)).toEqual(['contracts'])
  expect(report.by_controller).toMatchObject([
    { controller: { name: '=Alder GmbH' }, activities: ['contracts'] },
    { controller: { name: 'Brook Ltd' }, activities: ['contracts'] },
  ])
  expect((await ask()).activities.map(({ id }) => id)).not.toContain('contracts')
})

test('a period before all events shows declarations alone; one that ends before it begins is refused', async () => {
  const report = await ask({ to: '2020-01-01' })
  expect(report.activities.filter(({ events }) => events > 0)).toEqual([])
  expect((await greffier.fetch('/v1/register?from=2026-02-01&to=2026-01-01')).status).toBe(400)
})

test('another tenant sees the declarations and nothing that was observed here', async () => {
  const { apiKey } = await greffier.addTenant(['records:read'])
  const response = await greffier.fetch('/v1/register', { headers: { authorization: `Bearer ${apiKey}` } })
  const report = (await response.json()) as RegisterReport
  expect(report.activities.map(({ id }) => id)).not.toContain(null)
  expect(report.activities.filter(({ events, documents_live }) => events > 0 || documents_live > 0)).toEqual([])
})

test('a file of activities that is wrong stops the start, and says where', async () => {
  const path = join(folder, 'wrong.yaml')
  writeFileSync(path, readFileSync(SHIPPED, 'utf8').replace('role: controller', 'role: owner'))
  await expect(startGreffier({ ACTIVITIES_FILE: path })).rejects.toThrow(/wrong\.yaml:\d+:\d+: activities\.0\.role: /)
})

test.each([
  ['application/ld+json', 'jsonld'],
  ['text/csv', 'csv'],
  ['application/yaml', 'fides'],
  ['application/json', 'json'],
])('Accept: %s is format=%s', async (accept, format) => {
  const [byHeader, byFormat] = [
    await greffier.fetch('/v1/register', { headers: { accept } }),
    await greffier.fetch(`/v1/register?format=${format}`),
  ]
  expect([byHeader.status, byHeader.headers.get('content-type')]).toEqual([200, byFormat.headers.get('content-type')])
  expect(byHeader.headers.get('content-type')).toContain(accept)
})

test('the command line prints what a data protection officer reads, writes files, and fails where it is told to', async () => {
  const shown = await cli([])
  expect([shown.stderr, shown.code]).toEqual(['', 0])
  expect(shown.stdout).toMatch(/invoices .*A6-1-c .*\+mistral/)
  expect(shown.stdout).toContain('no activity declares the purpose bird_watching')
  expect((await cli(['--strict', '--drift'])).code).toBe(3)
  expect((await cli(['--strict', '--to', '2020-01-01', '--processor'])).code).toBe(0)
  const out = join(folder, 'register.csv')
  expect(await cli(['--format', 'csv', '--processor', '--out', out])).toMatchObject({ code: 0, stdout: `The register is in ${out}.\n` })
  expect(readFileSync(out, 'utf8')).toMatch(/^\uFEFFNom \/ sigle;/)
  expect(readFileSync(out, 'utf8')).toContain(`"'=Alder GmbH (dpo@alder.example) ; Brook Ltd (dpo@brook.example)"`)
  expect((await cli(['check', SHIPPED])).stdout).toContain('question_answering')
  expect(await cli(['check', join(folder, 'missing.yaml')])).toMatchObject({ code: 78 })
})
