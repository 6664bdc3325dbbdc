"""How often models that classify are right: labelled data, counts that add up, and a report."""
