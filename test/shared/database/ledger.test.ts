import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NODE_TREE } from '../../../shared/blobs/hashing.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { type Tx, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { exchangeLogKey, listQueuedTenants, readHead, sequenceEvents, tileReader } from '../../../shared/database/ledger.ts'
import { openCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { verifiersAt, verifyKeyChain } from '../../../shared/ledger/key-rotation.ts'
import { verifyInclusion } from '../../../shared/ledger/merkle.ts'
import { verifierOf } from '../../../shared/ledger/note-keys.ts'
import { inclusionProofs, rootAt } from '../../../shared/ledger/tiles.ts'
import { naiveRoot } from '../../support/ledger-log.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

const append = (events: number) =>
  bench.tenant(async (tx) => {
    for (let at = 0; at < events; at++)
      await appendEvent(tx, bench.tenantId, { operation: 'Store', step: `step ${at} é`, phase: 'completed' })
  })
const sequence = async (max?: number) => {
  const keys = await bench.tenants.keys(bench.tenantId)
  return bench.tenant((tx) => sequenceEvents(tx, bench.tenantId, keys, max))
}
const head = async () => {
  const keys = await bench.tenants.keys(bench.tenantId)
  return bench.tenant((tx) => readHead(tx, bench.tenantId, keys))
}
const queued = (after?: string) => withSystem(bench.database, (tx) => listQueuedTenants(tx, after))
const bodies = () =>
  bench.query<{ body: string; seq: string }>(
    'SELECT e.body, e.seq FROM greffier.ledger_leaves l JOIN greffier.events e ON e.seq = l.event_seq WHERE l.tenant_id = $1 ORDER BY l.leaf_index',
    [bench.tenantId],
  )

test('whatever the sizes of the batches, the signed root is that of the stored bytes in the order of their commits', async () => {
  for (const [events, max] of [
    [1, 1],
    [5, 2],
    [300, 128],
    [700, undefined],
  ] as const) {
    await append(events)
    while (((await sequence(max)) ?? 0) > 0);
    const { checkpoint, origin, vkey, root, size } = await head()
    const chain = verifyKeyChain(vkey, [], origin)
    const opened = openCheckpoint(checkpoint, origin, verifiersAt(chain, size))
    const stored = await bodies()
    expect(opened.size).toBe(stored.length)
    const leaves = stored.map(({ body }) => NODE_TREE.leaf(Buffer.from(body)))
    expect(Buffer.from(opened.root)).toEqual(Buffer.from(naiveRoot(leaves)))
    expect(stored.map(({ seq }) => Number(seq))).toEqual(stored.map(({ seq }) => Number(seq)).sort((left, right) => left - right))
    await bench.tenant(async (tx) => {
      const read = tileReader(tx, bench.tenantId)
      expect(Buffer.from(await rootAt(size, read, NODE_TREE))).toEqual(Buffer.from(root))
      const [hashes = []] = await inclusionProofs(size, [size - 1], read, NODE_TREE)
      const leafHash = leaves.at(-1) ?? new Uint8Array()
      verifyInclusion({ index: size - 1, size, leafHash, hashes, root }, NODE_TREE)
    })
  }
  expect(await bodies()).toHaveLength(1_006)
  expect(await queued()).toEqual([])
})

test('an event whose transaction fails is neither recorded nor queued', async () => {
  const failing = bench.tenant(async (tx) => {
    await appendEvent(tx, bench.tenantId, { operation: 'Store', step: 'lost', phase: 'completed' })
    throw new Error('undone')
  })
  await expect(failing).rejects.toThrow('undone')
  expect(await queued()).toEqual([])
})

test('two sequencers at once: one works, the other leaves the log alone', async () => {
  await append(2)
  const moved = await Promise.all([sequence(), sequence(), sequence()])
  expect(moved.reduce<number>((sum, events) => sum + (events ?? 0), 0)).toBe(2)
})

test('an event whose number was given earlier and that is committed later becomes a later leaf, and none is left out', async () => {
  const step = (name: string) => ({ operation: 'Store', step: name, phase: 'completed' }) as const
  const before = (await bodies()).length
  const committing = Promise.withResolvers<void>()
  const appended = Promise.withResolvers<void>()
  const slow = bench.tenant(async (tx) => {
    await appendEvent(tx, bench.tenantId, step('given first'))
    appended.resolve()
    await committing.promise
  })
  await appended.promise
  await bench.tenant((tx) => appendEvent(tx, bench.tenantId, step('given second')))
  expect(await sequence()).toBe(1)
  committing.resolve()
  await slow
  expect(await sequence()).toBe(1)
  const added = (await bodies()).slice(before)
  expect(added.map(({ body }) => JSON.parse(body).step)).toEqual(['given second', 'given first'])
  expect(Number(added[0]?.seq)).toBeGreaterThan(Number(added[1]?.seq))
  const leaves = (await bodies()).map(({ body }) => NODE_TREE.leaf(Buffer.from(body)))
  expect(Buffer.from((await head()).root)).toEqual(Buffer.from(naiveRoot(leaves)))
})

test('a pass goes on after the tenant where the last one ended, so that nobody waits behind those who always have something', async () => {
  const others = await Promise.all(['one', 'two', 'three'].map((name) => bench.tenants.create(name)))
  for (const other of others)
    await withTenant(bench.database, other, (tx) => appendEvent(tx, other, { operation: 'Store', step: 'x', phase: 'completed' }))
  const all = await queued()
  expect(all).toEqual([...others].sort())
  for (const [at, tenant] of all.entries()) expect(await queued(tenant)).toEqual(all.slice(at + 1))
})

test('a log without events has a signed checkpoint over nothing', async () => {
  const empty = await bench.tenants.create('empty')
  const keys = await bench.tenants.keys(empty)
  const [one, two] = await Promise.all([1, 2].map(() => withTenant(bench.database, empty, (tx) => readHead(tx, empty, keys))))
  expect(one).toMatchObject({ size: 0, origin: `greffier/${empty}` })
  expect(two?.vkey).toBe(one?.vkey)
})

test('after a key was exchanged, the pinned old one leads to the new one, and its own secret is gone', async () => {
  const before = await head()
  const keys = await bench.tenants.keys(bench.tenantId)
  await bench.tenant((tx) => exchangeLogKey(tx, { tenantId: bench.tenantId, keyId: newId() }, keys))
  await append(3)
  expect(await sequence()).toBe(4)
  const after = await head()
  expect(after.vkey).not.toBe(before.vkey)
  const chain = verifyKeyChain(before.vkey, after.rotations, after.origin)
  expect(openCheckpoint(after.checkpoint, after.origin, verifiersAt(chain, after.size)).size).toBe(after.size)
  const alone = verifyKeyChain(before.vkey, [], after.origin)
  expect(() => openCheckpoint(after.checkpoint, after.origin, verifiersAt(alone, after.size))).toThrow()
  expect(
    await bench.query('SELECT generation, sealed_seed IS NULL AS gone FROM greffier.ledger_keys WHERE tenant_id = $1 ORDER BY 1', [
      bench.tenantId,
    ]),
  ).toEqual([
    { generation: 0, gone: true },
    { generation: 1, gone: false },
  ])
})

test('an exchange of the key is on record by its statement, and a log where nothing else happens is signed by the new key alone', async () => {
  const keys = await bench.tenants.keys(bench.tenantId)
  const { vkey, rotation } = await bench.tenant((tx) => exchangeLogKey(tx, { tenantId: bench.tenantId, keyId: newId() }, keys))
  expect(await queued()).toContain(bench.tenantId)
  expect(await sequence()).toBe(1)
  const { checkpoint, origin, size } = await head()
  expect(openCheckpoint(checkpoint, origin, [verifierOf(vkey)]).size).toBe(size)
  const { body = '' } = (await bodies()).at(-1) ?? {}
  expect(JSON.parse(body)).toMatchObject({
    operation: 'Store',
    step: 'log_key_exchanged',
    output_hash: createHash('sha256').update(rotation).digest('hex'),
  })
  expect(body).not.toContain(vkey.slice(vkey.lastIndexOf('+') + 1))
})

test('no role of a service can take back a leaf or a checkpoint', async () => {
  for (const statement of [
    'DELETE FROM ledger_leaves',
    'UPDATE ledger_leaves SET event_seq = 1',
    'DELETE FROM ledger_checkpoints',
    "UPDATE ledger_checkpoints SET note = ''",
    'DELETE FROM ledger_tiles',
  ])
    for (const run of [bench.tenant, inSystem])
      await expect(run((tx) => sql.raw(statement).execute(tx))).rejects.toMatchObject({ code: '42501' })
})

async function inSystem(work: (tx: Tx) => Promise<unknown>): Promise<unknown> {
  return withSystem(bench.database, work)
}
