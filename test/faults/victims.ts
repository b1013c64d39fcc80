import { expect } from 'vitest'
import type { Chance } from '../support/chance.ts'
import { postmasterOf, serverOf, startEmbeddedSystem, stopEmbeddedSystem } from '../support/embedded-system.ts'
import { childrenOf, processTree, type SeenProcess, stillRuns, titleOf } from '../support/process-tree.ts'
import type { ServiceProcess, ServiceProcesses } from '../support/service-processes.ts'
import { heardLater, waitUntil } from '../support/wait.ts'
import type { Rows } from './outcomes.ts'

/** A supervisor tries for ever; this one says when it is no use. */
const RESTART_MS_MAX = 120_000
const SPARED_MS = 250

export interface Victim {
  readonly name: string
  /** On average it is left alone for so long. */
  sparedMs(): number
  /** Resolves when it is there to be killed. */
  up(): Promise<void>
  /** SIGKILL. Who supervises it has begun to start it again when this resolves. */
  kill(): Promise<void>
}

export interface Supervised extends Victim {
  url(): string | undefined
  /** SIGTERM: it must exit with 0, and nothing may be left that it, or one before it, has started. */
  stop(): Promise<void>
}

/** Starts a service again whenever it has ended, as a supervisor does: also when it could not start because PostgreSQL was away. */
export async function supervise(services: ServiceProcesses, name: 'ingest' | 'retrieval' | 'workers'): Promise<Supervised> {
  const seen: SeenProcess[] = []
  let running: ServiceProcess | undefined
  const start = async () => {
    const deadlineMs = Date.now() + RESTART_MS_MAX
    while (running === undefined) {
      try {
        running = await services.start(name)
      } catch (error) {
        const ended = error instanceof Error && error.message.includes('ended before it listened')
        if (!ended || Date.now() > deadlineMs) throw error
      }
    }
  }
  let up = heardLater(start())
  await up
  const take = async () => {
    await up
    if (running === undefined) throw new Error(`${name} does not run`)
    seen.push(...processTree(running.pid))
    return running
  }
  return {
    name,
    sparedMs: () => SPARED_MS,
    url: () => running?.url,
    up: () => up,
    kill: async () => {
      const service = await take()
      running = undefined
      service.kill('SIGKILL')
      await service.exited
      up = heardLater(start())
    },
    stop: async () => {
      const service = await take()
      service.kill('SIGTERM')
      expect(await service.exited, service.stderr()).toEqual({ exitCode: 0, signal: null })
      await waitUntil(() => !seen.some(stillRuns), `every process of ${name} to end`)
    },
  }
}

/** PostgreSQL comes back by itself: when it is killed, and when it ends all its processes because one of them was. */
export function partsOf(dataDir: string, rows: Rows, random: Chance): Record<'postmaster' | 'backend', Victim> {
  const backends = () => childrenOf(postmasterOf(dataDir) ?? 0).filter((pid) => titleOf(pid).startsWith('postgres: greffier_service'))
  const serves = async () => {
    try {
      return (await rows('SELECT')).length === 1
    } catch {
      // Whatever it says: it does not serve.
      return false
    }
  }
  const up = () => waitUntil(serves, 'PostgreSQL to serve')
  return {
    postmaster: {
      name: 'postmaster',
      sparedMs: () => SPARED_MS,
      up,
      kill: () => killPostmaster(dataDir),
    },
    backend: {
      name: 'backend',
      sparedMs: () => SPARED_MS,
      up: () => waitUntil(async () => backends().length > 0 && (await serves()), 'PostgreSQL to serve somebody'),
      kill: async () => {
        const [first, ...others] = backends()
        // None when all services have gone: a moment like any other.
        if (first !== undefined) killIfThere(random.pick([first, ...others]))
      },
    },
  }
}

export interface EmbeddedVictims {
  url(): string | undefined
  apiKey(): string
  victims: Record<'group' | 'starting' | 'supervisor' | 'server' | 'postmaster', Victim>
  /** As of a supervised service. */
  stop(): Promise<void>
}

/** `npm start`, started again whenever it was killed. A start that fails by itself fails the test. */
export function embeddedVictims(dataDir: string): EmbeddedVictims {
  const seen: SeenProcess[] = []
  let system = startEmbeddedSystem(dataDir)
  let serving: { url: string; apiKey: string } | undefined
  let apiKey = ''
  let startMs = 0
  let up = heardLater(follow())
  return {
    url: () => serving?.url,
    apiKey: () => apiKey,
    victims: {
      group: part('group', killAndStart(see)),
      // In the middle of a start, on average.
      starting: { ...part('start', killAndStart(see)), sparedMs: () => startMs / 2, up: async () => undefined },
      supervisor: part(
        'supervisor',
        killAndStart(() => [system.supervisor.pid]),
      ),
      server: part(
        'server',
        killAndStart(() => [serverOf(system)]),
      ),
      postmaster: part('postmaster', killServerOfDatabase),
    },
    stop: async () => {
      see()
      await stopEmbeddedSystem(system)
      await waitUntil(() => !seen.some(stillRuns), 'every process of the system to end')
    },
  }

  /** A quarter of a start is time for some work, however slow the machine. */
  function part(name: string, kill: () => Promise<void>): Victim {
    return { name, sparedMs: () => startMs / 4, up: () => up, kill }
  }

  async function follow(): Promise<void> {
    const current = system
    const startedAtMs = performance.now()
    const now = await current.serves
    if (current !== system) return
    startMs = performance.now() - startedAtMs
    serving = now
    expect([now.apiKey, '']).toContain(apiKey)
    apiKey = now.apiKey
  }

  function see(): number[] {
    const tree = processTree(system.supervisor.pid)
    seen.push(...tree)
    return tree.map(({ pid }) => pid)
  }

  function killAndStart(victims: () => (number | undefined)[]): () => Promise<void> {
    return async () => {
      see()
      serving = undefined
      for (const pid of victims()) killIfThere(pid)
      system = startEmbeddedSystem(dataDir)
      up = heardLater(follow())
    }
  }

  async function killServerOfDatabase(): Promise<void> {
    see()
    await killPostmaster(dataDir)
    const isReady = async () => (await fetch(`${serving?.url}/readyz`)).status === 200
    up = heardLater(waitUntil(isReady, 'the system to be ready again'))
  }
}

/** Resolves when another one has begun to start. */
async function killPostmaster(dataDir: string): Promise<void> {
  const killed = postmasterOf(dataDir)
  killIfThere(killed)
  await waitUntil(() => ![killed, undefined].includes(postmasterOf(dataDir)), 'PostgreSQL to be started again')
}

/** It may have ended since it was seen. */
function killIfThere(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
