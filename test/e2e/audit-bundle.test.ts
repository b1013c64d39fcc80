import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBundleFolder } from '../../services/cli/bundle-folder.ts'
import { NODE_PRIMITIVES } from '../../shared/blobs/hashing.ts'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { type BundlePins, checkBundle } from '../../shared/ledger/bundle-check.ts'
import { verifyKeyChain } from '../../shared/ledger/key-rotation.ts'
import { verifyTlogProof } from '../../shared/ledger/proof.ts'
import { subprocessorSetHash } from '../../shared/ledger/subprocessor-set.ts'
import type { RegisterReport } from '../../shared/policy/register-report.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { loadRegister } from '../../shared/runtime/policy-files.ts'
import { runCli } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
let folder: string
let pinned: { origin: string; vkey: string }
/** A checkpoint that an auditor kept before most of it happened. */
let kept: string
let erasedAt: string
let documentId: string
const SHIPPED = resolve(import.meta.dirname, '../../infra/activities.yaml')
const SAMPLES = ['invoice-northwind.txt', 'letter.txt']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'greffier-bundle-'))
  writeFileSync(at('activities.yaml'), activitiesFor('Alder GmbH'))
  greffier = await startGreffier({ ACTIVITIES_FILE: at('activities.yaml') })
  pinned = await greffier.json('/v1/ledger/key')
  const [kept_ = '', gone = ''] = [await add('One letter.', SAMPLES[0] ?? ''), await add('Another letter.', SAMPLES[1] ?? '')]
  documentId = kept_
  await sequenced()
  kept = await checkpoint()
  writeFileSync(join(folder, 'kept'), kept)
  erasedAt = new Date().toISOString()
  await greffier.erase(gone)
  await sequenced()
  await bundle('whole')
})
afterAll(async () => {
  await greffier.close()
  rmSync(folder, { recursive: true, force: true })
})

async function add(text: string, file_name: string): Promise<string> {
  const { document_id } = await greffier.upload(text, { file_name })
  expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed' })
  return document_id
}

const checkpoint = async () => (await greffier.fetch('/v1/ledger/checkpoint')).text()
const at = (name: string) => join(folder, name)
/** The shipped ones, but for contracts, which are read on behalf of somebody else. */
const activitiesFor = (controller: string) =>
  readFileSync(SHIPPED, 'utf8').replace(
    /(id: contracts[\s\S]*?)role: controller/,
    `$1role: processor\n    controllers: [{ name: ${controller}, contact: dpo@example.org }]`,
  )
const sequenced = () =>
  waitUntil(async () => (await greffier.rows('SELECT FROM ledger_queue LIMIT 1')).length === 0, 'every event to be in the log')
