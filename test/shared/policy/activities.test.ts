import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSamples } from '../../../samples/read.ts'
import { activityOf } from '../../../shared/policy/activities.ts'
import { loadActivities } from '../../../shared/runtime/policy-files.ts'

const SHIPPED = new URL('../../../infra/activities.yaml', import.meta.url).pathname

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'greffier-activities-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('every purpose of a sample belongs to a declared activity', async () => {
  const { activities } = loadActivities(SHIPPED)
  const { documents } = await readSamples()
  expect(documents.filter(({ options }) => activityOf(activities, options.purpose) === null)).toEqual([])
  expect(activityOf(activities, 'something_else')).toBeNull()
})

test.each([
  ['an unknown legal basis', 'legal_basis: A6-1-c', 'legal_basis: A6-1-z', /:\d+:18: activities\.0\.legal_basis: /],
  ['a misspelt key', 'special: false', 'specail: false', /:\d+:5: .*specail/],
  ['a purpose of two activities', 'purposes: [customer_support]', 'purposes: [accounting]', /:\d+:\d+: activities: a purpose belongs/],
  ['a processor without controllers', 'role: controller', 'role: processor', /:\d+:\d+: activities\.0\.controllers: /],
])('%s is reported with its line and column', (_, from, to, message) => {
  const path = join(folder, 'activities.yaml')
  const shipped = readFileSync(SHIPPED, 'utf8')
  expect(shipped).toContain(from)
  writeFileSync(path, shipped.replace(from, to))
  expect(() => loadActivities(path)).toThrow(message)
})
