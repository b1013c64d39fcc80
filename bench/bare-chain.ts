import { join } from 'node:path'
import type { Chained } from './baseline/chain.ts'
import { expectExactly } from './options.ts'
import { cpuMsOf, startScript } from './processes.ts'
import type { Figures } from './rounds.ts'
import { STAGES_OF_A_DOCUMENT } from './stages.ts'

export const HOPS = STAGES_OF_A_DOCUMENT.length

export interface BareChain {
  /** Sends so many documents through; the engine's processor time counts. Throws DeliveryError. */
  run(count: number): Promise<Figures>
  stop(): Promise<void>
}

/** BullMQ and nothing else (baseline/chain.ts) on an engine that runs already. */
export async function startBareChain(engine: { name: 'redis' | 'postgres'; url: string; pid: number }): Promise<BareChain> {
  const chain = startScript(join(import.meta.dirname, 'baseline/chain.ts'), [engine.name, engine.url])
  await chain.line(/^ready$/)
  const pids = [chain.pid, engine.pid]
  return {
    run: async (count) => {
      const cpuBeforeMs = cpuMsOf(pids)
      const done = await chain.ask<Chained>({ count })
      expectExactly('jobs of the bare chain', done.hops, count * HOPS)
      expectExactly('documents out of the bare chain', done.documents, count)
      return { wallMs: done.wallMs, cpuMs: cpuMsOf(pids) - cpuBeforeMs, count }
    },
    stop: () => chain.stop(),
  }
}
