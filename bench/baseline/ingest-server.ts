// What ingest cannot do without, and nothing else: read the body, hash it, write it durably, add one job, answer. Arguments: folder, URL of Redis.
import { createHash, randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { BASELINE_QUEUE } from './queue.ts'

const [folder, redisUrl] = process.argv.slice(2)
if (folder === undefined || redisUrl === undefined) throw new Error('usage: ingest-server.ts <folder> <URL of Redis>')
const queue = new Queue(BASELINE_QUEUE, { connection: { url: redisUrl } })

const server = createServer((request, response) => {
  take(request).then(
    (answer) => response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`))

async function take(request: IncomingMessage): Promise<{ id: string; sha256: string }> {
  const parts: Buffer[] = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  const body = Buffer.concat(parts)
  const sha256 = createHash('sha256').update(body).digest('hex')
  const id = randomUUID()
  const file = await open(join(folder ?? '', id), 'wx', 0o600)
  try {
    await file.writeFile(body)
    await file.datasync()
  } finally {
    await file.close()
  }
  await queue.add('document', { id, sha256 }, { jobId: id })
  return { id, sha256 }
}
