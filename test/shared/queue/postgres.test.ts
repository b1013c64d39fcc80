import { resolve } from 'node:path'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../../shared/database/migrations.ts'
import { openPostgresQueues } from '../../../shared/queue/backend.ts'
import { openPublisher } from '../../../shared/queue/publish.ts'
import { testDatabase } from '../../support/postgres.ts'
import { startScript } from '../../support/process.ts'
import { describeQueueBackend, newJob } from './contract.ts'

const ignore = () => undefined

describeQueueBackend('PostgreSQL', async () => {
  const database = await migrated()
  const client = new Client({ connectionString: database.ownerUrl })
  await client.connect()
  const text = async (query: string) => (await client.query<{ text: string }>(query)).rows.map((row) => row.text).join('\n')
  return {
    openBackend: () => openPostgresQueues(database.ownerUrl, database.serviceUrl, ignore),
    jobs: async () => Number(await text('SELECT count(*) AS text FROM bullmq.job')),
    dump: async () => {
      const tables = (await text(`SELECT table_name AS text FROM information_schema.tables WHERE table_schema = 'bullmq'`)).split('\n')
      const rows: string[] = []
      for (const table of tables) rows.push(await text(`SELECT t::text AS text FROM bullmq.${client.escapeIdentifier(table)} t`))
      return rows.join('\n')
    },
    processArguments: ['postgres', database.ownerUrl, database.serviceUrl],
    close: async () => {
      await client.end()
      await database.close()
    },
  }
})

test('many processes that start together on a new database all get their queues', async () => {
  for (let round = 0; round < 3; round++) {
    const { ownerUrl, serviceUrl } = await migrated(true)
    const backends = await Promise.all(Array.from({ length: 20 }, () => openPostgresQueues(ownerUrl, serviceUrl, ignore)))
    await Promise.all(backends.map((backend) => backend.close()))
  }
})

test('a PostgreSQL that is gone makes ping and publishing fail with UNAVAILABLE or its own error, at once', async () => {
  const database = await migrated()
  const backend = await openPostgresQueues(database.ownerUrl, database.serviceUrl, ignore)
  const publisher = openPublisher(backend)
  onTestFinished(async () => {
    await publisher.close()
    await backend.close()
  })
  await publisher.publish([newJob('extract')])
  await database.close()
  await expect(backend.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(publisher.publish([newJob('extract')])).rejects.toThrow()
})

test('what is opened while PostgreSQL is away keeps its process alive to signals and timers, and works once the server is there', async () => {
  const { ownerUrl, serviceUrl } = await migrated(true)
  const opened = startScript(resolve(import.meta.dirname, 'opened-while-away.ts'), [ownerUrl, serviceUrl])
  await opened.line(/away/)
  await opened.line(/turning/)
  await opened.line(/worked/)
  opened.kill('SIGTERM')
  expect((await opened.exited).exitCode).toBe(0)
})

async function migrated(closedWithTest = false) {
  const database = await testDatabase()
  if (closedWithTest) onTestFinished(() => database.close())
  await migrate(database.ownerUrl, database.serviceUrl)
  return database
}
