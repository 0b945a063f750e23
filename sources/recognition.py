"""Which shipped source a sampled file looks like, and which of its columns is which. `sources new`
writes a mapping from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sources.columns import known_columns, same_name
from sources.formats import ColumnFormat
from sources.sampling import Sample, SampledColumn

# As a person names a kind, to the source whose columns it has.
KINDS = {
    "orders": "orders",
    "contacts": "crm_contacts",
    "events": "events",
    "products": "products",
    "consents": "consents",
}
# Column of the kind to headers that exports have, as same_name makes them; the first that the file
# has is taken. A column that is called as the kind calls it needs no entry.
_ORDER = (
    "ordernumber ordernr orderno orderref invoiceno invoicenumber receiptno receipt transactionid"
    " bestellnummer bestellnr bestellid auftragsnummer auftragsnr belegnr belegnummer"
    " rechnungsnummer rechnungsnr"
)
_TIME = "date datum time zeit zeitpunkt timestamp"
_USER = (
    "customerid customerno customernumber clientid userid kundennr kundennummer kundenid externalid"
)
_MAIL = "emailaddress mail mailaddress kundenmail customermail customeremail emailadresse"
_PHONE = "phonenumber mobile mobilenumber telefon telefonnummer handy tel handynummer"
_CHANGED = "lastmodified modifiedat lastupdated lastupdate changedat geaendertam geändertam stand"
_HEADERS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "order_id": _ORDER,
        "ordered_at": "orderdate orderedon bestelldatum belegdatum rechnungsdatum invoicedate"
        f" purchasedate kaufdatum createdat createdon {_TIME}",
        "total": "totalamount totalprice ordertotal grandtotal sum summe amount betrag gesamt"
        " gesamtbetrag gesamtsumme endbetrag revenue umsatz",
        "status": "orderstatus state bestellstatus zustand financialstatus paymentstatus stand",
        "email": _MAIL,
        "phone": _PHONE,
        "user_id": _USER,
        "currency": "currencycode waehrung währung",
        "shipping": "shippingcost versand versandkosten",
        "discount": "discountamount rabatt",
        "tax": "vat mwst steuer",
        "coupon": "couponcode voucher gutschein",
        "payment_method": "payment zahlart zahlungsart",
    },
    "crm_contacts": {
        "contact_id": "contactno contactnumber crmid id kontaktid kontaktnr kundennummer kundennr"
        " customerno customernumber customerid",
        "email": _MAIL,
        "phone": _PHONE,
        "first_name": "firstname forename givenname vorname prenom nombre",
        "last_name": "lastname surname familyname nachname familienname nom apellido",
        "birth_date": "birthday dateofbirth dob geburtsdatum geburtstag",
        "gender": "sex geschlecht",
        "country": "land countrycode pays pais",
        "city": "ort stadt town ville",
        "postal_code": "plz postcode zip zipcode postleitzahl",
        "loyalty_id": "loyaltyno loyaltynumber cardnumber kartennummer kundenkarte",
        "created_at": "createdon created angelegtam erstelltam",
        "updated_at": f"updated updatedon {_CHANGED}",
    },
    "events": {
        "event": "eventname eventtype action aktion ereignis",
        "timestamp": f"eventtime eventat occurredat happenedat createdat {_TIME}",
        "userId": _USER,
        "anonymousId": "visitorid cookieid cookie anonymous clientid",
        "messageId": "eventid",
    },
    "products": {
        "product_id": "productno productnumber sku artikelnummer artikelnr articleno itemno",
        "name": "productname title titel bezeichnung artikelname",
        "category": "kategorie productcategory warengruppe",
        "price": "preis unitprice verkaufspreis",
        "brand": "marke manufacturer hersteller",
        "currency": "currencycode waehrung währung",
        "updated_at": f"updated updatedon {_CHANGED}",
    },
    "consents": {
        "identifier_type": "type identifierkind art",
        "identifier": f"value wert contact email phone {_MAIL} {_PHONE}",
        "purpose": "zweck",
        "channel": "kanal",
        "status": "consent decision answer antwort einwilligung state optin",
        "occurred_at": f"decidedat consentdate changedat createdat updatedat {_TIME}",
    },
}
# The columns without which no file is taken for one of the kind.
_DECISIVE: Mapping[str, tuple[str, ...]] = {
    "orders": ("order_id", "ordered_at", "total"),
    "crm_contacts": ("contact_id", "email", "updated_at"),
    "events": ("event", "timestamp"),
    "products": ("product_id", "name", "category", "updated_at"),
    "consents": ("identifier", "purpose", "channel", "status", "occurred_at"),
}
# The columns that suffice if a person states that the file is one of consents.
_STATED: Mapping[str, tuple[str, ...]] = {"consents": ("identifier", "status", "occurred_at")}
ANY = "any"
_TIMES = {"ordered_at", "updated_at", "created_at", "timestamp", "occurred_at"}
# Words of exports, in lower case, for each one of the shipped source.
_WORDS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("orders", "status"): {
        "completed": "paid bezahlt fulfilled shipped versendet versandt delivered geliefert"
        " zugestellt done closed abgeschlossen erledigt ok payé paye pagado",
        "cancelled": "storniert void voided annulliert abgebrochen annulé",
        "refunded": "erstattet returned retourniert rückerstattet",
        "partially_refunded": "teilerstattet",
    },
    ("consents", "status"): {
        "granted": "erteilt ja yes opt-in optin angemeldet subscribed true 1",
        "withdrawn": "widerrufen abgemeldet unsubscribed opt-out optout",
        "denied": "abgelehnt nein no verweigert false 0",
    },
}


@dataclass(frozen=True)
class Recognized:
    """A kind, the header of each of its columns, and what else a mapping states."""

    kind: str
    headers: Mapping[str, str]
    constants: Mapping[str, str]
    formats: Mapping[str, Mapping[str, Any]]
    remarks: tuple[str, ...]


def recognized(project: Path, sample: Sample, kind: str | None = None) -> Recognized | None:
    """What the file looks like; kind: a person's word for it. None where columns are missing."""
    found = [
        one
        for one in ([kind] if kind else KINDS.values())
        if not lacking(project, sample, one, is_stated=kind is not None)
    ]
    if not found:
        return None
    best = max(found, key=lambda one: len(headers_of(project, sample, one)))
    return _recognized(project, sample, best)


