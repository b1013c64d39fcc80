import { expect, onTestFinished, test } from 'vitest'
import { openPool } from './pools.ts'
import { testDatabase } from './postgres.ts'
import { waitUntil } from './wait.ts'

test('a pool whose idle connection was ended by the server opens another, and nothing is thrown in between', async () => {
  const server = await testDatabase()
  onTestFinished(() => server.close())
  const [idle, ending] = [1, 2].map(() => openPool({ connectionString: server.ownerUrl, max: 1 }))
  if (idle === undefined || ending === undefined) throw new Error('two pools were opened')
  const { rows } = await idle.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  await ending.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
  await waitUntil(async () => idle.totalCount === 0, 'the pool to know of its loss')
  expect((await idle.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await Promise.all([idle.end(), ending.end()])
})
