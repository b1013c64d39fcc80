import { EventEmitter } from 'node:events'
import { Client } from 'pg'

const RECONNECT_MS = 500
const CONNECT_TIMEOUT_MS = 5_000
const KEEP_ALIVE_MS = 10_000

export interface Listener {
  /** Calls `heard` with each notification's payload; after a lost connection with null, because some may have been missed. */
  on(channel: string, heard: (payload: string | null) => void): () => void
  close(): Promise<void>
}

/**
 * One connection for LISTEN, rebuilt for ever when it drops, by one attempt at a time. A notification is a hint: whoever listens also looks by itself
 * now and then. Throws what pg throws when the first connection fails.
 */
export async function openListener(serviceUrl: string, channels: readonly string[]): Promise<Listener> {
  const emitter = new EventEmitter().setMaxListeners(0)
  let client: Client | null = null
  let timer: NodeJS.Timeout | null = null
  let reconnecting: Promise<void> = Promise.resolve()
  let closed = false

  const lost = () => {
    client = null
    if (closed) return
    timer = setTimeout(() => {
      reconnecting = reconnect()
    }, RECONNECT_MS)
  }
  const reconnect = async () => {
    try {
      client = await connect(serviceUrl, channels, emitter)
    } catch {
      return lost()
    }
    client.once('end', lost)
    for (const channel of channels) emitter.emit(channel, null)
  }

  client = await connect(serviceUrl, channels, emitter)
  client.once('end', lost)
  return {
    on: (channel, heard) => {
      emitter.on(channel, heard)
      return () => void emitter.off(channel, heard)
    },
    close: async () => {
      closed = true
      if (timer) clearTimeout(timer)
      await reconnecting
      await client?.end()
    },
  }
}

/** A connection that listens already; one that fails on the way is ended. */
async function connect(connectionString: string, channels: readonly string[], emitter: EventEmitter): Promise<Client> {
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  })
  // An unexpected close is an error first and an end next; unheard, the error would end the process.
  client.on('error', () => undefined)
  client.on('notification', (message) => emitter.emit(message.channel, message.payload ?? ''))
  try {
    await client.connect()
    for (const channel of channels) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`)
    return client
  } catch (error) {
    await client.end()
    throw error
  }
}
