// A client of its own process, so that what it costs is not counted: sends documents over connections that are kept, so many at a time.
import { Agent, request } from 'node:http'
import { bodyOf } from './bodies.ts'

export interface Load {
  url: string
  headers: Record<string, string>
  /** Index of the first body (see bodies.ts). */
  first: number
  count: number
  bytes: number
  inFlight: number
}

export interface LoadDone {
  wallMs: number
  /** What was answered, JSON each, in the order of the bodies. */
  answers: string[]
  /** The first answer that was no 202, or null. */
  refused: string | null
}

const ACCEPTED = 202

process.on('message', (load: Load) => {
  void send(load).then((done) => process.send?.(done))
})

async function send({ url, headers, first, count, bytes, inFlight }: Load): Promise<LoadDone> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  const answers: string[] = []
  let refused: string | null = null
  let next = 0
  const startedAtMs = performance.now()
  const sendInTurn = async () => {
    while (next < count && refused === null) {
      const index = next++
      const { status, body } = await post(agent, url, headers, bodyOf(first + index, bytes))
      if (status !== ACCEPTED) refused ??= `${status} ${body}`
      answers[index] = body
    }
  }
  await Promise.all(Array.from({ length: inFlight }, sendInTurn))
  const wallMs = performance.now() - startedAtMs
  agent.destroy()
  return { wallMs, answers, refused }
}

function post(agent: Agent, url: string, headers: Record<string, string>, body: Buffer): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const posted = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': body.length } }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }))
      response.on('error', reject)
    })
    posted.on('error', reject)
    posted.end(body)
  })
}
