import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Body, eventsIn, hello, post, two } from './mistral-double/asking.ts'
import { CHAT_PATH, EMBEDDINGS_PATH, eventProblems } from './mistral-double/schemas.ts'
import { type ModelDouble, startModelDouble } from './model-double.ts'
import { heardLater, waitUntil } from './wait.ts'

let double: ModelDouble
beforeEach(async () => {
  double = await startModelDouble()
})
afterEach(() => double.close())

interface StreamedChunk {
  choices: [{ delta: { content?: string }; finish_reason: string | null }]
}

describe('a connection', () => {
  /** `read` ends with the body; `text` is what has come so far. */
  async function begun(body: Body, controller: AbortController) {
    const response = await post(double, CHAT_PATH, body, controller.signal)
    let text = ''
    const read = heardLater(
      (async () => {
        for await (const piece of response.body ?? []) text += Buffer.from(piece).toString()
      })(),
    )
    return { response, text: () => text, read }
  }

  test('that hangs before the headers is there until the client leaves', async () => {
    double.script({ kind: 'hang' })
    const leaving = new AbortController()
    const asked = heardLater(post(double, CHAT_PATH, hello, leaving.signal))
    await waitUntil(() => double.load().inFlight === 1, 'the request')
    leaving.abort()
    await expect(asked).rejects.toThrow()
    await waitUntil(() => double.load().inFlight === 0, 'the double to see it leave')
  })

  test.each([
    ['white space', hello, /^ {3,}$/],
    ['white space in a stream', { ...hello, stream: true }, /^ {3,}$/],
  ])('that hangs during the body brings a byte a beat: %s', async (_, body, expected) => {
    double.script({ kind: 'slow_body', beatMs: 1 })
    const leaving = new AbortController()
    const { response, text, read } = await begun(body, leaving)
    expect(response.status).toBe(200)
    await waitUntil(() => text().length >= 3, 'three bytes')
    expect(text()).toMatch(expected)
    leaving.abort()
    await expect(read).rejects.toThrow()
  })

  test('of a stream that never gets beyond white space brings well-formed events for ever', async () => {
    double.script({ kind: 'white_space', beatMs: 1 })
    const leaving = new AbortController()
    const { text, read } = await begun({ ...hello, stream: true }, leaving)
    await waitUntil(() => text().split('\n\n').length > 4, 'four events')
    const events = eventsIn(text().slice(0, text().lastIndexOf('\n\n'))) as StreamedChunk[]
    expect(events.map(({ choices }) => choices[0].delta.content?.trim())).toEqual(events.map(() => ''))
    expect(events.flatMap((data) => eventProblems({ data }))).toEqual([])
    leaving.abort()
    await expect(read).rejects.toThrow()
  })

  test.each([
    ['an answer', hello],
    ['a stream', { ...hello, stream: true }],
  ])('that ends in the middle of %s brings a half that is no JSON, and no end', async (_, body) => {
    double.script({ kind: 'cut_body' })
    const { response, text, read } = await begun(body, new AbortController())
    expect(response.status).toBe(200)
    await expect(read).rejects.toThrow()
    expect(text().length).toBeGreaterThan(20)
    expect(text()).not.toContain('[DONE]')
    expect(() => JSON.parse(text())).toThrow()
  })

  test('that is reset brings nothing', async () => {
    double.script({ kind: 'reset' })
    await expect(post(double, CHAT_PATH, hello)).rejects.toThrow()
  })

  test('that is held brings its answer when the test lets it go', async () => {
    const { promise: until, resolve: release } = Promise.withResolvers<void>()
    double.script({ kind: 'held', until })
    const asked = post(double, CHAT_PATH, hello)
    await waitUntil(() => double.load().inFlight === 1, 'the request')
    expect((await post(double, CHAT_PATH, hello)).status).toBe(200)
    release()
    expect((await asked).status).toBe(200)
  })

  test('that is still open does not keep the double from closing', async () => {
    const own = await startModelDouble({ keyless: true })
    own.script({ kind: 'hang' }, { kind: 'slow_body' })
    own.answerAfterMs(0)
    const ask = () =>
      heardLater(fetch(`${own.origin}${CHAT_PATH}`, { method: 'POST', body: JSON.stringify(hello) }).then((response) => response.text()))
    const asked = [ask(), ask()]
    await waitUntil(() => own.load().inFlight === 2, 'both requests')
    await own.close()
    for (const each of asked) await expect(each).rejects.toThrow()
  })
})