const cli = (...args: string[]) => runCli(args, { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
const bundle = async (name: string, ...more: string[]) => {
  const done = await cli('audit-bundle', '--out', at(name), ...more)
  expect(done, done.stderr).toMatchObject({ code: 0 })
}
/** Without any of the environment that a server would need. */
const verify = (name: string, ...more: string[]) => runCli(['verify', at(name), '--vkey', pinned.vkey, ...more])
const check = async (name: string, pins: Partial<BundlePins> = {}) =>
  checkBundle(await openBundleFolder(at(name), () => undefined), { vkey: pinned.vkey, ...pins }, NODE_PRIMITIVES)
const copy = (name: string) => {
  cpSync(at('whole'), at(name), { recursive: true })
  return at(name)
}

describe('a bundle of the running system', () => {
  test('is whole, also after an erasure, and against a checkpoint that was kept before', async () => {
    const plain = await verify('whole')
    expect(plain, plain.stderr).toMatchObject({ code: 0, stderr: '' })
    expect(plain.stdout).toMatch(/^whole: events 0 to \d+ of the log greffier\//)
    const known = await verify('whole', '--known-checkpoint', at('kept'), '--json')
    expect(known).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(known.stdout)).toMatchObject({ status: 'whole', problems: [], origin: pinned.origin, from: 0 })
    const events = readFileSync(join(at('whole'), 'events.jsonl'), 'utf8')
    expect(events).toContain('"operation":"Erase"')
    for (const name of SAMPLES) expect(events).not.toContain(name)
  })

  test('holds the policy, the register of processors and the activities byte for byte as the events name them', () => {
    const read = (name: string) => readFileSync(join(at('whole'), name))
    const sha256 = (name: string) => createHash('sha256').update(read(name)).digest('hex')
    const events = read('events.jsonl')
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const policies = new Set(events.flatMap(({ policy }) => (policy === null ? [] : [policy.hash])))
    const registers = new Set(events.flatMap(({ recipient }) => (recipient === null ? [] : [recipient.register_hash])))
    expect([...policies]).toEqual([sha256('policy.yaml')])
    expect([...registers]).toEqual([sha256('processors.yaml')])
    const declared = new Set(events.flatMap(({ register_hash }) => register_hash ?? []))
    expect([...declared]).toEqual([sha256('activities.yaml')])
    expect(JSON.parse(read('processors.json').toString())).toMatchObject({ register_hash: sha256('processors.yaml') })
    expect(read('README.md').toString()).toContain('greffier verify')
  })

  test('holds both registers of Art. 30, of what is done as a controller and of what is done for others, and the README names every file of them', () => {
    const register = (name: string): RegisterReport => JSON.parse(readFileSync(join(at('whole'), name), 'utf8'))
    const [own, forOthers] = [register('register.json'), register('register-as-processor.json')]
    expect([own.view, forOthers.view]).toEqual(['controller', 'processor'])
    expect(own.activities.map(({ id }) => id)).not.toContain('contracts')
    expect(forOthers).toMatchObject({ activities: [{ id: 'contracts' }], by_controller: [{ controller: { name: 'Alder GmbH' } }] })
    const readme = readFileSync(join(at('whole'), 'README.md'), 'utf8')
    for (const name of readdirSync(at('whole')).filter((one) => /\.(json|yaml)$/.test(one))) expect(readme).toContain(`\`${name}\``)
  })

  test('is checked where there is no network, nothing may be written and no other program started', async () => {
    const done = await runCli(['verify', at('whole'), '--vkey', pinned.vkey], {
      node: ['--permission', '--allow-worker', '--allow-fs-read=*'],
    })
    expect(done, done.stderr).toMatchObject({ code: 0 })
  })

  test('is checked whatever the environment holds, with the key in a file', async () => {
    writeFileSync(at('key'), `${pinned.vkey}\n`)
    const done = await runCli(['verify', at('whole'), '--vkey', at('key')], { env: { PORT: 'none', LOG_LEVEL: 'loud', GREFFIER_URL: 'x' } })
    expect(done, done.stderr).toMatchObject({ code: 0 })
  })

  test('of a period verifies by itself, and holds the proof for a kept checkpoint from before it', async () => {
    await bundle('period', '--from', erasedAt, '--known-checkpoint', at('kept'))
    const verdict = await check('period', { knownCheckpoint: kept })
    expect(verdict).toMatchObject({ status: 'whole', problems: [] })
    expect(verdict.from).toBeGreaterThan(0)
    await bundle('before', '--to', erasedAt)
    expect(await check('before', { knownCheckpoint: kept })).toMatchObject({ status: 'whole', from: 0, to: verdict.from })
    await bundle('never', '--to', '2020-01-01T00:00:00Z')
    expect(await check('never')).toMatchObject({ status: 'whole', events: 0 })
  })

  test('is itself on record, in the log of after it', async () => {
    const hash = createHash('sha256')
      .update(readFileSync(join(at('whole'), 'bundle.note')))
      .digest('hex')
    const rows = await greffier.rows<{ body: string }>(`SELECT body FROM events WHERE body LIKE '%"step":"audit_bundle"%'`)
    expect(rows.map(({ body }) => JSON.parse(body))).toContainEqual(expect.objectContaining({ result: 'ok', output_hash: hash }))
  })

  test('is refused to a folder with something in it, and leaves nothing where it fails', async () => {
    mkdirSync(at('full'))
    writeFileSync(join(at('full'), 'mine'), '')
    const before = readdirSync(folder).sort()
    expect(await cli('audit-bundle', '--out', at('full'))).toMatchObject({ code: 64, stderr: expect.stringContaining('FOLDER_IN_USE') })
    const denied = await runCli(['audit-bundle', '--out', at('denied')], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: 'x' } })
    expect(denied.code).toBe(77)
    expect(readdirSync(folder).sort()).toEqual(before)
    mkdirSync(at('empty'))
    await bundle('empty')
    expect(await check('empty')).toMatchObject({ status: 'whole' })
  })
})

