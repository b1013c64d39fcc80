import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTombstones, replayTombstones } from '../../../shared/database/tombstones.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const CHILD = resolve(import.meta.dirname, 'limited-append.ts')

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a tombstone that a full disk cut short is acknowledged to nobody, and spoils none that comes after it', async () => {
  const path = join(bench.folder, 'full', 'tombstones.jsonl')
  const [first, cut, later] = [await bench.upload(), await bench.upload(), await bench.upload()]
  expect(await appendUnder('unlimited', path, [first.document_id])).toBe('listed\n')
  const limitBytes = statSync(path).size + 50
  expect(await appendUnder(limitBytes, path, [cut.document_id])).toBe('STORAGE_FULL\n')
  expect(statSync(path).size).toBe(limitBytes)
  expect(await appendUnder(limitBytes, path, [cut.document_id])).toBe('STORAGE_FULL\n')
  await openTombstones(path).append([later])
  expect(await replayTombstones(bench.database, path)).toEqual({ buried: 2, unreadable: 1 })
  expect(await buried()).toEqual([first.document_id, later.document_id].sort())
  await openTombstones(path).append([cut])
  expect(await replayTombstones(bench.database, path)).toEqual({ buried: 1, unreadable: 1 })
})

async function appendUnder(limitBytes: number | 'unlimited', path: string, ids: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('prlimit', [`--fsize=${limitBytes}`, process.execPath, CHILD, path, bench.tenantId, ...ids])
  return stdout
}

async function buried(): Promise<string[]> {
  const rows = await bench.query<{ id: string }>('SELECT id FROM greffier.documents WHERE erased_at IS NOT NULL ORDER BY id')
  return rows.map(({ id }) => id)
}
