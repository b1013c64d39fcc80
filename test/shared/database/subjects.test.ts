import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FoundIn } from '../../../shared/contracts/subjects.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'
import { findSubjectIds, findSubjects, hashIdentifiers, listDocumentsNaming, replaceSubjects } from '../../../shared/database/subjects.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

const key = randomBytes(32)
const person = (value: string) => hashIdentifiers(key, [{ kind: 'email', value }])

/** A document of two revisions, the second of which failed or is not over: it names this person in these. */
async function named(value: string, places: readonly { revision: number; found_in: FoundIn }[]): Promise<RevisionKey> {
  const document = await bench.upload()
  await bench.query(`INSERT INTO greffier.revisions (tenant_id, document_id, revision, cause) VALUES ($1, $2, 2, 'reprocess')`, [
    document.tenant_id,
    document.document_id,
  ])
  await bench.query('UPDATE greffier.documents SET revision = 2, live_revision = 1 WHERE id = $1', [document.document_id])
  for (const { revision, found_in } of places)
    await bench.tenant((tx) => replaceSubjects(tx, { ...document, revision }, found_in, person(value)))
  return document
}

test('a person is found in every document that an erasure by person would take: named by any revision that is stored', async () => {
  const live = await named('anna@example.org', [{ revision: 1, found_in: 'text' }])
  const newer = await named('anna@example.org', [{ revision: 2, found_in: 'field' }])
  const both = await named('anna@example.org', [
    { revision: 1, found_in: 'text' },
    { revision: 1, found_in: 'metadata' },
    { revision: 2, found_in: 'text' },
  ])
  await named('otto@example.net', [{ revision: 1, found_in: 'text' }])
  const { erased, found } = await bench.tenant(async (tx) => ({
    erased: await listDocumentsNaming(tx, await findSubjectIds(tx, person('anna@example.org')), 10),
    found: await findSubjects(tx, person('anna@example.org'), 10),
  }))
  expect(erased).toEqual([live, newer, both].map(({ document_id }) => document_id))
  expect(found.documents.map(({ document_id }) => document_id)).toEqual(erased.toReversed())
  const shown = found.documents.map(({ revision, matches }) => [revision, matches.map(({ found_in }) => found_in)])
  expect(shown).toEqual([
    [1, ['metadata', 'text']],
    [2, ['field']],
    [1, ['text']],
  ])
})

test('of more documents than an answer holds the newest are found, and the answer says that there are more', async () => {
  const documents = []
  for (let at = 0; at < 3; at++) documents.push(await named('eva@example.org', [{ revision: 1, found_in: 'text' }]))
  const find = async (max: number) => {
    const { documents: found, complete } = await bench.tenant((tx) => findSubjects(tx, person('eva@example.org'), max))
    return [found.map(({ document_id }) => document_id), complete]
  }
  const newestFirst = documents.map(({ document_id }) => document_id).toReversed()
  expect(await find(3)).toEqual([newestFirst, true])
  expect(await find(2)).toEqual([newestFirst.slice(0, 2), false])
})