describe('a changed bundle', () => {
  test('in which an event was rewritten exits with 1 and names the leaf', async () => {
    const path = join(copy('rewritten'), 'events.jsonl')
    const lines = readFileSync(path, 'utf8').split('\n')
    lines[3] = lines[3]?.replace('"role":"controller"', '"role":"processor"') ?? ''
    writeFileSync(path, lines.join('\n'))
    const done = await verify('rewritten', '--json')
    expect(done.code).toBe(1)
    expect(JSON.parse(done.stdout).problems).toContainEqual(expect.objectContaining({ code: 'EVENT_CHANGED', leaf: 3 }))
  })

  test.each(['bundle.note', 'events.jsonl', 'leaves', 'checkpoint', 'range-proof', 'log.vkey', 'policy.yaml', 'proofs/2', 'README.md'])(
    'without %s exits with 2',
    async (name) => {
      const path = copy(`without-${name.replace('/', '-')}`)
      rmSync(join(path, name))
      expect(await check(`without-${name.replace('/', '-')}`)).toMatchObject({ status: 'incomplete' })
    },
  )

  test('that lacks a file exits with 2, that has one more or a link with 1', async () => {
    rmSync(join(copy('less'), 'policy.yaml'))
    expect(await verify('less')).toMatchObject({ code: 2 })
    writeFileSync(join(copy('more'), 'proofs', 'note.txt'), 'x')
    expect(await verify('more')).toMatchObject({ code: 1, stdout: expect.stringContaining('FILE_ADDED') })
  })

  test('under another key is tampered with, and what keeps the check from being done is none of the three', async () => {
    const { apiKey } = await greffier.addTenant()
    const other = await greffier.fetch('/v1/ledger/key', { headers: { authorization: `Bearer ${apiKey}` } })
    const { vkey } = (await other.json()) as { vkey: string }
    expect(await runCli(['verify', at('whole'), '--vkey', vkey])).toMatchObject({ code: 1 })
    expect(await runCli(['verify', at('whole'), '--vkey', `${pinned.vkey}x`])).toMatchObject({ code: 64 })
    expect(await runCli(['verify', at('whole')])).toMatchObject({ code: 64 })
    expect(await runCli(['verify', at('nowhere'), '--vkey', pinned.vkey])).toMatchObject({ code: 66 })
    writeFileSync(at('no-checkpoint'), 'x')
    expect(await verify('whole', '--known-checkpoint', at('no-checkpoint'))).toMatchObject({ code: 64 })
  })
})

describe('the proofs of a document', () => {
  test('prove each of its events by itself, page by page, and name what is not in the log yet', async () => {
    const chain = verifyKeyChain(pinned.vkey, [], pinned.origin)
    const record = await greffier.record(documentId)
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const path = `/v1/documents/${documentId}/proofs?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`
      const page: ProofsPage = await greffier.json(path)
      for (const one of page.events) {
        if (one.status !== 'proven') continue
        const leafHash = createHash('sha256')
          .update(Buffer.concat([Buffer.of(0), Buffer.from(one.event)]))
          .digest()
        const verifiers = chain.keys.map(({ verifier }) => verifier)
        expect(verifyTlogProof(one.proof, { leafHash, origin: page.origin, verifiers }).index).toBe(one.leaf_index)
        expect(JSON.parse(one.event).event_id).toBe(one.event_id)
        seen.push(one.event_id)
      }
      cursor = page.next_cursor
    } while (cursor !== null)
    expect(seen).toEqual(record.map(({ event_id }) => event_id))
  })
})

