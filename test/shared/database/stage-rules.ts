import { JOBS, type Stage } from '../../../shared/contracts/jobs.ts'
import type { View } from './stage-model.ts'

const PIPELINE = ['extract', 'enrich', 'index', 'done'] as const satisfies Stage[]

/**
 * What no step, nor any number of steps at once, may do to a document: the broken rules, in words. `before` is null for one that was not there.
 * `atOnce` deliveries of one job that meet are all counted, although the first that is one too many ends the stage.
 */
export function brokenRules(before: View | null, after: View, atOnce = 1): string[] {
  return [
    ...stageRules(before, after, atOnce),
    ...failureRules(after),
    ...statusRules(after),
    ...(before ? memoryRules(before, after) : []),
  ]
}

/** What has to be true of a document when nothing is due any more. */
export function unfinished(view: View): string[] {
  const last = lastStage(view)
  const rules: [boolean, string][] = [
    [view.outbox.length === 0, `the outbox holds ${view.outbox}`],
    [view.erased || ['completed', 'failed', 'refused'].includes(view.status), `it ended as ${view.status}`],
    [view.erased || view.status === 'completed' || view.error !== null, `it ended as ${view.status} without a reason`],
    [view.status !== 'completed' || view.live_revision === view.revision, `completed, and revision ${view.live_revision} is live`],
    [
      view.status !== 'completed' ||
        view.content.join() === ['chunks', 'fields', 'pages'].map((table) => `${view.revision} ${table}`).join(),
      `completed with ${view.content}`,
    ],
    [view.status !== 'completed' || view.points.join() === `${view.revision}`, `completed with points of ${view.points}`],
    [!view.erased || view.content.length + view.points.length === 0, `erased with ${view.content} and points of ${view.points}`],
    [!view.erased || view.stages[`${view.revision}/erase`]?.status === 'completed', 'the erasure did not complete'],
    [view.erased || last?.status === 'completed' || last?.status === 'failed', `the last stage is ${last?.status}`],
  ]
  return broken(rules)
}

function stageRules(before: View | null, after: View, atOnce: number): string[] {
  return Object.entries(after.stages).flatMap(([name, row]) => {
    const stage = name.split('/')[1] as Stage
    const events = (what: string) => after.events.filter((event) => event.startsWith(`${name} ${what}`)).length
    const [done, refused, failed] = [events('completed ok'), events('refused'), events('completed failed')]
    const old = before?.stages[name]
    return broken([
      [row.epoch >= (old?.epoch ?? 0), `the epoch of ${name} fell from ${old?.epoch} to ${row.epoch}`],
      [row.starts >= 0 && row.starts <= JOBS[stage].attempts + atOnce, `${name} was started ${row.starts} times`],
      [
        stage === 'erase' ? row.status !== 'completed' || done > 0 : done === (row.status === 'completed' ? 1 : 0),
        `${name} is ${row.status} with ${done} events`,
      ],
      [
        refused + failed >= (hasFailed(row) ? 1 : 0) && refused + failed <= row.epoch,
        `${name} is ${row.status} in epoch ${row.epoch} with ${refused + failed} events of a failure`,
      ],
      [refused > 0 === row.under.length > 0, `${name} was refused ${refused} times, by ${row.under}`],
      [new Set(row.under).size === row.under.length, `${name} remembers ${row.under}`],
      [(old?.under ?? []).every((rules) => row.under.includes(rules)), `${name} was refused by ${old?.under} and remembers ${row.under}`],
      [row.status !== 'failed' || row.error !== null, `${name} failed without a reason`],
      [
        new Set(row.open).size === row.open.length && row.open.every((epoch) => epoch > 0 && epoch <= row.epoch),
        `${name} has the open starts ${row.open} in epoch ${row.epoch}`,
      ],
      [row.status !== 'running' || row.open.includes(row.epoch), `${name} is running, and its start has ended`],
      [
        row.open.every((epoch) => epoch > (old?.epoch ?? 0) || old?.open.includes(epoch)),
        `${name} had the open starts ${old?.open} and has ${row.open}`,
      ],
    ])
  })
}

