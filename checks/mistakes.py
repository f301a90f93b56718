"""The table of known mistakes: {id: Entry}. To add one, add an entry to a mistakes_*.py file."""

from checks import (
    mistakes_l2,
    mistakes_linear,
    mistakes_loss,
    mistakes_mlp,
    mistakes_perceptron,
    mistakes_structure,
    mistakes_torch,
)

TABLES = [
    mistakes_linear,
    mistakes_l2,
    mistakes_mlp,
    mistakes_perceptron,
    mistakes_loss,
    mistakes_structure,
    mistakes_torch,
]
TABLE = {entry.id: entry for module in TABLES for entry in module.TABLE}


def changes(part):
    """[(entry, change)] of the wrong twins of a part."""
    return [(entry, change) for entry in TABLE.values() for change in entry.twins.get(part, ())]
