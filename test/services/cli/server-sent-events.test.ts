import { describe, expect, test } from 'vitest'
import { readEvents } from '../../../services/cli/server-sent-events.ts'

async function* chunksOf(text: string, bytes: number) {
  const all = Buffer.from(text)
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes)
}

async function eventsOf(text: string, bytes = 1_000) {
  const events = []
  for await (const event of readEvents(chunksOf(text, bytes))) events.push(event)
  return events
}

describe('readEvents', () => {
  test.each([1, 2, 3, 7, 1_000])('gives the same events however the bytes are cut (%i a time)', async (bytes) => {
    const text = ': beat\r\nevent: progress\r\nid: 1\r\ndata: {"a":\r\ndata: "ü😀"}\r\n\r\ndata:plain\n\nevent: empty\n\n'
    expect(await eventsOf(text, bytes)).toEqual([
      { event: 'progress', data: '{"a":\n"ü😀"}' },
      { event: 'message', data: 'plain' },
    ])
  })

  test('an event that the stream broke off is not given', async () => {
    expect(await eventsOf('data: whole\n\ndata: hal')).toEqual([{ event: 'message', data: 'whole' }])
  })

  test('an endless line is an error and not a full memory', async () => {
    await expect(eventsOf(`data: ${'x'.repeat(3_000_000)}`, 65_536)).rejects.toThrow('longer')
  })
})
