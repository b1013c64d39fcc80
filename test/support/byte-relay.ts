import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface ByteRelay {
  readonly origin: string
  /** With the version path, as providers take it. */
  readonly baseUrl: string
  /** How many connections were opened. */
  connections(): number
  /** Every byte that arrived, connection after connection, as Latin-1. */
  received(): string
  /** Ends the next answer before its last bytes, as a server does that dies while it answers. */
  cutNextAnswer(): void
  close(): Promise<void>
}

/** So many bytes of an answer are left out by `cutNextAnswer`. */
const CUT_BYTES = 40

/**
 * Stands before a model double and keeps all that a provider would have seen, whatever protocol it speaks. Each piece is passed on only when
 * `before` has resolved: it looks at the world as it was before the double saw the bytes.
 */
export async function startByteRelay(target: string, before: (piece: string) => Promise<void> = async () => undefined): Promise<ByteRelay> {
  const connections: Buffer[][] = []
  const sockets = new Set<Socket>()
  let cutting = false
  const server = createServer((inbound) => {
    const pieces: Buffer[] = []
    connections.push(pieces)
    const { hostname, port } = new URL(target)
    const outbound = connect({ host: hostname, port: Number(port) })
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    let passing = Promise.resolve()
    inbound.on('data', (piece: Buffer) => {
      pieces.push(piece)
      passing = passing.then(async () => {
        await before(piece.toString('latin1'))
        outbound.write(piece)
      })
      passing.catch((error: Error) => inbound.destroy(error))
    })
    outbound.on('data', (piece: Buffer) => {
      if (cutting) inbound.end(piece.subarray(0, -CUT_BYTES))
      else inbound.write(piece)
      cutting = false
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    baseUrl: `${origin}/v1`,
    connections: () => connections.length,
    received: () => connections.map((pieces) => Buffer.concat(pieces).toString('latin1')).join('\n'),
    cutNextAnswer: () => {
      cutting = true
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
