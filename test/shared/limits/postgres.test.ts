import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../../shared/database/connection.ts'
import { LIMIT_FIRST } from '../../../shared/limits/adaptive.ts'
import { createPostgresLimits } from '../../../shared/limits/postgres.ts'
import { unheard } from '../../support/pools.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'
import { describeLimits, report } from './contract.ts'

describeLimits('PostgreSQL', async () => {
  const bench = await openWorkbench()
  const second = openDatabase(bench.serviceUrl, unheard)
  return {
    limits: [createPostgresLimits(bench.database), createPostgresLimits(second)],
    processArguments: ['postgres', bench.serviceUrl],
    newTenant: () => bench.tenants.create('limited'),
    expireReservations: async (tenantId) => {
      await bench.query(`UPDATE greffier.budget_reservations SET expires_at = now() WHERE tenant_id = $1`, [tenantId])
    },
    close: async () => {
      await second.destroy()
      await bench.close()
    },
  }
})

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a state that another version of this program wrote is found out anew', async () => {
  const limits = createPostgresLimits(bench.database)
  await bench.query(`INSERT INTO greffier.endpoint_limits VALUES ('https://model.test', 7, '{"v":2}')`)
  const lease = await limits.exchange('https://model.test', 'one', report({ waiting: 100 }))
  expect(lease.allotment).toBe(LIMIT_FIRST)
  expect(await bench.query(`SELECT version FROM greffier.endpoint_limits`)).toEqual([{ version: '8' }])
})

test('the first reservation of a day removes the days before yesterday, and what was reserved of them', async () => {
  const limits = createPostgresLimits(bench.database)
  const request = { tenant_id: bench.tenantId, tokens: 1, micro_eur: 1, tokens_max: null, micro_eur_max: null }
  for (const day of ['2026-02-26', '2026-02-27', '2026-02-28', '2026-03-01']) await limits.reserve({ ...request, day })
  for (const table of ['budget_days', 'budget_reservations'])
    expect(await bench.query(`SELECT day::text FROM greffier.${table} ORDER BY day`)).toEqual([
      { day: '2026-02-27' },
      { day: '2026-02-28' },
      { day: '2026-03-01' },
    ])
})
