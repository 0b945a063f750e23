"""Names and other words that rows are filled with."""

from __future__ import annotations

import unicodedata

FEMALE = (
    "Anna", "Zoë", "Maria", "Chloé", "Emma", "Sophie", "Laura", "Olivia", "Grace", "Hannah", "Ines",
    "Julia", "Katrin",
    "Leila", "Mia", "Nora", "Paula", "Rosa", "Sarah", "Theresa", "Vera", "Wendy", "Yasmin",
    "Amélie", "Birgit",
)  # fmt: skip
MALE = (
    "Adam", "Björn", "Carlos", "David", "Emil", "Felix", "George", "Henry", "Ivan", "Jack", "Karl",
    "Liam", "Marco",
    "Noah", "Oscar", "Peter", "Quentin", "René", "Samuel", "Thomas", "Umar", "Victor", "William",
    "Xavier", "José",
)  # fmt: skip
LAST = (
    "Adler", "Baker", "Carter", "Dubois", "Evans", "Fischer", "García", "Hughes", "Ito", "Jensen",
    "Keller", "Lefèvre",
    "Müller", "Nowak", "O'Neill", "Patel", "Quinn", "Rossi", "Schäfer", "Taylor", "Underwood",
    "Vogel", "Walker",
    "Xu", "Young", "Zimmermann", "Bennett", "Colin", "Durand", "Ellis", "Foster", "Graham", "Huber",
    "Irving", "Jones",
    "Klein", "Laurent", "Moreau", "Neumann", "Owens",
)  # fmt: skip
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com")
OCCUPATIONS = (
    "teacher",
    "engineer",
    "nurse",
    "designer",
    "manager",
    "student",
    "retired",
    "accountant",
    "developer",
)
EDUCATIONS = ("secondary", "vocational", "bachelor", "master", "doctorate")
MARITAL = ("single", "married", "divorced", "widowed")
LEAD_SOURCES = ("organic", "paid_search", "referral", "social", "store", "event")


def plain(text: str) -> str:
    """A name as e-mail addresses have it: lower-case ASCII letters."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(letter for letter in bare.lower() if letter.isalpha())
