import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCheckpoint } from '../../shared/ledger/checkpoint.ts'
import { verifiersAt, verifyKeyChain } from '../../shared/ledger/key-rotation.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

test('what happens to a document comes under a signed checkpoint, which a key pinned before an exchange still opens', async () => {
  const pinned = await greffier.json<{ origin: string; vkey: string }>('/v1/ledger/key')
  const { document_id } = await greffier.upload('A letter.', { file_name: 'letter.txt' })
  await greffier.settled(document_id)
  const authorization = `Bearer ${greffier.apiKey}`
  const rotated = await fetch(`${greffier.url}/v1/ledger/rotate-key`, { method: 'POST', headers: { authorization } })
  expect(rotated.status).toBe(200)
  await greffier.upload('Another letter.', { file_name: 'another.txt' })
  const { rotations } = await greffier.json<{ rotations: string[] }>('/v1/ledger/key')
  const { size: rotatedAt = 0 } = verifyKeyChain(pinned.vkey, rotations, pinned.origin).rotations[0] ?? {}
  await waitUntil(async () => {
    const answer = await fetch(`${greffier.url}/v1/ledger/checkpoint`, { headers: { authorization } })
    expect(answer.headers.get('content-type')).toContain('text/plain')
    const chain = verifyKeyChain(pinned.vkey, rotations, pinned.origin)
    const note = await answer.text()
    const size = Number(note.split('\n')[1])
    return openCheckpoint(note, pinned.origin, verifiersAt(chain, size)).size > rotatedAt
  }, 'the log to grow past the exchange of its key')
})
