import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { openRedisQueues, type QueueBackend } from '../../../shared/queue/backend.ts'
import { openPublisher } from '../../../shared/queue/publish.ts'
import { testRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { describeQueueBackend, newJob } from './contract.ts'

const ignore = () => undefined
/** Well above the time that the adapter gives a silent server, and well below for ever. */
const BOUNDED_MS = 30_000

describeQueueBackend('Redis', async () => {
  const redis = await testRedis()
  const client = new Redis(redis.url)
  const keys = () => client.keys('*')
  return {
    openBackend: async () => openRedisQueues(redis.url, ignore),
    // A job is a hash under `<prefix>:<queue>:<job id>`; the queue's own keys have one word there.
    jobs: async () => (await keys()).filter((key) => /:[a-z]+-[0-9a-f-]{36}-\d+$/.test(key)).length,
    dump: async () => JSON.stringify(await Promise.all((await keys()).map(async (key) => [key, await contents(client, key)]))),
    processArguments: ['redis', redis.url],
    close: async () => {
      client.disconnect()
      await redis.close()
    },
  }
})

test('after the last job there is no key but the queues’ own: their counters, options and trimmed streams', async () => {
  const redis = await running()
  const backend = opened(redis.url)
  const publisher = openPublisher(backend)
  let ended = 0
  const worker = backend.openWorker('index', async () => {
    if (ended++ > 0) throw new Error('fails')
  })
  await publisher.publish([newJob('index'), newJob('index'), newJob('index')])
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  await waitUntil(async () => ended === 3 && (await client.llen('{greffier}:index:active')) === 0, 'three jobs')
  await worker.close()
  const kept = (await client.keys('*')).filter((key) => !/:(meta|events|id|marker|stalled-check)$/.test(key))
  expect(kept).toEqual([])
})

test('ping fails while Redis is down, and where it may drop jobs for want of memory', async () => {
  const redis = await running()
  const backend = opened(redis.url)
  await waitUntil(() => isAnswered(backend), 'the connection')
  await redis.close()
  await expect(backend.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' })

  const careless = await running({ 'maxmemory-policy': 'allkeys-lru' })
  const second = opened(careless.url)
  let said: unknown
  await waitUntil(async () => {
    said = await second.ping().catch((error: unknown) => error)
    return String(said).includes('noeviction')
  }, 'ping to reach the careless Redis')
  expect(said).toMatchObject({ code: 'UNAVAILABLE' })
})

test('adding while Redis is down is refused at once, also where it never was up', async () => {
  const redis = await running()
  const backend = opened(redis.url)
  const publisher = openPublisher(backend)
  await publisher.publish([newJob('extract')])
  await redis.close()
  for (const jobs of [[newJob('extract')], [newJob('extract'), newJob('extract')]]) {
    const startedAtMs = performance.now()
    await expect(publisher.publish(jobs)).rejects.toThrow()
    expect(performance.now() - startedAtMs).toBeLessThan(1_000)
  }
  const never = openPublisher(opened(redis.url))
  await expect(never.publish([newJob('extract')])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a Redis that has stopped answering is given up after a while, for publishing and for workers', async () => {
  const redis = await running()
  const backend = opened(redis.url)
  const publisher = openPublisher(backend)
  const received: unknown[] = []
  const worker = backend.openWorker('index', async (payload) => void received.push(payload))
  onTestFinished(() => worker.close())
  await publisher.publish([newJob('extract')])
  process.kill(redis.pid, 'SIGSTOP')
  const startedAtMs = performance.now()
  await expect(publisher.publish([newJob('extract')])).rejects.toThrow()
  expect(performance.now() - startedAtMs).toBeLessThan(BOUNDED_MS)
  process.kill(redis.pid, 'SIGCONT')
  const job = newJob('index')
  await waitUntil(() => isPublished(publisher, job), 'Redis to take jobs again')
  await waitUntil(() => received.length > 0, 'the worker to hear of it')
})

function opened(url: string): QueueBackend {
  const backend = openRedisQueues(url, ignore)
  onTestFinished(() => backend.close())
  return backend
}

async function running(overrides?: Record<string, string>) {
  const redis = await testRedis(overrides)
  onTestFinished(() => redis.close())
  return redis
}

async function isAnswered(backend: QueueBackend): Promise<boolean> {
  try {
    await backend.ping()
    return true
  } catch {
    return false
  }
}

async function isPublished(publisher: ReturnType<typeof openPublisher>, job: ReturnType<typeof newJob>): Promise<boolean> {
  try {
    await publisher.publish([job])
    return true
  } catch {
    return false
  }
}

async function contents(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return client.get(key)
    case 'hash':
      return client.hgetall(key)
    case 'list':
      return client.lrange(key, 0, -1)
    case 'zset':
      return client.zrange(key, '0', '-1', 'WITHSCORES')
    case 'stream':
      return client.xrange(key, '-', '+')
    case 'set':
      return client.smembers(key)
    default:
      return null
  }
}
