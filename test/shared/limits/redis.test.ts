import type { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { createRedisLimits } from '../../../shared/limits/redis.ts'
import { openRedisConnection } from '../../../shared/queue/redis-connection.ts'
import { testRedis } from '../../support/redis.ts'
import { describeLimits, report } from './contract.ts'

const ignore = () => undefined

describeLimits('Redis', async () => {
  const redis = await testRedis()
  const connections = [await connected(redis.url), await connected(redis.url)] as const
  return {
    limits: [createRedisLimits(connections[0]), createRedisLimits(connections[1])],
    processArguments: ['redis', redis.url],
    newTenant: async () => newId(),
    expireReservations: async (tenantId) => {
      const [client] = connections
      for (const key of await client.keys(`greffier:budget:{${tenantId}}:*:living`)) {
        for (const id of await client.zrange(key, '0', '-1')) await client.zadd(key, 1, id)
      }
    },
    close: async () => {
      for (const connection of connections) connection.disconnect()
      await redis.close()
    },
  }
})

test('nothing that the limits keep in Redis stays there for ever', async () => {
  const redis = await testRedis()
  const client = await connected(redis.url)
  onTestFinished(async () => {
    client.disconnect()
    await redis.close()
  })
  const limits = createRedisLimits(client)
  await limits.exchange('https://model.test', 'one', report())
  const request = { tenant_id: newId(), day: '2026-11-26', tokens: 1, micro_eur: 1, tokens_max: 10, micro_eur_max: null }
  const first = await limits.reserve(request)
  await limits.reserve(request)
  if (first.outcome === 'granted') await limits.settle(first.reservation, { tokens: 1, micro_eur: 1 })
  const keys = await client.keys('*')
  expect(keys).toHaveLength(3)
  for (const key of keys) expect(await client.ttl(key), key).toBeGreaterThan(0)
})

test('a Redis that is gone, or says nothing, is UNAVAILABLE after two seconds at most', async () => {
  const redis = await testRedis()
  const client = await connected(redis.url)
  onTestFinished(async () => {
    client.disconnect()
    await redis.close()
  })
  const limits = createRedisLimits(client)
  await limits.exchange('https://model.test', 'one', report())
  process.kill(redis.pid, 'SIGSTOP')
  await expect(limits.exchange('https://model.test', 'one', report())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await redis.close()
  await expect(limits.exchange('https://model.test', 'one', report())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

async function connected(url: string): Promise<Redis> {
  const connection = openRedisConnection(url, ignore)
  if (connection.status !== 'ready') await new Promise((resolve) => connection.once('ready', resolve))
  return connection
}
