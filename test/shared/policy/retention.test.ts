import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { erasesNothing, rulesOf } from '../../../shared/policy/retention.ts'
import { loadRetention } from '../../../shared/runtime/policy-files.ts'
import { retentionRules } from '../../support/retention.ts'

const SHIPPED = new URL('../../../infra/retention.yaml', import.meta.url).pathname
const text = readFileSync(SHIPPED, 'utf8')
/** The shipped file with its example as rules, and no comments. */
const example = text.match(/^# {3}[- ].*$/gm)?.map((line) => line.slice(2))
const EXAMPLE = text.replaceAll(/^#.*\n/gm, '').replace('rules: []', `rules:\n${example?.join('\n')}`)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'greffier-retention-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function load(content: string) {
  const path = join(folder, 'retention.yaml')
  writeFileSync(path, content)
  return loadRetention(path)
}

test('the shipped rules erase nothing, and keep the record as long as the AI Act asks', () => {
  const { retention } = loadRetention(SHIPPED)
  expect([erasesNothing(retention), retention.rules, retention.records.keep_months]).toEqual([true, [], 6])
})

test('the example in the shipped file is one', () => {
  expect(load(EXAMPLE).retention.rules.map(({ id }) => id)).toEqual(['applications', 'invoices', 'minutes'])
})

test('a comment or a reason makes no other rules, a period and an order do', () => {
  const { retentionHash } = load(EXAMPLE)
  expect(load(`# more\n${EXAMPLE.replace('they are kept', 'they stay')}`).retentionHash).toBe(retentionHash)
  expect(load(EXAMPLE.replace('months: 120', 'months: 121')).retentionHash).not.toBe(retentionHash)
})

test.each([
  ['a record that is kept for less than six months', 'keep_months: 6', 'keep_months: 5', /:\d+:\d+: records\.keep_months: .*Art\. 26\(6\)/],
  ['a period of two kinds', 'months: 120', 'months: 120, days: 1', /rules\.1\.erase/],
  ['a period of nothing', 'months: 120', 'months: 0', /rules\.1\.erase/],
  ['two rules of one name', 'id: minutes', 'id: invoices', /two rules have the same id/],
  ['a type that no document has', 'types: [minutes]', 'types: [articles_of_association]', /:\d+:\d+: rules\.2\.types\.0: .*"minutes"/],
  ['a misspelt key', 'purposes: [personnel', 'purpose: [personnel', /:\d+:\d+: .*purpose/],
])('%s is refused with its line and column', (_what, from, to, message) => {
  expect(EXAMPLE).toContain(from)
  expect(() => load(EXAMPLE.replace(from, to))).toThrow(message)
})

test('a rule for other tenants is no rule of this one', () => {
  const [mine, yours] = [crypto.randomUUID(), crypto.randomUUID()]
  const rules = retentionRules([
    { id: 'mine', tenants: [mine], erase: 'never' },
    { id: 'all', erase: { after: 'received', days: 1 } },
  ])
  expect(rulesOf(rules, mine).map(({ id }) => id)).toEqual(['mine', 'all'])
  expect(rulesOf(rules, yours).map(({ id }) => id)).toEqual(['all'])
})
