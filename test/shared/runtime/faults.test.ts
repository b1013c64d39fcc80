import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { ConfigError, readConfig } from '../../../shared/runtime/config.ts'
import { createFaultPoints, NO_FAULTS } from '../../../shared/runtime/faults.ts'
import { type ProcessExit, startScript } from '../../support/process.ts'
import { waitUntil } from '../../support/wait.ts'

const FAULTY = resolve(import.meta.dirname, 'faulty-process.ts')
const WORKERS = resolve(import.meta.dirname, '../../../services/workers/main.ts')
const ENDED: ProcessExit = { exitCode: 0, signal: null }
const KILLED: ProcessExit = { exitCode: null, signal: 'SIGKILL' }

const [mine, another] = [newId(), newId()]
const PASSES = [`${another} extract:started`, `${mine} index:started`, `${mine} index:worked`, `${another} index:worked`]

test.each([
  ['without FAULT_AT it passes every point', undefined, PASSES.length, ENDED],
  ['with an empty FAULT_AT as well', '', PASSES.length, ENDED],
  ['with a point that it never reaches as well', 'done:worked', PASSES.length, ENDED],
  ['it is killed at the point, whatever the document', 'extract:started', 0, KILLED],
  ['it is killed at the point and not at another one of the stage', 'index:worked:kill', 2, KILLED],
  ['it is killed with the document that is named', `index:worked:kill:${another}`, 3, KILLED],
  ['it is not killed with a document that is not', `extract:started:kill:${mine}`, PASSES.length, ENDED],
] as const)('a process fails where it is told to and nowhere else: %s', async (_what, faultAt, passed, exit) => {
  const faulty = startScript(FAULTY, PASSES, faultAt === undefined ? {} : { FAULT_AT: faultAt })
  if (exit === ENDED) await faulty.line(/^end$/)
  expect(await faulty.exited).toEqual(exit)
  await Promise.all(PASSES.slice(0, passed).map((pass) => faulty.line(new RegExp(`^past ${pass}$`))))
  if (passed < PASSES.length) await expect(faulty.line(new RegExp(`^past ${PASSES[passed]}$`))).rejects.toThrow('ended without printing')
})

test('a process that is told to stop stands still until SIGCONT, and then passes the same point again', async () => {
  const again = `${mine} enrich:worked`
  const faulty = startScript(FAULTY, [again, again], { FAULT_AT: 'enrich:worked:stop' })
  await waitUntil(() => /^State:\s+T/m.test(readFileSync(`/proc/${faulty.pid}/status`, 'utf8')), 'the process to stand still')
  faulty.kill('SIGCONT')
  await faulty.line(/^end$/)
  expect(await faulty.exited).toEqual(ENDED)
})

test('without a fault there is nothing that could happen: the points call the empty function', () => {
  expect(readConfig({}).FAULT_AT).toBeUndefined()
  expect(createFaultPoints(readConfig({ FAULT_AT: '' }).FAULT_AT)).toBe(NO_FAULTS)
  expect(NO_FAULTS('extract:started', mine)).toBeUndefined()
})

test.each([
  'extract',
  'extract:',
  'extract:registered',
  'extract:started:explode',
  'extract:started:',
  'upload:worked',
  `extract:started:kill:${mine.slice(1)}`,
  'Extract:started',
])('FAULT_AT=%s is refused in one line that lists the points and the actions', (faultAt) => {
  const refused = (() => {
    try {
      return readConfig({ FAULT_AT: faultAt })
    } catch (error) {
      return error
    }
  })()
  expect(refused).toBeInstanceOf(ConfigError)
  expect((refused as ConfigError).message).toMatch(/^configuration: FAULT_AT: .*index:registered.*kill, stop, block.*$/)
})

test('a service that is given a wrong FAULT_AT says so in one line and ends with 78', async () => {
  const workers = startScript(WORKERS, [], { FAULT_AT: 'index:somewhere' })
  expect(await workers.exited).toEqual({ exitCode: 78, signal: null })
  expect(workers.stderr()).toMatch(/^greffier workers: configuration: FAULT_AT: [^\n]+\n$/)
})
