import { FieldHistory, type NewCorrection, type NewReview, ReviewedField } from '../../shared/contracts/rectification.ts'
import {
  type NewSubjectRequest,
  type PackageFormat,
  type SubjectIdentifiers,
  SubjectMatches,
  SubjectRequestList,
  SubjectRequestView,
} from '../../shared/contracts/subjects.ts'
import type { Http } from './http.ts'

/** Of a person with very many documents. */
const PACKAGE_TIMEOUT_MS = 10 * 60_000

/** The routes of whoever answers data subjects. */
export function subjectCalls(http: Http) {
  const requests = '/v1/subject-requests'
  const field = (documentId: string, name: string) => `/v1/documents/${documentId}/fields/${name}`
  return {
    findSubjects: (body: SubjectIdentifiers) =>
      http.json({ method: 'POST', path: '/v1/subjects/find', body, repeatable: true }, SubjectMatches),
    createSubjectRequest: (body: NewSubjectRequest) =>
      http.json({ method: 'POST', path: requests, body, repeatable: false }, SubjectRequestView),
    subjectRequests: (query: Record<string, string | undefined>) =>
      http.json({ method: 'GET', path: requests, query, repeatable: true }, SubjectRequestList),
    subjectRequest: (id: string) => http.json({ method: 'GET', path: `${requests}/${id}`, repeatable: true }, SubjectRequestView),
    extendSubjectRequest: (id: string, reason: string) =>
      http.json({ method: 'POST', path: `${requests}/${id}/extend`, body: { reason }, repeatable: false }, SubjectRequestView),
    answerSubjectRequest: (id: string) =>
      http.json({ method: 'POST', path: `${requests}/${id}/answer`, repeatable: true }, SubjectRequestView),
    /** Its bytes, which the record commits to, unread. */
    subjectPackage: (id: string, format: PackageFormat): Promise<Response> =>
      http.send({
        method: 'GET',
        path: `${requests}/${id}/package`,
        query: { format },
        headers: { accept: '*/*' },
        timeoutMs: PACKAGE_TIMEOUT_MS,
        repeatable: true,
      }),
    correctField: (id: string, name: string, body: NewCorrection) =>
      http.json({ method: 'PATCH', path: field(id, name), body, repeatable: false }, ReviewedField),
    reviewField: (id: string, name: string, body: NewReview) =>
      http.json({ method: 'POST', path: `${field(id, name)}/review`, body, repeatable: false }, ReviewedField),
    fieldHistory: (id: string, name: string) =>
      http.json({ method: 'GET', path: `${field(id, name)}/history`, repeatable: true }, FieldHistory),
  }
}
