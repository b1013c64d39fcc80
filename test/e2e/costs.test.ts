import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CostEstimate, CostReport } from '../../shared/contracts/cost.ts'
import type { PolicyReplay } from '../../shared/contracts/replay.ts'
import { startCli, withFiles } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

const NOTHING = 'name: nothing\nversion: 3\nrules: []\n'
const EVERYTHING = `name: everything
version: 1
rules:
  - name: anything
    when: { data_classes: [none, personal, special, criminal] }
    allow: true
`
const ABOUT_NOBODY = 'name: about-nobody\nversion: 1\nrules:\n  - name: open-data\n    when: { data_classes: [none] }\n    allow: true\n'

let greffier: Greffier
let personal: string
let open: string

beforeAll(async () => {
  greffier = await startGreffier()
  personal = (await greffier.upload('The xylophone contract ends on 2027-01-31.', { file_name: 'a.txt', purpose: 'contracts' })).document_id
  open = (await greffier.upload('The marimba has five octaves.', { file_name: 'b.txt', data_classes: 'none', sensitivity: 'public' }))
    .document_id
  for (const id of [personal, open]) await greffier.settled(id)
  await greffier.json('/v1/answers', { question: 'When does the xylophone contract end?' })
})
afterAll(() => greffier.close())

async function cli(args: string[]) {
  return startCli(args, { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } }).exited
}
async function cliJson<Answer>(args: string[]): Promise<Answer> {
  const { stdout, stderr, code } = await cli([...args, '--json'])
  expect([stderr, code]).toEqual(['', 0])
  return JSON.parse(stdout)
}
const replay = (policy: string, more: object = {}) => greffier.json<PolicyReplay>('/v1/policy/replay', { policy, ...more })

describe('costs', () => {
  test('are cut by document, purpose, processor and day, and the groups add up', async () => {
    const whole = await greffier.json<CostReport>('/v1/costs')
    for (const by of ['document', 'purpose', 'processor', 'day']) {
      const { groups, calls } = await greffier.json<CostReport>(`/v1/costs?by=${by}`)
      expect([by, groups.reduce((sum, group) => sum + group.calls, 0)]).toEqual([by, whole.calls])
      expect(calls).toBe(whole.calls)
    }
    const { groups } = await greffier.json<CostReport>('/v1/costs?by=document')
    expect(groups.map(({ key }) => key)).toEqual(expect.arrayContaining([personal, open, null]))
  })

  test('are shown by the command line, for one document and cut another way', async () => {
    const report = await cliJson<CostReport>(['cost', '--document', personal, '--by', 'purpose'])
    expect(report).toMatchObject({ document_id: personal, by: 'purpose' })
    expect(report.groups.map(({ key }) => key)).toEqual(expect.arrayContaining(['contracts', 'question_answering']))
    expect((await cli(['cost', '--by', 'document'])).stdout).toContain('several or none')
    expect((await cli(['cost', '--by', 'mood'])).code).toBe(64)
  })
})

