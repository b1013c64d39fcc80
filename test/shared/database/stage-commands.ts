import fc from 'fast-check'
import { expect } from 'vitest'
import { OnDuplicate } from '../../../shared/contracts/document.ts'
import type { Stage } from '../../../shared/contracts/jobs.ts'
import { ENDINGS, type Ending, ModelDocument, type ModelStart, type View } from './stage-model.ts'
import { brokenRules } from './stage-rules.ts'
import type { Start } from './stage-starts.ts'
import type { Job, World } from './stage-world.ts'

const DOCUMENTS_MAX = 3

export interface Model {
  documents: ModelDocument[]
  /** The document that an upload of this content is a duplicate of. */
  owners: Map<number, ModelDocument>
  /** Those that the test still holds: crashed ones are gone. */
  starts: ModelStart[]
  /** What the engine has: the name of the job, and the start that it was given to. */
  queue: Map<string, ModelStart | null>
  /** What workers that start now decide by. */
  rules: string
}

export interface Real {
  world: World
  starts: Map<ModelStart, Start>
  /** As the last command left it. */
  seen: View[]
}

export type StageCommand = fc.AsyncCommand<Model, Real>

/** Numbers choose among what there is at that moment. What happens most in the field is tried most. */
export function stageCommands(): fc.Arbitrary<StageCommand>[] {
  const at = fc.nat(3)
  return [
    ...times(4, at.map(go)),
    ...times(3, at.map(deliver)),
    ...times(2, at.map(deliverAgain)),
    ...times(4, at.map(work)),
    ...times(3, fc.tuple(at, fc.constantFrom(...ENDINGS), fc.boolean()).map(end)),
    fc.tuple(at, fc.constantFrom('time', 'shutdown')).map(abandon),
    at.map(crash),
    ...times(2, fc.boolean().map(publish)),
    fc.constant(loseQueue),
    fc.constant(sweep),
    fc.constant(settle),
    fc.tuple(fc.nat(1), fc.constantFrom(...OnDuplicate.options)).map(send),
    at.map(reprocess),
    ...times(2, at.map(erase)),
    ...times(3, at.map(refuse)),
    ...times(2, at.map(redrive)),
    fc.nat(2).map(changeRules),
    ...times(2, fc.integer({ min: 1, max: 3 }).map(redriveRefused)),
  ]
}

/** Does the same to the model and to the real thing, and then compares all that there is of both. */
function command(label: string, possible: (model: Model) => boolean, run: (model: Model, real: Real) => Promise<void>): StageCommand {
  return {
    check: possible,
    run: async (model, real) => {
      await run(model, real)
      const before = real.seen
      real.seen = await real.world.observe()
      expect(real.seen.flatMap((view, at) => brokenRules(before[at] ?? null, view))).toEqual([])
      expect(real.seen).toEqual(model.documents.map(({ view }) => view))
      expect(writersBehindAnErasure(model, real.seen)).toEqual([])
    },
    toString: () => label,
  }
}

export function send([content, onDuplicate]: [number, OnDuplicate]): StageCommand {
  return command(
    `send(${content}, ${onDuplicate})`,
    (model) => model.documents.length < DOCUMENTS_MAX,
    async (model, { world }) => {
      const owner = onDuplicate === 'new' ? undefined : model.owners.get(content)
      const document = owner ?? new ModelDocument()
      if (owner && onDuplicate === 'version') owner.addRevision()
      if (!owner) model.documents.push(document)
      if (onDuplicate !== 'new') model.owners.set(content, document)
      expect(await world.send(content, onDuplicate)).toBe(model.documents.indexOf(document))
    },
  )
}

function reprocess(at: number): StageCommand {
  return command(`reprocess(${at})`, someDocument, async (model, { world }) => {
    const document = pick(model.documents, at)
    const reprocessed = world.reprocess(model.documents.indexOf(document))
    if (document.view.erased) return await expect(reprocessed).rejects.toMatchObject({ code: 'DOCUMENT_ERASED' })
    await reprocessed
    document.addRevision()
  })
}

