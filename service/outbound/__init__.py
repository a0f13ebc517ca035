"""Requests to URLs of callers: checked before anything is sent, and limited in time.

The check looks at the address that is connected to, not at the text of the URL: a name is resolved
once, all its addresses are checked, and the connection goes to one of these. So neither an unusual
spelling nor a name that changes its address after the check leads into a private network.
"""