describe('an estimate', () => {
  test('counts what files hold, chooses as the policy does, and uploads nothing', async () => {
    const pdf =
      '%PDF-1.4\n1 0 obj << /Type /Pages /Kids [2 0 R 3 0 R] >> endobj 2 0 obj << /Type /Page >> endobj 3 0 obj <</Type/Page>> endobj\n'
    await withFiles({ 'a.pdf': pdf, 'b.txt': 'x'.repeat(9_000) }, async (folder) => {
      const files = ['a.pdf', 'b.txt'].map((name) => join(folder, name))
      const before = await greffier.json<{ documents: object[] }>('/v1/documents')
      const found = await cliJson<CostEstimate>(['cost', 'estimate', ...files, '--data', 'special'])
      expect(found).toMatchObject({ documents: 2, pages: { low: 3, high: 3 }, micro_eur: { low: 0, high: 0 } })
      expect(found.tasks.map(({ task, processor }) => [task, processor])).toEqual([
        ['classify', 'builtin'],
        ['extract', 'builtin'],
        ['embed', 'builtin'],
      ])
      expect(await greffier.json('/v1/documents')).toEqual(before)
      expect((await cli(['cost', 'estimate', ...files])).stdout).toContain('euros for 2 documents of 3 pages')
      expect((await cli(['cost', 'estimate', join(folder, 'missing.pdf')])).code).toBe(66)
    })
  })

  test.each([
    { documents: [] },
    { documents: [{ bytes: -1, media_type: 'text/plain' }] },
    { documents: [{ bytes: 1, media_type: 'image/gif' }] },
  ])('of %j is refused', async (body) => {
    const response = await greffier.fetch('/v1/costs/estimate', {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    expect(response.status).toBe(400)
  })
})

describe('another policy on the record', () => {
  test('that allows everything changes nothing, and one that allows nothing refuses every call', async () => {
    const everything = await replay(EVERYTHING)
    expect(everything).toMatchObject({ now_refused: 0, now_allowed: 0, unknown: 0, groups: [], complete: true })
    expect(everything.calls).toBeGreaterThan(5)
    const nothing = await replay(NOTHING)
    expect(nothing).toMatchObject({ calls: everything.calls, now_refused: everything.calls, policy: { name: 'nothing', version: 3 } })
    expect(nothing.groups.flatMap(({ document_ids }) => document_ids)).toEqual(expect.arrayContaining([personal, open]))
  })

  test('is asked of the documents in a call: of a question the strictest decides', async () => {
    const found = await replay(ABOUT_NOBODY)
    // Whatever contained the document about somebody, and every question, which is personal data itself.
    expect(new Set(found.groups.flatMap(({ document_ids }) => document_ids)).has(personal)).toBe(true)
    const ofOpen = await greffier.record(open)
    const alone = ofOpen.filter(({ phase, doc_ref }) => phase === 'intent' && doc_ref === open).length
    expect(found).toMatchObject({ still_allowed: alone, unknown: 0 })
  })

  test('is asked of a period, and of one organisation alone', async () => {
    expect(await replay(NOTHING, { to: '2020-01-01T00:00:00.000Z' })).toMatchObject({ calls: 0, complete: true })
    const other = await greffier.addTenant()
    const response = await fetch(`${greffier.url}/v1/policy/replay`, {
      method: 'POST',
      body: JSON.stringify({ policy: NOTHING }),
      headers: { authorization: `Bearer ${other.apiKey}`, 'content-type': 'application/json' },
    })
    expect(await response.json()).toMatchObject({ calls: 0 })
  })

  test('that does not parse is a problem with line and column', async () => {
    const response = await greffier.fetch('/v1/policy/replay', {
      method: 'POST',
      body: JSON.stringify({ policy: ABOUT_NOBODY.replace('allow: true', 'allow: perhaps') }),
      headers: { 'content-type': 'application/json' },
    })
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(await response.json()).toMatchObject({
      code: 'INVALID_REQUEST',
      problems: [expect.stringMatching(/^policy:6:\d+: rules\.0\.allow/)],
    })
  })

  test('is replayed from the command line, which finds a broken file itself', async () => {
    await withFiles({ 'nothing.yaml': NOTHING, 'broken.yaml': 'name: x\nrules: 1\n' }, async (folder) => {
      const args = ['policy', 'replay', '--policy', join(folder, 'nothing.yaml')]
      const found = await cliJson<PolicyReplay>([...args, '--as-of-call'])
      expect(found).toMatchObject({ as_of_call: true, still_allowed: 0 })
      const { stdout, code } = await cli(args)
      expect(code).toBe(0)
      expect(stdout).toContain('refused now')
      const broken = await cli(['policy', 'replay', '--policy', join(folder, 'broken.yaml')])
      expect(broken.code).toBe(78)
      expect(broken.stderr).toMatch(/broken\.yaml:2:\d+: rules/)
    })
  })
})
