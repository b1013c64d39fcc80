import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startEmbeddedPostgres } from '../../shared/database/embedded.ts'
import { type Chance, chance } from '../support/chance.ts'
import { ownerUrlOf } from '../support/embedded-system.ts'
import { temporaryFolder } from '../support/folder.ts'
import { openPool } from '../support/pools.ts'
import { serviceProcesses } from '../support/service-processes.ts'
import { heardLater } from '../support/wait.ts'
import { expectNothingLost, nothingDue } from './aftermath.ts'
import type { Rows } from './outcomes.ts'
import { drawDocument, type StormClients, type StormDocument, stormClients } from './storm-clients.ts'
import { embeddedVictims, partsOf, supervise, type Victim } from './victims.ts'

/** A minute on an idle machine. */
const TEST_MS = 600_000
const ERASURES_PER_KILL = 0.3
/** About what an upload takes: some clients have gone before their answer comes, and ask again. */
const PATIENCE_MS = 30

/** The same seed kills the same victims after the same pauses, between the same documents. What each of them is doing then, it cannot repeat. */
const APART = { seed: 1_711, uploadsPerKillMax: 2, kills: { ingest: 7, retrieval: 4, workers: 9, postmaster: 5, backend: 9 } }
const TOGETHER = { seed: 1_712, uploadsPerKillMax: 4, kills: { group: 7, starting: 3, supervisor: 1, server: 2, postmaster: 3 } }

const LEAVES_NOTHING = 'every document that was accepted is completed, failed with a reason or erased, once, and nothing else is left'

test(`services apart, 34 kills of ingest, retrieval, workers and PostgreSQL while documents arrive: ${LEAVES_NOTHING} (seed ${APART.seed})`, {
  timeout: TEST_MS,
}, async () => {
  const random = chance(APART.seed)
  const folder = temporaryFolder()
  const postgres = await startEmbeddedPostgres({ dataDir: folder })
  onTestFinished(() => postgres.stop())
  const services = await serviceProcesses({}, postgres)
  const [ingest, retrieval, workers] = await Promise.all([
    supervise(services, 'ingest'),
    supervise(services, 'retrieval'),
    supervise(services, 'workers'),
  ])
  const victims = { ingest, retrieval, workers, ...partsOf(folder, services.rows, random.branch()) }
  const clients = stormClients({ ingest: ingest.url, retrieval: retrieval.url, apiKey: () => services.apiKey })
  await storm(random, draw(random, victims, APART.kills), clients, APART.uploadsPerKillMax)

  for (const victim of Object.values(victims)) await victim.up()
  await nothingDue(services.rows)
  await expectOriginals(clients)
  for (const service of [ingest, retrieval, workers]) await service.stop()
  await expectNothingLost(clients, { dataDir: services.dataDir, serviceUrl: services.serviceUrl, rows: services.rows })
})

test(`everything in one, 16 kills of the whole process group or of a part while documents arrive: ${LEAVES_NOTHING} (seed ${TOGETHER.seed})`, {
  timeout: TEST_MS,
}, async () => {
  const random = chance(TOGETHER.seed)
  const dataDir = temporaryFolder()
  const system = embeddedVictims(dataDir)
  await system.victims.group.up()
  const clients = stormClients({ ingest: system.url, retrieval: system.url, apiKey: system.apiKey })
  await storm(random, draw(random, system.victims, TOGETHER.kills), clients, TOGETHER.uploadsPerKillMax)

  await system.victims.group.up()
  await nothingDue(rowsOf(ownerUrlOf(dataDir)))
  await expectOriginals(clients)
  await system.stop()

  const postgres = await startEmbeddedPostgres({ dataDir })
  onTestFinished(() => postgres.stop())
  await expectNothingLost(clients, { dataDir, serviceUrl: postgres.serviceUrl, rows: rowsOf(postgres.ownerUrl) })
})

/** One of each name as often as it is to be killed, in an order of chance. */
function draw<Name extends string>(random: Chance, victims: Record<Name, Victim>, kills: Record<Name, number>): Victim[] {
  const names = Object.keys(kills) as Name[]
  return random.shuffled(names.flatMap((name) => Array.from({ length: kills[name] }, () => victims[name])))
}

/** Kills one after the other, each at a moment of chance. Documents arrive and are erased at such moments too, and somebody always asks. */
async function storm(random: Chance, victims: readonly Victim[], clients: StormClients, uploadsPerKillMax: number): Promise<void> {
  const over = new AbortController()
  const asking = heardLater(clients.ask(random.branch(), over.signal))
  const arriving: Promise<void>[] = []
  const within = (ms: number, work: () => Promise<void>) => arriving.push(heardLater(sleep(random.fraction() * ms).then(work)))
  const documents: StormDocument[] = []
  const killed: string[] = []
  const startedAtMs = performance.now()
  try {
    for (const victim of victims) {
      await victim.up()
      const sparedMs = random.exponential(victim.sparedMs())
      for (let left = 1 + Math.floor(random.fraction() * uploadsPerKillMax); left > 0; left--) {
        const document = drawDocument(random, documents.length, documents)
        documents.push(document)
        const patienceMs = random.exponential(PATIENCE_MS)
        within(sparedMs, () => clients.upload(document, patienceMs))
      }
      const choice = random.branch()
      if (random.fraction() < ERASURES_PER_KILL) within(sparedMs, () => clients.eraseOne(choice))
      await sleep(sparedMs)
      killed.push(`${victim.name} at ${Math.round(performance.now() - startedAtMs)} ms`)
      await victim.kill()
    }
    await Promise.all(arriving)
  } catch (error) {
    throw new Error(`killed so far: ${killed.join(', ')}`, { cause: error })
  } finally {
    over.abort()
  }
  expect(await asking, 'questions that were answered').toBeGreaterThan(0)
}

async function expectOriginals({ accepted, erased, content }: StormClients): Promise<void> {
  for (const [id, { bytes }] of accepted) {
    if (!erased.has(id)) expect(await content(id), id).toEqual(bytes)
  }
}

function rowsOf(ownerUrl: string): Rows {
  const pool = openPool({ connectionString: ownerUrl, options: '-c search_path=greffier', max: 1 })
  onTestFinished(() => pool.end())
  return async (statement, values = []) => (await pool.query(statement, [...values])).rows
}
