import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BundleServices, makeBundle } from '../../../services/compliance/ledger/audit-bundle.ts'
import { tarOf } from '../../../services/compliance/ledger/tar.ts'
import { NODE_PRIMITIVES } from '../../../shared/blobs/hashing.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { exchangeLogKey, readHead, sequenceEvents } from '../../../shared/database/ledger.ts'
import { keepRuleFiles } from '../../../shared/database/rule-files.ts'
import { type BundlePins, checkBundle } from '../../../shared/ledger/bundle-check.ts'
import type { Primitives } from '../../../shared/ledger/primitives.ts'
import { type BundleParts, sourceOf } from '../../support/ledger-bundle.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const FIRST = { policy: Buffer.from('p1\n'), processors: Buffer.from('r1\n'), activities: Buffer.from('a1\n') }
/** After an edit of all but the activities. */
const SECOND = { ...FIRST, policy: Buffer.from('p2\n'), processors: Buffer.from('r2\n') }
/** A policy of which nobody kept the bytes. */
const LOST = Buffer.from('p3\n')
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const naming = ({ policy, processors, activities }: typeof FIRST) =>
  ({
    policy: { hash: sha256(policy), rule: null, outcome: 'allowed', failed: [] },
    recipient: {
      processor: 'mistral',
      endpoint: 'https://m.example',
      region: 'eu',
      register_hash: sha256(processors),
      subprocessor_set_hash: null,
    },
    register_hash: sha256(activities),
  }) satisfies Partial<EventDraft>

let bench: Workbench
let tenantId: string
let services: BundleServices
/** Of the log's first key. */
let vkey: string
let kept: string
let whole: BundleParts
beforeAll(async () => {
  bench = await openWorkbench()
  tenantId = bench.tenantId
  services = {
    database: bench.database,
    tenants: bench.tenants,
    enclosures: async () => ({ 'register.json': '{}\n', 'policy.yaml': Buffer.from('rules: []\n') }),
  }
  await keepRuleFiles(bench.database, FIRST)
  await log(1, tenantId, naming(FIRST))
  vkey = (await head()).vkey
  await keepRuleFiles(bench.database, SECOND)
  await log(1, tenantId, naming(SECOND))
  kept = (await head()).checkpoint
  const keys = await bench.tenants.keys(tenantId)
  await bench.tenant((tx) => exchangeLogKey(tx, caller(tenantId), keys))
  await log(1, tenantId, naming({ ...SECOND, policy: LOST }))
  whole = await bundle()
})
afterAll(() => bench.close())

const caller = (of: string) => ({ tenantId: of, keyId: newId() })

/** So many events more, under one checkpoint. */
async function log(events: number, of = tenantId, draft: Partial<EventDraft> = {}): Promise<void> {
  await withTenant(bench.database, of, async (tx) => {
    for (let at = 0; at < events; at++)
      await appendEvent(tx, of, { operation: 'Store', step: `step ${at} é`, phase: 'completed', ...draft })
  })
  const keys = await bench.tenants.keys(of)
  while (((await withTenant(bench.database, of, (tx) => sequenceEvents(tx, of, keys))) ?? 0) > 0);
}

async function head(of = tenantId) {
  const keys = await bench.tenants.keys(of)
  return withTenant(bench.database, of, (tx) => readHead(tx, of, keys))
}

async function bundle(of = tenantId): Promise<BundleParts> {
  const files: BundleParts = new Map()
  for await (const { path, bytes, content } of makeBundle(services, caller(of), { from: null, to: null, knownSize: null })) {
    const chunks: Uint8Array[] = []
    for await (const chunk of content) chunks.push(chunk)
    files.set(path, Buffer.concat(chunks))
    expect(files.get(path)).toHaveLength(bytes)
  }
  return files
}

const check = (files: BundleParts, pins: Partial<BundlePins> = {}, primitives: Primitives = NODE_PRIMITIVES) =>
  checkBundle(sourceOf(files, 4_096), { vkey, ...pins }, primitives)
const changed = (path: string, content: Uint8Array | string) => new Map(whole).set(path, Buffer.from(content))
const events = () =>
  Buffer.from(whole.get('events.jsonl') ?? [])
    .toString()
    .trimEnd()
    .split('\n')
const withEvents = (lines: readonly string[]) => changed('events.jsonl', lines.map((line) => `${line}\n`).join(''))

/** Most signatures are the same from one flip to the next. */
function remembering(): Primitives {
  const known = new Map<string, boolean>()
  return {
    ...NODE_PRIMITIVES,
    verifyEd25519: (key, message, signature) => {
      const asked = [key, message, signature].map((bytes) => Buffer.from(bytes).toString('base64')).join(' ')
      const answer = known.get(asked) ?? NODE_PRIMITIVES.verifyEd25519(key, message, signature)
      known.set(asked, answer)
      return answer
    },
  }
}

