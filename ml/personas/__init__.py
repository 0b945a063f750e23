"""Groups of customers as a marketer knows them: names, cards, and who has which."""
