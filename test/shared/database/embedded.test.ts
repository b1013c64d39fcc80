import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Client } from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresCrash,
  type EmbeddedPostgresEvent,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../../shared/database/embedded.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { isRunning, startScript } from '../../support/process.ts'
import { waitUntil } from '../../support/wait.ts'

const PARENT = resolve(import.meta.dirname, 'embedded-parent.ts')
const IDLE = resolve(import.meta.dirname, '../../support/idle.ts')
const CANARY = 'canary-4711-anneliese'

describe('a fresh folder', () => {
  test('gets a durable server with a superuser and a plain role, and files that only the owner may read', async () => {
    const dataDir = join(temporaryFolder(), 'data')
    const server = await start({ dataDir })
    expect(await query(server.ownerUrl, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([{ rolsuper: true }])
    expect(
      await query(
        server.serviceUrl,
        'SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, current_database() FROM pg_roles WHERE rolname = current_user',
      ),
    ).toEqual([{ rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolbypassrls: false, current_database: 'greffier' }])
    expect(
      await query(
        server.ownerUrl,
        `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'listen_addresses', 'server_encoding') ORDER BY name`,
      ),
    ).toEqual([
      { name: 'fsync', setting: 'on' },
      { name: 'full_page_writes', setting: 'on' },
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'server_encoding', setting: 'UTF8' },
    ])
    await expect(query(server.serviceUrl, 'CREATE TABLE public.t (a int)')).rejects.toThrow('permission denied')
    await expect(query(server.serviceUrl.replace(/:[0-9a-f]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow('password authentication failed')
    expect(mode(dataDir)).toBe('700')
    for (const file of ['postgres.json', 'postgres.log']) expect(mode(join(dataDir, file)), file).toBe('600')
  })

  test('keeps its data over stop and start, and stop leaves no process and frees the folder', async () => {
    const dataDir = temporaryFolder()
    const events: EmbeddedPostgresEvent[] = []
    const first = await start({ dataDir, log: (event) => events.push(event) })
    await query(first.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer')
    const idle = new Client({ connectionString: first.ownerUrl })
    idle.on('error', () => undefined)
    await idle.connect()
    await Promise.all([first.stop(), first.stop()])
    await idle.end()
    expect(isRunning(first.pid)).toBe(false)
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false)
    expect(events.map(({ event }) => event)).toEqual(['initialised', 'started', 'stopped'])
    const second = await start({ dataDir, lockWaitMs: 0 })
    expect(await query(second.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  test('is served by an unprivileged user where root may not make user namespaces, and by either way afterwards', async () => {
    const dataDir = temporaryFolder()
    if (process.getuid?.() !== 0) {
      await expect(start({ dataDir, strategy: 'capability' })).rejects.toThrow('start Greffier as an ordinary user or set DATABASE_URL')
      return
    }
    const unprivileged = await start({ dataDir, strategy: 'capability' })
    expect(statSync(`/proc/${unprivileged.pid}`).uid).not.toBe(0)
    await query(unprivileged.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await unprivileged.stop()
    const usual = await start({ dataDir })
    expect(await query(usual.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
    await usual.stop()
    const again = await start({ dataDir, strategy: 'capability' })
    expect(await query(again.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })
})

describe('one folder', () => {
  test('serves one Greffier: a second start fails and says so, in the same process and in another, and the first goes on', async () => {
    const dataDir = temporaryFolder()
    const first = await start({ dataDir })
    const refused = { code: 'UNAVAILABLE', detail: expect.stringContaining('another Greffier is using the data folder') }
    await expect(start({ dataDir, lockWaitMs: 200 })).rejects.toMatchObject(refused)
    await first.stop()

    const other = startScript(PARENT, [dataDir])
    const { ownerUrl } = JSON.parse(await other.line(/^\{/))
    await expect(start({ dataDir, lockWaitMs: 200 })).rejects.toMatchObject(refused)
    expect(await query(ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    other.kill('SIGTERM')
    expect(await other.exited).toEqual({ exitCode: 0, signal: null })
  })

  test('waits for an old instance that is still draining', async () => {
    const dataDir = temporaryFolder()
    const old = startScript(PARENT, [dataDir])
    await old.line(/^\{/)
    const next = start({ dataDir })
    old.kill('SIGTERM')
    expect(await query((await next).ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('says what is missing when the passwords are gone, and does not touch the data', async () => {
    const dataDir = temporaryFolder()
    await (await start({ dataDir })).stop()
    rmSync(join(dataDir, 'postgres.json'))
    await expect(start({ dataDir })).rejects.toMatchObject({ code: 'UNAVAILABLE', detail: expect.stringContaining('postgres.json') })
    expect(existsSync(join(dataDir, 'postgres', 'PG_VERSION'))).toBe(true)
  })
})

describe('kill -9', () => {
  test('of the owner: the next start stops the server that lives on, and every committed row is there', async () => {
    const dataDir = temporaryFolder()
    const owner = startScript(PARENT, [dataDir])
    const orphan = JSON.parse(await owner.line(/^\{/))
    await query(orphan.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer')
    owner.kill('SIGKILL')
    await owner.exited
    expect(isRunning(orphan.pid)).toBe(true)
    const events: EmbeddedPostgresEvent[] = []
    const next = await start({ dataDir, log: (event) => events.push(event) })
    expect(events).toContainEqual({ event: 'orphan_stopped', pid: orphan.pid })
    expect(isRunning(orphan.pid)).toBe(false)
    expect(await query(next.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  test('of the owner and its server: the next start recovers', async () => {
    const dataDir = temporaryFolder()
    const owner = startScript(PARENT, [dataDir])
    const orphan = JSON.parse(await owner.line(/^\{/))
    await query(orphan.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer')
    owner.kill('SIGKILL')
    await owner.exited
    process.kill(orphan.pid, 'SIGKILL')
    const next = await start({ dataDir })
    expect(await query(next.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  test('of the owner during initdb: the next start makes the cluster anew', async () => {
    const dataDir = temporaryFolder()
    const owner = startScript(PARENT, [dataDir])
    const unfinished = () => readdirSync(dataDir).filter((name) => name.startsWith('postgres.new-'))
    await waitUntil(() => unfinished().length > 0, 'initdb to begin')
    owner.kill('SIGKILL')
    await owner.exited
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
    const next = await start({ dataDir })
    expect(await query(next.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await waitUntil(() => unfinished().length === 0, 'nothing half-done to remain')
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.password-'))).toEqual([])
  })

  test('of the server: it comes back on the same port with its data, and the owner is told', async () => {
    const server = await start({ dataDir: temporaryFolder() })
    const crashes = heard(server)
    const { pid, port } = server
    await query(server.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer')
    process.kill(pid, 'SIGKILL')
    await waitUntil(() => crashes.length === 1, 'the crash to be told')
    expect(crashes).toEqual([{ outcome: 'restarted', pid: server.pid }])
    expect(server.pid).not.toBe(pid)
    expect(server.port).toBe(port)
    expect(await query(server.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
    await server.stop()
    expect(isRunning(server.pid)).toBe(false)
  })

  test('of the server, then stop at once: no server remains', async () => {
    const dataDir = temporaryFolder()
    const server = await start({ dataDir })
    process.kill(server.pid, 'SIGKILL')
    await server.stop()
    expect(isRunning(server.pid)).toBe(false)
    await start({ dataDir, lockWaitMs: 0 })
  })

  test('of the server again and again: it is given up, and the owner is told', async () => {
    const server = await start({ dataDir: temporaryFolder() })
    const crashes = heard(server)
    for (let crash = 1; crash <= 6; crash++) {
      process.kill(server.pid, 'SIGKILL')
      await waitUntil(() => crashes.length === crash, `crash ${crash} to be told`)
    }
    expect(crashes.map(({ outcome }) => outcome)).toEqual([...Array<string>(5).fill('restarted'), 'given_up'])
    await server.stop()
  })
})

test('a process that happens to have the id of a dead server, and even to listen on its port, is left alone', async () => {
  const dataDir = temporaryFolder()
  await (await start({ dataDir })).stop()
  const innocent = startScript(IDLE)
  const port = (await innocent.line(/^ready/)).slice('ready '.length)
  const folder = join(dataDir, 'postgres')
  writeFileSync(
    join(folder, 'postmaster.pid'),
    `${innocent.pid}\n${folder}\n1700000000\n${port}\n\n127.0.0.1\n  1234567    999\nready   \n`,
  )
  const server = await start({ dataDir })
  expect(await query(server.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(isRunning(innocent.pid)).toBe(true)
})

test('no statement and no value reaches the log, not even when a statement fails or its process crashes', async () => {
  const dataDir = temporaryFolder()
  const server = await start({ dataDir })
  await query(server.ownerUrl, 'CREATE TABLE person (name text PRIMARY KEY)')
  await query(server.ownerUrl, `INSERT INTO person VALUES ('${CANARY}')`)
  await expect(query(server.ownerUrl, `INSERT INTO person VALUES ('${CANARY}')`)).rejects.toThrow('duplicate key')
  await expect(query(server.ownerUrl, `SELECT '${CANARY}'::int`)).rejects.toThrow('invalid input syntax')
  const client = new Client({ connectionString: server.ownerUrl })
  client.on('error', () => undefined)
  await client.connect()
  const backend = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const sleeping = client.query(`SELECT pg_sleep(600), '${CANARY}'`)
  const rejected = expect(sleeping).rejects.toThrow()
  const pid = backend.rows[0]?.pid ?? 0
  const active = `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND wait_event = 'PgSleep'`
  await waitUntil(async () => (await query(server.ownerUrl, active)).length === 1, 'the statement to run')
  process.kill(pid, 'SIGKILL')
  await rejected
  const log = () => readFileSync(join(dataDir, 'postgres.log'), 'utf8')
  await waitUntil(() => log().split('ready to accept connections').length === 3, 'the server to recover')
  expect(log()).toContain('was terminated by signal 9')
  await server.stop()
  expect(log()).not.toContain(CANARY)
})

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options)
  onTestFinished(() => server.stop())
  return server
}

function heard(server: EmbeddedPostgres): EmbeddedPostgresCrash[] {
  const crashes: EmbeddedPostgresCrash[] = []
  server.onCrash((crash) => crashes.push(crash))
  return crashes
}

async function query(connectionString: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}
