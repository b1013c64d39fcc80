import type { Log, LogFields } from '../../shared/runtime/log.ts'

export interface Recorded {
  level: string
  fields: LogFields
  message: string
}

/** Keeps what was logged instead of writing it. */
export function recordingLog(): { log: Log; lines: Recorded[] } {
  const lines: Recorded[] = []
  const at = (level: string) => (fields: LogFields, message: string) => void lines.push({ level, fields, message })
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') } }
}
