import { onTestFinished } from 'vitest'
import { loadBinaries } from '../../shared/database/embedded-binaries.ts'
import { openCluster } from '../../shared/database/embedded-cluster.ts'
import { provision } from '../../shared/database/embedded-provision.ts'
import { startServer } from '../../shared/database/embedded-server.ts'
import { temporaryFolder } from '../support/folder.ts'
import type { TestDatabase } from '../support/postgres.ts'

/** A PostgreSQL server of a test's own, to be away for a while: same port and same data afterwards. It ends with the test. */
export interface OwnPostgres extends TestDatabase {
  /** Ends every session and resolves when the server is gone. */
  stop(): Promise<void>
  start(): Promise<void>
}

export async function ownPostgres(): Promise<OwnPostgres> {
  const binaries = await loadBinaries()
  const dataDir = temporaryFolder()
  const log = () => undefined
  const cluster = await openCluster({ dataDir, binaries, durable: false, log })
  const launch = (port?: number) =>
    startServer({ cluster, binaries, durable: false, port, logFile: `${dataDir}/postgres.log`, log, cancelled: () => false })
  let server = await launch()
  onTestFinished(() => server.stop())
  await provision(cluster, server.port)
  return {
    ownerUrl: cluster.ownerUrl(server.port, 'greffier'),
    serviceUrl: cluster.serviceUrl(server.port, 'greffier'),
    stop: () => server.stop(),
    start: async () => {
      server = await launch(server.port)
    },
    close: () => server.stop(),
  }
}
