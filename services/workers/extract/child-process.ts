import { spawn } from 'node:child_process'
import { END_OF_DOCUMENT, frameHeader } from './child/frames.ts'
import { Message } from './message.ts'
import type { Sandbox } from './sandbox.ts'

/** Imports take a quarter of a second; this is for a machine that is on its knees. */
const START_MS_MAX = 30_000

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Child {
  readonly pid: number
  /** True once it waits for its document, false when it ended before. */
  readonly ready: Promise<boolean>
  readonly exited: Promise<Exit>
  /** Calls back for every message after `ready`: `invalid` for a line that is none, `too_much` once more than `bytesMax` came. */
  listen(bytesMax: number, onMessage: (message: Message | 'too_much' | 'invalid') => void): void
  /** Sends one frame (frames.ts), none for no bytes. Resolves once there is room for more, or the child has ended. */
  write(payload: Uint8Array): Promise<void>
  endDocument(): void
  kill: () => void
}

/** Starts one sandboxed child: an empty environment, three pipes of which the one for errors leads nowhere, because a stack trace may quote the document. */
export function startChild(sandbox: Sandbox): Child {
  const child = spawn(sandbox.command, sandbox.arguments, { stdio: ['pipe', 'pipe', 'ignore'], env: {}, cwd: '/' })
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  // Writing to a child that ended fails with EPIPE; `exited` tells why, and tells it better.
  child.stdin.on('error', () => child.kill('SIGKILL'))

  const ready = Promise.withResolvers<boolean>()
  const startTimer = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX)
  let bytesLeft = Number.POSITIVE_INFINITY
  let onMessage: (message: Message | 'too_much' | 'invalid') => void = (message) => {
    clearTimeout(startTimer)
    if (typeof message === 'object' && message.kind === 'ready') ready.resolve(true)
    else child.kill('SIGKILL')
  }
  const readLines = createLineReader((line) => onMessage(parseMessage(line)))
  child.stdout.on('data', (bytes: Buffer) => {
    bytesLeft -= bytes.length
    if (bytesLeft < 0) onMessage('too_much')
    else readLines(bytes)
  })
  exited.then(() => {
    clearTimeout(startTimer)
    ready.resolve(false)
  })

  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    exited,
    listen(bytesMax, listener) {
      bytesLeft = bytesMax
      onMessage = listener
    },
    async write(payload) {
      if (payload.length === 0) return
      child.stdin.cork()
      child.stdin.write(frameHeader(payload))
      const room = child.stdin.write(payload)
      child.stdin.uncork()
      if (!room) await Promise.race([new Promise((resolve) => child.stdin.once('drain', resolve)), exited])
    },
    endDocument() {
      child.stdin.write(END_OF_DOCUMENT)
    },
    kill() {
      child.kill('SIGKILL')
    },
  }
}

function createLineReader(onLine: (line: string) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = []
  return (bytes) => {
    let rest = bytes
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      parts.push(rest.subarray(0, end))
      onLine(Buffer.concat(parts).toString())
      parts = []
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) parts.push(rest)
  }
}

function parseMessage(line: string): Message | 'invalid' {
  try {
    return Message.parse(JSON.parse(line))
  } catch {
    // Not logged: what the child wrote may be the document.
    return 'invalid'
  }
}