/** Each end is recorded once: what was made due again has ended before, and what has failed since once more. */
function failureRules(view: View): string[] {
  const recorded = view.events.filter((event) => / (refused|completed) failed$/.test(event)).length
  const failed = Object.values(view.stages).filter(hasFailed).length
  return broken([
    [recorded === failed + view.redrives, `${recorded} failures on record, ${failed} stages failed, ${view.redrives} redrives`],
  ])
}

function hasFailed(row: View['stages'][string]): boolean {
  return row.status === 'failed' && !gaveWay(row)
}

function gaveWay(row: View['stages'][string]): boolean {
  return row.error === 'DOCUMENT_ERASED' || row.error === 'REVISION_SUPERSEDED'
}

function statusRules(view: View): string[] {
  if (view.erased) return broken([[view.status === 'erased' && !view.named && !view.typed, `erased, and ${view.status} or named or typed`]])
  const reached = PIPELINE.filter((stage) => view.stages[`${view.revision}/${stage}`])
  const last = lastStage(view)
  const expected =
    last?.status === 'failed'
      ? last.error === 'POLICY_REFUSED'
        ? 'refused'
        : 'failed'
      : reached.length === PIPELINE.length && last?.status === 'completed'
        ? 'completed'
        : reached.length === 1 && last?.epoch === 0
          ? 'received'
          : 'processing'
  return broken([
    [reached.join() === PIPELINE.slice(0, reached.length).join() && reached.length > 0, `its stages are ${reached}`],
    [reached.slice(0, -1).every((stage) => view.stages[`${view.revision}/${stage}`]?.status === 'completed'), 'a stage was passed over'],
    [last?.status !== 'completed' || reached.length === PIPELINE.length, 'a stage is completed and none follows'],
    [view.status === expected, `the document is ${view.status}, by its stages ${expected}`],
    [
      last?.status === 'failed' ? view.error === last.error : view.error === null,
      `the document says ${view.error}, its stage ${last?.error}`,
    ],
  ])
}

/** What was final stays. */
function memoryRules(before: View, after: View): string[] {
  const over = (name: string) => (before.erased ? !name.endsWith('/erase') : Number.parseInt(name, 10) < before.revision)
  const frozen = Object.entries(before.stages).filter(([name]) => over(name))
  const appeared = (lists: 'events' | 'content') =>
    after[lists].filter((name) => over(name.split(' ')[0] ?? '') && !before[lists].includes(name))
  return broken([
    [
      after.revision >= before.revision && (!before.erased || after.revision === before.revision),
      `revision ${before.revision} became ${after.revision}`,
    ],
    [!before.erased || after.erased, 'a tombstone was lifted'],
    [
      after.live_revision === before.live_revision ||
        (after.live_revision !== null && after.live_revision >= before.revision && !before.erased),
      `live revision ${before.live_revision} became ${after.live_revision}`,
    ],
    [appeared('content').length === 0, `written for what is over: ${appeared('content')}`],
    [appeared('events').length === 0, `recorded for what is over: ${appeared('events')}`],
    ...frozen.map(([name, row]): [boolean, string] => {
      const now = after.stages[name]
      const yielded = now !== undefined && gaveWay(now) && now.epoch === row.epoch
      const same = JSON.stringify({ ...now, open: [] }) === JSON.stringify({ ...row, open: [] })
      return [same || yielded, `${name} is over and became ${JSON.stringify(now)}`]
    }),
    ...Object.entries(before.stages).map(([name, row]): [boolean, string] => [
      name.endsWith('/erase') || row.status !== 'completed' || after.stages[name]?.status === 'completed',
      `${name} was completed and is ${after.stages[name]?.status}`,
    ]),
  ])
}

function lastStage(view: View) {
  const reached = PIPELINE.findLast((stage) => view.stages[`${view.revision}/${stage}`])
  return reached && view.stages[`${view.revision}/${reached}`]
}

function broken(rules: readonly (readonly [boolean, string])[]): string[] {
  return rules.filter(([holds]) => !holds).map(([, rule]) => rule)
}
