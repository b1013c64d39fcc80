import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lchownSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { type Binaries, SERVER_ENVIRONMENT } from './embedded-binaries.ts'

const OWNER = 'greffier_owner'
export const SERVICE = 'greffier_service'
/** initdb takes one to two seconds; a slow disk may need ten times that. */
const INIT_MS = 120_000
const INIT_OUTPUT_CHARACTERS_MAX = 2_000
const REMOVE_ATTEMPTS_MAX = 10
const PASSWORD_BYTES = 24

const Credentials = z.strictObject({ owner_password: z.string().regex(/^[0-9a-f]+$/), service_password: z.string().regex(/^[0-9a-f]+$/) })
type Credentials = z.infer<typeof Credentials>

export interface Cluster {
  /** Without symbolic links, as the server reports its own folder. */
  readonly dataDir: string
  readonly folder: string
  readonly servicePassword: string
  ownerUrl(port: number, database: string): string
  serviceUrl(port: number, database: string): string
}

interface OpenOptions {
  dataDir: string
  binaries: Binaries
  durable: boolean
  log: (event: { event: 'initialised'; durationMs: number }) => void
}

/** The caller holds the folder's lock. Throws AppError UNAVAILABLE when the cluster cannot be made or its passwords are gone. */
export async function openCluster(options: OpenOptions): Promise<Cluster> {
  const dataDir = realpathSync(options.dataDir)
  const folder = join(dataDir, 'postgres')
  removeUnfinished(dataDir)
  const credentials = existsSync(folder) ? readCredentials(dataDir) : writeCredentials(dataDir)
  if (!existsSync(folder)) await initialise(dataDir, folder, credentials.owner_password, options)
  ensureOwner(folder, options.binaries.owner)
  return {
    dataDir,
    folder,
    servicePassword: credentials.service_password,
    ownerUrl: (port, database) => `postgres://${OWNER}:${credentials.owner_password}@127.0.0.1:${port}/${database}`,
    serviceUrl: (port, database) => `postgres://${SERVICE}:${credentials.service_password}@127.0.0.1:${port}/${database}`,
  }
}

/** Made under a name of its own and renamed when complete: an interrupted initdb leaves nothing that could be taken for a cluster. */
async function initialise(dataDir: string, folder: string, ownerPassword: string, options: OpenOptions): Promise<void> {
  const startedAtMs = Date.now()
  const suffix = randomBytes(4).toString('hex')
  const unfinished = join(dataDir, `postgres.new-${suffix}`)
  const passwordFile = join(dataDir, `postgres.password-${suffix}`)
  try {
    writeFileSync(passwordFile, ownerPassword, { mode: 0o600 })
    const command = options.binaries.command('initdb', [
      ...['-D', unfinished, '-U', OWNER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--no-instructions'],
      ...['--encoding=UTF8', '--no-locale', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
      ...(options.durable ? [] : ['--no-sync']),
    ])
    await run(command.file, command.arguments)
    renameSync(unfinished, folder)
    syncFolder(dataDir)
  } finally {
    rmSync(passwordFile, { force: true })
    rmSync(unfinished, { recursive: true, force: true, maxRetries: REMOVE_ATTEMPTS_MAX })
  }
  options.log({ event: 'initialised', durationMs: Date.now() - startedAtMs })
}

async function run(file: string, argumentList: string[]): Promise<void> {
  const child = spawn(file, argumentList, { stdio: ['ignore', 'pipe', 'pipe'], env: SERVER_ENVIRONMENT, timeout: INIT_MS })
  let output = ''
  const keep = (bytes: Buffer) => {
    output = (output + bytes.toString()).slice(-INIT_OUTPUT_CHARACTERS_MAX)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (status !== 0) throw new AppError('UNAVAILABLE', `initdb failed: ${output.trim().split('\n').slice(-3).join(' ')}`)
}

/** Left by a process that was killed inside initialise; an initdb that still runs then fails by itself. */
function removeUnfinished(dataDir: string): void {
  for (const name of readdirSync(dataDir)) {
    if (/^postgres\.(new|password)-/.test(name))
      rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: REMOVE_ATTEMPTS_MAX })
  }
}

function readCredentials(dataDir: string): Credentials {
  try {
    return Credentials.parse(JSON.parse(readFileSync(join(dataDir, 'postgres.json'), 'utf8')))
  } catch (error) {
    throw new AppError(
      'UNAVAILABLE',
      `${join(dataDir, 'postgres.json')} with the passwords of the database is missing or damaged; restore it`,
      {
        cause: error,
      },
    )
  }
}

function writeCredentials(dataDir: string): Credentials {
  const credentials = { owner_password: newPassword(), service_password: newPassword() }
  const file = join(dataDir, 'postgres.json')
  writeFileSync(`${file}.new`, JSON.stringify(credentials), { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
  syncFolder(dataDir)
  return credentials
}

function newPassword(): string {
  return randomBytes(PASSWORD_BYTES).toString('hex')
}

/** Makes a rename durable; Windows offers no way to sync a folder. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The server insists on owning its folder, and another start may have used another strategy. */
function ensureOwner(folder: string, owner: Binaries['owner']): void {
  if (!owner || statSync(folder).uid === owner.uid) return
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) lchownSync(join(folder, entry), owner.uid, owner.gid)
  // Last, so that an interrupted pass is done again.
  chownSync(folder, owner.uid, owner.gid)
}
