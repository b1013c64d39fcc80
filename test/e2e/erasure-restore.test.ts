import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

const TABLES = ['documents', 'revisions', 'stages', 'pages', 'fields', 'chunks', 'artifacts'] as const

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

test('a restored backup of the database does not bring an erased document back', async () => {
  const [{ document_id: id }, { document_id: kept }] = [
    await greffier.upload('Der Zwetschgenvertrag endet am 31. März 2027.'),
    await greffier.upload('Der Quittenvertrag endet am 30. April 2027.'),
  ]
  for (const one of [id, kept]) await greffier.settled(one)
  for (const table of TABLES) await greffier.rows(`CREATE TABLE backup_${table} AS SELECT * FROM ${table}`)
  await greffier.erase(id)
  await greffier.stop()
  await greffier.rows('DELETE FROM erasure_items')
  for (const table of [...TABLES].reverse()) await greffier.rows(`DELETE FROM ${table}`)
  for (const table of TABLES) await greffier.rows(`INSERT INTO ${table} SELECT * FROM backup_${table}`)
  const [before] = await greffier.rows<{ erased_at: Date | null }>('SELECT erased_at FROM documents WHERE id = $1', [id])
  expect(before?.erased_at).toBeNull()

  await greffier.startAgain({})
  expect((await greffier.fetch(`/v1/documents/${id}`)).status).toBe(410)
  await waitUntil(
    async () => (await greffier.rows('SELECT FROM pages WHERE document_id = $1', [id])).length === 0,
    'the document to be erased again',
  )
  expect(await greffier.settled(kept)).toMatchObject({ status: 'completed' })
})
