import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiKeyCreated } from '../../shared/contracts/access.ts'
import type { DocumentRecord, SaltedAnnex } from '../../shared/contracts/record.ts'
import type { RecordsPage } from '../../shared/contracts/records.ts'
import { runCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

const REASON = 'Case 4711: the supervisory authority asks which files were concerned.'
const METADATA = { case: 'H-1', street: 'Mandragorenweg 3' }

let greffier: Greffier
let uploader: ApiKeyCreated
beforeAll(async () => {
  greffier = await startGreffier()
  uploader = await greffier.json<ApiKeyCreated>('/v1/keys', { name: 'Adelgunde Zeisig', scopes: ['documents:write'] })
})
afterAll(() => greffier.close())

let serial = 0
async function upload(body = `Akte ${++serial}: der Wasserschaden.`, options: Record<string, string> = {}): Promise<string> {
  const told = { file_name: 'heron.txt', metadata: JSON.stringify(METADATA), ...options }
  const { document_id } = await greffier.upload(body, told, { authorization: `Bearer ${uploader.api_key}` })
  await greffier.settled(document_id)
  return document_id
}

const ask = async (path: string) => (await greffier.fetch(path, { headers: { justification: REASON } })).text()
const look = async (id: string) => JSON.parse(await ask(`/v1/documents/${id}/record?annex=true`)) as DocumentRecord
const cli = (...args: string[]) =>
  runCli([...args, '--annex', '--justification', REASON], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
const uploadsOf = async (id: string) => (await greffier.record(id)).filter(({ step }) => step === 'upload')

/** As an auditor would, with nothing of ours. */
function commitmentBy({ salt, file_name }: SaltedAnnex, { key_id, name }: { key_id: string; name: string }): string {
  const { case: number, street } = METADATA
  const text = JSON.stringify({ file_name, metadata: { case: number, street }, uploaded_by: { key_id, name } })
  return createHash('sha256')
    .update(Buffer.from(salt ?? '', 'hex'))
    .update(text)
    .digest('hex')
}

describe('the annex of a document', () => {
  test('comes with its salt wherever it is shown, and an auditor computes the commitment of the upload’s event from it', async () => {
    const id = await upload()
    const [event] = await uploadsOf(id)
    const { annex } = await look(id)
    const page = JSON.parse(await ask(`/v1/records?annex=true&document=${id}`)) as RecordsPage
    const lines = (await ask(`/v1/records/export?format=jsonl&annex=true&document=${id}&operation=Collect`)).trim().split('\n')
    const shown = [annex, page.annexes?.[id], ...lines.map((line) => JSON.parse(line).annexes[id])]
    expect(shown).toHaveLength(3)
    for (const one of shown) {
      expect(one).toEqual({
        file_name: 'heron.txt',
        metadata: METADATA,
        uploaded_by: { key_id: uploader.key_id, name: uploader.name },
        salt: expect.any(String),
      })
      expect(commitmentBy(one as SaltedAnnex, uploader)).toBe(event?.annex_commit)
    }
  })

  test('is the one that the document came with: a further revision changes none, and its event commits to none', async () => {
    const body = `Akte ${++serial}: der Umzug.`
    const id = await upload(body)
    expect(await upload(body, { on_duplicate: 'version', file_name: 'stork.txt' })).toBe(id)
    expect((await uploadsOf(id)).map(({ revision, annex_commit }) => [revision, annex_commit])).toEqual([
      [1, expect.any(String)],
      [2, null],
    ])
    expect((await look(id)).annex).toMatchObject({ file_name: 'heron.txt' })
    expect((await cli('record', id)).stdout).toContain(`annex: as committed in event ${(await uploadsOf(id))[0]?.event_id}`)
  })

  test('names its uploader as the key was called then, whatever stands in the list of keys since', async () => {
    const id = await upload()
    await greffier.rows(`UPDATE api_keys SET name = 'Bertram Specht' WHERE id = $1`, [uploader.key_id])
    expect((await look(id)).annex).toMatchObject({ uploaded_by: { name: 'Adelgunde Zeisig' } })
    await greffier.rows(`UPDATE api_keys SET name = $1 WHERE id = $2`, [uploader.name, uploader.key_id])
    expect((await cli('record', id)).stdout).toContain('annex: as committed')
  })

  test('is gone after the erasure with its salt, and the commitment stays alone', async () => {
    const id = await upload()
    const { annex } = await look(id)
    const salt = annex?.salt ?? ''
    expect(salt).toMatch(/^[0-9a-f]{64}$/)
    await greffier.erase(id)
    expect((await look(id)).annex).toBeNull()
    expect(await greffier.rows('SELECT sealed_annex FROM documents WHERE id = $1', [id])).toEqual([{ sealed_annex: null }])
    // With the original goes the key, which alone opens the annex in a backup or in the write-ahead log.
    expect((await greffier.blobs()).originals).not.toContain(id)
    const events = JSON.stringify(await greffier.rows('SELECT body FROM events'))
    expect((await uploadsOf(id))[0]?.annex_commit).toBe(commitmentBy(annex as SaltedAnnex, uploader))
    expect(events).not.toContain(salt)
    expect(events).not.toContain('heron')
    expect((await cli('record', id)).stdout).toContain('annex: none')
  })
})

describe('metadata that has no UTF-8', () => {
  test.each([
    ['a value', '{"a":"\\ud800"}'],
    ['a name', '{"\\udc00":"a"}'],
  ])('in %s is refused, and leaves nothing', async (_what, metadata) => {
    const before = (await greffier.blobs()).originals.length
    const response = await greffier.fetch(`/v1/documents?${new URLSearchParams({ metadata })}`, {
      method: 'POST',
      body: `Memo ${++serial}`,
    })
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'INVALID_REQUEST' }])
    expect((await greffier.blobs()).originals).toHaveLength(before)
  })
})

