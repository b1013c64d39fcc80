/**
 * Labels of numbers, folded (lower case, no accents), the words of a phrase joined: `st nr` is `stnr`. A word for number at the end (`-nummer`, `no.`)
 * need not be written. Separated by white space.
 */
export const LABEL_WORDS = {
  iban: `iban ibanno ibannr bankverbindung kontonummeriban konto kontonr kontonummer accountno account bankaccount rekening rekeningnummer
    comptebancaire compte cuenta contocorrente conto rachunek nib ccc`,
  vat_id: `vat vatid vatno vatreg vatregistration vatin ust ustid ustidnr uid uidnr umsatzsteuerid umsatzsteueridentifikation umsatzsteueridentifikations
    mwst tva tvaintracommunautaire tvaintracom numerodetva ntva iva partitaiva piva cif nipc nip btw btwnr btwid alv moms momsregnr mva
    dic icdph dph pvn pvm kmkr afm cui pdv adoszam adoszama uidno`,
  national_id: `steuernummer steuer stnr steuernr tin nationalid nationalidno idno idnumber identitynumber personalid identitycard idcard idcardno passport passportno passportnumber reisepass
    pass passnr ausweis personalausweis ausweisnr fuhrerschein drivinglicence drivinglicense driverslicense licensno
    nationalinsurance ni nino nhs nhsno socialsecurity ssn pps ppsn utr
    sozialversicherung sozialversicherungs svnr sv svnummer vsnr rentenversicherung rentenversicherungs rvnr krankenversicherten versicherten
    versichertennr ahv ahvnr ahvn avs steuerid steueridnr steueridentifikation steueridentifikations steuerlicheidentifikations idnr
    steuerlicheidentifikationsnummer identifikations sozialversicherungsnummer
    nir securitesociale numerodesecuritesociale numerosecuritesociale nosecuritesociale insee numerofiscal fiscal spi cartedidentite cni passeport permisdeconduire
    registrenational numeronational niss insz rijksregister rijksregisternummer
    dni nie nif nifnie seguridadsocial numerodelaseguridadsocial nss pasaporte nacionaldeidentidad permisodeconducir
    codicefiscale cf codfisc codfiscale cartadidentita passaporto tesserasanitaria patente
    bsn burgerservice burgerservicenummer sofi sofinummer paspoort identiteitskaart rijbewijs
    contribuinte numerodecontribuinte cartaodecidadao cc bilhetedeidentidade bi niss utente passaporte
    pesel dowodosobisty dowodu seriainrdowodu paszport rodnecislo rc cisloop obcanskyprukaz
    personnummer pnr samordningsnummer cpr cprnr cprnummer fodselsnummer fnr henkilotunnus hetu kennitala kt
    cnp codnumericpersonal egn егн oib emso jmbg amka αμκα asmenskodas isikukood personaskods taj tajszam adoazonosito szemelyiszam licna osobnaiskaznica`,
  phone: `tel telefon telefonu telefone telefono telephone tlf tf puh puhelin phone phoneno mobile mobil mobiltel mobiltelefon handy cell cellphone gsm natel fax telefax
    faks whatsapp sms hotline durchwahl ruf rufnummer portable fixe movil cellulare telemovel telefoon mobiel komorka komorkowy
    mob call callus fon festnetz telnr telno`,
  card: `card cardno cardnumber creditcard debitcard kreditkarte kreditkarten karte karten kartennr cartebancaire carte cartedecredit numerodecarte tarjeta
    tarjetadecredito carta cartadicredito creditcardnummer kaart cartao cartaodecredito karta karty visa mastercard amex americanexpress maestro`,
  other: `order orderno ordernr bestellung bestell auftrag auftrags rechnung rechnungs invoice invoiceno reference ref customer customerno kunden kunde
    artikel article item itemno sku ean gtin isbn issn part partno serial serialno serien contract vertrag vertrags lieferschein liefer angebot angebots
    vorgang vorgangs aktenzeichen az case ticket batch charge lot po purchaseorder commande facture client numerodecommande numerodefacture dossier pedido factura
    referencia cliente albaran ordine fattura codicecliente ordini bestelling factuur factuurnr klant klantnr encomenda fatura zamowienie faktura klient
    objednavka version ver v release section sec abschnitt kapitel chapter ziffer punkt art artikels clause seite page position pos blz hrb hra
    registre siren siret rcs kvk krs regon ico handelsregister companyno company registered registration transaction transactionid tracking sendung sendungs`,
} as const