describe('the load', () => {
  test('of two hundred requests at once is held, counted, and let go', async () => {
    const { promise: until, resolve: release } = Promise.withResolvers<void>()
    double.script(...Array.from({ length: 200 }, () => ({ kind: 'held' as const, until })))
    const asked = Array.from({ length: 200 }, () => post(double, CHAT_PATH, hello))
    await waitUntil(() => double.load().inFlight === 200, 'two hundred requests')
    release()
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(200).fill(200))
    await waitUntil(() => double.load().inFlight === 0, 'the last one to leave')
    expect(double.load()).toMatchObject({ peak: 200, left: 200, turnedAway: 0 })
    expect(double.load().inFlightMs).toBeGreaterThan(0)
    double.resetLoad()
    expect(double.load()).toMatchObject({ peak: 0, left: 0, inFlightMs: 0 })
  })

  test('above what is allowed at once is turned away with 429, which uses up no behaviour and takes no place', async () => {
    double.allowAtOnce(2, 9)
    double.script({ kind: 'hang' }, { kind: 'hang' }, { kind: 'status', status: 503 })
    const leaving = new AbortController()
    const asked = [1, 2].map(() => heardLater(post(double, CHAT_PATH, hello, leaving.signal)))
    await waitUntil(() => double.load().inFlight === 2, 'both requests')
    const turnedAway = await post(double, EMBEDDINGS_PATH, two)
    expect([turnedAway.status, turnedAway.headers.get('retry-after')]).toEqual([429, '9'])
    expect(double.load()).toMatchObject({ inFlight: 2, peak: 2, turnedAway: 1 })
    leaving.abort()
    for (const each of asked) await expect(each).rejects.toThrow()
    await waitUntil(() => double.load().inFlight === 0, 'both to leave')
    expect((await post(double, EMBEDDINGS_PATH, two)).status).toBe(503)
  })

  test('of an answer that is due later counts from its arrival, and ends when the client leaves', async () => {
    double.answerAfterMs(3_600_000)
    const leaving = new AbortController()
    const asked = heardLater(post(double, CHAT_PATH, hello, leaving.signal))
    await waitUntil(() => double.load().inFlight === 1, 'the request')
    leaving.abort()
    await expect(asked).rejects.toThrow()
    await waitUntil(() => double.load().left === 1, 'the double to see it leave')
    double.answerAfterMs(1)
    expect((await post(double, CHAT_PATH, hello)).status).toBe(200)
  })
})

test('a process that has closed its double ends by itself, although an answer was due in an hour and a beat goes every hour', async () => {
  const source = `
    const { startModelDouble } = await import(process.argv[1])
    const double = await startModelDouble({ keyless: true })
    double.script({ kind: 'slow_body', beatMs: 3600000 }, { kind: 'usual' })
    const ask = () => fetch(double.origin + '${CHAT_PATH}', { method: 'POST', body: process.argv[2] }).then((response) => response.text())
    const slow = ask().catch(() => 'broken off')
    while (double.load().inFlight < 1) await new Promise(setImmediate)
    double.answerAfterMs(3600000)
    const late = ask().catch(() => 'broken off')
    while (double.load().inFlight < 2) await new Promise(setImmediate)
    await double.close()
    console.log(await slow, await late)`
  const file = new URL('./model-double.ts', import.meta.url).href
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', source, file, JSON.stringify(hello)], {
    timeout: BOUND_MS,
  })
  expect((await run).stdout).toBe('broken off broken off\n')
})

/** A process that does not end is killed then, and the test fails. */
const BOUND_MS = 30_000
