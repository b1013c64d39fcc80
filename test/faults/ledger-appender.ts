// Appends events, some in each transaction, and says their ids when PostgreSQL has said that they are committed; until it is killed. Arguments: SERVICE_URL TENANT_ID
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase, withTenant } from '../../shared/database/connection.ts'
import { appendEvent } from '../../shared/database/events.ts'
import { unheard } from '../support/pools.ts'

const EVENTS_MAX = 5
const AWAY_MS = 50

const [serviceUrl = '', tenantId = ''] = process.argv.slice(2)
const database = openDatabase(serviceUrl, unheard)
for (let turn = 0; ; turn++) {
  try {
    const ids = await withTenant(database, tenantId, async (tx) => {
      const appended: string[] = []
      for (let at = 0; at <= turn % EVENTS_MAX; at++)
        appended.push(await appendEvent(tx, tenantId, { operation: 'Store', step: `${process.pid} ${turn} é`, phase: 'completed' }))
      return appended
    })
    // Writing to a pipe is synchronous here: what is said was committed, and a kill leaves no half of it.
    process.stdout.write(`${ids.join(' ')}\n`)
  } catch {
    // Whatever became of it was not acknowledged: it may be there or not.
    await sleep(AWAY_MS)
  }
}
