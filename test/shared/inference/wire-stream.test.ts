import { afterEach, beforeEach, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { ChatDelta } from '../../../shared/inference/chat.ts'
import { createWire } from '../../../shared/inference/openai-wire.ts'
import type { WireOptions } from '../../../shared/inference/wire.ts'
import type { WireChat } from '../../../shared/inference/wire-chat.ts'
import { failure } from '../../support/failure.ts'
import { chunk, sendChat, sendEvents, sendStatus, startWireServer, trickle, type WireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal
const HELLO: WireChat = { model: 'm', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 50, signal: never }
const USAGE = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 2 } } }

let server: WireServer
beforeEach(async () => {
  server = await startWireServer()
})
afterEach(() => server.close())

function wire(options: Partial<WireOptions> = {}) {
  return createWire({ baseUrls: [server.baseUrl], apiKey: 'k', timeoutMs: 10_000, fetch, ...options })
}

async function all(stream: AsyncIterable<ChatDelta>): Promise<ChatDelta[]> {
  const deltas: ChatDelta[] = []
  for await (const delta of stream) deltas.push(delta)
  return deltas
}

/** What came before the error, and the error. */
async function broken(stream: AsyncIterable<ChatDelta>): Promise<{ texts: string[]; error: AppError }> {
  const texts: string[] = []
  const reading = async () => {
    for await (const delta of stream) if (delta.kind === 'text') texts.push(delta.text)
  }
  return { error: await failure(reading()), texts }
}

test('a stream gives its texts as they come, and ends with the facts', async () => {
  server.answerWith(
    sendEvents([chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({}, 'stop'), USAGE]),
  )
  expect(await all(wire().chatStream(HELLO))).toEqual([
    { kind: 'text', text: 'Hel' },
    { kind: 'text', text: 'lo' },
    {
      kind: 'end',
      facts: {
        endpoint: server.origin,
        modelReturned: 'served-model',
        tokensIn: 5,
        tokensCached: 2,
        tokensOut: 3,
        requestId: 'stream-1',
      },
    },
  ])
  expect(server.requests[0]).toMatchObject({
    headers: { accept: 'text/event-stream' },
    body: { stream: true, stream_options: { include_usage: true } },
  })
})

