import { join } from 'node:path'
import { createFilesystemBlobs } from '../blobs/filesystem.ts'
import type { BlobStore } from '../blobs/port.ts'
import { createVault, type Vault } from '../blobs/vault.ts'
import { type Database, openDatabase, withSystem } from '../database/connection.ts'
import { type Listener, openListener } from '../database/listen.ts'
import { migrate } from '../database/migrations.ts'
import { OUTBOX_CHANNEL } from '../database/outbox.ts'
import { keepRuleFiles } from '../database/rule-files.ts'
import { PROGRESS_CHANNEL } from '../database/stages.ts'
import { createTenants, type Tenants } from '../database/tenants.ts'
import { openTombstones, replayTombstones, type Tombstones } from '../database/tombstones.ts'
import { checkModels } from '../inference/boot-check.ts'
import { createEmbedder, type Embedder } from '../inference/embedder.ts'
import { createGateway, type ModelGateway } from '../inference/gateway.ts'
import { attempt } from '../limits/attempts.ts'
import { createDayBudget } from '../limits/day-budget.ts'
import { createGate } from '../limits/gate.ts'
import { createPostgresLimits } from '../limits/postgres.ts'
import { createRedisLimits } from '../limits/redis.ts'
import { type Activities, declareBy } from '../policy/activities.ts'
import type { Rules } from '../policy/explain.ts'
import type { PriceList } from '../policy/prices.ts'
import type { ProcessorRegister } from '../policy/register.ts'
import type { RetentionRules } from '../policy/retention.ts'
import { openPostgresQueues, openRedisQueues, type QueueBackend } from '../queue/backend.ts'
import { openRedisConnection } from '../queue/redis-connection.ts'
import type { SearchStore } from '../search/port.ts'
import type { Config } from './config.ts'
import { createFaultPoints, type PassPoint } from './faults.ts'
import { errorFields, type Log } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { loadActivities, loadRetention } from './policy-files.ts'
import { explainable, hashRules, loadRules } from './rules.ts'
import { createSearch } from './search-store.ts'

const CONNECTION_ERROR_LOG_MS = 1_000
/** All that the requests for one answer may take together, pauses between them included; a stage that waits longer is put back. */
const CALL_MS_MAX = 120_000
const CALL_TRIES_MAX = 3
const MODELS_ANSWER_MS = 10_000
const MICRO = 1_000_000
const SECOND_MS = 1_000
const HOUR_MS = 3_600_000

/** Everything that services share, each part behind its port. */
export interface Platform {
  database: Database
  listener: Listener
  backend: QueueBackend
  blobs: BlobStore
  vault: Vault
  search: SearchStore
  tenants: Tenants
  register: ProcessorRegister
  /** SHA-256 (hex) of the register's file: events name it. */
  registerHash: string
  /** What decides about calls, for whoever explains it. */
  rules: Rules
  /** SHA-256 (hex) of the policy's file. */
  policyHash: string
  /** `hashRules` of what this process decides by today: a refused stage remembers it. It changes on the day on which a fact comes or ages. */
  refusedUnder: () => string
  /** The declared register of Art. 30, and the SHA-256 (hex) of its file: events name both. */
  activities: Activities
  activitiesHash: string
  /** The files as they were read at the start, which `registerHash`, `policyHash` and `activitiesHash` are of. */
  registerBytes: Buffer
  policyBytes: Buffer
  activitiesBytes: Buffer
  prices: PriceList
  tombstones: Tombstones
  /** How long documents are kept, and the SHA-256 (hex) of what the rules mean. */
  retention: RetentionRules
  retentionHash: string
  /** When that is looked after, and how carefully. */
  retentionTimes: { everyMs: number; graceMs: number; holdingMs: number }
  /** How long the operator keeps backups; 0: there are none. */
  backupRetentionDays: number
  /** What drafts of notifications say of the time and of whom to ask (GDPR Art. 33). */
  notification: { notificationHours: number; dpoContact: string | null }
  gateway: ModelGateway
  embedder: Embedder
  metrics: Metrics
  log: Log
  passPoint: PassPoint
  /** Throws AppError UNAVAILABLE naming what does not answer. PostgreSQL is needed by everything. */
  ready(needs: readonly Need[]): Promise<void>
  close(): Promise<void>
}

/** What a service cannot work without: one that does not answer makes it not ready, and a load balancer takes it out. */
export type Need = 'queue' | 'search'

export interface PlatformOptions {
  config: Config
  log: Log
  databaseUrl: string
  databaseOwnerUrl: string
  masterKey: Buffer
}

/**
 * Builds the adapters that the configuration names; the only place that knows which. Reads register and policy before it touches anything: what does
 * not parse stops the start (PolicyFileError, ConfigError). Then it migrates the database, keeps the bytes of what it decides by, and buries what a
 * restored backup brought back.
 */
