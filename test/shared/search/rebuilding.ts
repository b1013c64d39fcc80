import { expect } from 'vitest'
import type { RebuildOptions, RebuildResult, SearchStore } from '../../../shared/search/port.ts'

/** What the catalogue says of documents, as `wantedFrom` is told it. */
export type Catalogue = Map<string, number>

/** Rebuilds a store that has to be; the catalogue knows what it is given, and every snapshot counts as a backup. */
export async function rebuild(
  store: SearchStore,
  catalogue: Catalogue = new Map(),
  options: Partial<RebuildOptions> = {},
): Promise<RebuildResult> {
  if (store.rebuild === null) return { state: 'rebuilt', points: 0 }
  return store.rebuild({
    wantedFrom: async (ids) => new Map([...catalogue].filter(([id]) => ids.includes(id))),
    snapshotsAreBackups: true,
    onTakenUp: async () => undefined,
    onBegin: async () => undefined,
    onStep: () => undefined,
    signal: new AbortController().signal,
    ...options,
  })
}

const TRIES_MAX = 100

/** As a stage does it: what comes out incomplete is done again. */
export async function stubbornly(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(INDEX_INCOMPLETE|UNAVAILABLE|INTERNAL)$/) })
      if (tries === TRIES_MAX) throw error
    }
  }
}
