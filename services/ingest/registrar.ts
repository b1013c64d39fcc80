import { type Artifact, registerArtifacts } from '../../shared/database/artifacts.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'

/** Rows of one statement. */
const BATCH_MAX = 200

/** Resolves when the artifact is on the list for good; rejects as `withTenant` does. */
export type Register = (artifact: Artifact) => Promise<void>

interface Waiting {
  artifact: Artifact
  done: PromiseWithResolvers<void>
}

/** Registers artifacts one transaction after another for each tenant: those that come while one is under way share the next, and its commit. */
export function createRegistrar(database: Database): Register {
  const lines = new Map<string, Waiting[]>()
  return (artifact) => {
    const done = Promise.withResolvers<void>()
    const line = lines.get(artifact.tenant_id)
    if (line) line.push({ artifact, done })
    else {
      const opened = [{ artifact, done }]
      lines.set(artifact.tenant_id, opened)
      void work(artifact.tenant_id, opened)
    }
    return done.promise
  }

  async function work(tenantId: string, line: Waiting[]): Promise<void> {
    while (line.length > 0) {
      const batch = line.splice(0, BATCH_MAX)
      try {
        await withTenant(database, tenantId, (tx) =>
          registerArtifacts(
            tx,
            batch.map(({ artifact }) => artifact),
          ),
        )
        for (const { done } of batch) done.resolve()
      } catch (error) {
        for (const { done } of batch) done.reject(error)
      }
    }
    lines.delete(tenantId)
  }
}