test('a text is there before the next one was written', async () => {
  let goOn: (() => void) | undefined
  server.answerWith((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${JSON.stringify(chunk({ content: 'first' }))}\n\n`)
    goOn = () => response.end(`data: ${JSON.stringify(chunk({ content: 'second' }, 'stop'))}\n\ndata: [DONE]\n\n`)
  })
  const stream = wire().chatStream(HELLO)[Symbol.asyncIterator]()
  expect((await stream.next()).value).toEqual({ kind: 'text', text: 'first' })
  goOn?.()
  expect((await stream.next()).value).toEqual({ kind: 'text', text: 'second' })
})

test('a server that counts unasked is not asked by a key that it would refuse', async () => {
  server.answerWith(sendEvents([chunk({ content: 'x' }, 'stop')]))
  await all(wire({ dialect: { cacheKey: true, streamOptions: false, unknownModel: () => '' } }).chatStream(HELLO))
  expect(server.requests[0]?.body).not.toHaveProperty('stream_options')
})

const piece = (index: number | undefined, id: string | undefined, name: string | undefined, given: unknown) => ({
  ...(index !== undefined && { index }),
  ...(id !== undefined && { id }),
  function: { ...(name !== undefined && { name }), arguments: given },
})

test.each<[string, Record<string, unknown>[]]>([
  [
    'in pieces, as OpenAI and vLLM send them',
    [
      chunk({ tool_calls: [piece(0, 'a1', 'status', '')] }),
      chunk({ tool_calls: [piece(0, undefined, undefined, '{"of":')] }),
      chunk({ tool_calls: [piece(1, 'b2', 'status', '{"of":')] }),
      chunk({ tool_calls: [piece(0, undefined, undefined, '"x"}')] }),
      chunk({ tool_calls: [piece(1, undefined, undefined, '"y"}')] }, 'tool_calls'),
    ],
  ],
  [
    'whole, as Mistral sends them',
    [chunk({ tool_calls: [piece(0, 'a1', 'status', '{"of":"x"}'), piece(1, 'b2', 'status', '{"of":"y"}')] }, 'tool_calls')],
  ],
  [
    'whole, each with the same number',
    [
      chunk({ tool_calls: [piece(0, 'a1', 'status', { of: 'x' })] }),
      chunk({ tool_calls: [piece(0, 'b2', 'status', { of: 'y' })] }, 'tool_calls'),
    ],
  ],
  [
    'in pieces whose later ids are the word null',
    [
      chunk({ tool_calls: [piece(0, 'a1', 'status', '{"of":'), piece(1, 'b2', 'status', '{"of"')] }),
      chunk({ tool_calls: [piece(0, 'null', '', '"x"}'), piece(1, 'null', '', ':"y"}')] }, 'tool_calls'),
    ],
  ],
])('tool calls are put together: %s', async (_, chunks) => {
  server.answerWith(sendEvents(chunks))
  const deltas = await all(wire().chatStream(HELLO))
  expect(deltas.slice(0, -1)).toEqual([
    { kind: 'tool_call', call: { id: 'a1', name: 'status', arguments: { of: 'x' } } },
    { kind: 'tool_call', call: { id: 'b2', name: 'status', arguments: { of: 'y' } } },
  ])
  expect(deltas.at(-1)?.kind).toBe('end')
})

test('a stream of white space is cut off, and the server sees it', async () => {
  let gone = false
  server.answerWith(
    trickle(`data: ${JSON.stringify(chunk({ content: '   \n'.repeat(50) }))}\n\n`, 'text/event-stream', () => (gone = true)),
  )
  const { error } = await broken(wire().chatStream(HELLO))
  expect(error).toMatchObject({ code: 'MODEL_OUTPUT_INVALID', detail: 'the model writes white space and nothing else' })
  await expect.poll(() => gone).toBe(true)
})

test('a stream that goes on and on ends at the total deadline, after what came', async () => {
  let gone = false
  server.answerWith(trickle(`data: ${JSON.stringify(chunk({ content: 'on ' }))}\n\n`, 'text/event-stream', () => (gone = true)))
  const { texts, error } = await broken(wire({ timeoutMs: 200 }).chatStream(HELLO))
  expect(error).toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'no complete response within 200 ms' })
  expect(texts.length).toBeGreaterThan(0)
  await expect.poll(() => gone).toBe(true)
})

test('a stream that begins and then hangs ends at the total deadline', async () => {
  server.answerWith((_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders())
  expect((await broken(wire({ timeoutMs: 150 }).chatStream(HELLO))).error.detail).toBe('no complete response within 150 ms')
})

test('a stream that nobody reads on ends at the total deadline too', async () => {
  let gone = false
  server.answerWith(trickle(`data: ${JSON.stringify(chunk({ content: 'on ' }))}\n\n`, 'text/event-stream', () => (gone = true)))
  const stream = wire({ timeoutMs: 200 }).chatStream(HELLO)[Symbol.asyncIterator]()
  await stream.next()
  await expect.poll(() => gone).toBe(true)
  expect((await failure(stream.next())).detail).toBe('no complete response within 200 ms')
})

test.each<[string, (onGone: () => void) => ReturnType<typeof sendEvents>]>([
  ['that goes on', (onGone) => trickle(`data: ${JSON.stringify(chunk({ content: 'on ' }))}\n\n`, 'text/event-stream', onGone)],
  [
    'that is silent',
    (onGone) => (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`data: ${JSON.stringify(chunk({ content: 'on ' }))}\n\n`)
      response.on('close', onGone)
    },
  ],
])('who stops reading stops a server %s', async (_, handler) => {
  let gone = false
  server.answerWith(
    handler(() => {
      gone = true
    }),
  )
  for await (const delta of wire({ timeoutMs: 3_600_000 }).chatStream(HELLO)) if (delta.kind === 'text') break
  await expect.poll(() => gone).toBe(true)
})

test("the caller's abort stops a stream, and gives the caller's reason", async () => {
  server.answerWith(trickle(`data: ${JSON.stringify(chunk({ content: 'on ' }))}\n\n`, 'text/event-stream'))
  const controller = new AbortController()
  const reading = (async () => {
    for await (const _ of wire().chatStream({ ...HELLO, signal: controller.signal })) controller.abort(new AppError('STAGE_TIMEOUT'))
  })()
  expect((await failure(reading)).code).toBe('STAGE_TIMEOUT')
})

test.each<[string, ReturnType<typeof sendEvents>, string, string]>([
  ['that breaks off', sendEvents([chunk({ content: 'Hel' })], 'break'), 'MODEL_UNAVAILABLE', 'Hel'],
  ['that ends before the answer does', sendEvents([chunk({ content: 'Hel' })]), 'MODEL_UNAVAILABLE', 'Hel'],
  ['that was cut by its length', sendEvents([chunk({ content: 'Hel' }), chunk({}, 'length')]), 'MODEL_OUTPUT_INVALID', 'Hel'],
  ['that was filtered', sendEvents([chunk({ content: 'Hel' }), chunk({}, 'content_filter')]), 'MODEL_REFUSED', 'Hel'],
  [
    'in which the server reports an error',
    sendEvents([chunk({ content: 'Hel' }), { error: { message: 'Anna Muster' } }]),
    'MODEL_UNAVAILABLE',
    'Hel',
  ],
  ['of another shape', sendEvents([{ choices: 'none' }]), 'MODEL_OUTPUT_INVALID', ''],
  ['that is none', sendChat('whole'), 'MODEL_OUTPUT_INVALID', ''],
  ['that is refused', sendStatus(400, { message: 'Anna Muster' }), 'MODEL_REFUSED', ''],
  ['for which the server is too busy', sendStatus(429), 'MODEL_BUSY', ''],
])('a stream %s has no end, and its error is typed', async (_, handler, code, text) => {
  server.answerWith(handler)
  const { texts, error } = await broken(wire().chatStream(HELLO))
  expect(error.code).toBe(code)
  expect(texts.join('')).toBe(text)
  expect(`${error.message} ${error.stack}`).not.toContain('Muster')
})

test('a stream larger than the bound is given up', async () => {
  server.answerWith((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const line = `data: ${JSON.stringify(chunk({ content: 'x'.repeat(1024 * 1024) }))}\n\n`
    const more = () => {
      while (!response.destroyed && response.write(line));
    }
    response.on('drain', more)
    more()
  })
  expect((await broken(wire().chatStream(HELLO))).error.detail).toBe('the response is larger than 33554432 bytes')
})

test('nothing is asked again once something was handed on, and before that it is', async () => {
  let calls = 0
  const again: WireOptions['around'] = async (_endpoint, signal, call) => {
    for (let attempt = 0; ; attempt += 1) {
      calls += 1
      try {
        return await call(signal)
      } catch (error) {
        if (attempt === 2) throw error
      }
    }
  }
  server.answerWith((received, response) => {
    if (server.requests.length < 3) sendStatus(500)(received, response)
    else sendEvents([chunk({ content: 'Hel' })], 'break')(received, response)
  })
  const { texts, error } = await broken(wire({ around: again }).chatStream(HELLO))
  expect(texts).toEqual(['Hel'])
  expect(error.code).toBe('MODEL_UNAVAILABLE')
  expect(calls).toBe(3)
  expect(server.requests).toHaveLength(3)
})

test('nothing is sent before the first piece is asked for', async () => {
  wire().chatStream(HELLO)
  await wire().chat(HELLO)
  expect(server.requests).toHaveLength(1)
})