export async function openPlatform({ config, log, databaseUrl, databaseOwnerUrl, masterKey }: PlatformOptions): Promise<Platform> {
  const metrics = createMetrics()
  const rules = loadRules(config, {
    onRateLimits: (endpoint, { remainingRequests, remainingTokens }) => {
      if (remainingRequests !== null) metrics.providerRemaining.set({ endpoint, of: 'requests' }, remainingRequests)
      if (remainingTokens !== null) metrics.providerRemaining.set({ endpoint, of: 'tokens' }, remainingTokens)
    },
    around: (endpoint, signal, call, model) =>
      attempt({ gate, endpoint: `${endpoint} ${model}`, signal, deadlineMs: CALL_MS_MAX, triesMax: CALL_TRIES_MAX }, call),
  })
  const { activities, activitiesBytes, activitiesHash } = loadActivities(config.ACTIVITIES_FILE)
  const { retention, retentionHash } = loadRetention(config.RETENTION_FILE)
  if (config.FAULT_AT) log.warn({ fault: config.FAULT_AT.at }, 'FAULT_AT is set: this process fails there on purpose')
  await migrate(databaseOwnerUrl, databaseUrl)
  const onConnectionError = logConnectionErrors(log)
  const database = openDatabase(databaseUrl, onConnectionError, declareBy(activities, activitiesHash))
  await keepRuleFiles(database, { policy: rules.policyBytes, processors: rules.registerBytes, activities: activitiesBytes })
  const tombstonesPath = join(config.DATA_DIR, 'tombstones.jsonl')
  const { buried, unreadable } = await replayTombstones(database, tombstonesPath)
  if (buried > 0) log.warn({ count: buried }, 'erased documents were in the database again; they are erased once more')
  if (unreadable > 0) log.warn({ count: unreadable }, 'lines of the list of tombstones cannot be read')
  const listener = await openListener(databaseUrl, [OUTBOX_CHANNEL, PROGRESS_CHANNEL])
  const backend = config.QUEUE_URL
    ? openRedisQueues(config.QUEUE_URL, onConnectionError)
    : await openPostgresQueues(databaseOwnerUrl, databaseUrl, onConnectionError)
  const blobs = createFilesystemBlobs(join(config.DATA_DIR, 'blobs'))
  const search = createSearch(config)
  const tenants = createTenants(database, masterKey)
  const redis = config.QUEUE_URL ? openRedisConnection(config.QUEUE_URL, onConnectionError) : null
  const limits = redis ? createRedisLimits(redis) : createPostgresLimits(database)
  const gate = createGate({ limits, log })
  const gateway = createGateway({
    database,
    ...rules,
    budget: createDayBudget(limits, {
      tokensMax: config.BUDGET_TOKENS_PER_DAY ?? null,
      microEurMax: config.BUDGET_EUROS_PER_DAY === undefined ? null : Math.round(config.BUDGET_EUROS_PER_DAY * MICRO),
    }),
  })
  const rulesOn = hashRules(rules)
  const stopping = new AbortController()
  const checked = checkModels(rules.order, AbortSignal.any([stopping.signal, AbortSignal.timeout(MODELS_ANSWER_MS)])).then((sentences) => {
    if (!stopping.signal.aborted) for (const sentence of sentences) log.warn({}, sentence)
  })
  return {
    database,
    listener,
    backend,
    blobs,
    vault: createVault(blobs),
    search,
    tenants,
    register: rules.register,
    registerHash: rules.registerHash,
    rules: explainable(rules),
    policyHash: rules.policyHash,
    refusedUnder: () => rulesOn(new Date().toISOString().slice(0, 10)),
    activities,
    activitiesHash,
    registerBytes: rules.registerBytes,
    policyBytes: rules.policyBytes,
    activitiesBytes,
    prices: rules.prices,
    tombstones: openTombstones(tombstonesPath),
    retention,
    retentionHash,
    retentionTimes: {
      everyMs: config.RETENTION_EVERY_SECONDS * SECOND_MS,
      graceMs: config.RETENTION_GRACE_HOURS * HOUR_MS,
      holdingMs: config.RETENTION_CLOCK_HOURS * HOUR_MS,
    },
    backupRetentionDays: config.BACKUP_RETENTION_DAYS,
    notification: { notificationHours: config.NOTIFICATION_HOURS, dpoContact: config.DPO_CONTACT ?? null },
    gateway,
    embedder: createEmbedder(gateway, tenants),
    metrics,
    log,
    passPoint: createFaultPoints(config.FAULT_AT),
    ready: async (needs) => {
      await withSystem(database, (tx) => tx.selectNoFrom((row) => row.lit(1).as('one')).execute())
      if (needs.includes('queue')) await backend.ping()
      if (needs.includes('search')) await search.ping()
    },
    close: async () => {
      await listener.close()
      await backend.close()
      await search.close()
      stopping.abort()
      await checked
      await gate.close()
      redis?.disconnect()
      await rules.outbound.close()
      await database.destroy()
    },
  }
}

/** A server that goes away takes dozens of connections with it: one line a second says enough. */
function logConnectionErrors(log: Log): (error: unknown) => void {
  let quietUntilMs = 0
  let unlogged = 0
  return (error) => {
    unlogged++
    if (performance.now() < quietUntilMs) return
    log.warn({ ...errorFields(error), count: unlogged }, 'connections were lost; they are opened again')
    quietUntilMs = performance.now() + CONNECTION_ERROR_LOG_MS
    unlogged = 0
  }
}
