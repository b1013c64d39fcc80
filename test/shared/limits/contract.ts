import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIMIT_FIRST } from '../../../shared/limits/adaptive.ts'
import type { Lease, Limits, Report, ReservationRequest } from '../../../shared/limits/port.ts'
import { chance } from '../../support/chance.ts'
import { startScript } from '../../support/process.ts'
import { waitUntil } from '../../support/wait.ts'

/** What the tests of one store need beside its adapter. */
export interface OpenedLimits {
  /** Two adapters, as two processes have them. */
  limits: readonly [Limits, Limits]
  /** Arguments from which holder-process.ts opens its own. */
  processArguments: string[]
  newTenant(): Promise<string>
  /** As if their time were over. */
  expireReservations(tenantId: string): Promise<void>
  close(): Promise<void>
}

/** A killed process's share has to be with the others after this time. */
const LEASE_MS_MAX = 5_000
const DAY = '2026-11-26'

/** What every store of shared limits must hold. */
export function describeLimits(name: string, open: () => Promise<OpenedLimits>): void {
  describe(`limits on ${name}`, () => {
    let opened: OpenedLimits
    let limits: Limits
    let others: Limits
    beforeAll(async () => {
      opened = await open()
      ;[limits, others] = opened.limits
    })
    afterAll(() => opened.close())

    describe('the share of a process', () => {
      test('is the whole limit when it is alone, for as long as a killed process may keep it from others at most', async () => {
        const lease = await limits.exchange(newEndpoint(), 'one', report({ waiting: 100 }))
        expect(lease).toEqual({
          limit: LIMIT_FIRST,
          allotment: LIMIT_FIRST,
          lease_ms: expect.any(Number),
          pause_ms: 0,
          growing: true,
          circuit: { state: 'closed' },
        })
        expect(lease.lease_ms).toBeLessThanOrEqual(LEASE_MS_MAX)
      })

      test('is what the work of each is in proportion to that of the others, once who had more has freed it', async () => {
        const endpoint = newEndpoint()
        await limits.exchange(endpoint, 'one', report({ waiting: 60 }))
        expect(await others.exchange(endpoint, 'two', report({ waiting: 20 }))).toMatchObject({ allotment: 0 })
        await limits.exchange(endpoint, 'one', report({ in_flight: 16, waiting: 44 }))
        // Its calls go on, and are not given twice.
        expect(await others.exchange(endpoint, 'two', report({ waiting: 20 }))).toMatchObject({ allotment: 0 })
        expect(await limits.exchange(endpoint, 'one', report({ in_flight: 14, waiting: 46 }))).toMatchObject({ allotment: 12 })
        expect(await others.exchange(endpoint, 'two', report({ waiting: 20 }))).toMatchObject({ allotment: 2 })
        await limits.exchange(endpoint, 'one', report({ in_flight: 12, waiting: 48 }))
        expect(await others.exchange(endpoint, 'two', report({ in_flight: 2, waiting: 18 }))).toMatchObject({ allotment: 4 })
      })

      test('is nobody’s for long when it is not used: another one gets it at its next exchange', async () => {
        const endpoint = newEndpoint()
        await limits.exchange(endpoint, 'one', report({ waiting: 100 }))
        await limits.exchange(endpoint, 'one', report())
        await others.exchange(endpoint, 'two', report({ waiting: 100 }))
        await limits.exchange(endpoint, 'one', report())
        expect(await others.exchange(endpoint, 'two', report({ waiting: 100 }))).toMatchObject({ allotment: LIMIT_FIRST })
      })

      test('is at least one for each of as many processes as there are slots, though one of them has nearly all the work', async () => {
        const endpoint = newEndpoint()
        const holders = Array.from({ length: LIMIT_FIRST }, (_, index) => ({ id: `holder ${index}`, work: index === 0 ? 10_000 : 1 }))
        let leases: Lease[] = []
        for (const _ of ['ask', 'free', 'take']) {
          leases = []
          for (const { id, work } of holders) leases.push(await limits.exchange(endpoint, id, report({ waiting: work })))
        }
        expect(leases.map(({ allotment }) => allotment)).toEqual(holders.map(() => 1))
      })

      test('comes round where there are more processes than slots', async () => {
        const endpoint = newEndpoint()
        const ids = Array.from({ length: LIMIT_FIRST + 4 }, (_, index) => `holder ${index}`)
        const served = new Set<string>()
        await waitUntil(async () => {
          for (const id of ids) {
            if ((await limits.exchange(endpoint, id, report({ waiting: 5 }))).allotment > 0) served.add(id)
          }
          return served.size === ids.length
        }, 'everybody to have had a turn')
      })

      test('is free at once when the process leaves', async () => {
        const endpoint = newEndpoint()
        await limits.exchange(endpoint, 'one', report({ waiting: 100 }))
        expect(await limits.exchange(endpoint, 'one', report({ leaving: true }))).toMatchObject({ allotment: 0 })
        expect(await others.exchange(endpoint, 'two', report({ waiting: 100 }))).toMatchObject({ allotment: LIMIT_FIRST })
      })

      test('does not touch another endpoint', async () => {
        await limits.exchange(newEndpoint(), 'one', report({ waiting: 100 }))
        expect(await others.exchange(newEndpoint(), 'two', report({ waiting: 100 }))).toMatchObject({ allotment: LIMIT_FIRST })
      })

      test('and those of all the others are together never above the limit, whatever they want and however many ask at once', async () => {
        const endpoint = newEndpoint()
        const luck = chance(7)
        const holders = Array.from({ length: 6 }, (_, index) => ({ id: `holder ${index}`, allotment: 0, in_flight: 0 }))
        for (let round = 0; round < 40; round++) {
          const asking = luck.shuffled(holders).slice(0, 1 + Math.floor(luck.fraction() * holders.length))
          await Promise.all(
            asking.map(async (holder, index) => {
              const waiting = luck.pick([0, 0, 1, 5, 40, 400])
              holder.in_flight = Math.min(holder.in_flight + waiting, Math.max(holder.allotment, holder.in_flight))
              holder.in_flight -= Math.floor(luck.fraction() * holder.in_flight)
              const store = index % 2 === 0 ? limits : others
              holder.allotment = (await store.exchange(endpoint, holder.id, report({ in_flight: holder.in_flight, waiting }))).allotment
            }),
          )
          const heldTogether = holders.reduce((sum, { allotment, in_flight }) => sum + Math.max(allotment, in_flight), 0)
          expect(heldTogether).toBeLessThanOrEqual(LIMIT_FIRST)
        }
      })

      test('is back with the others when its process was killed with -9', async () => {
        const endpoint = newEndpoint()
        const script = startScript(HOLDER, [endpoint, 'hold', ...opened.processArguments])
        await script.line(/^holds 16$/)
        const ask = () => limits.exchange(endpoint, 'survivor', report({ waiting: 16 }))
        await waitUntil(async () => (await ask()).allotment < LIMIT_FIRST, 'the other process to be known')
        expect((await ask()).allotment).toBeLessThan(LIMIT_FIRST)
        script.kill('SIGKILL')
        await script.exited
        const killedAtMs = performance.now()
        await waitUntil(async () => (await ask()).allotment === LIMIT_FIRST, 'its share')
        expect(performance.now() - killedAtMs).toBeLessThan(2 * LEASE_MS_MAX)
      })
    })

    describe('what a process has seen', () => {
      test('as a 429 lowers the limit of all by what was refused, once, though it be told twice', async () => {
        const endpoint = newEndpoint()
        await limits.exchange(endpoint, 'one', report({ waiting: 100 }))
        const refused = report({ in_flight: 11, waiting: 100, throttled: 5, sustained: 11 })
        expect(await limits.exchange(endpoint, 'one', refused)).toMatchObject({ allotment: 11, growing: false })
        expect(await limits.exchange(endpoint, 'one', refused)).toMatchObject({ allotment: 11 })
        await limits.exchange(endpoint, 'one', report({ leaving: true }))
        expect(await others.exchange(endpoint, 'two', report({ waiting: 100 }))).toMatchObject({ allotment: 11 })
      })

      test('as answers raises it, as long as there is more work than slots', async () => {
        const endpoint = newEndpoint()
        await limits.exchange(endpoint, 'one', report({ waiting: 100 }))
        const idle = report({ in_flight: 3, answered: 16, latency_count: 16, latency_sum_ms: 16 })
        expect(await limits.exchange(endpoint, 'one', idle)).toMatchObject({ allotment: LIMIT_FIRST })
        const busy = report({ in_flight: 16, waiting: 50, answered: 10, latency_count: 10, latency_sum_ms: 10 })
        expect(await limits.exchange(endpoint, 'one', busy)).toMatchObject({ allotment: 3 * LIMIT_FIRST })
      })

      test('as Retry-After makes all of them wait, by the store’s clock', async () => {
        const endpoint = newEndpoint()
        await limits.exchange(endpoint, 'one', report({ throttled: 1, sustained: 3, retry_after_ms: 60_000 }))
        const { pause_ms } = await others.exchange(endpoint, 'two', report({ waiting: 1 }))
        expect(pause_ms).toBeGreaterThan(50_000)
        expect(pause_ms).toBeLessThanOrEqual(60_000)
      })

      test('as failures opens the circuit for every process; one probes when its time is over, and its answer lets all of them in', async () => {
        const endpoint = newEndpoint()
        const script = startScript(HOLDER, [endpoint, 'fail', ...opened.processArguments])
        await script.line(/^refused until later$/)
        const ask = (more: Partial<Report> = {}) => limits.exchange(endpoint, 'tester', report({ waiting: 1, ...more }))
        expect(await ask()).toMatchObject({ allotment: 0, circuit: { state: 'open' } })
        await waitUntil(async () => (await ask()).circuit.state === 'half_open', 'the circuit to be half open')
        script.kill('SIGUSR2')
        await script.line(/^refused again$/)
        expect(await ask()).toMatchObject({ circuit: { state: 'half_open' } })
        expect(await ask({ answered: 1, probe: 'passed' })).toMatchObject({ circuit: { state: 'closed' } })
        await script.line(/^let in$/)
      })
    })

    describe('a budget', () => {
      const reservation = async (more: Partial<ReservationRequest> = {}): Promise<ReservationRequest> => ({
        tenant_id: await opened.newTenant(),
        day: DAY,
        tokens: 100,
        micro_eur: 10,
        tokens_max: 1_000,
        micro_eur_max: 1_000,
        ...more,
      })
      const granted = async (request: ReservationRequest, store = limits) => {
        const answer = await store.reserve(request)
        if (answer.outcome !== 'granted') throw new Error('the budget is exhausted')
        return answer.reservation
      }

      test('is never exceeded by fifty reservations at once, in tokens or in euros, over two processes', async () => {
        for (const bound of [{ tokens_max: 1_000 }, { tokens_max: null, micro_eur_max: 109 }]) {
          const request = await reservation(bound)
          const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 ? limits : others).reserve(request)))
          expect(answers.filter(({ outcome }) => outcome === 'granted')).toHaveLength(10)
          const reserved = { tokens: 1_000, micro_eur: 100 }
          expect(await limits.spent(request.tenant_id, DAY)).toEqual({ tokens: 0, micro_eur: 0, reserved })
        }
      })

      test('counts what was used instead of what was reserved, nothing for a call that failed, and each reservation once', async () => {
        const request = await reservation()
        const [used, failed] = [await granted(request), await granted(request)]
        await limits.settle(used, { tokens: 70, micro_eur: 9 })
        await others.settle(failed, { tokens: 0, micro_eur: 0 })
        for (const again of [used, failed]) await others.settle(again, { tokens: 5, micro_eur: 5 })
        expect(await others.spent(request.tenant_id, DAY)).toEqual({ tokens: 70, micro_eur: 9, reserved: { tokens: 0, micro_eur: 0 } })
        expect((await limits.reserve({ ...request, tokens: 931 })).outcome).toBe('exhausted')
        expect((await limits.reserve({ ...request, tokens: 930 })).outcome).toBe('granted')
      })

      test('without a bound is counted all the same', async () => {
        const request = await reservation({ tokens: 5_000_000_000, micro_eur: 0, tokens_max: null, micro_eur_max: null })
        await granted(request)
        await limits.settle(await granted(request), { tokens: 6_000_000_000, micro_eur: 4 })
        const reserved = { tokens: 5_000_000_000, micro_eur: 0 }
        expect(await limits.spent(request.tenant_id, DAY)).toEqual({ tokens: 6_000_000_000, micro_eur: 4, reserved })
      })

      test('is each tenant’s own, and each day’s', async () => {
        const full = await reservation({ tokens: 1_000 })
        await granted(full)
        expect((await limits.reserve(full)).outcome).toBe('exhausted')
        await granted({ ...full, day: '2026-11-27' })
        await granted(await reservation({ tokens: 1_000 }))
        expect(await limits.spent(full.tenant_id, '2026-11-25')).toEqual({ tokens: 0, micro_eur: 0, reserved: { tokens: 0, micro_eur: 0 } })
      })

      test('is not held for ever by a process that died, and what a late call used counts', async () => {
        const request = await reservation({ tokens: 600 })
        const lost = await granted(request)
        expect((await limits.reserve(request)).outcome).toBe('exhausted')
        await opened.expireReservations(request.tenant_id)
        expect((await limits.spent(request.tenant_id, DAY)).reserved).toEqual({ tokens: 0, micro_eur: 0 })
        const next = await granted(request)
        await limits.settle(lost, { tokens: 500, micro_eur: 3 })
        await limits.settle(next, { tokens: 400, micro_eur: 3 })
        expect(await limits.spent(request.tenant_id, DAY)).toEqual({ tokens: 900, micro_eur: 6, reserved: { tokens: 0, micro_eur: 0 } })
      })
    })
  })
}

const HOLDER = new URL('holder-process.ts', import.meta.url).pathname

function newEndpoint(): string {
  return `https://${randomUUID()}.test model`
}

export function report(seen: Partial<Report> = {}): Report {
  return {
    in_flight: 0,
    waiting: 0,
    answered: 0,
    latency_count: 0,
    latency_sum_ms: 0,
    throttled: 0,
    failed: 0,
    sustained: null,
    retry_after_ms: null,
    probe: null,
    leaving: false,
    ...seen,
  }
}
