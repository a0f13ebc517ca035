"""A neutral table of removals: any method and any model, on sets that an operator has."""
