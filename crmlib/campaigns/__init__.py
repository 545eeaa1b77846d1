"""Campaigns: what a campaign changed, what it earned, and how the next one is planned."""
