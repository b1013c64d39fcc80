import { join } from 'node:path'
import { providerConfig, registerWith } from '../test/support/provider-config.ts'
import type { CallsDone, CallsRequest } from './gateway-calls.ts'
import type { ModelLoad, ModelRequest } from './model-server.ts'
import { expectExactly, type Options } from './options.ts'
import { cpuMsOf, type Script, startScript } from './processes.ts'
import { connectAsOwner } from './product.ts'
import { compare, type Row } from './report.ts'
import { type Figures, interleave, wallMsEach } from './rounds.ts'
import { openStack } from './stack.ts'

const CALLS = 300
const CALLS_QUICK = 20
/** More than one caller ever has in flight. */
const NO_LIMIT = 1_000

/**
 * What a call costs beside the call: the same question over eight passages, one after the other, through the gateway (policy, intent and completion in
 * PostgreSQL, limits, checks of the answer) and by the bare `openai` client, to a model that answers at once.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  const calls = quick ? CALLS_QUICK : CALLS
  say('gateway')
  const stack = await openStack('redis')
  const model = startScript(join(import.meta.dirname, 'model-server.ts'))
  const { baseUrl } = await model.ask<ModelLoad>({ kind: 'limit', answerAfterMs: 0, atOnce: NO_LIMIT } satisfies ModelRequest)
  const environment = { ...providerConfig(baseUrl), PROCESSORS_FILE: registerWith(baseUrl) }
  const owner = await connectAsOwner(stack.postgres.ownerUrl)
  const { rows } = await owner.query<{ id: string }>('SELECT id FROM tenants LIMIT 1')
  const script = join(import.meta.dirname, 'gateway-calls.ts')
  const product = startScript(script, ['gateway', rows[0]?.id ?? ''], { ...stack.environment, ...environment })
  const bare = startScript(script, ['bare'], environment)
  const engines = [stack.postgres.pid, ...(stack.redis ? [stack.redis.pid] : [])]
  const recorded = async () =>
    (await owner.query<{ n: number }>(`SELECT count(*)::int AS n FROM events WHERE closes IS NOT NULL AND phase = 'completed'`)).rows[0]
      ?.n ?? 0
  const measured = await interleave(rounds, {
    product: async () => {
      const before = await recorded()
      const figures = await timed(product, calls, [product.pid, ...engines])
      expectExactly('calls on record', (await recorded()) - before, calls)
      return figures
    },
    baseline: () => timed(bare, calls, [bare.pid]),
  })
  await owner.end()
  await product.stop()
  await bare.stop()
  await model.stop()
  await stack.close()
  const note = `${calls} calls one after the other; processor time counts PostgreSQL and Redis too`
  return [compare({ name: 'a call through the gateway', unit: 'ms', measured, of: wallMsEach, goal: null, note })]
}

async function timed(script: Script, calls: number, pids: readonly number[]): Promise<Figures> {
  const cpuBeforeMs = cpuMsOf(pids)
  const { wallMs } = await script.ask<CallsDone>({ kind: 'run', calls } satisfies CallsRequest)
  return { wallMs, cpuMs: cpuMsOf(pids) - cpuBeforeMs, count: calls }
}
