import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSamples } from '../../../samples/read.ts'
import { activityOf, declareBy, NOTHING_DECLARED } from '../../../shared/policy/activities.ts'
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

test('an event is told its activity, its bases and the file, and of a purpose that nobody declared the file alone', () => {
  const { activities, activitiesHash } = loadActivities(SHIPPED)
  const declare = declareBy(activities, activitiesHash)
  const personnel = { activity_ref: 'personnel', legal_basis: 'A6-1-b', role: 'controller', register_hash: activitiesHash }
  expect(declare({ purpose: 'personnel_administration', special: true })).toEqual({ ...personnel, art9_basis: 'A9-2-b' })
  expect(declare({ purpose: 'personnel_administration', special: false })).toEqual({ ...personnel, art9_basis: null })
  const nothing = { activity_ref: null, legal_basis: null, art9_basis: null, role: 'controller' }
  expect(declare({ purpose: 'something_else' })).toEqual({ ...nothing, register_hash: activitiesHash })
  for (const unknown of [declare({}), NOTHING_DECLARED({ purpose: 'accounting' })])
    expect(unknown).toEqual({ ...nothing, register_hash: null })
})

test.each([
  ['an unknown legal basis', 'legal_basis: A6-1-c', 'legal_basis: A6-1-z', /:\d+:18: activities\.0\.legal_basis: /],
  ['a misspelt key', 'special: false', 'specail: false', /:\d+:5: .*specail/],
  ['a purpose of two activities', 'purposes: [customer_support]', 'purposes: [accounting]', /:\d+:\d+: activities: a purpose belongs/],
  ['special data without a basis of Art. 9', 'art9_basis: A9-2-b', 'art9_basis: null', /:\d+:\d+: activities\.3\.art9_basis: /],
  ['criminal data without a law', 'criminal: false', 'criminal: true', /:\d+:\d+: activities\.0.*art10_basis/],
  ['a processor without controllers', 'role: controller', 'role: processor', /:\d+:\d+: activities\.0\.controllers: /],
])('%s is reported with its line and column', (_, from, to, message) => {
  const path = join(folder, 'activities.yaml')
  const shipped = readFileSync(SHIPPED, 'utf8')
  expect(shipped).toContain(from)
  writeFileSync(path, shipped.replace(from, to))
  expect(() => loadActivities(path)).toThrow(message)
})
