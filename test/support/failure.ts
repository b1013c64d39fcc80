import { expect } from 'vitest'
import { AppError } from '../../shared/contracts/errors.ts'

/** What a promise is rejected with, which has to be an error of ours. */
export async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(AppError)
  return error as AppError
}
