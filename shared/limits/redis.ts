import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import { exchangeOver, type VersionedState } from './optimistic.ts'
import { type Amount, BUDGET_KEPT_DAYS, type Limits, RESERVATION_MS } from './port.ts'

/** The one command that is used of a client: see openRedisConnection in shared/queue. */
export interface RedisConnection {
  eval(script: string, keys: number, ...keysAndArguments: (string | number)[]): Promise<unknown>
}

/** An endpoint that nobody calls for so long is found out anew. */
const ENDPOINT_KEPT_SECONDS = 7 * 86_400
const BUDGET_KEPT_SECONDS = BUDGET_KEPT_DAYS * 86_400

/** Redis or Valkey. What an endpoint, or a tenant's day, has in keys lies in one hash slot of a cluster. Its clock is Redis's own. */
export function createRedisLimits(connection: RedisConnection): Limits {
  const run = async (script: string, keys: readonly string[], ...args: (string | number)[]) => {
    try {
      return await connection.eval(script, keys.length, ...keys, ...args)
    } catch (error) {
      throw new AppError('UNAVAILABLE', 'Redis did not answer in time', { cause: error, retryAfterSeconds: 5 })
    }
  }
  const budget = async (action: 'reserve' | 'settle' | 'spent', tenantId: string, day: string, ...args: (string | number)[]) => {
    const key = `greffier:budget:{${tenantId}}:${day}`
    return Figures.parse(await run(BUDGET, [key, `${key}:living`], BUDGET_KEPT_SECONDS, action, ...args))
  }
  return {
    name: 'redis',
    exchange: (endpoint, holder, report) => exchangeOver(stateOf(run, `greffier:limits:{${endpoint}}`), holder, report),
    reserve: async ({ tenant_id, day, tokens, micro_eur, tokens_max, micro_eur_max }) => {
      const id = newId()
      const bounds = [tokens_max ?? '', micro_eur_max ?? '']
      const [granted] = await budget('reserve', tenant_id, day, id, tokens, micro_eur, RESERVATION_MS, ...bounds)
      return granted === 1 ? { outcome: 'granted', reservation: { id, tenant_id, day } } : { outcome: 'exhausted' }
    },
    settle: async ({ id, tenant_id, day }, used: Amount) => {
      await budget('settle', tenant_id, day, id, used.tokens, used.micro_eur)
    },
    spent: async (tenantId, day) => {
      const [tokens = 0, micro_eur = 0, heldTokens = 0, heldMicroEur = 0] = await budget('spent', tenantId, day)
      return { tokens, micro_eur, reserved: { tokens: heldTokens, micro_eur: heldMicroEur } }
    },
  }
}

/** Whole numbers; Lua gives them as such, and those of a hash as text. */
const Figures = z.array(z.coerce.number().int())
const StoredState = z.tuple([z.string(), z.coerce.number().int(), z.coerce.number()])

function stateOf(
  run: (script: string, keys: readonly string[], ...args: (string | number)[]) => Promise<unknown>,
  key: string,
): VersionedState {
  return {
    read: async () => {
      const [text, version, now_ms] = StoredState.parse(await run(READ, [key]))
      return { text: text === '' ? null : text, version, now_ms }
    },
    write: async (text, version) => (await run(WRITE, [key], text, version, ENDPOINT_KEPT_SECONDS)) === 1,
  }
}

const NOW_MS = `
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end`

const READ = `${NOW_MS}
return { redis.call('HGET', KEYS[1], 'state') or '', redis.call('HGET', KEYS[1], 'version') or '0', now_ms() }`

const WRITE = `
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'version', ARGV[2] + 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1`

/**
 * KEYS: the day, a hash of the sums (tokens, micro_eur, held_tokens, held_micro_eur) and of each reservation that was not settled; and the ids of those
 * that still count, by when they end. A reservation that is over is taken off the sums by whoever comes next, and stays to be settled.
 */
const BUDGET = `${NOW_MS}
local day, living, kept_seconds, action, id = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local function figure(name) return tonumber(redis.call('HGET', day, name) or '0') end
local function add(name, amount) redis.call('HINCRBY', day, name, amount) end
local function release(one)
  local tokens, micro_eur = string.match(redis.call('HGET', day, one), '^(%d+) (%d+)$')
  add('held_tokens', 0 - tokens)
  add('held_micro_eur', 0 - micro_eur)
  redis.call('ZREM', living, one)
end
for _, over in ipairs(redis.call('ZRANGEBYSCORE', living, '-inf', now_ms())) do release(over) end

if action == 'spent' then
  return { figure('tokens'), figure('micro_eur'), figure('held_tokens'), figure('held_micro_eur') }
end
if action == 'settle' then
  if redis.call('HEXISTS', day, id) == 0 then return { 0 } end
  if redis.call('ZSCORE', living, id) then release(id) end
  redis.call('HDEL', day, id)
  add('tokens', ARGV[4])
  add('micro_eur', ARGV[5])
  return { 1 }
end
local function fits(name, amount, bound)
  return bound == '' or figure(name) + figure('held_' .. name) + amount <= tonumber(bound)
end
if not (fits('tokens', ARGV[4], ARGV[7]) and fits('micro_eur', ARGV[5], ARGV[8])) then return { 0 } end
add('held_tokens', ARGV[4])
add('held_micro_eur', ARGV[5])
redis.call('HSET', day, id, ARGV[4] .. ' ' .. ARGV[5])
redis.call('ZADD', living, now_ms() + ARGV[6], id)
redis.call('EXPIRE', day, kept_seconds)
redis.call('EXPIRE', living, kept_seconds)
return { 1 }`
