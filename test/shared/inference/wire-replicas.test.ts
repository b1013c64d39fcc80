import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { createWire } from '../../../shared/inference/openai-wire.ts'
import { createOutbound } from '../../../shared/inference/outbound.ts'
import type { WireOptions } from '../../../shared/inference/wire.ts'
import type { WireChat } from '../../../shared/inference/wire-chat.ts'
import { createReplicas } from '../../../shared/inference/wire-replicas.ts'
import { failure } from '../../support/failure.ts'
import { chunk, sendChat, sendEvents, sendJson, sendStatus, startWireServer, type WireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal
const HELLO: WireChat = { model: 'm', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 50, signal: never }

let a: WireServer
let b: WireServer
let c: WireServer
beforeEach(async () => {
  ;[a, b, c] = await Promise.all([startWireServer(), startWireServer(), startWireServer()])
})
afterEach(() => Promise.all([a.close(), b.close(), c.close()]))

function wireTo(servers: readonly WireServer[], options: Partial<WireOptions> = {}) {
  return createWire({ baseUrls: servers.map(({ baseUrl }) => baseUrl), apiKey: null, timeoutMs: 10_000, fetch, ...options })
}

const counts = () => [a, b, c].map(({ requests }) => requests.length)

describe('over real servers', () => {
  test('every origin is named, for any of them may take a call', () => {
    expect(wireTo([a, b, c]).endpoints).toEqual([a.origin, b.origin, c.origin])
    expect(wireTo([a, a]).endpoints).toEqual([a.origin])
  })

  test('replicas that have as little to do take turns, and the facts name who answered', async () => {
    const wire = wireTo([a, b, c])
    const answered: string[] = []
    for (let call = 0; call < 6; call += 1) answered.push((await wire.chat(HELLO)).facts.endpoint)
    expect(answered).toEqual([a.origin, b.origin, c.origin, a.origin, b.origin, c.origin])
  })

  test('the next call goes to the replica with the fewest in flight', async () => {
    const held: (() => void)[] = []
    a.answerWith((received, response) => void held.push(() => sendChat('late')(received, response)))
    const wire = wireTo([a, b])
    const slow = wire.chat(HELLO)
    await expect.poll(() => held.length).toBe(1)
    for (let call = 0; call < 5; call += 1) expect((await wire.chat(HELLO)).facts.endpoint).toBe(b.origin)
    held[0]?.()
    expect((await slow).facts.endpoint).toBe(a.origin)
  })

  test('a stream counts as in flight until it ends', async () => {
    let goOn: (() => void) | undefined
    a.answerWith((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`data: ${JSON.stringify(chunk({ content: 'x' }))}\n\n`)
      goOn = () => response.end(`data: ${JSON.stringify(chunk({}, 'stop'))}\n\ndata: [DONE]\n\n`)
    })
    const wire = wireTo([a, b])
    const stream = wire.chatStream(HELLO)[Symbol.asyncIterator]()
    await stream.next()
    for (let call = 0; call < 3; call += 1) expect((await wire.chat(HELLO)).facts.endpoint).toBe(b.origin)
    goOn?.()
    expect((await stream.next()).value).toMatchObject({ kind: 'end', facts: { endpoint: a.origin } })
  })

  test.each<[string, (server: WireServer) => void]>([
    ['answers 500', (server) => server.answerWith(sendStatus(500))],
    ['answers 503 and says when to come back', (server) => server.answerWith(sendStatus(503, {}, { 'retry-after': '9' }))],
    ['breaks the connection', (server) => server.answerWith((_, response) => void response.destroy())],
    [
      'breaks off in the middle of its answer',
      (server) =>
        server.answerWith((_, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":')
          setImmediate(() => response.destroy())
        }),
    ],
  ])('a replica that %s is passed over, and another one answers', async (_, fail) => {
    fail(a)
    const wire = wireTo([a, b])
    for (let call = 0; call < 4; call += 1) expect((await wire.chat(HELLO)).facts.endpoint).toBe(b.origin)
    expect(counts()).toEqual([1, 4, 0])
  })

  test('a replica that is not there is passed over, behind the one way out as well', async () => {
    const gone = await startWireServer()
    await gone.close()
    const outbound = createOutbound({ allowedOrigins: [gone.origin, b.origin], proxy: {} })
    const wire = wireTo([gone, b], { fetch: outbound.fetch })
    for (let call = 0; call < 3; call += 1) expect((await wire.chat(HELLO)).facts.endpoint).toBe(b.origin)
    await outbound.close()
  })

  test.each([400, 401, 403, 404, 408, 409, 422, 425, 429])('HTTP %i is an answer: nobody else is asked', async (status) => {
    a.answerWith(sendStatus(status))
    await failure(wireTo([a, b, c]).chat(HELLO))
    expect(counts()).toEqual([1, 0, 0])
  })

  test('an answer that is not what was asked for is an answer', async () => {
    a.answerWith(sendJson({ choices: [] }))
    expect((await failure(wireTo([a, b]).chat(HELLO))).code).toBe('MODEL_OUTPUT_INVALID')
    expect(counts()).toEqual([1, 0, 0])
  })

  test('each is asked once when all fail, and the error is that of the last', async () => {
    for (const server of [a, b, c]) server.answerWith(sendStatus(500))
    expect(await failure(wireTo([a, b, c]).chat(HELLO))).toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'HTTP 500' })
    expect(counts()).toEqual([1, 1, 1])
  })

  test('all replicas together have one deadline, and one that hung is passed over afterwards', async () => {
    a.answerWith(() => undefined)
    const wire = wireTo([a, b], { timeoutMs: 200 })
    expect((await failure(wire.chat(HELLO))).detail).toBe('no complete response within 200 ms')
    expect(counts()).toEqual([1, 0, 0])
    for (let call = 0; call < 3; call += 1) expect((await wire.chat(HELLO)).facts.endpoint).toBe(b.origin)
  })

  test('a call that its caller stopped says nothing about the replica', async () => {
    a.answerWith(() => undefined)
    const wire = wireTo([a, b])
    const controller = new AbortController()
    const stopped = failure(wire.chat({ ...HELLO, signal: controller.signal }))
    await expect.poll(() => a.requests.length).toBe(1)
    controller.abort()
    expect(await stopped).toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'stopped by the caller' })
    a.answerWith(sendChat('ok'))
    const answered = [await wire.chat(HELLO), await wire.chat(HELLO)].map(({ facts }) => facts.endpoint)
    expect(answered.toSorted()).toEqual([a.origin, b.origin].toSorted())
  })

  test('where there is no turn at one replica, another one is asked, and the first is not taken for broken', async () => {
    const around: WireOptions['around'] = async (endpoint, signal, call) => {
      if (endpoint === a.origin && refusing) throw new AppError('MODEL_BUSY', 'no turn')
      return call(signal)
    }
    let refusing = true
    const wire = wireTo([a, b], { around })
    expect((await wire.chat(HELLO)).facts.endpoint).toBe(b.origin)
    refusing = false
    const answered = [await wire.chat(HELLO), await wire.chat(HELLO)].map(({ facts }) => facts.endpoint)
    expect(answered.toSorted()).toEqual([a.origin, b.origin].toSorted())
  })

  test('a stream goes to another replica as long as nothing was handed on, and not afterwards', async () => {
    a.answerWith(sendStatus(502))
    b.answerWith(sendEvents([chunk({ content: 'Hel' })], 'break'))
    const texts: string[] = []
    const reading = async () => {
      for await (const delta of wireTo([a, b, c]).chatStream(HELLO)) if (delta.kind === 'text') texts.push(delta.text)
    }
    expect((await failure(reading())).code).toBe('MODEL_UNAVAILABLE')
    expect(texts).toEqual(['Hel'])
    expect(counts()).toEqual([1, 1, 0])
  })

  test('the models of the replicas that answer are told; when none does, why', async () => {
    a.answerWith(sendJson({ data: [{ id: 'one' }] }))
    b.answerWith(sendStatus(500))
    expect(await wireTo([a, b]).models(never)).toEqual([{ endpoint: a.origin, models: ['one'] }])
    expect((await failure(wireTo([b]).models(never))).code).toBe('MODEL_UNAVAILABLE')
  })
})

