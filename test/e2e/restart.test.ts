import { expect, test } from 'vitest'
import { startEmbeddedSystem, stopEmbeddedSystem } from '../support/embedded-system.ts'
import { temporaryFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'

const DOCUMENTS = 12
const FINAL = ['completed', 'failed', 'refused']

interface Address {
  url: string
  apiKey: string
}

async function upload({ url, apiKey }: Address, number: number): Promise<string> {
  const response = await fetch(`${url}/v1/documents?file_name=note-${number}.txt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: `Note ${number}. The lantern in corridor ${number} is replaced every ${number + 2} months.\n`,
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as { document_id: string }).document_id
}

async function statusOf({ url, apiKey }: Address, id: string): Promise<string> {
  const response = await fetch(`${url}/v1/documents/${id}`, { headers: { authorization: `Bearer ${apiKey}` } })
  return ((await response.json()) as { status: string }).status
}

async function eventsOf({ url, apiKey }: Address, id: string): Promise<{ step: string; phase: string; model: unknown }[]> {
  const response = await fetch(`${url}/v1/documents/${id}/record`, { headers: { authorization: `Bearer ${apiKey}` } })
  return ((await response.json()) as { events: { step: string; phase: string; model: unknown }[] }).events
}

async function expectEachDoneOnce(served: Address, ids: readonly string[]): Promise<void> {
  await waitUntil(
    async () => (await Promise.all(ids.map((id) => statusOf(served, id)))).every((status) => FINAL.includes(status)),
    'every document to end',
  )
  for (const id of ids) {
    expect(await statusOf(served, id)).toBe('completed')
    const stages = (await eventsOf(served, id))
      .filter((event) => event.model === null && event.phase === 'completed')
      .map((event) => event.step)
    expect(stages).toEqual(['upload', 'extract', 'enrich', 'index', 'done'])
  }
}

test('SIGTERM under load: it drains, exits with 0, and leaves no process behind; the rest completes after the next start', async () => {
  const dataDir = temporaryFolder()
  const first = startEmbeddedSystem(dataDir)
  const address = await first.serves
  const ids: string[] = []
  for (let number = 0; number < DOCUMENTS; number++) ids.push(await upload(address, number))
  await stopEmbeddedSystem(first)
  const second = startEmbeddedSystem(dataDir)
  await expectEachDoneOnce(await second.serves, ids)
  await stopEmbeddedSystem(second)
})
