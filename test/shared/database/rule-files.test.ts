import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { keepRuleFiles, readRuleFile } from '../../../shared/database/rule-files.ts'
import { loadActivities, loadPolicy, loadRegister } from '../../../shared/runtime/policy-files.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const INFRA = resolve(import.meta.dirname, '../../../infra')
const folder = mkdtempSync(join(tmpdir(), 'greffier-rule-files-'))
let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
beforeEach(() => bench.query('DELETE FROM greffier.rule_files'))
afterAll(async () => {
  await bench.close()
  rmSync(folder, { recursive: true, force: true })
})

const kept = () => bench.query<{ kind: string; hash: string }>('SELECT kind, hash FROM greffier.rule_files ORDER BY kind, kept_at')

/** What a start reads: the shipped files, the policy with a line more. */
function load(line = '') {
  const path = join(folder, 'policy.yaml')
  writeFileSync(path, `${readFileSync(join(INFRA, 'policies/eu-operated.yaml'), 'utf8')}${line}`)
  const policy = loadPolicy(path)
  const processors = loadRegister(join(INFRA, 'processors.yaml'))
  const activities = loadActivities(join(INFRA, 'activities.yaml'))
  return {
    bytes: { policy: policy.policyBytes, processors: processors.registerBytes, activities: activities.activitiesBytes },
    hashes: { policy: policy.policyHash, processors: processors.registerHash, activities: activities.activitiesHash },
  }
}

test('a file is kept under the very hash that events name it by, and an edited one beside it', async () => {
  const [first, second] = [load(), load('# edited\n')]
  for (const { bytes } of [first, second]) await keepRuleFiles(bench.database, bytes)
  for (const { bytes, hashes } of [first, second])
    for (const kind of ['policy', 'processors', 'activities'] as const)
      expect(await readRuleFile(bench.database, { kind, hash: hashes[kind] })).toEqual(bytes[kind])
  expect(await kept()).toEqual([
    { kind: 'activities', hash: first.hashes.activities },
    { kind: 'policy', hash: first.hashes.policy },
    { kind: 'policy', hash: second.hashes.policy },
    { kind: 'processors', hash: first.hashes.processors },
  ])
  expect(await readRuleFile(bench.database, { kind: 'activities', hash: first.hashes.policy })).toBeNull()
  expect(await readRuleFile(bench.database, { kind: 'policy', hash: 'no hash' })).toBeNull()
})

test('processes that start at once, and again, keep each file once', async () => {
  const { bytes } = load()
  await Promise.all(Array.from({ length: 8 }, () => keepRuleFiles(bench.database, bytes)))
  await keepRuleFiles(bench.database, bytes)
  expect((await kept()).map(({ kind }) => kind)).toEqual(['activities', 'policy', 'processors'])
})

test('every tenant reads the same files, and what is kept says nothing of a tenant', async () => {
  const { bytes, hashes } = load()
  await keepRuleFiles(bench.database, bytes)
  const hashesSeen = sql<{ hash: string }>`SELECT hash FROM rule_files WHERE kind = 'policy'`
  expect((await bench.tenant((tx) => hashesSeen.execute(tx))).rows).toEqual([{ hash: hashes.policy }])
  const columns = await bench.query<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'greffier' AND table_name = 'rule_files' ORDER BY ordinal_position`,
  )
  expect(columns.map(({ name }) => name)).toEqual(['kind', 'hash', 'bytes', 'kept_at'])
})

test('no bytes stand under a hash that is not theirs, not even the owner’s', async () => {
  const claimed = `INSERT INTO greffier.rule_files (kind, hash, bytes) VALUES ('policy', repeat('0', 64), 'rules: []')`
  await expect(bench.query(claimed)).rejects.toMatchObject({ code: '428C9' })
  await bench.query(`INSERT INTO greffier.rule_files (kind, bytes) VALUES ('policy', 'rules: []')`)
  await bench.query(`UPDATE greffier.rule_files SET bytes = 'rules: [1]'`)
  const [row] = await bench.query<{ right: boolean }>(`SELECT hash = encode(sha256(bytes), 'hex') AS right FROM greffier.rule_files`)
  expect(row?.right).toBe(true)
})
