import { describe, expect, test } from 'vitest'
import { DocumentType } from '../../../../shared/contracts/extraction.ts'
import { documentType } from '../../../../shared/inference/builtin/document-type.ts'
import { readPages } from '../../../../shared/inference/builtin/reading.ts'
import { pagesOf } from './pages.ts'

const DOCUMENTS: readonly (readonly [DocumentType, string])[] = [
  [
    'invoice',
    'Rotdorn Handels GmbH\n\nRechnung\nRechnungsnummer: 17\nRechnungsdatum: 02.03.2026\nNettobetrag 100,00 EUR\nMwSt 19 % 19,00 EUR',
  ],
  ['invoice', 'Alba Ferramenta S.r.l.\nFATTURA n. 12 del 3 marzo 2026\nImponibile 100,00\nIVA 22% 22,00\nTotale fattura 122,00 €'],
  ['credit_note', 'Nordlicht Ltd\nCredit note\nOriginal invoice: 2026-9\nTotal -20.00 GBP'],
  ['credit_note', 'Boulangerie Dupré SARL\nAvoir AV-12\nFacture d’origine : F-9\nTotal TTC -12,00 €'],
  [
    'contract',
    'MIETVERTRAG\nzwischen Anna Beispiel (im Folgenden: Vermieterin) und Otto Muster\n§ 1 Vertragsgegenstand\n§ 2 Kündigungsfrist',
  ],
  [
    'contract',
    'Contrat de prestation de services\nEntre les soussignés … ci-après dénommé le Client\nArticle 1 : Objet du contrat\nPréavis',
  ],
  ['contract', 'Huurovereenkomst\nde partijen, hierna te noemen huurder en verhuurder\nopzegtermijn van drie maanden'],
  ['letter', 'Estimado señor Prado:\nLe escribimos en relación con su solicitud.\nAsunto: su solicitud\nAtentamente,\nLa dirección'],
  ['letter', 'Sehr geehrte Frau Linde,\nvielen Dank für Ihre Nachricht.\nMit freundlichen Grüßen\nKarl Weber'],
  ['payslip', 'Gehaltsabrechnung März 2026\nPersonalnummer 12\nSteuerklasse I\nLohnsteuer 400,00\nAuszahlungsbetrag 2.000,00 EUR'],
  ['payslip', 'Busta paga aprile 2026\nRetribuzione lorda 2.000,00\nTrattenute 500,00\nNetto in busta 1.500,00'],
  ['cv', 'Curriculum Vitae\nWork experience\n2019 to 2024 baker\nEducation\nSkills'],
  ['cv', 'Levensloop\nWerkervaring\nOpleiding\nVaardigheden'],
  ['identity_document', 'PASSPORT\nSurname DOE\nGiven names JANE\nNationality UTOPIAN\nPlace of birth Nowhere\nDate of expiry 01 JAN 2030'],
  ['medical_report', 'Arztbrief\nDiagnose: Erkältung\nAnamnese: seit drei Tagen\nTherapie: Ruhe'],
  ['medical_report', 'Informe de alta\nPaciente: N. N.\nDiagnóstico: gripe\nTratamiento: reposo'],
  ['bank_statement', 'Relevé de compte\nSolde précédent 10,00 €\nDate de valeur 02/03\nNouveau solde 12,00 €'],
  ['minutes', 'Notulen van de vergadering\nAanwezig: A, B\nAfwezig: C\nActiepunten\nRondvraag'],
  ['minutes', 'Sitzungsprotokoll\nAnwesend: A, B\nTagesordnung\nTOP 1 Beschluss über den Haushalt'],
  ['policy', 'Politica aziendale sull’uso delle password\nAmbito di applicazione\nSi applica a tutti\nResponsabilità'],
  ['policy', 'Travel Policy\nPurpose\nScope\nThis policy applies to all employees.'],
  ['manual', 'Bedienungsanleitung\nSicherheitshinweise\nInbetriebnahme\nFehlerbehebung'],
  ['manual', 'User Manual\nSafety instructions\nInstallation\nTroubleshooting'],
]

describe('documentType', () => {
  test.each(DOCUMENTS)('knows a document of type %s', (type, text) => {
    expect(documentType(readPages(pagesOf(text)))).toBe(type)
  })

  test('every type but "other" has an example here', () => {
    expect(new Set(DOCUMENTS.map(([type]) => type))).toEqual(new Set(DocumentType.options.filter((type) => type !== 'other')))
  })

  test.each(['', 'Tomatoes, basil, olive oil.\nCut everything, mix it, and leave it to rest for an hour.', 'x', '12 34 56'])(
    'calls %j other',
    (text) => {
      expect(documentType(readPages(pagesOf(text)))).toBe('other')
    },
  )

  test('a letter that speaks of an invoice and a contract stays a letter', () => {
    const text = 'Dear Ms Holm,\nyour invoice of last week and the contract are on their way to you.\nYours sincerely,\nP. Berg'
    expect(documentType(readPages(pagesOf(text)))).toBe('letter')
  })
})
