import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErasureList, ErasureView, HoldList, HoldView, RestrictionView } from '../../shared/contracts/erasure.ts'
import type { RecordAccess } from '../../shared/contracts/records.ts'
import type { SubjectRequestList, SubjectRequestView } from '../../shared/contracts/subjects.ts'
import { type Colleague, hire } from '../support/colleague.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

const REASON = 'Case 4711: the supervisory authority asks which files were concerned.'
const HOLD = { reason: '17-3-e' }

let greffier: Greffier
let ada: Colleague
let ben: Colleague
beforeAll(async () => {
  greffier = await startGreffier()
  ada = await hire(greffier, 'Adelgunde Zeisig')
  ben = await hire(greffier, 'Bertram Specht')
})
afterAll(() => greffier.close())

let serial = 0
async function document(): Promise<string> {
  const { document_id } = await greffier.upload(`Akte ${++serial}: der Wasserschaden im Keller.`)
  await greffier.settled(document_id)
  return document_id
}

/** The newest event of this step in the record of a document. */
const lastOf = async (id: string, step: string) => (await greffier.record(id)).findLast((event) => event.step === step)
const events = () => greffier.rows<{ body: string }>('SELECT body FROM events ORDER BY seq')

describe('whose key it was is told of', () => {
  test('an erasure, by request and by id, and the event of its document leads there', async () => {
    const [first, second] = [await document(), await document()]
    const asked = await ada.json<ErasureView>('POST', '/v1/erasures', { ground: '17-1-b', scope: { document_ids: [first] } })
    const location = (await ben.request('DELETE', `/v1/documents/${second}`)).headers.get('location') ?? ''
    expect([asked.key_id, (await ada.json<ErasureView>('GET', location)).key_id]).toEqual([ada.keyId, ben.keyId])
    const { erasures } = await ben.json<ErasureList>('GET', '/v1/erasures')
    expect(erasures.slice(0, 2).map(({ key_id }) => key_id)).toEqual([ben.keyId, ada.keyId])
    // Whoever comes later to an erasure that was ordered before has not ordered it.
    expect((await ben.request('DELETE', `/v1/documents/${first}`)).headers.get('location')).toBe(`/v1/erasures/${asked.erasure_id}`)
    for (const [id, by] of [
      [first, ada],
      [second, ben],
    ] as const) {
      await greffier.erase(id)
      const { request_ref } = (await greffier.record(id)).find(({ operation }) => operation === 'Erase') ?? {}
      expect((await greffier.json<ErasureView>(`/v1/erasures/${request_ref}`)).key_id).toBe(by.keyId)
    }
  })

  test('a request of a data subject, whoever extends and answers it, and its events lead there', async () => {
    const draft = { kind: 'access', identifiers: { email: 'clara.beispiel@example.org' } }
    const asked = await ada.json<SubjectRequestView>('POST', '/v1/subject-requests', draft)
    await ben.json('POST', '/v1/subject-requests', draft)
    await ben.json('POST', `/v1/subject-requests/${asked.request_id}/extend`, { reason: 'very many files' })
    await ben.json('POST', `/v1/subject-requests/${asked.request_id}/answer`)
    const { requests } = await ben.json<SubjectRequestList>('GET', '/v1/subject-requests')
    expect(requests.map(({ key_id }) => key_id)).toEqual([ben.keyId, ada.keyId])
    const steps = (await events()).map(({ body }) => JSON.parse(body)).filter(({ request_ref }) => request_ref === asked.request_id)
    expect(steps.map(({ step }) => step)).toEqual(['subject_request', 'subject_request_extended', 'subject_request_answered'])
    expect(await ben.json<SubjectRequestView>('GET', `/v1/subject-requests/${asked.request_id}`)).toMatchObject({ key_id: ada.keyId })
  })

  test('a hold: who placed it, or said its terms anew', async () => {
    const [mine, shared] = [await document(), await document()]
    for (const id of [mine, shared]) expect((await ada.json<HoldView>('PUT', `/v1/documents/${id}/hold`, HOLD)).key_id).toBe(ada.keyId)
    await ben.json('PUT', `/v1/documents/${shared}/hold`, { ...HOLD, reason: '17-3-b' })
    const { holds } = await ben.json<HoldList>('GET', '/v1/holds')
    expect(new Map(holds.map(({ document_id, key_id }) => [document_id, key_id]))).toEqual(
      new Map([
        [mine, ada.keyId],
        [shared, ben.keyId],
      ]),
    )
    expect(await greffier.json<HoldView>(`/v1/documents/${mine}/hold`)).toMatchObject({ key_id: ada.keyId })
    for (const id of [mine, shared]) await ben.request('DELETE', `/v1/documents/${id}/hold`)
  })

  test('a restriction: whose ground stands, also where a refused erasure came after it, and of nobody once it is lifted', async () => {
    const id = await document()
    const path = `/v1/documents/${id}/restriction`
    const shown = () => greffier.json<RestrictionView>(path)
    await ada.json('PUT', `/v1/documents/${id}/hold`, HOLD)
    expect((await ben.request('DELETE', `/v1/documents/${id}`)).status).toBe(409)
    expect(await shown()).toMatchObject({ ground: 'hold', key_id: ben.keyId })
    expect((await ada.request('DELETE', `/v1/documents/${id}`)).status).toBe(409)
    expect(await shown()).toMatchObject({ ground: 'hold', key_id: ben.keyId })
    expect(await ada.json<RestrictionView>('PUT', path, { ground: '18-1-a' })).toMatchObject({ key_id: ada.keyId })
    expect((await ben.request('DELETE', `/v1/documents/${id}`)).status).toBe(409)
    expect(await shown()).toMatchObject({ ground: '18-1-a', key_id: ada.keyId })
    // The event of each refusal names the erasure, and that whoever asked for it.
    const { request_ref } = (await lastOf(id, 'restriction')) ?? {}
    expect((await greffier.json<ErasureView>(`/v1/erasures/${request_ref}`)).key_id).toBe(ben.keyId)
    const kept = () => greffier.rows<{ restricted_by: string | null }>('SELECT restricted_by FROM documents WHERE id = $1', [id])
    await ben.request('DELETE', path)
    expect(await kept()).toEqual([{ restricted_by: null }])
    await ben.json('PUT', path, { ground: '18-1-b' })
    await ben.request('DELETE', `/v1/documents/${id}/hold`)
    expect(await kept()).toEqual([{ restricted_by: ben.keyId }])
    await greffier.erase(id)
    expect(await kept()).toEqual([{ restricted_by: null }])
  })

  test.each([
    '/v1/documents/:id/record?annex=true',
    '/v1/records?annex=true&document=:id',
    '/v1/records/export?format=jsonl&annex=true&document=:id',
  ])('a look at names by %s, and its event leads there', async (path) => {
    const id = await document()
    for (const by of [ada, ben]) {
      const response = await by.request('GET', path.replace(':id', id), undefined, { justification: REASON })
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"file_name"')])
      const access = await greffier.json<RecordAccess>(`/v1/record-accesses/${(await lastOf(id, 'annex'))?.request_ref}`)
      expect(access).toMatchObject({ key_id: by.keyId, justification: REASON })
    }
  })
})

test('a key that is revoked is still named by what it ordered, and stays in the list that tells its name', async () => {
  const gone = await hire(greffier, 'Cordula Amsel')
  const id = await document()
  const location = (await gone.request('DELETE', `/v1/documents/${id}`)).headers.get('location') ?? ''
  await greffier.fetch(`/v1/keys/${gone.keyId}`, { method: 'DELETE' })
  expect((await gone.request('GET', location)).status).toBe(401)
  expect(await greffier.json<ErasureView>(location)).toMatchObject({ key_id: gone.keyId })
  const { keys } = await greffier.json<{ keys: { key_id: string; name: string }[] }>('/v1/keys')
  expect(keys).toContainEqual(expect.objectContaining({ key_id: gone.keyId, name: 'Cordula Amsel' }))
})

test('events name no key, neither by its id nor by the name that somebody gave it', async () => {
  const text = JSON.stringify(await events())
  for (const said of [ada.keyId, ben.keyId, 'Zeisig', 'Specht', 'Amsel']) expect(text).not.toContain(said)
})
