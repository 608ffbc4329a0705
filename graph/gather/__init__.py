"""How several sources become one list: plan → ask → merge → cut."""
