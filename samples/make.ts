import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { renderSamples } from './render.ts'

/** Writes samples/documents anew and removes what is no longer made: `npm run samples`. */
const DOCUMENTS = new URL('./documents/', import.meta.url)

const rendered = await renderSamples()
await mkdir(DOCUMENTS, { recursive: true })
for (const file of await readdir(DOCUMENTS)) if (!rendered.has(file)) await rm(new URL(file, DOCUMENTS))
for (const [file, bytes] of rendered) {
  await writeFile(new URL(file, DOCUMENTS), bytes)
  process.stdout.write(`${file}  ${bytes.byteLength} bytes\n`)
}
