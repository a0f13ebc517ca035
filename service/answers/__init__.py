"""What the API answers: documents, lists and problems."""
