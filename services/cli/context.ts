import type { Readable, Writable } from 'node:stream'
import type { CliConfig } from '../../shared/runtime/config.ts'
import { type Client, createClient } from './client.ts'
import { readConnection } from './connection.ts'
import type { Output } from './output.ts'

/** What every command receives: nothing below reads the environment or the process. */
export interface CommandContext {
  config: CliConfig
  output: Output
  /** For what names people; read by commands that say so alone. */
  stdin: Readable
  /** For progress, on a terminal or not. */
  stderr: Writable
  /** Aborts with a CliError when the command is to stop. */
  interrupted: AbortSignal
}

/** A client for the running server that the configuration names. */
export async function connect(context: CommandContext): Promise<Client> {
  return createClient(await readConnection(context.config), context.interrupted)
}
