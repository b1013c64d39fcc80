import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { createSubjectRequest, keepNamedDocuments, listErasedOf } from '../../../shared/database/subject-requests.ts'
import { type HashedIdentifier, hashIdentifiers } from '../../../shared/database/subjects.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

/** Newer requests than are read in one turn anywhere. */
const OTHERS = 1_001

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

const key = randomBytes(32)
const person = (value: string) => hashIdentifiers(key, [{ kind: 'email', value }])

/** A request whose package named this document, which is erased since. */
async function packaged(identifiers: readonly HashedIdentifier[]): Promise<{ request: string; document: string }> {
  const { document_id } = await bench.upload()
  const request = await bench.tenant(async (tx) => {
    const { id } = await createSubjectRequest(tx, bench.tenantId, { kind: 'access', identifiers, keyId: newId() })
    await keepNamedDocuments(tx, id, [document_id])
    return id
  })
  await bench.query(`UPDATE greffier.documents SET status = 'erased', erased_at = now() WHERE id = $1`, [document_id])
  return { request, document: document_id }
}

test('what an earlier package named is listed as erased, however many packages other people had since', async () => {
  const [mine, other] = [person('anna@example.org'), person('otto@example.net')]
  const first = await packaged(mine)
  const theirs = await packaged(other)
  await bench.query(
    `INSERT INTO greffier.subject_requests (id, tenant_id, key_id, kind, identifiers, due_at, named_documents)
     SELECT ('ffffffff-ffff-7fff-bfff-' || lpad(n::text, 12, '0'))::uuid, tenant_id, key_id, kind, identifiers, due_at, named_documents
     FROM greffier.subject_requests, generate_series(1, $2) n WHERE id = $1`,
    [theirs.request, OTHERS],
  )
  const listed = (identifiers: readonly HashedIdentifier[]) =>
    bench.tenant(async (tx) => (await listErasedOf(tx, identifiers)).map(({ document_id }) => document_id))
  expect(await listed(mine)).toEqual([first.document])
  expect(await listed(other)).toEqual([theirs.document])
  expect(await listed([...mine, ...other])).toEqual([first.document, theirs.document].sort())
  expect(await listed(person('nobody@example.org'))).toEqual([])
})
