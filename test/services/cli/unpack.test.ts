import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from 'tar-stream'
import { afterAll, expect, test } from 'vitest'
import { CliError } from '../../../services/cli/cli-error.ts'
import { unpackBundle } from '../../../services/cli/unpack.ts'

type Entry = Parameters<ReturnType<typeof pack>['entry']>[0]

const folder = mkdtempSync(join(tmpdir(), 'greffier-unpack-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const END: [Entry, string] = [{ name: 'bundle.note' }, 'signed\n']

async function tarOf(...entries: [Entry, string][]): Promise<Buffer> {
  const archive = pack()
  for (const [header, content] of entries) archive.entry(header, content)
  archive.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* inChunks(bytes: Buffer, breaks: Error | null = null): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700)
  if (breaks !== null) throw breaks
}

const unpack = (archive: AsyncIterable<Uint8Array>, to: string, signal = new AbortController().signal) =>
  unpackBundle(archive, join(folder, to), { signal, progress: () => undefined })

test('an archive is unpacked whole into a folder that was missing or empty', async () => {
  const archive = await tarOf([{ name: 'events.jsonl' }, 'a\n'.repeat(5_000)], [{ name: 'proofs/0' }, ''], END)
  mkdirSync(join(folder, 'whole'))
  expect(await unpack(inChunks(archive), 'whole')).toBe(3)
  expect(readFileSync(join(folder, 'whole', 'events.jsonl'), 'utf8')).toBe('a\n'.repeat(5_000))
  expect(readFileSync(join(folder, 'whole', 'proofs/0'), 'utf8')).toBe('')
  expect(await unpack(inChunks(archive), 'deep/er')).toBe(3)
  await expect(unpack(inChunks(archive), 'whole')).rejects.toMatchObject({ code: 'FOLDER_IN_USE' })
  rmSync(join(folder, 'deep'), { recursive: true })
})

const hostile: [what: string, ...entries: [Entry, string][]][] = [
  ['a path upwards', [{ name: '../outside' }, 'x'], END],
  ['a path upwards in the middle', [{ name: 'proofs/../../outside' }, 'x'], END],
  ['an absolute path', [{ name: '/tmp/outside' }, 'x'], END],
  ['a link', [{ name: 'proofs', type: 'symlink', linkname: '/' }, ''], [{ name: 'proofs/0' }, 'x'], END],
  ['a hard link', [{ name: 'policy.yaml', type: 'link', linkname: '/etc/hostname' }, ''], END],
  ['the same file twice', [{ name: 'leaves' }, 'x'], [{ name: 'leaves' }, 'y'], END],
  ['a file where a folder has to be', [{ name: 'proofs' }, 'x'], [{ name: 'proofs/0' }, 'x'], END],
  ['something behind the manifest', END, [{ name: 'leaves' }, 'x']],
  ['no manifest', [{ name: 'leaves' }, 'x']],
]
test.each(hostile)('an archive with %s leaves nothing', async (_what, ...entries) => {
  const before = readdirSync(folder).sort()
  await expect(unpack(inChunks(await tarOf(...entries)), 'hostile')).rejects.toThrow()
  expect(readdirSync(folder).sort()).toEqual(before)
})

test('an archive that was cut off anywhere, or whose connection broke, leaves nothing', async () => {
  const before = readdirSync(folder).sort()
  const archive = await tarOf([{ name: 'events.jsonl' }, 'a\n'.repeat(1_000)], END)
  // The manifest is whole from there on; what is missing then is the padding behind it alone.
  const manifestEnds = archive.indexOf('signed\n') + 'signed\n'.length
  for (let length = 0; length < manifestEnds; length += 173)
    await expect(unpack(inChunks(archive.subarray(0, length)), 'cut'), `${length} bytes`).rejects.toThrow()
  const broken = new CliError('SERVER_UNREACHABLE', 'broke', 69)
  await expect(unpack(inChunks(archive, broken), 'cut')).rejects.toBe(broken)
  await expect(unpack(inChunks(archive.subarray(0, 1_500), broken), 'cut')).rejects.toBe(broken)
  expect(readdirSync(folder).sort()).toEqual(before)
})

test('whoever stops it finds nothing of it', async () => {
  const before = readdirSync(folder).sort()
  const stopping = new AbortController()
  const archive = await tarOf([{ name: 'events.jsonl' }, 'a\n'.repeat(10_000)], END)
  async function* slow() {
    for await (const chunk of inChunks(archive)) {
      yield chunk
      stopping.abort(new CliError('INTERRUPTED', 'stopped', 130))
    }
  }
  await expect(unpack(slow(), 'stopped', stopping.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(readdirSync(folder).sort()).toEqual(before)
})

test('what others put there meanwhile is not replaced', async () => {
  const archive = await tarOf([{ name: 'leaves' }, 'x'], END)
  async function* meanwhile() {
    mkdirSync(join(folder, 'taken'))
    writeFileSync(join(folder, 'taken', 'mine'), 'mine')
    yield* inChunks(archive)
  }
  await expect(unpack(meanwhile(), 'taken')).rejects.toThrow()
  expect(readdirSync(join(folder, 'taken'))).toEqual(['mine'])
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([])
})
