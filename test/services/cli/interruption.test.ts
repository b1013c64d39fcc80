import { expect, onTestFinished, test, vi } from 'vitest'
import { startFakeServer } from './fake-server.ts'
import { startCli, withFiles } from './run-cli.ts'

/** A command that waits for a document that is never done. */
async function waiting(work: (run: ReturnType<typeof startCli>) => Promise<void>) {
  const server = await startFakeServer({ stuck: true })
  onTestFinished(() => server.close())
  await withFiles({ 'a.txt': 'text' }, async (cwd) => {
    const run = startCli(['ingest', 'a.txt', '--wait', '--json'], { url: server.url, cwd })
    await vi.waitUntil(() => server.requests.some(({ path }) => path.endsWith('/progress')), { timeout: 20_000 })
    await work(run)
  })
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s ends a waiting command with exit code %i and one line', async (signal, expected) => {
  await waiting(async ({ child, exited }) => {
    child.kill(signal)
    const { code, stdout, stderr } = await exited
    expect(code).toBe(expected)
    expect(JSON.parse(stdout).error.code).toBe('INTERRUPTED')
    expect(stderr).toContain(`stopped by ${signal}`)
  })
})

test('the same signal twice at once, as a terminal and infra/run.mjs send it, is one', async () => {
  await waiting(async ({ child, exited }) => {
    child.kill('SIGINT')
    child.kill('SIGINT')
    const { code, stdout } = await exited
    expect(code).toBe(130)
    expect(JSON.parse(stdout).error.code).toBe('INTERRUPTED')
  })
})

test('the death of the supervising process ends the command', async () => {
  await waiting(async ({ child, exited }) => {
    child.disconnect()
    expect((await exited).code).toBe(143)
  })
})

test('a reader of stdout that goes away is no crash', async () => {
  const server = await startFakeServer()
  onTestFinished(() => server.close())
  const { child, exited } = startCli(['list', '--json'], { url: server.url })
  child.stdout?.destroy()
  const { stderr } = await exited
  expect(stderr).not.toContain('EPIPE')
})
