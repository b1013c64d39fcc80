import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorCode } from '../../../shared/contracts/errors.ts'
import { JOBS, STAGES, type Stage } from '../../../shared/contracts/jobs.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'
import { go, type Model, type Real, send, stageCommands } from './stage-commands.ts'
import type { Ending, View } from './stage-model.ts'
import { brokenRules, unfinished } from './stage-rules.ts'
import { holdTime, type Start } from './stage-starts.ts'
import { FIRST_RULES, type Job, openWorld, type World } from './stage-world.ts'

/** Of a stage of the pipeline, so that a few starts use them up. */
const ATTEMPTS = 3
const DRAIN_ROUNDS_MAX = 30
const AT_ONCE_MAX = 10
/** A crowded machine makes fewer runs. Shrinking ends here as well, and then says what it has found. */
const BOUND = { interruptAfterTimeLimit: 90_000 }
const TEST_MS = 240_000

let bench: Workbench
const restore: (() => void)[] = []

beforeAll(async () => {
  bench = await openWorkbench()
  restore.push(holdTime())
  for (const stage of STAGES.filter((name) => name !== 'erase')) {
    const { attempts } = JOBS[stage]
    Object.assign(JOBS[stage], { attempts: ATTEMPTS })
    restore.push(() => Object.assign(JOBS[stage], { attempts }))
  }
})
afterAll(async () => {
  for (const giveBack of restore) giveBack()
  await bench.close()
})

/** What becomes of the starts that still wait when everything else is over; a late one stood still until long after its time. */
const Fate = fc.constantFrom('woken', 'woken late', 'dead')

test(
  'any interleaving of deliveries, crashes, duplicates, erasures and new revisions does what the model says, and all of it ends legally',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 2, 3),
        fc.commands(stageCommands(), { maxCommands: 30, size: 'max' }),
        fc.array(Fate, { minLength: 3, maxLength: 3 }),
        async (stagesBehind, commands, fates) => {
          const [model, real] = await setUp(stagesBehind)
          await fc.asyncModelRun(() => ({ model, real }), commands)
          await windUp(model, real, fates)
        },
      ),
      { ...BOUND, numRuns: 50 },
    )
  },
  TEST_MS,
)

type Operation =
  | { kind: 'deliver'; document: number; ending: Ending; held: boolean }
  | { kind: 'erase' | 'reprocess' | 'send'; document: number }
  | { kind: 'redrive'; document: number }
  | { kind: 'redrive refused'; rules: number }
  | { kind: 'sweep' | 'publish' }

const document = fc.nat(1)
const Operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('deliver'),
      document,
      ending: fc.constantFrom('ok', 'ok', 'transient', 'poison', 'refused', 'refused'),
      held: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('erase', 'reprocess', 'send'), document }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('redrive'), document }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('redrive refused'), rules: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('sweep', 'publish') }) },
)

test(
  'deliveries, erasures, new revisions, sweeps and dispatches at once neither deadlock nor fail unexpectedly, and all of it ends legally',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(3), { minLength: 2, maxLength: 2 }),
        fc.array(fc.array(Operation, { minLength: 2, maxLength: AT_ONCE_MAX }), { minLength: 1, maxLength: 4 }),
        async (stagesBehind, rounds) => {
          const world = await openWorld(bench)
          for (const [content, stages] of stagesBehind.entries()) {
            const at = await world.send(content, 'return')
            for (const stage of STAGES.slice(0, stages)) await (await world.deliver({ document: at, revision: 1, stage }))?.end('ok')
          }
          for (const operations of rounds) {
            const before = await world.observe()
            await world.age()
            const outcomes = await Promise.all(operations.map((operation) => outcomeOf(operation, perform(world, before, operation))))
            const ends = await Promise.all(outcomes.flatMap(({ held }) => held.map((end) => outcomeOf(null, end()))))
            expect([...outcomes, ...ends].flatMap(({ wrong }) => wrong)).toEqual([])
            expect((await world.observe()).flatMap((view, at) => brokenRules(before[at] ?? null, view, AT_ONCE_MAX))).toEqual([])
          }
          // Every start has ended and said so: no erasure has to wait for its time.
          await drain(world, { atOnceBefore: AT_ONCE_MAX, timePasses: false })
          expect((await world.observe()).flatMap(({ stages }) => Object.values(stages).flatMap(({ open }) => open))).toEqual([])
          await expectEnd(world)
          expect(world.lines.filter(({ level }) => level === 'error')).toEqual([])
        },
      ),
      { ...BOUND, numRuns: 30 },
    )
  },
  TEST_MS,
)

