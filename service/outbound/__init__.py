"""Requests to addresses that callers name: checked before anything is sent, bounded in time.

What is judged is the address that is connected to, not the text of the URL: a name is resolved
once, all its addresses are checked, and the connection goes to one of these. So neither an odd
spelling nor a name that changes its mind between check and use leads inside.
"""
