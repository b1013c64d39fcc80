import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

const TABLES = ['documents', 'revisions', 'stages', 'pages', 'fields', 'chunks', 'artifacts'] as const

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

test('an erasure is on the list of tombstones before its answer, whether a stage came to it or not, and a backup that was restored then buries it', async () => {
  const { document_id: id } = await greffier.upload('Der Mispelvertrag endet am 31. Mai 2027.')
  await greffier.settled(id)
  const { document_id: asked } = await greffier.upload('Der Schlehenvertrag endet am 30. Juni 2027.')
  await greffier.settled(asked)
  for (const table of TABLES) await greffier.rows(`CREATE TABLE early_${table} AS SELECT * FROM ${table}`)
  // As if every worker had died: no erasure begins.
  await greffier.rows(`CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
  await greffier.rows(`CREATE TRIGGER lost BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.stage = 'erase') EXECUTE FUNCTION lose()`)
  expect((await greffier.fetch(`/v1/documents/${id}`, { method: 'DELETE' })).status).toBe(202)
  await greffier.json('/v1/erasures', { ground: '17-1-a', scope: { document_ids: [asked] } })
  const listed = readFileSync(join(greffier.dataDir, 'tombstones.jsonl'), 'utf8')
  for (const one of [id, asked]) expect(listed).toContain(one)
  await greffier.stop()
  await greffier.rows('DROP TRIGGER lost ON outbox')
  await restore('early')
  await greffier.startAgain({})
  for (const one of [id, asked]) {
    expect((await greffier.fetch(`/v1/documents/${one}`)).status).toBe(410)
    await waitUntil(async () => (await greffier.rows('SELECT FROM pages WHERE document_id = $1', [one])).length === 0, 'its erasure')
  }
})

test('a restored backup of the database does not bring an erased document back', async () => {
  const [{ document_id: id }, { document_id: kept }] = [
    await greffier.upload('Der Zwetschgenvertrag endet am 31. März 2027.'),
    await greffier.upload('Der Quittenvertrag endet am 30. April 2027.'),
  ]
  for (const one of [id, kept]) await greffier.settled(one)
  for (const table of TABLES) await greffier.rows(`CREATE TABLE backup_${table} AS SELECT * FROM ${table}`)
  await greffier.erase(id)
  await greffier.stop()
  await restore('backup')
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

/** The tables as they were, and nothing of what came since. */
async function restore(backup: string): Promise<void> {
  await greffier.rows('DELETE FROM erasure_items')
  await greffier.rows('DELETE FROM document_subjects')
  for (const table of [...TABLES].reverse()) await greffier.rows(`DELETE FROM ${table}`)
  for (const table of TABLES) await greffier.rows(`INSERT INTO ${table} SELECT * FROM ${backup}_${table}`)
}
