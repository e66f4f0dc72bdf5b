"""What exports call the columns of calls, in six languages, and the words they put beside a name.

Names stand without accents, plurals and signs, the surest first. A column whose name holds one of
the `OTHERWISE` words means something else, unless it is named so here in full.
"""

import re
import unicodedata

COLUMNS = {
    "ts": "timestamp|ts|request created at|created at|created|start time|started at|request time|"
    "time|date time|usage start time|usage start date|start date|event time|logged at|creation|"
    "zeitstempel|zeitpunkt|datum uhrzeit|startzeit|beginn|horodatage|date heure|debut|"
    "marca de tiempo|fecha hora|inicio|data ora|inizio|tijdstip|datum tijd|starttijd|"
    "usage date|date|when|day|datum|tag|jour|fecha|dia|data|giorno|dag|zeit|hora|ora|tijd|hour",
    "account": "workflow name|workflow|use case|process|project name|project|application|app name|"
    "app|agent name|agent|feature|service name|api key name|key alias|key name|api key|workspace|"
    "team|tag|label|prozess|ablauf|projekt|anwendung|abteilung|kostenstelle|processus|flux|projet|"
    "service|proceso|flujo|proyecto|aplicacion|processo|flusso|progetto|applicazione|proces|"
    "toepassing|afdeling|project id|gateway|bot|user|username|nutzer",
    "run_id": "run id|trace id|session id|conversation id|thread id|task id|job id|execution id|"
    "workflow run id|parent id|ticket|case id|vorgang|vorgangsnummer|sitzung|lauf|dossier|seance|"
    "caso|sesion|pratica|sessione|zaak|sessie",
    "provider": "provider|provider name|ai org|vendor|llm provider|anbieter|fournisseur|proveedor|"
    "fornitore|aanbieder|leverancier",
    "model": "model|model name|model id|ai model|llm model|model version|deployment|engine|llm|"
    "modell|ki modell|sprachmodell|modele|modelo|modello|sku description",
    "request_model": "request model|requested model|model requested|angefragtes modell|"
    "modele demande|modelo solicitado|modello richiesto|gevraagd model",
    "served_model": "response model|served model|model used|answering model|antwortendes modell",
    "requests": "request|num request|request count|number of request|api request|num model request|"
    "call|call count|num call|anfrage|anzahl anfragen|aufruf|anzahl aufrufe|anzahl|requete|"
    "nombre de requete|appel|solicitude|llamada|richieste|chiamate|aanvragen|verzoeken|aantal",
    "status": "status|response status|status code|response status code|http status|outcome|success|"
    "is success|succeeded|ok|result|state|ergebnis|erfolg|statut|resultat|estado|resultado|esito|"
    "stato|resultaat",
    "error_type": "error type|error code|error class|error name|failure kind|exception|error|"
    "fehlertyp|fehlercode|fehler|type d erreur|erreur|tipo de error|tipo di errore|errore|fout",
    "finish_reason": "finish reason|stop reason|finish reason normalized|abbruchgrund|endegrund",
    "input_tokens": "input token|prompt token|token in|token prompt|token input|req unit|"
    "input token count|prompt token count|input|uncached input token|input token no cache|"
    "input w o cache write|non cached input token|prompt|eingabe token|input tokens anzahl|"
    "token eingabe|eingabe|jeton d entree|token entree|token d entree|entree|token de entrada|"
    "token entrada|entrada|token in ingresso|token di input|token ingresso|invoer token|invoer|in",
    "cache_read_tokens": "cache read token|cached token|cached input token|input cached token|"
    "cache read input token|prompt cache read token|cache read|cached input|token cached|cached|"
    "cache hit token|gecachte token|token aus cache|cache token|token en cache|jeton en cache|"
    "token in cache",
    "cache_write_tokens": "cache write token|cache creation token|cache creation input token|"
    "prompt cache write token|cache write|input w cache write|token cache write|cache geschrieben",
    "output_tokens": "output token|completion token|token out|token completion|token output|"
    "res unit|output token count|completion token count|response token|generated token|output|"
    "completion|ausgabe token|token ausgabe|ausgabe|jeton de sortie|token sortie|token de sortie|"
    "sortie|token de salida|token salida|salida|token in uscita|token di output|token uscita|"
    "uitvoer token|uitvoer|out",
    "reasoning_tokens": "reasoning token|thinking token|token reasoning|denk token",
    "cost": "unformatted cost|cost|total cost|cost total|net amount|net cost|estimated cost|spend|"
    "amount|charge|price|total price|billed cost|betrag|kosten|gesamtkosten|preis|cout|cout total|"
    "montant|prix|coste|coste total|costo|importe|precio|gasto|costo totale|importo|prezzo|spesa|"
    "bedrag|totale kosten|prijs|usd|eur|usd cent|eur cent|euro|dollar",
    "currency": "currency|cost currency|currency code|billing currency|wahrung|waehrung|devise|"
    "monnaie|moneda|divisa|valuta",
    "latency_ms": "latency|duration|took|response time|request duration|total duration|delay|"
    "elapsed|total time|processing time|generation time|latenz|dauer|antwortzeit|laufzeit|"
    "latence|duree|temps de reponse|latencia|duracion|tiempo de respuesta|latenza|durata|"
    "tempo di risposta|latentie|duur|responstijd",
    "prompt_version": "prompt version|prompt slug|prompt id|template version|promptversion",
    "region": "region|location|data zone|inference geo|standort|regione|regio",
    "quality": "quality|quality score|score|rating|feedback score|qualitat|bewertung|qualite|"
    "calidad|puntuacion|qualita|punteggio|kwaliteit|beoordeling",
    "output_class": "output class|answer class|ausgabeklasse",
}
KEYS = (
    "request id|log id|call id|response id|generation id|message id|event id|uuid|id|record id|"
    "kennung|identifiant|identificador|identificativo|kenmerk"
)
TOTALS = "total token|token total|total unit|gesamt token|token gesamt|token totales|totaal token"
OTHERWISE = {
    "ts": "end|ended|ending|expire|update|updated|completed|invoice|first|last|zone|ende|fin|fine",
    "account": "id|type|count|cost|token|status|time|version",
    "run_id": "user|customer|organization|org|parent",
    "model": "request|requested|response|type|cost|price|count|path|provider|group|num",
    "request_model": "num|count|type",
    "served_model": "count|type",
    "requests": "id|token|cost|body|type|path|url|failed|error|model|time|duration|date|created|at",
    "status": "error|message|date|time|text",
    "error_type": "count|rate|number|num|message",
    "input_tokens": "cache|cached|output|completion|total|reasoning|cost|price|uncached|audio|"
    "image|limit|text|template|version|id|slug",
    "cache_read_tokens": "write|creation|cost|price|uncached|no|non|enabled",
    "cache_write_tokens": "read|cost|price|w|o",
    "output_tokens": "input|prompt|total|reasoning|cost|price|audio|image|limit|class|text",
    "reasoning_tokens": "cost|price",
    "cost": "input|output|prompt|completion|cache|per|unit|limit|budget|list|type|currency|token|"
    "gross|discount|id|tax|center|custom|eingabe|ausgabe|model",
    "latency_ms": "first|ttft|queue|date|type|count",
    "prompt_version": "token",
    "quality": "count|name|type|comment",
    "region": "type",
    "provider": "id|type|model|key",
}
LATENCY = {
    "ms": ("ms", "msec", "milli", "millisecond", "millisekunden", "milliseconde"),
    "s": ("s", "sec", "second", "sekunden", "seconde", "segundo", "secondi"),
    "min": ("min", "minute", "minuten", "minuto", "minuti"),
}
COST = {"cents": ("cent", "ct", "centime"), "micro": ("micro", "micros", "microdollar")}
TOKENS = {
    "1k": ("k", "1k", "tsd", "thousand", "tausend", "millier"),
    "1M": ("m", "1m", "mio", "mn", "million"),
}
CURRENCIES = {
    "usd": "USD", "eur": "EUR", "euro": "EUR", "gbp": "GBP", "chf": "CHF", "dollar": "USD",
    "$": "USD", "€": "EUR", "£": "GBP",
}  # fmt: skip
ZONES = ("utc", "gmt", "z")
UNITS = {w for unit in (LATENCY, COST, TOKENS) for named in unit.values() for w in named}
UNITS |= {*CURRENCIES, *ZONES}
"""Words beside a name that say in what it is counted, as `words` writes them."""
SINGULAR_FROM = 4


def words(name: str) -> tuple[str, ...]:
    """A column's name as words, without accents, plurals and case.

    >>> words("Eingabe-Tokens"), words("costUSD"), words("Coût (€)")
    (('eingabe', 'token'), ('cost', 'usd'), ('cout', '€'))
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", unaccented(name))
    return tuple(_singular(w) for w in re.findall(r"[^\W_]+|[$€£]", spaced.lower()))


def unaccented(text: str) -> str:
    """A text without accents.

    >>> unaccented("éxito, größe")
    'exito, grosse'
    """
    parted = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parted if not unicodedata.combining(c)).replace("ß", "ss")


def _singular(word: str) -> str:
    return word[:-1] if len(word) >= SINGULAR_FROM and word.endswith("s") else word


def told(name: str) -> tuple[str, ...]:
    """The words of a name without its units; all of them when nothing else is left.

    >>> told("Latency (ms)"), told("Cost (USD)"), told("min")
    (('latency',), ('cost',), ('min',))
    """
    found = words(name)
    return tuple(w for w in found if w not in UNITS) or found


def names(listed: str) -> list[tuple[str, ...]]:
    """The names of a list like `COLUMNS` has, as words."""
    return [words(name) for name in listed.split("|")]