test('the files that the running store makes are whole, with keys exchanged in the middle, for whoever pinned the first key or the second', async () => {
  expect([...whole.keys()]).toEqual(expect.arrayContaining(['rotations/0', 'consistency/1', 'consistency/2', 'proofs/0', 'proofs/2']))
  expect([...whole.keys()].at(-1)).toBe('bundle.note')
  expect(await check(whole, { knownCheckpoint: kept })).toMatchObject({ status: 'whole', problems: [], events: 4 })
  expect(await check(whole, { vkey: (await head()).vkey })).toMatchObject({ status: 'whole' })
})

describe('the rules that events name', () => {
  const rulesIn = (files: BundleParts) => [...files].filter(([path]) => path.startsWith('rules/'))
  const pathsOf = (files: Partial<typeof FIRST>) =>
    Object.entries(files).map(([kind, bytes]) => [`rules/${kind}-${sha256(bytes)}.yaml`, bytes])

  test('are enclosed as they were, each version under the hash that events name, before an edit and after it', () => {
    expect(new Map(rulesIn(whole))).toEqual(new Map([...pathsOf(FIRST), ...pathsOf(SECOND)] as [string, Buffer][]))
  })

  test('are listed in the README where nobody kept their bytes, and nowhere else', () => {
    const readme = Buffer.from(whole.get('README.md') ?? []).toString()
    expect(readme.match(/^ {2}- .*$/gm)).toEqual([`  - policy "${sha256(LOST)}"`])
    expect(readme).not.toContain('None of them is missing')
  })

  test('are those of the events of the bundle: none that other organisations, or later events, were decided by', async () => {
    const other = await bench.tenants.create('with older rules')
    await log(2, other, naming(FIRST))
    const theirs = await bundle(other)
    expect(new Map(rulesIn(theirs))).toEqual(new Map(pathsOf(FIRST) as [string, Buffer][]))
    expect(Buffer.from(theirs.get('README.md') ?? []).toString()).toContain('None of them is missing')
  })
})

test.each([0, 1_000, 1_001])('the README of a bundle of %i events speaks of proofs only where there are some', async (size) => {
  const large = await bench.tenants.create(`one of ${size}`)
  await log(size, large)
  const files = await bundle(large)
  const readme = Buffer.from(files.get('README.md') ?? []).toString()
  const proofs = [...files.keys()].filter((path) => path.startsWith('proofs/'))
  expect(proofs).toHaveLength(size > 1_000 ? 0 : size)
  expect(readme.includes('Each file in `proofs/`')).toBe(proofs.length > 0)
  expect(readme.includes('GET /v1/documents/{id}/proofs')).toBe(size > 1_000)
})

