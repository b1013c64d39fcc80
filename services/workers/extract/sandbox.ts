import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

export interface SandboxLimits {
  /** What the process may really use: heap, buffers, stacks, and what native code allocates. An idle child uses 125 MB of it. */
  memoryBytesMax: number
  /** Processor time, all threads together: the last resort where nobody is left to stop it. */
  cpuSecondsMax: number
}

export interface Sandbox {
  command: string
  arguments: string[]
  /** False where the kernel does not hold `memoryBytesMax`, and the parent has to watch. */
  memoryHeld: boolean
}

/** What runs in a child, and what it reads the documents with. Everything that those depend on can be read too, and nothing else. */
const CHILD_FOLDER = fileURLToPath(new URL('./child/', import.meta.url))
const PARSERS = ['pdf-parse', 'html-to-text']
/** A native addon for drawing, 30 MB: addons are refused, so there is no use in reading it. */
const NOT_GRANTED = new Set(['@napi-rs/canvas'])
const PACKAGES_MAX = 100
/** V8 stops at this share of the memory; the rest is for buffers, code and stacks. */
const HEAP_SHARE = 0.7
/** V8 reserves this for code at the start, mapped writable, so the kernel counts all of it as data although next to nothing is ever touched. */
const CODE_RANGE_BYTES = 536_870_912
const TOOL_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/sbin']

/**
 * The command line that runs `entry` (a file URL) with its own folder, the readers' and the parsers' as the only files it can read, and without network, children,
 * workers, addons or writing: Node's permission model. Memory is held by the kernel (RLIMIT_DATA through util-linux `prlimit`; RLIMIT_AS would keep
 * Node from starting, and V8's own limits do not count buffers), and the kernel kills it when its parent dies (`setpriv --pdeathsig`).
 */
export function createSandbox(entry: URL, limits: SandboxLimits, systemLimits: boolean): Sandbox {
  const node = [process.execPath, ...nodeArguments(entry, limits)]
  const wrapper = systemLimits && process.platform === 'linux' ? kernelLimits(limits) : undefined
  const [command = process.execPath, ...rest] = [...(wrapper ?? []), ...node]
  return { command, arguments: rest, memoryHeld: wrapper !== undefined }
}

function nodeArguments(entry: URL, limits: SandboxLimits): string[] {
  const path = realpathSync(fileURLToPath(entry))
  const folders = new Set([dirname(path), dirname(realpathSync(CHILD_FOLDER) + sep), ...packageFolders()])
  return [
    '--permission',
    ...[...folders].map((folder) => `--allow-fs-read=${folder}${sep}`),
    `--max-old-space-size=${Math.floor((limits.memoryBytesMax * HEAP_SHARE) / 1_048_576)}`,
    '--disallow-code-generation-from-strings',
    '--disable-warning=ExperimentalWarning',
    path,
  ]
}

/** The folders of the parsers and of every package that they depend on. */
function packageFolders(): string[] {
  const folders = new Set<string>()
  const open = PARSERS.map((name) => ({ name, from: fileURLToPath(import.meta.url) }))
  for (let next = open.pop(); next; next = open.pop()) {
    if (NOT_GRANTED.has(next.name)) continue
    const manifest = findPackageJSON(next.name, next.from)
    if (!manifest) throw new Error(`package ${next.name} is not installed`)
    const folder = realpathSync(dirname(manifest))
    if (folders.has(folder)) continue
    folders.add(folder)
    if (folders.size > PACKAGES_MAX) throw new Error(`the parsers depend on more than ${PACKAGES_MAX} packages`)
    const { dependencies } = Manifest.parse(JSON.parse(readFileSync(manifest, 'utf8')))
    open.push(...Object.keys(dependencies).map((name) => ({ name, from: manifest })))
  }
  return [...folders]
}

const Manifest = z.object({ dependencies: z.record(z.string(), z.string()).default({}) })

/** The strongest of the wrappers that work here; undefined where there is no `prlimit` or it may not set these limits. */
function kernelLimits(limits: SandboxLimits): string[] | undefined {
  const prlimit = findTool('prlimit')
  if (!prlimit) return undefined
  // A core file would hold the document.
  const limited = [prlimit, `--data=${limits.memoryBytesMax + CODE_RANGE_BYTES}`, `--cpu=${limits.cpuSecondsMax}`, '--core=0', '--']
  const setpriv = findTool('setpriv')
  const candidates = [...(setpriv ? [[setpriv, '--pdeathsig', 'KILL', '--', ...limited]] : []), limited]
  return candidates.find(works)
}

function works([command = '', ...rest]: string[]): boolean {
  return spawnSync(command, [...rest, findTool('true') ?? process.execPath, '--version'], { stdio: 'ignore', env: {} }).status === 0
}

function findTool(name: string): string | undefined {
  return TOOL_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path))
}
