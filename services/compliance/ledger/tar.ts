import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'

export interface ArchiveFile {
  /** Relative, with `/` between folders. */
  path: string
  bytes: number
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/**
 * The files as one tar archive, as fast as it is read. Where it is destroyed, the files are asked to end (`return`); where they throw, or a file has
 * another length than it said, the stream fails before the archive has its end.
 */
export function tarOf(files: AsyncIterable<ArchiveFile>): Readable {
  return Readable.from(tarBytes(files), { objectMode: false })
}

async function* tarBytes(files: AsyncIterable<ArchiveFile>): AsyncGenerator<Uint8Array> {
  const archive = pack()
  const filled = fill(archive, files)
  try {
    for await (const chunk of archive as AsyncIterable<Uint8Array>) yield chunk
  } finally {
    archive.destroy()
    await filled
  }
}

/** Never rejects: what goes wrong fails the archive. */
async function fill(archive: Pack, files: AsyncIterable<ArchiveFile>): Promise<void> {
  try {
    for await (const { path, bytes, content } of files) await pipeline(content, archive.entry({ name: path, size: bytes, type: 'file' }))
    archive.finalize()
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new Error('the files of an archive failed', { cause: error }))
  }
}
