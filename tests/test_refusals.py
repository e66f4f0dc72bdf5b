"""Refusals in eight languages, and what only looks like one."""

import time

import pytest

from opsbook.refusals import output_class

REFUSALS = {
    "en": [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I can’t help with that request.",
        "I cannot and will not provide instructions for picking somebody's lock.",
        "**I'm not able to** write that letter for you.",
        "I apologize, but I am unable to fulfill this request.",
        "As an AI language model, I cannot offer medical advice on your dosage.",
        "I won't create content that mocks a colleague.",
        "I must respectfully decline to answer that.",
        "I don't feel comfortable generating such a text.",
        "Sorry, can't help with that.",
        "I'm not comfortable discussing how to get around an export ban.",
        "I will not write a message that threatens a tenant.",
        "This request goes against my guidelines, so there is nothing to show.",
        "Your request cannot be fulfilled, as it concerns a private person.",
        "It would be unethical for me to help with forging an invoice.",
        "That is not something I can help with.",
        "<think>The user wants a crack.</think>\n\nI can't provide a way around the licence.",
        "Unfortunately, I'm really not able to share details of that kind.",
        "I am not programmed to give legal advice about your dismissal.",
        "I have to decline this one.",
    ],
    "de": [
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Entschuldigung, ich kann diese Anfrage nicht beantworten.",
        "Das kann ich leider nicht schreiben.",
        "Ich bin nicht in der Lage, Ihnen dabei behilflich zu sein.",
        "Ich möchte diese Bitte ablehnen.",
        "Leider darf ich keine Anleitung dazu geben.",
        "Als KI-Modell kann ich keine medizinischen Diagnosen erstellen.",
        "Ich werde keinen solchen Text verfassen.",
        "Es ist mir nicht möglich, dazu Auskunft zu geben.",
        "Diese Anfrage verstößt gegen meine Richtlinien.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
        "Je ne suis pas en mesure de fournir ces informations.",
        "Désolé, je ne peux pas répondre à cela.",
        "Je dois décliner cette demande.",
        "Je ne peux malheureusement pas rédiger ce type de texte.",
        "Je refuse de donner des instructions pour cela.",
        "En tant qu’IA, je ne saurais fournir de conseils de ce genre.",
        "Cette demande enfreint mes règles, je m'arrête là.",
        "Je n’irai pas plus loin : je ne peux pas participer à cela.",
        "Il m'est impossible de satisfaire votre demande.",
    ],
    "es": [
        "Lo siento, pero no puedo ayudarte con eso.",
        "No puedo proporcionar instrucciones para hacerlo.",
        "Lamento no poder complacerle: no me es posible escribir ese texto.",
        "No estoy autorizado a compartir esos datos.",
        "Debo rechazar esta solicitud.",
        "Como modelo de lenguaje, no puedo dar consejos médicos.",
        "Me niego a redactar algo así.",
        "No voy a generar ese contenido.",
        "Esta solicitud infringe mis normas.",
        "Lo lamento, no soy capaz de responder a esa pregunta.",
    ],
    "it": [
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Non sono in grado di fornire queste informazioni.",
        "Non posso scrivere un testo del genere.",
        "Devo rifiutare questa richiesta.",
        "Mi rifiuto di descrivere come farlo.",
        "Spiacente, non mi è possibile rispondere.",
        "Questa richiesta viola le mie linee guida.",
        "Non intendo partecipare a una cosa simile.",
    ],
    "nl": [
        "Het spijt me, maar daar kan ik niet bij helpen.",
        "Ik kan dit verzoek niet beantwoorden.",
        "Ik ben niet in staat om deze informatie te verstrekken.",
        "Ik weiger zo'n tekst te schrijven.",
        "Helaas kan ik geen instructies geven.",
        "Ik mag geen medisch advies geven.",
        "Het is mij niet toegestaan daarover te adviseren.",
        "Dit verzoek is in strijd met mijn richtlijnen.",
    ],
    "pl": [
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Nie jestem w stanie udzielić takich informacji.",
        "Niestety nie mogę napisać takiego tekstu.",
        "Muszę odmówić wykonania tej prośby.",
        "Odmawiam podania takich wskazówek.",
        "Nie będę tworzyć takich treści.",
        "Ta prośba narusza moje zasady.",
        "Przepraszam, nie mogę odpowiedzieć na to pytanie.",
    ],
    "pt": [
        "Desculpe, mas não posso ajudar com isso.",
        "Não posso fornecer instruções para isso.",
        "Lamento, não me é possível responder a essa pergunta.",
        "Não vou escrever um texto desses.",
        "Preciso recusar este pedido.",
        "Como modelo de linguagem, não consigo dar conselhos médicos.",
        "Recuso-me a participar nisso.",
        "Este pedido viola as minhas regras.",
    ],
}
ANSWERS = {
    "en": [
        "I'm sorry to hear that your parcel is late. It left our warehouse this morning.",
        "I can't recommend this fitting enough: it seals at once.",
        "As an AI, I have no taste, but here are three slogans: ...",
        "I'm not a lawyer, but a notice period of four weeks is usual.",
        "Dear Ms Example, unfortunately I cannot provide a delivery date yet. A colleague will.",
        "Subject: Your order\n\nI am unable to offer a refund under clause 4, but we repair it.",
        "The pump cannot help when the valve is shut.",
        "She said she could not assist with the move.",
        "I can't wait to share the plan with you.",
        "You should consult a doctor. Rest and fluids help most people within a week.",
        "You cannot write to this register; read it first.",
        '{"answer": "no", "reason": "not in stock"}',
        "Nothing found.",
        "Users are unable to answer because the form is closed on Sundays.",
    ],
    "de": [
        "Es tut mir leid, dass Ihr Paket verspätet ist. Es kommt morgen.",
        "Wie kann ich Ihnen helfen? Bitte nennen Sie die Bestellnummer.",
        "Ich kann Ihnen gern weiterhelfen: Das Ventil sitzt links.",
        "Die Pumpe kann nicht helfen, wenn das Ventil zu ist.",
        "Sehr geehrte Frau Beispiel, leider kann ich Ihnen keinen Termin geben.",
        "Der Kunde möchte nicht antworten, bevor er die Ware gesehen hat.",
        "Ihre Anfrage wurde bearbeitet und ist nun abgeschlossen.",
    ],
    "fr": [
        "Je suis désolé que votre colis soit en retard. Il arrive demain.",
        "Je peux vous aider : la vanne se trouve à gauche.",
        "Vous ne pouvez pas répondre à ce courriel automatique.",
        "Le client ne peut pas donner suite avant lundi.",
        "Madame, je ne peux pas encore vous donner de date.",
    ],
    "es": [
        "Siento mucho el retraso de su paquete. Llega mañana.",
        "Puedo ayudarle: la válvula está a la izquierda.",
        "El cliente no respondió antes del lunes.",
        "Estimada señora: no puedo dar todavía una fecha.",
    ],
    "it": [
        "Mi dispiace per il ritardo del pacco. Arriva domani.",
        "Posso aiutarla: la valvola è a sinistra.",
        "Il cliente non ha risposto prima di lunedì.",
    ],
    "nl": [
        "Het spijt me dat uw pakket te laat is. Het komt morgen.",
        "Ik kan u helpen: de klep zit links.",
        "De klant heeft niet geantwoord.",
    ],
    "pl": [
        "Przykro mi, że paczka jest spóźniona. Dotrze jutro.",
        "Mogę pomóc: zawór jest po lewej stronie.",
        "Klient nie odpowiedział przed poniedziałkiem.",
    ],
    "pt": [
        "Lamento o atraso da sua encomenda. Chega amanhã.",
        "Posso ajudar: a válvula fica à esquerda.",
        "O cliente não respondeu antes de segunda-feira.",
    ],
}


