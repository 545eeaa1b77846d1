"""Baskets: what is bought together, which of it holds, and what is bought next."""
