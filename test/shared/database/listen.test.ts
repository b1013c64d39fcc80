import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Listener, openListener } from '../../../shared/database/listen.ts'
import { testDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

test('hears what a committed transaction said, and nothing of one that was rolled back', async () => {
  const { bench, listener } = await open()
  const heard: (string | null)[] = []
  listener.on('news', (payload) => heard.push(payload))
  await bench.query(`BEGIN; SELECT pg_notify('news', 'lost'); ROLLBACK`)
  await bench.query(`SELECT pg_notify('other', 'elsewhere')`)
  await bench.query(`SELECT pg_notify('news', 'kept')`)
  await waitUntil(() => heard.length > 0, 'a notification')
  expect(heard).toEqual(['kept'])
})

test('a broken connection is rebuilt, and every follower is told once that it may have missed something', async () => {
  const { bench, listener } = await open()
  const heard: (string | null)[] = []
  const left: (string | null)[] = []
  listener.on('news', (payload) => heard.push(payload))
  const leave = listener.on('news', (payload) => left.push(payload))
  leave()
  await bench.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE 'LISTEN%'`)
  await waitUntil(() => heard.length > 0, 'word of the lost connection')
  await bench.query(`SELECT pg_notify('news', 'again')`)
  await waitUntil(() => heard.length > 1, 'a notification over the new connection')
  expect(heard).toEqual([null, 'again'])
  expect(left).toEqual([])
})

test('while the server is away there is one attempt at a time, and afterwards one connection', async () => {
  const { bench, proxy, listener } = await open()
  const heard: (string | null)[] = []
  listener.on('news', (payload) => heard.push(payload))
  const before = proxy.attempts()
  proxy.refuse(true)
  await waitUntil(() => proxy.attempts() >= before + 6, 'six attempts')
  expect(proxy.attemptsAtOnceMax()).toBe(1)
  proxy.refuse(false)
  await waitUntil(() => heard.includes(null), 'the connection to be back')
  const listening = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`
  expect(await bench.query(listening)).toHaveLength(1)
  expect(heard).toEqual([null])
})

test('a listener that could not be opened leaves no attempts behind', async () => {
  const database = await testDatabase()
  onTestFinished(() => database.close())
  const proxy = await startProxy(database.serviceUrl)
  proxy.refuse(true)
  await expect(openListener(proxy.url, ['news'])).rejects.toThrow()
  expect(proxy.attempts()).toBe(1)
  proxy.refuse(false)
  const second = await openListener(proxy.url, ['news'])
  onTestFinished(() => second.close())
  let told = false
  second.on('news', () => {
    told = true
  })
  proxy.cut()
  await waitUntil(() => told, 'the second listener to be back')
  // The refused one, the second listener's first and its new one.
  expect(proxy.attempts()).toBe(3)
})

test('closed while it is trying to come back, it leaves no connection', async () => {
  const { bench, proxy, listener } = await open()
  const before = proxy.attempts()
  proxy.hold(true)
  proxy.cut()
  await waitUntil(() => proxy.attempts() > before, 'an attempt that hangs')
  const closing = listener.close()
  proxy.hold(false)
  await closing
  await waitUntil(
    async () =>
      (await bench.query(`SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`)).length === 0,
    'its connections to end',
  )
  expect(proxy.attempts()).toBe(before + 1)
})

interface Proxy {
  readonly url: string
  attempts(): number
  attemptsAtOnceMax(): number
  /** Cuts what is open; while true, whoever connects is cut off a moment later. */
  refuse(yes: boolean): void
  /** While true, whoever connects waits. */
  hold(yes: boolean): void
  cut(): void
}

async function open(): Promise<{ bench: Workbench; proxy: Proxy; listener: Listener }> {
  const bench = await openWorkbench()
  onTestFinished(() => bench.close())
  const proxy = await startProxy(bench.serviceUrl)
  const listener = await openListener(proxy.url, ['news'])
  onTestFinished(() => listener.close())
  return { bench, proxy, listener }
}

const REFUSE_AFTER_MS = 30

/** Stands between the listener and the server, to take the connection away without touching the server. */
async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let [attempts, atOnce, atOnceMax, refusing] = [0, 0, 0, false]
  let held: (() => void)[] | null = null
  const pass = (socket: Socket) => {
    const upstream = connect(Number(port), hostname)
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  }
  const server: Server = createServer((socket) => {
    attempts++
    if (held) {
      socket.on('error', () => undefined)
      held.push(() => pass(socket))
    } else if (refusing) {
      atOnceMax = Math.max(atOnceMax, ++atOnce)
      socket.on('error', () => undefined)
      setTimeout(() => {
        atOnce--
        socket.destroy()
      }, REFUSE_AFTER_MS)
    } else pass(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  onTestFinished(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    attempts: () => attempts,
    attemptsAtOnceMax: () => atOnceMax,
    refuse: (yes) => {
      refusing = yes
      if (yes) cut()
    },
    hold: (yes) => {
      const waiting = held ?? []
      held = yes ? [] : null
      for (const go of waiting) go()
    },
    cut,
  }
}
