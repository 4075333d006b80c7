"""How often a subject is re-checked: policies, obligations, facts, and the state they add up to."""
