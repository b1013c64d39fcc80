import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { isRunning, startScript } from '../support/process.ts'
import { waitUntil } from '../support/wait.ts'

const IDLE = resolve(import.meta.dirname, '../support/idle.ts')

test('when a run is over or dead, its processes end and its folder goes; those of others stay', async () => {
  const parent = temporaryFolder()
  const [run, other] = [join(parent, 'run'), join(parent, 'other')]
  for (const folder of [run, other]) mkdirSync(folder)
  const ours = startScript(IDLE, [join(run, 'data')])
  const theirs = startScript(IDLE, [join(other, 'data')])
  await Promise.all([ours.line(/^ready/), theirs.line(/^ready/)])
  const reaper = spawn(process.execPath, [resolve(import.meta.dirname, 'reaper.ts'), run], { stdio: ['pipe', 'ignore', 'inherit'] })
  onTestFinished(() => void reaper.kill('SIGKILL'))

  reaper.stdin.end()

  await waitUntil(() => !existsSync(run), 'the folder to go')
  await ours.exited
  expect(isRunning(theirs.pid)).toBe(true)
  expect(existsSync(other)).toBe(true)
})