def lacking(project: Path, sample: Sample, kind: str, *, is_stated: bool = False) -> list[str]:
    """Columns without which the file is none of the kind."""
    decisive = _STATED.get(kind, _DECISIVE[kind]) if is_stated else _DECISIVE[kind]
    headers = headers_of(project, sample, kind)
    missing = [name for name in decisive if name not in headers]
    if kind == "events" and not headers.keys() & {"userId", "anonymousId"}:
        missing.append("userId or anonymousId")
    return missing


def headers_of(project: Path, sample: Sample, kind: str) -> dict[str, str]:
    """Column of the kind to the header of the file."""
    by_name = {same_name(column.name): column for column in sample.columns}
    found: dict[str, str] = {}
    known = (*_HEADERS[kind], *known_columns(project, kind).names)
    for name in dict.fromkeys(known):
        called = (same_name(name), *_HEADERS[kind].get(name, "").split())
        column = next((by_name[one] for one in called if one in by_name), None)
        if column is None or column.name in found.values() or not _fits(name, column):
            continue
        found[name] = column.name
    return found


def _fits(name: str, column: SampledColumn) -> bool:
    """Whether the values may be those of the column."""
    if name in _TIMES:
        return column.is_time
    if name in {"total", "price"}:
        return column.type in {"amount", "integer"}
    if name == "email":
        return column.identifier == "email"
    if name in {"status", "event"}:
        return column.type in {"word", "text", "boolean"}
    return column.empty < 1


def _recognized(project: Path, sample: Sample, kind: str) -> Recognized:
    headers = headers_of(project, sample, kind)
    columns = {column.name: column for column in sample.columns}
    constants = _constants(kind, headers, columns)
    formats: dict[str, Mapping[str, Any]] = {}
    remarks: list[str] = []
    for name, header in headers.items():
        column = columns[header]
        if column.ambiguity:
            remarks.append(f"{header}: {column.ambiguity}; formats states how it is read")
        if (stated := _stated(column.form)) is not None:
            formats[name] = stated
        elif values := _translated(kind, name, column.words):
            formats[name] = {"values": values}
        remarks += _unknown(project, kind, name, column, formats.get(name, {}).get("values", {}))
    remarks += [f"{name} is '{value}' in every record" for name, value in constants.items()]
    if constants.get("purpose") == ANY:
        remarks.append(
            "no column states the purpose: opt-outs count for all, grants are quarantined until"
            " constants.purpose names it"
        )
    return Recognized(kind, headers, constants, formats, tuple(remarks))


def _constants(
    kind: str, headers: Mapping[str, str], columns: Mapping[str, SampledColumn]
) -> dict[str, str]:
    if kind == "orders" and "status" not in headers:
        return {"status": "completed"}
    if kind == "events":
        return {} if "type" in headers else {"type": "track"}
    if kind != "consents":
        return {}
    named = columns[headers["identifier"]].identifier or "email"
    channel = {"phone": "sms"}.get(named, "email")
    # Nobody is opted in by a guess: a refusal counts for every purpose, and staging takes a grant
    # without one for none.
    stated = {"identifier_type": named, "purpose": ANY, "channel": channel}
    return {name: value for name, value in stated.items() if name not in headers}


def _stated(form: ColumnFormat) -> dict[str, Any] | None:
    if form.decimal and form.decimal != ".":
        return {"decimal": form.decimal}
    if form.decimal:
        return {"decimal": "."}
    return {"date_format": form.date_format} if form.date_format else None


def _translated(kind: str, name: str, words: Iterable[str]) -> dict[str, str]:
    known = {
        word: meant for meant, text in _WORDS.get((kind, name), {}).items() for word in text.split()
    }
    return {word: known[word.casefold()] for word in words if word.casefold() in known}


def _unknown(
    project: Path, kind: str, name: str, column: SampledColumn, values: Mapping[str, str]
) -> list[str]:
    """How many words of the column the shipped source would not read."""
    from sources import judgement  # renders macros: only a recognized file pays

    spec = judgement.declared(project)[kind].get(name, {})
    read = {*spec.get("values", ()), *spec.get("same_as", {})}
    odd = [
        word
        for word in column.words
        if word not in values and "_".join(word.casefold().split()) not in read
    ]
    if not read or not odd:
        return []
    return [
        f"{column.name}: {len(odd)} of its words are unknown to {kind}; state under"
        f" formats.{name}.values what they mean"
    ]