describe('greffier, where it shows an annex,', () => {
  test('says in which event it was committed to, with what it says', async () => {
    const id = await upload()
    const [event] = await uploadsOf(id)
    const { code, stdout } = await cli('record', id)
    expect([code, stdout]).toEqual([0, expect.stringContaining(`annex: as committed in event ${event?.event_id}`)])
    for (const said of ['heron.txt', 'Mandragorenweg 3', 'Adelgunde Zeisig']) expect(stdout).toContain(said)
    expect(JSON.parse((await cli('record', id, '--json')).stdout)).toMatchObject({
      annex: { file_name: 'heron.txt' },
      annex_check: { state: 'committed', event_id: event?.event_id },
    })
    expect((await cli('records', '--document', id)).stdout).toContain('annexes: 1 as committed')
    expect((await cli('records', '--document', id, '--operation', 'Retrieve')).stdout).toContain('annexes: 0 as committed, 1 to which none')
    const plain = await runCli(['record', id], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
    expect(plain).toMatchObject({ code: 0, stdout: expect.not.stringContaining('annex:') })
  })

  test('says that it differs, and exits with 1', async () => {
    const [id, other] = [await upload(), await upload()]
    const [event] = await uploadsOf(id)
    await greffier.rows('UPDATE documents SET sealed_annex = NULL WHERE id = $1', [id])
    const differs = `annex: differs from what was committed in event ${event?.event_id}`
    expect(await cli('record', id)).toMatchObject({ code: 1, stdout: expect.stringContaining(differs) })
    const all = await cli('records', '--operation', 'Collect')
    expect(all).toMatchObject({ code: 1, stdout: expect.stringContaining(`${id}  ${differs}`) })
    expect(all.stdout).toMatch(/annexes: \d+ as committed, 1 not/)
    const { annex_checks } = JSON.parse((await cli('records', '--operation', 'Collect', '--json')).stdout)
    expect(annex_checks).toContainEqual({ document_id: id, state: 'differs', event_id: event?.event_id })
    expect(annex_checks).toContainEqual(expect.objectContaining({ document_id: other, state: 'committed' }))
  })
})
