import { spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { END_OF_DOCUMENT, frameHeader } from './child/frames.ts'
import { Message } from './message.ts'
import type { Sandbox } from './sandbox.ts'

/** Imports take a quarter of a second; this is for a machine that is on its knees. */
const START_MS_MAX = 30_000

/** Of setpriority(2): whoever waits for a model, a queue or a person goes before a document that is being taken apart. */
const NICENESS = 10

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A message, or: `too_much` once more than allowed came, `invalid` for a line that is no message, `exited` when the process is gone. */
export type ChildEvent = Message | { kind: 'too_much' } | { kind: 'invalid' } | { kind: 'exited'; exit: Exit }

export interface Child {
  readonly pid: number
  /** True once it waits for a document, false when it ended before. */
  readonly ready: Promise<boolean>
  readonly exited: Promise<Exit>
  /** False once it ended, was killed, or spoke without being asked. */
  isUsable(): boolean
  /** Calls back for everything that it says until `expectSilence`, which may be `bytesMax` long. */
  listen(bytesMax: number, onEvent: (event: ChildEvent) => void): void
  /** From now on, and so since it was ready, a single byte of it ends it. */
  expectSilence(): void
  /** Sends one frame (frames.ts), none for no bytes. Resolves once there is room for more, or the child has ended. */
  write(payload: Uint8Array): Promise<void>
  endDocument(): void
  kill: () => void
}

/** Starts one sandboxed child: an empty environment, three pipes of which the one for errors leads nowhere, because a stack trace may quote the document. */
export function startChild(sandbox: Sandbox): Child {
  const child = spawn(sandbox.command, sandbox.arguments, { stdio: ['pipe', 'pipe', 'ignore'], env: {}, cwd: '/' })
  yieldToOthers(child.pid)
  const kill = () => {
    child.kill('SIGKILL')
  }
  // Writing to a child that ended fails with EPIPE; `exited` tells why, and tells it better.
  child.stdin.on('error', kill)

  const ready = Promise.withResolvers<boolean>()
  const startTimer = setTimeout(kill, START_MS_MAX)
  let ended: Exit | undefined
  let bytesLeft = Number.POSITIVE_INFINITY
  let onEvent = (event: ChildEvent) => {
    clearTimeout(startTimer)
    if (event.kind !== 'ready') return kill()
    expectSilence()
    ready.resolve(true)
  }
  const expectSilence = () => {
    bytesLeft = 0
    onEvent = kill
  }
  const lines = createLineReader((line) => onEvent(parseMessage(line)))
  child.stdout.on('data', (bytes: Buffer) => {
    bytesLeft -= bytes.length
    if (bytesLeft < 0) return onEvent({ kind: 'too_much' })
    lines.read(bytes)
    // Whole lines behind the last message have met `kill`, the beginning of one has not.
    if (onEvent === kill && lines.hasRest()) kill()
  })
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  exited.then((exit) => {
    ended = exit
    clearTimeout(startTimer)
    ready.resolve(false)
    onEvent({ kind: 'exited', exit })
  })

  return {
    pid: child.pid ?? 0,
    ready: ready.promise,
    exited,
    isUsable: () => ended === undefined && !child.killed && child.exitCode === null && child.signalCode === null,
    listen(bytesMax, listener) {
      bytesLeft = bytesMax
      onEvent = listener
      if (ended) listener({ kind: 'exited', exit: ended })
    },
    expectSilence,
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
    kill,
  }
}

interface LineReader {
  read(bytes: Buffer): void
  /** Whether a line has begun and not ended. */
  hasRest(): boolean
}

function createLineReader(onLine: (line: string) => void): LineReader {
  let parts: Buffer[] = []
  return {
    read(bytes) {
      let rest = bytes
      for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
        parts.push(rest.subarray(0, end))
        onLine(Buffer.concat(parts).toString())
        parts = []
        rest = rest.subarray(end + 1)
      }
      if (rest.length > 0) parts.push(rest)
    },
    hasRest: () => parts.length > 0,
  }
}

function parseMessage(line: string): ChildEvent {
  try {
    return Message.parse(JSON.parse(line))
  } catch {
    // Not logged: what the child wrote may be the document.
    return { kind: 'invalid' }
  }
}

function yieldToOthers(pid: number | undefined) {
  if (pid === undefined) return
  try {
    setPriority(pid, NICENESS)
  } catch {
    // It ended already, or the machine forbids it: the document is read all the same.
  }
}
