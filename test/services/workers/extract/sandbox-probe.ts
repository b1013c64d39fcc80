// Tries what a reader of documents must not be able to do, and prints how each attempt ended: `done`, or the code of the error.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'

const [port, file, folder] = process.argv.slice(2)
const attempts = {
  socket: () => once(connect(Number(port), '127.0.0.1'), 'connect'),
  fetch: () => fetch(`http://127.0.0.1:${port}/`),
  read: () => readFileSync(file ?? ''),
  write: () => writeFileSync(`${folder}/written`, ''),
  spawn: () => thrown(spawnSync(process.execPath, ['--version']).error),
  worker: () => once(new Worker('', { eval: true }), 'online'),
  code: () => new Function('return 1')(),
}

const results: Record<string, string> = { environment: Object.keys(process.env).join(' ') }
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt()
    results[name] = 'done'
  } catch (error) {
    results[name] = codeOf(error)
  }
}
process.stdout.write(JSON.stringify(results))
process.exit(0)

function thrown(error: Error | undefined): void {
  if (error) throw error
}

function codeOf(error: unknown): string {
  const { code, cause, name } = error as NodeJS.ErrnoException
  return code ?? (cause === undefined ? name : codeOf(cause))
}