describe('with a clock that stands still', () => {
  const down = { passOver: true, goOn: true }
  const asked = async (replicas: ReturnType<typeof createReplicas<string>>, broken: readonly string[]) => {
    const names: string[] = []
    const call = async (name: string) => {
      names.push(name)
      if (broken.includes(name)) throw new Error(name)
      return name
    }
    await replicas.run(call, () => down).catch((error: unknown) => expect(error).toBeInstanceOf(Error))
    return names
  }

  test('a replica that failed is asked again after 15 s', async () => {
    let nowMs = 0
    const replicas = createReplicas(['a', 'b'], () => nowMs)
    expect(await asked(replicas, ['a'])).toEqual(['a', 'b'])
    nowMs = 14_999
    for (let call = 0; call < 3; call += 1) expect(await asked(replicas, [])).toEqual(['b'])
    nowMs = 15_000
    expect([await asked(replicas, []), await asked(replicas, [])].flat().toSorted()).toEqual(['a', 'b'])
  })

  test('where all failed, the one whose time is over first is asked first, and an answer brings it back', async () => {
    let nowMs = 0
    const replicas = createReplicas(['a', 'b'], () => nowMs++)
    await asked(replicas, ['a', 'b'])
    expect(await asked(replicas, [])).toEqual(['a'])
    for (let call = 0; call < 3; call += 1) expect(await asked(replicas, [])).toEqual(['a'])
  })
})
