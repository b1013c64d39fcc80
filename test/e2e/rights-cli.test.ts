import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

let greffier: Greffier
let documentId: string
const folder = mkdtempSync(join(tmpdir(), 'greffier-rights-cli-'))
beforeAll(async () => {
  greffier = await startGreffier()
  documentId = (await greffier.upload(TEXT)).document_id
  await greffier.settled(documentId)
})
afterAll(async () => {
  await greffier.close()
  rmSync(folder, { recursive: true, force: true })
})

const TEXT = 'Invoice\n\nInvoice number: RE-1\nDue date: 31 March 2027\nSeller: Mandragora Ltd\nBill to: Kunigunde Amsel\nTotal: 10.00 EUR'

const cli = (args: string[], stdin?: string) =>
  runCli(args, { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey }, ...(stdin === undefined ? {} : { stdin }) })

async function json(args: string[], stdin?: string) {
  const { code, stdout, stderr } = await cli([...args, '--json'], stdin)
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

test('subjects find takes identifiers from standard input as from flags, and never repeats one that it cannot read', async () => {
  const found = await json(['subjects', 'find', '--stdin'], 'name=Amsel, Kunigunde\n')
  expect(found.documents).toMatchObject([{ document_id: documentId }])
  expect((await json(['subjects', 'find', '--name', 'Kunigunde Amsel'])).documents).toEqual(found.documents)
  const wrong = await cli(['subjects', 'find', '--stdin'], 'Kunigunde Amsel\n')
  expect([wrong.code, wrong.stderr.includes('Amsel'), wrong.stdout]).toEqual([64, false, ''])
  expect((await cli(['subjects', 'find'])).code).toBe(64)
})

test('a request is created, listed, extended, fetched and answered', async () => {
  const request = await json(['subject-requests', 'create', 'access', '--stdin'], 'name=Kunigunde Amsel')
  const id = request.request_id
  expect((await json(['subject-requests', 'list', '--state', 'open'])).requests).toEqual([request])
  expect((await json(['subject-requests', 'extend', id], 'very many files')).extended_at).not.toBeNull()
  expect((await cli(['subject-requests', 'extend', id], ' ')).code).toBe(64)
  const out = join(folder, 'package.csv')
  await json(['subject-requests', 'package', id, '--out', out, '--csv'])
  expect(readFileSync(out, 'utf8')).toContain('Kunigunde Amsel')
  expect(statSync(out).mode & 0o777).toBe(0o600)
  const again = await cli(['subject-requests', 'package', id, '--out', out])
  expect([again.code, readFileSync(out, 'utf8').startsWith('\ufeffdocument_id')]).toEqual([65, true])
  expect((await json(['subject-requests', 'answer', id])).state).toBe('answered')
  expect((await cli(['subject-requests', 'show', id])).stdout).toContain('answered')
})

test('a field is corrected from standard input, and once more only by whoever has seen the correction before', async () => {
  const first = await json(['fields', 'correct', documentId, 'due_date'], '2027-04-15\nagreed by telephone\n')
  expect(first.field).toMatchObject({ value: '2027-04-15', status: 'corrected' })
  const unseen = await cli(['fields', 'correct', documentId, 'due_date'], '2027-05-15\nwe think so')
  expect([unseen.code, unseen.stderr.includes('FIELD_CHANGED')]).toEqual([65, true])
  const { review_id } = (await json(['fields', 'history', documentId, 'due_date'])).history[0]
  const reviewed = await json(['fields', 'review', documentId, 'due_date', 'confirmed', '--after', review_id])
  expect(reviewed.field.review.outcome).toBe('confirmed')
  const { stdout } = await cli(['fields', 'history', documentId, 'due_date'])
  for (const shown of ['2027-04-15', '2027-03-31', 'agreed by telephone', 'confirmed']) expect(stdout).toContain(shown)
  expect((await cli(['fields', 'correct', documentId, 'due_date'], '2027-05-15')).code).toBe(64)
})