describe('tampered, never whole:', () => {
  test('every byte of every file, changed', { timeout: 300_000 }, async () => {
    const primitives = remembering()
    const survivors: string[] = []
    let flips = 0
    for (const [path, content] of whole) {
      for (let at = 0; at < content.length; at++) {
        const bytes = Buffer.from(content)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        flips += 1
        const { status } = await check(changed(path, bytes), {}, primitives)
        if (status !== 'tampered') survivors.push(`${path} at ${at}: ${status}`)
      }
    }
    expect(survivors).toEqual([])
    expect(flips).toBeGreaterThan(4_000)
  })

  test('every file, cut short by a byte, with a byte more, or empty', async () => {
    const primitives = remembering()
    for (const [path, content] of whole)
      for (const bytes of [content.slice(0, -1), content.slice(1), Buffer.concat([content, Buffer.from('\n')]), Buffer.alloc(0)])
        expect([path, (await check(changed(path, bytes), {}, primitives)).status]).toEqual([path, 'tampered'])
  })

  test('an event removed, twice, added, in another place, or from another bundle', async () => {
    const [first = '', second = '', ...rest] = events()
    const problems = async (lines: readonly string[]) =>
      (await check(withEvents(lines))).problems.map(({ code, leaf }) => `${code} ${leaf}`)
    expect(await problems([first, ...rest])).toContain('EVENT_REMOVED 1')
    expect(await problems([first, second, second, ...rest])).toContain('EVENT_ADDED 2')
    expect(await problems([second, first, ...rest])).toContain('EVENT_MOVED 0')
    expect(await problems([first, second.replace('Store', 'Erase'), ...rest])).toContain('EVENT_CHANGED 1')
    expect(await problems([first, '', second, ...rest])).toContain('EVENT_ADDED 1')
  })

  test('any two files, exchanged', async () => {
    const primitives = remembering()
    const paths = [...whole.keys()]
    for (const [at, left] of paths.entries())
      for (const right of paths.slice(at + 1)) {
        const swapped = new Map(whole).set(left, whole.get(right) ?? Buffer.of()).set(right, whole.get(left) ?? Buffer.of())
        expect([left, right, (await check(swapped, {}, primitives)).status]).toEqual([left, right, 'tampered'])
      }
  })

  test('files of an organisation’s bundle in that of another, or all of them', async () => {
    const other = await bench.tenants.create('another')
    await log(5, other)
    const theirs = await bundle(other)
    expect(await check(theirs, { vkey: (await head(other)).vkey })).toMatchObject({ status: 'whole' })
    expect(await check(theirs)).toMatchObject({ status: 'tampered' })
    for (const [path, content] of theirs) {
      if (Buffer.from(whole.get(path) ?? []).equals(content)) continue
      expect([path, (await check(changed(path, content))).status]).toEqual([path, 'tampered'])
    }
  })

  test('a log that was written anew and signed with the true key, against a checkpoint that was kept', async () => {
    const rewriter = await bench.tenants.create('a third')
    await log(3, rewriter)
    const before = await head(rewriter)
    await bench.query(`DELETE FROM greffier.ledger_queue WHERE tenant_id = $1`, [rewriter])
    for (const table of ['ledger_leaves', 'ledger_tiles', 'ledger_checkpoints'])
      await bench.query(`DELETE FROM greffier.${table} WHERE tenant_id = $1`, [rewriter])
    await bench.query(`UPDATE greffier.ledger_logs SET size = 0, edge = '' WHERE tenant_id = $1`, [rewriter])
    await log(4, rewriter)
    const rewritten = await bundle(rewriter)
    expect(await check(rewritten, { vkey: before.vkey })).toMatchObject({ status: 'whole' })
    expect(await check(rewritten, { vkey: before.vkey, knownCheckpoint: before.checkpoint })).toMatchObject({
      status: 'tampered',
      problems: [{ code: 'HISTORY_WRONG' }],
    })
  })

  test('an event that somebody changed in the database, by its leaf', async () => {
    const fourth = await bench.tenants.create('a fourth')
    await log(6, fourth)
    await bench.query(
      `UPDATE greffier.events SET body = replace(body, 'Store', 'Erase') WHERE seq =
        (SELECT event_seq FROM greffier.ledger_leaves WHERE tenant_id = $1 AND leaf_index = 4)`,
      [fourth],
    )
    const { status, problems } = await check(await bundle(fourth), { vkey: (await head(fourth)).vkey })
    expect(status).toBe('tampered')
    expect(problems).toContainEqual(expect.objectContaining({ code: 'EVENT_CHANGED', leaf: 4 }))
  })
})

test('each file that is taken away leaves the bundle incomplete, or tampered where others speak of it', async () => {
  const primitives = remembering()
  for (const path of whole.keys()) {
    const { status } = await check(new Map([...whole].filter(([name]) => name !== path)), {}, primitives)
    expect([path, status]).toEqual([path, path === 'rotations/0' ? 'tampered' : 'incomplete'])
  }
})

describe('over HTTP', () => {
  /** Serves one bundle whose registers are as given, as the route does; resolves with where. */
  async function serve(enclosures: BundleServices['enclosures']) {
    const server = createServer((_request, response) => {
      const archive = tarOf(makeBundle({ ...services, enclosures }, caller(tenantId), { from: null, to: null, knownSize: null }))
      archive.on('error', () => response.destroy())
      response.on('close', () => archive.destroy())
      archive.pipe(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
  }
  const failures = async () =>
    (await bench.query(`SELECT FROM greffier.events WHERE body LIKE '%"result":"failed"%' AND body LIKE '%"step":"audit_bundle"%'`)).length

  test('what fails in the middle breaks the answer, and is on record', async () => {
    const before = await failures()
    const served = await serve(async () => {
      throw new Error('no register')
    })
    const response = await fetch(served.url)
    await expect(response.arrayBuffer()).rejects.toThrow()
    await waitUntil(async () => (await failures()) === before + 1, 'the failure to be on record')
    served.close()
  })

  test('a client that goes away ends the work, and that is on record', async () => {
    const before = await failures()
    const { promise: waiting, resolve: release } = Promise.withResolvers<void>()
    const served = await serve(async () => {
      await waiting
      return Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`large/${at}`, Buffer.alloc(1_000_000)]))
    })
    const leaving = new AbortController()
    const response = await fetch(served.url, { signal: leaving.signal })
    await response.body?.getReader().read()
    leaving.abort()
    release()
    await waitUntil(async () => (await failures()) === before + 1, 'the end to be on record')
    served.close()
  })
})
