import { AppError } from '../../../shared/contracts/errors.ts'
import { type Child, startChild } from './child-process.ts'
import { readUsage } from './process-usage.ts'
import type { Sandbox } from './sandbox.ts'

export interface PoolBounds {
  /** Children that wait, imported, and have read nothing: about 110 MB each. */
  warm: number
  /** Children that wait for another document of their tenant; the one that waits longest gives way. */
  idleChildrenMax: number
  /** How long such a child waits. What it read may be in its memory for as long. */
  idleMs: number
  /** Of one child. */
  documentsMax: number
  /** What a child may have computed, start included, before it is given another document. Not the wall clock: under load that would end children early, and so add load. */
  processorMsMax: number
  /** What a child may still occupy after a document. One that has just started occupies 110 MB, and collects its garbage late. */
  residentBytesMax: number
}

/** A child and what it has done so far, for the only tenant that it ever reads for. */
export interface Reader {
  readonly child: Child
  readonly tenantId: string
  readonly documents: number
}

export interface Pool {
  /** An idle child that has read documents of this tenant and of no other, if there is one. */
  takeUsed(tenantId: string): Reader | undefined
  /** A child that has read nothing. Throws the reason of `over`, or AppError EXTRACTOR_CRASHED where none starts. */
  takeFresh(tenantId: string, over: AbortSignal): Promise<Reader>
  /** After a document that was read without any fault: the child waits for the next one, or is gone when this resolves. */
  giveBack(reader: Reader): Promise<void>
  /** The child is gone when this resolves. */
  end(reader: Reader): Promise<void>
  /** Ends every child, whoever uses it. Nothing starts after it. */
  close(): Promise<void>
}

const START_ATTEMPTS_MAX = 2

interface Idle {
  reader: Reader
  timer: NodeJS.Timeout
}

export function createPool(sandbox: Sandbox, bounds: PoolBounds): Pool {
  const waiting: Child[] = []
  /** The one that waits longest first. */
  const idle: Idle[] = []
  const alive = new Set<Child>()
  let closed = false
  refill()
  return { takeUsed, takeFresh, giveBack, end: ({ child }) => endChild(child), close }

  function takeUsed(tenantId: string): Reader | undefined {
    const found = idle.findLast(({ reader }) => reader.tenantId === tenantId && reader.child.isUsable())
    if (!found) return undefined
    leave(found)
    return found.reader
  }

  /** A child that ends before it has seen the document does so for reasons of its own: another one is tried before giving up. */
  async function takeFresh(tenantId: string, over: AbortSignal): Promise<Reader> {
    // All that wait may have been killed: they don't count against those that are started for this document.
    for (let attempt = 1; attempt <= bounds.warm + START_ATTEMPTS_MAX; attempt++) {
      over.throwIfAborted()
      const child = waiting.shift() ?? start()
      refill()
      over.addEventListener('abort', child.kill, { once: true })
      const ready = await child.ready
      over.removeEventListener('abort', child.kill)
      if (ready && !over.aborted && child.isUsable()) return { child, tenantId, documents: 0 }
      await endChild(child)
    }
    over.throwIfAborted()
    throw new AppError('EXTRACTOR_CRASHED', 'the extractor process did not start')
  }

  async function giveBack(reader: Reader): Promise<void> {
    const used = { ...reader, documents: reader.documents + 1 }
    const usage = await readUsage(used.child.pid)
    const again =
      used.documents < bounds.documentsMax &&
      usage !== null &&
      usage.processorMs < bounds.processorMsMax &&
      usage.residentBytes <= bounds.residentBytesMax &&
      used.child.isUsable()
    if (!again) return endChild(used.child)
    idle.push({ reader: used, timer: setTimeout(used.child.kill, bounds.idleMs) })
    const [oldest] = idle
    if (oldest && idle.length > bounds.idleChildrenMax) await endChild(oldest.reader.child)
  }

  function refill(): void {
    while (waiting.length < bounds.warm && !closed) waiting.push(start())
  }

  function start(): Child {
    const child = startChild(sandbox)
    alive.add(child)
    child.exited.then(() => {
      alive.delete(child)
      forget(child)
    })
    return child
  }

  async function endChild(child: Child): Promise<void> {
    forget(child)
    child.kill()
    await child.exited
  }

  /** Not replaced before the next document asks: what cannot start here would be started for ever. */
  function forget(child: Child): void {
    const index = waiting.indexOf(child)
    if (index !== -1) waiting.splice(index, 1)
    const entry = idle.find(({ reader }) => reader.child === child)
    if (entry) leave(entry)
  }

  function leave(entry: Idle): void {
    clearTimeout(entry.timer)
    idle.splice(idle.indexOf(entry), 1)
  }

  async function close(): Promise<void> {
    closed = true
    await Promise.all([...alive].map(endChild))
  }
}
