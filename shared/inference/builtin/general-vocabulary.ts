import { phrases } from './phrases.ts'

/** What documents other than invoices call things, folded (see phrases.ts), en de fr es it nl. */
export const GENERAL_LABELS = {
  subject: phrases('subject, re, betreff, betrifft, objet, asunto, oggetto, betreft, onderwerp'),
  document_date: phrases(
    'date, dated, date of agreement, agreement date, contract date, vertragsdatum, date du contrat, fecha del contrato',
    'data del contratto, contractdatum, date of issue, issue date, effective date, effective from, issued, issued on, valid from',
    'statement date, datum, ausgestellt am, ausstellungsdatum, stand, gultig ab, in kraft seit, in kraft ab, inkrafttreten',
    'erstellt am, version vom, auszug vom, date d effet, date d emission, en vigueur depuis, etabli le, fait le, en date du',
    'fecha, fecha de emision, fecha de entrada en vigor, en vigor desde, data, data di emissione, in vigore dal',
    'data di decorrenza, ingangsdatum, geldig vanaf, datum van uitgifte, opgesteld op, sitzung vom, meeting of, reunion du',
    'reunion del, riunione del, vergadering van',
  ),
  reference: phrases(
    'reference, ref, our ref, our reference, reference no, reference number, ref no, contract no, contract number, case no',
    'file no, agreement no, agreement number, document no, document number, policy no, statement no, aktenzeichen, az',
    'unser zeichen, referenz, geschaftszeichen, referenznummer, vertragsnummer, vertrag nr, vertragsnr, vorgangsnummer',
    'dokumentnummer, auszug nr, kontoauszug nr, personalnummer, nos ref, n ref, notre reference, contrat n, numero de contrat',
    'dossier n, numero de dossier, releve n, referencia, nuestra referencia, n de contrato, numero de contrato, contrato n',
    'expediente, expediente n, acta n, riferimento, rif, ns rif, protocollo n, prot n, contratto n, numero di contratto',
    'referentie, kenmerk, ons kenmerk, contractnummer, dossiernummer, factuurnummer, rechnungsnummer',
  ),
  phone: phrases(
    'tel, telephone, phone, mobile, telefon, tel nr, mobil, rufnummer, hotline, portable, telefono, movil, cellulare, telefoon',
    'mobiel, telefonnummer, telephone number, phone number, telefoonnummer, numero de telephone',
  ),
  vat_id_it: phrases('partita iva, p iva, p iva c f, codice fiscale e partita iva'),
  vat_id_es: phrases('cif, nif, c i f, n i f, cif nif, nif cif'),
  vat_id: phrases(
    'vat no, vat number, vat id, vat reg no, vat registration number, ust idnr, ust id nr, ust id, ustid, n tva, numero de tva',
    'tva intracommunautaire, n de tva, btw nummer, btw nr, btw id, btw identificatienummer',
  ),
  iban: phrases('iban, iban nr, iban no'),
  amount: phrases(
    'salary, annual salary, gross salary, monthly salary, net pay, gross pay, rent, monthly rent, fee, monthly fee, annual fee',
    'price, purchase price, total, total amount, closing balance, balance, remuneration, deposit, gehalt, bruttogehalt',
    'jahresgehalt, monatsgehalt, auszahlungsbetrag, miete, monatliche miete, nettokaltmiete, gesamtmiete, kaufpreis, preis',
    'vergutung, pauschale, monatliche vergutung, gesamtbetrag, neuer saldo, neuer kontostand, endsaldo, kontostand, salaire',
    'salaire brut, salaire net, remuneration brute, net a payer, loyer, prix, montant, montant total, nouveau solde, solde',
    'redevance, salario, salario bruto, retribucion, alquiler, renta, precio, importe, importe total, saldo final',
    'liquido a percibir, presupuesto, stipendio, retribuzione, canone, canone mensile, prezzo, importo, importo totale',
    'saldo finale, netto in busta, corrispettivo, salaris, brutosalaris, nettoloon, huur, huurprijs, prijs, koopprijs, bedrag',
    'vergoeding, eindsaldo, nieuw saldo',
  ),
  other_amount: phrases(
    'opening balance, previous balance, alter kontostand, alter saldo, anfangssaldo, solde precedent, ancien solde, saldo inicial',
    'saldo anterior, saldo iniziale, beginsaldo, vorig saldo',
  ),
  deadline: phrases(
    'deadline, due date, no later than, not later than, at the latest by, reply by, respond by, submit by, return by, frist',
    'spatestens, spatestens am, spatestens bis, spatestens bis zum, bis spatestens, stichtag, antwort bis, fallig am, date limite',
    'au plus tard, au plus tard le, a mas tardar, a mas tardar el, fecha limite, plazo, vencimiento, scadenza',
    'entro e non oltre il, non oltre il, uiterlijk, uiterlijk op, uiterste datum, deadline voor',
  ),
  weak_deadline: phrases(
    'by, due, until, before, expires on, bis zum, bis, lauft bis, avant le, jusqu au, d ici le, echeance, antes del, hasta el',
    'entro il, fino al, voor, tot, tot en met',
  ),
  party: phrases(
    'employer, employee, landlord, tenant, client, customer, provider, service provider, contractor, supplier, licensor, licensee',
    'buyer, seller, processor, controller, lessor, lessee, arbeitgeber, arbeitgeberin, arbeitnehmer, arbeitnehmerin, vermieter',
    'mieter, auftraggeber, auftraggeberin, auftragnehmer, auftragnehmerin, kaufer, verkaufer, kunde, anbieter, dienstleister',
    'lizenzgeber, lizenznehmer, employeur, salarie, salariee, bailleur, locataire, prestataire, le client, vendeur, acheteur',
    'empleador, trabajador, trabajadora, arrendador, arrendatario, proveedor, cliente, datore di lavoro, lavoratore, lavoratrice',
    'locatore, conduttore, fornitore, committente, appaltatore, werkgever, werknemer, verhuurder, huurder, opdrachtgever',
    'opdrachtnemer, leverancier, klant, account holder, kontoinhaber, kontoinhaberin, titulaire, titular, intestatario',
    'rekeninghouder, patient, patientin, paciente, paziente',
  ),
  between: phrases('between, by and between, zwischen, entre, entre les soussignes, tra, fra, tussen'),
} as const satisfies Record<string, readonly string[]>

export type GeneralLabel = keyof typeof GENERAL_LABELS
