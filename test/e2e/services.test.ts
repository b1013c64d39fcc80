import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { testDatabase } from '../support/postgres.ts'
import { type ScriptProcess, startScript } from '../support/process.ts'
import { testRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'

const SERVICES = resolve(import.meta.dirname, '../../services')

test('each service in a process of its own, over Redis: a document goes through all of them, and each stops with 0', async () => {
  const database = await testDatabase()
  const redis = await testRedis()
  try {
    const environment = {
      DATABASE_URL: database.serviceUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      QUEUE_URL: redis.url,
      MASTER_KEY: randomBytes(32).toString('base64'),
      DATA_DIR: temporaryFolder(),
      PORT: '0',
      LOG_LEVEL: 'info',
    }
    const start = (name: string) => startScript(resolve(SERVICES, name, 'main.ts'), [], environment)
    const compliance = start('compliance')
    const services = [compliance, start('ingest'), start('retrieval'), start('workers')]
    const key = (await compliance.line(/the first API key/)).split(': ').at(-1) ?? ''
    const [records, ingest, retrieval] = await Promise.all(services.map(addressOf))
    const headers = { authorization: `Bearer ${key}` }

    const uploaded = await fetch(`${ingest}/v1/documents?file_name=note.md`, {
      method: 'POST',
      headers,
      body: '# Archive\n\nThe archive opens at 9 on Tuesdays.\n',
    })
    const { document_id } = (await uploaded.json()) as { document_id: string }
    const progress = await (await fetch(`${ingest}/v1/documents/${document_id}/progress`, { headers })).text()
    expect(progress).toContain('"status":"completed"')

    const asked = await fetch(`${retrieval}/v1/answers`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ question: 'When does the archive open on Tuesdays?' }),
    })
    expect(((await asked.json()) as { citations: { quote: string }[] }).citations[0]?.quote).toContain('at 9 on Tuesdays')
    const record = (await (await fetch(`${records}/v1/documents/${document_id}/record`, { headers })).json()) as {
      events: { step: string }[]
    }
    expect(new Set(record.events.map((event) => event.step))).toEqual(new Set(['upload', 'extract', 'enrich', 'index', 'done', 'answer']))

    for (const service of services) service.kill('SIGTERM')
    expect(await Promise.all(services.map(async (service) => (await service.exited).exitCode))).toEqual([0, 0, 0, 0])
  } finally {
    await redis.close()
    await database.close()
  }
})

/** The log line of a started service tells the port that it was given. */
async function addressOf(service: ScriptProcess): Promise<string> {
  const port = () => /"port":(\d+).*service started/.exec(service.stderr())?.[1]
  await waitUntil(() => port() !== undefined, 'a service to start')
  return `http://127.0.0.1:${port()}`
}
