import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorAnswer } from './refusals.ts'

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  startJson(response, status, headers)
  response.end(JSON.stringify(value))
}

export function sendError(response: ServerResponse, { status, body, headers }: ErrorAnswer, more: Record<string, string> = {}): void {
  sendJson(response, status, body, { ...headers, ...more })
}

export function startJson(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...IDS, ...headers })
}

export function startEvents(response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...IDS, ...headers })
}

const IDS = { 'x-request-id': 'double-request', 'mistral-correlation-id': 'double-request' }

/** Writes one piece after the other, no faster than they are read, until the other side is gone. A beat of 0 ms is no beat. */
export async function pour(response: ServerResponse, pieces: Iterable<string>, beatMs = 0): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  try {
    for (const piece of pieces) {
      if (response.destroyed) return
      if (!response.write(piece)) await once(response, 'drain', { signal: gone.signal })
      if (beatMs > 0) await sleep(beatMs, undefined, { signal: gone.signal })
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error
  }
}

/** Ends the connection after the bytes have left. */
export function breakOff(response: ServerResponse, text: string): void {
  response.write(text, () => response.destroy())
}

export function* forEver(piece: string): Generator<string> {
  while (true) yield piece
}