describe('rules that were edited between two starts', () => {
  type Named = Record<'policy' | 'processors' | 'activities', string | undefined>
  const namedIn = (name: string): Named[] => {
    const lines = readFileSync(join(at(name), 'events.jsonl'), 'utf8')
      .trim()
      .split('\n')
    return lines.map((line) => {
      const { policy, recipient, register_hash } = JSON.parse(line)
      return { policy: policy?.hash, processors: recipient?.register_hash, activities: register_hash ?? undefined }
    })
  }
  const rulesIn = (name: string) => readdirSync(join(at(name), 'rules')).sort()
  const sha256Of = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
  const edited = (name: string, path: string) => {
    writeFileSync(at(name), `${readFileSync(path, 'utf8')}# edited\n`)
    return at(name)
  }
  /** The shipped register, in which two others stand behind the rules here. */
  const withSubprocessor = (path: string) => {
    const claim = 'source: a test, read_on: 2026-11-22, confidence: verified'
    const one = (entity: string, to: string) =>
      `{ entity: ${entity}, country: FR, valid: { from: null, to: ${to} }, known: { from: 2020-01-01, to: null }, ${claim} }`
    const text = readFileSync(path, 'utf8').replace('list: []', `list: [${one('Ivy SAS', 'null')}, ${one('Gone SAS', '2020-01-02')}]`)
    writeFileSync(at('processors-edited.yaml'), text)
    return at('processors-edited.yaml')
  }

  beforeAll(async () => {
    const { POLICY_FILE, PROCESSORS_FILE } = readConfig({})
    writeFileSync(at('activities-edited.yaml'), activitiesFor('Brook Ltd'))
    await greffier.startAgain({
      POLICY_FILE: edited('policy-edited.yaml', POLICY_FILE),
      PROCESSORS_FILE: withSubprocessor(PROCESSORS_FILE),
      ACTIVITIES_FILE: at('activities-edited.yaml'),
    })
    await add('A third letter.', 'third.txt')
    await sequenced()
    await bundle('edited')
  })

  test('are all in the bundle, each under the hash that the events of its time name, byte for byte', () => {
    const events = namedIn('edited')
    for (const kind of ['policy', 'processors', 'activities'] as const) {
      const hashes = [...new Set(events.flatMap((named) => named[kind] ?? []))]
      expect([kind, hashes.length]).toEqual([kind, 2])
      for (const hash of hashes) expect(sha256Of(join(at('edited'), 'rules', `${kind}-${hash}.yaml`))).toBe(hash)
      expect(hashes[1]).toBe(sha256Of(at(`${kind}-edited.yaml`)))
      expect(hashes[1]).toBe(sha256Of(join(at('edited'), `${kind}.yaml`)))
    }
    expect(rulesIn('edited')).toHaveLength(6)
    expect(rulesIn('whole')).toHaveLength(3)
    const before = readFileSync(join(at('edited'), 'rules', `activities-${sha256Of(at('activities.yaml'))}.yaml`), 'utf8')
    expect(before).toContain('Alder GmbH')
    expect(readFileSync(join(at('edited'), 'README.md'), 'utf8')).toContain('None of them is missing')
  })

  test('say to the auditor alone who stood behind the processor of each call', () => {
    const events: ProcessingEvent[] = readFileSync(join(at('edited'), 'events.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const timeOf = new Map(events.map(({ event_id, time }) => [event_id, time]))
    const registers = new Map(
      rulesIn('edited').flatMap((name) => {
        const hash = /^processors-(.+)\.yaml$/.exec(name)?.[1]
        return hash === undefined ? [] : [[hash, loadRegister(join(at('edited'), 'rules', name)).register]]
      }),
    )
    const sets = new Set<string | null>()
    for (const { time, recipient, parent_events } of events) {
      const register = registers.get(recipient?.register_hash ?? '')
      if (recipient === null || register === undefined) continue
      const day = (timeOf.get(parent_events[0] ?? '') ?? time).slice(0, 10)
      expect(recipient.subprocessor_set_hash).toBe(subprocessorSetHash(register, recipient.processor, day))
      sets.add(recipient.subprocessor_set_hash)
    }
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
    expect(registers.size).toBe(2)
    expect([...sets]).toEqual([sha256('[]'), sha256('[{"country":"FR","entity":"Ivy SAS"}]')])
  })

  test('verify with the rest of the bundle; one changed byte in any version is tampered with', async () => {
    expect(await verify('edited')).toMatchObject({ code: 0, stderr: '' })
    for (const name of rulesIn('edited')) {
      const path = join(at('edited'), 'rules', name)
      const right = readFileSync(path)
      const wrong = Buffer.from(right)
      wrong[right.length - 2] = (wrong[right.length - 2] ?? 0) ^ 1
      writeFileSync(path, wrong)
      const { status, problems } = await check('edited')
      expect([status, problems.map(({ code, path: named }) => `${code} ${named}`)]).toEqual(['tampered', [`FILE_CHANGED rules/${name}`]])
      writeFileSync(path, right)
    }
    rmSync(join(at('edited'), 'rules', rulesIn('edited')[0] ?? ''))
    expect(await check('edited')).toMatchObject({ status: 'incomplete' })
  })
})

interface ProofsPage {
  origin: string
  events: (
    | { status: 'proven'; event_id: string; leaf_index: number; event: string; proof: string }
    | { status: 'pending'; event_id: string }
  )[]
  next_cursor: string | null
}
