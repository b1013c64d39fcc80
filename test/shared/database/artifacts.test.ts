import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { forgetArtifact, listArtifacts, listOrphans, markErased, registerArtifact } from '../../../shared/database/artifacts.ts'
import { withSystem } from '../../../shared/database/connection.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('registering a place twice is one entry', async () => {
  const document = newId()
  await register(document, 'original')
  await register(document, 'original')
  expect(await places(document)).toEqual(['original'])
})

test('an erased place stays on the list, so that an erasure looks at it again, and counts as used when it is registered anew', async () => {
  const document = newId()
  await register(document, 'original')
  await register(document, 'points')
  await bench.tenant((tx) => markErased(tx, document))
  expect(await places(document)).toEqual(['original', 'points'])
  expect(await erased(document)).toBe(2)
  await register(document, 'points')
  expect(await erased(document)).toBe(1)
})

test('an orphan is an original without a document that was registered long enough ago, and nothing else', async () => {
  await bench.query('DELETE FROM greffier.artifacts')
  await bench.upload()
  const [orphan, young, points, gone] = [newId(), newId(), newId(), newId()]
  for (const document of [orphan, young, gone]) await register(document, 'original')
  await register(points, 'points')
  await bench.tenant((tx) => markErased(tx, gone))
  await bench.query(`UPDATE greffier.artifacts SET registered_at = now() - interval '2 hours' WHERE document_id <> $1`, [young])
  const found = await withSystem(bench.database, (tx) => listOrphans(tx, 3_600_000, 10))
  expect(found).toEqual([{ tenant_id: bench.tenantId, document_id: orphan }])
  await withSystem(bench.database, (tx) => forgetArtifact(tx, orphan))
  expect(await withSystem(bench.database, (tx) => listOrphans(tx, 3_600_000, 10))).toEqual([])
})

function register(documentId: string, kind: 'original' | 'points'): Promise<void> {
  return bench.tenant((tx) =>
    registerArtifact(tx, { tenant_id: bench.tenantId, document_id: documentId, kind, store: kind, locator: documentId }),
  )
}

async function places(documentId: string): Promise<string[]> {
  return (await bench.tenant((tx) => listArtifacts(tx, documentId))).map((artifact) => artifact.kind).sort()
}

async function erased(documentId: string): Promise<number> {
  return (await bench.query('SELECT FROM greffier.artifacts WHERE document_id = $1 AND erased_at IS NOT NULL', [documentId])).length
}
