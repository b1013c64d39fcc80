// A process that opens a queue and a worker while PostgreSQL is away. Arguments: OWNER_URL SERVICE_URL, both of a server that lives and goes through a
// relay that this process closes and opens again: the server as it looks from here.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { newId } from '../../../shared/contracts/ids.ts'
import { openPostgresQueues } from '../../../shared/queue/backend.ts'
import { openPublisher } from '../../../shared/queue/publish.ts'

const [ownerUrl = '', serviceUrl = ''] = process.argv.slice(2)
const job = { stage: 'index' as const, tenant_id: newId(), document_id: newId(), revision: 1 }
const server = new URL(serviceUrl)
const throughRelay = new URL(serviceUrl)
let away = true
const sockets = new Set<Socket>()
const relay = createServer((inbound) => {
  if (away) return void inbound.destroy()
  const outbound = connect({ host: server.hostname, port: Number(server.port) })
  for (const socket of [inbound, outbound]) sockets.add(socket.on('error', () => undefined))
  inbound.pipe(outbound).pipe(inbound)
})
await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
throughRelay.port = String((relay.address() as AddressInfo).port)

const backend = await openPostgresQueues(ownerUrl, throughRelay.href, () => undefined)
const publisher = openPublisher(backend)
const worker = backend.openWorker('index', async () => void process.stdout.write('worked\n'))
await publisher.publish([job]).catch(() => process.stdout.write('away\n'))
// The loop turns: a timer comes.
setTimeout(async () => {
  process.stdout.write('turning\n')
  away = false
  await publisher.publish([job])
  process.on('SIGTERM', async () => {
    await worker.close()
    await publisher.close()
    await backend.close()
    relay.close()
    for (const socket of sockets) socket.destroy()
  })
}, 1_000)
