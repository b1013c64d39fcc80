import { AppError, ERRORS } from '../../shared/contracts/errors.ts'
import { ConfigError } from '../../shared/runtime/config.ts'
import { PolicyFileError } from '../../shared/runtime/policy-files.ts'
import { EXIT, type ExitCode, exitCodeOfStatus } from './exit-codes.ts'

/** An error that a person reads: one line, a stable code, and the exit code it leads to. `message` holds neither content nor secrets. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
    this.exitCode = exitCode
  }
}

/** Any thrown value as a CliError. Credentials inside a URL are cut out of foreign messages. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error
  if (error instanceof ConfigError || error instanceof PolicyFileError)
    return new CliError('CONFIGURATION', error.message, EXIT.configuration, { cause: error })
  if (error instanceof AppError) {
    const { status, title } = ERRORS[error.code]
    return new CliError(error.code, error.detail ? `${title}: ${error.detail}` : title, exitCodeOfStatus(status), { cause: error })
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new CliError('UNEXPECTED', `unexpected: ${withoutCredentials(text)}`, EXIT.unexpected, { cause: error })
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/\s@]+@/g, '//***@')
}
