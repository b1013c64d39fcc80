import type { KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exportRecords } from '../../../services/compliance/records/export.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { ExportFormat } from '../../../shared/contracts/records.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import { readOldestRecords } from '../../../shared/database/records.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'
import { FULL_EVENT } from '../../support/full-event.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const PROCESSORS = new URL('../../../infra/processors.yaml', import.meta.url).pathname
const FEW = 1_200
const MANY = 8 * FEW
/** Of one page of an export; where names come with it. */
const PAGE_EVENTS = 500
const ANNEXED_PAGE_EVENTS = 200
/** A page in the hands of whoever reads, and the one after it. */
const HELD_PAGES_MAX = 2
/** Of a PDF also those on its sheets that wait in the stream, some dozens of them. */
const HELD_IN_PDF_MAX = 2_000
/** Rounds of `meanwhile` in which a PDF that waits for nobody is written far beyond that. */
const ROUNDS = 60

let bench: Workbench
const tenants = new Map<number, string>()
beforeAll(async () => {
  bench = await openWorkbench()
  for (const events of [FEW, MANY]) {
    const tenantId = await bench.tenants.create(`${events} events`)
    tenants.set(events, tenantId)
    await bench.query(
      `INSERT INTO greffier.events (id, tenant_id, document_ids, phase, body)
       SELECT gen_random_uuid(), $1, '{}', 'completed', $2 FROM generate_series(1, $3)`,
      [tenantId, JSON.stringify(FULL_EVENT), events],
    )
  }
})
afterAll(() => bench.close())

interface Asked {
  events: number
  format: ExportFormat
  annex?: 'true' | 'false'
}

async function begin({ events, format, annex = 'false' }: Asked) {
  const counted = counting(bench.database)
  const services = {
    database: counted.database,
    tenants: bench.tenants,
    vault: bench.vault,
    register: loadRegister(PROCESSORS).register,
    log: recordingLog().log,
  }
  const justification = annex === 'true' ? 'Case 4711: the authority asks.' : null
  const { body } = await exportRecords(services, { tenantId: tenants.get(events) ?? '', keyId: newId() }, { format, annex }, justification)
  return { body, read: counted.read }
}

/** The same database, and how many events were read through it. */
function counting(database: Database): { database: Database; read: () => number } {
  let events = 0
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      events += result.rows.filter((row) => typeof row.body === 'string').length
      return result
    },
  }
  return { database: Object.assign(database.withPlugin(plugin), { declare: database.declare }), read: () => events }
}

/** As long as it takes to read three pages elsewhere: whoever reads ahead without being asked has done so. */
async function meanwhile(): Promise<void> {
  for (let page = 0; page < 3; page++)
    await withTenant(bench.database, tenants.get(FEW) ?? '', (tx) =>
      readOldestRecords(tx, { filters: {}, limit: PAGE_EVENTS, after: null }, String(Number.MAX_SAFE_INTEGER)),
    )
}

const linesOf = (chunk: Buffer) => chunk.toString('latin1').split('\n').length - 1

/** How many events were read and not yet written, at the most, while a slow reader took the whole file. */
async function mostHeld(asked: Asked): Promise<number> {
  const { body, read } = await begin(asked)
  let written = 0
  let held = 0
  await meanwhile()
  expect(read()).toBe(0)
  for await (const chunk of body) {
    await meanwhile()
    held = Math.max(held, read() - written)
    written += linesOf(chunk)
  }
  expect(written).toBeGreaterThanOrEqual(asked.events)
  expect(read()).toBeGreaterThanOrEqual(asked.events)
  return held
}

test.each([
  ['jsonl', 'without', PAGE_EVENTS],
  ['jsonl', 'with', ANNEXED_PAGE_EVENTS],
  ['csv', 'without', PAGE_EVENTS],
  ['jsonld', 'without', PAGE_EVENTS],
] as const)(
  'an export as %s %s names holds no more events of eight times as many: its reader makes it wait',
  async (format, names, page) => {
    const annex = names === 'with' ? 'true' : 'false'
    for (const events of [FEW, MANY]) expect(await mostHeld({ events, format, annex })).toBeLessThanOrEqual(HELD_PAGES_MAX * page)
  },
)

test('an export as PDF, once it has summed up every event, reads no further than its reader lets it', async () => {
  const { body, read } = await begin({ format: 'pdf', events: MANY })
  for await (const _ of body) {
    for (let times = 0; times < ROUNDS; times++) await meanwhile()
    break
  }
  expect(read()).toBeGreaterThan(MANY)
  expect(read() - MANY).toBeLessThanOrEqual(HELD_IN_PDF_MAX)
})
