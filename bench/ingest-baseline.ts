import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { z } from 'zod'
import { BASELINE_QUEUE } from './baseline/queue.ts'
import { bodyOf } from './bodies.ts'
import { atEnd } from './cleanup.ts'
import { temporaryFolder } from './folder.ts'
import type { Sender } from './ingest.ts'
import type { IngestContender } from './ingest-product.ts'
import { DeliveryError, expectExactly } from './options.ts'
import { cpuMsOf, startScript } from './processes.ts'
import type { Stack } from './stack.ts'

const Answer = z.strictObject({ id: z.uuid(), sha256: z.string() })

/** The bare server of baseline/ingest-server.ts over the stack's Redis, on the same disk. */
export async function startIngestBaseline(stack: Stack, send: Sender): Promise<IngestContender> {
  if (!stack.redis) throw new Error('the baseline needs a Redis')
  const folder = temporaryFolder()
  const server = startScript(join(import.meta.dirname, 'baseline/ingest-server.ts'), [folder.path, stack.redis.url])
  const port = (await server.line(/^listening on/)).split(' ').at(-1)
  const queue = new Queue(BASELINE_QUEUE, { connection: { url: stack.redis.url } })
  const cleanup = atEnd(() => queue.close())
  const pids = [server.pid, stack.redis.pid]
  let accepted = 0
  return {
    round: async (count, bytes) => {
      const jobsBefore = await queue.getWaitingCount()
      const cpuBeforeMs = cpuMsOf(pids)
      const { wallMs, first, answers } = await send({ url: `http://127.0.0.1:${port}/`, headers: {}, count, bytes })
      const cpuMs = cpuMsOf(pids) - cpuBeforeMs
      accepted += count
      for (const [index, answer] of answers.entries()) check(folder.path, Answer.parse(answer), bodyOf(first + index, bytes))
      expectExactly('files of the baseline', readdirSync(folder.path).length, accepted)
      expectExactly('jobs of the baseline', (await queue.getWaitingCount()) - jobsBefore, count)
      return { wallMs, cpuMs, count }
    },
    stop: async () => {
      cleanup.done()
      await queue.close()
      await server.stop()
      folder.remove()
    },
  }
}

function check(folder: string, { id, sha256 }: z.infer<typeof Answer>, body: Buffer): void {
  const isHash = createHash('sha256').update(body).digest('hex') === sha256
  if (!isHash || !readFileSync(join(folder, id)).equals(body)) throw new DeliveryError(`${id} of the baseline is not what was sent`)
}