/** A document that has some stages behind it; model and database agree on it. */
async function setUp(stagesBehind: number): Promise<[Model, Real]> {
  const model: Model = { documents: [], owners: new Map(), starts: [], queue: new Map(), rules: FIRST_RULES }
  const real: Real = { world: await openWorld(bench), starts: new Map(), seen: [] }
  const commands = [send([0, 'return']), ...Array.from({ length: stagesBehind }, () => go(0))]
  for (const command of commands) await command.run(model, real)
  return [model, real]
}

async function windUp(model: Model, real: Real, fates: string[]): Promise<void> {
  const { world } = real
  const left = model.starts.map((start, at) => ({
    start: real.starts.get(start),
    abandoned: start.abandoned,
    fate: fates[at % fates.length],
  }))
  for (const { start, abandoned, fate } of left) {
    if (fate !== 'woken') continue
    if (abandoned) await workToEnd(start)
    else await start?.end('ok')
  }
  await drain(world)
  for (const { start, abandoned, fate } of left) {
    if (fate !== 'woken late') continue
    // A process that goes on hears of the clock first.
    if (!abandoned) await start?.abandon('time')
    await workToEnd(start)
  }
  await drain(world)
  await expectEnd(world)
  expect(world.lines.filter(({ message }) => message === 'a job could not be handled')).toEqual([])
}

async function workToEnd(start: Start | undefined): Promise<void> {
  while (await start?.work());
}

/** Until nothing is due: what the queue lost comes back, and everything runs. */
async function drain(world: World, { atOnceBefore = 1, timePasses = true } = {}): Promise<void> {
  for (let round = 0; round < DRAIN_ROUNDS_MAX; round++) {
    if (timePasses) await world.settle()
    await world.age()
    await world.sweep()
    const before = await world.observe()
    const jobs = await world.publish()
    if (jobs.length === 0) return
    for (const job of jobs) await (await world.deliver(job))?.end('ok')
    expect((await world.observe()).flatMap((view, at) => brokenRules(before[at] ?? null, view, atOnceBefore))).toEqual([])
  }
  throw new Error(`something is due without end: ${JSON.stringify(await world.observe())}`)
}

async function expectEnd(world: World): Promise<void> {
  for (const [at, view] of (await world.observe()).entries()) {
    expect(unfinished(view)).toEqual([])
    const { original, artifacts } = await world.leavings(at)
    expect(original).toBe(!view.erased)
    if (view.erased) expect(artifacts).toBe(0)
  }
}

/** Returns what ends the starts that are to be held until everything else that happens at once has happened. */
async function perform(world: World, views: View[], operation: Operation): Promise<(() => Promise<void>)[]> {
  switch (operation.kind) {
    case 'deliver': {
      const ends: (() => Promise<void>)[] = []
      for (const job of jobsOf(views, operation.document)) {
        const start = await world.deliver(job)
        if (start && operation.held) ends.push(() => start.end(operation.ending))
        else await start?.end(operation.ending)
      }
      return ends
    }
    case 'erase':
      await world.bury(operation.document)
      return []
    case 'reprocess':
      await world.reprocess(operation.document)
      return []
    case 'send':
      await world.send(operation.document, 'version')
      return []
    case 'redrive':
      await world.redrive(operation.document)
      return []
    case 'redrive refused':
      world.changeRules(`rules ${operation.rules}`)
      await world.redriveRefused(2)
      return []
    case 'sweep':
      await world.sweep()
      return []
    case 'publish':
      await world.publish()
      return []
  }
}

/** What was due of a document, and its erasure although that may just be coming. */
function jobsOf(views: View[], document: number): Job[] {
  const { stages = {}, revision = 1 } = views[document] ?? {}
  const due = Object.entries(stages).filter(([name, { status }]) => name.startsWith(`${revision}/`) && status !== 'completed')
  return [...due.map(([name]) => name), `${revision}/erase`].map((name) => ({ document, revision, stage: name.split('/')[1] as Stage }))
}

/** What comes too late for a document that is erased at that moment is told so; nothing else may fail. */
async function outcomeOf(operation: Operation | null, work: Promise<(() => Promise<void>)[] | void>) {
  try {
    return { held: (await work) ?? [], wrong: [] }
  } catch (error) {
    const late: Partial<Record<Operation['kind'], string[]>> = {
      reprocess: ['DOCUMENT_ERASED'],
      send: ['UNAVAILABLE'],
      redrive: ['DOCUMENT_ERASED', 'NOTHING_TO_REDRIVE'],
    }
    const expected = operation !== null && late[operation.kind]?.includes(errorCode(error)) === true
    return { held: [], wrong: expected ? [] : [`${operation?.kind ?? 'end'}: ${error}`] }
  }
}
