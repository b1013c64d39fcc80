import { pino } from 'pino'
import type { ErrorCode } from '../contracts/errors.ts'

/** The only fields that a log line may carry: identifiers, codes and figures. A message is a fixed text. Content has no field to go to. */
export interface LogFields {
  service?: string
  tenantId?: string
  documentId?: string
  revision?: number
  stage?: string
  epoch?: number
  starts?: number
  eventId?: string
  requestId?: string
  method?: string
  route?: string
  status?: number
  code?: ErrorCode | string
  errorName?: string
  fault?: string
  durationMs?: number
  count?: number
  port?: number
  signal?: string | null
  exitCode?: number | null
  crashes?: number
  pid?: number
  backend?: string
  /** A kind of place that keeps checkpoints, not its address. */
  target?: string
  pushed?: number
  behind?: number
  ageSeconds?: number | null
}

type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal'
export type Log = Record<Level, (fields: LogFields, message: string) => void>

/** JSON lines on stderr, so that stdout stays a program's answer. */
export function createLog(level: string, service: string): Log {
  return pino({ level, base: { service }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
}

/** What may be said of any thrown value: the class and code, never the message, which may quote a row or a document. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { errorName: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { errorName: error.name, ...(code === undefined ? {} : { code }) }
}
