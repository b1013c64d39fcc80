import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { waitUntil } from './wait.ts'

/** How a client leaves: by closing its side in order, or by a reset. */
export type Leaving = 'closes' | 'resets'

/** A client of HTTP that sends what it is told and goes away when it is told, whatever was promised to the server. */
export interface LeavingClient {
  /** Resolves when the server's process has read all of it. */
  send(bytes: string): Promise<void>
  /** Resolves when the server has let go of the connection as well, unless it is busy with an answer: then at once. */
  leave(how: Leaving, options?: { answerPending: boolean }): Promise<void>
}

export async function leavingClient(url: string): Promise<LeavingClient> {
  const server = new URL(url)
  const socket = connect(Number(server.port), server.hostname)
  // A reset is heard at this end too.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const ports = { client: (socket.address() as AddressInfo).port, server: Number(server.port) }
  return {
    send: async (bytes) => {
      await written(socket, bytes)
      await waitUntil(() => isRead(ports), 'the server to read what was sent')
    },
    leave: async (how, { answerPending } = { answerPending: false }) => {
      if (how === 'resets') socket.resetAndDestroy()
      else socket.destroy()
      if (!answerPending) await waitUntil(() => endOf(ports.server, ports.client) === undefined, 'the server to close the connection')
    },
  }
}

function written(socket: Socket, bytes: string): Promise<void> {
  return new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())))
}

interface Ports {
  client: number
  server: number
}

/** Nothing is on its way, and nothing waits in the kernel for the server. */
function isRead({ client, server }: Ports): boolean {
  return endOf(client, server)?.unsentBytes === 0 && endOf(server, client)?.unreadBytes === 0
}

/** TIME_WAIT: the kernel's memory of a connection that no process has any more. */
const TIME_WAIT = '06'

/** One end of a connection on this machine, as Linux shows it (proc_pid_net(5)). */
function endOf(localPort: number, remotePort: number): { unsentBytes: number; unreadBytes: number } | undefined {
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  for (const line of lines) {
    const [, local = '', remote = '', state, queues = ''] = line.trim().split(/\s+/)
    if (portOf(local) !== localPort || portOf(remote) !== remotePort || state === TIME_WAIT) continue
    const [unsentBytes = 0, unreadBytes = 0] = queues.split(':').map((count) => Number.parseInt(count, 16))
    return { unsentBytes, unreadBytes }
  }
  return undefined
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}
