import { expect, test } from 'vitest'
import { startChild } from '../../../../services/workers/extract/child-process.ts'

/** A child that says that it is ready and then what it is told to: what a taken-over reader could do. */
function childSaying(script: string) {
  const ready = `process.stdout.write('{"kind":"ready"}\\n');`
  return startChild({
    command: process.execPath,
    arguments: ['-e', `${ready} process.stdin.once('data', () => { ${script} })`],
    memoryHeld: true,
  })
}

test('a line that is no message is invalid, without what it says', async () => {
  const child = childSaying(`process.stdout.write('{"kind":"page","page":{"number":0}}\\nnot json\\n')`)
  expect(await child.ready).toBe(true)
  const messages = await new Promise<unknown[]>((resolve) => {
    const seen: unknown[] = []
    child.listen(1_000, (message) => seen.push(message) === 2 && resolve(seen))
    child.endDocument()
  })
  expect(messages).toEqual([{ kind: 'invalid' }, { kind: 'invalid' }])
  child.kill()
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

test('more output than allowed is noticed before a line ends', async () => {
  const child = childSaying(`process.stdout.write('x'.repeat(100000))`)
  expect(await child.ready).toBe(true)
  const message = await new Promise((resolve) => {
    child.listen(1_000, resolve)
    child.endDocument()
  })
  expect(message).toEqual({ kind: 'too_much' })
  child.kill()
  await child.exited
})

test.each([
  ['with another line at once', `process.stdout.write(done + done)`],
  ['with half a line at once', `process.stdout.write(done + '{')`],
  ['later', `process.stdout.write(done); setTimeout(() => process.stdout.write('x'), 100)`],
])('a child that speaks after its last message is ended, and no longer usable: %s', async (_when, script) => {
  const child = childSaying(`const done = '{"kind":"done","pages":0}\\n'; ${script}`)
  expect(await child.ready).toBe(true)
  const seen: unknown[] = []
  child.listen(1_000, (message) => {
    seen.push(message)
    child.expectSilence()
  })
  child.endDocument()
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
  expect(child.isUsable()).toBe(false)
  expect(seen).toEqual([{ kind: 'done', pages: 0 }])
})

test('a child that speaks while nobody asked is ended', async () => {
  const child = startChild({
    command: process.execPath,
    arguments: ['-e', `process.stdout.write('{"kind":"ready"}\\n'); setInterval(() => process.stdout.write('x'), 100)`],
    memoryHeld: true,
  })
  expect(await child.ready).toBe(true)
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' })
})

test('a child that ends before it is ready says so', async () => {
  const child = startChild({ command: process.execPath, arguments: ['-e', 'process.exit(7)'], memoryHeld: true })
  expect(await child.ready).toBe(false)
  expect(await child.exited).toEqual({ code: 7, signal: null })
})

test('a command that does not exist is a child that never was ready', async () => {
  const child = startChild({ command: '/no/such/command', arguments: [], memoryHeld: true })
  expect(await child.ready).toBe(false)
  await child.exited
})
