"""The documents that callers receive: answers, problem documents, pages, the table of errors.

Knows the contract and the store's records; must not know Flask.
"""