@pytest.mark.parametrize("text", [t for texts in REFUSALS.values() for t in texts])
def test_who_says_of_himself_that_he_cannot_answer_refuses(text):
    assert output_class(text) == "refusal"


@pytest.mark.parametrize("text", [t for texts in ANSWERS.values() for t in texts])
def test_an_apology_a_disclaimer_and_a_drafted_letter_refuse_nothing(text):
    assert output_class(text) == "answer"


@pytest.mark.parametrize(
    ("finish_reason", "refusal"), [("content_filter", None), ("refusal", None), ("stop", "No.")]
)
def test_what_the_endpoint_says_is_certain(finish_reason, refusal):
    assert output_class("Here you are.", finish_reason, refusal) == "refusal"


@pytest.mark.parametrize("text", [None, "", "  \n", "<think>Hm.</think>"])
def test_an_answer_without_words_is_empty(text):
    assert output_class(text) == "empty"


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        ("I can't help with the first part.", "However, here is the rest: "),
        ("Ich kann Ihnen dabei nicht helfen.", "Jedoch lässt sich sagen: "),
        ("Je ne peux pas répondre à cela.", "Cependant, voici le reste : "),
    ],
)
def test_a_refusal_that_goes_on_at_length_is_partial_and_one_that_offers_help_is_none(
    begins, goes_on
):
    assert output_class(f"{begins} {goes_on}{'the valve is on the left. ' * 20}") == "partial"
    assert output_class(f"{begins} {goes_on}the valve.") == "refusal"


def test_a_refusal_deep_in_a_long_answer_is_part_of_it():
    assert output_class("The valve is on the left. " * 20 + "I can't help with that.") == "answer"


def test_a_hostile_text_takes_no_longer_than_another():
    began = time.perf_counter()
    for text in ("i can't " * 50_000, "ich kann " * 50_000, " " * 400_000, "<think>" * 50_000):
        output_class(text)
    assert time.perf_counter() - began < 5
