import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { isRunning } from './process.ts'
import { testRedis } from './redis.ts'

test('every caller gets a Redis of its own that evicts nothing, and close leaves no process', async () => {
  const [one, two] = await Promise.all([testRedis(), testRedis()])
  onTestFinished(async () => void (await Promise.all([one.close(), two.close()])))
  const client = new Redis(one.url)
  await client.set('key', 'value')
  expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
  client.disconnect()
  const other = new Redis(two.url)
  expect(await other.get('key')).toBeNull()
  other.disconnect()
  await one.close()
  expect(isRunning(one.pid)).toBe(false)
  expect(isRunning(two.pid)).toBe(true)
})
