import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErasureList, HoldList } from '../../shared/contracts/erasure.ts'
import type { CertificateAnswer } from '../../shared/contracts/erasure-certificate.ts'
import type { RecordsPage } from '../../shared/contracts/records.ts'
import type { RetentionPlan } from '../../shared/contracts/retention.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { runCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

const RULES = `version: 1
notice: for a test
records: { id: ai-act-26-6, because: AI Act, keep_months: 12 }
rules:
  - { id: letters, because: for a test, purposes: [short_lived], types: [letter], erase: { after: completed, days: 10 } }
  - { id: short, because: for a test, purposes: [short_lived], erase: { after: received, days: 20 } }
  - { id: statutes, because: for a test, purposes: [kept], erase: never }
`

let greffier: Greffier
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'greffier-retention-'))
  writeFileSync(join(folder, 'retention.yaml'), RULES)
  greffier = await startGreffier({
    RETENTION_FILE: join(folder, 'retention.yaml'),
    RETENTION_EVERY_SECONDS: 1,
    RETENTION_GRACE_HOURS: 0,
    RETENTION_CLOCK_HOURS: 0,
  })
})
afterAll(async () => {
  await greffier.close()
  rmSync(folder, { recursive: true, force: true })
})

let serial = 0
async function document(purpose: string, ageDays = 0): Promise<string> {
  const { document_id } = await greffier.upload(`Notiz ${++serial} zur Sitzung im Rathaus.`, { purpose })
  await greffier.settled(document_id)
  if (ageDays > 0) await age(document_id, ageDays)
  return document_id
}

/** Its days and what they make due, as if it had come that long ago. */
const age = (id: string, days: number) =>
  greffier.rows(
    `UPDATE documents SET created_at = created_at - $2 * interval '1 day', completed_at = completed_at - $2 * interval '1 day',
      erase_after = erase_after - $2 * interval '1 day' WHERE id = $1`,
    [id, days],
  )