function erase(at: number): StageCommand {
  return command(`erase(${at})`, someDocument, async (model, { world }) => {
    const document = pick(model.documents, at)
    await world.bury(model.documents.indexOf(document))
    document.bury()
    for (const [content, owner] of model.owners) if (owner === document) model.owners.delete(content)
  })
}

/** By the policy, which is what rules and redrives are about. */
function refuse(at: number): StageCommand {
  return end([at, 'refused', true])
}

function redrive(at: number): StageCommand {
  return command(`redrive(${at})`, someDocument, async (model, { world }) => {
    const document = pick(model.documents, at)
    const redriven = world.redrive(model.documents.indexOf(document))
    if (document.view.erased) await expect(redriven).rejects.toMatchObject({ code: 'DOCUMENT_ERASED' })
    else if (document.redrive()) await redriven
    else await expect(redriven).rejects.toMatchObject({ code: 'NOTHING_TO_REDRIVE' })
  })
}

/** A few, so that old ones come back. */
function changeRules(to: number): StageCommand {
  return command(`change the rules(${to})`, someDocument, async (model, { world }) => {
    model.rules = `rules ${to}`
    world.changeRules(model.rules)
  })
}

function redriveRefused(processes: number): StageCommand {
  return command(`redrive what was refused(${processes})`, someDocument, async (model, { world }) => {
    const expected = model.documents.flatMap((document, at) => (document.redriveUnder(model.rules) ? [at] : []))
    expect((await world.redriveRefused(processes)).sort()).toEqual(expected)
  })
}

function deliver(at: number): StageCommand {
  return command(`deliver(${at})`, someDocument, async (model, real) => {
    await take(model, real, at)
  })
}

/** A job that a start has already is given to another one: the lock of its worker has run out. */
function deliverAgain(at: number): StageCommand {
  return onStart(`deliver again(${at})`, at, givenOut, async (model, real, start) => {
    await begin(model, real, nameOf(model, start))
  })
}

/** One job from the outbox to its end. */
export function go(at: number): StageCommand {
  return command(`go(${at})`, someDocument, async (model, real) => {
    const start = await take(model, real, at)
    if (start) await finish(model, real, start, 'ok', true)
  })
}

function work(at: number): StageCommand {
  return onStart(`work(${at})`, at, all, async (model, real, start) => {
    if (start.position === 'worked' && !start.abandoned) return await finish(model, real, start, 'ok', true)
    const position = start.document.work(start) ? start.position : null
    expect(await real.starts.get(start)?.work()).toBe(position)
    if (position === null) forget(model, real, start, true)
  })
}

function end([at, ending, acknowledged]: [number, Ending, boolean]): StageCommand {
  return onStart(`end(${at}, ${ending}${acknowledged ? '' : ', unacknowledged'})`, at, held, async (model, real, start) => {
    const possible = ending !== 'no_text' || (start.stage === 'extract' && start.position === 'begun')
    await finish(model, real, start, possible ? ending : 'ok', acknowledged)
  })
}

function abandon([at, why]: [number, 'time' | 'shutdown']): StageCommand {
  return onStart(`abandon(${at}, ${why})`, at, held, async (model, real, start) => {
    await real.starts.get(start)?.abandon(why)
    start.document.abandon(start, why)
    acknowledge(model, start)
  })
}

function crash(at: number): StageCommand {
  return onStart(`crash(${at})`, at, all, async (model, real, start) => forget(model, real, start, false))
}

/** Something that happens to a start, which is begun for it where there is none. */
function onStart(
  label: string,
  at: number,
  among: (model: Model) => ModelStart[],
  run: (model: Model, real: Real, start: ModelStart) => Promise<void>,
): StageCommand {
  return command(label, someDocument, async (model, real) => {
    const start = among(model).length > 0 ? pick(among(model), at) : await take(model, real, at)
    if (start) await run(model, real, start)
  })
}

function publish(crashes: boolean): StageCommand {
  return command(`publish(${crashes ? 'crash' : ''})`, someDocument, (model, real) => publishAll(model, real, crashes))
}

const loseQueue = command('lose the queue', someDocument, async (model) => model.queue.clear())

