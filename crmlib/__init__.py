"""Analytical CRM in notebooks: from an order file to answers with their uncertainty.

Data flow one way: sources -> ledger -> marts -> themes -> publish -> board.
Nothing is imported here, so that a dashboard pays only for what it uses.
"""

__version__ = "0.1.0"