const greffierCli = (...args: string[]) => runCli(args, { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
const plan = (query = '') => greffier.json<RetentionPlan>(`/v1/retention/plan${query}`)
const isGone = async (id: string) => (await greffier.fetch(`/v1/documents/${id}`)).status === 410

test('what was kept long enough is erased by itself, through a request with a certificate that names the rule, and the rest stays', async () => {
  const [old, young, kept] = [await document('short_lived', 30), await document('short_lived', 5), await document('kept', 3_000)]
  await waitUntil(() => isGone(old), 'the old document to be erased')
  const { erasures } = await greffier.json<ErasureList>('/v1/erasures')
  const request = erasures.find(({ retention_rule }) => retention_rule !== null)
  expect(request).toMatchObject({ key_id: null, ground: null, retention_rule: 'short', scope: { document_ids: [old] } })
  const path = `/v1/erasures/${request?.erasure_id}/certificate`
  await waitUntil(async () => (await greffier.fetch(path)).status === 200, 'the certificate')
  expect((await greffier.json<CertificateAnswer>(path)).certificate).toMatchObject({ retention_rule: 'short', documents: [old] })
  for (const id of [young, kept]) expect(await isGone(id)).toBe(false)
})

test('every event of a document says by which rule it goes and when, and whether a hold stands against that', async () => {
  const id = await document('short_lived')
  const [row] = await greffier.rows<{ created_at: Date }>('SELECT created_at FROM documents WHERE id = $1', [id])
  const due = new Date((row?.created_at.getTime() ?? 0) + 20 * 86_400_000).toISOString()
  const record = await greffier.record(id)
  for (const event of record) expect([event.step, event.retention]).toEqual([event.step, { rule: 'short', erase_after: due, hold: false }])
  expect(record.length).toBeGreaterThan(4)
  await greffier.fetch(`/v1/documents/${id}/hold`, {
    method: 'PUT',
    body: JSON.stringify({ reason: '17-3-e' }),
    headers: { 'content-type': 'application/json' },
  })
  await (await greffier.fetch(`/v1/documents/${id}/text`)).body?.cancel()
  expect((await greffier.record(id)).at(-1)).toMatchObject({ step: 'text', retention: { rule: 'short', hold: true } })
  const free = await document('undecided')
  expect((await greffier.record(free)).map(({ retention }) => retention).filter((one) => one !== null)).toEqual([])
})

test('a plan shows what will be erased before it is, page by page, and what the record is kept for', async () => {
  const [soon, later] = [await document('short_lived'), await document('short_lived')]
  const at = new Date(Date.now() + 21 * 86_400_000).toISOString()
  const whole = await plan(`?at=${at}`)
  expect(whole.documents.map(({ document_id }) => document_id)).toEqual(expect.arrayContaining([soon, later]))
  expect(whole).toMatchObject({
    records: { rule: 'ai-act-26-6', keep_months: 12, deletes: 'nothing' },
    rules: { in_force_after_seconds: 0 },
  })
  const paged: string[] = []
  for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
    const page: RetentionPlan = await plan(`?at=${at}&limit=1${cursor ? `&cursor=${cursor}` : ''}`)
    paged.push(...page.documents.map(({ document_id }) => document_id))
    cursor = page.next_cursor
  }
  expect(paged).toEqual(whole.documents.map(({ document_id }) => document_id))
  expect(await isGone(soon)).toBe(false)
})

describe('the command line', () => {
  test('shows the plan, and confirms a clock that this machine agrees with alone', async () => {
    const id = await document('short_lived')
    const at = new Date(Date.now() + 21 * 86_400_000).toISOString()
    const shown = await greffierCli('retention', 'plan', '--at', at)
    expect(shown.code, shown.stderr).toBe(0)
    for (const said of [id, 'short', 'the rules are in force', 'no entry of the log is ever deleted']) expect(shown.stdout).toContain(said)
    const json = await greffierCli('retention', 'plan', '--at', at, '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ next_cursor: null, at })
    expect((await greffierCli('retention', 'confirm-clock')).code).toBe(0)
    const steps = async (operation: string) =>
      (await greffier.json<RecordsPage>(`/v1/records?operation=${operation}&limit=1000`)).events.map(({ step }) => step)
    expect(await steps('Store')).toContain('clock_confirmed')
    expect(await steps('Erase')).not.toContain('clock_confirmed')
    const disputed = await greffier.fetch('/v1/retention/confirm-clock', {
      method: 'POST',
      body: JSON.stringify({ now: new Date(Date.now() - 3_600_000).toISOString() }),
      headers: { 'content-type': 'application/json' },
    })
    expect([disputed.status, await disputed.json()]).toMatchObject([409, { code: 'CLOCK_DISPUTED', ahead_seconds: 3_600 }])
  })

  test('erases a document by its id, and says from which stores', async () => {
    const id = await document('undecided')
    expect((await greffierCli('erase', id)).stdout).toMatch(/erased from .*sqlite.*postgres/)
    expect((await greffierCli('erase', id)).code).toBe(0)
  })

  test('holds, lists and lifts; restricts and lifts', async () => {
    const id = await document('undecided')
    expect((await greffierCli('hold', 'add', id, '--reason', '17-3-e', '--text', 'Klage')).code).toBe(0)
    const { holds } = JSON.parse((await greffierCli('hold', 'list', '--json')).stdout) as HoldList
    const { keys } = await greffier.json<{ keys: { key_id: string }[] }>('/v1/keys')
    expect(holds.find(({ document_id }) => document_id === id)?.key_id).toBe(keys[0]?.key_id)
    expect((await greffierCli('hold', 'remove', id)).code).toBe(0)
    expect((await greffierCli('hold', 'list', '--json')).stdout).not.toContain(id)
    expect((await greffierCli('restrict', id, '--ground', '18-1-a')).stdout).toContain('18-1-a')
    expect((await greffier.fetch(`/v1/documents/${id}`)).status).toBe(423)
    expect((await greffierCli('unrestrict', id)).code).toBe(0)
    expect((await greffier.fetch(`/v1/documents/${id}`)).status).toBe(200)
  })

  test('asks for an erasure by a person who stands in a file, fetches the certificate, and checks it without a server', async () => {
    const { document_id } = await greffier.upload('Schreiben von clara.beispiel@example.org vom 3. März 2026.')
    await greffier.settled(document_id)
    const [person, out, pdf] = ['person.json', 'certificate.json', 'certificate.pdf'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(person, JSON.stringify({ email: 'clara.beispiel@example.org' }))
    const created = await greffierCli('erasures', 'create', '--ground', '17-1-b', '--person', person, '--json')
    expect([created.code, created.stderr]).toEqual([0, ''])
    const { erasure_id } = JSON.parse(created.stdout) as { erasure_id: string }
    await waitUntil(async () => (await greffier.fetch(`/v1/erasures/${erasure_id}/certificate`)).status === 200, 'the certificate')
    expect((await greffierCli('erasures', 'show', erasure_id)).stdout).toContain('1 of 1 document erased')
    expect((await greffierCli('erasures', 'list')).stdout).toContain(erasure_id)
    const fetched = await greffierCli('erasures', 'certificate', erasure_id, '--out', out, '--pdf', pdf)
    expect([fetched.code, readFileSync(pdf).subarray(0, 5).toString()]).toEqual([0, '%PDF-'])
    const { vkey } = await greffier.json<{ vkey: string }>('/v1/ledger/key')
    // Nothing is asked of any server: there is none at this address.
    const check = (file: string, key: string) => runCli(['erasures', 'check', file, '--vkey', key], { url: 'http://127.0.0.1:9' })
    expect(await check(out, vkey)).toMatchObject({ code: 0, stdout: expect.stringContaining('whole: complete, 1 document erased') })
    const answer = async () => {
      await greffierCli('erasures', 'certificate', erasure_id, '--out', out)
      return JSON.parse(readFileSync(out, 'utf8')) as CertificateAnswer
    }
    await waitUntil(async () => (await answer()).logged !== null, 'the log to have taken the certificate in')
    expect((await check(out, vkey)).stdout).toMatch(/in the log +leaf \d+ of \d+, recorded 20/)
    const { logged, ...rest } = await answer()
    const forged = join(folder, 'forged.json')
    for (const wrong of [
      { ...logged, event: logged?.event.replace(/"time":"20../, '"time":"1999') },
      { ...logged, proof: logged?.proof.replace('index ', 'index 1') },
    ]) {
      writeFileSync(forged, JSON.stringify({ ...rest, logged: wrong }))
      expect(await check(forged, vkey)).toMatchObject({ code: 1, stderr: expect.stringContaining('CERTIFICATE_INVALID') })
    }
    writeFileSync(forged, JSON.stringify({ ...rest, logged: null }))
    expect(await check(forged, vkey)).toMatchObject({ code: 0, stdout: expect.stringContaining('not shown') })
    const changed = join(folder, 'changed.json')
    writeFileSync(changed, readFileSync(out, 'utf8').replaceAll(document_id, crypto.randomUUID()))
    expect(await check(changed, vkey)).toMatchObject({ code: 1, stderr: expect.stringContaining('CERTIFICATE_INVALID') })
    const { vkey: other } = await greffier.json<{ vkey: string }>('/v1/ledger/rotate-key', {})
    // The new key leads to the old one by the statements that came with a later answer.
    expect((await check(out, other)).code).toBe(1)
    await greffierCli('erasures', 'certificate', erasure_id, '--out', out)
    expect((await check(out, other)).code).toBe(0)
    expect((await check(out, vkey)).code).toBe(0)
  })

  test('wants one way to say which documents, and an extension its reason', async () => {
    expect((await greffierCli('erasures', 'create', '--ground', '17-1-a')).code).toBe(64)
    const both = await greffierCli('erasures', 'create', '--ground', '17-1-a', '--purpose', 'a_b', '--subject', crypto.randomUUID())
    expect(both.code).toBe(64)
    expect((await greffierCli('erasures', 'extend', crypto.randomUUID())).code).toBe(64)
    expect((await greffierCli('erasures', 'extend', crypto.randomUUID(), '--reason', 'many')).code).toBe(66)
  })
})

test('rules that were shipped, or removed, erase nothing, and the events of later documents name none', async () => {
  const old = await document('short_lived', 5)
  await greffier.startAgain({ RETENTION_FILE: readConfig({}).RETENTION_FILE })
  await age(old, 100)
  await waitUntil(
    async () => (await greffier.rows('SELECT FROM documents WHERE erased_at IS NULL AND retention_rule IS NOT NULL')).length === 0,
    'the rules to be taken off',
  )
  expect(await plan()).toMatchObject({ rules: { count: 0 }, totals: [], documents: [] })
  expect(await isGone(old)).toBe(false)
})
