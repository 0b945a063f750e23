"""Incidents: found in the relations of the lake and in the ledger, kept until they end, and sent
once to each channel.
"""
