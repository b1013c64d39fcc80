import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Greffier } from '../support/greffier.ts'
import { startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

const TEST_MS = 180_000
const MARKERS = ['Zwirbelhuber', 'Mandragorenweg', 'Quittenbaum', 'Pfefferkornius'] as const
const FILE_NAME = `${MARKERS[0]}.txt`

test('what a document said and was called is in no byte of the data folder after its erasure, PostgreSQL’s included, running or stopped', {
  timeout: TEST_MS,
}, async () => {
  // Its own database server: its heap and its write-ahead log are in the folder.
  const greffier = await startGreffier({ DATABASE_URL: undefined, DATABASE_OWNER_URL: undefined })
  try {
    // The search itself is not blind.
    const control = join(greffier.dataDir, 'control')
    writeFileSync(control, Buffer.concat([Buffer.of(0), Buffer.from(MARKERS[0].toUpperCase())]))
    expect(findMarkers(greffier.dataDir)).toHaveLength(1)
    rmSync(control)
    const { document_id } = await greffier.upload(
      `Vertrag mit ${MARKERS[2]}: die Frist endet am 31. März 2027.`,
      { file_name: FILE_NAME, metadata: JSON.stringify({ street: MARKERS[1] }) },
      { 'idempotency-key': 'once' },
    )
    await waitUntil(async () => (await statusOf(greffier, document_id)) === 'completed', 'the document')
    await greffier.json('/v1/answers', { question: `Wann endet die Frist von ${MARKERS[2]} und ${MARKERS[3]}?` })
    await greffier.erase(document_id)
    expect(findMarkers(greffier.dataDir)).toEqual([])
    await greffier.stop()
    const files = filesBelow(greffier.dataDir)
    for (const part of ['pg_wal', 'search.sqlite', 'tombstones.jsonl'])
      expect(
        files.some((path) => path.includes(part)),
        part,
      ).toBe(true)
    expect(findMarkers(greffier.dataDir)).toEqual([])
  } finally {
    await greffier.close()
  }
})

async function statusOf(greffier: Greffier, id: string): Promise<string> {
  return (await greffier.json<{ status: string }>(`/v1/documents/${id}`)).status
}

/** Where any of them stands, in UTF-8 of any letter case or in UTF-16; the blocks of a running server come and go. */
function findMarkers(folder: string): string[] {
  return filesBelow(folder).flatMap((path) => {
    const bytes = readFileSync(path)
    const text = bytes.toString('latin1').toLowerCase()
    return MARKERS.filter((marker) => text.includes(marker.toLowerCase()) || bytes.includes(Buffer.from(marker, 'utf16le'))).map(
      (marker) => `${marker} in ${path}`,
    )
  })
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
}
