import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createDayBudget } from '../../../shared/limits/day-budget.ts'
import { createPostgresLimits } from '../../../shared/limits/postgres.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
afterEach(() => void vi.useRealTimers())

test('a day holds what its bounds say, and who finds it full is told the seconds until the next one begins', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-26T23:58:20.500Z') })
  const limits = createPostgresLimits(bench.database)
  const budget = createDayBudget(limits, { tokensMax: 100, microEurMax: null })
  const first = await budget.reserve(bench.tenantId, 80, 5_000_000)
  const full = budget.reserve(bench.tenantId, 30, 0)
  await expect(full).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED', retryAfterSeconds: 100 })
  await first.settle(70, 4_000_000)
  const second = await budget.reserve(bench.tenantId, 30, 0)
  vi.setSystemTime(new Date('2026-11-27T00:00:01Z'))
  await second.release()
  await budget.reserve(bench.tenantId, 100, 0)
  expect(await limits.spent(bench.tenantId, '2026-11-26')).toEqual({
    tokens: 70,
    micro_eur: 4_000_000,
    reserved: { tokens: 0, micro_eur: 0 },
  })
})

test.each([
  ['tokens', { tokensMax: 100, microEurMax: null }],
  ['euros', { tokensMax: null, microEurMax: 100 }],
])('what no day would hold, by its %s, fails at once instead of waiting for a day that never comes', async (unit, bounds) => {
  const tenantId = await bench.tenants.create(unit)
  const budget = createDayBudget(createPostgresLimits(bench.database), bounds)
  await expect(budget.reserve(tenantId, 101, 101)).rejects.toMatchObject({ code: 'BUDGET_TOO_SMALL' })
  await budget.reserve(tenantId, 100, 100)
})
