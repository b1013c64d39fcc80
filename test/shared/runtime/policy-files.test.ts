import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadPolicy, loadRegister, PolicyFileError } from '../../../shared/runtime/policy-files.ts'

const POLICY = `name: mine
version: 1
rules:
  - name: all
    when: { data_classes: [personal] }
    require:
      region_in: [eu]
    allow: true
`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'greffier-policy-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const path = join(folder, 'file.yaml')
  writeFileSync(path, text)
  return path
}

test('the hash is the SHA-256 of the bytes, so a comment changes it', () => {
  const { policy, policyHash } = loadPolicy(file(POLICY))
  expect(policy.rules[0]?.require).toEqual({ region_in: ['eu'] })
  expect(policyHash).toBe(createHash('sha256').update(POLICY).digest('hex'))
  expect(loadPolicy(file(`${POLICY}# more`)).policyHash).not.toBe(policyHash)
})

test.each([
  [
    'a value that is not one of the allowed',
    POLICY.replace('[personal]', '[personal, secret]'),
    /file\.yaml:5:38: rules\.0\.when\.data_classes\.1: /,
  ],
  ['an unknown key, as of a misspelt requirement', POLICY.replace('region_in', 'regions_in'), /file\.yaml:7:7: .*regions_in/],
  ['a missing key, at what should hold it', POLICY.replace('    allow: true\n', ''), /file\.yaml:4:5: rules\.0\.allow: /],
  ['broken YAML', POLICY.replace('[eu]', '[eu'), /file\.yaml:8:\d+: /],
  ['the same key twice', `${POLICY}version: 2\n`, /file\.yaml:9:1: .*unique/],
  ['a rule that refuses and requires', POLICY.replace('allow: true', 'allow: false'), /file\.yaml:7:7: rules\.0\.require: /],
  ['an unknown deployment asked for', POLICY.replace('region_in: [eu]', 'deployment: [unknown]'), /file\.yaml:7:20: /],
  ['two rules of one name', `${POLICY}  - { name: all, allow: false }\n`, /file\.yaml:4:3: rules: two rules/],
  ['an empty file', '', /file\.yaml:1:1: /],
])('%s is reported with its line and column', (_, text, message) => {
  const path = file(text)
  expect(() => loadPolicy(path)).toThrow(message)
})

test('all problems come in one message', () => {
  const path = file(POLICY.replace('version: 1', 'version: one').replace('name: all', 'name: All Of It'))
  expect(() => loadPolicy(path)).toThrow(/:2:10: version.*\n.*:4:11: rules\.0\.name/)
})

test('a file that is not there is named', () => {
  expect(() => loadPolicy(join(folder, 'missing.yaml'))).toThrow(PolicyFileError)
  expect(() => loadPolicy(join(folder, 'missing.yaml'))).toThrow(/missing\.yaml: cannot be read/)
})

test.each([
  ['a reach of none without a read subprocessor list', /grade: unknown/g, 'grade: none', /reach\.grade: nobody can say/],
  ['two processors of one key', 'key: mistral', 'key: builtin', /two processors have the same key/],
  ['a claim without its source', /source: https:\/\/trust[^\n]*\n/, 'note: x\n', /subprocessors/],
])('the register refuses %s', (_, from, to, message) => {
  const shipped = readFileSync(new URL('../../../infra/processors.yaml', import.meta.url), 'utf8')
  const path = file(shipped.replace(from, to))
  expect(() => loadRegister(path)).toThrow(message)
})