const sweep = command('sweep', someDocument, async (model, { world }) => {
  await world.age()
  await world.sweep()
  for (const document of model.documents) document.sweep()
})

const settle = command('let time pass', someDocument, async (model, { world }) => {
  await world.settle()
  for (const document of model.documents) document.settle()
  for (const start of model.starts) start.timeOver = true
})

/** Begins a job that waits in the queue, or else in the outbox, where there is one. */
async function take(model: Model, real: Real, at: number): Promise<ModelStart | null> {
  const waiting = () => [...model.queue.keys()].filter((name) => model.queue.get(name) === null).sort()
  if (waiting().length === 0) await publishAll(model, real, false)
  return waiting().length === 0 ? null : await begin(model, real, pick(waiting(), at))
}

async function begin(model: Model, real: Real, name: string): Promise<ModelStart | null> {
  const job = jobOf(name)
  const started = await real.world.deliver(job)
  const start = pick(model.documents, job.document).begin(job.revision, job.stage, model.rules)
  expect(started === null).toBe(start === null)
  if (start && started) {
    model.starts.push(start)
    real.starts.set(start, started)
    model.queue.set(name, start)
  } else model.queue.delete(name)
  return start
}

async function finish(model: Model, real: Real, start: ModelStart, ending: Ending, acknowledged: boolean): Promise<void> {
  await real.starts.get(start)?.end(ending)
  start.document.end(start, ending)
  forget(model, real, start, acknowledged)
}

async function publishAll(model: Model, { world }: Real, crashes: boolean): Promise<void> {
  await world.age()
  const expected = model.documents.flatMap(({ view }, document) => view.outbox.map((name) => `${document}/${name}`))
  const published = (await world.publish(crashes)).map(({ document, revision, stage }) => `${document}/${revision}/${stage}`)
  expect(published.sort()).toEqual(expected.sort())
  for (const name of published) if (!model.queue.has(name)) model.queue.set(name, null)
  if (!crashes) for (const { view } of model.documents) view.outbox = []
}

function forget(model: Model, real: Real, start: ModelStart, acknowledged: boolean): void {
  model.starts = model.starts.filter((other) => other !== start)
  real.starts.delete(start)
  if (acknowledged) acknowledge(model, start)
}

/** Takes the job out of the queue, unless it was given to another start meanwhile. */
function acknowledge(model: Model, start: ModelStart): void {
  for (const [name, holder] of model.queue) if (holder === start) model.queue.delete(name)
}

function someDocument(model: Readonly<Model>): boolean {
  return model.documents.length > 0
}

function all(model: Model): ModelStart[] {
  return model.starts
}

function held(model: Model): ModelStart[] {
  return model.starts.filter((start) => !start.abandoned)
}

/** What may never be: a start that lives, and has time, could still write for a document whose erasure is called done. */
function writersBehindAnErasure(model: Model, seen: readonly View[]): string[] {
  const erased = ({ document }: ModelStart) =>
    Object.entries(seen[model.documents.indexOf(document)]?.stages ?? {}).some(
      ([name, { status }]) => name.endsWith('/erase') && status === 'completed',
    )
  return model.starts.filter((start) => start.stage !== 'erase' && !start.timeOver && erased(start)).map((start) => nameOf(model, start))
}

/** The starts whose job the queue has. */
function givenOut(model: Model): ModelStart[] {
  return [...model.queue.keys()].sort().flatMap((name) => model.queue.get(name) ?? [])
}

function nameOf(model: Model, start: ModelStart): string {
  return `${model.documents.indexOf(start.document)}/${start.revision}/${start.stage}`
}

function jobOf(name: string): Job {
  const [document, revision, stage] = name.split('/')
  return { document: Number(document), revision: Number(revision), stage: stage as Stage }
}

function pick<Item>(items: readonly Item[], at: number): Item {
  const item = items[at % items.length]
  if (item === undefined) throw new Error('there is nothing to choose from')
  return item
}

function times<Item>(count: number, item: Item): Item[] {
  return Array.from({ length: count }, () => item)
}
