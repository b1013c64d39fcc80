import { EventEmitter } from 'node:events'
import { Client } from 'pg'

const RECONNECT_MS = 500
const KEEP_ALIVE_MS = 10_000

export interface Listener {
  /** Calls `heard` with each notification's payload; after a lost connection with null, because some may have been missed. */
  on(channel: string, heard: (payload: string | null) => void): () => void
  close(): Promise<void>
}

/** One connection for LISTEN, rebuilt for ever when it drops. A notification is a hint: whoever listens also looks by itself now and then. */
export async function openListener(serviceUrl: string, channels: readonly string[]): Promise<Listener> {
  const emitter = new EventEmitter().setMaxListeners(0)
  let client: Client | null = null
  let timer: NodeJS.Timeout | null = null
  let closed = false

  const lost = () => {
    client = null
    if (!closed) timer = setTimeout(() => void reconnect(), RECONNECT_MS)
  }
  const connect = async () => {
    const next = new Client({ connectionString: serviceUrl, keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS })
    // An unexpected close is an error first and an end next; unheard, the error would end the process.
    next.on('error', () => undefined)
    next.on('end', lost)
    next.on('notification', (message) => emitter.emit(message.channel, message.payload ?? ''))
    await next.connect()
    client = next
    for (const channel of channels) await next.query(`LISTEN ${next.escapeIdentifier(channel)}`)
  }
  const reconnect = async () => {
    try {
      await connect()
      for (const channel of channels) emitter.emit(channel, null)
    } catch {
      lost()
    }
  }

  await connect()
  return {
    on: (channel, heard) => {
      emitter.on(channel, heard)
      return () => void emitter.off(channel, heard)
    },
    close: async () => {
      closed = true
      if (timer) clearTimeout(timer)
      await client?.end()
    },
  }
}
