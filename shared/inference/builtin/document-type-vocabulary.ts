import type { DocumentType } from '../../contracts/extraction.ts'
import { phrases } from './phrases.ts'

type Recognised = Exclude<DocumentType, 'other'>

/**
 * `names`: what such a document calls itself. `terms`: what it speaks of. Folded phrases (see phrases.ts) of en, de, fr, es, it, nl; a word that
 * several types use stands in none.
 */
export const TYPE_VOCABULARY: Readonly<Record<Recognised, { names: readonly string[]; terms: readonly string[] }>> = {
  invoice: {
    names: phrases(
      'invoice, tax invoice, vat invoice, sales invoice, proforma invoice, bill, rechnung, *rechnung, rechnungskopie, facture',
      'facture proforma, factura, fattura, factuur, kopie factuur, verkoopfactuur',
    ),
    terms: phrases(
      'invoice number, invoice no, invoice date, bill to, amount due, payment due, total due, vat no, due date, unit price',
      'rechnungsnummer, rechnungsnr, rechnungsdatum, rechnungsbetrag, rechnungsempfanger, nettobetrag, bruttobetrag',
      'zahlbar innerhalb, mwst, ust id nr, umsatzsteuer, numero de facture, date de facture, facture n, total ttc, total ht',
      'montant ttc, tva, date d echeance, numero de factura, factura n, fecha de factura, base imponible, iva, importe total',
      'numero fattura, fattura n, data fattura, imponibile, totale fattura, partita iva, factuurnummer, factuurdatum, btw',
      'vervaldatum, subtotaal',
    ),
  },
  credit_note: {
    names: phrases(
      'credit note, credit memo, credit memorandum, gutschrift, rechnungskorrektur, stornorechnung, korrekturrechnung, avoir',
      'facture d avoir, note de credit, nota de credito, factura rectificativa, nota di credito, nota di accredito, creditnota',
      'creditfactuur',
    ),
    terms: phrases(
      'credited invoice, original invoice, refund amount, credit note number, gutschriftsnummer, gutschriftsbetrag',
      'ursprungliche rechnung, facture d origine, facture liee, avoir n, numero d avoir, factura original, fattura originale',
      'oorspronkelijke factuur',
    ),
  },
  contract: {
    names: phrases(
      'contract, agreement, service agreement, master service agreement, employment contract, lease agreement, rental agreement',
      'non disclosure agreement, data processing agreement, purchase agreement, vertrag, *vertrag, vereinbarung, *vereinbarung',
      'contrat, contrat de travail, contrat de prestation de services, contrat de bail, convention, contrato, acuerdo, contratto',
      'accordo, contratto di locazione, contratto di lavoro, overeenkomst, *overeenkomst, arbeidscontract, huurcontract',
    ),
    terms: phrases(
      'hereinafter, the parties, this agreement, governing law, termination, whereas, in witness whereof, entire agreement',
      'notice period, vertragsparteien, vertragspartner, nachfolgend, im folgenden, vertragsgegenstand, kundigungsfrist',
      'vertragsdauer, gerichtsstand, salvatorische klausel, les parties, ci apres, ci apres denomme, ci apres denommee',
      'objet du contrat, resiliation, preavis, droit applicable, las partes, en adelante, objeto del contrato, clausulas',
      'rescision, preaviso, le parti, di seguito, oggetto del contratto, recesso, preavviso, foro competente, partijen, hierna',
      'hierna te noemen, opzegtermijn, toepasselijk recht',
    ),
  },
  letter: {
    names: phrases('cover letter, letter, anschreiben, schreiben, lettre, carta, lettera, brief'),
    terms: phrases(
      'dear sir, dear madam, dear sir or madam, dear mr, dear ms, dear mrs, dear, yours sincerely, yours faithfully, kind regards',
      'best regards, sincerely, sehr geehrte, sehr geehrter, sehr geehrte damen und herren, liebe, lieber',
      'mit freundlichen grussen, mit freundlichem gruss, freundliche grusse, hochachtungsvoll, betreff, betrifft, madame monsieur',
      'chere madame, cher monsieur, objet, veuillez agreer, je vous prie d agreer, prions d agreer, prie d agreer, cordialement',
      'salutations distinguees, estimado, estimada, estimados, muy senor mio, muy senores mios, atentamente, un cordial saludo',
      'asunto, egregio, gentile, spettabile, distinti saluti, cordiali saluti, oggetto, geachte, geachte heer, geachte mevrouw',
      'beste, met vriendelijke groet, met vriendelijke groeten, hoogachtend, betreft, onderwerp',
    ),
  },
  payslip: {
    names: phrases(
      'payslip, pay slip, pay stub, wage slip, salary statement, earnings statement, gehaltsabrechnung, lohnabrechnung',
      'entgeltabrechnung, verdienstabrechnung, lohnzettel, brutto netto abrechnung, bulletin de paie, bulletin de salaire',
      'fiche de paie, nomina, recibo de salarios, busta paga, cedolino, cedolino paga, loonstrook, salarisstrook',
      'salarisspecificatie, loonspecificatie',
    ),
    terms: phrases(
      'gross pay, net pay, national insurance, tax code, employee number, pay period, deductions, steuerklasse',
      'sozialversicherung, lohnsteuer, krankenversicherung, rentenversicherung, auszahlungsbetrag, personalnummer, gesamtbrutto',
      'salaire brut, salaire net, net a payer avant impot, cotisations, urssaf, devengos, deducciones, liquido a percibir',
      'seguridad social, retribuzione lorda, netto in busta, trattenute, inps, irpef, brutoloon, nettoloon, loonheffing',
      'bruto salaris, netto salaris, inhoudingen',
    ),
  },
  cv: {
    names: phrases('curriculum vitae, cv, resume, lebenslauf, tabellarischer lebenslauf, europass, levensloop, curriculo, hoja de vida'),
    terms: phrases(
      'work experience, professional experience, education, skills, hobbies, date of birth, berufserfahrung',
      'beruflicher werdegang, ausbildung, schulbildung, kenntnisse, sprachkenntnisse, studium, experience professionnelle',
      'experiences professionnelles, formation, competences, centres d interet, experiencia laboral, experiencia profesional',
      'formacion academica, idiomas, esperienza professionale, esperienze lavorative, istruzione, istruzione e formazione',
      'competenze, werkervaring, opleiding, opleidingen, vaardigheden',
    ),
  },
  identity_document: {
    names: phrases(
      'passport, identity card, id card, residence permit, driving licence, driver license, personalausweis, reisepass',
      'fuhrerschein, aufenthaltstitel, passeport, carte nationale d identite, carte d identite, titre de sejour',
      'permis de conduire, pasaporte, documento nacional de identidad, permiso de residencia, passaporto, carta d identita',
      'patente di guida, paspoort, identiteitskaart, rijbewijs, verblijfsvergunning',
    ),
    terms: phrases(
      'nationality, place of birth, date of expiry, document number, surname, given names, staatsangehorigkeit, geburtsort',
      'gultig bis, ausweisnummer, nationalite, lieu de naissance, date d expiration, nacionalidad, lugar de nacimiento',
      'fecha de caducidad, cittadinanza, luogo di nascita, data di scadenza, nationaliteit, geboorteplaats, geldig tot',
    ),
  },
  medical_report: {
    names: phrases(
      'medical report, discharge summary, discharge letter, laboratory report, pathology report, radiology report, arztbrief',
      'befund, befundbericht, entlassungsbericht, entlassbrief, laborbefund, arztlicher bericht, compte rendu medical',
      'compte rendu d hospitalisation, rapport medical, informe medico, informe de alta, referto, referto medico',
      'lettera di dimissione, medisch rapport, ontslagbrief',
    ),
    terms: phrases(
      'diagnosis, patient, medication, anamnesis, medical history, symptoms, diagnose, diagnosen, anamnese, therapie, medikation',
      'patientin, diagnostic, antecedents, traitement, diagnostico, paciente, antecedentes, tratamiento, diagnosi, paziente',
      'anamnesi, terapia, voorgeschiedenis, medicatie, behandeling',
    ),
  },
  bank_statement: {
    names: phrases(
      'bank statement, account statement, statement of account, kontoauszug, umsatzubersicht, releve de compte, releve bancaire',
      'extracto bancario, extracto de cuenta, estratto conto, bankafschrift, rekeningafschrift, rekeningoverzicht',
    ),
    terms: phrases(
      'opening balance, closing balance, account number, sort code, debit, credit, alter kontostand, neuer kontostand, kontostand',
      'buchungstag, wertstellung, valuta, saldo, solde precedent, nouveau solde, solde, date de valeur, saldo inicial',
      'saldo final, fecha valor, saldo iniziale, saldo finale, data valuta, beginsaldo, eindsaldo, nieuw saldo, af en bij',
    ),
  },
  minutes: {
    names: phrases(
      'minutes, meeting minutes, minutes of the meeting, minutes of meeting, protokoll, sitzungsprotokoll, besprechungsprotokoll',
      'ergebnisprotokoll, niederschrift, *protokoll, proces verbal, compte rendu, compte rendu de reunion',
      'compte rendu de la reunion, acta, acta de la reunion, acta de reunion, verbale, verbale di riunione',
      'verbale della riunione, verbale di assemblea, notulen, vergadernotulen',
    ),
    terms: phrases(
      'attendees, present, apologies, agenda, action items, next meeting, resolved, chair, anwesend, anwesende, teilnehmer',
      'entschuldigt, tagesordnung, beschluss, beschlusse, protokollfuhrer, protokollfuhrerin, nachste sitzung, top 1, presents',
      'excuses, ordre du jour, prochaine reunion, decisions, asistentes, orden del dia, acuerdos, proxima reunion, presenti',
      'assenti, ordine del giorno, prossima riunione, deliberazioni, aanwezig, afwezig, actiepunten, besluiten',
      'volgende vergadering, rondvraag',
    ),
  },
  policy: {
    names: phrases(
      'policy, privacy policy, privacy notice, code of conduct, terms and conditions, guideline, guidelines, richtlinie',
      '*richtlinie, leitlinie, datenschutzerklarung, dienstanweisung, allgemeine geschaftsbedingungen, verhaltenskodex, politique',
      'politica, politique de confidentialite, charte, reglement interieur, conditions generales, politica de privacidad',
      'codigo de conducta, politica aziendale, informativa, informativa sulla privacy, regolamento, codice etico, beleid, *beleid',
      'privacyverklaring, gedragscode, algemene voorwaarden, reglement',
    ),
    terms: phrases(
      'this policy, scope, purpose, employees must, responsibilities, compliance, applies to all, geltungsbereich',
      'diese richtlinie, zweck, verantwortlichkeiten, mitarbeitende mussen, gilt fur alle, champ d application',
      'la presente politique, cette politique, responsabilites, s applique a, ambito de aplicacion, esta politica',
      'responsabilidades, se aplica a, ambito di applicazione, la presente politica, responsabilita, si applica a',
      'toepassingsgebied, dit beleid, verantwoordelijkheden, is van toepassing op',
    ),
  },
  manual: {
    names: phrases(
      'manual, user manual, user guide, handbook, instructions for use, operating instructions, installation guide',
      'support manual, quick start guide, handbuch, *handbuch, bedienungsanleitung, gebrauchsanweisung, betriebsanleitung',
      '*anleitung, manuel, mode d emploi, manuel d utilisation, guide d utilisation, notice d utilisation, manual de usuario',
      'manual de instrucciones, guia de usuario, manuale, manuale d uso, istruzioni per l uso, guida utente, handleiding',
      'gebruikershandleiding, gebruiksaanwijzing',
    ),
    terms: phrases(
      'troubleshooting, installation, warning, caution, step 1, press the, factory reset, safety instructions, error code',
      'warranty, fehlerbehebung, sicherheitshinweise, inbetriebnahme, wartung, achtung, schritt 1, fehlercode, depannage',
      'consignes de securite, mise en service, entretien, avertissement, etape 1, solucion de problemas',
      'instrucciones de seguridad, puesta en marcha, mantenimiento, advertencia, paso 1, risoluzione dei problemi',
      'istruzioni di sicurezza, messa in servizio, manutenzione, avvertenza, probleemoplossing, veiligheidsinstructies',
      'ingebruikname, onderhoud, waarschuwing, stap 1',
    ),
  },
}
