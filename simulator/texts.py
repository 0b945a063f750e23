"""What people write in tickets and survey comments, by language, topic and sentiment."""

from __future__ import annotations

TOPICS = ("delivery", "refund", "product_quality", "billing", "account", "availability")
SENTIMENTS = ("negative", "neutral", "positive")

# language: topic: (subject, negative sentences, neutral sentences, positive sentences)
_Sentences = tuple[str, ...]
TEXTS: dict[str, dict[str, tuple[str, _Sentences, _Sentences, _Sentences]]] = {
    "en": {
        "delivery": (
            "My delivery",
            (
                "The parcel arrived two weeks late and the courier was rude.",
                "Terrible shipping, my package is lost again.",
            ),
            (
                "When will my parcel be delivered?",
                "Please change the delivery address of my order.",
            ),
            (
                "The delivery was very fast, thank you so much!",
                "Great shipping, the package arrived a day early.",
            ),
        ),
        "refund": (
            "Refund request",
            (
                "I am still waiting for my refund, this is unacceptable.",
                "You refuse my return, I am very disappointed.",
            ),
            (
                "How do I return an item and get a refund?",
                "I would like to know the status of my refund.",
            ),
            (
                "The refund came quickly, excellent service!",
                "Thanks for the easy and friendly return.",
            ),
        ),
        "product_quality": (
            "Product quality",
            (
                "The product broke after one day, awful quality.",
                "Poor material, it is damaged and useless.",
            ),
            ("Which material is this product made of?", "Does this model come with a warranty?"),
            (
                "I love the quality, this product is wonderful!",
                "Beautiful and well made, I am very happy.",
            ),
        ),
        "billing": (
            "Invoice and payment",
            (
                "I was charged twice on my card, this is a bad mistake.",
                "Your invoice is wrong and nobody helps, horrible.",
            ),
            (
                "Please send me the invoice for my last payment.",
                "Which payment methods do you accept?",
            ),
            (
                "Thanks for correcting the invoice so quickly, great!",
                "Paying was easy, I like it a lot.",
            ),
        ),
        "account": (
            "My account",
            (
                "I cannot log in and the password reset fails, so annoying.",
                "My account was blocked for no reason, terrible.",
            ),
            (
                "How can I change the e-mail of my account?",
                "Please tell me how to reset my password.",
            ),
            ("The new account page is great, well done!", "Thanks, my login works perfectly now."),
        ),
        "availability": (
            "Out of stock",
            (
                "Sold out again, I am frustrated with your stock.",
                "You cancelled it because it is unavailable, very bad.",
            ),
            ("When will this item be in stock again?", "Is the larger size available?"),
            ("So happy that it is back in stock!", "Great choice of sizes in stock, I love it."),
        ),
    },
    "de": {
        "delivery": (
            "Meine Lieferung",
            (
                "Das Paket kam zwei Wochen zu spät, sehr ärgerlich.",
                "Schrecklicher Versand, mein Paket ist verloren.",
            ),
            (
                "Wann wird mein Paket geliefert?",
                "Bitte ändern Sie die Lieferadresse meiner Bestellung.",
            ),
            (
                "Die Lieferung war sehr schnell, vielen Dank!",
                "Toller Versand, das Paket war früher da.",
            ),
        ),
        "refund": (
            "Rückerstattung",
            (
                "Ich warte immer noch auf mein Geld, das ist inakzeptabel.",
                "Sie lehnen die Rückgabe ab, ich bin enttäuscht.",
            ),
            (
                "Wie kann ich einen Artikel zurückgeben?",
                "Ich möchte den Stand meiner Rückerstattung wissen.",
            ),
            (
                "Das Geld kam schnell zurück, ausgezeichneter Service!",
                "Danke für die einfache Rückgabe.",
            ),
        ),
        "product_quality": (
            "Qualität des Produkts",
            (
                "Das Produkt ging nach einem Tag kaputt, schlechte Qualität.",
                "Billiges Material, beschädigt und nutzlos.",
            ),
            (
                "Aus welchem Material besteht dieses Produkt?",
                "Gibt es eine Garantie für dieses Modell?",
            ),
            (
                "Ich liebe die Qualität, ein wunderbares Produkt!",
                "Schön und gut gemacht, ich bin sehr zufrieden.",
            ),
        ),
        "billing": (
            "Rechnung und Zahlung",
            (
                "Meine Karte wurde zweimal belastet, ein schlimmer Fehler.",
                "Die Rechnung ist falsch und niemand hilft.",
            ),
            ("Bitte senden Sie mir die Rechnung.", "Welche Zahlungsarten bieten Sie an?"),
            (
                "Danke für die schnelle Korrektur der Rechnung, super!",
                "Die Zahlung war einfach, das gefällt mir.",
            ),
        ),
        "account": (
            "Mein Konto",
            (
                "Ich kann mich nicht anmelden, sehr ärgerlich.",
                "Mein Konto wurde ohne Grund gesperrt, furchtbar.",
            ),
            ("Wie ändere ich die E-Mail meines Kontos?", "Wie setze ich mein Passwort zurück?"),
            (
                "Die neue Kontoseite ist toll, gut gemacht!",
                "Danke, die Anmeldung klappt jetzt wunderbar.",
            ),
        ),
        "availability": (
            "Nicht lieferbar",
            (
                "Schon wieder ausverkauft, ich bin frustriert.",
                "Storniert, weil nicht verfügbar, sehr schlecht.",
            ),
            ("Wann ist dieser Artikel wieder verfügbar?", "Gibt es die größere Größe?"),
            ("Ich freue mich, dass es wieder lieferbar ist!", "Tolle Auswahl, wunderbar."),
        ),
    },
    "fr": {
        "delivery": (
            "Ma livraison",
            (
                "Le colis est arrivé en retard, c'est inadmissible.",
                "Livraison horrible, mon colis est perdu.",
            ),
            ("Quand mon colis sera-t-il livré ?", "Merci de changer l'adresse de livraison."),
            (
                "La livraison était très rapide, merci beaucoup !",
                "Excellente livraison, colis reçu en avance.",
            ),
        ),
        "refund": (
            "Remboursement",
            (
                "J'attends toujours mon remboursement, je suis très déçu.",
                "Vous refusez mon retour, c'est inacceptable.",
            ),
            (
                "Comment retourner un article ?",
                "Je voudrais connaître l'état de mon remboursement.",
            ),
            (
                "Remboursement rapide, excellent service !",
                "Merci pour ce retour simple et agréable.",
            ),
        ),
        "product_quality": (
            "Qualité du produit",
            (
                "Le produit s'est cassé en un jour, mauvaise qualité.",
                "Matière médiocre, abîmé et inutile.",
            ),
            ("De quelle matière est fait ce produit ?", "Ce modèle a-t-il une garantie ?"),
            (
                "J'adore la qualité, un produit merveilleux !",
                "Très beau et bien fait, je suis ravie.",
            ),
        ),
        "billing": (
            "Facture et paiement",
            (
                "Ma carte a été débitée deux fois, quelle erreur.",
                "La facture est fausse et personne n'aide.",
            ),
            ("Merci de m'envoyer la facture.", "Quels moyens de paiement acceptez-vous ?"),
            (
                "Merci pour la correction rapide de la facture, super !",
                "Le paiement était facile, j'aime beaucoup.",
            ),
        ),
        "account": (
            "Mon compte",
            (
                "Impossible de me connecter, c'est très pénible.",
                "Mon compte est bloqué sans raison, terrible.",
            ),
            (
                "Comment changer l'adresse de mon compte ?",
                "Comment réinitialiser mon mot de passe ?",
            ),
            (
                "La nouvelle page du compte est superbe, bravo !",
                "Merci, la connexion marche parfaitement.",
            ),
        ),
        "availability": (
            "Rupture de stock",
            ("Encore en rupture, je suis frustré.", "Annulé car indisponible, très mauvais."),
            ("Quand cet article sera-t-il disponible ?", "La grande taille est-elle disponible ?"),
            ("Quelle joie, il est de nouveau disponible !", "Très beau choix, j'adore."),
        ),
    },
}


def subject_and_body(language: str, topic: int, sentiment: int, which: int) -> tuple[str, str]:
    """The subject, and a text of this topic and sentiment."""
    subject, *bodies = TEXTS[language][TOPICS[topic]]
    chosen = bodies[sentiment]
    return str(subject), chosen[which % len(chosen)]
