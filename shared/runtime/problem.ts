import { type AppError, ERRORS, type ErrorCode } from '../contracts/errors.ts'

/** RFC 9457 problem details. `type` is a stable name, not an address to fetch; `code` is the same for programs; there is never a stack. */
export interface Problem {
  type: string
  title: string
  status: number
  code: ErrorCode
  detail?: string
  request_id?: string
  [extension: string]: unknown
}

export const PROBLEM_TYPE = 'application/problem+json'

export function toProblem(error: AppError): Problem {
  const { status, title } = ERRORS[error.code]
  return {
    ...error.extra,
    type: `urn:greffier:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}
