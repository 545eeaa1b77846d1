"""Profile: who the customers are and what they are worth.

Every theme has this shape: topic modules (``frame + frozen Spec -> frozen Result``) and
``figures`` (pure functions of results).
"""
